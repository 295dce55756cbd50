//! The ONNX embedder keeps every rule of the `embed` port.

mod assets;

maily_mesh::conformance!(embed, {
    let Some(config) = assets::config() else { return };
    config.with_threads(2).build().unwrap()
});

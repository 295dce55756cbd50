//! The local model keeps every rule of the `llm` port.

mod assets;

maily_mesh::conformance!(llm, {
    let Some(llm) = assets::shared() else { return };
    llm
});

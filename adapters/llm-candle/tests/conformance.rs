//! The local model keeps every rule of the `llm` port.

mod assets;
mod shared;

maily_mesh::conformance!(llm, {
    let Some(llm) = shared::model() else { return };
    llm
});

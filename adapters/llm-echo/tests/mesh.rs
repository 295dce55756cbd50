//! A mesh keeps every rule of the `llm` port: it is a model like any other.

use maily_llm_echo::EchoConfig;
use maily_mesh::balance::Node;
use maily_mesh::{Mesh, MeshConfig};

maily_mesh::conformance!(llm, mesh());

fn mesh() -> Mesh {
    let mesh = Mesh::new(&MeshConfig::default());
    for name in ["left", "right"] {
        mesh.nodes().insert(Node::new(name, EchoConfig::default().build()));
    }
    mesh
}

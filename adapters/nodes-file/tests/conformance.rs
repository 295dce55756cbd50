//! The file keeps every rule of the `nodes` port.

use maily_nodes_file::FileNodesConfig;

fn source() -> impl maily_mesh::NodeSource<maily_mesh::NodeConfig> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test");
    // Kept below `target`: the source looks at it until the test ends.
    let path = folder.keep().join("nodes.json");
    std::fs::write(
        &path,
        r#"{"nodes":[{"name":"a","url":"echo:"},{"name":"b","url":"echo:","weight":2.0}]}"#,
    )
    .expect("the folder takes files");
    FileNodesConfig::new(path).build()
}

maily_mesh::conformance!(nodes, source());

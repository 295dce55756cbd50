//! A service whose pods do not change keeps every rule of the `nodes` port.
#![expect(clippy::unwrap_used, reason = "a test")]

#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

use self::support::{ApiServer, slice};

async fn source() -> impl maily_mesh::NodeSource<maily_mesh::NodeConfig> {
    let server =
        ApiServer::start(&[slice("s1", 7, &[("a", "10.0.0.1", true), ("b", "10.0.0.2", true)])]).await;
    let source = server.config().build().unwrap();
    // Kept until the test ends: the source asks it.
    tokio::spawn(async move {
        std::future::pending::<()>().await;
        drop(server);
    });
    source
}

maily_mesh::conformance!(nodes, source().await);

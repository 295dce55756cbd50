//! Where nodes come from beside the settings: a file that is watched, and nodes that register themselves.

use std::time::Duration;

use maily_mesh::source::{LeaseRules, Leases};
use maily_mesh::{Mesh, Registry};
use maily_nodes_file::FileNodesConfig;
use tokio_util::sync::CancellationToken;

use crate::config::Nodes;

/// Follows the file, and returns the leases if nodes may register. Both end when the server drains.
#[must_use]
pub fn follow(
    config: &Nodes,
    mesh: &Mesh,
    registry: &Registry,
    draining: &CancellationToken,
) -> Option<Leases> {
    if let Some(file) = config.file.clone() {
        let (mesh, registry) = (mesh.clone(), registry.clone());
        let source = FileNodesConfig::new(file).build();
        until(draining, async move {
            // What went wrong stands in the log, and the nodes stay.
            let _ = mesh.follow(source, &registry).await;
        });
    }
    config.register.then(|| {
        let rules = LeaseRules {
            schemes: config.schemes.clone(),
            time: Duration::from_millis(config.lease_ms),
            ..LeaseRules::default()
        };
        let leases = Leases::new(mesh.nodes().clone(), registry.clone(), rules);
        let expiring = leases.clone();
        until(draining, async move { expiring.expire().await });
        leases
    })
}

/// Runs work until the server drains.
fn until(draining: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let draining = draining.clone();
    tokio::spawn(async move { draining.run_until_cancelled(work).await });
}

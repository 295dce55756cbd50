//! Where nodes come from beside the settings: a file, a store, a cluster, and nodes that register themselves.

use std::time::Duration;

use maily_errors::{Code, Error, Public};
use maily_mesh::source::{LeaseRules, Leases};
use maily_mesh::{NodeConfig, NodeSource};
use maily_nodes_file::FileNodesConfig;
use maily_nodes_redis::RedisNodes;
use maily_redis::Key;
use tokio_util::sync::CancellationToken;

use super::mesh::Parts;
use crate::config::Config;

/// Follows the sources, and returns the leases of nodes that register. All end when the server drains.
///
/// # Errors
///
/// [`Code::ConfigInvalid`] when a source cannot be built.
pub fn follow(config: &Config, parts: &Parts, draining: &CancellationToken) -> Result<Leases, Error> {
    if let Some(file) = config.nodes.file.clone() {
        of(FileNodesConfig::new(file).build(), parts, draining);
    }
    if let Some(key) = config.nodes.redis_key.clone() {
        let settings = super::redis::settings(config).ok_or_else(|| {
            Error::new(Code::ConfigInvalid, "nodes are in a store, and `redis.url` does not say where it is")
                .with_operation("server::nodes")
                .with_context("key", Public("nodes.redis_key"))
        })?;
        of(RedisNodes::new(settings.build()?).with_key(Key::new(key)?).watch(), parts, draining);
    }
    if let Some(service) = &config.nodes.kubernetes {
        of(service.build()?, parts, draining);
    }
    let rules = LeaseRules {
        schemes: config.nodes.schemes.clone(),
        time: Duration::from_millis(config.nodes.lease_ms),
        connect: Duration::from_millis(config.mesh.deadline.connect_ms),
        ..LeaseRules::default()
    };
    let leases = Leases::new(parts.mesh.nodes().clone(), parts.registry.clone(), rules);
    let expiring = leases.clone();
    until(draining, async move { expiring.expire().await });
    Ok(leases)
}

/// Follows one source.
fn of(source: impl NodeSource<NodeConfig> + 'static, parts: &Parts, draining: &CancellationToken) {
    let (mesh, registry) = (parts.mesh.clone(), parts.registry.clone());
    until(draining, async move {
        // What went wrong stands in the log, and the nodes stay.
        let _ = mesh.follow(source, &registry).await;
    });
}

/// Runs work until the server drains.
fn until(draining: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let draining = draining.clone();
    tokio::spawn(async move { draining.run_until_cancelled(work).await });
}

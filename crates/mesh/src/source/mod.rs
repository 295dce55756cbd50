//! Where nodes come from: they register themselves, or a [`NodeSource`](crate::NodeSource) names them.
//!
//! A source yields [`NodeConfig`](crate::NodeConfig)s and [`Mesh::follow`](crate::Mesh::follow) builds what they name, so an
//! adapter for a file, a cluster or a key-value store knows nothing of balancing; [`Listed`] turns lists into changes. Who
//! registers waits for an answer, so [`Leases`] adds the node before it answers, and [`share_nodes`] lets the other
//! instances know.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use maily_errors::Code;
//! use maily_mesh::memory::{Scripted, Step};
//! use maily_mesh::source::{LeaseRules, Leases};
//! use maily_mesh::{Mesh, MeshConfig, NodeConfig, Registry};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let mut registry = Registry::default();
//! registry.register("http", |_| Ok(Scripted::new([Step::Answer("Hello".into())])));
//! let mesh = Mesh::new(&MeshConfig::default());
//! let leases = Leases::new(mesh.nodes().clone(), registry, LeaseRules::default());
//!
//! let lease = leases.register(NodeConfig::new("gpu-1", "http://10.0.0.7:8000/v1"), None)?;
//! assert_eq!((lease.renewed, lease.time), (false, Duration::from_secs(30)));
//! assert_eq!(mesh.nodes().status()[0].name.as_str(), "gpu-1");
//!
//! // Nobody renews it.
//! let _ = tokio::time::timeout(Duration::from_secs(31), leases.expire()).await;
//! assert!(mesh.nodes().status().is_empty());
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod leases;
mod listed;
mod sharing;
mod url;

pub use self::leases::{Lease, LeaseRules, Leases};
pub use self::listed::Listed;
pub use self::sharing::share_nodes;

#[cfg(test)]
mod tests;

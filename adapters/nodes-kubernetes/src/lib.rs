#![doc = include_str!("../README.md")]

mod client;
mod cluster;
mod config;
mod error;
mod lines;
mod slices;
mod watch;

pub use self::config::KubernetesNodesConfig;

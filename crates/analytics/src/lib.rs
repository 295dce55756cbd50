#![doc = include_str!("../README.md")]

pub mod calibrate;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod features;
pub mod layer;
pub mod memory;
pub mod model;
pub mod online;
pub mod port;
pub mod recommend;
pub mod service;
pub mod subject;
pub mod window;

pub use self::config::AnalyticsConfig;
pub use self::features::Features;
pub use self::model::Event;
pub use self::recommend::{Ask, Candidate};
pub use self::service::Analytics;

#![doc = include_str!("../README.md")]

pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod layer;
pub mod memory;
pub mod model;
pub mod port;
pub mod room;
pub mod scene;
pub mod service;
pub mod sync;
pub mod view;

pub use self::config::CanvasConfig;
pub use self::model::DocumentName;
pub use self::room::{Document, Session};
pub use self::scene::Scene;
pub use self::service::{Canvas, Join};

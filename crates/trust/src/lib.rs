#![doc = include_str!("../README.md")]

mod batch;
mod codec;

pub mod badge;
pub mod canonical;
pub mod certificate;
pub mod checkpoint;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod layer;
pub mod memory;
pub mod merkle;
pub mod model;
pub mod port;
pub mod proof;
pub mod qr;
pub mod service;
pub mod verify;

pub use self::config::TrustConfig;
pub use self::model::{Certified, Certify, Verify};
pub use self::service::Trust;
pub use self::verify::{State, Verdict, Verifier};

/// Returns the milliseconds since the Unix epoch, by the clock of this machine.
fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}

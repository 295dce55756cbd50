#![doc = include_str!("../README.md")]

mod catalogue;
#[rustfmt::skip]
mod code;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod kind;
pub mod layer;
mod memory;
mod model;
mod port;
mod problem;
mod redact;
mod service;
#[cfg(feature = "conformance")]
pub mod testing;

pub use self::catalogue::{Class, SafeWhen, UnknownCode};
pub use self::code::Code;
pub use self::config::DecodeConfig;
pub use self::kind::Kind;
pub use self::memory::{LogReport, MemoryReport};
pub use self::model::{Error, Result, Status, Violation};
pub use self::port::Report;
pub use self::problem::{MEDIA_TYPE, Problem, TYPE_PREFIX};
pub use self::redact::{IntoContext, Public, Secret};
pub use self::service::Respond;

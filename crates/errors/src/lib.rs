#![doc = include_str!("../README.md")]

mod catalogue;
mod causes;
#[rustfmt::skip]
mod code;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod context;
mod decode;
mod encode;
mod kind;
pub mod layer;
mod memory;
mod model;
mod openapi;
mod port;
mod problem;
mod redact;
pub mod retry;
mod service;
#[cfg(feature = "conformance")]
pub mod testing;
mod trace;
mod value;
mod violation;

pub use self::catalogue::{Class, SafeWhen, UnknownCode};
pub use self::causes::{Cause, Causes};
pub use self::code::Code;
pub use self::config::DecodeConfig;
pub use self::context::IntoContext;
pub use self::kind::Kind;
pub use self::memory::{LogReport, MemoryReport};
pub use self::model::{Error, Result, Status};
pub use self::openapi::OPENAPI_COMPONENTS;
pub use self::port::Report;
pub use self::problem::{MEDIA_TYPE, Problem, TYPE_PREFIX};
pub use self::redact::{Public, Secret};
pub use self::service::Respond;
pub use self::trace::{InTrace, NotAnId, SpanId, TRACEPARENT, TRACESTATE, TraceContext, TraceId};
pub use self::value::Value;
pub use self::violation::{Segment, Violation, pointer};

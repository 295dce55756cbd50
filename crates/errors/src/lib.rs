//! One error model for every crate of Maily.

mod catalogue;
#[rustfmt::skip]
mod code;
mod kind;
mod model;
mod problem;
mod redact;
mod service;
#[cfg(feature = "conformance")]
pub mod testing;

pub use self::catalogue::{Class, SafeWhen, UnknownCode};
pub use self::code::Code;
pub use self::kind::Kind;
pub use self::model::{Error, Result, Status, Violation};
pub use self::problem::{MEDIA_TYPE, Problem, TYPE_PREFIX};
pub use self::redact::{IntoContext, Public, Secret};
pub use self::service::Respond;

//! One error model for every crate of Maily.

mod catalogue;
#[rustfmt::skip]
mod code;
mod kind;
mod model;
mod redact;

pub use self::catalogue::{Class, SafeWhen, UnknownCode};
pub use self::code::Code;
pub use self::kind::Kind;
pub use self::model::{Error, Result, Status, Violation};
pub use self::redact::{IntoContext, Public, Secret};

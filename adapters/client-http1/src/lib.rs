#![doc = include_str!("../README.md")]

mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connect;
mod connection;
mod decode;
mod head;
mod incoming;
mod patience;
mod pool;
pub mod remote;
mod request;
mod sending;
#[cfg(test)]
mod tests;

pub use self::client::{Client, Failure};
pub use self::connect::Target;
pub use self::head::{Head, Headers};
pub use self::incoming::Incoming;
pub use self::patience::Patience;
pub use self::remote::{Dialect, Remote};
pub use self::request::Request;
pub use self::sending::Sending;

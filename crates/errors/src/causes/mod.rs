//! The chain of causes: who met an error on its way through the services.

mod header;
mod list;

pub use self::list::{Cause, Causes};

#[cfg(test)]
mod tests;

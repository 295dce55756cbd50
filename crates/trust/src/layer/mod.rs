//! Middleware for the services of this crate.

pub mod limit;

pub use self::limit::{Limit, LimitLayer};

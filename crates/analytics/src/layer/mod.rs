//! Middleware for the services of this crate.

pub mod dedupe;

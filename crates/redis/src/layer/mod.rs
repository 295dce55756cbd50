//! Middleware over a store or a transport.

pub mod deadline;

//! Middleware: answer with problems, survive panics, read the problems of others.

pub mod catch_panic;
pub mod decode;
pub mod problem;

//! Middleware: answer with problems, survive panics, read the problems of others, repeat what may be repeated, and
//! know in which trace.

pub mod catch_panic;
pub mod decode;
pub mod problem;
pub mod propagate;
#[cfg(feature = "retry")]
pub mod retry;
pub mod trace;

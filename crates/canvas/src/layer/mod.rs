//! Layers around the [`Canvas`](crate::Canvas).

pub mod limit;
pub mod trace;

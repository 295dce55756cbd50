//! The concerns around a node, each a `tower` layer of its own.

pub mod breaker;
pub mod cache;
pub mod deadline;
pub mod embeddings;
pub mod hedge;
pub mod limit;
pub mod memory;
pub mod meter;
pub mod replay;
pub mod resume;
pub mod retry;
pub mod shed;
pub mod similar;
pub mod trace;
pub mod translate;

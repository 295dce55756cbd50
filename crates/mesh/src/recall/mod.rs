//! Memories that are found by meaning and by words, and that survive the process.
//!
//! [`Memories`] keeps texts with their vectors, each tenant's on a shelf of its own. A search ranks the shelf twice: by
//! the cosine of the vectors, and by BM25 over the words. The rankings are fused by reciprocal rank.
//!
//! # What a search compares
//!
//! Up to [`MemoriesConfig::exact`] memories it compares all, in eight bits with a bound of how wrong that may be, and those
//! that may be among the best again in full. Nothing that belongs into the answer is missed. With more it follows a graph
//! (HNSW), which a thread of its own builds and heals; what the graph has not got yet is compared as before.
//!
//! # What is promised
//!
//! With an [`Archive`], a memory that was acknowledged survives `kill -9`, and one that was forgotten does not come back.
//! Memories whose time is over are never found. Nothing is dropped to make room unless [`WhenFull::Oldest`] says so.
//!
//! # What it costs
//!
//! A search of more than some 15 000 memories of 384 values runs on a thread that may block.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use maily_mesh::memory::{HashEmbedder, VolatileArchive};
//! use maily_mesh::recall::{Memories, MemoriesConfig};
//! use maily_mesh::{Memory, MemoryQuery, Recall};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let archive = Arc::new(VolatileArchive::default());
//! let memories = Memories::open(HashEmbedder, archive.clone(), MemoriesConfig::default()).await?;
//! memories.store(Memory::new("Short subjects were opened more often")).await?;
//! memories.store(Memory::new("The code is SPRING-7").with_ttl(Duration::from_secs(3600))).await?;
//!
//! let again = Memories::open(HashEmbedder, archive, MemoriesConfig::default()).await?;
//! let found = again.search(MemoryQuery::new("spring-7").with_limit(1)).await?;
//! assert_eq!(found[0].text, "The code is SPRING-7");
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod care;
mod codes;
mod config;
mod fuse;
mod graph;
mod index;
mod kernel;
mod load;
mod memories;
mod near;
mod pending;
#[cfg(test)]
mod random;
mod scan;
mod shelf;
mod vectors;
mod words;

pub use self::config::{MemoriesConfig, WhenFull};
pub use self::memories::{Counts, Memories};
pub use self::vectors::Vectors;
#[cfg(doc)]
use crate::port::Archive;

#[cfg(test)]
mod tests;

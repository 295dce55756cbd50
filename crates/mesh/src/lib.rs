#![doc = include_str!("../README.md")]

pub mod balance;
mod body;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod layer;
pub mod membership;
pub mod memory;
mod model;
mod port;
pub mod recall;
mod registry;
mod service;
pub mod source;
pub mod wire;

pub use self::body::{Body, Watch};
pub use self::config::{
    BalanceConfig, CacheConfig, DeadlineConfig, HedgeConfig, MeshConfig, NodeConfig, RecallConfig,
    ReplayConfig, ResumeConfig, RetryConfig, ShedConfig,
};
pub use self::model::{
    Answer, Archived, CacheStatus, Cached, Caching, Chat, Completion, CompletionHead, Delta, Embedding,
    EventId, FinishReason, Format, Formats, Memory, MemoryId, MemoryPage, MemoryQuery, Message, ModelName,
    NodeName, Priority, Prompt, PromptHead, Recalled, Remembered, Role, Tenant, Texts, Thought, ToolCall,
    Usage,
};
pub use self::port::{AnyEmbed, AnyLlm, Archive, Embed, Gossip, Llm, NodeChange, NodeSource, Recall};
pub use self::registry::Registry;
pub use self::service::{Mesh, ResponseFuture};

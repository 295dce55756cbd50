#![doc = include_str!("../README.md")]

pub mod account;
pub mod balance;
mod body;
mod clock;
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
pub use self::clock::Clock;
pub use self::config::{
    BalanceConfig, CacheConfig, DeadlineConfig, HedgeConfig, KeyConfig, LimitConfig, MeshConfig, NodeConfig,
    PriceConfig, RecallConfig, ReplayConfig, ResumeConfig, RetryConfig, SharedBy, ShedConfig, SimilarConfig,
};
pub use self::model::{
    Answer, Archived, Betas, CacheStatus, Cached, Caching, Caller, Chat, Completion, CompletionHead, Delta,
    Embedding, Endpoint, EventId, FinishReason, Format, Formats, KeyName, Memory, MemoryId, MemoryPage,
    MemoryQuery, Message, ModelName, NodeName, Origin, PassedOn, Priority, Prompt, PromptHead, Recalled,
    Remembered, Role, StreamId, Tenant, Texts, Thought, TokenCount, ToolCall, Usage,
};
pub use self::port::{
    Accounts, AnyEmbed, AnyLlm, Archive, Embed, Gossip, Llm, NodeChange, NodeSource, Recall, Transcripts,
};
pub use self::registry::Registry;
pub use self::service::{Mesh, ResponseFuture};

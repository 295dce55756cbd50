#![doc = include_str!("../README.md")]

mod body;
pub mod layer;
pub mod memory;
mod model;
mod port;
mod trace_context;
pub mod wire;

pub use self::body::{Body, Watch};
pub use self::model::{
    Chat, Completion, CompletionHead, Delta, Embedding, FinishReason, Memory, MemoryId, MemoryQuery, Message,
    ModelName, NodeName, Prompt, PromptHead, Recalled, Role, Tenant, Texts, Usage,
};
pub use self::port::{AnyEmbed, AnyLlm, Embed, Llm, NodeChange, NodeSource, Recall};
pub use self::trace_context::TraceContext;

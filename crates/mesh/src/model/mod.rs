//! The values that cross the crate: prompts, answers, vectors, memories.

mod answer;
mod memory;
mod name;
mod prompt;
mod vector;

pub use self::answer::{Answer, Completion, CompletionHead, Delta, FinishReason, Usage};
pub use self::memory::{Memory, MemoryQuery, Recalled};
pub use self::name::{MemoryId, ModelName, NodeName, Tenant};
pub use self::prompt::{Chat, Message, Prompt, PromptHead, Role};
pub use self::vector::{Embedding, Texts};

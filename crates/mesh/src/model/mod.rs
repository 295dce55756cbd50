//! The values that cross the crate: prompts, answers, vectors, memories.

mod answer;
mod betas;
mod caching;
mod caller;
mod course;
mod endpoint;
mod event_id;
mod format;
mod memory;
mod name;
mod origin;
mod passed_on;
mod priority;
mod prompt;
mod vector;

pub(crate) use self::answer::Retold;
pub use self::answer::{
    Answer, Completion, CompletionHead, Delta, FinishReason, Thought, TokenCount, ToolCall, Usage,
};
pub use self::betas::Betas;
pub(crate) use self::caching::Unpaid;
pub use self::caching::{CacheStatus, Cached, Caching};
pub use self::caller::Caller;
pub use self::endpoint::Endpoint;
pub use self::event_id::{EventId, StreamId};
pub use self::format::{Format, Formats};
pub use self::memory::{Archived, Memory, MemoryPage, MemoryQuery, Recalled, Remembered};
pub use self::name::{InstanceName, KeyName, MemoryId, ModelName, NodeName, Tenant};
pub use self::origin::Origin;
pub use self::passed_on::PassedOn;
pub use self::priority::Priority;
pub use self::prompt::{Chat, Message, Prompt, PromptHead, Role};
pub use self::vector::{Embedding, Texts};

pub(crate) use self::course::{Course, Tried};
pub(crate) use self::endpoint::OWN;

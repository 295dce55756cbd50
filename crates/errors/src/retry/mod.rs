//! Whether to repeat a request, and when: the same decision in Rust, Python and TypeScript.

#[cfg(feature = "retry")]
mod budget;
mod decide;

#[cfg(feature = "retry")]
pub use self::budget::Budget;
pub use self::decide::{Decision, Policy, Reason, decide};

//! The Rust code of the documentation, one item per page: rustdoc runs it as documentation tests.

#[doc = include_str!("../../docs/guides/analytics.md")]
mod analytics {}

#[doc = include_str!("../../docs/guides/console.md")]
mod console {}

#[doc = include_str!("../../docs/guides/errors.md")]
mod errors {}

#[doc = include_str!("../../docs/guides/redis.md")]
mod redis {}

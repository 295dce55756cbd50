//! The Rust code of the documentation, one item per page: rustdoc runs it as documentation tests.

#[doc = include_str!("../../docs/guides/console.md")]
mod console {}

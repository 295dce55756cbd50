//! The Rust code of the documentation, one item per page: rustdoc runs it as documentation tests.

#[doc = include_str!("../../docs/guides/analytics.md")]
mod analytics {}

#[doc = include_str!("../../docs/guides/canvas.md")]
mod canvas {}

#[doc = include_str!("../../docs/guides/console.md")]
mod console {}

#[doc = include_str!("../../docs/guides/errors.md")]
mod errors {}

#[doc = include_str!("../../docs/guides/local-models.md")]
mod local_models {}

#[doc = include_str!("../../docs/guides/mesh.md")]
mod mesh {}

#[doc = include_str!("../../docs/guides/redis.md")]
mod redis {}

#[doc = include_str!("../../docs/guides/trust.md")]
mod trust {}

#[doc = include_str!("../../docs/tour.md")]
mod tour {}

#[doc = include_str!("../../README.md")]
mod readme {}

//! SDK for AI e-mail and campaign platforms: six cores, each a library of tower services and layers.
//!
//! This crate only re-exports them; each is a feature, and `full` is all of them.
//!
//! | module | feature | does |
//! |---|---|---|
//! | [`errors`] | always | one error model: catalogue, problem documents |
//! | `mesh` | `mesh` | routes prompts over language-model nodes, streams, remembers |
//! | `canvas` | `canvas` | lets many people edit one campaign canvas at once |
//! | `trust` | `trust` | proves what was sent and by whom |
//! | `analytics` | `analytics` | predicts and recommends with honest confidence |
//! | `redis` | `redis` | one Redis layer, the same embedded and on a server |

#[cfg(feature = "analytics")]
pub use maily_analytics as analytics;
#[cfg(feature = "canvas")]
pub use maily_canvas as canvas;
pub use maily_errors as errors;
#[cfg(feature = "mesh")]
pub use maily_mesh as mesh;
#[cfg(feature = "redis")]
pub use maily_redis as redis;
#[cfg(feature = "trust")]
pub use maily_trust as trust;

// The code of the guides is tested as if it stood here.
#[cfg(all(doctest, feature = "full"))]
#[path = "../tests/snippets/rust.rs"]
mod snippets;

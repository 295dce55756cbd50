//! Middleware that refuses a message which is over a limit, before anything reads it.
//!
//! # Differences from `tower_http::limit`
//!
//! It looks at the message of a typed request, so it works without HTTP, and answers with
//! [`Code::MailTooLarge`](maily_errors::Code::MailTooLarge).
//!
//! # Examples
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
//! # use maily_trust::{Trust, TrustConfig};
//! use maily_errors::Code;
//! use maily_trust::layer::LimitLayer;
//! use maily_trust::model::Verify;
//! use tower::{Layer, ServiceExt};
//!
//! # let signer = Ed25519Signer::generate("mail.example/log")?;
//! # let trust =
//! #     Trust::open(TrustConfig::default(), signer, MemoryJournal::default(), MemoryLedger::default()).await?;
//! let service = LimitLayer::new(20).layer(trust);
//!
//! let err = service.oneshot(Verify { message: "Subject: too long for it\n\n".into() }).await.unwrap_err();
//! assert_eq!(err.code(), Code::MailTooLarge);
//! # Ok::<(), maily_errors::Error>(())
//! # }).unwrap();
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::LimitLayer;
pub use self::service::Limit;

#[cfg(test)]
mod tests;

//! Rate limits over many processes: exact, by one clock, in one round trip.
//!
//! The algorithm is GCRA, the generic cell rate algorithm (ITU-T I.371, annex A): per key one number, the time when
//! the burst will be whole again. A request moves it by `per / count` times its cost, and is refused when it would lie
//! further ahead than a whole burst. So within any time `t` at most `t * count / per + burst` are allowed, whoever
//! asks, and nobody has to reset a window.
//!
//! The clock is the server's (in memory, tokio's): clocks of clients do not matter. Times are rational numbers, not
//! floating point: a quota of 7 per 3 s is exactly that.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_redis::limit::{Limiter, OnFailure, Quota};
//! use maily_redis::{Key, MemoryStore};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! // 100 mails a minute, of which 2 may go at once.
//! let quota = Quota::new(100, Duration::from_secs(60)).with_burst(2);
//! let limiter = Limiter::new(MemoryStore::default(), quota, OnFailure::Refuse)?;
//! let sender = Key::new("sender:7")?;
//!
//! assert!(limiter.take(&sender, 1).await?.allowed);
//! assert!(limiter.take(&sender, 1).await?.allowed);
//! let third = limiter.take(&sender, 1).await?;
//! assert!(!third.allowed);
//! assert_eq!(third.retry_after, Duration::from_millis(600));
//!
//! tokio::time::advance(third.retry_after).await;
//! assert!(limiter.take(&sender, 1).await?.allowed);
//! # Ok(())
//! # }
//! ```

mod limiter;
pub(crate) mod memory;
mod quota;
mod reserve;
mod server;

pub use self::limiter::{Limiter, OnFailure};
pub use self::quota::{Decision, MAX_COUNT, MAX_FILL, Quota, Span, Verdict};

#[cfg(test)]
mod tests;

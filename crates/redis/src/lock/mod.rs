//! Locks over many processes: [`Lock`] with fencing tokens, and [`EfficiencyLock`] to save work.
//!
//! **No lock with a time limit excludes by itself.** A holder can be stopped (a pause of the machine, of the
//! scheduler, of a debugger) after it checked that it holds the lock and before it writes; meanwhile its lease ends
//! and another one takes the lock. A failover can forget a lock that the old master had granted. Both are harmless
//! only if the *resource* compares the [`Token`] that came with the lock and refuses a lower one: see [`Fence`],
//! [`FencedStore`], or one condition in a database.
//!
//! | you want | use | two may believe to hold it |
//! | --- | --- | --- |
//! | that no write of an old holder counts | [`Lock`], and its [`token`](Guard::token) checked by the resource | yes, but the resource takes only the newer one's writes |
//! | that work is seldom done twice | [`EfficiencyLock`] | yes |
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//!
//! use maily_redis::lock::{Fence, Lock};
//! use maily_redis::{Key, MemoryStore};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> maily_errors::Result<()> {
//! let lock = Lock::new(MemoryStore::default());
//! let name = Key::new("campaign:7")?;
//! let resource = Fence::default();
//!
//! // For 10 s at a time, renewed in the background; waits up to 2 s for another holder.
//! let guard = lock.acquire(&name, Duration::from_secs(10), Duration::from_secs(2)).await?;
//! resource.admit(guard.token())?;
//!
//! let busy = lock.acquire(&name, Duration::from_secs(10), Duration::ZERO).await.unwrap_err();
//! assert_eq!(busy.code().name(), "redis-lock-busy");
//!
//! guard.release().await?;
//! let next = lock.acquire(&name, Duration::from_secs(10), Duration::ZERO).await?;
//! resource.admit(next.token())?; // greater than the first one
//! # Ok(())
//! # }
//! ```

mod efficiency;
mod fence;
mod guard;
mod keeper;
mod lease;
pub(crate) mod memory;
mod mutex;
mod server;
mod token;

pub use self::efficiency::{EfficiencyGuard, EfficiencyLock};
pub use self::fence::{Fence, FencedStore};
pub use self::guard::Guard;
pub use self::lease::{Grant, MAX_LEASE, MIN_LEASE, Owner};
pub use self::mutex::Lock;
pub use self::token::Token;

#[cfg(test)]
mod tests;

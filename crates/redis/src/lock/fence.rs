//! The side of the resource: refusing the late write of a holder that lost its lock.

use bytes::{Bytes, BytesMut};
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;

use super::token::Token;
use crate::model::{Key, Swap};
use crate::port::Store;

/// Guards a resource in this process: a token below the highest one seen is refused.
///
/// The check and the write must be one step, else a newer holder may come in between: use
/// [`admit_with`](Self::admit_with), or hold the resource's own lock around [`admit`](Self::admit).
///
/// Where the resource is a database, its own condition does the same:
/// `UPDATE campaign SET body = $1, token = $2 WHERE id = $3 AND token <= $2`.
///
/// # Examples
///
/// ```
/// use maily_redis::lock::{Fence, Token};
///
/// let fence = Fence::default();
/// fence.admit(Token::new(1, 7))?;
/// fence.admit(Token::new(1, 7))?; // the same holder again
/// fence.admit(Token::new(2, 3))?;
/// assert_eq!(fence.admit(Token::new(1, 8)).unwrap_err().code().name(), "redis-token-stale");
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Fence {
    highest: Mutex<Option<Token>>,
}

/// A value on a [`Store`] that remembers the token of its last writer: the check and the write are one step.
///
/// The value is stored behind the 16 bytes of its token, under the same key in which [`Store`] sees it. It must
/// outlive the locks that guard it: a fence that forgets admits everybody. Each write costs two round trips, or more
/// when writers meet.
///
/// # Examples
///
/// ```
/// use maily_redis::lock::{FencedStore, Token};
/// use maily_redis::{Key, MemoryStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> maily_errors::Result<()> {
/// let resource = FencedStore::new(MemoryStore::default());
/// let key = Key::new("campaign:7")?;
/// resource.set(&key, Token::new(2, 3), "by the new holder".into()).await?;
///
/// let late = resource.set(&key, Token::new(1, 9), "by the old one".into()).await.unwrap_err();
/// assert_eq!(late.code().name(), "redis-token-stale");
/// assert_eq!(resource.get(&key).await?, Some((Token::new(2, 3), "by the new holder".into())));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FencedStore<S> {
    store: S,
}

// === impl Fence ===

impl Fence {
    /// Creates a fence that continues after a token which was admitted before, for a resource that kept it.
    #[must_use]
    pub const fn after(token: Token) -> Self {
        Self { highest: Mutex::new(Some(token)) }
    }

    /// Admits a token, unless a higher one was admitted before.
    ///
    /// # Errors
    ///
    /// [`Code::RedisTokenStale`] when a higher one was.
    pub fn admit(&self, token: Token) -> Result<()> {
        self.admit_with(token, || ())
    }

    /// Writes, unless a higher token was admitted before; no other token is admitted meanwhile.
    ///
    /// # Errors
    ///
    /// [`Code::RedisTokenStale`] when a higher one was; `write` did not run.
    pub fn admit_with<T>(&self, token: Token, write: impl FnOnce() -> T) -> Result<T> {
        let mut highest = self.highest.lock();
        if highest.is_some_and(|highest| token < highest) {
            return Err(stale());
        }
        *highest = Some(token);
        Ok(write())
    }

    /// Returns the highest token that was admitted.
    #[must_use]
    pub fn highest(&self) -> Option<Token> {
        *self.highest.lock()
    }
}

// === impl FencedStore ===

impl<S: Store> FencedStore<S> {
    /// Creates fenced values on a store.
    pub const fn new(store: S) -> Self {
        Self { store }
    }

    /// Returns the value and the token of its last writer.
    ///
    /// # Errors
    ///
    /// - What the store says.
    /// - [`Code::Corrupt`] when something else is stored under this key.
    pub async fn get(&self, key: &Key) -> Result<Option<(Token, Bytes)>> {
        self.store.get(key).await?.map(split).transpose()
    }

    /// Stores a value, unless a holder with a higher token wrote before.
    ///
    /// # Errors
    ///
    /// - [`Code::RedisTokenStale`] when one did; nothing was stored.
    /// - What [`get`](Self::get) and the store say. After a timeout the value may have been stored.
    pub async fn set(&self, key: &Key, token: Token, value: Bytes) -> Result<()> {
        self.swap(key, token, Some(&value)).await
    }

    /// Raises the token of a value without changing it, so that older holders are refused from now on.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub async fn admit(&self, key: &Key, token: Token) -> Result<()> {
        self.swap(key, token, None).await
    }

    async fn swap(&self, key: &Key, token: Token, value: Option<&Bytes>) -> Result<()> {
        loop {
            let expected = self.store.get(key).await?;
            let old = expected.clone().map(split).transpose()?;
            if old.as_ref().is_some_and(|(highest, _)| token < *highest) {
                return Err(stale());
            }
            let kept = old.map(|(_, kept)| kept).unwrap_or_default();
            let value = join(token, value.unwrap_or(&kept));
            if self.store.compare_and_set(key, Swap { expected, value: Some(value), ttl: None }).await? {
                return Ok(());
            }
        }
    }
}

fn join(token: Token, value: &[u8]) -> Bytes {
    let mut all = BytesMut::with_capacity(16 + value.len());
    all.extend_from_slice(&token.to_bytes());
    all.extend_from_slice(value);
    all.freeze()
}

fn split(mut stored: Bytes) -> Result<(Token, Bytes)> {
    let Some(token) = stored.first_chunk() else {
        return Err(
            Error::new(Code::Corrupt, "the value has no fencing token").with_operation("redis::fenced_store")
        );
    };
    let token = Token::from_bytes(*token);
    Ok((token, stored.split_off(16)))
}

fn stale() -> Error {
    Error::new(Code::RedisTokenStale, "a newer holder of the lock was here").with_operation("redis::fence")
}

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ahash::RandomState;
use maily_errors::{Code, Error, Public, Result};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::price::{Price, Prices};
use super::purse::Purse;
use super::usage::KeyUsage;
use super::watched::Watched;
use crate::balance::Nodes;
use crate::clock::Clock;
use crate::config::{KeyConfig, LimitConfig, PriceConfig};
use crate::memory::LocalAccounts;
use crate::model::{Caller, Format, KeyName, ModelName};
use crate::port::Accounts;

/// The keys of a mesh: who a caller is, what it may, and what it has spent. Clones are the same.
///
/// # Examples
///
/// ```
/// use maily_mesh::KeyConfig;
/// use maily_mesh::layer::limit::Keys;
///
/// let keys = Keys::default();
/// keys.insert(KeyConfig::new("team-a").with_secret("sk-0123456789abcdef").with_requests_per_minute(60))?;
///
/// assert_eq!(keys.find("sk-0123456789abcdef").unwrap().as_str(), "team-a");
/// assert_eq!(keys.find("sk-0123456789abcdeg"), None);
/// assert_eq!(keys.usage()[0].limits[0].remaining, 60);
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone)]
pub struct Keys {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    accounts: RwLock<Arc<dyn Accounts>>,
    prices: RwLock<Prices>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    purses: HashMap<KeyName, Arc<Purse>, RandomState>,
    /// Whose secret has this hash, by its first bytes.
    secrets: HashMap<[u8; 8], Vec<([u8; 32], Caller)>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(Clock::new())
    }
}

impl Keys {
    /// Creates an empty set that goes by a clock. Limits are shared with nobody.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let shared = Shared {
            clock,
            accounts: RwLock::new(Arc::new(LocalAccounts::default())),
            prices: RwLock::default(),
            known: RwLock::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Adds what a configuration says: prices, then keys.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert), and [`Code::ConfigInvalid`] for a price out of its range. What was added until then stays.
    pub fn configure(&self, config: &LimitConfig) -> Result<()> {
        config.prices.iter().try_for_each(|price| self.price(price))?;
        config.keys.iter().try_for_each(|key| self.insert(key.clone()))
    }

    /// Shares the limits of the keys that are added from now on.
    pub fn share(&self, accounts: Arc<dyn Accounts>) {
        *self.shared.accounts.write() = Arc::new(Watched::new(accounts));
    }

    /// Says what a model costs.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for a price out of its range.
    pub fn price(&self, price: &PriceConfig) -> Result<()> {
        price.check()?;
        self.shared.prices.write().list(price);
        Ok(())
    }

    /// Lets models that have no price cost what the dearest node asks that serves them.
    pub fn price_by(&self, nodes: Nodes) {
        self.shared.prices.write().follow(nodes);
    }

    /// Adds a key, or replaces the one of that name: then what it spent is forgotten here, but not in its accounts.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for a setting out of its range, or the secret of another key.
    pub fn insert(&self, config: KeyConfig) -> Result<()> {
        config.check()?;
        let digest = digest(&config);
        let name = config.name.clone();
        let accounts = self.shared.accounts.read().clone();
        let mut known = self.shared.known.write();
        let of_another = |owner: &Caller| owner.key.as_ref() != Some(&name);
        if digest.and_then(|digest| known.owner(&digest)).is_some_and(of_another) {
            return Err(Error::new(Code::ConfigInvalid, "two keys have one secret")
                .with_operation("mesh::key")
                .with_context("key", Public(name.as_str())));
        }
        known.forget(name.as_str());
        if let Some(digest) = digest {
            known.secrets.entry(prefix(&digest)).or_default().push((digest, config.caller()));
        }
        // Nobody needs the secret any more.
        let config = KeyConfig { secret: None, sha256: None, ..config };
        known.purses.insert(name, Arc::new(Purse::new(config, accounts, self.shared.clock)));
        Ok(())
    }

    /// Removes a key; prompts under way are finished. Returns whether there was one.
    #[expect(clippy::must_use_candidate, reason = "whether there was one is rarely of interest")]
    pub fn remove(&self, name: &str) -> bool {
        self.shared.known.write().forget(name)
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.known.read().purses.is_empty()
    }

    /// Returns whose secret this is.
    #[must_use]
    pub fn find(&self, secret: &str) -> Option<KeyName> {
        self.caller(secret)?.key
    }

    /// Returns who a request is from that has this secret: the key, and whose memories and kept answers it has.
    ///
    /// The time that it takes says nothing of the secrets: they are found by their hash, which is then compared as a
    /// whole.
    #[must_use]
    pub fn caller(&self, secret: &str) -> Option<Caller> {
        let known = self.shared.known.read();
        known.owner(&Sha256::digest(secret.as_bytes()).into()).cloned()
    }

    /// Returns what each key has spent and has left, by name.
    #[must_use]
    pub fn usage(&self) -> Vec<KeyUsage> {
        let known = self.shared.known.read();
        let mut usage: Vec<_> = known.purses.values().map(|purse| KeyUsage::of(purse)).collect();
        usage.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        usage
    }

    /// Returns what one key has spent and has left.
    #[must_use]
    pub fn usage_of(&self, name: &str) -> Option<KeyUsage> {
        self.shared.known.read().purses.get(name).map(|purse| KeyUsage::of(purse))
    }

    /// Gives back what is drawn and not used, so that other instances can have it: before this one ends.
    ///
    /// # Errors
    ///
    /// What an account answers that cannot be reached; the rest of that key is lost until its window ends.
    pub async fn give_back(&self) -> Result<()> {
        let purses: Vec<_> = self.shared.known.read().purses.values().cloned().collect();
        let mut failed = Ok(());
        for purse in purses {
            failed = failed.and(purse.give_back().await);
        }
        failed
    }

    /// Finds a key that may ask for a model.
    pub(super) fn admit(
        &self,
        name: &KeyName,
        model: Option<&ModelName>,
        format: Format,
    ) -> Result<Arc<Purse>> {
        let purse = self.shared.known.read().purses.get(name).cloned();
        let purse = purse.ok_or_else(|| {
            // It was removed after the caller came in.
            Error::new(Code::Unauthorized, "there is no such key").with_operation("mesh::limit")
        })?;
        let models = &purse.config.models;
        match model.filter(|model| !models.is_empty() && !models.contains(model)) {
            None => Ok(purse),
            Some(model) => {
                let err = Error::new(Code::ModelNotAllowed, "the key may not ask for this model")
                    .with_context("model", Public(model.as_str()));
                Err(purse.refuse(err, format))
            }
        }
    }

    pub(super) fn price_of(&self, model: &ModelName) -> Price {
        self.shared.prices.read().of(model)
    }
}

impl Known {
    fn owner(&self, digest: &[u8; 32]) -> Option<&Caller> {
        let alike = self.secrets.get(&prefix(digest))?;
        alike.iter().find(|(known, _)| bool::from(known.ct_eq(digest))).map(|(_, owner)| owner)
    }

    fn forget(&mut self, name: &str) -> bool {
        self.secrets.retain(|_, alike| {
            alike.retain(|(_, owner)| owner.key.as_ref().map(KeyName::as_str) != Some(name));
            !alike.is_empty()
        });
        self.purses.remove(name).is_some()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("keys", &self.shared.known.read().purses.len()).finish_non_exhaustive()
    }
}

/// The hash of a key's secret: given, or made. The digits were checked.
fn digest(config: &KeyConfig) -> Option<[u8; 32]> {
    if let Some(secret) = &config.secret {
        return Some(Sha256::digest(secret.expose().as_bytes()).into());
    }
    let digits = config.sha256.as_ref()?.expose();
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

fn prefix(digest: &[u8; 32]) -> [u8; 8] {
    *digest.first_chunk().expect("32 bytes have a first eight")
}

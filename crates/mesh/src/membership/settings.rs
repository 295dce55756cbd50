//! What an instance is told of itself and of the pace.

use std::net::SocketAddr;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};

use super::seal::GossipKey;
use super::{MAX_NAME_BYTES, MAX_SEEDS};
use crate::model::InstanceName;

/// The settings of an instance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Its name: 1 to 32 bytes, its own in the mesh.
    pub name: InstanceName,
    /// Where others reach it.
    pub address: SocketAddr,
    /// Which life of it this is: 1 or more, and more than the last time. The start in milliseconds will do.
    pub generation: u64,
    /// The key that all instances share.
    pub key: GossipKey,
    /// Addresses that are called while nobody is known there: at most 16. Its own may be among them.
    pub seeds: Vec<SocketAddr>,
    /// How often it talks to another: 200 ms. All instances of a mesh have the same.
    pub interval: Duration,
    /// The shortest time from suspicion to death, in a mesh of up to 10 instances: 1,600 ms.
    pub suspicion: Duration,
    /// How long the dead are remembered and called: 10 minutes.
    pub forget_after: Duration,
}

impl Settings {
    /// Creates settings with the usual pace and no seed.
    pub fn new(name: impl Into<InstanceName>, address: SocketAddr, generation: u64, key: GossipKey) -> Self {
        Self {
            name: name.into(),
            address,
            generation,
            key,
            seeds: Vec::new(),
            interval: Duration::from_millis(200),
            suspicion: Duration::from_millis(1_600),
            forget_after: Duration::from_secs(600),
        }
    }

    /// Adds an address to call while nobody is known there.
    #[must_use]
    pub fn with_seed(mut self, seed: SocketAddr) -> Self {
        self.seeds.push(seed);
        self
    }

    /// Checks the limits.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for a name that is empty or longer than 32 bytes, a generation of 0, an address that nobody can call
    /// (`0.0.0.0`, `[::]` or port 0), more than 16 seeds, or an interval below 10 ms.
    pub fn check(&self) -> Result<()> {
        let name_bytes = self.name.as_str().len();
        let refuse = |message: &'static str| {
            Err(Error::new(Code::Invalid, message)
                .with_operation("mesh::membership::settings")
                .with_context("name_bytes", Public(name_bytes))
                .with_context("seeds", Public(self.seeds.len())))
        };
        if name_bytes == 0 || name_bytes > MAX_NAME_BYTES {
            return refuse("the name of an instance has 1 to 32 bytes");
        }
        if self.generation == 0 {
            return refuse("the generation of an instance is 1 or more");
        }
        if self.address.ip().is_unspecified() || self.address.port() == 0 {
            return refuse("others cannot call this instance there: advertise an address of this machine");
        }
        if self.seeds.len() > MAX_SEEDS {
            return refuse("there are more than 16 seeds");
        }
        if self.interval < Duration::from_millis(10) {
            return refuse("the interval is 10 ms or more");
        }
        Ok(())
    }
}

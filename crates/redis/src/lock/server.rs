//! Locks on a server: one hash per lock, changed by one script per step.

use std::time::Duration;

use maily_errors::Result;

use super::lease::{Grant, Owner};
use super::token::Token;
use crate::model::{Key, Reply};
use crate::port::{Leases, Transport};
use crate::server::{Script, ServerStore, milliseconds, reply};

impl<T: Transport> Leases for ServerStore<T> {
    async fn acquire(&self, name: &Key, owner: Owner, ttl: Duration, patience: Duration) -> Result<Grant> {
        let operation = "redis::lock_acquire";
        // The transport writes the epoch of its connection over the zero.
        let [ttl, kept, patience] = [ttl, KEPT, patience].map(milliseconds);
        let arguments = ["0".into(), owner.to_bytes(), ttl, kept, patience];
        let reply = self.script(operation, &ACQUIRE, &[self.key_in("lock:", name)?], &arguments).await?;
        grant(&reply).ok_or_else(|| reply::unexpected(operation, &reply))
    }

    async fn renew(&self, name: &Key, owner: Owner, ttl: Duration) -> Result<bool> {
        let operation = "redis::lock_renew";
        let arguments = [owner.to_bytes(), milliseconds(ttl), milliseconds(KEPT)];
        let reply = self.script(operation, &RENEW, &[self.key_in("lock:", name)?], &arguments).await?;
        reply::truth(operation, &reply)
    }

    async fn release(&self, name: &Key, owner: Owner) -> Result<bool> {
        let operation = "redis::lock_release";
        let key = self.key_in("lock:", name)?;
        let reply = self.script(operation, &RELEASE, &[key], &[owner.to_bytes()]).await?;
        reply::truth(operation, &reply)
    }
}

fn grant(reply: &Reply) -> Option<Grant> {
    let Reply::List(parts) = reply else { return None };
    let number = |part: &Reply| match part {
        Reply::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    match parts.as_slice() {
        [Reply::Integer(0), remaining, next] => Some(Grant::Held {
            remaining: Duration::from_micros(number(remaining)?),
            next: *next == Reply::Integer(1),
        }),
        [Reply::Integer(1), epoch, sequence] => {
            Some(Grant::Granted(Token::new(number(epoch)?, number(sequence)?)))
        }
        _ => None,
    }
}

/// How long the last token outlives its lease: the next one is greater even if the server's clock goes back by less.
const KEPT: Duration = Duration::from_secs(24 * 3600);

const ACQUIRE: Script = Script {
    sha: "8b310df2353f9811a26c19d20055fdcb44c8afa2",
    text: include_str!("lua/acquire.lua"),
    epoch: Some(0),
};

const RENEW: Script = Script {
    sha: "1e134172b434a03dc094c00ce27b2af66771ad6c",
    text: include_str!("lua/renew.lua"),
    epoch: None,
};

const RELEASE: Script = Script {
    sha: "f284566567d636f1d6ea2e5ea163c06e608141d6",
    text: include_str!("lua/release.lua"),
    epoch: None,
};

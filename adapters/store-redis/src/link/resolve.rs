//! Which server a link connects to.

use std::fmt;

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use maily_errors::Result;
use maily_redis::Reply;

use super::WeakLink;
use crate::stream::Address;

/// Where to connect, and what the commands on that connection carry as their epoch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) epoch: u64,
}

/// What a server said of itself when it was greeted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Hello {
    /// `redis` or `valkey`.
    pub(crate) server: String,
    pub(crate) version: String,
    /// `standalone`, `cluster` or `sentinel`.
    pub(crate) mode: String,
    /// `master` or `replica`.
    pub(crate) role: String,
    /// The server's number of this connection.
    pub(crate) id: i64,
}

/// Finds the server of a [`Link`](super::Link), before each attempt to connect.
pub(crate) trait Resolve: fmt::Debug + Send + Sync {
    /// Returns where the server is now. Bounded by the time limit of the connection attempt.
    fn resolve(&self) -> BoxFuture<'_, Result<Target>>;

    /// Says whether the server may be elsewhere the next time. If not, calls that wait for a connection which nobody
    /// wants any more fail at once, unsent, so that who sent them can go elsewhere.
    fn moves(&self) -> bool {
        true
    }

    /// Refuses a server that is not the one looked for, such as one that is a replica by now.
    ///
    /// # Errors
    ///
    /// Why this server is not taken: the attempt fails with it.
    fn accept(&self, target: &Target, hello: &Hello) -> Result<()> {
        let _ = (target, hello);
        Ok(())
    }

    /// Hears that no connection to this target could be made, or that it was not accepted.
    fn failed(&self, target: &Target) {
        let _ = target;
    }

    /// Gets a handle of each link that connects to where this says, so that it can make them connect anew.
    fn attach(&self, link: WeakLink) {
        drop(link);
    }

    /// Says whether this refusal of a command means that the connection leads to the wrong server, so that it is
    /// replaced. The caller still gets the refusal.
    fn is_misled(&self, code: &str) -> bool {
        let _ = code;
        false
    }
}

/// A server that is always at the same address, with epoch 0.
#[derive(Clone, Debug)]
pub(crate) struct Constant(pub(crate) Address);

impl Resolve for Constant {
    fn resolve(&self) -> BoxFuture<'_, Result<Target>> {
        ready(Ok(Target { address: self.0.clone(), epoch: 0 })).boxed()
    }

    fn moves(&self) -> bool {
        false
    }
}

// === impl Hello ===

impl Hello {
    /// Says whether this is a Redis before 7.0, which lacks sharded channels and more. Valkey began later, and sentinels
    /// of any version say what they are asked.
    pub(super) fn is_too_old(&self) -> bool {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        self.server == "redis" && self.mode != "sentinel" && major.is_some_and(|major| major < 7)
    }

    /// Reads the answer to `HELLO`: names and values in turn.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut hello = Self::default();
        let Reply::List(words) = reply else { return hello };
        let (pairs, _) = words.as_chunks::<2>();
        for [name, value] in pairs {
            let Reply::Data(name) = name else { continue };
            let field = match (name.as_ref(), value) {
                (b"server", _) => &mut hello.server,
                (b"version", _) => &mut hello.version,
                (b"mode", _) => &mut hello.mode,
                (b"role", _) => &mut hello.role,
                (b"id", Reply::Integer(id)) => {
                    hello.id = *id;
                    continue;
                }
                _ => continue,
            };
            if let Reply::Data(text) = value {
                *field = String::from_utf8_lossy(text).into_owned();
            }
        }
        hello
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_before_7_is_too_old_and_nothing_else() {
        let is_too_old = |server: &str, version: &str, mode: &str| {
            let [server, version, mode] = [server, version, mode].map(str::to_owned);
            Hello { server, version, mode, ..Hello::default() }.is_too_old()
        };

        assert!(is_too_old("redis", "6.2.14", "standalone"));
        assert!(is_too_old("redis", "6.0.0", "cluster"));
        assert!(!is_too_old("redis", "7.0.0", "standalone"));
        assert!(!is_too_old("redis", "10.0.1", "standalone"));
        assert!(!is_too_old("redis", "6.2.14", "sentinel"));
        assert!(!is_too_old("valkey", "1.0.0", "standalone"));
        assert!(!is_too_old("redis", "", "standalone"), "who does not say is believed");
    }
}

//! Where servers are, in one line.
//!
//! ```text
//! redis[s]://[user][:password]@host[:port][/database]
//! redis[s]+sentinel://[user][:password]@host[:port],host[:port].../master[/database][?sentinel_password=..]
//! redis[s]+cluster://[user][:password]@host[:port],host[:port]...
//! ```

use maily_errors::{Result, Secret};
use maily_redis::layer::Database;
use percent_encoding::percent_decode_str;

use crate::error;
use crate::stream::Address;

/// What a URL says.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    pub(crate) place: Place,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret<String>>,
    pub(crate) database: u32,
    pub(crate) tls: bool,
    /// What spans and metrics call the server: `redis` or `valkey`.
    pub(crate) system: &'static str,
}

/// How the servers belong together.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Nodes that share the keys; at least one is known.
    Cluster(Vec<Address>),
    /// One server.
    Server(Address),
    /// Whichever server these sentinels name.
    Sentinels {
        sentinels: Vec<Address>,
        /// The name under which they know the master.
        master: String,
        /// What the sentinels themselves want to hear.
        user: Option<String>,
        password: Option<Secret<String>>,
    },
}

impl Url {
    /// Returns what spans and metrics say of the server: of several, the first.
    pub(crate) fn seen(&self) -> Database {
        let first = match &self.place {
            Place::Server(address) => Some(address),
            Place::Cluster(nodes) | Place::Sentinels { sentinels: nodes, .. } => nodes.first(),
        };
        first.map_or(Database::new(self.system, "", 0), |it| Database::new(self.system, &it.host, it.port))
    }

    /// Reads a URL. No error quotes it: it may have a password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(unreadable)?;
        let (scheme, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match scheme {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(unreadable()),
        };
        // The last one: a password may have an `@` that was not encoded.
        let (who, place) = rest.rsplit_once('@').map_or((None, rest), |(who, place)| (Some(who), place));
        let (user, password) = match who {
            None => (None, None),
            Some(who) => {
                let (user, password) = who.split_once(':').ok_or_else(unreadable)?;
                (Some(decode(user)?).filter(|user| !user.is_empty()), Some(Secret::new(decode(password)?)))
            }
        };
        let (place, database) = match kind {
            "" => {
                let (place, rest) = place.split_once('/').unwrap_or((place, ""));
                (Place::Server(address(place, DEFAULT_PORT)?), database(rest)?)
            }
            "cluster" => (Place::Cluster(addresses(place.trim_end_matches('/'), DEFAULT_PORT)?), 0),
            "sentinel" => sentinels(place)?,
            _ => return Err(unreadable()),
        };
        let system = if scheme.starts_with("valkey") { "valkey" } else { "redis" };
        Ok(Self { place, user, password, database, tls, system })
    }
}

/// Reads `host:port,host:port/master[/database][?sentinel_user=..&sentinel_password=..]`.
fn sentinels(text: &str) -> Result<(Place, u32)> {
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (hosts, rest) = text.split_once('/').ok_or_else(unreadable)?;
    let (master, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let master = decode(master)?;
    if master.is_empty() {
        return Err(unreadable());
    }
    let (mut user, mut password) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sentinel_user", value)) => user = Some(decode(value)?),
            Some(("sentinel_password", value)) => password = Some(Secret::new(decode(value)?)),
            _ => return Err(unreadable()),
        }
    }
    let sentinels = addresses(hosts, SENTINEL_PORT)?;
    Ok((Place::Sentinels { sentinels, master, user, password }, database(rest)?))
}

fn database(text: &str) -> Result<u32> {
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| unreadable()) }
}

fn addresses(text: &str, default_port: u16) -> Result<Vec<Address>> {
    text.split(',').map(|one| address(one, default_port)).collect()
}

/// Reads `host`, `host:port` or `[v6]:port`.
fn address(text: &str, default_port: u16) -> Result<Address> {
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']').ok_or_else(unreadable)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(unreadable)?) })
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(unreadable());
    }
    let port = port.map_or(Ok(default_port), |port| port.parse().map_err(|_| unreadable()))?;
    Ok(Address { host: host.to_owned(), port })
}

fn decode(text: &str) -> Result<String> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| unreadable())
}

fn unreadable() -> maily_errors::Error {
    let expected = "redis://[user][:password]@host[:port][/database], or one that begins with rediss, redis+sentinel or \
                    redis+cluster";
    error::config("the Redis URL cannot be read").with_context("expected", expected)
}

const DEFAULT_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

#[cfg(test)]
mod tests {
    use maily_errors::Code;

    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn url_of_a_server_has_defaults() {
        let url = Url::parse("redis://cache").unwrap();

        assert!(matches!(url.place, Place::Server(place) if place == address("cache", 6379)));
        assert!(!url.tls && url.database == 0 && url.user.is_none() && url.password.is_none());
    }

    #[test]
    fn url_of_sentinels_names_all_of_them_and_the_master() {
        let url = Url::parse("rediss+sentinel://ada:s%40cret@one,[::1]:7000/main/3?sentinel_password=hush")
            .unwrap();

        assert_eq!((url.tls, url.database, url.user.as_deref()), (true, 3, Some("ada")));
        assert_eq!(url.password.unwrap().expose(), "s@cret");
        let Place::Sentinels { sentinels, master, user, password } = url.place else {
            panic!("{:?}", url.place)
        };
        assert_eq!(sentinels, [address("one", 26379), address("::1", 7000)]);
        assert_eq!((master.as_str(), user), ("main", None));
        assert_eq!(password.unwrap().expose(), "hush");
    }

    #[test]
    fn url_of_a_cluster_has_no_database() {
        let url = Url::parse("redis+cluster://one:1,two:2/").unwrap();

        assert!(
            matches!(url.place, Place::Cluster(nodes) if nodes == [address("one", 1), address("two", 2)])
        );
        assert!(Url::parse("redis+cluster://one:1/1").is_err());
    }

    #[test]
    fn url_that_cannot_be_read_is_refused() {
        for text in [
            "",
            "cache",
            "http://cache",
            "redis://",
            "redis://cache:x",
            "redis://cache/x",
            "redis+ring://cache",
            "redis+sentinel://one",
            "redis+sentinel://one/",
            "redis+sentinel://one,/main",
            "redis+cluster://",
            "redis+sentinel://one/main?color=red",
            "redis://user@cache",
            "redis://[::1",
        ] {
            assert_eq!(Url::parse(text).unwrap_err().code(), Code::ConfigInvalid, "{text}");
        }
    }
}

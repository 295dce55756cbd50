//! `redis[s]://[user][:password]@host[:port][/database]`.

use maily_errors::{Result, Secret};
use percent_encoding::percent_decode_str;

use crate::error;
use crate::stream::Address;

/// What a URL says.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    pub(crate) address: Address,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret<String>>,
    pub(crate) database: u32,
    pub(crate) tls: bool,
}

impl Url {
    /// Reads a URL. No error quotes it: it may have a password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").ok_or_else(unreadable)?;
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
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
        let (place, database) = place.split_once('/').unwrap_or((place, ""));
        let database = if database.is_empty() { 0 } else { database.parse().map_err(|_| unreadable())? };
        Ok(Self { address: address(place)?, user, password, database, tls })
    }
}

/// Reads `host`, `host:port` or `[v6]:port`.
fn address(text: &str) -> Result<Address> {
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
    let port = port.map_or(Ok(DEFAULT_PORT), |port| port.parse().map_err(|_| unreadable()))?;
    Ok(Address { host: host.to_owned(), port })
}

fn decode(text: &str) -> Result<String> {
    percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| unreadable())
}

fn unreadable() -> maily_errors::Error {
    error::config("the Redis URL cannot be read")
}

const DEFAULT_PORT: u16 = 6379;

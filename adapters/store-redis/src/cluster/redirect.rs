//! What a node answers instead of the reply. No I/O.

use crate::stream::Address;

/// Why a node did not do what was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Redirect {
    /// The slot is on its way, and this key is where it goes: ask there, once.
    Ask(Address),
    /// The node cannot say now; a little later it can.
    Later,
    /// The slot is elsewhere.
    Moved(Address),
}

impl Redirect {
    /// Reads a refusal: `MOVED 3999 host:port`. An answer without a host means the node that gave it.
    pub(super) fn read(code: &str, message: &str, by: &Address) -> Option<Self> {
        let target = || {
            let (host, port) = message.split_once(' ')?.1.rsplit_once(':')?;
            let host = if host.is_empty() || host == "?" { &by.host } else { host };
            Some(Address { host: host.to_owned(), port: port.parse().ok()? })
        };
        match code {
            "ASK" => target().map(Self::Ask),
            "CLUSTERDOWN" | "TRYAGAIN" => Some(Self::Later),
            "MOVED" => target().map(Self::Moved),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn redirections_name_where_to_go() {
        let by = address("10.0.0.1", 1);
        let read = |code, message| Redirect::read(code, message, &by);

        assert_eq!(read("MOVED", "3999 10.0.0.2:7"), Some(Redirect::Moved(address("10.0.0.2", 7))));
        assert_eq!(read("ASK", "3999 ::1:7"), Some(Redirect::Ask(address("::1", 7))));
        assert_eq!(read("MOVED", "3999 :7"), Some(Redirect::Moved(address("10.0.0.1", 7))));
        assert_eq!(read("TRYAGAIN", "Multiple keys request during rehashing of slot"), Some(Redirect::Later));
    }

    #[test]
    fn other_refusals_are_replies() {
        let by = address("10.0.0.1", 1);

        assert_eq!(Redirect::read("WRONGTYPE", "Operation against a key", &by), None);
        assert_eq!(Redirect::read("MOVED", "nowhere", &by), None);
        assert_eq!(Redirect::read("MOVED", "1 host:port", &by), None);
    }
}

//! What one node says of the cluster. No I/O.

use std::ops::RangeInclusive;

use super::slot::SLOTS;
use crate::stream::Address;

/// The answer to `CLUSTER NODES`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct View {
    pub(super) nodes: Vec<Seen>,
}

/// One node, as the node that was asked sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) address: Address,
    /// What redirections may call it, if that is something else.
    pub(super) alias: Option<Address>,
    pub(super) is_master: bool,
    /// Whether most masters have called it down.
    pub(super) is_down: bool,
    /// The vote from which its right to its slots stems.
    pub(super) epoch: u64,
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

impl View {
    /// Reads the answer of the node at `asked`. Nodes that it does not know well are left out.
    pub(super) fn read(text: &str, asked: &Address, prefers_names: bool) -> Self {
        Self { nodes: text.lines().filter_map(|line| node(line, asked, prefers_names)).collect() }
    }

    /// Returns the last vote about slots that this node knows of. A node without slots may be taken out of the cluster,
    /// and its epoch with it; slots leave only with a newer one.
    pub(super) fn newest(&self) -> u64 {
        let owners = self.nodes.iter().filter(|node| !node.slots.is_empty());
        owners.map(|node| node.epoch).max().unwrap_or_default()
    }
}

/// Reads `id ip:port@bus,name flags master ping pong epoch link slot..`.
fn node(line: &str, asked: &Address, prefers_names: bool) -> Option<Seen> {
    let mut fields = line.split_ascii_whitespace();
    let place = fields.nth(1)?;
    let flags: Vec<&str> = fields.next()?.split(',').collect();
    let epoch = fields.nth(3)?.parse().ok()?;
    if flags.contains(&"noaddr") || flags.contains(&"handshake") {
        return None;
    }
    let (address, alias) = address(place, asked, prefers_names)?;
    Some(Seen {
        address,
        alias,
        is_master: flags.contains(&"master"),
        is_down: flags.contains(&"fail"),
        epoch,
        slots: fields.skip(1).filter_map(slots).collect(),
    })
}

/// Reads `ip:port@bus,name`. Certificates are often for names, while redirections have addresses, unless
/// `cluster-preferred-endpoint-type` says otherwise.
fn address(place: &str, asked: &Address, prefers_names: bool) -> Option<(Address, Option<Address>)> {
    let mut parts = place.split(',');
    let (host, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| prefers_names && !name.is_empty() && !name.contains('='));
    // A node that was never reached from outside does not know its own address.
    let host = if host.is_empty() { &asked.host } else { host };
    let port = port.parse().ok()?;
    let at = |host: &str| Address { host: host.to_owned(), port };
    Some(match name {
        Some(name) => (at(name), Some(at(host))),
        None => (at(host), None),
    })
}

/// Reads `first-last` or `only`; slots that are on their way (`[7->-id]`) still belong where they were.
fn slots(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && usize::from(last) < SLOTS).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn masters_have_their_slots_and_epochs() {
        let text = "\
            aaaa 10.0.0.1:7000@17000,node-1 myself,master - 0 0 3 connected 0-5460 7000 [93-<-bbbb]\n\
            bbbb 10.0.0.2:7000@17000,node-2 master,fail - 0 0 5 disconnected 5461-6999\n\
            cccc 10.0.0.3:7000@17000 master - 0 0 9 connected\n\
            dddd :0@0 master,noaddr - 0 0 9 disconnected\n\
            eeee 10.0.0.5:7000@17000 handshake - 0 0 0 disconnected\n";

        let view = View::read(text, &address("asked", 1), false);

        assert_eq!(view.nodes.len(), 3);
        assert_eq!(view.nodes[0].address, address("10.0.0.1", 7000));
        assert_eq!(view.nodes[0].slots, [0..=5460, 7000..=7000]);
        assert!(view.nodes[1].is_down && view.nodes[1].is_master);
        assert!(view.nodes[2].slots.is_empty());
        assert_eq!(view.newest(), 5);
    }

    #[test]
    fn names_are_taken_where_certificates_need_them() {
        let line = "aaaa 10.0.0.1:7000@17000,node-1,shard-id=x master - 0 0 3 connected 1\n";

        let view = View::read(line, &address("asked", 1), true);

        assert_eq!(view.nodes[0].address, address("node-1", 7000));
        assert_eq!(view.nodes[0].alias, Some(address("10.0.0.1", 7000)));
    }

    #[test]
    fn node_without_an_address_of_its_own_is_where_it_was_asked() {
        let line = "aaaa :7000@17000 myself,master - 0 0 1 connected 0-16383\n";

        assert_eq!(View::read(line, &address("cache", 1), false).nodes[0].address, address("cache", 7000));
    }

    #[test]
    fn nonsense_is_left_out() {
        let text = "\n \nx\naaaa 10.0.0.1:x@1 master - 0 0 1 connected 0-1\nbbbb 10.0.0.1:1@1 master - 0 0 1 connected 9-1 0-16384\n";

        let view = View::read(text, &address("cache", 1), false);

        assert_eq!(view.nodes.len(), 1);
        assert!(view.nodes[0].slots.is_empty());
    }
}

//! What several nodes say, put together: who serves which slot. No I/O.

use std::collections::HashMap;

use super::slot::SLOTS;
use super::view::View;
use crate::stream::Address;

/// Who serves which slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Plan {
    pub(super) owners: Vec<Owner>,
    /// For each slot the number of its owner, or [`NOBODY`].
    pub(super) slots: Vec<u16>,
    /// Every node that is not down, replicas too.
    pub(super) nodes: Vec<Address>,
    /// What redirections may call a node, and where it is.
    pub(super) aliases: Aliases,
    /// The last vote that any node knows of.
    pub(super) newest: u64,
}

/// A master with slots.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Owner {
    pub(super) address: Address,
    pub(super) epoch: u64,
    /// Whether it is called down, and nobody has taken its place yet.
    pub(super) is_down: bool,
}

/// Addresses that redirections have, and the names that certificates want.
pub(super) type Aliases = HashMap<Address, Address>;

/// Takes the place of an owner where there is none.
pub(super) const NOBODY: u16 = u16::MAX;

impl Plan {
    /// Gives each slot to whoever claims it by the newest vote: the rule by which the nodes agree among themselves.
    ///
    /// A name that was `known` is remembered as long as somebody has it: those who say so may not have answered.
    pub(super) fn of(views: &[View], known: &Aliases) -> Self {
        let seen = || views.iter().flat_map(|view| &view.nodes);
        let mut aliases = known.clone();
        aliases.extend(seen().filter_map(|node| Some((node.alias.clone()?, node.address.clone()))));
        let mut plan = Self {
            owners: Vec::new(),
            slots: vec![NOBODY; SLOTS],
            nodes: Vec::new(),
            aliases,
            newest: views.iter().map(View::newest).max().unwrap_or_default(),
        };
        for node in seen() {
            // A node that has not heard the name of another one yet says where it is.
            let address = plan.aliases.get(&node.address).unwrap_or(&node.address).clone();
            if !node.is_down && !plan.nodes.contains(&address) {
                plan.nodes.push(address.clone());
            }
            if !node.is_master || node.slots.is_empty() {
                continue;
            }
            let number = plan.owner(&address, node.epoch, node.is_down);
            for slot in
                node.slots.iter().flat_map(|range| usize::from(*range.start())..=usize::from(*range.end()))
            {
                let holder = plan.owners.get(usize::from(plan.slots[slot]));
                if holder.is_none_or(|holder| holder.epoch < node.epoch) {
                    plan.slots[slot] = number;
                }
            }
        }
        let Self { aliases, nodes, .. } = &mut plan;
        aliases.retain(|_, name| nodes.contains(name));
        plan
    }

    /// Says whether every slot is served.
    pub(super) fn is_whole(&self) -> bool {
        let is_served =
            |number: &u16| self.owners.get(usize::from(*number)).is_some_and(|owner| !owner.is_down);
        self.slots.iter().all(is_served)
    }

    /// Returns the number of an owner, which is new if it was not seen with this epoch.
    fn owner(&mut self, address: &Address, epoch: u64, is_down: bool) -> u16 {
        let known = self.owners.iter().position(|owner| owner.address == *address && owner.epoch == epoch);
        let index = known.unwrap_or_else(|| {
            self.owners.push(Owner { address: address.clone(), epoch, is_down: false });
            self.owners.len() - 1
        });
        self.owners[index].is_down |= is_down;
        u16::try_from(index).unwrap_or(NOBODY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::view::Seen;

    fn master(port: u16, epoch: u64, slots: std::ops::RangeInclusive<u16>) -> Seen {
        let address = Address { host: "10.0.0.1".to_owned(), port };
        Seen { address, alias: None, is_master: true, is_down: false, epoch, slots: vec![slots] }
    }

    fn view(nodes: &[Seen]) -> View {
        View { nodes: nodes.to_vec() }
    }

    fn port(plan: &Plan, slot: usize) -> Option<u16> {
        plan.owners.get(usize::from(plan.slots[slot])).map(|owner| owner.address.port)
    }

    #[test]
    fn newest_claim_wins_in_any_order() {
        let old = view(&[master(1, 1, 0..=16_383)]);
        let new = view(&[master(1, 1, 0..=99), master(2, 7, 100..=16_383)]);
        for views in [[old.clone(), new.clone()], [new, old]] {
            let plan = Plan::of(&views, &Aliases::new());

            assert_eq!((port(&plan, 99), port(&plan, 100)), (Some(1), Some(2)));
            assert!(plan.is_whole());
            assert_eq!(plan.newest, 7);
        }
    }

    #[test]
    fn plan_is_not_whole_while_a_master_is_down_or_a_slot_has_none() {
        let down = Seen { is_down: true, ..master(2, 2, 8_000..=16_383) };

        let plan = Plan::of(&[view(&[master(1, 1, 0..=7_999), down])], &Aliases::new());
        assert!(!plan.is_whole());
        assert_eq!(plan.nodes.len(), 1);

        assert!(!Plan::of(&[view(&[master(1, 1, 1..=16_383)])], &Aliases::new()).is_whole());
        assert!(!Plan::of(&[], &Aliases::new()).is_whole());
    }

    #[test]
    fn node_has_its_name_though_some_have_not_heard_it() {
        let at = |host: &str| Address { host: host.to_owned(), port: 1 };
        let named = Seen { address: at("node-1"), alias: Some(at("10.0.0.1")), ..master(1, 1, 0..=16_383) };
        let unnamed = master(1, 1, 0..=16_383);
        for views in [[named.clone(), unnamed.clone()], [unnamed, named]] {
            let plan = Plan::of(&views.map(|seen| view(&[seen])), &Aliases::new());

            assert_eq!(plan.nodes, [at("node-1")]);
            assert_eq!(plan.owners.len(), 1);
            assert_eq!(plan.owners[0].address, at("node-1"));

            // Nobody who answers next has heard the name.
            let next = Plan::of(&[view(&[master(1, 1, 0..=16_383)])], &plan.aliases);
            assert_eq!(next.owners[0].address, at("node-1"));
        }
    }

    #[test]
    fn replicas_are_nodes_and_own_nothing() {
        let replica = Seen { is_master: false, slots: Vec::new(), ..master(2, 1, 0..=0) };

        let plan = Plan::of(&[view(&[master(1, 1, 0..=16_383), replica])], &Aliases::new());

        assert_eq!((plan.nodes.len(), plan.owners.len()), (2, 1));
    }
}

//! The map as it is in use: slots and the connections that lead to their nodes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Shared;
use super::member::Member;
use super::plan::{Aliases, Plan};
use crate::stream::Address;

/// Who serves which slot.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// For each slot the number of its owner; empty before the first look.
    slots: Vec<u16>,
    owners: Vec<Owner>,
    /// Every node that is known, replicas too.
    members: HashMap<Address, Arc<Member>>,
    /// What redirections may call a node, and where it is.
    aliases: Aliases,
    /// The last vote that is known, and when that was last confirmed.
    newest: u64,
    confirmed: Option<Instant>,
}

/// A node that serves slots, and the vote that gave it the right to.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) member: Arc<Member>,
    pub(super) epoch: u64,
}

impl Map {
    /// Says whether nothing is known yet.
    pub(super) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Owner> {
        self.owners.get(usize::from(*self.slots.get(usize::from(slot))?))
    }

    pub(super) fn owners(&self) -> &[Owner] {
        &self.owners
    }

    pub(super) const fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.values()
    }

    pub(super) fn member(&self, address: &Address) -> Option<&Arc<Member>> {
        self.members.get(self.aliases.get(address).unwrap_or(address))
    }

    /// Returns the oldest vote that is still news; a cluster that was set up anew counts from the beginning, which is
    /// believed when nothing newer was heard for a while.
    pub(super) fn oldest_news(&self) -> u64 {
        match self.confirmed {
            Some(at) if at.elapsed() < PATIENCE => self.newest,
            _ => 0,
        }
    }

    /// Says whether any slot is served elsewhere than in this map.
    fn differs(&self, plan: &Plan) -> bool {
        let now =
            |slot: usize| self.owners.get(usize::from(*self.slots.get(slot)?)).map(|it| &it.member.address);
        let then = |slot: usize| plan.owners.get(usize::from(plan.slots[slot])).map(|it| &it.address);
        (0..plan.slots.len()).any(|slot| now(slot) != then(slot))
    }
}

impl Shared {
    /// Returns the node at an address, which may be none that the map knows yet.
    pub(super) fn member(&self, address: &Address) -> Arc<Member> {
        if let Some(member) = self.map.read().member(address) {
            return Arc::clone(member);
        }
        let new = || Arc::new(Member::new(address.clone(), self.this.clone(), self.options.clone()));
        Arc::clone(self.map.write().members.entry(address.clone()).or_insert_with(new))
    }

    /// Puts a plan into use. Connections to nodes that stay are kept.
    pub(super) fn apply(&self, plan: &Plan) {
        let named = plan.nodes.iter().chain(plan.owners.iter().map(|owner| &owner.address));
        let members: HashMap<_, _> = named.map(|address| (address.clone(), self.member(address))).collect();
        let owner = |owner: &super::plan::Owner| Owner {
            member: Arc::clone(&members[&owner.address]),
            epoch: owner.epoch,
        };
        let owners = plan.owners.iter().map(owner).collect();
        let mut map = self.map.write();
        let differs = map.differs(plan);
        let gone = std::mem::replace(&mut map.members, members);
        map.slots.clone_from(&plan.slots);
        let before = std::mem::replace(&mut map.owners, owners);
        let is_owner = |member: &Arc<Member>| plan.owners.iter().any(|owner| owner.address == member.address);
        map.aliases.clone_from(&plan.aliases);
        map.newest = plan.newest;
        map.confirmed = Some(Instant::now());
        drop(map);
        // Not under the lock: the last owner of a connection closes it.
        drop(gone);
        for Owner { member, .. } in before {
            // Who still waits for a node that hangs waits in vain, and can ask the new one.
            if member.is_suspected() && !is_owner(&member) {
                member.node.link().renew();
            }
        }
        if differs {
            for follower in self.followers() {
                follower.moved();
            }
        }
    }
}

/// How long an older state of the cluster than the one that is known is not believed: twice the usual time after which
/// a master that was cut off stops to answer.
const PATIENCE: Duration = Duration::from_secs(30);

//! The way of one command through a cluster.

use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Result};
use maily_redis::{Command, Reply};
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::map::Owner;
use super::member::Member;
use super::redirect::Redirect;
use super::slot::slot;
use super::watch::Watcher;
use crate::error;
use crate::stream::Address;

/// Where a command goes next.
enum Hop {
    /// To the node to which the key is on its way.
    Ask(Address),
    /// Where the map says.
    Map,
    /// Where a node says.
    Moved(Address),
}

/// Sends a command to the node that serves its key, wherever that turns out to be, until its deadline.
///
/// A command that may have reached a node is not sent again: its error goes to the caller.
pub(super) async fn route(
    shared: Arc<Shared>,
    watch: Option<Arc<Watcher>>,
    command: Command,
) -> Result<Reply> {
    let slot = command.key.and_then(|index| command.arguments.get(index)).map(|key| slot(key));
    let mut hop = Hop::Map;
    let mut last = Err(error::timeout());
    let mut hops = 0;
    loop {
        // The first redirection is followed at once. More of them mean that the nodes do not agree yet.
        if hops > 1 {
            let until = Instant::now() + PAUSE * hops;
            if until >= command.deadline {
                return last;
            }
            sleep_until(until).await;
        }
        hops = MAX_PAUSES.min(hops + 1);
        if command.deadline <= Instant::now() {
            return last;
        }
        let owner = match owner(&shared, slot, command.deadline).await {
            Ok(owner) => owner,
            // Nobody serves the slot, but somebody will.
            Err(err) if err.code() == Code::RedisNoMaster && !shared.map.read().is_empty() => {
                last = Err(err);
                hop = Hop::Map;
                continue;
            }
            Err(err) => return Err(err),
        };
        let (member, asking) = match hop {
            Hop::Ask(address) => (shared.member(&address), true),
            Hop::Map => (Arc::clone(&owner.member), false),
            Hop::Moved(address) => (shared.member(&address), false),
        };
        let outcome = send(&member, watch.as_deref(), with_epoch(&command, &owner), asking).await;
        let redirect = match &outcome {
            Ok(Reply::Refused { code, message }) => Redirect::read(code, message, &member.address),
            Ok(_) => None,
            Err(err) if is_trouble(err, &command) => {
                member.suspect(true);
                shared.refresh();
                if !error::is_unsent(err) {
                    return outcome;
                }
                shared.refreshed(command.deadline).await?;
                if is_still(&shared, slot, &member) {
                    return outcome;
                }
                hop = Hop::Map;
                last = outcome;
                continue;
            }
            Err(_) => return outcome,
        };
        member.suspect(false);
        hop = match redirect {
            None => return outcome,
            Some(Redirect::Ask(address)) => Hop::Ask(address),
            // The epoch must be that of the new owner, which only the map has.
            Some(Redirect::Moved(_)) if command.epoch.is_some() => {
                shared.refreshed(command.deadline).await?;
                Hop::Map
            }
            Some(Redirect::Moved(address)) => Hop::Moved(address),
            Some(Redirect::Later) => {
                shared.refresh();
                Hop::Map
            }
        };
        last = outcome;
    }
}

/// Returns who serves the slot, after a look at the cluster if that is not known.
///
/// A look has less time than a call may have: while nobody answers, and nobody is known, the next one follows until the
/// deadline.
async fn owner(shared: &Shared, slot: Option<u16>, deadline: Instant) -> Result<Owner> {
    if let Some(owner) = find(shared, slot) {
        return Ok(owner);
    }
    loop {
        shared.refreshed(deadline).await?;
        if let Some(owner) = find(shared, slot) {
            return Ok(owner);
        }
        if !shared.map.read().is_empty() {
            return Err(error::no_master("no node serves the slot"));
        }
        let trouble = shared.trouble();
        if trouble.code() != Code::Timeout {
            return Err(trouble);
        }
    }
}

fn find(shared: &Shared, slot: Option<u16>) -> Option<Owner> {
    let map = shared.map.read();
    if let Some(slot) = slot {
        return map.owner(slot).cloned();
    }
    // Any node that is not in trouble, each time another one.
    let owners = map.owners();
    let start = if owners.is_empty() { 0 } else { rand::random_range(0..owners.len()) };
    let turned = || owners[start..].iter().chain(&owners[..start]);
    turned().find(|owner| !owner.member.is_suspected()).or_else(|| turned().next()).cloned()
}

/// Says whether a look at the cluster leads to the same node again.
fn is_still(shared: &Shared, slot: Option<u16>, member: &Member) -> bool {
    find(shared, slot).is_none_or(|owner| owner.member.address == member.address)
}

async fn send(member: &Member, watch: Option<&Watcher>, command: Command, asking: bool) -> Result<Reply> {
    let watched = watch.map(|watch| watch.node(member));
    let node = watched.as_ref().unwrap_or(&member.node);
    if asking { node.call_asking(command) } else { node.call(command) }.await
}

/// Writes the epoch of the slot's owner into the command. A node to which the slot is on its way gets a newer one only
/// when it has arrived.
fn with_epoch(command: &Command, owner: &Owner) -> Command {
    let mut command = command.clone();
    if let Some(index) = command.epoch.take()
        && let Some(argument) = command.arguments.get_mut(index)
    {
        *argument = owner.epoch.to_string().into();
    }
    command
}

/// Says whether an error speaks against the node. That a command waited in vain does not.
fn is_trouble(err: &Error, command: &Command) -> bool {
    match err.code() {
        Code::Timeout => !command.blocking,
        // A certificate may be for a name that was not known yet.
        Code::RedisCertificateRefused | Code::RedisProtocol | Code::RedisUnreachable => true,
        _ => false,
    }
}

/// By how much each pause between two nodes is longer than the last.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest pause is so many of them.
const MAX_PAUSES: u32 = 10;

//! What calls hand to the task that drives their connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use maily_errors::Error;
use maily_redis::Command;
use tokio::time::Instant;

use super::events::Confirmation;
use super::slot::Slot;
use super::{MAX_CALLS, MAX_QUEUED_BYTES};
use crate::error::Failure;
use crate::resp::encode;

/// One command on its way, from its encoding to its reply.
#[derive(Debug)]
pub(super) struct Flight {
    /// Who waits; nobody for a heartbeat and for subscriptions.
    pub(super) slot: Option<Arc<Slot>>,
    /// When who waits stops to; never for what nobody waits for.
    pub(super) deadline: Option<Instant>,
    /// What confirms the command, where it has no reply. Boxed: it is rare.
    pub(super) confirmation: Option<Box<Confirmation>>,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody is left who could call.
    Closed,
    /// The connection is of no use any more.
    Lost(Error),
    /// Somebody wants another connection.
    Renewed,
}

/// How the connection is.
#[derive(Debug)]
pub(super) enum State {
    /// Being made.
    Connecting,
    /// Not there, and the last attempt to make it failed.
    Down(Failure),
    /// Not there, and nobody makes it.
    Idle,
    /// Takes commands.
    Up,
}

/// Commands that are encoded and not yet taken by the driver, in the order in which their replies will come.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) state: State,
    /// Wakes the driver; taken by the first command that it must hear of, so that many commands wake it once.
    pub(super) driver: Option<Waker>,
    pub(super) bytes: Vec<u8>,
    pub(super) flights: VecDeque<Flight>,
    /// The first of their deadlines.
    pub(super) earliest: Option<Instant>,
    /// How many flights the driver had when it last looked.
    pub(super) taken: usize,
    /// What takes the place of [`Command::epoch`].
    pub(super) epoch: u64,
    /// Attempts that failed since the connection was last of use.
    pub(super) failures: u32,
    /// Whether the connection is to be replaced.
    pub(super) renew: bool,
    /// Whether the last that the listener heard of the connection is that it is lost.
    pub(super) lost: bool,
    /// Whether nobody is left who could call.
    pub(super) closed: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            state: State::Idle,
            driver: None,
            bytes: Vec::new(),
            flights: VecDeque::new(),
            earliest: None,
            taken: 0,
            epoch: 0,
            failures: 0,
            renew: false,
            lost: false,
            closed: false,
        }
    }

    /// Returns why the connection is to end, if it is.
    pub(super) fn end(&self) -> Option<End> {
        // Calls keep their link: nobody waits on a closed one.
        if self.closed {
            return Some(End::Closed);
        }
        self.renew.then_some(End::Renewed)
    }

    /// Begins an attempt to connect: what was asked for until now is met by it. Returns whether anybody needs it.
    pub(super) const fn begin(&mut self) -> bool {
        self.renew = false;
        !self.closed
    }

    /// Says whether one more command fits: a large one always does when nothing else waits to be written.
    pub(super) fn has_room(&self, command: &Command) -> bool {
        self.flights.len() + self.taken < MAX_CALLS
            && (self.bytes.is_empty()
                || self.bytes.len() + encode::size(&command.arguments) <= MAX_QUEUED_BYTES)
    }

    /// Appends a command; returns the driver's waker if it must be woken.
    #[inline]
    pub(super) fn push(&mut self, command: &Command, slot: Option<Arc<Slot>>) -> Option<Waker> {
        let epoch = command.epoch.map(|index| (index, self.epoch));
        encode::command(&mut self.bytes, &command.arguments, epoch);
        let confirmation = Confirmation::of(&command.arguments).map(Box::new);
        let deadline = slot.is_some().then_some(command.deadline);
        if let Some(deadline) = deadline
            && self.earliest.is_none_or(|earliest| deadline < earliest)
        {
            self.earliest = Some(deadline);
        }
        self.flights.push_back(Flight { slot, deadline, confirmation });
        self.driver.take()
    }

    /// Appends what lets the next command through to a slot that is on its way to this node of a cluster.
    pub(super) fn push_asking(&mut self) {
        self.bytes.extend_from_slice(b"*1\r\n$6\r\nASKING\r\n");
        self.flights.push_back(Flight { slot: None, deadline: None, confirmation: None });
    }
}

//! Questions under way, own ones and those for others.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::InstanceName;

/// The most questions that are remembered, of each sort. More than are ever under way in a mesh of 256.
const MAX: usize = 256;

/// Questions under way.
#[derive(Debug, Default)]
pub(super) struct Probes {
    last: u32,
    own: VecDeque<Probe>,
    relayed: VecDeque<Relay>,
}

#[derive(Debug)]
struct Probe {
    number: u32,
    target: InstanceName,
    asked_at: Duration,
    helped: bool,
}

/// A question that was asked for somebody else.
#[derive(Debug)]
struct Relay {
    number: u32,
    asker: SocketAddr,
    /// The number that the asker gave it.
    theirs: u32,
    asked_at: Duration,
}

impl Probes {
    /// Returns a number for a question whose answer nobody waits for.
    pub(super) fn number(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Begins to wait for an answer, and returns the number of the question.
    pub(super) fn begin(&mut self, target: InstanceName, now: Duration) -> u32 {
        let number = self.number();
        if self.own.len() == MAX {
            self.own.pop_front();
        }
        self.own.push_back(Probe { number, target, asked_at: now, helped: false });
        number
    }

    /// Notes that somebody wants to know whether another answers, and returns the number of the question.
    pub(super) fn relay(&mut self, asker: SocketAddr, theirs: u32, now: Duration) -> u32 {
        let number = self.number();
        if self.relayed.len() == MAX {
            self.relayed.pop_front();
        }
        self.relayed.push_back(Relay { number, asker, theirs, asked_at: now });
        number
    }

    /// Ends a question; if it was asked for another, returns whom to tell, and the number of its question.
    pub(super) fn answered(&mut self, number: u32) -> Option<(SocketAddr, u32)> {
        self.own.retain(|probe| probe.number != number);
        let at = self.relayed.iter().position(|relay| relay.number == number)?;
        self.relayed.remove(at).map(|relay| (relay.asker, relay.theirs))
    }

    /// Ends a question that a helper answered, and returns whom it was about.
    pub(super) fn reached(&mut self, number: u32) -> Option<InstanceName> {
        let at = self.own.iter().position(|probe| probe.number == number)?;
        self.own.remove(at).map(|probe| probe.target)
    }

    /// Returns the questions that are not answered after `wait`, each once.
    pub(super) fn unanswered(&mut self, now: Duration, wait: Duration) -> Vec<(u32, InstanceName)> {
        // Half a round less: rounds are not of one length.
        let due = |probe: &&mut Probe| !probe.helped && now + wait / 2 >= probe.asked_at + wait;
        self.own
            .iter_mut()
            .filter(due)
            .map(|probe| {
                probe.helped = true;
                (probe.number, probe.target.clone())
            })
            .collect()
    }

    /// Ends the questions that are not answered after `wait`; returns whom they were about, and since when.
    pub(super) fn failed(&mut self, now: Duration, wait: Duration) -> Vec<(InstanceName, Duration)> {
        while self.relayed.front().is_some_and(|relay| now >= relay.asked_at + wait) {
            self.relayed.pop_front();
        }
        let mut failed = Vec::new();
        while self.own.front().is_some_and(|probe| now >= probe.asked_at + wait) {
            failed.extend(self.own.pop_front().map(|probe| (probe.target, probe.asked_at)));
        }
        failed
    }

    /// Gives all questions more time.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.own.iter_mut().for_each(|probe| probe.asked_at += by);
        self.relayed.iter_mut().for_each(|relay| relay.asked_at += by);
    }
}

//! Every order in which a server, a stream and a client may do things: a model of the argument in the documentation.

use std::collections::VecDeque;

use proptest::prelude::*;
use tokio::time::Instant;

use super::TTL;
use crate::cache::NearConfig;
use crate::cache::entry::Entry;
use crate::cache::table::{Table, Ticket};
use crate::model::{Held, Key};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// Somebody writes on the server.
    Write(usize),
    /// A caller takes a ticket and sends a read.
    Send(usize),
    /// The server executes the oldest read.
    Execute,
    /// The client takes the next message from the stream.
    Receive,
    /// A caller wakes up, whichever of them, and keeps its reply.
    Keep(usize),
    /// The connection is cut.
    Cut,
    /// A new one listens.
    Connect,
    /// The server forgets everything that it has.
    Flush,
}

enum Message {
    Changed(usize),
    Flushed,
    Reply(usize, u64, Ticket),
}

/// A server, a stream and a client, one step at a time.
struct World {
    table: Table,
    versions: [u64; KEYS],
    noted: [bool; KEYS],
    sent: VecDeque<(usize, Ticket)>,
    stream: VecDeque<Message>,
    woken: Vec<(usize, u64, Ticket)>,
    connected: bool,
}

const KEYS: usize = 3;

impl World {
    fn new() -> Self {
        Self {
            table: Table::new(NearConfig { max_entries: 100, ..NearConfig::default() }),
            versions: [0; KEYS],
            noted: [false; KEYS],
            sent: VecDeque::new(),
            stream: VecDeque::new(),
            woken: Vec::new(),
            connected: false,
        }
    }

    fn key(number: usize) -> Key {
        Key::new(vec![b'a' + number as u8]).unwrap()
    }

    fn step(&mut self, happens: Happens) {
        match happens {
            Happens::Write(key) => {
                self.versions[key] += 1;
                if std::mem::take(&mut self.noted[key]) {
                    self.stream.push_back(Message::Changed(key));
                }
            }
            Happens::Flush => {
                self.versions.iter_mut().for_each(|version| *version += 1);
                self.noted = [false; KEYS];
                if self.connected {
                    self.stream.push_back(Message::Flushed);
                }
            }
            Happens::Send(key) => {
                let ticket = self.table.ticket(&Self::key(key));
                if self.connected {
                    self.sent.push_back((key, ticket));
                }
            }
            Happens::Execute => {
                if let Some((key, ticket)) = self.sent.pop_front() {
                    self.noted[key] = true;
                    self.stream.push_back(Message::Reply(key, self.versions[key], ticket));
                }
            }
            Happens::Receive => match self.stream.pop_front() {
                Some(Message::Changed(key)) => self.table.invalidate(&Self::key(key)),
                Some(Message::Flushed) => self.table.flush(),
                Some(Message::Reply(key, version, ticket)) => self.woken.push((key, version, ticket)),
                None => {}
            },
            Happens::Keep(which) => {
                if !self.woken.is_empty() {
                    let (key, version, ticket) = self.woken.swap_remove(which % self.woken.len());
                    let held = Held { value: version.to_string().into(), left: None };
                    let entry = Entry::new(Some(&held), Instant::now(), TTL, ticket.state);
                    self.table.keep(&Self::key(key), entry, ticket);
                }
            }
            Happens::Cut => {
                self.connected = false;
                self.noted = [false; KEYS];
                self.sent.clear();
                self.stream.clear();
                self.table.lose();
            }
            Happens::Connect => {
                if !self.connected {
                    self.connected = true;
                    self.table.listen();
                }
            }
        }
    }

    /// What is believed is what the server has, unless the message that says otherwise is on its way.
    fn check(&self) {
        for key in 0..KEYS {
            let Some(entry) = self.table.get(&Self::key(key)) else { continue };
            let on_its_way = self.stream.iter().any(|message| match message {
                Message::Changed(changed) => *changed == key,
                Message::Flushed => true,
                Message::Reply(..) => false,
            });
            let current = entry.value.unwrap() == self.versions[key].to_string();
            assert!(self.connected && (current || on_its_way), "key {key} is stale and nobody will say so");
        }
    }
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..KEYS).prop_map(Happens::Write),
        6 => (0..KEYS).prop_map(Happens::Send),
        6 => Just(Happens::Execute),
        8 => Just(Happens::Receive),
        6 => (0..8_usize).prop_map(Happens::Keep),
        1 => Just(Happens::Cut),
        2 => Just(Happens::Connect),
        1 => Just(Happens::Flush),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_believed_is_true_or_about_to_be_corrected(steps in prop::collection::vec(happens(), 1..400)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
    }
}

//! The contents of a packet: numbers in base 128, bytes behind their length, items until the end.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::peer::{Claim, PeerStatus};
use super::replica::Changes;
use super::seal::OVERHEAD_BYTES;
use super::{MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_PACKET_BYTES, MAX_VALUE_BYTES};
use crate::model::InstanceName;

/// The most bytes of contents in a packet.
const MAX_CONTENTS: usize = MAX_PACKET_BYTES - OVERHEAD_BYTES;

/// What one instance tells another.
#[derive(Debug, PartialEq)]
pub(super) struct Packet {
    /// The sender itself, as any other entry.
    pub(super) from: Entry,
    /// Counts the packets of the sender, so that none counts twice.
    pub(super) sequence: u64,
    pub(super) kind: Kind,
    pub(super) entries: Vec<Entry>,
    pub(super) changes: Vec<(InstanceName, u64, Changes)>,
}

/// What a packet asks for. Every question has a number that its answer repeats.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// "This is what I know of those from `low` to before `high`; what do you know more, or less?"
    Ask { number: u32, low: Option<InstanceName>, high: Option<InstanceName> },
    /// What the asker did not know, and what it is asked for.
    Answer { number: u32 },
    /// What the answer asked for. Nobody answers it.
    Rest,
    /// "I cannot reach this one; can you?"
    AskFor { number: u32, target: InstanceName },
    /// "I can."
    Reached { number: u32 },
}

/// What the sender knows of an instance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) name: InstanceName,
    pub(super) claim: Claim,
    /// Whether the sender suspects it by what it saw itself.
    pub(super) own_eyes: bool,
    /// Up to where the sender knows what the instance shares.
    pub(super) version: u64,
    /// Up to where the sender need not be told what was removed.
    pub(super) floor: u64,
    /// Where it is; said only to those who do not know.
    pub(super) address: Option<SocketAddr>,
}

const ENTRY: u8 = 1;
const CHANGES: u8 = 2;
const OWN_EYES: u8 = 1 << 2;
const ADDRESS: u8 = 1 << 3;

/// Writes the contents of a packet, as much as fits.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    empty: usize,
}

impl Writer {
    pub(super) fn new(from: &Entry, sequence: u64, kind: &Kind) -> Self {
        let mut bytes = Vec::with_capacity(MAX_CONTENTS);
        put_number(&mut bytes, sequence);
        put_entry(&mut bytes, from);
        let (tag, number) = match kind {
            Kind::Ask { number, .. } => (0, *number),
            Kind::Answer { number } => (1, *number),
            Kind::Rest => (2, 0),
            Kind::AskFor { number, .. } => (3, *number),
            Kind::Reached { number } => (4, *number),
        };
        bytes.push(tag);
        put_number(&mut bytes, number.into());
        match kind {
            Kind::Ask { low, high, .. } => {
                put_bytes(&mut bytes, low.as_ref().map_or("", InstanceName::as_str).as_bytes());
                put_bytes(&mut bytes, high.as_ref().map_or("", InstanceName::as_str).as_bytes());
            }
            Kind::AskFor { target, .. } => put_bytes(&mut bytes, target.as_str().as_bytes()),
            _ => {}
        }
        let empty = bytes.len();
        Self { bytes, empty }
    }

    /// Adds an entry; returns whether it fitted.
    pub(super) fn entry(&mut self, entry: &Entry) -> bool {
        let before = self.bytes.len();
        self.bytes.push(ENTRY);
        put_entry(&mut self.bytes, entry);
        self.fits(before)
    }

    /// Adds the changes of an instance from the oldest on, as many as fit; returns those that did not.
    pub(super) fn changes(
        &mut self,
        name: &InstanceName,
        generation: u64,
        mut changes: Changes,
    ) -> Option<Changes> {
        let before = self.bytes.len();
        self.bytes.push(CHANGES);
        put_bytes(&mut self.bytes, name.as_str().as_bytes());
        for number in [generation, changes.from, changes.floor] {
            put_number(&mut self.bytes, number);
        }
        let count_at = self.bytes.len();
        self.bytes.push(0);
        let mut count = 0;
        for (key, version, value) in &changes.values {
            let before = self.bytes.len();
            put_number(&mut self.bytes, *version);
            put_bytes(&mut self.bytes, key.as_bytes());
            // A length of 0 is a removed value, so that of a value is one more.
            put_number(&mut self.bytes, value.as_ref().map_or(0, |value| value.len() as u64 + 1));
            self.bytes.extend_from_slice(value.as_deref().unwrap_or_default());
            // Ten bytes are left for the number that says how far these go.
            if self.bytes.len() + 10 > MAX_CONTENTS || count == u8::MAX {
                self.bytes.truncate(before);
                break;
            }
            count += 1;
        }
        let all = usize::from(count) == changes.values.len();
        if count == 0 && !all || self.bytes.len() + 10 > MAX_CONTENTS {
            self.bytes.truncate(before);
            return Some(changes);
        }
        let upto = if all { changes.upto } else { changes.values[usize::from(count) - 1].1 };
        self.bytes[count_at] = count;
        put_number(&mut self.bytes, upto);
        if all {
            return None;
        }
        changes.values.drain(..usize::from(count));
        Some(Changes { from: upto, ..changes })
    }

    fn fits(&mut self, before: usize) -> bool {
        let fits = self.bytes.len() <= MAX_CONTENTS;
        if !fits {
            self.bytes.truncate(before);
        }
        fits
    }

    /// Returns whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == self.empty
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    put_number(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

fn put_entry(bytes: &mut Vec<u8>, entry: &Entry) {
    put_bytes(bytes, entry.name.as_str().as_bytes());
    let status = match entry.claim.status {
        PeerStatus::Alive => 0,
        PeerStatus::Suspect => 1,
        PeerStatus::Dead => 2,
        PeerStatus::Left => 3,
    };
    let own_eyes = if entry.own_eyes { OWN_EYES } else { 0 };
    let address = if entry.address.is_some() { ADDRESS } else { 0 };
    bytes.push(status | own_eyes | address);
    put_number(bytes, entry.claim.generation);
    put_number(bytes, entry.claim.incarnation.into());
    put_number(bytes, entry.version);
    put_number(bytes, entry.floor);
    match entry.address {
        Some(SocketAddr::V4(address)) => {
            put_bytes(bytes, &address.ip().octets());
            bytes.extend_from_slice(&address.port().to_be_bytes());
        }
        Some(SocketAddr::V6(address)) => {
            put_bytes(bytes, &address.ip().octets());
            bytes.extend_from_slice(&address.port().to_be_bytes());
        }
        None => {}
    }
}

/// Reads the contents of a packet; `None` if they are not one, to the last byte.
pub(super) fn read(bytes: &[u8]) -> Option<Packet> {
    let mut reader = Reader(bytes);
    let sequence = reader.number()?;
    let from = reader.entry()?;
    let tag = reader.byte()?;
    let number = u32::try_from(reader.number()?).ok()?;
    let kind = match tag {
        0 => Kind::Ask { number, low: reader.bound()?, high: reader.bound()? },
        1 => Kind::Answer { number },
        2 => Kind::Rest,
        3 => Kind::AskFor { number, target: reader.name()? },
        4 => Kind::Reached { number },
        _ => return None,
    };
    let (mut entries, mut changes) = (Vec::new(), Vec::new());
    while !reader.0.is_empty() {
        match reader.byte()? {
            ENTRY => entries.push(reader.entry()?),
            CHANGES => changes.push(reader.changes()?),
            _ => return None,
        }
    }
    // A sender knows where it is, and lives.
    let sane = from.address.is_some() && from.claim.generation > 0 && sequence > 0;
    sane.then_some(Packet { from, sequence, kind, entries, changes })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has one bit left.
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, most: usize) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok().filter(|len| *len <= most)?;
        self.take(len)
    }

    fn text(&mut self, most: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(most)?).ok()
    }

    fn bound(&mut self) -> Option<Option<InstanceName>> {
        let text = self.text(MAX_NAME_BYTES)?;
        Some((!text.is_empty()).then(|| text.into()))
    }

    fn name(&mut self) -> Option<InstanceName> {
        self.bound()?
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let address = self.bytes(16)?;
        let port = self.take(2)?;
        let port = u16::from_be_bytes([port[0], port[1]]);
        if let Ok(v4) = <[u8; 4]>::try_from(address) {
            return Some((v4, port).into());
        }
        <[u8; 16]>::try_from(address).ok().map(|v6| (v6, port).into())
    }

    fn entry(&mut self) -> Option<Entry> {
        let name = self.name()?;
        let flags = self.byte()?;
        let status = match flags & 0b11 {
            0 => PeerStatus::Alive,
            1 => PeerStatus::Suspect,
            2 => PeerStatus::Dead,
            _ => PeerStatus::Left,
        };
        let generation = self.number()?;
        let incarnation = u32::try_from(self.number()?).ok()?;
        let (version, floor) = (self.number()?, self.number()?);
        let address = if flags & ADDRESS == 0 { None } else { Some(self.address()?) };
        let claim = Claim { generation, incarnation, status };
        Some(Entry { name, claim, own_eyes: flags & OWN_EYES != 0, version, floor, address })
    }

    fn changes(&mut self) -> Option<(InstanceName, u64, Changes)> {
        let name = self.name()?;
        let (generation, from, floor) = (self.number()?, self.number()?, self.number()?);
        let count = self.byte()?;
        let mut values = Vec::with_capacity(count.into());
        for _ in 0..count {
            let version = self.number()?;
            let key: Arc<str> = self.text(MAX_KEY_BYTES)?.into();
            let value = match usize::try_from(self.number()?).ok()? {
                0 => None,
                len if len - 1 <= MAX_VALUE_BYTES => Some(Bytes::copy_from_slice(self.take(len - 1)?)),
                _ => return None,
            };
            values.push((key, version, value));
        }
        let upto = self.number()?;
        Some((name, generation, Changes { from, upto, floor, values }))
    }
}

//! What instances tell each other of pots, as the keys `lease/0`, `lease/1`, .. hold it.

use bytes::Bytes;

use super::{Per, Pot, Unit, Window};
use crate::membership::{MAX_VALUE_BYTES, Shared};
use crate::model::{InstanceName, KeyName};

/// What the keys begin with that hold notes.
pub(super) const PREFIX: &str = "lease/";
/// How many of them there are: the others are for loads and nodes.
pub(super) const PARTS: usize = 24;
const VERSION: u8 = 1;
/// What each part begins with: the version, and the life of its writer.
const HEAD_BYTES: usize = 9;

/// One instance in one life. Whoever starts again is another one: what its earlier life was given is lost.
pub(super) type Life = u64;

/// One thing that an instance says of a pot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Note {
    /// It asks another for so much; each ask has its number, and is answered once.
    Ask { to: Life, number: u64, want: u64, pot: Pot },
    /// It has given another so much in all.
    Gift { pot: u64, to: Life, sum: u64 },
    /// It has about so much left.
    Spare { pot: u64, amount: u64 },
}

/// Another instance, and what it says.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) name: InstanceName,
    pub(super) life: Life,
    pub(super) notes: Vec<Note>,
}

/// Returns the key of a part.
pub(super) fn key(part: usize) -> String {
    format!("{PREFIX}{part}")
}

/// Writes notes into as many parts as they need and may have, at least one; what does not fit is left out.
pub(super) fn write(life: Life, notes: &[Note]) -> Vec<Bytes> {
    let head = [&[VERSION][..], &life.to_le_bytes()].concat();
    let (mut parts, mut part) = (Vec::new(), head.clone());
    for note in notes {
        let bytes = note.to_bytes();
        if part.len() + bytes.len() > MAX_VALUE_BYTES {
            parts.push(Bytes::from(std::mem::replace(&mut part, head.clone())));
            if parts.len() == PARTS {
                tracing::debug!("more pots are in use than an instance can tell of");
                return parts;
            }
        }
        part.extend(bytes);
    }
    parts.push(part.into());
    parts
}

/// Reads what others say; what cannot be read is left out.
pub(super) fn read(parts: impl IntoIterator<Item = Shared>) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    for part in parts {
        let Some((head, mut rest)) = part.value.split_at_checked(HEAD_BYTES) else { continue };
        let mut life = [0; 8];
        life.copy_from_slice(&head[1..]);
        let life = Life::from_le_bytes(life);
        if head[0] != VERSION {
            continue;
        }
        let place = all.iter().position(|said| said.life == life).unwrap_or_else(|| {
            all.push(Said { name: part.name.clone(), life, notes: Vec::new() });
            all.len() - 1
        });
        while !rest.is_empty()
            && let Some(note) = Note::read(&mut rest)
        {
            all[place].notes.push(note);
        }
    }
    all
}

impl Note {
    /// Where it stands among all that an instance says: gifts first, for what is not heard of them is lost.
    pub(super) fn rank(&self) -> (u8, u64, Life) {
        match self {
            Self::Gift { pot, to, .. } => (0, *pot, *to),
            Self::Ask { to, pot, .. } => (1, pot.id(), *to),
            Self::Spare { pot, .. } => (2, *pot, 0),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        match self {
            Self::Spare { pot, amount } => {
                bytes.push(0);
                bytes.extend(pot.to_le_bytes());
                put(&mut bytes, *amount);
            }
            Self::Gift { pot, to, sum } => {
                bytes.push(1);
                bytes.extend(pot.to_le_bytes());
                bytes.extend(to.to_le_bytes());
                put(&mut bytes, *sum);
            }
            Self::Ask { to, number, want, pot } => {
                let name = pot.key.as_str().as_bytes();
                bytes.push(2);
                bytes.extend(to.to_le_bytes());
                put(&mut bytes, *number);
                put(&mut bytes, *want);
                bytes.push(place(&UNITS, pot.unit));
                bytes.push(place(&PERS, pot.window.per()));
                put(&mut bytes, pot.window.number().into());
                put(&mut bytes, pot.limit);
                // A name has 64 bytes at most: the keys see to that.
                bytes.push(name.len() as u8);
                bytes.extend(name);
            }
        }
        bytes
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match take(bytes)? {
            0 => Some(Self::Spare { pot: word(bytes)?, amount: number(bytes)? }),
            1 => Some(Self::Gift { pot: word(bytes)?, to: word(bytes)?, sum: number(bytes)? }),
            2 => {
                let (to, count, want) = (word(bytes)?, number(bytes)?, number(bytes)?);
                let unit = *UNITS.get(usize::from(take(bytes)?))?;
                let per = *PERS.get(usize::from(take(bytes)?))?;
                let window = Window::of(per, u32::try_from(number(bytes)?).ok()?);
                let limit = number(bytes)?;
                let len = usize::from(take(bytes)?);
                let (name, rest) = bytes.split_at_checked(len)?;
                *bytes = rest;
                let key = KeyName::new(std::str::from_utf8(name).ok()?);
                let pot = Pot::new(key, unit, window, limit.min(Pot::MAX_LIMIT));
                Some(Self::Ask { to, number: count, want, pot })
            }
            _ => None,
        }
    }
}

/// The codes of units and windows are their places here, so the order never changes.
const UNITS: [Unit; 3] = [Unit::Requests, Unit::Tokens, Unit::Micros];
const PERS: [Per; 4] = [Per::Minute, Per::Day, Per::Month, Per::Total];

fn place<T: Copy + Eq>(all: &[T], one: T) -> u8 {
    all.iter().position(|known| *known == one).unwrap_or_default() as u8
}

/// Writes seven bits a byte, the lowest first.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes)?;
        let part = u64::from(byte & 0x7f);
        // The tenth byte has one bit left.
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn word(bytes: &mut &[u8]) -> Option<u64> {
    let (word, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*word))
}

fn take(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::LocalGossip;
    use crate::port::Gossip;

    fn notes() -> impl Strategy<Value = Vec<Note>> {
        let pot = ("[a-z]{1,64}", 0_usize..3, 0_usize..4, any::<u32>(), 0..=Pot::MAX_LIMIT).prop_map(
            |(key, unit, per, number, limit)| {
                Pot::new(key, UNITS[unit], Window::of(PERS[per], number), limit)
            },
        );
        let note = prop_oneof![
            (any::<u64>(), any::<u64>(), any::<u64>(), pot).prop_map(|(to, number, want, pot)| Note::Ask {
                to,
                number,
                want,
                pot
            }),
            (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(pot, to, sum)| Note::Gift { pot, to, sum }),
            (any::<u64>(), any::<u64>()).prop_map(|(pot, amount)| Note::Spare { pot, amount }),
        ];
        prop::collection::vec(note, 0..60)
    }

    fn shared(parts: &[Bytes]) -> Vec<Shared> {
        let gossip = LocalGossip::new("east");
        let publish = |(part, bytes): (usize, &Bytes)| gossip.publish(&key(part), bytes.clone()).unwrap();
        parts.iter().enumerate().for_each(publish);
        (0..parts.len()).flat_map(|part| gossip.view(&key(part))).collect()
    }

    proptest! {
        #[test]
        fn notes_are_read_as_they_were_written(notes in notes()) {
            let said = read(shared(&write(7, &notes)));

            let heard: Vec<_> = said.iter().flat_map(|said| said.notes.clone()).collect();
            prop_assert_eq!(heard, notes);
            prop_assert!(said.iter().all(|said| said.life == 7 && said.name.as_str() == "east"));
        }

        #[test]
        fn nonsense_is_left_out_and_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            read(shared(&[Bytes::from(bytes.clone())]));
            let behind = [&[VERSION; HEAD_BYTES][..], &bytes[..bytes.len().min(500)]].concat();
            read(shared(&[Bytes::from(behind)]));
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let notes = vec![Note::Spare { pot: 1, amount: u64::MAX }; 10_000];

        let parts = write(7, &notes);

        assert_eq!(parts.len(), PARTS);
        assert!(parts.iter().all(|part| part.len() <= MAX_VALUE_BYTES));
    }
}

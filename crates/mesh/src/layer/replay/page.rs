//! What a page of a shared stream says. No I/O.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::events::split;
use crate::model::{Prompt, StreamId};

/// Whose a stream is: the hash of the tenant and the prompt, the same at every instance.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owner([u8; 16]);

/// What the pages of a stream say together.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Told {
    /// The events, with their numbers.
    pub(super) events: Vec<Bytes>,
    /// Nothing follows.
    pub(super) ended: bool,
    /// How many pages there are.
    pub(super) pages: u32,
}

/// What a page is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// It has events.
    Events = 1,
    /// Another instance goes on from here.
    TakenOver = 2,
    /// The stream is whole.
    End = 3,
}

impl Owner {
    pub(super) fn of(prompt: &Prompt) -> Self {
        let tenant = prompt.head.tenant.as_str().as_bytes();
        let hash = Sha256::new().chain_update((tenant.len() as u64).to_le_bytes());
        let hash = hash.chain_update(tenant).chain_update(prompt.body()).finalize();
        Self(*hash.first_chunk().expect("32 bytes have a first sixteen"))
    }
}

/// Writes a page.
pub(super) fn write(owner: Owner, kind: Kind, events: &[u8]) -> Bytes {
    [&[kind as u8][..], &owner.0, events].concat().into()
}

impl Told {
    /// Reads the pages that follow; `None` when one is not of this owner, or none of ours.
    pub(super) fn read(&mut self, stream: StreamId, owner: Owner, pages: &[Bytes]) -> Option<()> {
        for page in pages {
            let (kind, rest) = page.split_first()?;
            let (said, events) = rest.split_first_chunk::<16>()?;
            if owner != Owner(*said) {
                return None;
            }
            self.pages += 1;
            match Kind::of(*kind)? {
                Kind::Events => {
                    for event in split(events) {
                        let id = stream.event(u32::try_from(self.events.len()).ok()? + 1);
                        self.events.push([format!("id: {id}\n").as_bytes(), event].concat().into());
                    }
                }
                Kind::TakenOver => {}
                Kind::End => self.ended = true,
            }
        }
        Some(())
    }
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Events, Self::TakenOver, Self::End].into_iter().find(|kind| *kind as u8 == byte)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prompt(tenant: &str, body: &str) -> Prompt {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{body}"}}]}}"#);
        Prompt::parse(body).unwrap().with_tenant(tenant)
    }

    #[test]
    fn owner_is_the_tenant_and_the_prompt() {
        let owner = Owner::of(&prompt("acme", "Hi"));

        assert_eq!(owner, Owner::of(&prompt("acme", "Hi")));
        assert_ne!(owner, Owner::of(&prompt("other", "Hi")));
        assert_ne!(owner, Owner::of(&prompt("acme", "Hello")));
        // Written by a version before: the same at every instance, and after every update.
        assert_eq!(owner.0[..4], GOLDEN);
    }

    #[test]
    fn events_are_read_with_the_numbers_that_they_had() {
        let (stream, owner) = (StreamId::new(7), Owner([1; 16]));
        let pages = [
            write(owner, Kind::Events, b"data: a\n\ndata: b\n\n"),
            write(owner, Kind::TakenOver, b""),
            write(owner, Kind::Events, b"event: x\ndata: c\r\n\r\n"),
            write(owner, Kind::End, b""),
        ];
        let mut told = Told::default();

        told.read(stream, owner, &pages[..2]).unwrap();
        assert_eq!((told.events.len(), told.pages, told.ended), (2, 2, false));
        told.read(stream, owner, &pages[2..]).unwrap();

        assert_eq!((told.events.len(), told.pages, told.ended), (3, 4, true));
        assert_eq!(told.events[2], format!("id: {stream}-3\nevent: x\ndata: c\r\n\r\n"));
        assert!(Told::default().read(stream, Owner([2; 16]), &pages).is_none());
    }

    proptest! {
        #[test]
        fn nonsense_is_refused_and_nothing_panics(page in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut told = Told::default();
            let _ = told.read(StreamId::new(7), Owner([1; 16]), &[page.into()]);
        }
    }

    const GOLDEN: [u8; 4] = [32, 1, 57, 223];
}

//! Reads that need no server.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use maily_redis::{Key, MemoryStore, Store as _};

use crate::contest::{Bar, Contest};

pub(super) fn run() {
    let store = MemoryStore::default();
    let keys: Vec<Key> =
        (0..KEYS).map(|number| Key::new(format!("bench:{number}")).expect("a valid key")).collect();
    for key in &keys {
        ready(store.set(key, vec![b'x'; 64].into(), None)).expect("there is room");
    }
    let map: std::collections::HashMap<Vec<u8>, bytes::Bytes> =
        keys.iter().map(|key| (key.as_bytes().to_vec(), vec![b'x'; 64].into())).collect();
    let map = std::sync::RwLock::new(map);
    let mut next = 0;
    let mut turn = || {
        next = (next + 7919) % KEYS;
        &keys[next]
    };
    let mut peer_next = 0;
    let mut peer_turn = || {
        peer_next = (peer_next + 7919) % KEYS;
        keys[peer_next].as_bytes()
    };
    Contest::new("redis", "get in memory", Bar::Nanoseconds(200.0), || ready(store.get(black_box(turn()))))
        .against("HashMap behind a lock", || {
            map.read().expect("nobody panics").get(black_box(peer_turn())).cloned()
        })
        .run();
}

/// Returns what a future has at once.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory does not wait"),
    }
}

const KEYS: usize = 10_000;

//! The envelope and the chance of an early refresh.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::TTL;
use crate::cache::early;
use crate::cache::envelope::{Envelope, Lease};

#[test]
fn envelope_is_read_as_it_was_written() {
    let second = Duration::from_secs(1);
    let leased = |content| Envelope { lease: Some(Lease { holder: 7, beat: 9 }), ..content };
    for envelope in [
        Envelope::empty(),
        Envelope::new(None, second, second),
        Envelope::new(Some(Bytes::new()), Duration::ZERO, Duration::ZERO),
        leased(Envelope::new(Some("value".into()), second, second * 60)),
        leased(Envelope::empty()),
    ] {
        assert_eq!(Envelope::decode(&envelope.encode()), Some(envelope));
    }
}

#[test]
fn envelope_has_the_bytes_that_are_documented() {
    let mut envelope =
        Envelope::new(Some("v".into()), Duration::from_millis(0x0102), Duration::from_millis(0x0304));
    envelope.lease = Some(Lease { holder: 5, beat: 6 });

    let bytes = envelope.encode();

    assert_eq!(bytes[..4], [0xC5, 1, 1, 0]);
    assert_eq!(bytes[4..8], [0, 0, 1, 2]);
    assert_eq!(bytes[8..16], [0, 0, 0, 0, 0, 0, 3, 4]);
    assert_eq!(bytes[16..32], [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6]);
    assert_eq!(bytes[32..], *b"v");
}

#[test]
fn what_no_cache_wrote_is_no_envelope_and_a_later_version_is_empty() {
    let mut later = Envelope::new(Some("v".into()), TTL, TTL).encode().to_vec();
    for foreign in [&b""[..], b"text", &later[..31], &[0; 40]] {
        assert_eq!(Envelope::decode(&Bytes::copy_from_slice(foreign)), None);
    }
    later[1] = 2;
    assert_eq!(Envelope::decode(&later.into()), Some(Envelope::empty()));
}

#[test]
fn early_refresh_happens_as_often_as_the_paper_says() {
    let (left, took) = (Duration::from_millis(200), Duration::from_millis(100));
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let tries = 100_000;
    let due = (0..tries).filter(|_| early::is_due(left, took, 1.0, || 1.0 - rng.random::<f64>())).count();

    // P(-ln(u) >= 2) = e^-2 = 0.1353.
    let share = due as f64 / f64::from(tries);
    assert!((share - 0.1353).abs() < 0.005, "{share}");
    assert!(!early::is_due(Duration::from_secs(60), took, 1.0, || unreachable!("far from the end")));
    assert!(early::is_due(Duration::ZERO, took, 1.0, || 1.0));
    assert!(!early::is_due(left, took, 0.0, || f64::MIN_POSITIVE));
}

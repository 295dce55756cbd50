//! The rules of the ports. An adapter runs them with one line: [`conformance!`](crate::conformance!).
#![expect(
    clippy::missing_panics_doc,
    reason = "each function is a test, which panics when its rule is broken"
)]

use bytes::Bytes;
use maily_errors::{Code, Error};
use tower::ServiceExt as _;

use crate::checkpoint::Checkpoint;
use crate::memory::Ed25519Signer;
use crate::merkle::Hash;
use crate::model::Receipt;
use crate::port::{Call, Journal, Ledger};

/// Makes a test of each rule of a port.
///
/// The expression makes a fresh implementation, once for each rule; it may `.await`. Needs `tokio` with
/// `macros` and `rt` among the dev-dependencies.
///
/// With `ledger?` or `journal?` the expression is an `Option`: without a value, because a component is not
/// installed, the test returns.
///
/// # Examples
///
/// ```
/// maily_trust::conformance!(ledger, maily_trust::memory::MemoryLedger::default());
/// maily_trust::conformance!(journal, maily_trust::memory::MemoryJournal::default());
/// ```
#[macro_export]
macro_rules! conformance {
    (ledger, $make:expr) => {
        $crate::conformance!(@tests ledger, $make,
            ledger_finds_what_was_anchored
            ledger_answers_the_same_when_anchored_again
            ledger_takes_a_checkpoint_that_grew
            ledger_refuses_a_smaller_checkpoint
            ledger_refuses_another_root_for_a_size
            ledger_says_pending_for_what_was_not_anchored
        );
    };
    (journal, $make:expr) => {
        $crate::conformance!(@tests journal, $make,
            journal_reads_what_was_appended
            journal_is_empty_at_first
            journal_keeps_empty_and_large_entries
            journal_keeps_the_order_of_appends
        );
    };
    ($port:ident?, $make:expr) => {
        $crate::conformance!($port, match $make {
            Some(made) => made,
            None => return,
        });
    };
    (@tests $port:ident, $make:expr, $($rule:ident)+) => {
        mod $port {
            #[allow(unused_imports, clippy::allow_attributes, reason = "the expression may need the names around it")]
            use super::*;

            $(
                #[tokio::test]
                async fn $rule() {
                    $crate::conformance::$rule($make).await;
                }
            )+
        }
    };
}

/// What was anchored is found, with the same receipt but for its finality.
pub async fn ledger_finds_what_was_anchored(ledger: impl Ledger) {
    let checkpoint = checkpoint(3, "a").await;

    let anchored = anchor(&ledger, &checkpoint).await.expect("the first checkpoint is anchored");
    let found = lookup(&ledger, &checkpoint).await.expect("what was anchored is found");

    assert_eq!((&found.ledger, found.position), (&anchored.ledger, anchored.position));
    assert_eq!(found.locator, anchored.locator);
    assert!(found.finality >= anchored.finality);
    assert!(found.ledger.len() <= 64 && found.locator.len() <= 128, "a receipt fits a proof");
}

/// Anchoring again is harmless.
pub async fn ledger_answers_the_same_when_anchored_again(ledger: impl Ledger) {
    let checkpoint = checkpoint(3, "a").await;

    let first = anchor(&ledger, &checkpoint).await.expect("the first checkpoint is anchored");
    let second = anchor(&ledger, &checkpoint).await.expect("the same checkpoint is anchored again");

    assert_eq!((first.position, first.locator), (second.position, second.locator));
}

/// A log that grew is anchored, and its earlier state stays findable.
pub async fn ledger_takes_a_checkpoint_that_grew(ledger: impl Ledger) {
    let (small, large) = (checkpoint(3, "a").await, checkpoint(4, "b").await);
    let first = anchor(&ledger, &small).await.expect("the first checkpoint is anchored");

    let second = anchor(&ledger, &large).await.expect("a larger checkpoint is anchored");

    assert!(second.position > first.position);
    assert_eq!(lookup(&ledger, &small).await.expect("the earlier one is found").position, first.position);
    assert_eq!(lookup(&ledger, &large).await.expect("the later one is found").position, second.position);
}

/// A log does not shrink.
pub async fn ledger_refuses_a_smaller_checkpoint(ledger: impl Ledger) {
    let (small, large) = (checkpoint(3, "a").await, checkpoint(4, "b").await);
    anchor(&ledger, &large).await.expect("the first checkpoint is anchored");

    let refused = anchor(&ledger, &small).await.expect_err("a smaller one is refused");

    assert_eq!(refused.code(), Code::LedgerRejected);
    assert!(!refused.is_temporary());
}

/// A size has one root.
pub async fn ledger_refuses_another_root_for_a_size(ledger: impl Ledger) {
    let (one, other) = (checkpoint(3, "a").await, checkpoint(3, "b").await);
    anchor(&ledger, &one).await.expect("the first checkpoint is anchored");

    let refused = anchor(&ledger, &other).await.expect_err("another history is refused");

    assert_eq!(refused.code(), Code::LedgerRejected);
    assert_eq!(lookup(&ledger, &other).await.expect_err("it is not found").code(), Code::AnchorPending);
}

/// What was not anchored may come.
pub async fn ledger_says_pending_for_what_was_not_anchored(ledger: impl Ledger) {
    let refused = lookup(&ledger, &checkpoint(3, "a").await).await.expect_err("nothing was anchored");

    assert_eq!(refused.code(), Code::AnchorPending);
    assert!(refused.is_temporary());
}

/// Entries are read as they were appended, from any number, as many as asked.
pub async fn journal_reads_what_was_appended(journal: impl Journal) {
    let entries = entries(0..10);
    journal.append(entries.clone()).await.expect("entries are appended");

    assert_eq!(journal.read(0, 100).await.expect("all are read"), entries);
    assert_eq!(journal.read(3, 2).await.expect("two are read"), entries[3..5]);
    assert_eq!(journal.read(9, 5).await.expect("the last one is read"), entries[9..]);
    assert!(journal.read(10, 5).await.expect("there is no more").is_empty());
    assert!(journal.read(u64::MAX, 5).await.expect("there is no more").is_empty());
}

/// A new journal has no entry.
pub async fn journal_is_empty_at_first(journal: impl Journal) {
    assert!(journal.read(0, 10).await.expect("nothing is read").is_empty());
    journal.append(Vec::new()).await.expect("appending nothing is harmless");
    assert!(journal.read(0, 10).await.expect("nothing is read").is_empty());
}

/// An entry has 0 to 131,072 bytes.
pub async fn journal_keeps_empty_and_large_entries(journal: impl Journal) {
    let entries = vec![Bytes::new(), Bytes::from(vec![7; 131_072]), Bytes::from_static(b"\0\n\xff")];
    journal.append(entries.clone()).await.expect("entries are appended");

    assert_eq!(journal.read(0, 3).await.expect("all are read"), entries);
}

/// Later appends stand behind earlier ones.
pub async fn journal_keeps_the_order_of_appends(journal: impl Journal) {
    for number in 0..20 {
        journal.append(entries(number..number + 1)).await.expect("an entry is appended");
    }

    assert_eq!(journal.read(0, 100).await.expect("all are read"), entries(0..20));
}

async fn anchor(ledger: &impl Ledger, checkpoint: &Checkpoint) -> Result<Receipt, Error> {
    ledger.clone().oneshot(Call::Anchor(checkpoint.clone())).await
}

async fn lookup(ledger: &impl Ledger, checkpoint: &Checkpoint) -> Result<Receipt, Error> {
    ledger.clone().oneshot(Call::Lookup(checkpoint.clone())).await
}

/// A checkpoint of this size, by one key for all rules.
async fn checkpoint(size: u64, root: &str) -> Checkpoint {
    let signer = Ed25519Signer::from_text(SIGNER).expect("the key is right");
    Checkpoint::sign(size, Hash::of(root.as_bytes()), &signer).await.expect("a key in memory signs")
}

fn entries(numbers: std::ops::Range<u32>) -> Vec<Bytes> {
    numbers.map(|number| Bytes::from(format!("entry {number}"))).collect()
}

/// The published example key of Go's `sumdb/note`.
const SIGNER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

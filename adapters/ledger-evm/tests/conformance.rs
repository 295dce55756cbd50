//! The chain keeps every rule of the `ledger` port.
#![expect(clippy::unwrap_used, reason = "a test")]

#[expect(dead_code, unreachable_pub, reason = "shared by the tests; each uses a part")]
mod support;

use support::Anvil;

maily_trust::conformance!(
    ledger?,
    match Anvil::start() {
        Some(node) => Some(node.ledger().await),
        None => None,
    }
);

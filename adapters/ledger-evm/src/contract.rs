//! The contract: its calls, its event, its bytecode.

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall as _;

mod generated {
    alloy::sol!(MailyAnchor, "contracts/MailyAnchor.json");
}

use self::generated::MailyAnchor;
pub(crate) use self::generated::MailyAnchor::Anchored;

pub(crate) fn bytecode() -> Bytes {
    MailyAnchor::BYTECODE.clone()
}

pub(crate) fn anchor(root: B256, size: u64) -> Bytes {
    MailyAnchor::anchorCall { newRoot: root, size }.abi_encode().into()
}

pub(crate) fn head(issuer: Address) -> Bytes {
    MailyAnchor::headCall { issuer }.abi_encode().into()
}

/// Returns how many certificates the newest checkpoint of an issuer has; nothing if this is no answer of
/// the contract.
pub(crate) fn head_size(answer: &[u8]) -> Option<u64> {
    MailyAnchor::headCall::abi_decode_returns(answer).ok().map(|head| head.size)
}

//! What a node answers, as codes of the catalogue.

use alloy::transports::{RpcError, TransportErrorKind};
use maily_errors::{Code, Error, Public};

/// Maps what came of a request.
pub(crate) fn request(operation: &'static str, err: RpcError<TransportErrorKind>) -> Error {
    let code = match &err {
        // The node understood and refused: a revert, too little balance, a wrong nonce.
        RpcError::ErrorResp(answer) if !answer.is_retry_err() => Code::LedgerRejected,
        _ => Code::LedgerUnreachable,
    };
    let message = match code {
        Code::LedgerRejected => "the chain refused the call",
        _ => "the node of the chain did not answer",
    };
    let mut error = Error::new(code, message).with_operation(operation);
    if let RpcError::ErrorResp(answer) = &err {
        error =
            error.with_context("rpc_code", answer.code).with_context("rpc_message", answer.message.as_ref());
    }
    // The address of a node often holds a key, and the source would print it.
    if matches!(&err, RpcError::Transport(_)) { error } else { error.with_source(err) }
}

pub(crate) fn timed_out(operation: &'static str, limit_ms: u64) -> Error {
    Error::new(Code::LedgerUnreachable, "the node of the chain did not answer in time")
        .with_operation(operation)
        .with_context("limit_ms", Public(limit_ms))
}

pub(crate) fn reverted(gas_used: u64) -> Error {
    Error::new(Code::LedgerRejected, "the chain reverted the transaction")
        .with_operation("ledger_evm::anchor")
        .with_context("gas_used", gas_used)
}

pub(crate) fn rejected(size: u64, last: u64) -> Error {
    Error::new(Code::LedgerRejected, "the checkpoint does not follow the last one")
        .with_operation("ledger_evm::anchor")
        .with_context("size", Public(size))
        .with_context("last_size", Public(last))
}

pub(crate) fn not_the_contract() -> Error {
    Error::new(Code::LedgerRejected, "the address holds another contract, or none")
        .with_operation("ledger_evm::connect")
}

pub(crate) fn pending(operation: &'static str) -> Error {
    Error::new(Code::AnchorPending, "the anchor is in no block yet").with_operation(operation)
}

pub(crate) fn unsigned(err: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Code::Unexpected, "the transaction could not be signed")
        .with_operation("ledger_evm::send")
        .with_source(err)
}

pub(crate) fn unsupported() -> Error {
    Error::new(Code::Unsupported, "the ledger does not know this call").with_operation("ledger_evm::call")
}

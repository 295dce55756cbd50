//! What an API server answers, as the errors of the catalogue.

use std::io;

use http::StatusCode;
use maily_errors::{Code, Error, Public};

const OPERATION: &str = "nodes_kubernetes::watch";

pub(crate) fn unreachable(message: &'static str) -> Error {
    Error::new(Code::NodesUnreachable, message).with_operation(OPERATION)
}

pub(crate) fn without_token(err: io::Error) -> Error {
    Error::new(Code::NodesRefused, "the token of this pod cannot be read")
        .with_operation(OPERATION)
        .with_source(err)
}

pub(crate) fn malformed(message: &'static str) -> Error {
    Error::new(Code::NodesMalformed, message).with_operation(OPERATION)
}

pub(crate) fn refused(status: StatusCode) -> Error {
    let code = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Code::NodesRefused,
        _ => Code::NodesUnreachable,
    };
    Error::new(code, "the API server refuses to list or watch endpoint slices")
        .with_operation(OPERATION)
        .with_context("status", Public(status.as_u16()))
}

//! What a socket answers, as the errors of the catalogue.

use std::io;
use std::net::SocketAddr;

use maily_errors::{Code, Error, Public};

const OPERATION: &str = "gossip_udp::bind";

pub(crate) fn socket(address: SocketAddr, err: io::Error) -> Error {
    Error::new(Code::GossipSocket, "the socket cannot be opened")
        .with_operation(OPERATION)
        .with_context("address", Public(address.to_string()))
        .with_source(err)
}

pub(crate) fn seed(seed: &str, err: io::Error) -> Error {
    Error::new(Code::GossipSocket, "a seed has no address")
        .with_operation(OPERATION)
        .with_context("seed", seed.to_owned())
        .with_source(err)
}

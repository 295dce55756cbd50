mod calls;
mod framing;

use maily_mesh::Formats;

use crate::{Dialect, Headers};

/// Every field as it was written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen(pub(super) Vec<(String, String)>);

impl Headers for Seen {
    fn see(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
    }
}

/// A protocol of nobody.
#[derive(Debug)]
pub(crate) struct Own;

impl Dialect for Own {
    const BODY: &'static str = "own::body";
    const BUILD: &'static str = "own::build";
    const CALL: &'static str = "own::call";
    const FORMATS: Formats = Formats::CHAT;
    const RATE_LIMITS: &'static str = "x-own-limit-";
    const REQUEST_ID: &'static str = "x-own-id";
}

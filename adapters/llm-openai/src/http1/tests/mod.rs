mod calls;
mod framing;

use super::Headers;

/// Every field as it was written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen(pub(super) Vec<(String, String)>);

impl Headers for Seen {
    fn see(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
    }
}

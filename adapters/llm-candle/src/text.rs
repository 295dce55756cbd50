//! Turns the bytes of tokens into text that may be sent.

use std::mem;

/// Collects bytes and lets go of text that is complete.
///
/// A token may end in the middle of a character, and a stop text may begin at the end of a token:
/// both wait for what follows.
#[derive(Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    held: String,
    stops: Vec<String>,
}

/// What a piece of text led to.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// This much more may be sent.
    More(String),
    /// A stop text was met; this is the rest before it.
    Stopped(String),
}

impl Text {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops, ..Self::default() }
    }

    /// Takes the bytes of one token.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Step {
        self.bytes.extend_from_slice(bytes);
        let rest = self.decode();
        self.bytes.drain(..self.bytes.len() - rest);
        let first = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(position) = first {
            self.held.truncate(position);
            self.bytes.clear();
            return Step::Stopped(mem::take(&mut self.held));
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let tail = self.held.split_off(self.held.len() - keep);
        Step::More(mem::replace(&mut self.held, tail))
    }

    /// Returns what was held back, when nothing follows.
    pub(crate) fn finish(&mut self) -> String {
        if !mem::take(&mut self.bytes).is_empty() {
            self.held.push(char::REPLACEMENT_CHARACTER);
        }
        mem::take(&mut self.held)
    }

    /// Moves whole characters to the text; returns how many bytes of an unfinished one remain.
    fn decode(&mut self) -> usize {
        let mut bytes = self.bytes.as_slice();
        loop {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    self.held.push_str(text);
                    return 0;
                }
                Err(err) => {
                    let (valid, rest) = bytes.split_at(err.valid_up_to());
                    self.held.push_str(&String::from_utf8_lossy(valid));
                    let Some(wrong) = err.error_len() else { return rest.len() };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    bytes = &rest[wrong..];
                }
            }
        }
    }
}

/// Returns how many bytes at the end of `text` are the begin of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    stop.char_indices()
        .map(|(index, _)| index)
        .rev()
        .find(|&length| text.ends_with(&stop[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Step, Text};

    fn more(text: &str) -> Step {
        Step::More(text.to_owned())
    }

    #[test]
    fn character_waits_for_its_last_byte() {
        let mut text = Text::new(Vec::new());

        assert_eq!(text.push(&[b'a', 0xf0, 0x9f]), more("a"));
        assert_eq!(text.push(&[0x8e]), more(""));
        assert_eq!(text.push(&[0x89, b'!']), more("🎉!"));
    }

    #[test]
    fn wrong_byte_becomes_one_replacement() {
        let mut text = Text::new(Vec::new());

        assert_eq!(text.push(&[b'a', 0xff, b'b']), more("a\u{fffd}b"));
        text.push(&[0xc3]);
        assert_eq!(text.finish(), "\u{fffd}");
    }

    #[test]
    fn stop_text_ends_the_answer_across_tokens() {
        let mut text = Text::new(vec!["END".to_owned()]);

        assert_eq!(text.push(b"one E"), more("one "));
        assert_eq!(text.push(b"N"), more(""));
        assert_eq!(text.push(b"D two"), Step::Stopped(String::new()));
    }

    #[test]
    fn begin_of_a_stop_text_is_sent_when_it_is_not_one() {
        let mut text = Text::new(vec!["END".to_owned()]);

        text.push(b"E");
        assert_eq!(text.push(b"x"), more("Ex"));
        text.push(b"EN");
        assert_eq!(text.finish(), "EN");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn text_is_the_same_however_it_is_cut(whole in "[a-dé🎉]{0,40}", cut in 1_usize..5) {
            let stop = "adé".to_owned();
            let mut text = Text::new(vec![stop.clone()]);
            let mut sent = String::new();
            let mut stopped = false;
            for bytes in whole.as_bytes().chunks(cut) {
                match text.push(bytes) {
                    Step::More(more) => sent.push_str(&more),
                    Step::Stopped(more) => {
                        sent.push_str(&more);
                        stopped = true;
                        break;
                    }
                }
            }
            if !stopped {
                sent.push_str(&text.finish());
            }

            prop_assert_eq!(sent.as_str(), whole.split(&stop).next().unwrap_or_default());
        }
    }
}

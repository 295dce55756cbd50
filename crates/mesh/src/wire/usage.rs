//! What a node says of its tokens, read as the answer passes.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

/// Reads how many tokens an answer took, from whatever pieces the network delivers.
///
/// A node says it in an object called `usage`; where it says it several times the greatest numbers count. The name
/// cannot stand in a text, whose quotes are escaped. A piece without it costs one search and copies nothing.
#[derive(Debug, Default)]
pub(crate) struct UsageReader {
    /// The beginning of an object that goes on in the next piece.
    open: Vec<u8>,
    said: Option<Tokens>,
    times: u32,
}

/// How many tokens a prompt and its answer took, each at most 2⁴⁰, so sums never overflow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tokens {
    /// Those of the prompt, with what came from a cache.
    pub(crate) prompt: u64,
    /// Those of the answer, with its thoughts.
    pub(crate) answer: u64,
    /// Those of the prompt that the node had in its cache.
    pub(crate) cached: u64,
    /// Those of the answer that are thoughts.
    pub(crate) reasoning: u64,
}

impl UsageReader {
    pub(crate) const fn new() -> Self {
        Self { open: Vec::new(), said: None, times: 0 }
    }

    /// Sees a piece.
    pub(crate) fn see(&mut self, piece: &[u8]) {
        if self.open.is_empty() {
            self.search(piece);
        } else {
            let mut whole = std::mem::take(&mut self.open);
            whole.extend_from_slice(piece);
            self.search(&whole);
        }
    }

    /// Returns what the node said, if it did.
    pub(crate) const fn said(&self) -> Option<Tokens> {
        self.said
    }

    /// Returns how often it said it.
    pub(crate) const fn times(&self) -> u32 {
        self.times
    }

    fn search(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some(found) = USAGE.find(&bytes[at..]) {
            let begin = at + found;
            at = begin + NAME.len();
            let mut values = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<Option<Said>>();
            match values.next() {
                Some(Ok(Some(said))) if said.says_something() => self.note(&said),
                Some(Err(err)) if err.is_eof() => return self.keep(&bytes[begin..]),
                None => return self.keep(&bytes[begin..]),
                _ => {}
            }
        }
        // A name that goes on in the next piece.
        let tail = &bytes[at.max(bytes.len().saturating_sub(NAME.len() - 1))..];
        let begin = (0..tail.len()).find(|from| NAME.starts_with(&tail[*from..]));
        if let Some(from) = begin {
            self.keep(&tail[from..]);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        // No node says more than that about tokens.
        if bytes.len() <= MOST_BYTES {
            self.open = bytes.to_vec();
        }
    }

    fn note(&mut self, said: &Said) {
        self.times += 1;
        let (before, now) = (self.said.unwrap_or_default(), said.tokens());
        let most = |one: u64, other: u64| one.max(other).min(MOST_TOKENS);
        self.said = Some(Tokens {
            prompt: most(before.prompt, now.prompt),
            answer: most(before.answer, now.answer),
            cached: most(before.cached, now.cached),
            reasoning: most(before.reasoning, now.reasoning),
        });
    }
}

/// What a node says, in the names of all formats; some servers say it in two of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    // Anthropic counts these beside its `input_tokens`; in `prompt_tokens` they are always counted.
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    // What Anthropic calls them.
    thinking_tokens: Option<u64>,
}

impl Said {
    /// Whether it is a count: a tool of the prompt, which some nodes repeat, may have a field of that name.
    fn says_something(&self) -> bool {
        let counts = [self.prompt_tokens, self.input_tokens, self.completion_tokens, self.output_tokens];
        counts.iter().any(Option::is_some)
    }

    fn tokens(&self) -> Tokens {
        let from_cache = self.cache_read_input_tokens.unwrap_or(0);
        let beside = self.cache_creation_input_tokens.unwrap_or(0).saturating_add(from_cache);
        let prompt = || self.input_tokens.unwrap_or(0).saturating_add(beside);
        let of = |details: &Option<Details>, which: fn(&Details) -> Option<u64>| {
            details.as_ref().and_then(which).unwrap_or(0)
        };
        let cached = |details| of(details, |details| details.cached_tokens);
        let thought = |details| of(details, |details| details.reasoning_tokens.or(details.thinking_tokens));
        Tokens {
            prompt: self.prompt_tokens.unwrap_or_else(prompt),
            answer: self.completion_tokens.or(self.output_tokens).unwrap_or(0),
            cached: from_cache
                .max(cached(&self.prompt_tokens_details))
                .max(cached(&self.input_tokens_details)),
            reasoning: thought(&self.completion_tokens_details).max(thought(&self.output_tokens_details)),
        }
    }
}

const NAME: &[u8] = b"\"usage\":";
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NAME));
const MOST_BYTES: usize = 4096;
/// No answer has more.
const MOST_TOKENS: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pieces: &[&[u8]]) -> Option<Tokens> {
        let mut reader = UsageReader::new();
        pieces.iter().for_each(|piece| reader.see(piece));
        reader.said()
    }

    #[test]
    fn details_are_read_in_the_names_of_each_format() {
        for usage in [
            r#"{"prompt_tokens":12,"completion_tokens":34,"prompt_tokens_details":{"cached_tokens":7},"completion_tokens_details":{"reasoning_tokens":5}}"#,
            r#"{"input_tokens":12,"output_tokens":34,"input_tokens_details":{"cached_tokens":7},"output_tokens_details":{"reasoning_tokens":5}}"#,
        ] {
            let answer = format!("{{\"usage\":{usage}}}");
            let expected = Tokens { prompt: 12, answer: 34, cached: 7, reasoning: 5 };
            assert_eq!(said(&[answer.as_bytes()]), Some(expected), "{usage}");
        }
        let claude = br#"{"usage":{"input_tokens":5,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"output_tokens":34}}"#;
        assert_eq!(said(&[claude]), Some(Tokens { prompt: 12, answer: 34, cached: 4, reasoning: 0 }));
    }

    #[test]
    fn server_that_counts_in_two_vocabularies_is_understood() {
        let both =
            br#"{"usage":{"prompt_tokens":12,"input_tokens":12,"completion_tokens":3,"output_tokens":3}}"#;

        assert_eq!(said(&[both]), Some(Tokens { prompt: 12, answer: 3, ..Tokens::default() }));
    }

    #[test]
    fn cached_tokens_are_counted_once_by_whoever_counts_them_in_the_prompt() {
        let both = br#"{"usage":{"prompt_tokens":12,"input_tokens":5,"cache_creation_input_tokens":3,"cache_read_input_tokens":4,"completion_tokens":3}}"#;

        assert_eq!(said(&[both]), Some(Tokens { prompt: 12, answer: 3, cached: 4, reasoning: 0 }));
    }

    #[test]
    fn thoughts_are_counted_in_the_name_of_messages() {
        let claude = br#"{"usage":{"input_tokens":5,"output_tokens":34,"output_tokens_details":{"thinking_tokens":30}}}"#;

        assert_eq!(said(&[claude]), Some(Tokens { prompt: 5, answer: 34, cached: 0, reasoning: 30 }));
    }

    #[test]
    fn silence_is_not_zero() {
        assert_eq!(said(&[br#"{"choices":[],"usage":null}"#]), None);
        assert_eq!(said(&[b"{}"]), None);
    }
}

//! What makes two prompts equal.

use std::hash::{Hash, Hasher};
use std::ops::Range;

use bytes::Bytes;

use super::Rules;
use super::fields::{Field, fields};
use super::layer::Which;
use crate::model::{Caching, Format, Prompt};

/// Everything that changes an answer, in one piece of bytes.
///
/// The hash only finds the place: two keys are equal when their bytes are, so no collision can give one
/// prompt the answer of another.
#[derive(Clone, Debug)]
pub(in crate::layer) struct Key {
    digest: u64,
    bytes: Bytes,
}

/// Longer prompts are not looked up: copying them costs more than it is likely to save.
const MAX_PROMPT_BYTES: usize = 1024 * 1024;

impl Key {
    /// Reads the key of a prompt; `None` if its answer does not belong into memory.
    ///
    /// It holds format, tenant, betas, whether the answer is streamed, whether its events are numbered, and every field
    /// of the body that is not ignored, sorted by name, each value byte for byte.
    pub(in crate::layer) fn of(prompt: &Prompt, rules: &Rules, hasher: &ahash::RandomState) -> Option<Self> {
        Self::around(prompt, &(0..0), rules, hasher)
    }

    /// Reads the key that all prompts share which differ in one place of the body only.
    pub(in crate::layer) fn around(
        prompt: &Prompt,
        gap: &Range<usize>,
        rules: &Rules,
        hasher: &ahash::RandomState,
    ) -> Option<Self> {
        let (head, body) = (&prompt.head, prompt.body());
        if head.caching == Caching::Off || head.last_event.is_some() || body.len() > MAX_PROMPT_BYTES {
            return None;
        }
        let mut fields = fields(body, &head.spans.said)?;
        fields.sort_by_key(|field| field.name);
        // Which of two counts is up to the node.
        if fields.windows(2).any(|pair| pair[0].name == pair[1].name)
            || !may_keep(&fields, head.format, rules)
        {
            return None;
        }
        let (tenant, betas) = (head.tenant.as_str().as_bytes(), head.betas.as_str().as_bytes());
        let mut bytes = Vec::with_capacity(tenant.len() + betas.len() + body.len() + 24);
        bytes.push(head.format as u8);
        bytes.push(u8::from(head.stream) | u8::from(head.resumable) << 1);
        // The length in front: no tenant is the beginning of another tenant's key.
        for part in [tenant, betas] {
            bytes.extend_from_slice(&part.len().to_le_bytes());
            bytes.extend_from_slice(part);
        }
        for Field { name, value, at } in fields {
            if name != b"stream" && !rules.ignored.iter().any(|ignored| ignored.as_bytes() == name) {
                // As in an object: a quote that ends the name, and a value that JSON delimits.
                bytes.extend_from_slice(name);
                bytes.extend_from_slice(b"\":");
                if gap.is_empty() || !(at..at + value.len()).contains(&gap.start) {
                    bytes.extend_from_slice(value);
                } else {
                    bytes.extend_from_slice(&body[at..gap.start]);
                    // Nothing that JSON may hold.
                    bytes.push(0);
                    bytes.extend_from_slice(&body[gap.end..at + value.len()]);
                }
                bytes.push(b',');
            }
        }
        Some(Self { digest: hasher.hash_one(&bytes[..]), bytes: bytes.into() })
    }

    pub(in crate::layer) const fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// Whether the same prompt is meant to get the same answer, and nothing but the answer.
fn may_keep(fields: &[Field<'_>], format: Format, rules: &Rules) -> bool {
    let mut repeatable = rules.which == Which::All;
    for Field { name, value, .. } in fields {
        let given = !matches!(*value, b"null" | b"false" | b"[]" | b"{}");
        match *name {
            b"temperature" => repeatable |= is_zero(value),
            b"seed" => repeatable |= given,
            b"tools" | b"functions" | b"mcp_servers" if given && !rules.tools => return false,
            // The rest of the prompt is at the node, and may be another one tomorrow.
            b"previous_response_id" | b"conversation" | b"background" | b"container" if given => {
                return false;
            }
            b"prompt" if given && format == Format::Responses => return false,
            _ => {}
        }
    }
    repeatable
}

fn is_zero(value: &[u8]) -> bool {
    std::str::from_utf8(value).ok().and_then(|value| value.parse::<f64>().ok()) == Some(0.0)
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.bytes == other.bytes
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest);
    }
}

/// Takes the digest of a [`Key`] as the hash: it is keyed at random already.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::layer) struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // A key writes one number; anything else still hashes, only not well.
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }
}

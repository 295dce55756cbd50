//! Text to token ids and back, with the vocabulary of the model file.

use maily_errors::Error;
use tokenizers::Tokenizer;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use crate::error;
use crate::gguf::Gguf;

/// The pieces of text that the model reads and writes.
pub(crate) struct Vocabulary {
    tokenizer: Tokenizer,
    /// The bytes of all pieces, one after the other.
    bytes: Vec<u8>,
    /// Where the bytes of each piece end.
    ends: Vec<usize>,
    /// Begins a message.
    pub(crate) begin: u32,
    /// Ends a message.
    pub(crate) end: u32,
    /// Ends a text.
    end_of_text: Option<u32>,
}

impl Vocabulary {
    pub(crate) fn load(file: &Gguf) -> Result<Self, Error> {
        if file.text("tokenizer.ggml.model")? != "gpt2" || file.text("tokenizer.ggml.pre")? != "smollm" {
            return Err(file.broken("the tokenizer is not the one of the SmolLM family"));
        }
        let pieces = file.texts("tokenizer.ggml.tokens")?;
        let find =
            |name: &str| pieces.iter().position(|piece| *piece == name).and_then(|id| u32::try_from(id).ok());
        let required = |name: &'static str| {
            find(name).ok_or_else(|| file.broken(format!("the vocabulary has no `{name}`")))
        };
        let (begin, end, end_of_text) =
            (required("<|im_start|>")?, required("<|im_end|>")?, find("<|endoftext|>"));

        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            // Names of control tokens are no text: nobody shall read them.
            if !(piece.starts_with("<|") && piece.ends_with("|>")) {
                bytes.extend(piece.chars().filter_map(byte_of));
            }
            ends.push(bytes.len());
        }
        let tokenizer = tokenizer(file, &pieces)?;
        Ok(Self { tokenizer, bytes, ends, begin, end, end_of_text })
    }

    /// Appends the ids of `text`.
    ///
    /// The text is only text: `<|im_end|>` in it becomes letters, not the end of a message.
    pub(crate) fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), Error> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(error::failed)?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Returns the bytes of one piece, which may be a part of a character.
    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        let index = id as usize;
        let Some(&end) = self.ends.get(index) else { return &[] };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..end]
    }

    /// Says whether the model has finished with this token.
    pub(crate) fn is_end(&self, id: u32) -> bool {
        id == self.end || Some(id) == self.end_of_text
    }

    /// Pieces that it knows.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

fn tokenizer(file: &Gguf, pieces: &[&str]) -> Result<Tokenizer, Error> {
    let ids: tokenizers::models::bpe::Vocab =
        pieces.iter().zip(0..).map(|(piece, id)| ((*piece).to_owned(), id)).collect();
    let mut merges = Vec::new();
    for merge in file.texts("tokenizer.ggml.merges")? {
        let (left, right) =
            merge.split_once(' ').ok_or_else(|| file.broken("a merge of the tokenizer has one part"))?;
        merges.push((left.to_owned(), right.to_owned()));
    }
    let pairs = BPE::builder().vocab_and_merges(ids, merges).build().map_err(|source| file.broken(source))?;
    let mut tokenizer = Tokenizer::new(pairs);
    // As in the tokenizer.json of SmolLM2: each digit by itself, no space put in front.
    let split = vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()];
    tokenizer.with_pre_tokenizer(Some(Sequence::new(split)));
    Ok(tokenizer)
}

/// Returns the byte that a letter of the vocabulary stands for.
///
/// Source: `bytes_to_unicode` of GPT-2 (openai/gpt-2, `src/encoder.py`).
fn byte_of(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        // The other 68 bytes stand behind the first 256 letters, in their order.
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::byte_of;

    #[test]
    fn every_byte_has_one_letter() {
        let mut bytes: Vec<u8> = ('\0'..='\u{200}').filter_map(byte_of).collect();
        bytes.sort_unstable();

        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn space_and_newline_have_the_letters_of_gpt2() {
        assert_eq!(byte_of('Ġ'), Some(b' '));
        assert_eq!(byte_of('Ċ'), Some(b'\n'));
    }
}

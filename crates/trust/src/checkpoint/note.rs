//! The signed note: a text, an empty line, and a line for each signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maily_errors::{Code, Error};

use crate::certificate::Key;

/// A text with signatures that were not checked yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Signature {
    name: String,
    key_hash: [u8; 4],
    bytes: Vec<u8>,
}

impl Note {
    /// The most bytes a note may have.
    pub const MAX_BYTES: usize = 65_536;
    /// The most signatures a note may have.
    pub const MAX_SIGNATURES: usize = 100;

    /// Reads a note.
    ///
    /// # Errors
    ///
    /// [`Code::ProofMalformed`] when the text is none, or over the limits.
    ///
    /// Source: C2SP signed-note, "Format".
    pub fn parse(note: &str) -> Result<Self, Error> {
        let malformed =
            || Error::new(Code::ProofMalformed, "the text is no signed note").with_operation("note::parse");
        let control = |c: char| c < ' ' && c != '\n';
        if note.len() > Self::MAX_BYTES || note.contains(control) {
            return Err(malformed());
        }
        let split = note.rfind("\n\n").ok_or_else(malformed)?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if !lines.ends_with('\n') || lines.split_terminator('\n').count() > Self::MAX_SIGNATURES {
            return Err(malformed());
        }
        let signature = |line: &str| {
            let (name, value) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let bytes = STANDARD.decode(value).ok()?;
            let (key_hash, bytes) = bytes.split_first_chunk::<4>()?;
            let whole = !name.is_empty() && !bytes.is_empty();
            whole.then(|| Signature { name: name.to_owned(), key_hash: *key_hash, bytes: bytes.to_vec() })
        };
        let signatures = lines.split_terminator('\n').map(signature).collect::<Option<Vec<_>>>();
        Ok(Self { text: text.to_owned(), signatures: signatures.ok_or_else(malformed)? })
    }

    /// Checks that one of the signatures is a valid one of this key; those of other keys are ignored.
    ///
    /// # Errors
    ///
    /// [`Code::SignatureInvalid`] when there is none.
    pub fn verify(&self, key: &Key) -> Result<(), Error> {
        let own = |signature: &&Signature| signature.name == key.name() && signature.key_hash == key.hash();
        match self.signatures.iter().find(own) {
            Some(signature) => key.public().verify(self.text.as_bytes(), &signature.bytes),
            None => Err(Error::new(Code::SignatureInvalid, "no signature of this key")),
        }
    }

    /// Returns the text, which ends with a line end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn signature_of(&self, name: &str) -> Option<([u8; 4], &[u8])> {
        let signature = self.signatures.iter().find(|signature| signature.name == name)?;
        Some((signature.key_hash, &signature.bytes))
    }

    pub(super) fn format(text: &str, name: &str, key_hash: [u8; 4], signature: &[u8]) -> String {
        let value = STANDARD.encode([&key_hash, signature].concat());
        format!("{text}\n\u{2014} {name} {value}\n")
    }
}

//! Keys and signature suites.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use maily_errors::{Code, Error};

use crate::codec::{Reader, put_bytes};
use crate::merkle::Hash;

/// How a signature is made. A number on the wire, so that another suite can stand beside this one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// Ed25519 (RFC 8032), checked strictly: a signature has one form. The key has 32 bytes.
    Ed25519,
}

impl Suite {
    const fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
        }
    }

    fn from_number(number: u8) -> Result<Self, Error> {
        match number {
            1 => Ok(Self::Ed25519),
            _ => Err(Error::new(Code::ProofMalformed, "the signature suite is unknown")),
        }
    }
}

/// A public key and how its signatures are checked.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PublicKey {
    suite: Suite,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// Creates a key.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the bytes are not a key of the suite.
    pub fn new(suite: Suite, bytes: &[u8]) -> Result<Self, Error> {
        let key = Self { suite, bytes: bytes.to_vec() };
        key.ed25519()?;
        Ok(key)
    }

    /// Returns how signatures are checked.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks a signature.
    ///
    /// # Errors
    ///
    /// [`Code::SignatureInvalid`] when it is not one of this key over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let refused = |_| Error::new(Code::SignatureInvalid, "the signature does not match");
        let signature = Signature::from_slice(signature).map_err(refused)?;
        self.ed25519()?.verify_strict(message, &signature).map_err(refused)
    }

    fn ed25519(&self) -> Result<VerifyingKey, Error> {
        let invalid = || Error::new(Code::KeyInvalid, "the bytes are not an Ed25519 key");
        let bytes: &[u8; 32] = self.bytes.as_slice().try_into().map_err(|_| invalid())?;
        VerifyingKey::from_bytes(bytes).map_err(|_| invalid())
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.suite.number());
        put_bytes(out, &self.bytes);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let suite = Suite::from_number(reader.byte()?)?;
        let bytes = reader.bytes(MAX_KEY_BYTES)?.to_vec();
        Ok(Self { suite, bytes })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.bytes))
    }
}

const MAX_KEY_BYTES: usize = 96;

/// A public key with a name, as logs publish it: `name+hash+key`.
///
/// The name is the origin of the log, 1 to 128 visible characters without `+`. To pin a key is to keep this
/// text. Source: C2SP signed-note, "Verifier keys".
///
/// # Examples
///
/// ```
/// use maily_trust::certificate::Key;
///
/// let key: Key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse()?;
/// assert_eq!(key.name(), "PeterNeumann");
/// assert!("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse::<Key>().is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Key {
    name: String,
    public: PublicKey,
}

impl Key {
    /// Names a key.
    ///
    /// # Errors
    ///
    /// [`Code::KeyInvalid`] when the name is empty, over 128 bytes, or has a space, a control character or `+`.
    pub fn new(name: impl Into<String>, public: PublicKey) -> Result<Self, Error> {
        let name = name.into();
        let allowed = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(allowed) {
            return Err(Error::new(Code::KeyInvalid, "the name of the key is not allowed"));
        }
        Ok(Self { name, public })
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key without its name.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Returns the four bytes that name the key in a signed note.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        let mut data = self.name.clone().into_bytes();
        data.push(b'\n');
        data.extend_from_slice(&self.typed());
        let hash = Hash::of(&data);
        let [a, b, c, d, ..] = *hash.as_bytes();
        [a, b, c, d]
    }

    fn typed(&self) -> Vec<u8> {
        [&[self.public.suite.number()], self.public.as_bytes()].concat()
    }
}

pub(crate) const MAX_NAME_BYTES: usize = 128;

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, hex::encode(self.hash()), STANDARD.encode(self.typed()))
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || Error::new(Code::KeyInvalid, "the key is not written as name+hash+key");
        let mut fields = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(invalid());
        };
        let bytes = STANDARD.decode(key).map_err(|_| invalid())?;
        let (suite, bytes) = bytes.split_first().ok_or_else(invalid)?;
        let suite = Suite::from_number(*suite).map_err(|_| invalid())?;
        let key = Self::new(name, PublicKey::new(suite, bytes)?)?;
        if hex::encode(key.hash()) != hash {
            return Err(Error::new(Code::KeyInvalid, "the hash of the key does not match"));
        }
        Ok(key)
    }
}

impl serde::Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

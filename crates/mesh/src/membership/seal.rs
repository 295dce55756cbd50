//! Encryption and authentication of packets.

use std::fmt;

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use maily_errors::{Code, Error, Result, Secret};
use rand::Rng;
use rand::rngs::StdRng;

/// The first byte of each packet: the version of the format.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// What a packet has before its contents.
const PREFIX_BYTES: usize = 1 + NONCE_BYTES;
/// What sealing adds to the contents: version, nonce, tag.
pub(super) const OVERHEAD_BYTES: usize = PREFIX_BYTES + TAG_BYTES;

/// The key that all instances of one mesh share: 32 bytes.
///
/// Whoever has it is an instance; whoever has not is answered by nothing.
///
/// # Examples
///
/// ```
/// use maily_mesh::membership::GossipKey;
///
/// assert!(GossipKey::from_hex(&"0f".repeat(32).into()).is_ok());
/// assert!(GossipKey::from_hex(&"0f".repeat(31).into()).is_err());
/// ```
#[derive(Clone)]
pub struct GossipKey(XChaCha20Poly1305);

impl GossipKey {
    /// Creates a key from its bytes.
    #[must_use]
    pub fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(XChaCha20Poly1305::new(&Key::from(*key.expose())))
    }

    /// Reads a key of 64 hexadecimal digits, as a configuration writes it.
    ///
    /// # Errors
    ///
    /// [`Code::GossipKey`] when it is anything else.
    pub fn from_hex(text: &Secret<String>) -> Result<Self> {
        let refused = || {
            Error::new(Code::GossipKey, "the key is not 64 hexadecimal digits")
                .with_operation("mesh::membership::key")
        };
        let text = text.expose().trim().as_bytes();
        if text.len() != 64 {
            return Err(refused());
        }
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
            let digit =
                |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(refused()) };
            *byte = high << 4 | low;
        }
        Ok(Self::new(&Secret::new(key)))
    }

    /// Seals what stands behind the first [`PREFIX_BYTES`] of `packet`, and fills these.
    ///
    /// The nonce is random: with 192 bits no counter has to survive a restart.
    fn seal(&self, packet: &mut Vec<u8>, random: &mut StdRng) {
        let (prefix, contents) = packet.split_at_mut(PREFIX_BYTES);
        prefix[0] = VERSION;
        random.fill_bytes(&mut prefix[1..]);
        let nonce = nonce(prefix);
        let tag = self
            .0
            .encrypt_inout_detached(&nonce, &[VERSION], InOutBuf::from(contents))
            .expect("a packet is shorter than 256 GiB, the only limit of the cipher");
        packet.extend_from_slice(&tag);
    }

    /// Opens a packet in place and returns its contents; `None` if it is not of this key and version.
    pub(super) fn open<'a>(&self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        if packet.len() < OVERHEAD_BYTES || packet[0] != VERSION {
            return None;
        }
        let (prefix, sealed) = packet.split_at_mut(PREFIX_BYTES);
        let (contents, tag) = sealed.split_at_mut(sealed.len() - TAG_BYTES);
        let tag = Tag::try_from(&*tag).ok()?;
        self.0
            .decrypt_inout_detached(&nonce(prefix), &[VERSION], InOutBuf::from(&mut *contents), &tag)
            .ok()?;
        Some(contents)
    }
}

fn nonce(prefix: &[u8]) -> XNonce {
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&prefix[1..PREFIX_BYTES]);
    nonce.into()
}

impl fmt::Debug for GossipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GossipKey([secret])")
    }
}

/// Seals contents into a packet of their own.
pub(super) fn sealed(key: &GossipKey, contents: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut packet = Vec::with_capacity(contents.len() + OVERHEAD_BYTES);
    packet.resize(PREFIX_BYTES, 0);
    packet.extend_from_slice(contents);
    key.seal(&mut packet, random);
    packet
}

use std::fmt;
use std::str::FromStr;

use maily_errors::{Code, Error, Result};

/// A number that grows with every grant of a lock, for the resource to compare.
///
/// Tokens are ordered by epoch, then by sequence; so are their number ([`to_u128`](Self::to_u128)), their 16 bytes
/// ([`to_bytes`](Self::to_bytes)) and their text (32 hexadecimal digits), so that a database compares whichever it
/// can hold.
///
/// | part | is | so that |
/// | --- | --- | --- |
/// | epoch, 64 bits | 0 on a server that stands alone; raised by each failover of Sentinel or a cluster | a grant of the old master is older than one of the new master, even if the new one never heard of it |
/// | sequence, 64 bits | the larger of the last one + 1 and the server's time in µs since 1970 | it grows on one server, and past a restart that lost everything |
///
/// Tokens are comparable among grants of one set of servers. New servers begin with their epochs again: after a move to
/// such, or after `CLUSTER RESET HARD`, reset what the resource has seen.
///
/// # Examples
///
/// ```
/// use maily_redis::lock::Token;
///
/// let before = Token::new(1, 900);
/// let after = Token::new(2, 5);
/// assert!(before < after);
/// assert!(before.to_u128() < after.to_u128() && before.to_bytes() < after.to_bytes());
/// assert!(before.to_string() < after.to_string());
///
/// assert_eq!(after.to_string(), "00000000000000020000000000000005");
/// assert_eq!("00000000000000020000000000000005".parse::<Token>()?, after);
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Token {
    epoch: u64,
    sequence: u64,
}

impl Token {
    /// Creates a token from its two parts.
    #[must_use]
    pub const fn new(epoch: u64, sequence: u64) -> Self {
        Self { epoch, sequence }
    }

    /// Returns how many failovers came before the grant, as the servers count them.
    #[must_use]
    pub const fn epoch(self) -> u64 {
        self.epoch
    }

    /// Returns the order of the grant within its epoch.
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.sequence
    }

    /// Returns the token as one number: the epoch in the upper 64 bits.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        (self.epoch as u128) << 64 | self.sequence as u128
    }

    /// Returns the token of a number.
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self { epoch: (number >> 64) as u64, sequence: number as u64 }
    }

    /// Returns the 16 bytes of the number, most significant first.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.to_u128().to_be_bytes()
    }

    /// Returns the token of 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_u128(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.to_u128())
    }
}

impl FromStr for Token {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u128::from_str_radix(text, 16).ok())
            .flatten();
        number.map(Self::from_u128).ok_or_else(|| {
            Error::new(Code::Invalid, "a fencing token has 32 hexadecimal digits")
                .with_operation("redis::lock_token")
        })
    }
}

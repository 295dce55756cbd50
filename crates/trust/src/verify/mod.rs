//! Checks a message against its proof, and says exactly what is intact, added, removed or changed.
//!
//! # Examples
//!
//! A mailing list tags the subject and adds a footer; nothing that was certified is lost:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
//! # use maily_trust::{Trust, TrustConfig};
//! use maily_trust::verify::{State, Verifier};
//!
//! # let signer = Ed25519Signer::generate("mail.example/log")?;
//! # let trust =
//! #     Trust::open(TrustConfig::default(), signer, MemoryJournal::default(), MemoryLedger::default()).await?;
//! let sent = trust.certify("From: a@b.example\nSubject: Hi\n\nSee you at nine.\n").await?.message;
//! let relayed = format!("{}-- \nThe list\n", String::from_utf8_lossy(&sent).replace(": Hi", ": [list] Hi"));
//!
//! let verdict = Verifier::new().with_key(trust.key().clone()).verify(relayed.as_bytes())?;
//! assert_eq!(verdict.state, State::IntactWithAdditions);
//! assert_eq!(
//!     verdict.to_string(),
//!     "Intact, with additions: subject: \"[list]\" added in front; \
//!      text/plain part: added below line 1: \"--\""
//! );
//! # Ok::<(), maily_errors::Error>(())
//! # }).unwrap();
//! ```

mod compare;
mod place;
mod verdict;

use maily_errors::{Code, Error};

use self::compare::compare;
pub use self::place::Place;
pub use self::verdict::{Fate, PartVerdict, Reason, State, Summary, Verdict};
use crate::canonical::Canonical;
use crate::certificate::Key;
use crate::checkpoint::Checkpoint;
use crate::proof::{self, Proof};

/// Checks messages without a network, with the keys and checkpoints that it was told to trust.
///
/// Without any, a proof is checked with the key that it brings, and the verdict says that nobody vouches
/// for that key.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    keys: Vec<Key>,
    checkpoints: Vec<Checkpoint>,
}

impl Verifier {
    /// Creates a verifier that trusts nobody.
    #[must_use]
    pub const fn new() -> Self {
        Self { keys: Vec::new(), checkpoints: Vec::new() }
    }

    /// Trusts a key.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Trusts a state of a log that was learned elsewhere. A proof for the same size must have its root.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Checkpoint) -> Self {
        self.checkpoints.push(checkpoint);
        self
    }

    /// Checks a message. When it has several proofs, at most four, the best verdict counts.
    ///
    /// # Errors
    ///
    /// [`Code::MailMalformed`], [`Code::MailTooLarge`] or [`Code::MailTooDeep`] when the message cannot be
    /// read. A missing, broken or foreign proof is a verdict.
    pub fn verify(&self, message: &[u8]) -> Result<Verdict, Error> {
        let canonical = Canonical::of(message)?;
        let verdicts = proof::find(message)?.into_iter().map(|proof| match proof {
            Ok(proof) => self.judge(&canonical, &proof),
            Err(_) => Verdict::unproven(Reason::ProofMalformed, None),
        });
        Ok(verdicts.min_by_key(|verdict| verdict.state).unwrap_or_else(Verdict::missing))
    }

    fn judge(&self, message: &Canonical, proof: &Proof) -> Verdict {
        let pinned = match self.trust(proof) {
            Ok(pinned) => pinned,
            Err(reason) => return Verdict::unproven(reason, Some(Summary::of(proof, false))),
        };
        let summary = Summary::of(proof, pinned);
        match proof.verify() {
            Ok(()) => compare(proof.certificate(), message, summary),
            Err(err) if err.code() == Code::MerkleInvalid => {
                Verdict::unproven(Reason::NotInLog, Some(summary))
            }
            Err(_) => Verdict::unproven(Reason::SignatureInvalid, Some(summary)),
        }
    }

    /// Returns whether somebody vouches for the key of the proof.
    fn trust(&self, proof: &Proof) -> Result<bool, Reason> {
        let checkpoint = proof.checkpoint();
        let same =
            |known: &&Checkpoint| known.origin() == checkpoint.origin() && known.size() == checkpoint.size();
        let mut pinned = false;
        for known in self.checkpoints.iter().filter(same) {
            if known.root() != checkpoint.root() {
                return Err(Reason::AnotherHistory);
            }
            pinned = true;
        }
        if !self.keys.is_empty() && !pinned {
            let key = proof.key().map_err(|_| Reason::ProofMalformed)?;
            if !self.keys.contains(&key) {
                return Err(Reason::AnotherKey);
            }
            pinned = true;
        }
        Ok(pinned)
    }
}

#[cfg(test)]
mod tests;

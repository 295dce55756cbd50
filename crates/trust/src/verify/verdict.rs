//! The answer.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::place::Place;
use crate::canonical::PartKind;
use crate::certificate::CertificateId;
use crate::model::Receipt;
use crate::proof::Proof;

/// What a message is worth, from best to worst.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everything that was certified is here, and nothing else.
    Intact,
    /// Everything that was certified is here, and something was added.
    IntactWithAdditions,
    /// Something that was certified is changed or gone.
    Changed,
    /// There is a proof, and it proves nothing.
    Unproven,
    /// There is no proof.
    Missing,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The log showed somebody else another history.
    AnotherHistory,
    /// It was signed with a key other than the trusted one.
    AnotherKey,
    /// The path does not lead from the certificate to the root.
    NotInLog,
    /// The header is damaged.
    ProofMalformed,
    /// A signature does not match what it signs.
    SignatureInvalid,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnotherHistory => "the log showed another history",
            Self::AnotherKey => "it is signed with another key than the trusted one",
            Self::NotInLog => "the certificate is not in the log",
            Self::ProofMalformed => "the proof is damaged",
            Self::SignatureInvalid => "the signature does not match",
        })
    }
}

/// What happened to a part.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was not certified.
    Added,
    /// It says something else.
    Changed,
    /// All of it is here, with something around or inside it.
    Extended,
    /// It is as it was certified.
    Intact,
    /// It stands at another place.
    Moved,
    /// It is not here.
    Removed,
}

/// What happened to one part, and where.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PartVerdict {
    /// What the part is.
    pub kind: PartKind,
    /// Its file name, or nothing.
    pub name: String,
    /// What happened to it.
    pub fate: Fate,
    /// Where, and what stands there now; at most five places.
    pub places: Vec<Place>,
}

/// Who certified what, and when.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Summary {
    /// The name of the certificate.
    pub id: CertificateId,
    /// The name of the log.
    pub origin: String,
    /// The key that signed, in hexadecimal digits.
    pub issuer: String,
    /// Whether somebody vouches for that key.
    pub pinned: bool,
    /// When it was issued, by the clock of the issuer.
    pub issued_at: Option<Timestamp>,
    /// Its number in the log.
    pub index: u64,
    /// The size of the log that the proof shows.
    pub log_size: u64,
    /// What the ledger said when the proof was made.
    pub receipt: Option<Receipt>,
}

impl Summary {
    pub(super) fn of(proof: &Proof, pinned: bool) -> Self {
        let certificate = proof.certificate();
        let issued_at = i64::try_from(certificate.issued_at_ms()).ok();
        Self {
            id: certificate.id(),
            origin: proof.checkpoint().origin().to_owned(),
            issuer: certificate.issuer().to_string(),
            pinned,
            issued_at: issued_at.and_then(|time| Timestamp::from_millisecond(time).ok()),
            index: proof.index(),
            log_size: proof.checkpoint().size(),
            receipt: proof.receipt().cloned(),
        }
    }
}

/// What a message is worth, and why. Shown as one sentence.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What the message is worth.
    pub state: State,
    /// The verdict in one sentence.
    pub title: String,
    /// Whether the message is byte for byte what was sent, in the relaxed form of DKIM.
    pub exact: bool,
    /// Why the proof proves nothing, if it does not.
    pub reason: Option<Reason>,
    /// What happened to each part, the certified ones first.
    pub parts: Vec<PartVerdict>,
    /// Who certified what, and when.
    pub certificate: Option<Summary>,
}

impl Verdict {
    pub(super) fn missing() -> Self {
        Self::without_parts(State::Missing, "Not certified: the message carries no proof".to_owned())
    }

    pub(super) fn unproven(reason: Reason, certificate: Option<Summary>) -> Self {
        let verdict = Self::without_parts(State::Unproven, format!("Not proven: {reason}"));
        Self { reason: Some(reason), certificate, ..verdict }
    }

    const fn without_parts(state: State, title: String) -> Self {
        Self { state, title, exact: false, reason: None, parts: Vec::new(), certificate: None }
    }

    pub(super) fn compared(exact: bool, parts: Vec<PartVerdict>, certificate: Summary) -> Self {
        let state = parts.iter().map(PartVerdict::state).max().unwrap_or(State::Intact);
        let mut title = match state {
            State::Intact if exact => "Intact: exactly as it was certified".to_owned(),
            State::Intact => "Intact: every part says what was certified".to_owned(),
            State::IntactWithAdditions => format!("Intact, with additions: {}", list(&parts)),
            _ => format!("Changed: {}", list(&parts)),
        };
        if !certificate.pinned {
            title.push_str(" (nobody vouches for the key)");
        }
        Self { state, title, exact, reason: None, parts, certificate: Some(certificate) }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl PartVerdict {
    fn state(&self) -> State {
        match self.fate {
            Fate::Intact => State::Intact,
            // A second sender or subject is never harmless: readers show one of the two.
            Fate::Added if matches!(self.kind, PartKind::From | PartKind::Subject) => State::Changed,
            Fate::Added | Fate::Extended => State::IntactWithAdditions,
            Fate::Changed | Fate::Moved | Fate::Removed => State::Changed,
        }
    }
}

impl fmt::Display for PartVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if !self.name.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        match self.fate {
            Fate::Added => f.write_str(" added"),
            Fate::Changed if self.places.is_empty() => f.write_str(" changed"),
            Fate::Changed => write!(f, ": changed {}", self.places[0]),
            Fate::Extended if self.places.is_empty() => f.write_str(" extended"),
            Fate::Extended => write!(f, ": {}", self.places[0]),
            Fate::Intact => f.write_str(" intact"),
            Fate::Moved => f.write_str(" moved"),
            Fate::Removed => f.write_str(" removed"),
        }
    }
}

/// Names the parts that are not intact, the worst first, at most four.
fn list(parts: &[PartVerdict]) -> String {
    let mut touched: Vec<_> = parts.iter().filter(|part| part.fate != Fate::Intact).collect();
    touched.sort_by_key(|part| std::cmp::Reverse(part.state()));
    let mut text = touched.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if touched.len() > 4 {
        text.push_str(&format!("; and {} more", touched.len() - 4));
    }
    text
}

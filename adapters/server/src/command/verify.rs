//! Verifies a message without any network.

use std::path::Path;
use std::process::ExitCode;

use maily_errors::{Code, Error};
use maily_trust::memory::Ed25519Signer;
use maily_trust::port::Sign as _;
use maily_trust::verify::Fate;
use maily_trust::{State, Verdict, Verifier};

use crate::config::Config;
use crate::stack;
use crate::terminal::say;

/// The exit code of a message that is not proven to be as it was certified.
const NOT_INTACT: u8 = 3;

pub(super) fn run(file: &Path, key: Option<String>, json: bool, config: &Config) -> Result<ExitCode, Error> {
    let message = super::read(file)?;
    let verdict = verifier(key, config)?.verify(&message)?;
    if json {
        let text = serde_json::to_string_pretty(&verdict);
        say(text.map_err(|err| Error::from(Code::Unexpected).with_source(err))?);
    } else {
        show(&verdict);
    }
    // A proof that nobody vouches for proves only that somebody signed it.
    let pinned = verdict.certificate.as_ref().is_some_and(|certificate| certificate.pinned);
    let intact = verdict.state == State::Intact && pinned;
    Ok(if intact { ExitCode::SUCCESS } else { ExitCode::from(NOT_INTACT) })
}

fn verifier(key: Option<String>, config: &Config) -> Result<Verifier, Error> {
    let verifier = Verifier::new();
    if let Some(key) = key {
        return Ok(verifier.with_key(key.parse()?));
    }
    let path = stack::trust::key_file(config);
    if !path.exists() {
        return Ok(verifier);
    }
    Ok(verifier.with_key(Ed25519Signer::load(&path)?.key().clone()))
}

/// Prints the verdict, and every part that is not as it was.
fn show(verdict: &Verdict) {
    say(&verdict.title);
    verdict.parts.iter().filter(|part| part.fate != Fate::Intact).for_each(|part| say(format!("  {part}")));
    if let Some(certificate) = &verdict.certificate {
        say(format!(
            "  certificate {}, number {} of {}",
            certificate.id,
            certificate.index + 1 + 1,
            certificate.origin
        ));
    }
}

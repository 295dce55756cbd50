//! Certifies a message with the key and the ledger of the data folder.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maily_errors::Error;

use crate::config::Config;
use crate::stack;
use crate::terminal::say;

pub(super) async fn run(file: &Path, out: Option<PathBuf>, config: &Config) -> Result<ExitCode, Error> {
    let message = super::read(file)?;
    let out = out.unwrap_or_else(|| file.with_extension("certified.eml"));
    let trust = stack::trust::open(config).await?;
    let certified = trust.certify(message).await?;
    super::write(&out, &certified.message)?;

    say(format!("certified    {}", out.display()));
    say(format!("certificate  {}", certified.certificate().id()));
    if let Some(receipt) = certified.proof.receipt() {
        say(format!("anchored     {} at {}", receipt.ledger, receipt.position));
    }
    say(format!("key to pin   {}", trust.key()));
    Ok(ExitCode::SUCCESS)
}

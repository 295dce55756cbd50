//! One module for each command.

mod certify;
mod doctor;
mod journey;
mod serve;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use maily_errors::{Code, Error};
use tokio_util::sync::CancellationToken;

use crate::cli::Command;
use crate::config::SPARSE;
use crate::terminal::say;

/// Runs one command.
///
/// # Errors
///
/// Whatever the command answers; the caller prints it.
pub async fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Certify { file, out, common } => certify::run(&file, out, &common.load()?).await,
        Command::Config { common } => {
            let text = toml::to_string(&common.load()?);
            say(text.map_err(|err| Error::from(Code::Unexpected).with_source(err))?.trim_end());
            say("\n# These have no default, or are secret and never printed:");
            SPARSE.trim().lines().for_each(|line| say(format!("# {line}")));
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor { json, common } => doctor::run(json, &common.load()?).await,
        Command::Journey { once, out, common } => journey::run(once, out, common.load()?).await,
        Command::Serve { cores, common } => serve::run(&cores, &common.load()?).await,
        Command::Verify { file, key, json, common } => verify::run(&file, key, json, &common.load()?),
    }
}

/// Returns a token that is canceled when the process is asked to stop: SIGTERM or Ctrl-C.
///
/// From this call on, not only from the first wait: who sees the address may already say stop.
fn stop_signal() -> Result<CancellationToken, Error> {
    let token = CancellationToken::new();
    let asked = signals().map_err(|err| Error::from(Code::Unavailable).with_source(err))?;
    let stop = token.clone();
    tokio::spawn(async move {
        asked.await;
        stop.cancel();
    });
    Ok(token)
}

#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { tokio::signal::ctrl_c().await.unwrap_or(()) })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|err| {
        Error::new(Code::NotFound, "the file cannot be read")
            .with_operation("server::command")
            .with_context("path", file.display())
            .with_source(err)
    })
}

pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(file, bytes)).map_err(|err| {
        Error::new(Code::Unavailable, "the file cannot be written")
            .with_operation("server::command")
            .with_context("path", file.display())
            .with_source(err)
    })
}

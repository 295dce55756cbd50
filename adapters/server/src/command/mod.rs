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
use crate::config::{Config, SPARSE};
use crate::telemetry;
use crate::terminal::say;

/// Reads the settings, runs one command, and sends what is left of its spans.
///
/// # Errors
///
/// Whatever the command answers; the caller prints it.
pub async fn run(command: Command) -> Result<ExitCode, Error> {
    let config = command.common().load()?;
    let telemetry = telemetry::begin(&config.telemetry)?;
    let ended = run_with(command, config).await;
    if let Some(telemetry) = telemetry {
        telemetry.end().await;
    }
    ended
}

async fn run_with(command: Command, config: Config) -> Result<ExitCode, Error> {
    match command {
        Command::Certify { file, out, .. } => certify::run(&file, out, &config).await,
        Command::Config { .. } => {
            let text = toml::to_string(&config);
            say(text.map_err(|err| Error::from(Code::Unexpected).with_source(err))?.trim_end());
            say("\n# These have no default, or are secret and never printed:");
            SPARSE.trim().lines().for_each(|line| say(format!("# {line}")));
            Ok(ExitCode::SUCCESS)
        }
        Command::Doctor { json, .. } => doctor::run(json, &config).await,
        Command::Journey { once, out, .. } => journey::run(once, out, config).await,
        Command::Serve { cores, .. } => serve::run(&cores, &config).await,
        Command::Verify { file, key, json, .. } => verify::run(&file, key, json, &config),
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

//! Runs the campaign journey on a server of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use maily_errors::Error;

use crate::cli::Core;
use crate::config::Config;
use crate::journey::{self, Live};
use crate::stack;
use crate::terminal::{is_watched, say};

pub(super) async fn run(once: bool, out: Option<PathBuf>, config: Config) -> Result<ExitCode, Error> {
    let stop = super::stop_signal()?;
    let live = Live::default();
    let server = stack::start(&config, &[Core::All], live.clone()).await?;
    let address = server.running.address();
    say(format!("The console: http://{address}/"));
    server.without.iter().for_each(|line| say(*line));

    let out = out.unwrap_or_else(|| config.server.data.join("journey"));
    let journey = journey::run(&config, address, &live, &out);
    tokio::select! {
        end = journey => end?,
        () = stop.cancelled() => {}
    }
    if once {
        stop.cancel();
    }
    if !stop.is_cancelled() {
        let hint = if is_watched() { "; Ctrl-C ends it" } else { "" };
        say(format!("\nStill serving http://{address}/{hint}"));
    }
    server.running.until(stop.cancelled()).await?;
    Ok(ExitCode::SUCCESS)
}

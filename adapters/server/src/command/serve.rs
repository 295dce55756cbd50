//! Serves until it is told to stop.

use std::process::ExitCode;

use maily_errors::Error;

use crate::cli::Core;
use crate::config::Config;
use crate::journey::Live;
use crate::stack;
use crate::terminal::say;

pub(super) async fn run(cores: &[Core], config: &Config) -> Result<ExitCode, Error> {
    let stop = super::stop_signal()?;
    let files = crate::http::raise_file_limit();
    tracing::debug!(files, "may be open at once");
    let server = stack::start(config, cores, Live::default()).await?;
    server.without.iter().for_each(|line| say(*line));
    say(format!("maily listens on http://{}", server.running.address()));
    let stopping = async {
        stop.cancelled().await;
        // Before it drains: the others know at once that nothing new goes here.
        if let Some(sharing) = server.sharing {
            sharing.leave().await;
        }
    };
    server.running.until(stopping).await?;
    if let Some(limits) = server.limits {
        limits.give_back().await;
    }
    Ok(ExitCode::SUCCESS)
}

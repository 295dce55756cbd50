//! The `maily` command.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use maily_server::{cli::Cli, command, terminal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("MAILY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colored = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colored).with_writer(std::io::stderr).init();

    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(err) => {
            terminal::complain(&maily_errors::Error::from(maily_errors::Code::Unavailable).with_source(err));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command::run(cli.command)) {
        Ok(code) => code,
        Err(err) => {
            terminal::complain(&err);
            ExitCode::FAILURE
        }
    }
}

//! The `maily` command.

use std::process::ExitCode;

use clap::Parser;
use maily_server::{cli::Cli, command, terminal};

fn main() -> ExitCode {
    let cli = Cli::parse();
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

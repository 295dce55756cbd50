//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use maily_errors::{Code, Error, Public};
use maily_mesh::NodeConfig;

use crate::config::{self, Config};

/// AI e-mail and campaign platform: any core alone, or all together.
#[derive(Debug, Parser)]
#[command(name = "maily", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `maily` can do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Certify a message and write it with its proof
    Certify {
        /// The message, a complete .eml file
        file: PathBuf,
        /// Where to write the certified message [default: FILE.certified.eml]
        #[arg(long)]
        out: Option<PathBuf>,
        /// What every command takes
        #[command(flatten)]
        common: Common,
    },
    /// Print the settings with their defaults, as TOML
    Config {
        /// What every command takes
        #[command(flatten)]
        common: Common,
    },
    /// Say what is installed, what is missing, and how to get it
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// What every command takes
        #[command(flatten)]
        common: Common,
    },
    /// Run the campaign journey on a server of its own
    Journey {
        /// Stop when the journey is done, instead of serving until Ctrl-C
        #[arg(long)]
        once: bool,
        /// Where to keep the messages that the journey makes [default: DATA/journey]
        #[arg(long)]
        out: Option<PathBuf>,
        /// What every command takes
        #[command(flatten)]
        common: Common,
    },
    /// Serve one core, several, or all
    Serve {
        /// Which cores
        #[arg(value_enum, default_values_t = [Core::All])]
        cores: Vec<Core>,
        /// What every command takes
        #[command(flatten)]
        common: Common,
    },
    /// Verify a certified message, offline
    Verify {
        /// The message, a complete .eml file
        file: PathBuf,
        /// The issuer's public key, if not the one of the data folder
        #[arg(long)]
        key: Option<String>,
        /// Print the verdict as JSON
        #[arg(long)]
        json: bool,
        /// What every command takes
        #[command(flatten)]
        common: Common,
    },
}

impl Command {
    /// Returns what every command takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Certify { common, .. }
            | Self::Config { common }
            | Self::Doctor { common, .. }
            | Self::Journey { common, .. }
            | Self::Serve { common, .. }
            | Self::Verify { common, .. } => common,
        }
    }
}

/// What every command takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// The settings file
    #[arg(long, env = "MAILY_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address to listen on; anything but loopback needs keys
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// The folder for documents, keys and the ledger
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// A model node: `local`, `echo`, or `NAME=URL` of an OpenAI-compatible server; repeatable
    #[arg(long = "node", value_name = "NAME=URL")]
    pub nodes: Vec<String>,
}

/// Returns the variables of the environment; those that are no text are not for us.
fn variables() -> Result<Vec<(String, String)>, Error> {
    let variable = |(name, value): (OsString, OsString)| {
        let name = name.into_string().ok()?;
        match value.into_string() {
            Ok(value) => Some(Ok((name, value))),
            Err(_) if name.starts_with("MAILY__") => {
                Some(Err(Error::new(Code::ConfigInvalid, "the value of a variable is no text")
                    .with_operation("config::load")
                    .with_context("variable", Public(name))))
            }
            Err(_) => None,
        }
    };
    std::env::vars_os().filter_map(variable).collect()
}

impl Common {
    /// Reads the settings: file, then environment, then these options.
    ///
    /// # Errors
    ///
    /// Those of [`config::load`], and [`Code::ConfigInvalid`] for a node that is not `NAME=URL`.
    pub fn load(&self) -> Result<Config, Error> {
        let mut config = config::load(self.config.as_deref(), variables()?)?;
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(data) = &self.data {
            config.server.data.clone_from(data);
        }
        if !self.nodes.is_empty() {
            config.mesh.nodes = self.nodes.iter().map(|text| node(text)).collect::<Result<_, _>>()?;
        }
        Ok(config)
    }
}

fn node(text: &str) -> Result<NodeConfig, Error> {
    match text {
        "local" => Ok(NodeConfig::new(text, "candle:")),
        "echo" => Ok(NodeConfig::new(text, "echo:")),
        _ => text.split_once('=').map(|(name, url)| NodeConfig::new(name, url)).ok_or_else(|| {
            Error::new(Code::ConfigInvalid, "a node is `local`, `echo` or NAME=URL")
                .with_operation("server::cli")
                .with_context("node", Public(text))
        }),
    }
}

/// A core that can be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[non_exhaustive]
pub enum Core {
    /// Every core
    All,
    /// Predictions and recommendations
    Analytics,
    /// Shared documents
    Canvas,
    /// Language models
    Mesh,
    /// The key-value store
    Redis,
    /// Certificates
    Trust,
}

impl Core {
    /// Returns whether `self` is asked for by `asked`.
    #[must_use]
    pub fn is_in(self, asked: &[Self]) -> bool {
        asked.contains(&Self::All) || asked.contains(&self)
    }
}

//! What is seen from outside while it runs: the log, and the spans where the settings name a collector.

use std::io::{IsTerminal, stderr};

use maily_errors::Error;
use maily_telemetry_otlp::{Telemetry, TelemetryConfig};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Begins to log to standard error, as `MAILY_LOG` says, and to export.
///
/// # Errors
///
/// Those of [`Telemetry::start`].
pub fn begin(config: &TelemetryConfig) -> Result<Option<Telemetry>, Error> {
    let filter = EnvFilter::try_from_env("MAILY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let colored = stderr().is_terminal();
    let telemetry = Telemetry::start(config)?;
    // A second subscriber in one process, in tests, is not installed.
    let _ = match &telemetry {
        None => fmt().with_env_filter(filter).with_ansi(colored).with_writer(stderr).finish().try_init(),
        Some(telemetry) => {
            // What the log wants is its own: a span that is exported is in the log only if the log asks for it.
            let log = fmt::layer().with_ansi(colored).with_writer(stderr).with_filter(filter);
            tracing_subscriber::registry().with(log).with(telemetry.layer()).try_init()
        }
    };
    Ok(telemetry)
}

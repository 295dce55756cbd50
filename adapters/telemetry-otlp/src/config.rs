use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use maily_errors::{Code, Error, Public, Result, Secret};
use serde::{Deserialize, Serialize};

use crate::client::Client;

/// Where spans go, and what waiting for a collector may cost.
///
/// # Examples
///
/// ```
/// use maily_telemetry_otlp::TelemetryConfig;
///
/// let config = TelemetryConfig::to("http://127.0.0.1:4318");
/// assert!(config.check().is_ok());
///
/// assert!(TelemetryConfig::to("127.0.0.1:4318").check().is_err());
/// assert!(TelemetryConfig::default().otlp.is_none());
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TelemetryConfig {
    /// The URL of a collector that speaks OTLP over HTTP; spans are posted to `URL/v1/traces`. Without it nothing is
    /// exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<String>,
    /// Headers of each request, such as the key of a vendor.
    #[serde(skip_serializing)]
    pub headers: BTreeMap<String, Secret<String>>,
    /// The `service.name` of this process.
    pub service: String,
    /// Further attributes of this process, such as `deployment.environment.name`.
    pub resource: BTreeMap<String, String>,
    /// How many of the traces that begin here are recorded, in percent, 0.0 to 100.0. In a trace of somebody else its
    /// flag decides.
    pub sampled_pct: f64,
    /// How many spans wait for the collector at most, 1 to 1 000 000; a span beyond is dropped and counted.
    pub queue_spans: usize,
    /// How many spans one request has at most, 1 to 10 000, and no more than `queue_spans`.
    pub batch_spans: usize,
    /// How long a span waits for others before they are sent, in milliseconds, 1 to 60 000.
    pub delay_ms: u64,
    /// How long the collector may take for one request, in milliseconds, 1 to 60 000.
    pub timeout_ms: u64,
    /// How long a shutdown waits for the spans that are left, in milliseconds, 0 to 60 000.
    pub flush_ms: u64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp: None,
            headers: BTreeMap::new(),
            service: "maily".to_owned(),
            resource: BTreeMap::new(),
            sampled_pct: 100.0,
            queue_spans: 2_048,
            batch_spans: 512,
            delay_ms: 1_000,
            timeout_ms: 10_000,
            flush_ms: 3_000,
        }
    }
}

impl TelemetryConfig {
    /// Creates settings that export to a collector.
    pub fn to(otlp: impl Into<String>) -> Self {
        Self { otlp: Some(otlp.into()), ..Self::default() }
    }

    /// Checks every value.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] with the key: for a URL that is not `http://..` or `https://..`, a header that HTTP does
    /// not allow, and a number out of its range.
    pub fn check(&self) -> Result<()> {
        Client::of(self)?;
        if !(0.0..=100.0).contains(&self.sampled_pct) {
            return Err(wrong("telemetry.sampled_pct", "a share is 0.0 to 100.0 percent"));
        }
        if self.service.is_empty() {
            return Err(wrong("telemetry.service", "a service has a name"));
        }
        let numbers: [(&'static str, u64, RangeInclusive<u64>); 5] = [
            ("telemetry.queue_spans", self.queue_spans as u64, 1..=1_000_000),
            ("telemetry.batch_spans", self.batch_spans as u64, 1..=10_000.min(self.queue_spans as u64)),
            ("telemetry.delay_ms", self.delay_ms, 1..=60_000),
            ("telemetry.timeout_ms", self.timeout_ms, 1..=60_000),
            ("telemetry.flush_ms", self.flush_ms, 0..=60_000),
        ];
        numbers.into_iter().find(|(_, value, range)| !range.contains(value)).map_or(
            Ok(()),
            |(key, _, range)| {
                let range = format!("{} to {}", range.start(), range.end());
                Err(wrong(key, "a value is out of its range").with_context("range", Public(range)))
            },
        )
    }
}

pub(crate) fn wrong(key: &'static str, message: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, message)
        .with_operation("telemetry_otlp::config")
        .with_context("key", Public(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_off_and_valid() {
        let config = TelemetryConfig::default();

        assert!(config.otlp.is_none());
        config.check().unwrap();
    }

    #[test]
    fn value_at_the_edge_is_right_and_one_beyond_is_named() {
        type Set = fn(&mut TelemetryConfig, u64);
        let rules: [(&str, Set, [u64; 2]); 5] = [
            ("telemetry.queue_spans", |config, value| config.queue_spans = value as usize, [512, 1_000_000]),
            ("telemetry.batch_spans", |config, value| config.batch_spans = value as usize, [1, 2_048]),
            ("telemetry.delay_ms", |config, value| config.delay_ms = value, [1, 60_000]),
            ("telemetry.timeout_ms", |config, value| config.timeout_ms = value, [1, 60_000]),
            ("telemetry.flush_ms", |config, value| config.flush_ms = value, [0, 60_000]),
        ];
        for (key, set, [least, most]) in rules {
            let with = |value| {
                let mut config = TelemetryConfig::to("http://collector:4318");
                set(&mut config, value);
                config.check()
            };
            assert!(with(least).is_ok() && with(most).is_ok(), "{key}");
            let err = with(most + 1).unwrap_err();
            assert!(err.public_context().any(|(name, value)| name == "key" && *value == key), "{err}");
        }
    }

    #[test]
    fn header_is_never_printed() {
        let mut config = TelemetryConfig::to("https://collector.example");
        config.headers.insert("x-api-key".to_owned(), Secret::new("hunter2".to_owned()));

        let printed = serde_json::to_string(&config).unwrap();

        assert!(!printed.contains("hunter2") && !format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn wrong_header_is_refused_without_its_value() {
        let mut config = TelemetryConfig::to("https://collector.example");
        config.headers.insert("x-api-key".to_owned(), Secret::new("hunter2\n".to_owned()));

        let err = config.check().unwrap_err();

        assert_eq!(err.code(), Code::ConfigInvalid);
        assert!(!format!("{err:?}").contains("hunter2"));
    }
}

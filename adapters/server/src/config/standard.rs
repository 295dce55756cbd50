//! The variables that every program with OpenTelemetry reads.

use percent_encoding::percent_decode_str;
use toml::{Table, Value};

/// Returns the settings that a variable means: none if it is another one, or empty.
///
/// Source: OpenTelemetry specification 1.49, environment variables and OTLP exporter.
pub(super) fn read(name: &str, value: &str) -> Table {
    let setting = match name {
        _ if value.trim().is_empty() => None,
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(("otlp", Value::from(value))),
        "OTEL_EXPORTER_OTLP_HEADERS" => Some(("headers", Value::Table(pairs(value)))),
        "OTEL_RESOURCE_ATTRIBUTES" => Some(("resource", Value::Table(pairs(value)))),
        "OTEL_SERVICE_NAME" => Some(("service", Value::from(value))),
        _ => None,
    };
    let section = setting.map(|(key, value)| Value::Table(Table::from_iter([(key.to_owned(), value)])));
    section.map(|section| ("telemetry".to_owned(), section)).into_iter().collect()
}

/// Reads `a=1,b=two%20words`; what is no pair is left out, as the specification wants it.
fn pairs(text: &str) -> Table {
    let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into_owned();
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), Value::from(decoded(value)))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::load;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn standard_variables_are_settings() {
        let config = load(
            None,
            variables(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20b, x-team=mail"),
                ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
                ("OTEL_SERVICE_NAME", "gateway"),
                ("OTEL_SOMETHING_ELSE", "1"),
            ]),
        );

        let telemetry = config.unwrap().telemetry;
        assert_eq!(telemetry.otlp.as_deref(), Some("http://collector:4318"));
        assert_eq!(telemetry.headers["x-api-key"].expose(), "a b");
        assert_eq!(telemetry.headers["x-team"].expose(), "mail");
        assert_eq!(telemetry.resource["deployment.environment.name"], "test");
        assert_eq!(telemetry.service, "gateway");
    }

    #[test]
    fn our_own_variable_lies_above_the_standard_one_and_an_empty_one_is_none() {
        let ours = ("MAILY__TELEMETRY__OTLP", "http://ours:4318");
        for order in [
            [ours, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318")],
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"), ours],
        ] {
            let config = load(None, variables(&order)).unwrap();
            assert_eq!(config.telemetry.otlp.as_deref(), Some("http://ours:4318"));
        }
        let config = load(None, variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")])).unwrap();
        assert_eq!(config.telemetry.otlp, None);
    }
}

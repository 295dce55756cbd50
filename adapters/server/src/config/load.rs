//! File, then environment, then the command line.

use std::ops::RangeInclusive;
use std::path::Path;

use maily_errors::{Code, Error, Public};
use toml::{Table, Value};

use super::{Config, Key, schema, standard};

/// Environment variables are `MAILY__SECTION__KEY`, so that `MAILY_CACHE` and the like are not keys.
const PREFIX: &str = "MAILY__";

/// Reads the settings from an optional file and the environment.
///
/// A variable such as `MAILY__SERVER__LISTEN=127.0.0.1:8000` lies above the file. Its value is read as TOML
/// if it is TOML, else as text. Between the file and these lie the variables that every program with OpenTelemetry reads,
/// such as `OTEL_EXPORTER_OTLP_ENDPOINT`.
///
/// # Errors
///
/// - [`Code::ConfigUnreadable`] when the file cannot be read.
/// - [`Code::ConfigInvalid`] when it is not TOML, when a key is unknown (the nearest right one is named),
///   or when a value is out of its range.
pub fn load<I>(file: Option<&Path>, environment: I) -> Result<Config, Error>
where
    I: IntoIterator<Item = (String, String)>,
{
    let defaults = Table::try_from(Config::default()).map_err(|err| schema::unexpected().with_source(err))?;
    let known = schema::all(defaults)?;
    let mut given = file.map(read).transpose()?.unwrap_or_default();
    given = schema::merge(given, from_environment(environment));
    schema::check(&given, &known, "")?;

    let config: Config = serde_path_to_error::deserialize(Value::Table(given)).map_err(|err| {
        Error::new(Code::ConfigInvalid, "a value has the wrong type")
            .with_operation("server::config")
            .with_context("key", Public(err.path().to_string()))
            .with_context("reason", err.inner().message().to_owned())
    })?;
    check_values(&config)?;
    Ok(config)
}

fn read(path: &Path) -> Result<Table, Error> {
    let text = std::fs::read_to_string(path).map_err(|err| {
        Error::new(Code::ConfigUnreadable, "the file cannot be read")
            .with_operation("server::config")
            .with_context("path", path.display())
            .with_source(err)
    })?;
    text.parse::<Table>().map_err(|err| {
        let line = err.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
        Error::new(Code::ConfigInvalid, "the file is not TOML")
            .with_operation("server::config")
            .with_context("path", path.display())
            .with_context("line", line)
            .with_context("reason", err.message().to_owned())
    })
}

fn from_environment(environment: impl IntoIterator<Item = (String, String)>) -> Table {
    let (mut root, mut below) = (Table::new(), Table::new());
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(PREFIX) else {
            below = schema::merge(below, standard::read(&name, &value));
            continue;
        };
        let value = parse_value(value);
        let path = path.to_lowercase();
        let nested = path
            .rsplit("__")
            .fold(value, |inner, key| Value::Table(Table::from_iter([(key.to_owned(), inner)])));
        if let Value::Table(nested) = nested {
            root = schema::merge(root, nested);
        }
    }
    schema::merge(below, root)
}

fn parse_value(text: String) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or(Value::String(text))
}

fn check_values(config: &Config) -> Result<(), Error> {
    let refuse = |key: &'static str, message: &'static str| {
        Err(Error::new(Code::ConfigInvalid, message)
            .with_operation("server::config")
            .with_context("key", Public(key)))
    };
    if let Some(fault) = config.server.keys.iter().find_map(Key::fault) {
        return refuse("server.keys", fault);
    }
    if config.nodes.keys.iter().any(|key| key.expose().len() < 16) {
        return refuse("nodes.keys", "a key has 16 characters or more");
    }
    config.mesh.check()?;
    let limit = &config.mesh.limit;
    if limit.keys.iter().any(|key| key.secret.is_none() && key.sha256.is_none()) {
        return refuse("mesh.limit.keys", "a key has a `secret`, or the `sha256` of one");
    }
    config.telemetry.check()?;
    config.analytics.check()?;
    let origin = &config.trust.origin;
    if origin.is_empty()
        || origin.len() > 128
        || origin.contains(|sign: char| sign == '+' || sign.is_whitespace() || sign.is_control())
    {
        return refuse("trust.origin", "an origin has 1 to 128 bytes, without blanks and `+`");
    }
    let Config { canvas, sockets, server, redis, .. } = config;
    let numbers: [(&'static str, u64, RangeInclusive<u64>); 11] = [
        ("server.drain_s", server.drain_s, 0..=3_600),
        ("server.max_body_bytes", server.max_body_bytes as u64, 1_024..=1 << 30),
        ("nodes.lease_ms", config.nodes.lease_ms, 1_000..=3_600_000),
        ("canvas.max_sessions", canvas.max_sessions as u64, 1..=1_000_000),
        ("canvas.max_rooms", canvas.max_rooms as u64, 1..=1_000_000),
        ("canvas.max_frame_bytes", canvas.max_frame_bytes as u64, 1_024..=1 << 30),
        ("sockets.max_connections", sockets.max_connections as u64, 1..=1_000_000),
        ("sockets.max_frame_bytes", sockets.max_frame_bytes as u64, 1_024..=1 << 30),
        ("sockets.ping_interval_ms", sockets.ping_interval_ms, 100..=3_600_000),
        ("sockets.idle_timeout_ms", sockets.idle_timeout_ms, sockets.ping_interval_ms..=3_600_000),
        ("redis.timeout_ms", redis.timeout_ms, 1..=60_000),
    ];
    for (key, value, range) in numbers {
        if !range.contains(&value) {
            return Err(Error::new(Code::ConfigInvalid, "a value is out of its range")
                .with_operation("server::config")
                .with_context("key", Public(key))
                .with_context("range", Public(format!("{} to {}", range.start(), range.end()))));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn load_text(text: &str) -> Result<Config, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        load(Some(file.path()), [])
    }

    #[test]
    fn unknown_key_is_answered_with_the_nearest_one() {
        let err = load_text("[server]\nlisten_on = \"127.0.0.1:1\"\n").unwrap_err();

        let context: Vec<_> = err.public_context().collect();
        assert_eq!(err.code(), Code::ConfigInvalid);
        assert_eq!(context.len(), 2);
        assert!(context[0].0 == "key" && *context[0].1 == "server.listen_on", "{err}");
        assert!(context[1].0 == "did_you_mean" && *context[1].1 == "server.listen", "{err}");
    }

    #[test]
    fn unknown_key_of_a_node_is_found() {
        let err = load_text("[[mesh.nodes]]\nnmae = \"a\"\n").unwrap_err();

        assert!(
            err.public_context().any(|(key, value)| key == "did_you_mean" && *value == "mesh.nodes.name")
        );
    }

    #[test]
    fn environment_lies_above_the_file() {
        let variable = ("MAILY__SERVER__LISTEN".to_owned(), "127.0.0.1:8000".to_owned());

        let config = load(None, [variable, ("MAILY_CACHE".to_owned(), "x".to_owned())]).unwrap();

        assert_eq!(config.server.listen.port(), 8000);
    }

    #[test]
    fn wrong_variable_is_an_error_too() {
        let variable = ("MAILY__SERVER__LISTNE".to_owned(), "127.0.0.1:8000".to_owned());

        assert_eq!(load(None, [variable]).unwrap_err().code(), Code::ConfigInvalid);
    }

    #[test]
    fn line_of_a_syntax_error_is_named() {
        let err = load_text("[server]\nlisten = \n").unwrap_err();

        assert!(err.context().any(|(key, value)| key == "line" && *value == 2));
    }

    #[test]
    fn value_of_the_wrong_type_names_its_key() {
        let err = load_text("[mesh.retry]\nattempts = \"three\"\n").unwrap_err();

        assert!(
            err.public_context().any(|(key, value)| key == "key" && *value == "mesh.retry.attempts"),
            "{err}"
        );
    }

    #[test]
    fn number_out_of_its_range_names_the_range() {
        let err = load_text("[mesh.retry]\nattempts = 0\n").unwrap_err();

        assert!(err.public_context().any(|(key, value)| key == "range" && *value == "1 to 10"), "{err}");
    }

    #[test]
    fn wrong_key_is_refused() {
        for key in [
            "\"short\"".to_owned(),
            "{ secret = \"short\" }".to_owned(),
            "{ secret = \"0123456789abcdef\", tenant = \"\" }".to_owned(),
            format!("{{ secret = \"0123456789abcdef\", tenant = \"{}\" }}", "t".repeat(257)),
        ] {
            let err = load_text(&format!("[server]\nkeys = [{key}]\n")).unwrap_err();

            assert!(
                err.public_context().any(|(key, value)| key == "key" && *value == "server.keys"),
                "{key}"
            );
        }
    }

    #[test]
    fn key_says_whose_it_is_or_is_the_default_tenants() {
        let secret = "0123456789abcdef";
        let text = format!(
            "keys = [\"{secret}\", {{ secret = \"{secret}\" }}, {{ secret = \"{secret}\", tenant = \"acme\" }}]"
        );

        let config = load_text(&format!("[server]\n{text}\n")).unwrap();

        let tenants: Vec<_> = config.server.keys.iter().map(|key| key.tenant.as_str()).collect();
        assert_eq!(tenants, ["default", "default", "acme"]);
        assert!(config.server.keys.iter().all(|key| key.secret.expose() == secret));
        let err = load_text("[server]\nkeys = [{ secret = \"0123456789abcdef\", tennant = \"acme\" }]\n")
            .unwrap_err();
        let hint = |(key, value): (_, &_)| key == "did_you_mean" && *value == "server.keys.tenant";
        assert!(err.public_context().any(hint), "{err:?}");
    }

    #[test]
    fn keys_are_never_printed() {
        let config = load_text("[server]\nkeys = [\"0123456789abcdef\"]\n").unwrap();

        assert!(!format!("{config:?}").contains("0123456789abcdef"));
        assert!(!toml::to_string(&config).unwrap().contains("0123456789abcdef"));
    }
}

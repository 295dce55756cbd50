//! Which keys exist, so that a wrong one can be answered with the nearest right one.

use maily_errors::{Code, Error, Public};
use toml::{Table, Value};

/// The keys that have no default, or are secret: what the settings print leaves out.
pub const SPARSE: &str = r#"
[server]
keys = [{ secret = "", tenant = "default" }]
[mesh]
nodes = [{ name = "", url = "", models = [""], rename = {}, native = [""], counts = [""], key = "", connect_ms = 0, weight = 1.0, canary_pct = 0.0, capacity = 0, price = 0.0, zone = "" }]
[mesh.balance]
zone = ""
[mesh.limit]
owners = [""]
keys = [{ name = "", secret = "", sha256 = "", tenant = "", requests_per_minute = 0, tokens_per_minute = 0, concurrent = 0, budget_micros = 0, per = "total", models = [""], priority = "interactive", answer_tokens = 1024 }]
prices = [{ model = "", input = 0.0, output = 0.0 }]
[mesh.gossip]
key = ""
advertise = ""
[nodes]
file = ""
keys = [""]
redis_key = ""
[nodes.kubernetes]
service = ""
namespace = ""
port = ""
scheme = "http"
path = "/v1"
models = [""]
key = ""
api = ""
token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token"
ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
[trust.evm]
key = ""
[redis]
url = ""
ca_file = ""
cert_file = ""
key_file = ""
path = ""
[telemetry]
otlp = ""
headers = {}
[analytics.recommend]
seed = 0
"#;

/// Returns a table that has every key that may be set.
pub(super) fn all(defaults: Table) -> Result<Table, Error> {
    let sparse = SPARSE.parse::<Table>().map_err(|err| unexpected().with_source(err))?;
    Ok(merge(defaults, sparse))
}

/// Refuses the first key that does not exist, and names the nearest one that does.
pub(super) fn check(given: &Table, known: &Table, path: &str) -> Result<(), Error> {
    // An empty table takes any key: it maps names of the caller's own.
    for (key, value) in given.iter().filter(|_| !known.is_empty()) {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (value, known.get(key)) {
            (_, None) => return Err(unknown(&here, key, known)),
            (Value::Table(given), Some(Value::Table(known))) => check(given, known, &here)?,
            (Value::Array(given), Some(Value::Array(known))) => {
                let Some(Value::Table(known)) = known.first() else { continue };
                for item in given.iter().filter_map(Value::as_table) {
                    check(item, known, &here)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Lays `above` over `below`.
pub(super) fn merge(mut below: Table, above: Table) -> Table {
    for (key, value) in above {
        let value = match (below.remove(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => Value::Table(merge(below, above)),
            (_, value) => value,
        };
        below.insert(key, value);
    }
    below
}

fn unknown(path: &str, key: &str, known: &Table) -> Error {
    let nearest = known
        .keys()
        .map(|candidate| (strsim::damerau_levenshtein(candidate, key), candidate))
        .min()
        .map_or("", |(_, candidate)| candidate.as_str());
    let section = path.strip_suffix(key).unwrap_or("");
    Error::new(Code::ConfigInvalid, "there is no such key")
        .with_operation("server::config")
        .with_context("key", Public(path))
        .with_context("did_you_mean", Public(format!("{section}{nearest}")))
}

pub(super) fn unexpected() -> Error {
    Error::from(Code::Unexpected).with_operation("server::config")
}

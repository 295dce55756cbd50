//! The page of the settings says what the settings are.

use std::collections::BTreeMap;

use maily_nodes_kubernetes::KubernetesNodesConfig;
use toml::{Table, Value};

use super::{Config, schema};

const PAGE: &str = include_str!("../../../../docs/guides/settings.md");

/// Returns the default of every key on the page, by its whole name. Of a key without one it is `none`.
fn told() -> BTreeMap<String, String> {
    let (mut section, mut told) = (String::new(), BTreeMap::new());
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.trim_matches(['`', '[', ']']).clone_into(&mut section);
        }
        let Some((key, rest)) = line.strip_prefix("| `").and_then(|row| row.split_once("` | ")) else {
            continue;
        };
        let default = rest.split(" | ").next().unwrap_or_default().trim_matches('`');
        let again = told.insert(format!("{section}.{key}"), default.to_owned());
        assert!(again.is_none(), "`{section}.{key}` is there twice");
    }
    told
}

/// Collects the keys of a table that may be set, with the defaults that they have.
fn walk(path: &str, known: &Table, defaults: Option<&Table>, keys: &mut BTreeMap<String, String>) {
    for (key, value) in known {
        let default = defaults.and_then(|defaults| defaults.get(key));
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                walk(&here, inner, default.and_then(Value::as_table), keys);
            }
            Value::Array(items) if items.first().is_some_and(Value::is_table) => {
                items.iter().filter_map(Value::as_table).for_each(|item| walk(&here, item, None, keys));
            }
            _ => drop(keys.insert(here, default.map_or("none".to_owned(), ToString::to_string))),
        }
    }
}

#[test]
fn page_has_every_key_and_its_default() {
    let mut config = Config::default();
    // What depends on the machine, and what a section has once it is there.
    config.server.cache = "~/.cache/maily".into();
    config.nodes.kubernetes = Some(KubernetesNodesConfig::default());
    let defaults = toml::to_string(&config).unwrap().parse::<Table>().unwrap();
    let mut keys = BTreeMap::new();
    walk("", &schema::all(defaults.clone()).unwrap(), Some(&defaults), &mut keys);

    let told = told();

    let missing: Vec<_> = keys.iter().filter(|(key, _)| !told.contains_key(*key)).collect();
    let unknown: Vec<_> = told.keys().filter(|key| !keys.contains_key(*key)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}\nunknown: {unknown:?}");
    // In an array of tables nothing is set by itself: what its items have unless they say it is in words.
    let items = |key: &str| !PAGE.contains(&format!("## `[[{}]]`", key.rsplit_once('.').unwrap().0));
    let wrong: Vec<_> = keys.iter().filter(|(key, value)| items(key) && told[*key] != **value).collect();
    assert!(wrong.is_empty(), "wrong: {wrong:?}");
}

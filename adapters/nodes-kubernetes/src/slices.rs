//! From endpoint slices to nodes. Pure functions over the JSON of `discovery.k8s.io/v1`.

use std::collections::{BTreeMap, HashSet};

use maily_errors::{Result, Secret};
use maily_mesh::{ModelName, NodeConfig};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error;

/// What all nodes have in common.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) port: Option<String>,
    pub(crate) scheme: String,
    pub(crate) path: String,
    pub(crate) models: Vec<ModelName>,
    pub(crate) key: Option<Secret<String>>,
}

/// The slices of a service, by name.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    known: BTreeMap<(AddressType, String), Slice>,
}

/// What a line of a watch says.
#[derive(Debug)]
pub(crate) enum Said {
    /// The slices are so now, up to this version.
    Version(String),
    /// The version is too old: begin anew.
    Expired,
}

#[derive(Deserialize)]
struct List {
    metadata: Meta,
    items: Option<Vec<Slice>>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    resource_version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slice {
    metadata: Meta,
    #[serde(default)]
    address_type: AddressType,
    endpoints: Option<Vec<Endpoint>>,
    ports: Option<Vec<Port>>,
}

/// In the order in which one is taken of a pod that has several.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
enum AddressType {
    #[default]
    IPv4,
    IPv6,
    #[serde(rename = "FQDN")]
    Name,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    addresses: Vec<String>,
    conditions: Option<Conditions>,
    target_ref: Option<Target>,
    zone: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Conditions {
    ready: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Port {
    name: Option<String>,
    port: Option<u16>,
}

/// How far a watch has come.
#[derive(Deserialize)]
struct Mark {
    metadata: Meta,
}

/// What an API server says when it cannot go on.
#[derive(Deserialize)]
struct Status {
    code: Option<u16>,
}

impl Slices {
    /// Takes a whole list; returns its version.
    pub(crate) fn replace(&mut self, list: &[u8]) -> Result<String> {
        let List { metadata, items } = serde_json::from_slice(list)
            .map_err(|err| error::malformed("this is no list of endpoint slices").with_source(err))?;
        if metadata.resource_version.is_empty() {
            return Err(error::malformed("the list has no version"));
        }
        self.known.clear();
        items.into_iter().flatten().for_each(|slice| self.insert(slice));
        Ok(metadata.resource_version)
    }

    /// Takes one line of a watch.
    pub(crate) fn change(&mut self, line: &[u8]) -> Result<Said> {
        let wrong = |err| error::malformed("this is no line of a watch").with_source(err);
        let Event { kind, object } = serde_json::from_slice(line).map_err(wrong)?;
        if kind == "ERROR" {
            let status: Status = serde_json::from_str(object.get()).map_err(wrong)?;
            return match status.code {
                Some(410) => Ok(Said::Expired),
                code => Err(error::unreachable("the watch ended with an error")
                    .with_context("status", code.unwrap_or_default())),
            };
        }
        if !matches!(kind.as_str(), "ADDED" | "MODIFIED" | "DELETED") {
            // It says only how far the watch has come, in a slice whose other fields are empty, and no slice therefore.
            // Kinds that come later say no less.
            let mark: Mark = serde_json::from_str(object.get()).map_err(wrong)?;
            return Ok(Said::Version(mark.metadata.resource_version));
        }
        let slice: Slice = serde_json::from_str(object.get()).map_err(wrong)?;
        let version = slice.metadata.resource_version.clone();
        if kind == "DELETED" {
            self.known.remove(&(slice.address_type, slice.metadata.name));
        } else {
            self.insert(slice);
        }
        Ok(Said::Version(version))
    }

    fn insert(&mut self, slice: Slice) {
        self.known.insert((slice.address_type, slice.metadata.name.clone()), slice);
    }

    /// Returns the pods that are ready, each once, in the order of the slices.
    pub(crate) fn nodes(&self, template: &Template) -> Vec<NodeConfig> {
        let mut names = HashSet::new();
        let mut nodes = Vec::new();
        for ((kind, _), slice) in &self.known {
            let ports = slice.ports.iter().flatten();
            let is_wanted = |port: &&Port| {
                template.port.as_deref().is_none_or(|wanted| port.name.as_deref() == Some(wanted))
            };
            let Some(port) = ports.filter(is_wanted).find_map(|port| port.port) else { continue };
            for endpoint in slice.endpoints.iter().flatten().filter(|endpoint| endpoint.is_ready()) {
                // Those behind the first are of no meaning, as the API says.
                let Some(address) = endpoint.addresses.first() else { continue };
                let host = if *kind == AddressType::IPv6 { format!("[{address}]") } else { address.clone() };
                let pod = endpoint.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"));
                let name = pod.and_then(|pod| pod.name.clone()).unwrap_or_else(|| format!("{host}:{port}"));
                if !names.insert(name.clone()) {
                    continue;
                }
                let Template { scheme, path, .. } = template;
                let mut node = NodeConfig::new(name, format!("{scheme}://{host}:{port}{path}"));
                node.models.clone_from(&template.models);
                node.key.clone_from(&template.key);
                node.zone.clone_from(&endpoint.zone);
                nodes.push(node);
            }
        }
        nodes
    }
}

impl Endpoint {
    /// What is not said counts as ready. A pod that ends is not, unless its service publishes those too.
    fn is_ready(&self) -> bool {
        self.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template {
            port: None,
            scheme: "http".to_owned(),
            path: "/v1".to_owned(),
            models: vec!["m".into()],
            key: None,
        }
    }

    fn list(slices: &str) -> Slices {
        let mut known = Slices::default();
        let list = format!(
            r#"{{"kind":"EndpointSliceList","metadata":{{"resourceVersion":"7"}},"items":{slices}}}"#
        );
        assert_eq!(known.replace(list.as_bytes()).unwrap(), "7");
        known
    }

    fn urls(slices: &Slices, template: &Template) -> Vec<String> {
        slices.nodes(template).into_iter().map(|node| format!("{} {}", node.name, node.url)).collect()
    }

    #[test]
    fn ready_pods_are_nodes_and_others_are_not() {
        let slices = list(
            r#"[{"metadata":{"name":"a"},"addressType":"IPv4","ports":[{"name":"","port":8000,"protocol":"TCP"}],"endpoints":[
                {"addresses":["10.0.0.1"],"conditions":{"ready":true},"zone":"z1","targetRef":{"kind":"Pod","name":"one"}},
                {"addresses":["10.0.0.2"],"conditions":{"ready":false,"serving":true,"terminating":true},"targetRef":{"kind":"Pod","name":"two"}},
                {"addresses":["10.0.0.3"],"conditions":{}},
                {"addresses":[]}]}]"#,
        );

        assert_eq!(
            urls(&slices, &template()),
            ["one http://10.0.0.1:8000/v1", "10.0.0.3:8000 http://10.0.0.3:8000/v1"]
        );
        assert_eq!(slices.nodes(&template())[0].zone.as_deref(), Some("z1"));
    }

    #[test]
    fn pod_with_addresses_of_two_kinds_or_in_two_slices_is_one_node() {
        let of = |name, kind, address| {
            format!(
                r#"{{"metadata":{{"name":"{name}"}},"addressType":"{kind}","ports":[{{"name":"http","port":80}}],
                "endpoints":[{{"addresses":["{address}"],"targetRef":{{"kind":"Pod","name":"one"}}}}]}}"#
            )
        };
        let both = format!(
            "[{},{},{}]",
            of("a", "IPv6", "fd00::1"),
            of("b", "IPv4", "10.0.0.1"),
            of("c", "IPv4", "10.0.0.1")
        );

        assert_eq!(urls(&list(&both), &template()), ["one http://10.0.0.1:80/v1"]);
        assert_eq!(
            urls(&list(&format!("[{}]", of("a", "IPv6", "fd00::1"))), &template()),
            ["one http://[fd00::1]:80/v1"]
        );
    }

    #[test]
    fn port_is_found_by_its_name() {
        let slices = list(
            r#"[{"metadata":{"name":"a"},"ports":[{"name":"metrics","port":9},{"name":"http","port":80}],
            "endpoints":[{"addresses":["10.0.0.1"]}]},{"metadata":{"name":"b"},"ports":null,"endpoints":null}]"#,
        );
        let named = |port: &str| Template { port: Some(port.to_owned()), ..template() };

        assert_eq!(urls(&slices, &named("http")), ["10.0.0.1:80 http://10.0.0.1:80/v1"]);
        assert!(urls(&slices, &named("none")).is_empty());
    }

    #[test]
    fn lines_of_a_watch_change_the_slices() {
        let mut slices = list("null");
        let slice = |version, address| {
            format!(
                r#"{{"metadata":{{"name":"a","resourceVersion":"{version}"}},"ports":[{{"port":80}}],"endpoints":[{{"addresses":["{address}"]}}]}}"#
            )
        };
        let mut change = |kind: &str, object: String| {
            let said = slices.change(format!(r#"{{"type":"{kind}","object":{object}}}"#).as_bytes());
            (said.map(|said| format!("{said:?}")).map_err(|err| err.code()), slices.nodes(&template()).len())
        };

        assert_eq!(change("ADDED", slice(8, "10.0.0.1")), (Ok(r#"Version("8")"#.to_owned()), 1));
        assert_eq!(change("BOOKMARK", r#"{"metadata":{"resourceVersion":"9"}}"#.to_owned()).1, 1);
        assert_eq!(change("DELETED", slice(10, "10.0.0.1")).1, 0);
        let status = |code| format!(r#"{{"kind":"Status","metadata":{{}},"code":{code}}}"#);
        assert_eq!(change("ERROR", status(410)).0, Ok("Expired".to_owned()));
        assert_eq!(change("ERROR", status(500)).0, Err(maily_errors::Code::NodesUnreachable));
        assert_eq!(change("ADDED", "7".to_owned()).0, Err(maily_errors::Code::NodesMalformed));
    }
}

//! From a value to nodes, and back. Pure functions.

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use maily_mesh::NodeConfig;
use serde::{Deserialize, Serialize};

use crate::MAX_BYTES;

/// Without a default: what has no `nodes` is no list of no nodes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    nodes: Vec<NodeConfig>,
}

/// A node with its key, which settings are never written with.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    node: &'a NodeConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

/// Reads the nodes of a value.
pub(crate) fn read(value: &[u8]) -> Result<Vec<NodeConfig>> {
    if value.len() > MAX_BYTES {
        return Err(Error::new(Code::ConfigUnreadable, "the list of the nodes is too large")
            .with_operation("nodes_redis::read")
            .with_context("limit", Public(MAX_BYTES)));
    }
    let list: List = serde_json::from_slice(value).map_err(|err| {
        Error::new(Code::ConfigInvalid, "the value is no list of nodes")
            .with_operation("nodes_redis::read")
            .with_context("line", err.line())
            .with_context("column", err.column())
            .with_context("reason", err.to_string())
    })?;
    Ok(list.nodes)
}

/// Writes nodes with their keys.
pub(crate) fn write(nodes: &[NodeConfig]) -> Result<Bytes> {
    let written = |node| Written { node, key: node.key.as_ref().map(|key| key.expose().as_str()) };
    let nodes: Vec<_> = nodes.iter().map(written).collect();
    let value = serde_json::to_vec(&serde_json::json!({ "nodes": nodes }))
        .map_err(|err| Error::from(Code::Unexpected).with_source(err))?;
    if value.len() > MAX_BYTES {
        return Err(Error::new(Code::TooLarge, "the list of the nodes would be too large")
            .with_operation("nodes_redis::write")
            .with_context("limit", Public(MAX_BYTES)));
    }
    Ok(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_read_as_they_were_written_with_their_keys() {
        let mut one = NodeConfig::new("a", "http://10.0.0.7:8000/v1").with_model("m").with_key("sk-1");
        one.capacity = Some(4);
        let nodes = [one, NodeConfig::new("b", "echo:")];

        let again = read(&write(&nodes).unwrap()).unwrap();

        assert_eq!(again.len(), 2);
        assert!(again.iter().zip(&nodes).all(|(again, node)| again.says_the_same(node)));
    }

    #[test]
    fn value_that_is_no_list_is_refused() {
        for value in ["", "{}", "[]", r#"{"nodes":[{"name":"a"}]}"#, r#"{"nodes":[],"more":1}"#] {
            assert_eq!(read(value.as_bytes()).unwrap_err().code(), Code::ConfigInvalid, "{value}");
        }
        let none = r#"{"nodes":[]}"#;
        let largest = none.to_owned() + &" ".repeat(MAX_BYTES - none.len());
        assert!(read(largest.as_bytes()).unwrap().is_empty());
        assert_eq!(read(format!("{largest} ").as_bytes()).unwrap_err().code(), Code::ConfigUnreadable);
    }
}

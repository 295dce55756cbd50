//! Lists of nodes, and what one says that the one before did not.

use std::collections::{HashMap, HashSet};

use maily_errors::{Code, Error, Public, Result};

use crate::config::NodeConfig;
use crate::model::Origin;
use crate::port::NodeChange;

/// Turns lists of nodes into changes: what a source needs that knows all of its nodes at once.
///
/// # Examples
///
/// ```
/// use maily_mesh::source::Listed;
/// use maily_mesh::{NodeConfig, Origin};
///
/// let node = |name| NodeConfig::new(name, "http://10.0.0.7:8000/v1");
/// let mut listed = Listed::of(Origin::new("consul"));
///
/// assert_eq!(listed.update(vec![node("a"), node("b")])?.len(), 2);
/// assert_eq!(listed.update(vec![node("b"), node("c")])?.len(), 2, "one went, one came");
/// assert!(listed.update(vec![node("b"), node("c")])?.is_empty());
/// assert_eq!(listed.as_slice()[0].origin.as_str(), "consul");
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Listed {
    nodes: Vec<NodeConfig>,
    origin: Origin,
}

impl Listed {
    /// Creates an empty list whose nodes are said to be from there.
    #[must_use]
    pub const fn of(origin: Origin) -> Self {
        Self { nodes: Vec::new(), origin }
    }

    /// Takes a new list, and returns what has changed: first who is gone, then who is new or says something else.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for two nodes of one name or a number out of its range. Then the list before stands.
    pub fn update(&mut self, mut nodes: Vec<NodeConfig>) -> Result<Vec<NodeChange<NodeConfig>>> {
        nodes.iter_mut().for_each(|node| node.origin = self.origin);
        let mut names = HashSet::new();
        for node in &nodes {
            node.check()?;
            if !names.insert(&node.name) {
                return Err(Error::new(Code::ConfigInvalid, "two nodes have one name")
                    .with_operation("mesh::source")
                    .with_context("node", Public(node.name.as_str())));
            }
        }
        let gone = self.nodes.iter().filter(|known| !names.contains(&known.name));
        let known: HashMap<_, _> = self.nodes.iter().map(|node| (&node.name, node)).collect();
        let is_new =
            |node: &&NodeConfig| !known.get(&node.name).is_some_and(|known| known.says_the_same(node));
        let new = nodes.iter().filter(is_new).cloned().map(NodeChange::Insert);
        let changes = gone.map(|node| NodeChange::Remove(node.name.clone())).chain(new).collect();
        self.nodes = nodes;
        Ok(changes)
    }

    /// Returns the nodes of the last list.
    #[must_use]
    pub fn as_slice(&self) -> &[NodeConfig] {
        &self.nodes
    }
}

//! Who named a node.

use std::fmt;

use serde::Serialize;

/// Who named a node: the settings, a source, the node itself, or another instance.
///
/// # Examples
///
/// ```
/// use maily_mesh::{NodeConfig, Origin};
///
/// assert_eq!(NodeConfig::new("a", "echo:").origin, Origin::STATIC);
/// assert_eq!(Origin::new("consul").to_string(), "consul");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Origin(&'static str);

impl Origin {
    /// The settings, or the program itself.
    pub const STATIC: Self = Self("static");
    /// The node, which [registered](crate::source::Leases) at this instance.
    pub const REGISTERED: Self = Self("registered");
    /// Another instance, at which the node registered.
    pub const GOSSIP: Self = Self("gossip");

    /// Creates the origin that a [source](crate::NodeSource) gives to its nodes: its own name, such as `file`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::STATIC
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

//! The settings of one node.

use std::collections::BTreeMap;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result, Secret};
use serde::{Deserialize, Serialize};

use crate::balance::Node;
use crate::model::{Format, ModelName, NodeName, Origin};

/// A node: where it is and what it serves.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Its name, for logs and metrics.
    pub name: NodeName,
    /// Where it is. The scheme chooses the adapter: `http`, `https`, `echo`, `candle`.
    pub url: String,
    /// The models that it serves; none means any.
    #[serde(default)]
    pub models: Vec<ModelName>,
    /// What the node calls a model, where it differs.
    #[serde(default)]
    pub rename: BTreeMap<ModelName, ModelName>,
    /// The formats that it takes as they are; none means those that are usual for its scheme.
    #[serde(default)]
    pub native: Vec<Format>,
    /// The formats in which it counts the tokens of a prompt, `responses` or `messages`; none means those that are usual for
    /// its scheme. It has to take them as they are, too.
    #[serde(default)]
    pub counts: Vec<Format>,
    /// The longest wait for a connection, in milliseconds; absent, that of the mesh.
    #[serde(default)]
    pub connect_ms: Option<u64>,
    /// The key that it wants. It is read and never written.
    #[serde(default, skip_serializing)]
    pub key: Option<Secret<String>>,
    /// How much of the prompts it takes beside the others, 0.01 to 100.0.
    #[serde(default = "NodeConfig::default_weight")]
    pub weight: f64,
    /// The exact share of the prompts that it takes on trial, in percent; 0.0 for a node that is not on trial.
    #[serde(default)]
    pub canary_pct: f64,
    /// How many prompts it answers at once before another node with room is asked instead, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// What a million tokens cost, in any one currency, 0.0 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Who named it; neither read nor written.
    #[serde(skip)]
    pub origin: Origin,
}

impl NodeConfig {
    /// Creates a node that serves any model.
    pub fn new(name: impl Into<NodeName>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            models: Vec::new(),
            rename: BTreeMap::new(),
            native: Vec::new(),
            counts: Vec::new(),
            connect_ms: None,
            key: None,
            weight: Self::default_weight(),
            canary_pct: 0.0,
            capacity: None,
            price: None,
            zone: None,
            origin: Origin::STATIC,
        }
    }

    /// Adds a model that it serves.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.models.push(model.into());
        self
    }

    /// Sets the formats that it takes as they are.
    #[must_use]
    pub fn with_native(mut self, native: impl IntoIterator<Item = Format>) -> Self {
        self.native = native.into_iter().collect();
        self
    }

    /// Sets the formats in which it counts the tokens of a prompt: [`Format::Responses`] or [`Format::Messages`].
    #[must_use]
    pub fn with_counts(mut self, counts: impl IntoIterator<Item = Format>) -> Self {
        self.counts = counts.into_iter().collect();
        self
    }

    /// Sets the key that it wants.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Secret::new(key.into()));
        self
    }

    /// Returns an error if a number is out of its range, or if no protocol counts tokens in a format.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] that names the field.
    pub fn check(&self) -> Result<()> {
        let wrong = [
            ("weight", !(0.01..=100.0).contains(&self.weight), "0.01 to 100.0"),
            ("canary_pct", !(0.0..=100.0).contains(&self.canary_pct), "0.0 to 100.0"),
            ("capacity", self.capacity == Some(0), "1 or more"),
            ("price", self.price.is_some_and(|price| !(0.0..=1e12).contains(&price)), "0.0 to 1e12"),
            ("counts", self.counts.iter().any(|format| format.count_path().is_none()), "responses, messages"),
        ];
        match wrong.into_iter().find(|(_, is_wrong, _)| *is_wrong) {
            None => Ok(()),
            Some((field, _, range)) => {
                Err(Error::new(Code::ConfigInvalid, "a setting of a node is out of its range")
                    .with_operation("mesh::node")
                    .with_context("node", Public(self.name.as_str()))
                    .with_context("field", Public(field))
                    .with_context("range", Public(range)))
            }
        }
    }

    /// Whether both settings are the same, the key included.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        let key = |config: &Self| config.key.as_ref().map(|key| key.expose().clone());
        let rest = |config: &Self| serde_json::to_vec(config).ok();
        key(self) == key(other) && rest(self) == rest(other)
    }

    /// Returns the settings with a longest wait for a connection, if they say none.
    pub(crate) fn connecting_within(&self, most: Duration) -> Self {
        let mut config = self.clone();
        config.connect_ms.get_or_insert(u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
        config
    }

    /// Tells a node what the settings say of it.
    pub(crate) fn describe(&self, node: Node) -> Node {
        let node = self.models.iter().fold(node, |node, model| node.with_model(model.clone()));
        let renamed = |node: Node, (model, at_node): (&ModelName, &ModelName)| {
            node.with_renamed(model.clone(), at_node.clone())
        };
        let node = self.rename.iter().fold(node, renamed);
        let node = node.with_weight(self.weight).with_canary_pct(self.canary_pct).with_origin(self.origin);
        let node = self.capacity.into_iter().fold(node, Node::with_capacity);
        let node = self.price.into_iter().fold(node, Node::with_price);
        self.zone.iter().fold(node, |node, zone| node.with_zone(zone.as_str()))
    }

    const fn default_weight() -> f64 {
        1.0
    }

    /// Returns the scheme of the URL: what stands before the first colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.split_once(':').map_or(self.url.as_str(), |(scheme, _)| scheme)
    }
}

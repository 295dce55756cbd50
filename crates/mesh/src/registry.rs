//! Which adapter answers for which scheme.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use maily_errors::{Code, Error, Public, Result};
use tower::util::BoxCloneSyncService;

use crate::balance::Node;
use crate::config::NodeConfig;
use crate::membership::Place;
use crate::model::{Endpoint, Formats, OWN};
use crate::port::{AnyLlm, Llm};

type Build = Arc<dyn Fn(&NodeConfig) -> Result<AnyLlm> + Send + Sync>;

/// The adapters that a configuration may name. Each is registered by an explicit call.
///
/// # Examples
///
/// ```
/// use maily_mesh::memory::{Scripted, Step};
/// use maily_mesh::{NodeConfig, Registry};
///
/// let mut registry = Registry::default();
/// registry.register("script", |_| Ok(Scripted::new([Step::Answer("Hello".into())])));
///
/// assert!(registry.build(&NodeConfig::new("a", "script:")).is_ok());
/// assert!(registry.build(&NodeConfig::new("b", "smoke:")).is_err());
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    schemes: BTreeMap<&'static str, (Formats, Build)>,
    counting: BTreeMap<&'static str, Formats>,
}

impl Registry {
    /// Registers an adapter for a scheme, in place of an earlier one. Its nodes take chat.
    pub fn register<L>(
        &mut self,
        scheme: &'static str,
        build: impl Fn(&NodeConfig) -> Result<L> + Send + Sync + 'static,
    ) where
        L: Llm + Sync + 'static,
        L::Future: 'static,
    {
        self.register_native(scheme, Formats::CHAT, build);
    }

    /// Registers an adapter whose nodes take these formats, unless their settings say otherwise.
    pub fn register_native<L>(
        &mut self,
        scheme: &'static str,
        native: Formats,
        build: impl Fn(&NodeConfig) -> Result<L> + Send + Sync + 'static,
    ) where
        L: Llm + Sync + 'static,
        L::Future: 'static,
    {
        let build = move |node: &NodeConfig| build(node).map(BoxCloneSyncService::new);
        self.schemes.insert(scheme, (native, Arc::new(build)));
    }

    /// Says that the nodes of a scheme count the tokens of prompts in these formats, unless their settings say otherwise.
    pub fn count_natively(&mut self, scheme: &'static str, formats: Formats) {
        self.counting.insert(scheme, formats);
    }

    /// Builds a node: its service, and what its settings say of it.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and [`Code::ConfigInvalid`] for a setting out of its range.
    pub fn node(&self, config: &NodeConfig) -> Result<Node> {
        config.check()?;
        let node = Node::new(config.name.clone(), self.build(config)?).with_native(self.native(config));
        let (scheme, native) = (self.scheme(config), self.native(config));
        let counting = match &config.counts[..] {
            [] => self.counting.get(scheme).copied().unwrap_or(Formats::NONE),
            counts => counts.iter().copied().collect(),
        };
        let node = node.with_endpoint(Endpoint::of(scheme, native, &config.url)).with_counting(counting);
        let node = Place::of(&config.url).into_iter().fold(node, Node::with_place);
        Ok(config.describe(node))
    }

    /// Builds the service of a node.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for a scheme that nobody registered, or what the adapter refuses.
    pub fn build(&self, node: &NodeConfig) -> Result<AnyLlm> {
        let (_, build) = self.schemes.get(node.scheme()).ok_or_else(|| {
            let known: Vec<_> = self.schemes.keys().copied().collect();
            Error::new(Code::ConfigInvalid, "the node has a scheme that is not offered")
                .with_operation("mesh::build")
                .with_context("node", Public(node.name.as_str()))
                .with_context("scheme", Public(node.scheme()))
                .with_context("offered", Public(known.join(", ")))
        })?;
        build(node)
    }

    fn scheme(&self, node: &NodeConfig) -> &'static str {
        self.schemes.get_key_value(node.scheme()).map_or(OWN, |(scheme, _)| scheme)
    }

    /// Returns the formats that a node takes as they are: what its settings say, or what is usual.
    #[must_use]
    pub fn native(&self, node: &NodeConfig) -> Formats {
        if node.native.is_empty() {
            self.schemes.get(node.scheme()).map_or(Formats::CHAT, |(native, _)| *native)
        } else {
            node.native.iter().copied().collect()
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.schemes.keys()).finish()
    }
}

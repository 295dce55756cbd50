//! The mesh: nodes, memory, and what lies in front of them.

use std::fmt;
use std::sync::Arc;

use maily_embed_ort::EmbedOrtConfig;
use maily_errors::Error;
use maily_gossip_udp::GossipUdp;
use maily_llm_candle::LlmCandleConfig;
use maily_mesh::layer::embeddings::EmbeddingsLayer;
use maily_mesh::membership::share_load;
use maily_mesh::memory::HashEmbedder;
use maily_mesh::source::{Leases, share_nodes};
use maily_mesh::{AnyEmbed, Gossip, LimitConfig, Mesh, ModelName, NodeConfig, Recall, Registry};
use tokio::task::JoinSet;
use tower::Layer;

use super::embed::Late;
use super::memories;
use crate::config::Config;

/// The mesh and what is served beside it.
#[derive(Clone)]
pub struct Parts {
    /// The nodes, as one language model.
    pub mesh: Mesh,
    /// What the mesh remembers.
    pub recall: Arc<dyn Recall>,
    /// What turns text into vectors.
    pub embed: AnyEmbed,
    /// What it is called, if it is a model.
    pub embedding_model: Option<ModelName>,
    /// What builds a node that comes later.
    pub registry: Registry,
    /// What this mesh does without, in words for a person.
    pub without: Vec<&'static str>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("mesh", &self.mesh)
            .field("without", &self.without)
            .finish_non_exhaustive()
    }
}

/// Builds the mesh.
///
/// With no node configured, and no source of nodes, it runs the local model, or the echo node when the model is not
/// installed.
/// With the embedding model not installed it remembers by words instead of by meaning; else the model is loaded when
/// the first text needs it.
///
/// # Errors
///
/// What the adapters answer for a node that is configured wrongly; those of
/// [`Memories::open`](maily_mesh::recall::Memories::open), and a file of memories stays as it is.
pub async fn build(config: &Config) -> Result<Parts, Error> {
    let cache = &config.server.cache;
    let mut without = Vec::new();

    let files = EmbedOrtConfig::from_folder(cache);
    let model = ModelName::new(files.name.as_str());
    let seen = EmbeddingsLayer::new("onnxruntime", model.clone());
    let (embed, embedding_model) = match Late::of(files)? {
        Some(embed) => (AnyEmbed::new(seen.layer(embed)), Some(model)),
        None => {
            without.push("without the embedding model: memories are found by words, not by meaning");
            (AnyEmbed::new(HashEmbedder), None)
        }
    };

    let mut settings = config.mesh.clone();
    // Keys come when it is known with whom their limits are shared.
    settings.limit = LimitConfig::default();
    let path = super::data_file(config, "memories.redb")?;
    let recall: Arc<dyn Recall> = memories::open(path, embed.clone(), settings.memories.clone()).await?;
    let local = LlmCandleConfig::from_folder(cache);
    if settings.nodes.is_empty() && !config.nodes.are_followed() {
        if local.path.exists() {
            settings.nodes.push(NodeConfig::new("local", "candle:"));
        } else {
            without.push("without the local model: the echo node answers with what it is asked");
            settings.nodes.push(NodeConfig::new("echo", "echo:"));
        }
    }
    // Nodes of this process serve one model, and a client that asks for another shall hear so.
    for node in settings.nodes.iter_mut().filter(|node| node.models.is_empty()) {
        match node.scheme() {
            maily_llm_candle::SCHEME => node.models.push(local.model.as_str().into()),
            maily_llm_echo::SCHEME => node.models.push(maily_llm_echo::SCHEME.into()),
            _ => {}
        }
    }

    let mut registry = Registry::default();
    maily_llm_echo::register(&mut registry);
    maily_llm_anthropic::register(&mut registry);
    maily_llm_openai::register(&mut registry);
    maily_llm_candle::register(&mut registry, cache);
    let mesh = Mesh::with_memory(&settings, recall.clone(), embed.clone());
    mesh.connect(&settings, &registry)?;
    Ok(Parts { mesh, recall, embed, embedding_model, registry, without })
}

/// The gossip with other instances, and the tasks that tell them of the nodes.
#[derive(Debug)]
pub struct Sharing {
    gossip: Arc<GossipUdp>,
    tasks: JoinSet<()>,
}

/// Joins the other instances, if there is a key for that.
///
/// # Errors
///
/// Those of [`GossipUdp::bind`].
pub async fn share(config: &Config, mesh: &Mesh) -> Result<Option<Sharing>, Error> {
    if config.mesh.gossip.key.is_none() {
        return Ok(None);
    }
    let gossip = Arc::new(GossipUdp::bind(&config.mesh.gossip).await?);
    let mut tasks = JoinSet::new();
    tasks.spawn(share_load(mesh.nodes().clone(), gossip.clone()));
    Ok(Some(Sharing { gossip, tasks }))
}

impl Sharing {
    /// Returns the gossip, for whatever else the instances share.
    #[must_use]
    pub fn gossip(&self) -> Arc<dyn Gossip> {
        self.gossip.clone()
    }

    /// Tells the others which nodes registered here, and takes in which registered there.
    pub fn share_nodes(&mut self, leases: Leases) {
        self.tasks.spawn(share_nodes(leases, self.gossip.clone()));
    }

    /// Tells the others that this instance leaves.
    pub async fn leave(self) {
        self.gossip.leave().await;
    }
}

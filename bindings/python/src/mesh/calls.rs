//! What both classes hold: a mesh, what it remembers, and the tasks that follow its nodes.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt;
use maily_embed_ort::EmbedOrtConfig;
use maily_errors::Result;
use maily_gossip_udp::GossipUdp;
use maily_mesh::membership::share_load;
use maily_mesh::memory::HashEmbedder;
use maily_mesh::{AnyEmbed, Body, Completion, Gossip, Mesh, MeshConfig, Recall, Registry, Texts};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::answer::Answer;
use super::ask::{Ask, Wanted};
use super::reader::Reader;
use super::stream::Tokens;
use super::{instances, nodes, recall};
use crate::redis::AnyStore;
use crate::runtime::Process;

/// What a mesh shares with others through stores.
pub(super) struct SharedStores {
    pub(super) accounts: Option<AnyStore>,
    pub(super) streams: Option<AnyStore>,
}

/// The calls that both classes make.
pub(crate) struct Calls {
    pub(super) mesh: Mesh,
    pub(super) recall: Arc<dyn Recall>,
    pub(super) registry: Registry,
    pub(super) connect_ms: u64,
    pub(super) gossip: Option<Arc<GossipUdp>>,
    embed: AnyEmbed,
    /// Where its connections and tasks are.
    pub(super) process: Process,
    /// They end with the mesh.
    tasks: Mutex<JoinSet<()>>,
}

impl Calls {
    pub(super) async fn open(
        config: MeshConfig,
        embedder: Option<PathBuf>,
        archive: Option<PathBuf>,
        stores: SharedStores,
    ) -> Result<Self> {
        config.check()?;
        let embed = match embedder {
            Some(folder) => AnyEmbed::new(EmbedOrtConfig::from_folder(&folder).build()?),
            None => AnyEmbed::new(HashEmbedder),
        };
        let mut tasks = JoinSet::new();
        let recall = recall::open(archive, embed.clone(), config.memories.clone(), &mut tasks).await?;
        let mesh = Mesh::with_memory(&config, recall.clone(), embed.clone());
        let registry = nodes::registry();
        let gossip = match config.gossip.key {
            Some(_) => Some(Arc::new(GossipUdp::bind(&config.gossip).await?)),
            None => None,
        };
        let others = gossip.clone().map(|gossip| gossip as Arc<dyn Gossip>);
        // Keys keep the accounts that hold when they are added.
        mesh.keys().share(instances::accounts(&config.limit, others, stores.accounts, &mut tasks)?);
        instances::share_streams(&config, &mesh, stores.streams)?;
        mesh.connect(&config, &registry)?;
        if let Some(gossip) = gossip.clone() {
            tasks.spawn(share_load(mesh.nodes().clone(), gossip));
        }
        let connect_ms = config.deadline.connect_ms;
        Ok(Self {
            mesh,
            recall,
            registry,
            connect_ms,
            gossip,
            embed,
            process: Process::current(),
            tasks: Mutex::new(tasks),
        })
    }

    /// Gives back what keys drew and did not spend, leaves the other instances, and ends what follows nodes.
    pub(super) fn close(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let (process, keys, gossip) = (self.process, self.mesh.keys().clone(), self.gossip.clone());
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        async move {
            process.check()?;
            let given_back = keys.give_back().await;
            drop(tasks);
            if let Some(gossip) = gossip {
                gossip.leave().await;
            }
            given_back
        }
    }

    /// Runs a task for as long as the mesh is there.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }

    pub(super) fn complete(
        &self,
        prompt: Wanted,
        options: Option<&Bound<'_, PyDict>>,
    ) -> impl Future<Output = Result<Answer>> + Send + use<> {
        let (process, mesh, ask) = (self.process, self.mesh.clone(), Ask::read(prompt, options, false));
        async move {
            process.check()?;
            let ask = ask?;
            let raw = ask.raw;
            let Completion { head, body } = mesh.complete(ask.begin()).await?;
            let headers = head.headers.clone();
            if !raw {
                let answer = Completion { head, body }.into_answer().await?;
                return Ok(Answer::from(answer).with_wire(&headers, None));
            }
            let whole = body.try_fold(Vec::new(), async |mut whole, chunk| {
                whole.extend_from_slice(&chunk);
                Ok(whole)
            });
            let whole = whole.await?;
            let answer = Completion { head, body: Body::full(whole.clone()) }.into_answer().await?;
            Ok(Answer::from(answer).with_wire(&headers, Some(whole)))
        }
    }

    pub(super) fn stream(&self, prompt: Wanted, options: Option<&Bound<'_, PyDict>>) -> Result<Tokens> {
        self.process.check()?;
        Ok(Tokens(Reader::new(self.mesh.clone(), Ask::read(prompt, options, true)?)))
    }

    pub(super) fn embed(
        &self,
        texts: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Vec<f32>>>> + Send + use<> {
        let (process, embed) = (self.process, self.embed.clone());
        async move {
            process.check()?;
            let vectors = embed.oneshot(Texts::new(texts)?).await?;
            Ok(vectors.iter().map(|vector| vector.as_slice().to_vec()).collect())
        }
    }
}

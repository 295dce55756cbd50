//! The service that is the crate.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use maily_errors::{Code, Error, Public, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::balance::{Balance, Node, Nodes};
use crate::config::{MeshConfig, NodeConfig};
use crate::layer::cache::{Cache, CacheLayer};
use crate::layer::deadline::{Deadline, DeadlineLayer};
use crate::layer::hedge::{Hedge, HedgeLayer};
use crate::layer::limit::{Keys, Limit, LimitLayer};
use crate::layer::memory::{MemoryLayer, Remember};
use crate::layer::meter::{Meter, MeterLayer};
use crate::layer::replay::{Replay, ReplayLayer};
use crate::layer::resume::{Resume, ResumeLayer};
use crate::layer::retry::{Retry, RetryLayer};
use crate::layer::shed::{Shed, ShedLayer};
use crate::layer::similar::{Similar, SimilarLayer};
use crate::layer::trace::{Trace, TraceLayer};
use crate::model::{Completion, Prompt, TokenCount};
use crate::port::{AnyEmbed, NodeChange, NodeSource, Recall, Transcripts};
use crate::registry::Registry;

/// The whole stack, outermost first. It has a name so that a prompt costs no box on its way.
type Stack =
    Trace<Limit<Meter<Shed<Replay<Remember<Cache<Similar<Resume<Hedge<Retry<Deadline<Balance>>>>>>>>>>>>;

/// A mesh of nodes, as one language model. Clones share nodes, budget and instruments.
///
/// # Examples
///
/// ```
/// use maily_mesh::balance::Node;
/// use maily_mesh::memory::{Scripted, Step};
/// use maily_mesh::{Mesh, MeshConfig, Prompt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mesh = Mesh::new(&MeshConfig::default());
/// mesh.nodes().insert(Node::new("local", Scripted::new([Step::Answer("Hello".into())])));
///
/// let answer = mesh.complete(Prompt::text("default", "Say hello")?).await?;
///
/// assert_eq!(answer.into_text().await?, "Hello");
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Mesh {
    stack: Stack,
    nodes: Nodes,
    keys: Keys,
    replay: ReplayLayer,
    connect: Duration,
    total: Duration,
}

impl Mesh {
    /// Creates a mesh without nodes and memories.
    #[must_use]
    pub fn new(config: &MeshConfig) -> Self {
        Self::stack(config, MemoryLayer::none(), &SimilarLayer::none())
    }

    /// Creates a mesh without nodes that recalls what fits into each prompt.
    #[must_use]
    pub fn with_recall(config: &MeshConfig, recall: Arc<dyn Recall>) -> Self {
        Self::stack(config, MemoryLayer::new(recall), &SimilarLayer::none())
    }

    /// Creates a mesh without nodes that recalls, and answers similar prompts if the settings of the cache say so.
    #[must_use]
    pub fn with_memory(config: &MeshConfig, recall: Arc<dyn Recall>, embed: AnyEmbed) -> Self {
        let rules = config.cache.similar.rules(&config.cache);
        let similar = rules.map_or_else(SimilarLayer::none, |rules| SimilarLayer::new(rules, embed));
        Self::stack(config, MemoryLayer::new(recall), &similar)
    }

    /// Adds the nodes, prices and keys that a configuration names.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for two nodes of one name, what the registry or an adapter refuses, or what
    /// [`Keys::configure`] refuses. Then no node was added.
    pub fn connect(&self, config: &MeshConfig, registry: &Registry) -> Result<()> {
        let mut nodes: Vec<Node> = Vec::new();
        for (index, wanted) in config.nodes.iter().enumerate() {
            if config.nodes[..index].iter().any(|node| node.name == wanted.name) {
                return Err(Error::new(Code::ConfigInvalid, "two nodes have one name")
                    .with_operation("mesh::connect")
                    .with_context("node", Public(wanted.name.as_str())));
            }
            nodes.push(registry.node(&wanted.connecting_within(self.connect))?);
        }
        self.keys.configure(&config.limit)?;
        nodes.into_iter().for_each(|node| self.nodes.insert(node));
        Ok(())
    }

    /// Follows a source of nodes until it ends. Drive it in a task that the mesh's owner holds.
    ///
    /// A node that cannot be built is left out and said so in the log; a source that fails leaves the nodes as they are.
    ///
    /// # Errors
    ///
    /// The error with which the source ended.
    pub async fn follow(&self, source: impl NodeSource<NodeConfig>, registry: &Registry) -> Result<()> {
        let built = source.map(|change| {
            Ok(match change? {
                NodeChange::Insert(config) => {
                    NodeChange::Insert(registry.node(&config.connecting_within(self.connect))?)
                }
                NodeChange::Remove(name) => NodeChange::Remove(name),
            })
        });
        self.nodes.follow(built).await
    }

    fn stack(config: &MeshConfig, memory: MemoryLayer, similar: &SimilarLayer) -> Self {
        let limits = config.deadline.limits();
        // Around each node: a breaker of its own, inside of the balancer, which looks at it before it chooses.
        let nodes = Nodes::new(config.balance.rules(limits));
        // Innermost: one attempt at one node.
        let node = Balance::new(nodes.clone());
        // Inside retry: each attempt has its own time to the first token.
        let node = DeadlineLayer::new(limits).layer(node);
        // One budget for every extra attempt, whoever makes it.
        let budget = config.retry.budget();
        // Outside the balancer: the next attempt may go to another node.
        let node = RetryLayer::new(config.retry.policy()).with_budget(budget.clone()).layer(node);
        // Outside retry: a second node is asked while the first one repeats, and repeats itself.
        let node = HedgeLayer::new(config.hedge.patience()).with_budget(budget.clone()).layer(node);
        // Outside all that choose a node: it goes on with whichever they choose next.
        let node = ResumeLayer::new(config.resume.rules()).with_budget(budget).layer(node);
        // Inside the exact cache: an equal prompt needs no embedding, and what another prompt was answered is not kept.
        let node = similar.layer(node);
        // Outside all that costs a node, and inside memory: what was recalled is part of the prompt that is looked up.
        let node = config.cache.rules().map_or_else(CacheLayer::none, CacheLayer::new).layer(node);
        // Outside retry: one search for all attempts.
        let node = memory.with_rules(config.recall.rules()).layer(node);
        // Outside the memories: a prompt that comes back is compared as the client sent it.
        let replay = ReplayLayer::new(config.replay.keep());
        let node = replay.layer(node);
        // Outside of what costs time and work, and one place for all attempts.
        let node = ShedLayer::new(config.shed.rules()).layer(node);
        // Outside all that costs time: the client waits for it too.
        let node = MeterLayer::new().layer(node);
        let keys = Keys::default();
        keys.price_by(nodes.clone());
        // Outside all that a prompt takes: what is refused costs nothing, and its model no instrument.
        let node = LimitLayer::new(keys.clone()).layer(node);
        // Outermost: everything below is part of the span.
        let stack = TraceLayer::new().layer(node);
        let connect = Duration::from_millis(config.deadline.connect_ms);
        Self { stack, nodes, keys, replay, connect, total: Duration::from_millis(config.deadline.total_ms) }
    }

    /// Returns the nodes, to add, remove and look at them.
    #[must_use]
    pub const fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Returns the keys, to add them, to share their limits, and to see what they spent.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Keeps numbered streams where other instances can go on with them: a reader who lost this instance comes back to any.
    ///
    /// Streams that were begun before stay in this process. See [`replay`](crate::layer::replay).
    pub fn share_streams(&self, transcripts: Arc<dyn Transcripts>) {
        self.replay.share(transcripts);
    }

    /// Counts the tokens of a prompt: a node that [offers it](Node::with_counting) is asked, or else they are
    /// [estimated](Prompt::estimate_tokens).
    ///
    /// No key pays for it, and no layer sees it. A node has five seconds.
    ///
    /// # Errors
    ///
    /// [`Code::NodeRejected`] or [`Code::PromptTooLarge`] when a node refuses the prompt. Any other failure of a node is an
    /// estimate.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_mesh::balance::Node;
    /// use maily_mesh::memory::{Scripted, Step};
    /// use maily_mesh::{Mesh, MeshConfig, Prompt};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let mesh = Mesh::new(&MeshConfig::default());
    /// mesh.nodes().insert(Node::new("local", Scripted::new([Step::Hang])));
    ///
    /// let count = mesh.count_tokens(Prompt::text("default", "How many tokens are these?")?).await?;
    ///
    /// assert!(count.node.is_none() && (8..20).contains(&count.tokens));
    /// # Ok::<(), maily_errors::Error>(()) }).unwrap();
    /// ```
    pub async fn count_tokens(&self, prompt: Prompt) -> Result<TokenCount> {
        self.nodes.count_tokens(prompt).await
    }

    /// Answers one prompt: [`call`](Service::call), for callers that hold no service.
    ///
    /// # Errors
    ///
    /// - [`Code::ModelNotFound`] when no node serves the model.
    /// - What the last attempt failed with; a temporary error comes back persistent.
    ///
    /// # Cancellation
    ///
    /// Dropping the future, or the body of the answer, cancels the work at the node.
    pub async fn complete(&self, prompt: Prompt) -> Result<Completion> {
        // It is always ready, down to the balancer: which node is asked depends on the prompt.
        let answer = self.clone().call(prompt);
        answer.await
    }
}

impl Service<Prompt> for Mesh {
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.stack.poll_ready(cx)
    }

    fn call(&mut self, mut prompt: Prompt) -> Self::Future {
        // A deadline that the caller sets may only be the earlier one.
        let ours = Instant::now() + self.total;
        let deadline = prompt.head.deadline.map_or(ours, |theirs| theirs.min(ours));
        prompt.head.deadline = Some(deadline);
        ResponseFuture { inner: self.stack.call(prompt) }
    }
}

pin_project! {
    /// The future of [`Mesh`].
    #[derive(Debug)]
    pub struct ResponseFuture {
        #[pin]
        inner: <Stack as Service<Prompt>>::Future,
    }
}

impl Future for ResponseFuture {
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

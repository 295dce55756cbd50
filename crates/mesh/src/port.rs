//! What the mesh needs from outside: models, embedders, memories, nodes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use maily_errors::{Error, Result};
use tower::util::BoxCloneSyncService;
use tower_service::Service;

use crate::account::{Grant, Pot};
use crate::membership::{Event, InstanceName, Peer, Shared};
use crate::model::{
    Archived, Completion, Embedding, Memory, MemoryId, MemoryPage, MemoryQuery, NodeName, Prompt, Recalled,
    Remembered, StreamId, Tenant, Texts,
};

/// A language model, as the mesh sees it.
///
/// # Contract
///
/// - `poll_ready` says whether the node takes one more prompt.
/// - It takes chat completions; a node that takes other formats says so where it is added, and
///   [`Translate`](crate::layer::translate::Translate) sees to the rest.
/// - The body of the answer is in the format of the prompt, streamed if the head of the prompt says so.
/// - Dropping the future, or the body, cancels the work at the node.
/// - A body that ends cleanly is whole; one that breaks off ends with an error.
/// - A temporary failure answers with an error whose [`is_temporary`](Error::is_temporary) is true.
/// - Fields of the body that the node does not know are ignored or passed on, never refused by the adapter.
pub trait Llm: Service<Prompt, Response = Completion, Error = Error, Future: Send> + Clone + Send {}

impl<S> Llm for S where S: Service<Prompt, Response = Completion, Error = Error, Future: Send> + Clone + Send {}

/// Any language model, behind one pointer: what a mesh is made of.
pub type AnyLlm = BoxCloneSyncService<Prompt, Completion, Error>;

/// An embedder, as the mesh sees it.
///
/// # Contract
///
/// - One vector for each text, in the order of the texts.
/// - All vectors have one dimension and length 1; a text that says nothing may have length 0.
/// - The same text gives the same vector, alone or in a batch, up to 0.001 in each value.
pub trait Embed:
    Service<Texts, Response = Vec<Embedding>, Error = Error, Future: Send> + Clone + Send
{
}

impl<S> Embed for S where
    S: Service<Texts, Response = Vec<Embedding>, Error = Error, Future: Send> + Clone + Send
{
}

/// Any embedder, behind one pointer.
pub type AnyEmbed = BoxCloneSyncService<Texts, Vec<Embedding>, Error>;

/// Memories that can be searched by meaning and by words.
///
/// The futures are boxed, because an operator chooses the implementation at run time.
///
/// # Contract
///
/// - What `store` acknowledged, `search` and `list` find, at once; what `forget` acknowledged, they never find again.
/// - A memory whose time is over is never found.
/// - A tenant sees only its own memories.
/// - Answers come best first, at most as many as asked for; the same question has the same answer until something
///   is stored or forgotten.
/// - A call that is dropped has happened or has not; a later call sees which.
pub trait Recall: Send + Sync {
    /// Remembers a text and returns its name.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`](maily_errors::Code::Invalid) for an empty text, or a time to live or a tenant's name out of
    ///   range.
    /// - [`Code::TooLarge`](maily_errors::Code::TooLarge) for a text over 65 536 bytes.
    /// - [`Code::RecallFull`](maily_errors::Code::RecallFull) when the tenant has as many as it may.
    fn store(&self, memory: Memory) -> BoxFuture<'_, Result<MemoryId>>;

    /// Finds the memories that fit a text best.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`](maily_errors::Code::Invalid) for an empty text or a limit that is not 1 to 100.
    /// - [`Code::TooLarge`](maily_errors::Code::TooLarge) for a text over 65 536 bytes.
    fn search(&self, query: MemoryQuery) -> BoxFuture<'_, Result<Vec<Recalled>>>;

    /// Lists the memories of a tenant, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](maily_errors::Code::Invalid) for a limit that is not 1 to 100, or a name that no memory can have.
    fn list(&self, page: MemoryPage) -> BoxFuture<'_, Result<Vec<Remembered>>>;

    /// Forgets a memory; returns whether there was one.
    ///
    /// # Errors
    ///
    /// Whatever the store behind fails with.
    fn forget<'a>(&'a self, tenant: &'a Tenant, id: &'a MemoryId) -> BoxFuture<'a, Result<bool>>;

    /// Forgets all memories of a tenant; returns how many there were.
    ///
    /// # Errors
    ///
    /// Whatever the store behind fails with.
    fn forget_all<'a>(&'a self, tenant: &'a Tenant) -> BoxFuture<'a, Result<usize>>;

    /// Returns whether a search for a tenant may find anything, without asking: true if in doubt.
    ///
    /// It lets a mesh pass prompts of tenants without memories on, without a look at their text.
    fn holds(&self, tenant: &Tenant) -> bool {
        let _ = tenant;
        true
    }
}

/// Where memories are kept across restarts.
///
/// # Contract
///
/// - What `append` and `remove` acknowledged survives a power cut.
/// - A memory that is appended again, under its number, is replaced.
/// - All memories of one `append`, and all numbers of one `remove`, are stored or removed together or not at all.
/// - A change that was polled once goes on though its future is dropped.
/// - What is damaged fails and is never a memory with another text; a file that is not ours stays as it is.
pub trait Archive: Send + Sync {
    /// Keeps memories.
    ///
    /// # Errors
    ///
    /// [`Code::MemoryStoreFailed`](maily_errors::Code::MemoryStoreFailed) when the disk is full or fails; then nothing
    /// was kept.
    fn append(&self, memories: Vec<Arc<Archived>>) -> BoxFuture<'_, Result<()>>;

    /// Reads the memories whose number is above `after`, at most `limit`, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// [`Code::MemoryStoreCorrupt`](maily_errors::Code::MemoryStoreCorrupt) when a memory is damaged.
    fn load(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Archived>>>;

    /// Removes memories; numbers that are not there do not matter.
    ///
    /// # Errors
    ///
    /// [`Code::MemoryStoreFailed`](maily_errors::Code::MemoryStoreFailed) when the disk fails; then all are there.
    fn remove(&self, numbers: Vec<u64>) -> BoxFuture<'_, Result<()>>;
}

/// A change of the set of nodes.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeChange<N> {
    /// A node is there, or has changed.
    Insert(N),
    /// A node is gone.
    Remove(NodeName),
}

/// Where nodes come and go: a list, a file, a cluster.
///
/// A source that is an adapter yields [`NodeConfig`](crate::NodeConfig)s, for
/// [`Mesh::follow`](crate::Mesh::follow) to build.
///
/// # Contract
///
/// - The stream first inserts what is there, then says what changes; it ends when nothing will change any more.
/// - A node is inserted again only when something about it has changed.
/// - An error says that the source does not know for now; what it said before stands. It may be followed by changes.
pub trait NodeSource<N>: Stream<Item = Result<NodeChange<N>>> + Send {}

impl<N, S> NodeSource<N> for S where S: Stream<Item = Result<NodeChange<N>>> + Send {}

/// What instances of the mesh tell each other: who is there, and small values that each one owns.
///
/// # Contract
///
/// - Each value has one owner, the instance that published it; nobody else changes it.
/// - What was published the others see soon, the newest last and never an older one again.
/// - What an instance that is gone shared is not seen any more.
/// - Nothing here waits.
pub trait Gossip: Send + Sync {
    /// Returns the name of this instance.
    fn name(&self) -> InstanceName;

    /// Returns the other instances by name, the dead among them until they are forgotten.
    fn peers(&self) -> Vec<Peer>;

    /// Shares a value under a key.
    ///
    /// # Errors
    ///
    /// [`Code::GossipLimit`](maily_errors::Code::GossipLimit) for a key that is empty or longer than 64 bytes, a value
    /// of more than 512 bytes, or a 65th key.
    fn publish(&self, key: &str, value: Bytes) -> Result<()>;

    /// Stops sharing a key; returns whether it was shared.
    fn withdraw(&self, key: &str) -> bool;

    /// Returns what the instances that are there share under a key, this one first.
    fn view(&self, key: &str) -> Vec<Shared>;

    /// Returns what the instances that are there share under keys that begin with `prefix`: instance by instance, this
    /// one first, and of each one in the order of the keys.
    fn scan(&self, prefix: &str) -> Vec<(Arc<str>, Shared)>;

    /// Returns what happens from now on. Who reads slowly misses events, never the state.
    fn events(&self) -> BoxStream<'static, Event>;
}

/// What callers may spend, from which instances of the mesh draw leases.
///
/// # Contract
///
/// - From one pot no more is drawn than its limit, less what was given back: whoever draws, however often, at once or
///   one after the other.
/// - A grant is at least the least and at most the most that was asked for, or 0.
/// - Pots of another key, unit or window do not matter. A window that is long over grants nothing.
/// - A failed or dropped draw has taken nothing, or what it took is lost; it never makes more.
pub trait Accounts: Send + Sync {
    /// Draws from a pot, at least `least` and at most `most`.
    ///
    /// The future owns what it needs, so that whoever has the time may wait for it.
    ///
    /// # Errors
    ///
    /// Whatever the store behind fails with; a temporary error when it cannot be reached.
    fn draw(&self, pot: &Pot, least: u64, most: u64) -> BoxFuture<'static, Result<Grant>>;

    /// Gives back what was drawn from a pot and is not used.
    ///
    /// # Errors
    ///
    /// As [`draw`](Self::draw). Then it is lost; giving it back twice would make more of it.
    fn give_back(&self, pot: &Pot, amount: u64) -> BoxFuture<'static, Result<()>>;
}

/// The events of numbered streams, where every instance of a mesh finds them.
///
/// A stream is a row of pages, from 0. Each page is written once, by whoever is first, so who comes second knows that
/// somebody else goes on with the stream.
///
/// # Contract
///
/// - Of all who write one page one succeeds, and what it wrote is what everybody reads.
/// - What `write` acknowledged is read by all, until its time is over; then it is gone.
/// - Pages are read in order and without a gap: nothing behind a page that is missing.
/// - A failed or dropped write has happened or has not; whoever writes the page next sees which.
pub trait Transcripts: Send + Sync {
    /// Writes a page of at most 1 MiB, unless there is one; returns whether there was none.
    ///
    /// The future owns what it needs, so that a stream can be polled on with it.
    ///
    /// # Errors
    ///
    /// Whatever the store behind fails with; a temporary error when it cannot be reached.
    fn write(
        &self,
        stream: StreamId,
        page: u32,
        content: Bytes,
        keep: Duration,
    ) -> BoxFuture<'static, Result<bool>>;

    /// Reads the pages of a stream from `first` on.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn read(&self, stream: StreamId, first: u32) -> BoxFuture<'static, Result<Vec<Bytes>>>;
}

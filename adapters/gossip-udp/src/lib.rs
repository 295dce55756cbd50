#![doc = include_str!("../README.md")]

mod error;
mod task;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use maily_errors::Result;
use maily_mesh::Gossip;
use maily_mesh::membership::{
    Event, GossipConfig, GossipKey, InstanceName, MAX_SEEDS, Membership, Peer, Settings, Shared, Stats,
};
use parking_lot::Mutex;
use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::task::Task;

/// How many events may wait for one that reads them.
const EVENTS: usize = 1_024;

/// An instance among its peers, on a UDP socket.
///
/// One task reads and writes the socket. It ends when this is dropped, and says then that the instance leaves;
/// [`leave`](Self::leave) waits until it has.
pub struct GossipUdp {
    address: SocketAddr,
    membership: Arc<Mutex<Membership>>,
    events: broadcast::Sender<Event>,
    /// Cancelled when the task has ended.
    ended: CancellationToken,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl GossipUdp {
    /// Opens the socket and begins to call the seeds.
    ///
    /// # Errors
    ///
    /// - [`Code::GossipKey`](maily_errors::Code::GossipKey) without a key of 64 hexadecimal digits.
    /// - [`Code::GossipSocket`](maily_errors::Code::GossipSocket) when the address is taken or not of this machine, or a
    ///   seed has no address.
    /// - [`Code::Invalid`](maily_errors::Code::Invalid) for a name of more than 32 bytes, more than 16 seeds, or an address
    ///   that nobody can call: who listens on `0.0.0.0` says with `advertise` where others reach it.
    pub async fn bind(config: &GossipConfig) -> Result<Self> {
        let key = GossipKey::from_hex(config.key.as_ref().unwrap_or(&String::new().into()))?;
        let socket = UdpSocket::bind(config.listen).await.map_err(|err| error::socket(config.listen, err))?;
        let address = socket.local_addr().map_err(|err| error::socket(config.listen, err))?;

        let name = if config.name.is_empty() { random_name() } else { config.name.clone() };
        let mut settings = Settings::new(name, config.advertise.unwrap_or(address), generation(), key);
        settings.seeds = addresses(&config.seeds, address).await?;
        let began = Instant::now();
        let membership = Membership::new(settings, rand::random(), Duration::ZERO)?;

        let membership = Arc::new(Mutex::new(membership));
        let (events, _) = broadcast::channel(EVENTS);
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let task = Task::new(socket, membership.clone(), events.clone(), began);
        tokio::spawn(task.run(stop.clone(), ended.clone().drop_guard()));
        tracing::info!(%address, "gossip listens");
        let guard = stop.clone().drop_guard();
        Ok(Self { address, membership, events, ended, stop, _guard: guard })
    }

    /// Returns the address of the socket, with the port that the system chose if port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what was counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.membership.lock().stats()
    }

    /// Tells the others that this instance leaves, and waits until the socket is closed. It is alone after that.
    pub async fn leave(&self) {
        self.stop.cancel();
        self.ended.cancelled().await;
    }
}

impl Gossip for GossipUdp {
    fn name(&self) -> InstanceName {
        self.membership.lock().name().clone()
    }

    fn peers(&self) -> Vec<Peer> {
        self.membership.lock().peers().collect()
    }

    fn publish(&self, key: &str, value: Bytes) -> Result<()> {
        self.membership.lock().publish(key, value)
    }

    fn withdraw(&self, key: &str) -> bool {
        self.membership.lock().withdraw(key)
    }

    fn view(&self, key: &str) -> Vec<Shared> {
        self.membership.lock().view(key).collect()
    }

    fn scan(&self, prefix: &str) -> Vec<(Arc<str>, Shared)> {
        self.membership.lock().scan(prefix).collect()
    }

    fn events(&self) -> BoxStream<'static, Event> {
        stream::unfold(self.events.subscribe(), async |mut events| {
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, events)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}

impl fmt::Debug for GossipUdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GossipUdp").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Looks the seeds up: one address of each, then more of those that have them while there is room. First come those
/// that a socket at `own` can call.
async fn addresses(seeds: &[String], own: SocketAddr) -> Result<Vec<SocketAddr>> {
    let (mut first, mut more) = (Vec::new(), Vec::new());
    for seed in seeds {
        let found = lookup_host(seed.as_str()).await.map_err(|err| error::seed(seed, err))?;
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|address| address.is_ipv4() != own.is_ipv4());
        let mut found = found.into_iter();
        first.extend(found.next());
        more.extend(found.take(3));
    }
    let room = MAX_SEEDS.saturating_sub(first.len());
    first.extend(more.into_iter().take(room));
    Ok(first)
}

fn random_name() -> String {
    format!("mesh-{:016x}", rand::random::<u64>())
}

/// Returns the time in milliseconds, so that a life that begins later has a greater one.
fn generation() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
}

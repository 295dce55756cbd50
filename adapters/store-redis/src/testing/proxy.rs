//! A network that can be broken: every byte between a client and a server goes through here.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// What the network does to what it carries, in both directions, from the next byte on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// At most so many bytes in one piece, each in a segment of its own.
    Chunks(usize),
    /// Everything comes so much later.
    Latency(Duration),
    /// Nothing.
    #[default]
    None,
    /// Connections are reset, and so is every new one.
    Reset,
    /// Connections stay open and everything in them disappears, for good; new ones are accepted and say nothing.
    Silence,
    /// At most so many bytes in a second.
    Slow(usize),
}

/// A way to a server through a network that does as it is told. Ends with its owner.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    /// Connections that were opened before the last number end.
    cuts: watch::Sender<u64>,
    task: AbortHandle,
}

impl Proxy {
    /// Listens on a free loopback port, for connections to `server`.
    #[must_use]
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (fault, faults) = watch::channel(Fault::None);
        let (cuts, cut) = watch::channel(0);
        let task = tokio::spawn(accept(listener, server, faults, cut)).abort_handle();
        Self { address, fault, cuts, task }
    }

    /// Returns where clients connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Breaks or repairs the network.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
        if fault == Fault::Reset {
            self.cut();
        }
    }

    /// Resets the connections of now; new ones work.
    pub fn cut(&self) {
        self.cuts.send_modify(|cut| *cut += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    fault: watch::Receiver<Fault>,
    cut: watch::Receiver<u64>,
) {
    // Dropped with this task, it takes the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (fault, mut cut) = (fault.clone(), cut.clone());
        cut.mark_unchanged();
        connections.spawn(async move {
            // A reset, not an orderly end, when the streams are dropped.
            client.set_zero_linger().ok();
            if *fault.borrow() == Fault::Reset {
                return;
            }
            tokio::select! {
                () = carry(client, server, fault) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, fault: watch::Receiver<Fault>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).ok();
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    // The first end ends both: none of the faults is a connection that is open on one side only.
    tokio::select! {
        () = copy(from_client, to_server, fault.clone()) => {}
        () = copy(from_server, to_client, fault.clone()) => {}
    }
}

async fn copy(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, fault: watch::Receiver<Fault>) {
    let mut buffer = vec![0; 16 * 1024];
    let mut silent = false;
    while let Ok(length) = from.read(&mut buffer).await {
        let fault = *fault.borrow();
        // What was swallowed once is missing: the rest would be another conversation.
        silent |= fault == Fault::Silence;
        if length == 0 {
            return;
        }
        if silent {
            continue;
        }
        let size = match fault {
            Fault::Chunks(bytes) | Fault::Slow(bytes) => bytes.max(1),
            _ => length,
        };
        for chunk in buffer[..length].chunks(size) {
            match fault {
                Fault::Latency(time) => sleep(time).await,
                Fault::Slow(_) => sleep(Duration::from_secs(1)).await,
                _ => tokio::task::yield_now().await,
            }
            if to.write_all(chunk).await.is_err() {
                return;
            }
        }
    }
}

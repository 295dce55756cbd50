//! The one task: socket and clock on one side, the state machine on the other.

use std::sync::Arc;
use std::time::Duration;

use maily_mesh::membership::{Event, MAX_PACKET_BYTES, Membership, Output};
use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) struct Task {
    socket: UdpSocket,
    membership: Arc<Mutex<Membership>>,
    events: broadcast::Sender<Event>,
    began: Instant,
}

/// How many packets are read before the clock is looked at.
const BATCH: usize = 64;

impl Task {
    pub(crate) fn new(
        socket: UdpSocket,
        membership: Arc<Mutex<Membership>>,
        events: broadcast::Sender<Event>,
        began: Instant,
    ) -> Self {
        Self { socket, membership, events, began }
    }

    /// Runs until it is told to stop, and then says goodbye.
    pub(crate) async fn run(self, stop: CancellationToken, _ended: DropGuard) {
        // One byte more than a packet has: what fills it is too long, and fails to open.
        let mut buffer = [0; MAX_PACKET_BYTES + 1];
        loop {
            let next_tick = self.began + self.membership.lock().next_tick();
            tokio::select! {
                () = stop.cancelled() => break,
                received = self.socket.readable() => {
                    if let Err(err) = received {
                        tracing::warn!(%err, "the gossip socket fails");
                        sleep_until(next_tick).await;
                    }
                }
                () = sleep_until(next_tick) => {}
            }
            // What came is read before the silence of anybody is judged.
            for _ in 0..BATCH {
                match self.socket.try_recv_from(&mut buffer) {
                    Ok((len, _)) => self.membership.lock().handle(&mut buffer[..len], self.now()),
                    Err(err) if err.kind() == std::io::ErrorKind::WouldBlock => break,
                    // An answer of the network to a packet that nobody took.
                    Err(_) => {}
                }
            }
            self.membership.lock().tick(self.now());
            self.flush().await;
        }
        self.membership.lock().leave();
        self.flush().await;
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn flush(&self) {
        loop {
            let output = self.membership.lock().poll_output();
            match output {
                Some(Output::Send(to, packet)) => {
                    // A packet that is not sent is a packet that is lost: the protocol repeats what matters.
                    if let Err(err) = self.socket.send_to(&packet, to).await {
                        tracing::debug!(%err, %to, "a packet is not sent");
                    }
                }
                Some(Output::Event(event)) => {
                    match &event {
                        Event::Joined(peer) => tracing::info!(name = %peer.name, "an instance joined"),
                        Event::Died(peer) => tracing::warn!(name = %peer.name, "an instance is dead"),
                        Event::Left(peer) => tracing::info!(name = %peer.name, "an instance left"),
                        _ => {}
                    }
                    // Nobody need listen.
                    let _ = self.events.send(event);
                }
                None => return,
            }
        }
    }
}

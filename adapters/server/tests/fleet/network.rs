//! A network that can be parted: a relay in front of each instance, which knows who sends.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket as StdSocket};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// Relays for so many instances, by their places.
pub(crate) struct Network {
    /// Where each instance listens.
    pub(crate) own: Vec<SocketAddr>,
    /// Where the others reach it.
    pub(crate) relays: Vec<SocketAddr>,
    cut: Arc<Mutex<HashSet<(usize, usize)>>>,
    _tasks: JoinSet<()>,
}

impl Network {
    pub(crate) async fn of(count: usize) -> Self {
        // Held until all are chosen, so that none is chosen twice.
        let held: Vec<_> = (0..count).map(|_| StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let own: Vec<_> = held.iter().map(|socket| socket.local_addr().unwrap()).collect();
        drop(held);
        let places: HashMap<_, _> =
            own.iter().enumerate().map(|(place, address)| (*address, place)).collect();
        let (places, cut) = (Arc::new(places), Arc::new(Mutex::new(HashSet::new())));
        let (mut relays, mut tasks) = (Vec::new(), JoinSet::new());
        for (to, address) in own.iter().copied().enumerate() {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            relays.push(socket.local_addr().unwrap());
            let (places, cut) = (places.clone(), cut.clone());
            tasks.spawn(async move {
                let mut buffer = [0; 2_048];
                loop {
                    // An answer of the system to a packet that nobody took is no reason to end.
                    let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
                    let Some(from) = places.get(&from).copied() else { continue };
                    if !cut.lock().unwrap().contains(&pair(from, to)) {
                        let _ = socket.send_to(&buffer[..len], address).await;
                    }
                }
            });
        }
        Self { own, relays, cut, _tasks: tasks }
    }

    /// Drops all packets between one instance and the others.
    pub(crate) fn part(&self, one: usize) {
        let others = (0..self.own.len()).filter(|other| *other != one);
        self.cut.lock().unwrap().extend(others.map(|other| pair(one, other)));
    }

    pub(crate) fn heal(&self) {
        self.cut.lock().unwrap().clear();
    }
}

fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

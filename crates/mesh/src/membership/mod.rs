//! Membership between instances of the mesh: who is there, and what they share.
//!
//! Instances find each other from seed addresses, learn of death and of leaving, and share small maps of
//! values: the load of nodes, the state of breakers, leases. The owner of a value is the instance that shares
//! it; nobody else writes it, so there are no conflicts, only older and newer.
//!
//! [`Membership`] is a state machine without socket, clock and randomness, to be driven by an adapter
//! (`maily-gossip-udp`) or by a simulation.
//!
//! # The protocol
//!
//! - **One exchange does both.** Every 200 ms an instance asks one other, each in its turn, and says for whom it
//!   knows what (life, objection, status, version of what it shares). The answer has what the asker lacks and asks
//!   for what it has more; the rest goes back. An answer proves life, so there is no other heartbeat.
//! - **Suspicion before death.** Who does not answer, not even to three helpers, is suspected, and dead when it
//!   stays silent: after 1.6 s in a mesh of ten, at most three times that when nobody confirms it. It objects
//!   with a greater incarnation.
//! - **Hearsay does not kill**, it makes suspect; and whoever slept itself gives everybody the time that it
//!   slept. The dead are called for 10 minutes, seeds for ever, so halves that were parted meet again.
//! - **Packets** have at most 1,200 bytes, are sealed with XChaCha20-Poly1305 under one key with a random nonce, and
//!   count once per sender. Strangers are answered by nothing.
//!
//! # Limits
//!
//! | of | at most |
//! |---|---|
//! | instances in a mesh | 256 |
//! | keys of an instance | 64 |
//! | bytes of a key, of a value | 64, 512 |
//! | bytes of an instance's name | 32 |
//! | packets that answer one | 4 |
//! | seeds | 16 |
//!
//! So an instance holds 10 MiB of what others share, at the very most.
//!
//! # Examples
//!
//! Two instances, a wire between them, and two seconds:
//!
//! ```
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! use maily_mesh::membership::{GossipKey, Membership, Output, Settings};
//!
//! # fn main() -> maily_errors::Result<()> {
//! let key = GossipKey::from_hex(&"5e".repeat(32).into())?;
//! let [east, west]: [SocketAddr; 2] = [([127, 0, 0, 1], 7001).into(), ([127, 0, 0, 1], 7002).into()];
//! let start = Duration::ZERO;
//! let mut all = [
//!     Membership::new(Settings::new("east", east, 1, key.clone()), [1; 32], start)?,
//!     Membership::new(Settings::new("west", west, 1, key).with_seed(east), [2; 32], start)?,
//! ];
//! all[0].publish("load/gpu-1", "3".into())?;
//!
//! for now in (0..2_000).step_by(10).map(Duration::from_millis) {
//!     for at in 0..2 {
//!         all[at].tick(now);
//!         while let Some(output) = all[at].poll_output() {
//!             if let Output::Send(_, mut packet) = output {
//!                 all[1 - at].handle(&mut packet, now);
//!             }
//!         }
//!     }
//! }
//!
//! assert_eq!(all[0].peers().next().unwrap().name.as_str(), "west");
//! assert_eq!(all[1].view("load/gpu-1").next().unwrap().value, "3");
//! # Ok(()) }
//! ```
//!
//! # Sources
//!
//! Das, Gupta, Motivala, "SWIM", DSN 2002 (turns, helpers, suspicion, incarnations); Dadgar, Phillips, Currey,
//! "Lifeguard", 2018 (suspicion that witnesses shorten, telling the suspected first); van Renesse, Dumitriu,
//! Gough, Thomas, "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols", LADIS 2008 (versions
//! of one owner). Why not a library: `docs/adr/0045`.

mod config;
mod event;
mod load;
mod peer;
mod probe;
mod protocol;
mod replica;
mod seal;
mod settings;
mod shared;
mod table;
mod window;
mod wire;

pub use self::config::GossipConfig;
pub use self::event::{Event, Output, Stats};
pub use self::load::{NodeLoad, Place, share_load};
pub use self::peer::{Peer, PeerStatus};
pub use self::protocol::Membership;
pub(crate) use self::replica::Replica;
pub use self::seal::GossipKey;
pub use self::settings::Settings;
pub use self::shared::Shared;
pub use crate::model::InstanceName;

/// The most bytes of a packet, so that it fits through any network in one piece.
pub const MAX_PACKET_BYTES: usize = 1_200;
/// The most instances of a mesh, this one included.
pub const MAX_INSTANCES: usize = 256;
/// The most keys of an instance.
pub const MAX_KEYS: usize = 64;
/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 64;
/// The most bytes of a value.
pub const MAX_VALUE_BYTES: usize = 512;
/// The most bytes of an instance's name.
const MAX_NAME_BYTES: usize = 32;
/// The most seeds.
pub const MAX_SEEDS: usize = 16;

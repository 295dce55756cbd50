//! Real servers on free loopback ports, and faults for them. Feature `conformance`.
//!
//! Every server ends with its owner, also when the owner panics or is killed: a watchdog holds a pipe to this
//! process, and when that closes it ends the server and removes its files.
//!
//! | what | is |
//! | --- | --- |
//! | [`Server`] | one server that stands alone |
//! | [`Sentinels`] | a master, two replicas and three sentinels |
//! | [`Cluster`] | three masters with one replica each |
//! | [`Tls`] | an authority, and certificates with which any of these speaks nothing but TLS |
//! | [`Proxy`] | a network between a client and a server that delays, swallows or cuts |
//!
//! All of them wait by asking, at most thirty seconds, and panic with what the server wrote when that was not
//! enough. They block: in a test on one thread nothing else runs meanwhile.

#![expect(clippy::missing_panics_doc, reason = "this is for tests: what fails here panics")]

mod cluster;
mod process;
mod product;
mod proxy;
mod sentinels;
mod server;
mod tls;
mod wire;

pub use self::cluster::Cluster;
pub use self::product::Product;
pub use self::proxy::{Fault, Proxy};
pub use self::sentinels::Sentinels;
pub use self::server::{Server, free_port};
pub use self::tls::Tls;

use std::thread;
use std::time::{Duration, Instant};

/// Asks until the answer is yes; with no yes in thirty seconds `otherwise` says what to panic with.
pub(crate) fn until(mut ready: impl FnMut() -> bool, otherwise: impl FnOnce() -> String) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < PATIENCE, "{}", otherwise());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Two cores that do much else take long.
const PATIENCE: Duration = Duration::from_secs(30);

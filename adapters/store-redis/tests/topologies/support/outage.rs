//! Writes through a fault.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use maily_redis::{Key, ServerStore, Store as _, Transport};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{SLACK, TIMEOUT};

/// What callers saw of a fault.
#[derive(Debug)]
pub(crate) struct Outage {
    /// When the fault began, by the clock of this machine.
    pub(crate) since: SystemTime,
    /// How long the longest call took.
    pub(crate) longest_call: Duration,
    /// How many calls failed.
    pub(crate) failed: usize,
    /// When the servers had mended themselves, from the fault on.
    pub(crate) mended: Duration,
    /// When the first call worked of those that all work, from the fault on.
    pub(crate) recovered: Duration,
}

impl Outage {
    /// Asserts that no call outlived its deadline, and that calls worked within two seconds after `silence`, which is
    /// when the servers call a master down, as far as they themselves are that fast.
    pub(crate) fn assert_bar(&self, what: &str, silence: Duration) {
        println!("{what}: {self:?}; behind the servers {:?}", self.recovered.saturating_sub(self.mended));
        assert!(self.longest_call < TIMEOUT + SLACK, "{what}: {self:?}");
        assert!(
            self.recovered < self.mended.max(silence) + Duration::from_secs(2) + SLACK,
            "{what}: {self:?}"
        );
    }
}

/// Writes every few milliseconds while `fault` breaks the servers and waits until they have mended themselves, and
/// until writes work again.
pub(crate) async fn outage<S: Send + Sync + 'static>(
    store: &ServerStore<impl Transport>,
    key: &str,
    servers: &Arc<S>,
    fault: impl FnOnce(&S) + Send + 'static,
) -> Outage {
    let key = Key::new(key.to_owned()).unwrap();
    // A machine with much else to do may need a second try.
    while store.set(&key, "before".into(), None).await.is_err() {}
    let (start, since) = (Instant::now(), SystemTime::now());
    let (tell, mut told) = oneshot::channel();
    let broken = Arc::clone(servers);
    let mending = spawn_blocking(move || {
        fault(&broken);
        tell.send(start.elapsed()).ok();
    });
    let [longest_call, mended, recovered] = [Duration::ZERO; 3];
    let mut outage = Outage { since, longest_call, failed: 0, mended, recovered };
    let mut worked = 0;
    while worked < 50 || outage.mended.is_zero() {
        let begin = Instant::now();
        let written = store.set(&key, "during".into(), None).await;
        outage.longest_call = outage.longest_call.max(begin.elapsed());
        match written {
            Ok(()) if worked == 0 => {
                outage.recovered = start.elapsed();
                worked = 1;
            }
            Ok(()) => worked += 1,
            Err(err) => {
                assert!(err.is_temporary(), "{err:?}");
                worked = 0;
                outage.failed += 1;
            }
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{outage:?}");
        if let Ok(mended) = told.try_recv() {
            outage.mended = mended;
        }
        // The pace of the calls, not a wait for a state.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    mending.await.unwrap();
    outage
}

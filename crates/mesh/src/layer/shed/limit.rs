use std::time::Duration;

/// How many prompts may be under way, by how long they take to the first byte.
///
/// The long average says what is usual. While a prompt takes up to one and a half times that, the limit grows by four
/// prompts at a time; when it takes longer, it shrinks by as much. It changes only while it is reached, for otherwise
/// nothing says how many would be too many.
#[derive(Debug)]
pub(super) struct Limit {
    limit: f64,
    least: f64,
    most: f64,
    usual: Option<f64>,
}

impl Limit {
    pub(super) fn new(least: u32, most: u32) -> Self {
        let most = f64::from(most.max(1));
        let least = f64::from(least.max(1)).min(most);
        Self { limit: least, least, most, usual: None }
    }

    /// The prompts that may be under way, at least one.
    pub(super) fn get(&self) -> u32 {
        self.limit as u32
    }

    /// A first byte came while so many were under way.
    pub(super) fn observe(&mut self, took: Duration, inflight: u32) {
        let took = took.as_secs_f64().max(1e-6);
        let is_reached = f64::from(inflight) >= self.limit / 2.0;
        // Otherwise a line that grows slowly would become usual itself.
        let long = if is_reached { LONG_UNDER_LOAD } else { LONG };
        let usual = self.usual.map_or(took, |usual| usual + (took - usual) / long);
        // What was usual under a load that is over comes down faster than it went up.
        self.usual = Some(if usual > 2.0 * took { usual * 0.95 } else { usual });
        if !is_reached {
            return;
        }
        let gradient = (TOLERANCE * usual / took).clamp(0.5, 1.0);
        self.move_to(self.limit * gradient + ROOM);
    }

    /// A node had too much to do, or none was there.
    pub(super) fn failed(&mut self) {
        self.move_to(self.limit / 2.0);
    }

    fn move_to(&mut self, wanted: f64) {
        let limit = self.limit * (1.0 - SMOOTHING) + wanted * SMOOTHING;
        self.limit = limit.clamp(self.least, self.most);
    }
}

/// How many prompts make up what is usual.
const LONG: f64 = 600.0;
/// How many make it up while there are as many under way as may.
const LONG_UNDER_LOAD: f64 = 6000.0;
/// How many times longer than usual is still usual.
const TOLERANCE: f64 = 1.5;
/// How many more prompts are tried when all is well.
const ROOM: f64 = 4.0;
const SMOOTHING: f64 = 0.2;

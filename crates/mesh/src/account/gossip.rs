//! Pots that the instances of a gossip share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::escrow::{Escrow, Gift};
use super::notes::{self, Life};
use super::{Grant, Pot};
use crate::clock::Clock;
use crate::membership::Event;
use crate::model::InstanceName;
use crate::port::{Accounts, Gossip};

/// Pots that the instances of a gossip share: each owner has a part from the beginning, and gives of it to others.
///
/// What is drawn from the own part is drawn from a pot of that size behind it, so it survives a restart if that does.
/// See the [module](super) for what holds under partitions. Somebody must drive [`run`](Self::run), else nothing is
/// given and nothing received. Clones are the same instance.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use maily_mesh::Accounts;
/// use maily_mesh::account::{GossipAccounts, Per, Pot, Unit, Window};
/// use maily_mesh::memory::{LocalAccounts, LocalGossip};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let owners = ["east", "west"].map(Into::into);
/// let [east, west] = LocalGossip::pair().map(|gossip| {
///     GossipAccounts::new(Arc::new(gossip), Arc::new(LocalAccounts::default()), owners.clone())
/// });
/// let [east, west] = [east?, west?];
/// let running = [east.clone(), west.clone()].map(|it| tokio::spawn(async move { it.run().await }));
///
/// // Half of it belongs to each; what is more, the other one gives.
/// let pot = Pot::new("team-a", Unit::Tokens, Window::at(Per::Total, Duration::ZERO), 1_000);
/// assert_eq!(east.draw(&pot, 600, 600).await?.amount, 600);
/// assert_eq!(west.draw(&pot, 600, 600).await?.amount, 0);
/// assert_eq!(west.draw(&pot, 400, 400).await?.amount, 400);
/// # running.iter().for_each(|task| task.abort());
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct GossipAccounts {
    shared: Arc<Part>,
}

/// This instance's part of the pots.
struct Part {
    gossip: Arc<dyn Gossip>,
    behind: Arc<dyn Accounts>,
    name: InstanceName,
    clock: Clock,
    escrow: Mutex<Escrow>,
    /// Something was given to this instance.
    given: Notify,
    told: Mutex<usize>,
}

impl GossipAccounts {
    /// The most owners.
    pub const MAX_OWNERS: usize = 256;

    /// Creates the part of an instance.
    ///
    /// `owners` names the instances that have a share of each pot from the beginning, the same at every instance and
    /// each of them once in the mesh; the others live of what these give. `behind` keeps what is drawn from the own
    /// share: if it forgets with the process, so does the share, and an instance that starts again within a window
    /// has its share once more.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for no owner, more than 256, or one that is named twice.
    pub fn new(
        gossip: Arc<dyn Gossip>,
        behind: Arc<dyn Accounts>,
        owners: impl IntoIterator<Item = InstanceName>,
    ) -> Result<Self> {
        let mut owners: Vec<_> = owners.into_iter().collect();
        let count = owners.len();
        owners.sort_unstable();
        owners.dedup();
        if owners.is_empty() || owners.len() != count || count > Self::MAX_OWNERS {
            return Err(Error::new(
                Code::ConfigInvalid,
                "the owners of shared limits are 1 to 256 instances, each named once",
            )
            .with_operation("mesh::account"));
        }
        let life: Life = rand::random();
        let shared = Part {
            name: gossip.name(),
            gossip,
            behind,
            clock: Clock::new(),
            escrow: Mutex::new(Escrow::new(life, owners)),
            given: Notify::new(),
            told: Mutex::new(0),
        };
        // The others know from the beginning whom they can ask.
        shared.tell();
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Sets the clock, by which pots are forgotten an hour after their end.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        match Arc::try_unwrap(self.shared) {
            Ok(part) => Self { shared: Arc::new(Part { clock, ..part }) },
            Err(shared) => Self { shared },
        }
    }

    /// Answers the asks of others and takes what they give, until the future is dropped.
    pub async fn run(&self) {
        let mut events = self.shared.gossip.events();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = pace.tick() => {}
                Some(event) = events.next() => match event {
                    Event::Changed { key, .. } if key.starts_with(notes::PREFIX) => {}
                    _ => continue,
                },
            }
            self.shared.step().await;
        }
    }
}

impl Accounts for GossipAccounts {
    fn draw(&self, pot: &Pot, least: u64, most: u64) -> BoxFuture<'static, Result<Grant>> {
        let (part, pot) = (self.shared.clone(), pot.clone());
        async move {
            let grant = part.draw(&pot, least, most).await;
            part.escrow.lock().rest(&pot);
            part.tell();
            grant
        }
        .boxed()
    }

    fn give_back(&self, pot: &Pot, amount: u64) -> BoxFuture<'static, Result<()>> {
        // Not to the share: from the pool it can be drawn here again, or given away.
        self.shared.escrow.lock().put(pot, amount);
        self.shared.tell();
        std::future::ready(Ok(())).boxed()
    }
}

impl Part {
    async fn draw(&self, pot: &Pot, least: u64, most: u64) -> Result<Grant> {
        if self.is_over(pot) {
            return Ok(Grant { amount: 0, drawn: pot.limit });
        }
        self.escrow.lock().open(pot, &self.name);
        let mut tried: Vec<Life> = Vec::new();
        loop {
            let pool = self.escrow.lock().pool(pot);
            if pool < least {
                self.fill(pot, least - pool, most - pool).await?;
            }
            if let Some(grant) = self.escrow.lock().take(pot, least, most) {
                return Ok(grant);
            }
            // What the others say may be older than the last look.
            self.step().await;
            let lacks = most.saturating_sub(self.escrow.lock().pool(pot)).max(1);
            let asked = self.escrow.lock().ask(pot, lacks, &tried).filter(|_| tried.len() < MOST_ASKED);
            let Some(other) = asked else {
                return Ok(Grant { amount: 0, drawn: self.escrow.lock().drawn(pot) });
            };
            tried.push(other);
            self.tell();
            self.wait_for(pot, other).await;
        }
    }

    /// Draws from the own share into the pool.
    async fn fill(&self, pot: &Pot, least: u64, most: u64) -> Result<()> {
        let share = self.escrow.lock().share(pot.limit, &self.name);
        if share == 0 {
            return Ok(());
        }
        let mine = Pot { limit: share, ..pot.clone() };
        let mut grant = self.behind.draw(&mine, least, most).await?;
        if grant.amount == 0 && grant.drawn < share {
            // Not enough, but something to begin with.
            grant = self.behind.draw(&mine, 1, share - grant.drawn).await?;
        }
        let mut escrow = self.escrow.lock();
        escrow.put(pot, grant.amount);
        escrow.left(pot, share.saturating_sub(grant.drawn));
        Ok(())
    }

    /// Waits until another one has given something, or has had the time to.
    async fn wait_for(&self, pot: &Pot, other: Life) {
        let end = Instant::now() + PATIENCE;
        let before = self.escrow.lock().received(pot, other);
        loop {
            let given = self.given.notified();
            tokio::pin!(given);
            // From here on nothing is missed.
            given.as_mut().enable();
            if self.escrow.lock().received(pot, other) > before || timeout_at(end, given).await.is_err() {
                return;
            }
        }
    }

    /// Hears what the others say, gives what they are to be given, and says what is new.
    async fn step(&self) {
        let parts = self.gossip.scan(notes::PREFIX).into_iter().map(|(_, shared)| shared);
        let others = notes::read(parts.filter(|shared| shared.name != self.name));
        let (was_given, gifts) = self.escrow.lock().hear(others, &self.name);
        if was_given {
            self.given.notify_waiters();
        }
        for gift in gifts.into_iter().filter(|gift| !self.is_over(&gift.pot)) {
            self.give(gift).await;
        }
        self.escrow.lock().forget(|pot| self.is_over(pot));
        self.tell();
    }

    async fn give(&self, gift: Gift) {
        let mut amount = gift.ready;
        if gift.wanted > 0 {
            match self.fill(&gift.pot, 1, gift.wanted).await {
                Ok(()) => {
                    let taken = self.escrow.lock().take(&gift.pot, 0, gift.wanted);
                    amount += taken.map_or(0, |grant| grant.amount);
                }
                Err(err) => tracing::warn!(code = err.code().name(), "a share cannot be given"),
            }
        }
        self.escrow.lock().give(&gift, amount);
    }

    /// Tells the others what is new.
    fn tell(&self) {
        // Held until all is said, so that nobody says something older later.
        let mut told = self.told.lock();
        let parts: Vec<Bytes> = {
            let escrow = self.escrow.lock();
            notes::write(escrow.life, &escrow.notes())
        };
        for (part, bytes) in parts.iter().enumerate() {
            if let Err(err) = self.gossip.publish(&notes::key(part), bytes.clone()) {
                tracing::debug!(%err, "shared limits are not told");
            }
        }
        (parts.len()..*told).for_each(|part| {
            self.gossip.withdraw(&notes::key(part));
        });
        *told = parts.len();
    }

    /// Whether nobody can mean this pot any more, whatever is wrong with their clocks.
    fn is_over(&self, pot: &Pot) -> bool {
        pot.window.ends().is_some_and(|end| end + GRACE < self.clock.now())
    }
}

impl fmt::Debug for GossipAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GossipAccounts").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// How often what others say is looked at, if nothing says that there is news.
const PACE: Duration = Duration::from_millis(200);
/// How long one that is asked has for its answer: three rounds of the gossip, and three back.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// How many others are asked before a draw is in vain.
const MOST_ASKED: usize = 3;
/// How long a pot is remembered after its end.
const GRACE: Duration = Duration::from_secs(3_600);

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
use super::{Grant, Per, Pot};
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

    /// Sets the clock, by which pots are forgotten an hour after their end, those of a minute after five.
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
        let (part, pot) = (self.shared.clone(), pot.clone());
        async move { part.give_back(&pot, amount).await }.boxed()
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
        self.escrow.lock().fill(pot, grant.amount, share.saturating_sub(grant.drawn));
        Ok(())
    }

    /// Gives back to the own share what came from there, so that it is there after a restart; what others gave stays in
    /// the pool, to be drawn here again or given away.
    async fn give_back(&self, pot: &Pot, amount: u64) -> Result<()> {
        let (back, share) = {
            let mut escrow = self.escrow.lock();
            (escrow.put(pot, amount), escrow.share(pot.limit, &self.name))
        };
        let mut given = Ok(());
        if back > 0 {
            // Out of the pool before it is in the share: whoever stops here loses it, and nobody has it twice.
            given = self.behind.give_back(&Pot { limit: share, ..pot.clone() }, back).await;
            if given.is_ok() {
                self.escrow.lock().restored(pot, back);
            }
        }
        self.tell();
        given
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
        let grace = if pot.window.per() == Per::Minute { GRACE_OF_A_MINUTE } else { GRACE };
        pot.window.ends().is_some_and(|end| end + grace < self.clock.now())
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
/// How long a pot of a minute is remembered after its end: there is a new one each minute, and what is told has little
/// room.
const GRACE_OF_A_MINUTE: Duration = Duration::from_secs(300);
/// How long another pot is.
const GRACE: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;
    use tokio::time::advance;

    use super::*;
    use crate::account::{Unit, Window};
    use crate::memory::{LocalAccounts, LocalGossip};

    const OWNERS: [&str; 2] = ["east", "west"];

    fn part(gossip: LocalGossip, behind: &LocalAccounts) -> GossipAccounts {
        GossipAccounts::new(Arc::new(gossip), Arc::new(behind.clone()), OWNERS.map(Into::into)).unwrap()
    }

    fn running(parts: &[&GossipAccounts]) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for part in parts {
            let part = (*part).clone();
            tasks.spawn(async move { part.run().await });
        }
        tasks
    }

    fn pot(window: Window) -> Pot {
        Pot::new("team-a", Unit::Tokens, window, 1_000)
    }

    async fn drawn(part: &GossipAccounts, pot: &Pot, amount: u64) -> u64 {
        part.draw(pot, amount, amount).await.unwrap().amount
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_instance_gives_back_is_there_after_a_restart_and_only_once() {
        let (kept, others) = (LocalAccounts::default(), LocalAccounts::default());
        let [gossip, west] = LocalGossip::pair();
        let again = gossip.join("spare");
        let [east, west] = [part(gossip, &kept), part(west, &others)];
        let _tasks = running(&[&east, &west]);
        let pot = pot(Window::at(Per::Total, Duration::ZERO));

        // Half is its own, and the other one gives of the rest.
        assert_eq!(drawn(&east, &pot, 600).await, 600);
        east.give_back(&pot, 600).await.unwrap();
        assert_eq!(drawn(&east, &pot, 100).await, 100, "it is there for this life, too");
        east.give_back(&pot, 100).await.unwrap();

        let east = part(again.join("east"), &kept);
        let _tasks = running(&[&east]);
        assert_eq!(drawn(&east, &pot, 500).await, 500, "its own share is whole");
        let rest = drawn(&west, &pot, 400).await + drawn(&west, &pot, 1).await;
        assert!((300..=400).contains(&rest), "what it gave is gone, and no more: {rest}");
    }

    #[tokio::test(start_paused = true)]
    async fn minutes_that_are_over_make_room_for_those_that_are_not() {
        let [gossip, _] = LocalGossip::pair();
        let clock = Clock::starting_at(Duration::from_secs(1_709_208_000));
        let east = part(gossip, &LocalAccounts::default()).with_clock(clock);
        let _tasks = running(&[&east]);

        for _ in 0..30 {
            assert_eq!(drawn(&east, &pot(Window::at(Per::Minute, clock.now())), 100).await, 100);
            advance(Duration::from_secs(60)).await;
            tokio::time::sleep(PACE).await;
        }

        let told = east.shared.escrow.lock().notes().len();
        assert!((1..=7).contains(&told), "{told}");
    }
}

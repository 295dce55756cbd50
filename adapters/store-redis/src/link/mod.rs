//! One connection to a server, made when it is needed and again when it is lost.
//!
//! Callers encode into a queue under a short lock; one task per connection writes what is queued in one go, reads the
//! replies and answers the calls in their order. Many commands wake that task once, and it lets every other task that
//! is ready queue its command first: so a write carries as many commands as there are.

mod call;
mod driver;
mod events;
mod greet;
mod pipe;
mod queue;
mod resolve;
mod slot;
mod vigil;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use maily_redis::{Command, Event};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use self::call::Call;
pub(crate) use self::events::Said;
use self::queue::{Queue, State};
pub(crate) use self::resolve::{Constant, Hello, Resolve, Target};
use crate::stream::Connect;

/// The most commands without a reply on one connection. One more is an error.
pub(crate) const MAX_CALLS: usize = 65_536;

/// The most bytes that wait behind those that are being written to one connection. More is an error, unless it is one
/// command alone.
pub(crate) const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;

/// Words that are sent to a new connection before anything else; made anew for each.
pub(crate) type Greeting = Arc<dyn Fn() -> Vec<Vec<bytes::Bytes>> + Send + Sync>;

/// How a link behaves.
#[derive(Clone)]
pub(crate) struct LinkOptions {
    /// How to make a connection: TLS, password, database, time limit.
    pub(crate) connect: Arc<Connect>,
    /// After how long without a byte, while a reply is due, the connection counts as lost.
    /// `None` for commands that wait.
    pub(crate) silence: Option<Duration>,
    /// How long a reply is waited for without sleep, while the last one came in that time.
    pub(crate) busy_poll: Duration,
    /// Hears what the server says by itself. A link with a listener connects at once, again and again, and asks the
    /// server for a sign of life when nothing else is said.
    pub(crate) listener: Option<Arc<dyn Fn(Said) + Send + Sync>>,
    /// What a new connection is told first, such as subscriptions; each must be accepted.
    pub(crate) greeting: Option<Greeting>,
}

/// A connection that comes back. Clones share it; it ends with the last one and the last call.
#[derive(Clone)]
pub(crate) struct Link {
    owner: Arc<Owner>,
}

struct Owner {
    shared: Arc<Shared>,
}

/// A link that others own.
#[derive(Clone)]
pub(crate) struct WeakLink(Weak<Owner>);

/// What callers and the driver share.
struct Shared {
    queue: Mutex<Queue>,
    /// Notified when the connection is up or down.
    changed: Arc<Notify>,
    /// Notified when the connection that is being made is not wanted any more.
    renewed: Notify,
    resolve: Arc<dyn Resolve>,
    options: LinkOptions,
}

// === impl Link ===

impl Link {
    /// Creates a link to where `resolve` says. Connects with the first call; with a listener at once, if called within
    /// a runtime.
    pub(crate) fn new(resolve: Arc<dyn Resolve>, options: LinkOptions) -> Self {
        let listens = options.listener.is_some();
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::new()),
            changed: Arc::new(Notify::new()),
            renewed: Notify::new(),
            resolve,
            options,
        });
        let link = Self { owner: Arc::new(Owner { shared: Arc::clone(&shared) }) };
        shared.resolve.attach(WeakLink(Arc::downgrade(&link.owner)));
        if listens && tokio::runtime::Handle::try_current().is_ok() {
            link.start();
        }
        link
    }

    /// Sends a command; the future is the reply.
    #[inline]
    pub(crate) fn call(&self, command: Command) -> Call {
        Call::new(self.clone(), command, false)
    }

    /// Sends a command about a slot that is on its way to this node of a cluster; nothing comes between the two.
    pub(crate) fn call_asking(&self, command: Command) -> Call {
        Call::new(self.clone(), command, true)
    }

    /// Sends a command whose reply nobody needs, if the connection is there.
    pub(crate) fn send(&self, command: &Command) {
        let mut queue = self.owner.shared.queue.lock();
        if !matches!(queue.state, State::Up) {
            return;
        }
        let driver = queue.push(command, None);
        drop(queue);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Says whether the listener was told that the connection is lost, and not yet that it is back.
    pub(crate) fn is_lost(&self) -> bool {
        self.owner.shared.queue.lock().lost
    }

    /// Drops the connection, so that the next one is made to where the resolver says then.
    pub(crate) fn renew(&self) {
        self.owner.shared.renew();
    }

    /// Starts the driver unless it runs.
    pub(crate) fn start(&self) {
        let shared = &self.owner.shared;
        let mut queue = shared.queue.lock();
        if matches!(queue.state, State::Idle) {
            queue.state = State::Connecting;
            drop(queue);
            tokio::spawn(driver::drive(Arc::clone(shared)));
        }
    }
}

impl fmt::Debug for LinkOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkOptions").field("connect", &self.connect).finish_non_exhaustive()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("resolve", &self.owner.shared.resolve).finish_non_exhaustive()
    }
}

// === impl WeakLink ===

impl WeakLink {
    /// Drops the connection as [`Link::renew`] does; returns whether the link still has an owner.
    pub(crate) fn renew(&self) -> bool {
        self.0.upgrade().inspect(|owner| owner.shared.renew()).is_some()
    }

    /// Says whether the link still has an owner.
    pub(crate) fn is_owned(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl fmt::Debug for WeakLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakLink")
    }
}

// === impl Owner ===

impl Drop for Owner {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        queue.closed = true;
        let driver = queue.driver.take();
        drop(queue);
        // It may be about to make a connection that nobody needs.
        self.shared.renewed.notify_waiters();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

// === impl Shared ===

impl Shared {
    /// Tells the listener what became of the connection; that it is lost only once.
    fn tell(&self, event: Event) {
        let Some(listener) = &self.options.listener else { return };
        let mut queue = self.queue.lock();
        // Who has dropped the link hears nothing any more.
        let news = !queue.closed && (event != Event::Lost || !queue.lost);
        queue.lost = event == Event::Lost;
        drop(queue);
        if news {
            listener(Said::Event(event));
        }
    }

    fn renew(&self) {
        let mut queue = self.queue.lock();
        queue.renew = true;
        queue.failures = 0;
        let driver = queue.driver.take();
        drop(queue);
        self.renewed.notify_waiters();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

#[cfg(test)]
mod tests;

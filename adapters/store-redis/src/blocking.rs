//! Commands that wait on the server, on connections of their own.

use std::sync::Arc;
use std::time::Duration;

use maily_errors::Result;
use maily_redis::{Command, Reply};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use crate::error;
use crate::link::{Link, LinkOptions, Resolve};

/// Connections that carry one command at a time.
#[derive(Debug)]
pub(crate) struct Blocking {
    resolve: Arc<dyn Resolve>,
    options: LinkOptions,
    permits: Semaphore,
    idle: Mutex<Vec<Link>>,
}

impl Blocking {
    pub(crate) fn new(resolve: Arc<dyn Resolve>, options: LinkOptions) -> Self {
        // A command that waits has only its own deadline.
        let options = LinkOptions {
            silence: None,
            busy_poll: Duration::ZERO,
            listener: None,
            greeting: None,
            ..options
        };
        Self { resolve, options, permits: Semaphore::new(MAX_BLOCKING), idle: Mutex::new(Vec::new()) }
    }

    /// Sends a command on a connection that nobody else uses.
    ///
    /// # Cancellation
    ///
    /// Dropping the future, or its deadline, closes the connection, which ends the wait on the server.
    pub(crate) async fn call(&self, command: Command, asking: bool) -> Result<Reply> {
        let permit = timeout_at(command.deadline, self.permits.acquire()).await;
        let _permit = permit.map_err(|_| error::timeout())?.map_err(|_| error::closed())?;
        let idle = self.idle.lock().pop();
        let link = idle.unwrap_or_else(|| Link::new(Arc::clone(&self.resolve), self.options.clone()));
        let outcome = if asking { link.call_asking(command) } else { link.call(command) }.await;
        // Only a connection that answered has nothing under way: any other one is closed here.
        if outcome.is_ok() {
            let mut idle = self.idle.lock();
            if idle.len() < MAX_IDLE {
                idle.push(link);
            }
        }
        outcome
    }
}

/// The most commands that wait on the server at one time; one more waits here for a place, within its deadline.
pub(crate) const MAX_BLOCKING: usize = 64;

/// The most connections that are kept for the next command that waits.
const MAX_IDLE: usize = 8;

//! Connections that wait for the next request.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;

use crate::connection::Connection;

/// The most idle connections; one more closes the one that waits longest.
const MAX_IDLE: usize = 512;
/// How long a connection waits. Servers close theirs after 5 to 120 s.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The idle connections to one server, newest last.
///
/// They are kept by the runtime whose driver watches their sockets: a thread that serves requests on a runtime of
/// its own is never woken through that of another thread.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<(Id, VecDeque<Idle>)>>,
}

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

impl Pool {
    /// Takes the connection of this runtime that was used last and is still open.
    pub(crate) fn take(&self) -> Option<Box<Connection>> {
        let here = Handle::try_current().ok()?.id();
        loop {
            let newest = {
                let mut idle = self.idle.lock();
                let (_, queue) = idle.iter_mut().find(|(id, _)| *id == here)?;
                queue.pop_back()?
            };
            let Idle { mut connection, since } = newest;
            if since.elapsed() < MAX_AGE && connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose last answer is whole, and closes those that wait too long.
    pub(crate) fn put(&self, connection: Box<Connection>) {
        let now = Instant::now();
        let mut closed = Vec::new();
        let mut idle = self.idle.lock();
        for (_, queue) in idle.iter_mut() {
            while queue.front().is_some_and(|oldest| now - oldest.since >= MAX_AGE) {
                closed.extend(queue.pop_front());
            }
        }
        let home = connection.runtime();
        let newest = Idle { connection, since: now };
        match idle.iter_mut().find(|(id, _)| *id == home) {
            Some((_, queue)) => queue.push_back(newest),
            None => idle.push((home, VecDeque::from([newest]))),
        }
        if idle.iter().map(|(_, queue)| queue.len()).sum::<usize>() > MAX_IDLE {
            let oldest =
                idle.iter_mut().min_by_key(|(_, queue)| queue.front().map_or(now, |idle| idle.since));
            closed.extend(oldest.and_then(|(_, queue)| queue.pop_front()));
        }
        // Closing is a call to the system: not under the lock.
        drop(idle);
        drop(closed);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.idle.lock().iter().map(|(_, queue)| queue.len()).sum()
    }
}

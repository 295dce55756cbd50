//! Who is present in a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::command::SessionId;
use crate::sync::Presence;

/// The presence of everybody, by client id.
///
/// A client id belongs to the session that brought it: nobody else can move another one's cursor. The clients of
/// `y-websocket` send back what they receive; such an echo is ignored without a word.
#[derive(Debug, Default)]
pub(crate) struct People {
    all: HashMap<u64, Person>,
}

#[derive(Debug)]
struct Person {
    clock: u64,
    state: Arc<str>,
    owner: Option<SessionId>,
    seen: Instant,
}

impl People {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes what a session says, and returns what is new for the others. `None` is another process.
    pub(crate) fn take(
        &mut self,
        owner: Option<SessionId>,
        said: Vec<Presence>,
        max_ids: usize,
    ) -> Vec<Presence> {
        let now = Instant::now();
        let mut owned = self.all.values().filter(|person| person.owner == owner).count();
        let mut news = Vec::new();
        for one in said {
            match self.all.get_mut(&one.client) {
                Some(person) => {
                    // An owner that has been silent for longer than its renewal may have lost its connection.
                    let is_owner = person.owner == owner || person.seen.elapsed() > RENEWAL;
                    let is_newer =
                        one.clock > person.clock || one.clock == person.clock && one.state.is_none();
                    if !is_owner || !is_newer {
                        continue;
                    }
                    match &one.state {
                        Some(state) => {
                            *person = Person { clock: one.clock, state: Arc::clone(state), owner, seen: now };
                        }
                        None => {
                            self.all.remove(&one.client);
                        }
                    }
                }
                None => {
                    let Some(state) = &one.state else { continue };
                    if owner.is_some() && owned >= max_ids {
                        continue;
                    }
                    owned += 1;
                    let state = Arc::clone(state);
                    self.all.insert(one.client, Person { clock: one.clock, state, owner, seen: now });
                }
            }
            news.push(one);
        }
        news
    }

    /// Removes those who have not been heard for 30 s, and returns them as gone.
    pub(crate) fn expire(&mut self) -> Vec<Presence> {
        self.remove(|person| person.seen.elapsed() >= EXPIRY)
    }

    /// Removes those whom a session brought, and returns them as gone.
    pub(crate) fn leave(&mut self, session: SessionId) -> Vec<Presence> {
        self.remove(|person| person.owner == Some(session))
    }

    /// Returns everybody, for a newcomer.
    pub(crate) fn everybody(&self) -> Vec<Presence> {
        let mut all: Vec<_> = self.all.iter().map(|(&client, person)| person.presence(client)).collect();
        all.sort_unstable_by_key(|one| one.client);
        all
    }

    fn remove(&mut self, is_gone: impl Fn(&Person) -> bool) -> Vec<Presence> {
        let mut gone: Vec<_> = self
            .all
            .iter()
            .filter(|(_, person)| is_gone(person))
            // The same clock: a client that comes back with the next one is seen again at once.
            .map(|(&client, person)| Presence { client, clock: person.clock, state: None })
            .collect();
        gone.sort_unstable_by_key(|one| one.client);
        for one in &gone {
            self.all.remove(&one.client);
        }
        gone
    }
}

impl Person {
    fn presence(&self, client: u64) -> Presence {
        Presence { client, clock: self.clock, state: Some(Arc::clone(&self.state)) }
    }
}

/// A presence that is not renewed for this long has expired. Source: y-protocols `awareness.js`, `outdatedTimeout`.
const EXPIRY: Duration = Duration::from_secs(30);

/// A client renews its presence after half of that; a little grace on top.
const RENEWAL: Duration = Duration::from_secs(20);

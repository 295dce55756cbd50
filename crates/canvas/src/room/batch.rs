//! What a room does with the commands that wait: apply all, store all at once, then answer.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::Error;
use yrs::StateVector;

use super::command::SessionId;
use super::outbox::Outbox;
use crate::sync::Frame;

/// One session, as its room sees it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) outbox: Arc<Outbox>,
    /// Since which state something was left out; `None` when nothing was.
    pub(crate) missed: Option<StateVector>,
}

/// What happens once everything is stored.
pub(crate) enum Effect {
    /// To everybody but one.
    Broadcast { except: Option<SessionId>, frame: Bytes, presence: bool },
    /// To one session, over its budget if need be.
    Send { session: SessionId, frame: Bytes },
    /// The answer of a task.
    Done(Box<dyn FnOnce(Result<(), Error>) + Send>),
    /// The session did something that ends it.
    End { session: SessionId, reason: Error },
}

/// The updates to store, and the effects to have after it.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) updates: Vec<Bytes>,
    pub(crate) effects: Vec<Effect>,
    /// The state before the batch, if a reader may be left out.
    pub(crate) before: Option<StateVector>,
    /// It came over the bus, so it does not go there again.
    pub(crate) foreign: bool,
}

impl Batch {
    /// Notes an update: it is stored, and then sent to everybody but its author.
    pub(crate) fn update(&mut self, except: Option<SessionId>, update: Bytes) {
        let frame = Frame::Update(update.clone()).encode();
        self.updates.push(update);
        self.effects.push(Effect::Broadcast { except, frame, presence: false });
    }

    /// Notes frames that are not stored.
    pub(crate) fn send(&mut self, session: SessionId, frame: &Frame) {
        self.effects.push(Effect::Send { session, frame: frame.encode() });
    }

    /// Has the effects.
    pub(crate) fn finish(self, members: &mut HashMap<SessionId, Member>) {
        let before = self.before.unwrap_or_default();
        for effect in self.effects {
            match effect {
                Effect::Broadcast { except, frame, presence } => {
                    for (&id, member) in members.iter_mut() {
                        if Some(id) != except {
                            member.offer(&frame, presence, &before);
                        }
                    }
                }
                Effect::Send { session, frame } => {
                    if let Some(member) = members.get_mut(&session)
                        && !member.outbox.push(frame)
                    {
                        // It asks more than it reads: one difference from the beginning covers every question.
                        member.lag(StateVector::default());
                    }
                }
                Effect::Done(done) => done(Ok(())),
                Effect::End { session, reason } => {
                    if let Some(member) = members.remove(&session) {
                        member.outbox.end(Some(reason));
                    }
                }
            }
        }
    }
}

impl Member {
    fn offer(&mut self, frame: &Bytes, presence: bool, before: &StateVector) {
        if self.missed.is_some() {
            // The difference that it will get covers this one.
            return;
        }
        if !self.outbox.push(frame.clone()) && !presence {
            self.lag(before.clone());
        }
    }

    fn lag(&mut self, since: StateVector) {
        metrics::counter!("maily_canvas_lags_total").increment(1);
        self.missed = Some(since);
        self.outbox.set_lagging(true);
    }
}

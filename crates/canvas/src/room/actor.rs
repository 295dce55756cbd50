//! The task that owns a document.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use maily_errors::{Code, Error, Public};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::{Batch, Effect, Member};
use super::command::{Command, SessionId, again};
use super::compaction;
use super::people::People;
use super::replica::{Applied, Decoded, Poisoned, Replica};
use crate::config::CanvasConfig;
use crate::model::{DocumentName, Rights};
use crate::port::{Bus, DocStore};
use crate::sync::Frame;

/// What a room is made of.
pub(crate) struct Parts {
    pub(crate) document: DocumentName,
    pub(crate) store: Arc<dyn DocStore>,
    pub(crate) bus: Option<Arc<dyn Bus>>,
    pub(crate) config: Arc<CanvasConfig>,
    pub(crate) inbox: mpsc::Receiver<Command>,
    pub(crate) leaves: mpsc::UnboundedReceiver<SessionId>,
    pub(crate) version: watch::Sender<u64>,
}

struct Room {
    parts: Parts,
    replica: Replica,
    members: HashMap<SessionId, Member>,
    people: People,
    next: u64,
    /// Tells our own frames on the bus from those of other processes.
    origin: u64,
    foreign: Option<BoxStream<'static, Result<Bytes, Error>>>,
    /// Updates in the log since the last snapshot.
    tail: usize,
    compaction: Option<JoinHandle<Result<(), Error>>>,
}

/// Serves a document until nobody needs it.
pub(crate) async fn run(mut parts: Parts) {
    let started = Instant::now();
    match load(&parts).await {
        Ok((replica, tail, foreign)) => {
            metrics::histogram!("maily_canvas_load_seconds").record(started.elapsed().as_secs_f64());
            metrics::gauge!("maily_canvas_rooms").increment(1);
            let mut room = Room {
                parts,
                replica,
                members: HashMap::new(),
                people: People::default(),
                next: 0,
                origin: rand::random(),
                foreign,
                tail,
                compaction: None,
            };
            room.serve().await;
            room.close().await;
            metrics::gauge!("maily_canvas_rooms").decrement(1);
        }
        Err(err) => {
            tracing::error!(%err, "document could not be loaded");
            refuse(&mut parts.inbox, &err).await;
        }
    }
}

type Loaded = (Replica, usize, Option<BoxStream<'static, Result<Bytes, Error>>>);

async fn load(parts: &Parts) -> Result<Loaded, Error> {
    // Subscribed before the load, so that no update falls between the two.
    let foreign = match &parts.bus {
        Some(bus) => Some(bus.subscribe(&parts.document).await?),
        None => None,
    };
    match parts.store.load(&parts.document).await? {
        None => Ok((Replica::new(), 0, foreign)),
        Some(stored) => {
            let tail = stored.updates.len();
            Ok((compaction::build(stored).await?, tail, foreign))
        }
    }
}

/// Answers everything that waits, and all that still comes, with an error.
async fn refuse(inbox: &mut mpsc::Receiver<Command>, err: &Error) {
    inbox.close();
    while let Some(command) = inbox.recv().await {
        match command {
            Command::Join { reply, .. } => drop(reply.send(Err(again(err)))),
            // On an empty replica that is thrown away, only to get at who waits for the answer.
            Command::Task(task) => {
                if let Ok(outcome) = task(&mut Replica::new()) {
                    (outcome.done)(Err(again(err)));
                }
            }
            _ => {}
        }
    }
}

impl Room {
    async fn serve(&mut self) {
        let mut sweep = tokio::time::interval(SWEEP);
        let mut commands = Vec::new();
        loop {
            let mut batch = Batch::default();
            tokio::select! {
                count = self.parts.inbox.recv_many(&mut commands, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    if let Err(Poisoned) = self.handle(&mut commands, &mut batch) {
                        return self.fail(batch, &poisoned()).await;
                    }
                }
                Some(session) = self.parts.leaves.recv() => self.leave(session, &mut batch),
                _ = sweep.tick(), if !self.people.is_empty() => {
                    let gone = self.people.expire();
                    present(&mut batch, None, gone);
                }
                frame = next(&mut self.foreign) => {
                    if let Err(err) = self.foreign(frame, &mut batch) {
                        return self.fail(batch, &err).await;
                    }
                }
            }
            if let Err(err) = self.commit(batch).await {
                return self.fail(Batch::default(), &err).await;
            }
        }
    }

    fn handle(&mut self, commands: &mut Vec<Command>, batch: &mut Batch) -> Result<(), Poisoned> {
        let incoming: usize = commands.iter().map(Command::bytes).sum();
        if self.members.values().any(|member| member.outbox.is_tight(incoming)) {
            batch.before = Some(self.replica.vector());
        }
        for command in commands.drain(..) {
            match command {
                Command::Join { grant, outbox, reply } => {
                    let joined = self.join(grant.rights, outbox, batch);
                    let _ = reply.send(joined);
                }
                Command::Lagging(session) => self.catch_up(session, batch),
                Command::Presence { session, said } => {
                    if self.members.contains_key(&session) {
                        let news = self.people.take(Some(session), said, self.parts.config.max_presence_ids);
                        present(batch, Some(session), news);
                    }
                }
                Command::Query(session) => batch.send(session, &Frame::Awareness(self.people.everybody())),
                Command::Task(task) => {
                    let outcome = task(&mut self.replica)?;
                    if let Some(update) = outcome.update {
                        batch.update(None, update);
                    }
                    batch.effects.push(Effect::Done(outcome.done));
                }
                Command::Update { session, decoded, answer, .. } => {
                    self.update(session, decoded, answer, batch)?;
                }
                Command::Vector { session, vector } => {
                    let missing = self.replica.diff(&vector);
                    batch.send(session, &Frame::SyncStep2(missing));
                }
            }
        }
        Ok(())
    }

    fn join(
        &mut self,
        rights: Rights,
        outbox: Arc<super::outbox::Outbox>,
        batch: &mut Batch,
    ) -> Result<SessionId, Error> {
        let limit = self.parts.config.max_sessions;
        if self.members.len() >= limit {
            return Err(Error::from(Code::RoomFull)
                .with_operation("room::join")
                .with_context("limit_sessions", Public(limit)));
        }
        let session = SessionId(self.next);
        self.next += 1;
        self.members.insert(session, Member { outbox, missed: None });
        if rights == Rights::Write {
            use yrs::updates::encoder::Encode;
            // Our own question: this is how edits arrive that were made while the client was away.
            let vector = self.replica.vector().encode_v1();
            batch.send(session, &Frame::SyncStep1(vector.into()));
        }
        if !self.people.is_empty() {
            batch.send(session, &Frame::Awareness(self.people.everybody()));
        }
        Ok(session)
    }

    fn leave(&mut self, session: SessionId, batch: &mut Batch) {
        self.members.remove(&session);
        present(batch, Some(session), self.people.leave(session));
    }

    fn update(
        &mut self,
        session: SessionId,
        decoded: Decoded,
        answer: bool,
        batch: &mut Batch,
    ) -> Result<(), Poisoned> {
        metrics::counter!("maily_canvas_updates_total").increment(1);
        let (applied, result) = self.replica.apply(decoded, answer, self.parts.config.max_pending)?;
        if let Applied::Changed(update) = applied {
            batch.update(Some(session), update);
        }
        if let Err(reason) = result {
            tracing::debug!(%reason, "update refused");
            batch.effects.push(Effect::End { session, reason });
        }
        Ok(())
    }

    /// Sends a slow reader one difference for everything that was left out.
    fn catch_up(&mut self, session: SessionId, batch: &mut Batch) {
        let Some(member) = self.members.get_mut(&session) else { return };
        let Some(since) = member.missed.take() else { return };
        member.outbox.set_lagging(false);
        let missing = self.replica.diff(&since);
        batch.send(session, &Frame::SyncStep2(missing));
        if !self.people.is_empty() {
            batch.send(session, &Frame::Awareness(self.people.everybody()));
        }
    }

    /// Takes what another process sent over the bus. It has stored it already.
    fn foreign(&mut self, frame: Option<Result<Bytes, Error>>, batch: &mut Batch) -> Result<(), Error> {
        batch.foreign = true;
        let mut bytes = frame.ok_or_else(|| Error::from(Code::Unavailable))??;
        if bytes.len() < ORIGIN || bytes.split_to(ORIGIN) == self.origin.to_be_bytes()[..] {
            return Ok(());
        }
        match Frame::decode(bytes)? {
            Frame::Update(raw) => {
                let limit = self.parts.config.max_pending;
                let (applied, result) =
                    self.replica.apply(Decoded::new(raw)?, false, limit).map_err(|Poisoned| poisoned())?;
                if let Applied::Changed(update) = applied {
                    let frame = Frame::Update(update).encode();
                    batch.effects.push(Effect::Broadcast { except: None, frame, presence: false });
                }
                result
            }
            Frame::Awareness(said) => {
                let news = self.people.take(None, said, usize::MAX);
                present(batch, None, news);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Stores the batch with one commit, and then has its effects.
    async fn commit(&mut self, mut batch: Batch) -> Result<(), Error> {
        let updates = std::mem::take(&mut batch.updates);
        if !updates.is_empty() {
            let started = Instant::now();
            let count = updates.len();
            if let Err(err) = self.parts.store.append(&self.parts.document, updates).await {
                fail_tasks(batch, &err);
                return Err(err);
            }
            metrics::histogram!("maily_canvas_append_seconds").record(started.elapsed().as_secs_f64());
            metrics::histogram!("maily_canvas_append_updates").record(count as f64);
            self.tail += count;
            self.compact();
        }
        let outgoing = self.outgoing(&batch);
        self.publish(outgoing).await?;
        batch.finish(&mut self.members);
        let version = self.replica.version();
        self.parts.version.send_if_modified(|seen| {
            let is_new = *seen != version;
            *seen = version;
            is_new
        });
        Ok(())
    }

    async fn publish(&mut self, frames: Vec<Bytes>) -> Result<(), Error> {
        if let Some(bus) = &self.parts.bus {
            for frame in frames {
                bus.publish(&self.parts.document, frame).await?;
            }
        }
        Ok(())
    }

    /// Returns what goes over the bus; nothing that came from there.
    fn outgoing(&self, batch: &Batch) -> Vec<Bytes> {
        if self.parts.bus.is_none() || batch.foreign {
            return Vec::new();
        }
        batch.effects.iter().filter_map(|effect| self.on_bus(effect)).collect()
    }

    fn on_bus(&self, effect: &Effect) -> Option<Bytes> {
        let Effect::Broadcast { frame, .. } = effect else { return None };
        let mut out = BytesMut::with_capacity(ORIGIN + frame.len());
        out.put_u64(self.origin);
        out.put_slice(frame);
        Some(out.freeze())
    }

    fn compact(&mut self) {
        if self.tail < self.parts.config.compact_updates {
            return;
        }
        if self.compaction.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.tail = 0;
        let work = compaction::compact(Arc::clone(&self.parts.store), self.parts.document.clone());
        self.compaction = Some(tokio::spawn(work));
    }

    /// Ends all sessions: what is in memory may differ from what is stored, so it is thrown away.
    async fn fail(&mut self, batch: Batch, err: &Error) {
        tracing::error!(%err, "room ends");
        fail_tasks(batch, err);
        for (_, member) in self.members.drain() {
            member.outbox.end(Some(again(err)));
        }
        refuse(&mut self.parts.inbox, err).await;
    }

    /// Waits for the compaction, so that the next room of this document finds the store at rest.
    async fn close(&mut self) {
        if self.tail >= UNLOAD_TAIL {
            self.tail = self.parts.config.compact_updates;
            self.compact();
        }
        if let Some(running) = self.compaction.take()
            && let Ok(Err(err)) = running.await
        {
            // Nothing is lost: the log is as it was, only longer.
            tracing::warn!(%err, "compaction failed");
        }
    }
}

impl Command {
    fn bytes(&self) -> usize {
        if let Self::Update { decoded, .. } = self { decoded.raw.len() } else { 0 }
    }
}

fn present(batch: &mut Batch, except: Option<SessionId>, news: Vec<crate::sync::Presence>) {
    if !news.is_empty() {
        let frame = Frame::Awareness(news).encode();
        batch.effects.push(Effect::Broadcast { except, frame, presence: true });
    }
}

fn fail_tasks(batch: Batch, err: &Error) {
    for effect in batch.effects {
        if let Effect::Done(done) = effect {
            done(Err(again(err)));
        }
    }
}

fn poisoned() -> Error {
    Error::new(Code::UpdateRejected, "an update stopped the document").with_operation("room::apply")
}

async fn next(
    foreign: &mut Option<BoxStream<'static, Result<Bytes, Error>>>,
) -> Option<Result<Bytes, Error>> {
    match foreign {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

/// Most commands that share one commit.
const BATCH: usize = 256;

/// How often expired presence is looked for. Source: y-protocols `awareness.js`, a tenth of its timeout.
const SWEEP: Duration = Duration::from_secs(3);

/// A log of at least this many updates is compacted when the room ends, so that the next load is quick.
const UNLOAD_TAIL: usize = 32;

/// Bytes of the origin before each frame on the bus.
const ORIGIN: usize = 8;

//! One connection while it lasts.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use maily_errors::Error;
use maily_redis::Reply;
use tokio::io::AsyncWrite as _;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::io::poll_read_buf;

use super::queue::{End, Flight};
use super::vigil::{MANY, Vigil};
use super::{Shared, events};
use crate::error;
use crate::resp::{Frame, Frames};
use crate::stream::Stream;

/// Writes what is queued, and gives each reply to the oldest call without one.
pub(super) struct Pipe<'a> {
    shared: &'a Shared,
    stream: Stream,
    frames: Frames,
    out: Vec<u8>,
    written: usize,
    flights: VecDeque<Flight>,
    /// Who has an answer and does not know yet.
    woken: Vec<Waker>,
    /// Whether there are replies behind theirs.
    more: bool,
    /// Gives the tasks that are ready their chance to queue a command before the next write.
    turn: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    flushed: bool,
    /// When the last bytes came, and when the first of the flights began.
    heard: Instant,
    busy: Instant,
    vigil: Vigil,
    ping: bool,
    alarm: Alarm,
}

/// One timer for everything that is due on a connection. It may ring early, never late.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Option<Instant>,
}

impl<'a> Pipe<'a> {
    pub(super) fn new(shared: &'a Shared, stream: Stream, frames: Frames) -> Self {
        let now = Instant::now();
        let mut pipe = Self {
            shared,
            stream,
            frames,
            out: Vec::new(),
            written: 0,
            flights: VecDeque::new(),
            turn: None,
            woken: Vec::new(),
            more: false,
            flushed: true,
            heard: now,
            busy: now,
            vigil: Vigil::new(shared.options.busy_poll),
            ping: false,
            alarm: Alarm { sleep: Box::pin(sleep_until(now)), at: None },
        };
        pipe.set_alarm(now);
        pipe
    }

    /// Does all that can be done now; ready when the connection is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Err(err) = self.read(cx) {
            return Poll::Ready(End::Lost(err));
        }
        loop {
            match self.write(cx) {
                Ok(None) => {}
                Ok(Some(end)) => return Poll::Ready(end),
                Err(err) => return Poll::Ready(End::Lost(err)),
            }
            // After the write, which may have set it: only a timer that was polled rings.
            if self.alarm.at.is_none() || self.alarm.sleep.as_mut().poll(cx).is_pending() {
                if !self.flights.is_empty() && self.turn.is_none() && !self.more {
                    self.vigil.keep(cx, self.flights.len());
                }
                return Poll::Pending;
            }
            let now = Instant::now();
            if let Some(silence) = self.silent_for(now) {
                return Poll::Ready(End::Lost(error::silent(silence)));
            }
            self.expire(now);
            self.ping |= self.next_ping().is_some_and(|at| at <= now);
            self.set_alarm(now);
        }
    }

    /// Hands out the replies that have arrived, and returns what has none.
    pub(super) fn into_flights(mut self) -> VecDeque<Flight> {
        while self.more {
            // Nothing that goes wrong can end a connection that has ended.
            let _ = self.understand();
            self.wake();
        }
        self.flights
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let mut heard = false;
        loop {
            // Before the first read too: something may have come behind the greeting.
            let understood = self.understand();
            // All at once, and whatever went wrong: a worker that is woken for the first of them finds the others too.
            self.wake();
            understood?;
            if self.more {
                // Behind those who are woken: what they ask now is written before the next replies are handed out.
                cx.waker().wake_by_ref();
                break;
            }
            match poll_read_buf(Pin::new(&mut self.stream), cx, self.frames.buffer()) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(error::closed()),
                Poll::Ready(Ok(_)) => heard = true,
                Poll::Ready(Err(err)) => return Err(error::lost(&err)),
            }
        }
        if heard {
            self.heard = Instant::now();
            self.vigil.heard();
        }
        Ok(())
    }

    /// Hands out what has arrived whole, a part at a time.
    fn understand(&mut self) -> Result<(), Error> {
        self.more = false;
        let part = part(self.flights.len());
        while let Some(frame) = self.frames.next().map_err(error::malformed)? {
            match frame {
                Frame::Reply(reply) => self.answer(reply)?,
                Frame::Push(words) => self.hear(words)?,
            }
            if self.woken.len() == part {
                self.more = true;
                break;
            }
        }
        Ok(())
    }

    fn wake(&mut self) {
        for waker in self.woken.drain(..) {
            waker.wake();
        }
    }

    #[inline]
    fn answer(&mut self, reply: Reply) -> Result<(), Error> {
        let flight = self.flights.pop_front().ok_or_else(error::unasked)?;
        if let Reply::Refused { code, message } = &reply {
            let confirmation = flight.confirmation.as_deref();
            if let Some(said) = confirmation.and_then(|it| it.refused(code, message)) {
                events::tell(&self.shared.options, Some(said));
            } else if confirmation.is_some() || self.shared.resolve.is_misled(code) {
                self.shared.queue.lock().renew = true;
            }
        }
        if let Some(slot) = flight.slot {
            self.woken.extend(slot.complete(Ok(reply)));
        }
        Ok(())
    }

    fn hear(&mut self, words: Vec<Reply>) -> Result<(), Error> {
        let awaited = self.flights.front().and_then(|flight| flight.confirmation.as_deref());
        let Some(awaited) = awaited.filter(|awaited| awaited.is(&words)) else {
            events::tell(&self.shared.options, events::said(words));
            return Ok(());
        };
        // That a subscription ends is news only to who did not ask for it.
        if !awaited.is_of_an_end() {
            events::tell(&self.shared.options, events::said(words.clone()));
        }
        self.answer(Reply::List(words))
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<Option<End>, Error> {
        loop {
            while self.written < self.out.len() {
                match Pin::new(&mut self.stream).poll_write(cx, &self.out[self.written..]) {
                    Poll::Pending => return Ok(self.listen(cx)),
                    Poll::Ready(Ok(0)) => return Err(error::closed()),
                    Poll::Ready(Ok(count)) => {
                        self.written += count;
                        if self.written < self.out.len() {
                            // A server that takes a large command in parts is not silent.
                            self.busy = Instant::now();
                        }
                    }
                    Poll::Ready(Err(err)) => return Err(error::lost(&err)),
                }
                self.flushed = false;
            }
            if !self.flushed {
                match Pin::new(&mut self.stream).poll_flush(cx) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => {
                        self.flushed = true;
                        self.vigil.asked();
                    }
                    Poll::Ready(Err(err)) => return Err(error::lost(&err)),
                }
            }
            if let Some(waits) = self.take(cx) {
                return Ok(waits);
            }
        }
    }

    /// Registers for what calls say while nothing can be written. They are taken over already, so that their
    /// deadlines hold though the server reads nothing.
    fn listen(&mut self, cx: &Context<'_>) -> Option<End> {
        let mut queue = self.shared.queue.lock();
        let earliest = queue.earliest.take();
        self.flights.append(&mut queue.flights);
        queue.taken = self.flights.len();
        queue.driver = Some(cx.waker().clone());
        let end = queue.end();
        drop(queue);
        if let Some(earliest) = earliest {
            self.alarm.ring_by(earliest);
        }
        end
    }

    /// Takes what is queued; returns `Some` when there is nothing to write, with the reason to end if there is one.
    fn take(&mut self, cx: &mut Context<'_>) -> Option<Option<End>> {
        let mut queue = self.shared.queue.lock();
        if let Some(end) = queue.end() {
            return Some(Some(end));
        }
        if queue.bytes.is_empty() && !self.ping {
            queue.taken = self.flights.len();
            queue.driver = Some(cx.waker().clone());
            return Some(None);
        }
        let under_way = self.flights.len() + queue.flights.len();
        if under_way > 1 && !self.ping && queue.flights.len() < part(under_way) {
            // Behind every task that is ready now, and what those make ready: each of them may queue a command for the
            // same write.
            let turn = self.turn.get_or_insert_with(|| Box::pin(yield_now()));
            if turn.as_mut().poll(cx).is_pending() {
                return Some(None);
            }
        }
        self.turn = None;
        self.written = 0;
        self.out.clear();
        if self.out.capacity() > MAX_KEPT_BYTES {
            self.out = Vec::new();
        }
        mem::swap(&mut self.out, &mut queue.bytes);
        let was_idle = self.flights.is_empty();
        let earliest = queue.earliest.take();
        self.flights.append(&mut queue.flights);
        queue.taken = self.flights.len();
        drop(queue);
        if mem::take(&mut self.ping) {
            self.out.extend_from_slice(b"*1\r\n$4\r\nPING\r\n");
            self.flights.push_back(Flight { slot: None, deadline: None, confirmation: None });
        }
        if was_idle {
            self.busy = Instant::now();
            if let Some(silence) = self.shared.options.silence {
                self.alarm.ring_by(self.silent_since() + silence);
            }
        }
        if let Some(earliest) = earliest {
            self.alarm.ring_by(earliest);
        }
        None
    }

    /// Returns the limit of silence if it is over.
    fn silent_for(&self, now: Instant) -> Option<Duration> {
        let silence = self.shared.options.silence?;
        (!self.flights.is_empty() && now >= self.silent_since() + silence).then_some(silence)
    }

    /// Returns from when on the silence counts. A link that listens is asked for signs of life, so every moment
    /// without a word counts; another one may have had nothing to say.
    fn silent_since(&self) -> Instant {
        if self.shared.options.listener.is_some() { self.heard } else { self.heard.max(self.busy) }
    }

    /// When a sign of life is to be asked for, if nothing else is said until then.
    fn next_ping(&self) -> Option<Instant> {
        let silence = self.shared.options.silence?;
        let listens = self.shared.options.listener.is_some() && self.flights.is_empty() && !self.ping;
        listens.then(|| self.heard + silence / 2)
    }

    /// Answers the calls whose deadline is over. Their places stay: the replies may still come.
    fn expire(&self, now: Instant) {
        for flight in &self.flights {
            if flight.deadline.is_some_and(|at| at <= now)
                && let Some(slot) = &flight.slot
                && let Some(waker) = slot.complete(Err(error::timeout()))
            {
                waker.wake();
            }
        }
    }

    /// Sets the alarm to the first thing that is due after `now`.
    fn set_alarm(&mut self, now: Instant) {
        self.alarm.at = None;
        if let Some(silence) = self.shared.options.silence
            && !self.flights.is_empty()
        {
            self.alarm.ring_by(self.silent_since() + silence);
        }
        let deadlines = self.flights.iter().filter_map(|flight| flight.deadline).filter(|at| *at > now);
        for at in deadlines.min().into_iter().chain(self.next_ping()) {
            self.alarm.ring_by(at);
        }
    }
}

impl Alarm {
    fn ring_by(&mut self, at: Instant) {
        if self.at.is_none_or(|now| at < now) {
            self.at = Some(at);
            self.sleep.as_mut().reset(at);
        }
    }
}

/// How many callers are woken, and how many commands are written, before others get their turn.
///
/// The server has work while this side makes the next part. And another worker that takes half of those who are woken,
/// and then loses its core for a time slice, holds up few of them.
///
/// Beside many commands parts of 64 make reads cheaper, and writes no dearer (ADR-0023).
const fn part(under_way: usize) -> usize {
    if under_way > MANY { 64 } else { 32 }
}

/// A write buffer over this size is given back after use.
const MAX_KEPT_BYTES: usize = 1024 * 1024;

//! The thread that writes: prompts take places, and each step carries all of them a little further.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use maily_errors::{Error, Result};
use maily_mesh::Delta;
use tokio::sync::mpsc;
use tracing::Span;

use crate::engine::{Answer, Counters, Job};
use crate::error;
use crate::memory::Memory;
use crate::network::{Network, Part};
use crate::plan::shares;
use crate::request::Request;
use crate::shelf::Shelf;
use crate::vocabulary::Vocabulary;
use crate::writing::Writing;

/// A model with places for a few answers.
pub(crate) struct Desk {
    network: Network,
    vocabulary: Vocabulary,
    context: usize,
    shelf: Shelf,
    seats: Vec<Seat>,
    waiting: VecDeque<Job>,
}

/// A place that a prompt has taken.
struct Seat {
    memory: Memory,
    writing: Writing,
    reused: usize,
    sender: mpsc::UnboundedSender<Result<Delta>>,
    span: Span,
}

/// What became of an answer in a step.
enum Outcome {
    GoesOn,
    Ended,
    Failed(Error),
}

impl Desk {
    /// Sets up so many places, each for a conversation of at most `context` tokens.
    pub(crate) fn new(network: Network, vocabulary: Vocabulary, context: usize, places: usize) -> Self {
        let shelf = Shelf::new((0..places).map(|_| network.memory()).collect());
        Self { network, vocabulary, context, shelf, seats: Vec::new(), waiting: VecDeque::new() }
    }

    /// Answers what comes, until nobody can send any more and the last answer is written.
    pub(crate) fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>, counters: &Counters) {
        loop {
            if self.seats.is_empty() && self.waiting.is_empty() {
                let Some(job) = jobs.blocking_recv() else { return };
                self.waiting.push_back(job);
            }
            while let Ok(job) = jobs.try_recv() {
                self.waiting.push_back(job);
            }
            // Those who have gone, before anything is computed for them.
            self.waiting.retain(|job| !job.accepted.is_closed());
            while !self.shelf.is_empty()
                && let Some(job) = self.waiting.pop_front()
            {
                self.seat(job);
            }
            for index in (0..self.seats.len()).rev() {
                if self.seats[index].sender.is_closed() {
                    self.leave(index, counters);
                }
            }
            if !self.seats.is_empty() {
                self.step(counters);
            }
        }
    }

    /// Gives a prompt a place.
    fn seat(&mut self, job: Job) {
        let Job { request, accepted, span, turn } = job;
        // Before the caller hears of its place, so that it finds room behind it.
        drop(turn);
        let prompt = match self.prepare(&request) {
            Ok(prompt) => prompt,
            Err(err) => return drop(accepted.send(Err(err))),
        };
        // Unbounded, because a slow reader must not hold up the others; the context bounds it.
        let (sender, deltas) = mpsc::unbounded_channel();
        if accepted.send(Ok(Answer::new(deltas))).is_err() {
            return;
        }
        // The last token is always read: its scores begin the answer.
        let begin = &prompt[..prompt.len() - 1];
        let taken = self.seats.iter().map(|seat| &seat.memory);
        let memory = self.shelf.take(begin, taken).unwrap_or_else(|| self.network.memory());
        let (reused, writing) = (memory.len(), Writing::new(request, prompt, self.context));
        self.seats.push(Seat { memory, writing, reused, sender, span });
    }

    /// Turns the conversation into tokens.
    fn prepare(&self, request: &Request) -> Result<Vec<u32>> {
        let prompt = request.tokens(&self.vocabulary)?;
        if prompt.len() >= self.context {
            return Err(error::too_large("tokens", prompt.len(), self.context - 1));
        }
        Ok(prompt)
    }

    /// Carries everybody one step further, and lets those go who have ended.
    fn step(&mut self, counters: &Counters) {
        counters.add_step();
        // A defect in one step must not take the model away from the next prompt.
        let outcomes = catch_unwind(AssertUnwindSafe(|| self.advance())).unwrap_or_else(|_| {
            self.seats.iter().map(|_| Outcome::Failed(error::failed("the engine panicked"))).collect()
        });
        for (index, outcome) in outcomes.into_iter().enumerate().rev() {
            match outcome {
                Outcome::GoesOn => {}
                Outcome::Ended => self.leave(index, counters),
                Outcome::Failed(err) => {
                    let seat = &mut self.seats[index];
                    // It may be half written.
                    seat.memory.truncate(0);
                    seat.span.in_scope(|| tracing::warn!(error = %err, "local model failed"));
                    // Nobody needs to know who has gone.
                    drop(seat.sender.send(Err(err)));
                    self.leave(index, counters);
                }
            }
        }
    }

    fn advance(&mut self) -> Vec<Outcome> {
        let unread: Vec<usize> =
            self.seats.iter().map(|seat| seat.writing.tokens().len() - seat.memory.len()).collect();
        let shares = shares(&unread);
        let seats = self.seats.iter_mut().zip(&unread).zip(&shares);
        let mut parts: Vec<Part<'_>> = seats
            .map(|((seat, unread), share)| {
                let tokens = &seat.writing.tokens()[seat.memory.len()..][..*share];
                Part { memory: &mut seat.memory, tokens, scored: share == unread }
            })
            .collect();
        let mut scores = self.network.forward(&mut parts).into_iter();
        let scored: Vec<bool> = parts.iter().map(|part| part.scored).collect();
        let seats = self.seats.iter_mut().zip(scored);
        seats
            .map(|(seat, scored)| match scored.then(|| scores.next()).flatten() {
                Some(scores) => seat.write(scores, &self.vocabulary),
                None => Outcome::GoesOn,
            })
            .collect()
    }

    /// Gives the place back, and what it remembers.
    fn leave(&mut self, index: usize, counters: &Counters) {
        let seat = self.seats.swap_remove(index);
        counters.add_answer(seat.writing.prompt(), seat.reused, seat.writing.written());
        self.shelf.put(seat.memory);
    }
}

impl Seat {
    fn write(&mut self, scores: Vec<f32>, vocabulary: &Vocabulary) -> Outcome {
        let sender = &self.sender;
        // Whether anybody still reads is asked before the next step.
        match self.writing.advance(scores, vocabulary, |delta| drop(sender.send(Ok(delta)))) {
            Ok(false) => Outcome::GoesOn,
            Ok(true) => Outcome::Ended,
            Err(err) => Outcome::Failed(err),
        }
    }
}

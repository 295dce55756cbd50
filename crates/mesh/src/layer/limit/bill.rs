use std::sync::Arc;

use bytes::Bytes;
use maily_errors::Error;

use super::count::Count;
use super::price::Price;
use super::purse::{Amounts, Purse, Reservation};
use crate::body::Watch;
use crate::model::{Completion, Format, PromptHead, Unpaid};

/// What a prompt is expected to take.
#[derive(Debug)]
pub(super) struct Estimate {
    pub(super) format: Format,
    price: Price,
    prompt: u64,
    answer: u64,
}

impl Estimate {
    /// Expects of the answer what the prompt allows, or what is usual for the key.
    pub(super) fn new(head: &PromptHead, bytes: usize, price: Price, purse: &Purse) -> Self {
        // By bytes, as everywhere before a tokenizer: rules and tools are said too.
        let prompt = bytes as u64 / 4 + 1;
        // What is only guessed does not make a prompt too large for its key, nor keep the next one out.
        let most = purse.config.tokens_per_minute.unwrap_or(u64::MAX).saturating_sub(prompt) / 4;
        let guess = u64::from(purse.config.answer_tokens).min(most);
        let answer = head.max_tokens.map_or(guess, u64::from);
        Self { format: head.format, price, prompt, answer }
    }

    /// Corrects the tokens of the prompt.
    pub(super) const fn with_prompt(mut self, tokens: u64) -> Self {
        self.prompt = tokens;
        self
    }

    pub(super) fn amounts(&self) -> Amounts {
        let micros = self.price.cost(self.prompt, self.answer);
        Amounts { requests: 1, tokens: self.prompt.saturating_add(self.answer), micros }
    }
}

/// What a prompt under way will have cost. It is settled when this is dropped, however that comes.
#[derive(Debug)]
pub(super) struct Bill {
    estimate: Estimate,
    held: Reservation,
    count: Count,
    /// The tokens read and written, once the answer has said something.
    took: Option<(u64, u64)>,
    /// The answer came from memory.
    is_free: bool,
    /// Whether the prompt that began the call of this answer has left it to this one.
    unpaid: Option<Unpaid>,
}

impl Bill {
    pub(super) fn new(estimate: Estimate, mut held: Reservation) -> Self {
        // Who leaves before the answer begins has had the prompt read, as far as is known.
        held.set_used(estimate.prompt, estimate.price.cost(estimate.prompt, 0));
        Self {
            estimate,
            held,
            count: Count::new(Format::Chat, false),
            took: None,
            is_free: false,
            unpaid: None,
        }
    }

    /// The prompt failed: nothing was taken but the request.
    pub(super) fn cancel(mut self) {
        self.held.set_used(0, 0);
    }

    /// Watches the answer to its end, and tells the client what is left.
    pub(super) fn watch(mut self, answer: Completion) -> Completion {
        let Completion { mut head, body } = answer;
        self.purse().write_headers(self.estimate.format, &mut head.headers);
        self.is_free = head.is_from_memory();
        self.unpaid = head.unpaid.take();
        let reserved = self.held.reserved();
        if self.is_free || self.unpaid.is_some() {
            self.held.set_used(0, 0);
        } else if !head.streamed {
            // All of it was written, whether or not anybody reads it.
            self.held.set_used(reserved.tokens, reserved.micros);
        }
        self.count = Count::new(head.format, head.streamed).behind(head.retold);
        Completion { head, body: body.watched(self) }
    }

    fn purse(&self) -> &Arc<Purse> {
        self.held.purse()
    }
}

impl Watch for Bill {
    fn chunk(&mut self, chunk: &Bytes) {
        if self.is_free {
            return;
        }
        self.count.see(chunk);
        let Estimate { price, prompt, answer, .. } = &mut self.estimate;
        let (read, written) = self.count.tokens(*prompt, false);
        if written > *answer && self.unpaid.as_ref().is_none_or(Unpaid::is_left) {
            // Longer than expected: it holds more, so that others hear in time that there is less.
            let (before, more) = (*answer, (written - *answer).max(STEP));
            *answer += more;
            self.held.grow(more, price.cost(*prompt, *answer) - price.cost(*prompt, before));
        }
        self.took = Some((read, written));
    }

    fn end(&mut self, error: Option<&Error>) {
        if error.is_none() && self.took.is_some() {
            self.took = Some(self.count.tokens(self.estimate.prompt, true));
            // The first that reads it to its end pays for all.
            self.is_free = self.unpaid.take().is_some_and(|unpaid| !unpaid.take());
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        // Once, and not with each chunk: what it costs takes a division of 128 bits.
        let is_free = self.is_free || self.unpaid.as_ref().is_some_and(|unpaid| !unpaid.is_left());
        if let Some((read, written)) = self.took.filter(|_| !is_free) {
            self.held.set_used(read + written, self.estimate.price.cost(read, written));
        }
    }
}

/// By how many tokens at least a reservation grows.
const STEP: u64 = 64;

//! Writes one answer, token by token.

use std::ops::ControlFlow;

use maily_errors::Result;
use maily_mesh::{Delta, FinishReason, Usage};

use crate::error;
use crate::network::Network;
use crate::request::Request;
use crate::sample::Sampler;
use crate::text::{Step, Text};
use crate::vocabulary::Vocabulary;

/// A model that is ready to write.
pub(crate) struct Writer {
    network: Network,
    vocabulary: Vocabulary,
    context: usize,
    /// The tokens at the begin of the network's memory that were read in whole chunks.
    remembered: Vec<u32>,
}

/// What an answer took.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Effort {
    pub(crate) read: usize,
    pub(crate) reused: usize,
    pub(crate) written: usize,
}

impl Writer {
    pub(crate) const fn new(network: Network, vocabulary: Vocabulary, context: usize) -> Self {
        Self { network, vocabulary, context, remembered: Vec::new() }
    }

    /// Turns the conversation into tokens.
    ///
    /// # Errors
    ///
    /// `PromptTooLarge` when they leave no room for one token of an answer.
    pub(crate) fn prepare(&self, request: &Request) -> Result<Vec<u32>> {
        let prompt = request.tokens(&self.vocabulary)?;
        if prompt.len() >= self.context {
            return Err(error::too_large("tokens", prompt.len(), self.context - 1));
        }
        Ok(prompt)
    }

    /// Writes the answer into `sink`, which says after each token whether anybody still reads.
    pub(crate) fn write(
        &mut self,
        request: Request,
        prompt: &[u32],
        sink: &mut dyn FnMut(Option<Delta>) -> ControlFlow<()>,
    ) -> Result<Effort> {
        let mut effort = Effort { read: prompt.len(), reused: self.reuse(prompt), written: 0 };
        let limit = request.max_tokens.min(self.context - prompt.len());
        let mut sampler = Sampler::new(request.sampling, request.seed);
        let mut text = Text::new(request.stop);
        let mut tokens = prompt.to_vec();

        let Some(mut scores) = self.read(prompt, sink)? else { return Ok(effort) };
        let reason = loop {
            let recent = &tokens[tokens.len().saturating_sub(RECENT)..];
            let next =
                sampler.pick(scores, recent).ok_or_else(|| error::failed("the scores are not numbers"))?;
            effort.written += 1;
            if self.vocabulary.is_end(next) {
                break FinishReason::Stop;
            }
            let (delta, stopped) = match text.push(self.vocabulary.bytes(next)) {
                Step::More(more) => (more, false),
                Step::Stopped(rest) => (rest, true),
            };
            if sink(as_text(delta)).is_break() {
                return Ok(effort);
            }
            if stopped {
                break FinishReason::Stop;
            }
            if effort.written >= limit {
                break FinishReason::Length;
            }
            tokens.push(next);
            scores = self.network.forward(&[next]).map_err(error::failed)?;
        };
        let usage = Usage::new(count(prompt.len()), count(effort.written));
        for delta in [as_text(text.finish()), Some(Delta::Finish(reason)), Some(Delta::Usage(usage))] {
            if delta.is_some() && sink(delta).is_break() {
                break;
            }
        }
        Ok(effort)
    }

    /// Forgets what does not begin this prompt; returns how many tokens need not be read again.
    ///
    /// Only whole chunks are kept, at their places: so a prompt is always read in the same steps, and
    /// an answer never depends, not by one rounding, on what was asked before.
    fn reuse(&mut self, prompt: &[u32]) -> usize {
        let same = self.remembered.iter().zip(prompt).take_while(|(before, now)| before == now).count();
        // The last token is always read: its scores begin the answer.
        let reused = same.min(prompt.len() - 1) / CHUNK * CHUNK;
        self.network.truncate(reused);
        self.remembered.truncate(reused);
        reused
    }

    /// Reads what of the prompt is not remembered; `None` when nobody waits any more.
    fn read(
        &mut self,
        prompt: &[u32],
        sink: &mut dyn FnMut(Option<Delta>) -> ControlFlow<()>,
    ) -> Result<Option<Vec<f32>>> {
        let mut scores = None;
        for chunk in prompt[self.network.len()..].chunks(CHUNK) {
            if sink(None).is_break() {
                return Ok(None);
            }
            scores = Some(self.network.forward(chunk).map_err(error::failed)?);
            if chunk.len() == CHUNK {
                self.remembered.extend_from_slice(chunk);
            }
        }
        Ok(scores)
    }

    /// Forgets everything, after a failure that may have left the memory half written.
    pub(crate) fn forget(&mut self) {
        self.network.truncate(0);
        self.remembered.clear();
    }
}

fn as_text(text: String) -> Option<Delta> {
    (!text.is_empty()).then_some(Delta::Text(text))
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// Tokens that are read in one step.
pub(crate) const CHUNK: usize = 64;
/// Tokens whose repetition is made less likely.
const RECENT: usize = 64;

//! One answer while it is written, token by token.

use maily_errors::Result;
use maily_mesh::{Delta, FinishReason, Usage};

use crate::error;
use crate::request::Request;
use crate::sample::Sampler;
use crate::text::{Step, Text};
use crate::vocabulary::Vocabulary;

/// A prompt and what was answered so far.
pub(crate) struct Writing {
    tokens: Vec<u32>,
    prompt: usize,
    written: usize,
    /// The most tokens of the answer.
    limit: usize,
    sampler: Sampler,
    text: Text,
}

impl Writing {
    /// Begins the answer to `prompt`, the tokens of the request; both together are at most `context` tokens.
    pub(crate) fn new(request: Request, prompt: Vec<u32>, context: usize) -> Self {
        Self {
            prompt: prompt.len(),
            written: 0,
            limit: request.max_tokens.min(context - prompt.len()),
            tokens: prompt,
            sampler: Sampler::new(request.sampling, request.seed),
            text: Text::new(request.stop),
        }
    }

    /// The tokens of the prompt and of the answer so far.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Tokens of the prompt.
    pub(crate) const fn prompt(&self) -> usize {
        self.prompt
    }

    /// Tokens of the answer so far.
    pub(crate) const fn written(&self) -> usize {
        self.written
    }

    /// Chooses the token that follows and sends what of the text is complete; says whether this was the end.
    ///
    /// # Errors
    ///
    /// `NodeFailed` when the scores are not numbers.
    pub(crate) fn advance(
        &mut self,
        scores: Vec<f32>,
        vocabulary: &Vocabulary,
        mut send: impl FnMut(Delta),
    ) -> Result<bool> {
        let recent = &self.tokens[self.tokens.len().saturating_sub(RECENT)..];
        let next =
            self.sampler.pick(scores, recent).ok_or_else(|| error::failed("the scores are not numbers"))?;
        self.tokens.push(next);
        self.written += 1;
        let mut finish = (self.written >= self.limit).then_some(FinishReason::Length);
        if vocabulary.is_end(next) {
            finish = Some(FinishReason::Stop);
        } else {
            let more = match self.text.push(vocabulary.bytes(next)) {
                Step::More(more) => more,
                Step::Stopped(rest) => {
                    finish = Some(FinishReason::Stop);
                    rest
                }
            };
            if !more.is_empty() {
                send(Delta::Text(more));
            }
        }
        let Some(reason) = finish else { return Ok(false) };
        let rest = self.text.finish();
        if !rest.is_empty() {
            send(Delta::Text(rest));
        }
        send(Delta::Finish(reason));
        send(Delta::Usage(Usage::new(count(self.prompt), count(self.written))));
        Ok(true)
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// Tokens whose repetition is made less likely.
const RECENT: usize = 64;

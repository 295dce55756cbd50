use std::task::{Context, Poll};

use maily_errors::{Code, Error, Public, Result};
use tower_service::Service;

use super::ResponseFuture;
use crate::model::{Completion, Format, Formats, Prompt};
use crate::wire;

/// Turns prompts into a format that its node takes, and answers back.
#[derive(Clone, Debug)]
pub struct Translate<S> {
    inner: S,
    native: Formats,
}

impl<S> Translate<S> {
    pub(super) const fn new(inner: S, native: Formats) -> Self {
        Self { inner, native }
    }

    /// Sets which formats the node takes as they are.
    #[must_use]
    pub fn with_native(mut self, native: Formats) -> Self {
        self.native = native;
        self
    }

    /// Returns which formats the node takes as they are.
    #[must_use]
    pub const fn native(&self) -> Formats {
        self.native
    }

    /// The format to say a prompt in: chat, in which all others meet, or else messages, which loses less than responses.
    fn target(&self, format: Format) -> Result<Format> {
        let mut wanted = [Format::Chat, Format::Messages, Format::Responses].into_iter();
        wanted.find(|format| self.native.contains(*format)).ok_or_else(|| {
            Error::new(Code::PromptUntranslatable, "the node takes no format that prompts are turned into")
                .with_operation("mesh::translate")
                .with_context("format", Public(format.as_str()))
        })
    }

    /// The prompt as the node takes it.
    fn said(&self, prompt: Prompt) -> Result<Prompt> {
        let from = prompt.head.format;
        let to = self.target(from)?;
        let body = wire::convert(prompt.body(), from, to)?;
        prompt.with_body_of(to, body)
    }
}

impl<S> Service<Prompt> for Translate<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let format = prompt.head.format;
        if self.native.contains(format) {
            return ResponseFuture::native(self.inner.call(prompt), format);
        }
        let asked = prompt.head.clone();
        match self.said(prompt) {
            Ok(prompt) => {
                let format = prompt.head.format;
                ResponseFuture::translated(self.inner.call(prompt), format, asked)
            }
            Err(err) => ResponseFuture::failed(err),
        }
    }
}

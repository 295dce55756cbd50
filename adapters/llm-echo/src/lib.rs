#![doc = include_str!("../README.md")]

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::stream;
use maily_errors::{Code, Error, Result};
use maily_mesh::{Completion, Delta, FinishReason, NodeConfig, Prompt, Registry, Role, Usage, wire};
use serde::Deserialize;
use tower_service::Service;

/// The scheme of the URL in a configuration: `echo:`.
pub const SCHEME: &str = "echo";

/// The settings of an [`Echo`].
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct EchoConfig {
    /// What stands before each echo.
    pub prefix: String,
}

impl EchoConfig {
    /// Sets what stands before each echo.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Builds the node.
    #[must_use]
    pub fn build(self) -> Echo {
        Echo { prefix: self.prefix.into() }
    }
}

/// Offers the adapter to configurations. What follows `echo:` in the URL stands before each echo.
pub fn register(registry: &mut Registry) {
    registry.register(SCHEME, |node: &NodeConfig| {
        let prefix = node.url.split_once(':').map_or("", |(_, prefix)| prefix);
        Ok(EchoConfig::default().with_prefix(prefix).build())
    });
}

/// A model that answers with the last text of the person; a word is a token.
#[derive(Clone, Debug)]
pub struct Echo {
    prefix: std::sync::Arc<str>,
}

impl Echo {
    fn answer(&self, prompt: &Prompt) -> Result<Completion> {
        let chat = prompt.read()?;
        let asked = chat.messages.iter().rev().find(|message| message.role == Role::User);
        let asked = asked.ok_or_else(|| {
            Error::new(Code::PromptInvalid, "there is no message of a user to echo")
                .with_operation("echo::answer")
        })?;

        let limit = prompt.head.max_tokens.map_or(usize::MAX, |tokens| tokens as usize);
        let text = format!("{}{}", self.prefix, asked.content);
        // If the assistant spoke last, its message is continued: so an answer that broke off goes on.
        let told = chat.messages.last().filter(|last| last.role == Role::Assistant);
        let rest = told.and_then(|told| text.strip_prefix(told.content.as_str())).unwrap_or(&text);
        let all: Vec<&str> = rest.split_inclusive(' ').collect();
        let said = &all[..all.len().min(limit)];

        let reason = if said.len() < all.len() { FinishReason::Length } else { FinishReason::Stop };
        let usage = Usage::new(prompt.head.estimated_tokens, u32::try_from(said.len()).unwrap_or(u32::MAX));
        let words = said.iter().map(|word| Delta::Text((*word).to_owned()));
        let deltas: Vec<_> = words.chain([Delta::Finish(reason), Delta::Usage(usage)]).map(Ok).collect();
        Ok(wire::answer(&prompt.head, stream::iter(deltas)))
    }
}

impl Service<Prompt> for Echo {
    type Response = Completion;
    type Error = Error;
    type Future = Ready<Result<Completion>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        ready(self.answer(&prompt))
    }
}

//! The tokens of a prompt, counted by a node that knows the tokenizer of its model.

use std::time::Duration;

use futures_util::TryStreamExt;
use maily_errors::{Code, Error, Result};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use super::choose::Route;
use super::nodes::Nodes;
use crate::model::{Prompt, TokenCount};

impl Nodes {
    /// Counts the tokens of a prompt: a node that offers it is asked, or else they are estimated.
    ///
    /// Neither the load nor the health of a node changes by it. What fails otherwise than by a refusal of the prompt is an
    /// estimate.
    pub(crate) async fn count_tokens(&self, prompt: Prompt) -> Result<TokenCount> {
        if let Some(route) = self.counter(&prompt.head) {
            let left =
                prompt.head.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let patience = left.unwrap_or(PATIENCE).min(PATIENCE);
            match timeout(patience, ask(&route, prompt.clone())).await {
                Ok(Ok(tokens)) => {
                    return Ok(TokenCount { tokens, node: Some(route.member.name().clone()) });
                }
                Ok(Err(err)) if matches!(err.code(), Code::NodeRejected | Code::PromptTooLarge) => {
                    return Err(err);
                }
                Ok(Err(err)) => tracing::debug!(code = err.code().name(), "estimates instead of the node"),
                Err(_) => tracing::debug!("estimates instead of a node that is slow to count"),
            }
        }
        Ok(TokenCount { tokens: prompt.estimate_tokens(), node: None })
    }
}

async fn ask(route: &Route, prompt: Prompt) -> Result<u32> {
    #[derive(Deserialize)]
    struct Counted {
        input_tokens: u32,
    }
    let malformed = |message| Error::new(Code::StreamMalformed, message).with_operation("mesh::count");
    let (service, at_node) = route.parts();
    let prompt = at_node.into_iter().cloned().fold(prompt, Prompt::with_model);
    let mut answer = service.oneshot(prompt.with_counting()).await?;
    let mut body = Vec::new();
    while let Some(piece) = answer.body.try_next().await? {
        body.extend_from_slice(&piece);
        if body.len() > MAX_BYTES {
            return Err(malformed("a count of tokens is too long"));
        }
    }
    let counted = serde_json::from_slice(&body);
    counted.map(|Counted { input_tokens }| input_tokens).map_err(|_| malformed("the node counts no tokens"))
}

/// How long a node may take: who counts wants to know how long a prompt is before it sends it.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 64 * 1024;

//! From the conversation of a prompt to the tokens that the model continues.

use maily_errors::Result;
use maily_mesh::{Message, Prompt, Role};

use crate::config::LlmCandleConfig;
use crate::error;
use crate::vocabulary::Vocabulary;

/// What to write, checked.
pub(crate) struct Request {
    pub(crate) messages: Vec<Message>,
    pub(crate) sampling: Sampling,
    pub(crate) seed: u64,
    pub(crate) max_tokens: usize,
    pub(crate) stop: Vec<String>,
}

/// How to choose the next token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampling {
    /// 0.0 takes the best.
    pub(crate) temperature: f32,
    pub(crate) top_p: f32,
    pub(crate) repeat_penalty: f32,
}

impl Request {
    pub(crate) fn read(prompt: &Prompt, config: &LlmCandleConfig) -> Result<Self> {
        // No text of so many bytes fits into the context, so nobody needs to count its tokens.
        let limit = config.context_tokens * MAX_BYTES_PER_TOKEN;
        if prompt.body().len() > limit {
            return Err(error::too_large("bytes", prompt.body().len(), limit));
        }
        let chat = prompt.read()?;
        let temperature = chat.temperature.unwrap_or(config.temperature);
        if !(0.0..=2.0).contains(&temperature) {
            return Err(error::invalid("/temperature", "must be 0.0 to 2.0"));
        }
        let top_p = chat.top_p.unwrap_or(config.top_p);
        if !(top_p > 0.0 && top_p <= 1.0) {
            return Err(error::invalid("/top_p", "must be above 0.0, and at most 1.0"));
        }
        let max_tokens = prompt.head.max_tokens.unwrap_or(config.answer_tokens);
        if max_tokens == 0 {
            return Err(error::invalid("/max_tokens", "must be at least 1"));
        }
        if chat.stop.len() > MAX_STOPS {
            return Err(error::invalid("/stop", "must be at most 4 texts"));
        }
        Ok(Self {
            messages: chat.messages,
            sampling: Sampling { temperature, top_p, repeat_penalty: config.repeat_penalty },
            seed: chat.seed.unwrap_or_else(rand::random),
            max_tokens: usize::try_from(max_tokens).unwrap_or(usize::MAX),
            stop: chat.stop.into_iter().filter(|stop| !stop.is_empty()).collect(),
        })
    }

    /// Writes the conversation as the model was trained to read it.
    ///
    /// If the assistant spoke last, its message is continued: so an answer that broke off goes on.
    ///
    /// Source: `tokenizer.chat_template` of the model file.
    pub(crate) fn tokens(&self, vocabulary: &Vocabulary) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        if self.messages.first().is_none_or(|first| role(first.role) != "system") {
            open(vocabulary, "system", DEFAULT_SYSTEM, &mut ids)?;
            close(vocabulary, &mut ids)?;
        }
        let (last, before) = match self.messages.split_last() {
            Some((last, before)) if last.role == Role::Assistant => (last.content.as_str(), before),
            _ => ("", self.messages.as_slice()),
        };
        for message in before {
            open(vocabulary, role(message.role), &message.content, &mut ids)?;
            close(vocabulary, &mut ids)?;
        }
        open(vocabulary, "assistant", last, &mut ids)?;
        Ok(ids)
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Assistant => "assistant",
        Role::Developer | Role::System => "system",
        // It was trained on these three roles only; the result of a tool is news for it, too.
        _ => "user",
    }
}

fn open(vocabulary: &Vocabulary, role: &str, content: &str, ids: &mut Vec<u32>) -> Result<()> {
    ids.push(vocabulary.begin);
    vocabulary.encode(&format!("{role}\n{content}"), ids)
}

fn close(vocabulary: &Vocabulary, ids: &mut Vec<u32>) -> Result<()> {
    ids.push(vocabulary.end);
    vocabulary.encode("\n", ids)
}

const DEFAULT_SYSTEM: &str = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
/// The most of the OpenAI protocol.
const MAX_STOPS: usize = 4;
/// Twice what a token of English takes with its JSON around it, eight times over.
const MAX_BYTES_PER_TOKEN: usize = 64;

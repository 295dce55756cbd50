//! Which protocol a body is written in.

use serde::{Deserialize, Serialize};

/// The protocol of a request, and of its answer.
///
/// # Examples
///
/// ```
/// use maily_mesh::{Format, Prompt};
///
/// let body = r#"{"model":"small","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}"#;
/// let prompt = Prompt::parse_as(Format::Messages, body)?;
///
/// assert_eq!(prompt.head.format, Format::Messages);
/// assert_eq!(Format::Messages.path(), "/messages");
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// OpenAI chat completions: what every node takes that speaks, natively or by translation.
    #[default]
    Chat,
    /// OpenAI completions: one text goes on.
    Completions,
    /// OpenAI embeddings: texts become vectors. The answer is one object, and no node of another format can give it.
    Embeddings,
    /// Anthropic messages.
    Messages,
    /// OpenAI responses.
    Responses,
}

impl Format {
    /// Every format, in the order of their names.
    pub const ALL: [Self; 5] =
        [Self::Chat, Self::Completions, Self::Embeddings, Self::Messages, Self::Responses];
    /// Every format whose answer is what a model says.
    pub const SPOKEN: [Self; 4] = [Self::Chat, Self::Completions, Self::Messages, Self::Responses];

    /// Returns the name, as a configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::Responses => "responses",
        }
    }

    /// Returns what is asked for, as `gen_ai.operation.name` has it.
    #[must_use]
    pub const fn operation(self) -> &'static str {
        match self {
            Self::Chat | Self::Messages | Self::Responses => "chat",
            Self::Completions => "text_completion",
            Self::Embeddings => "embeddings",
        }
    }

    /// Returns where a server takes it, behind `/v1`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Messages => "/messages",
            Self::Responses => "/responses",
        }
    }

    /// Returns where a server counts the tokens of a prompt, behind `/v1`, if its protocol knows such a place.
    #[must_use]
    pub const fn count_path(self) -> Option<&'static str> {
        match self {
            Self::Messages => Some("/messages/count_tokens"),
            Self::Responses => Some("/responses/input_tokens"),
            Self::Chat | Self::Completions | Self::Embeddings => None,
        }
    }

    /// Returns the header field without which no server of the maker takes it, name and value.
    ///
    /// It says which version of the protocol the bodies are in. The mesh reads one, so what a client says is not passed on.
    #[must_use]
    pub const fn version(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Messages => Some(("anthropic-version", "2023-06-01")),
            Self::Chat | Self::Completions | Self::Embeddings | Self::Responses => None,
        }
    }

    /// Returns the field that holds what is said, as a JSON Pointer.
    #[must_use]
    pub const fn said_at(self) -> &'static str {
        match self {
            Self::Chat | Self::Messages => "/messages",
            Self::Completions => "/prompt",
            Self::Embeddings | Self::Responses => "/input",
        }
    }
}

/// A set of formats: what a node takes as it is.
///
/// # Examples
///
/// ```
/// use maily_mesh::{Format, Formats};
///
/// let native = Formats::CHAT.with(Format::Responses);
/// assert!(native.contains(Format::Responses) && !native.contains(Format::Messages));
/// assert_eq!([Format::Messages].into_iter().collect::<Formats>(), Formats::MESSAGES);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Formats(u8);

impl Formats {
    /// Chat completions only: the usual node.
    pub const CHAT: Self = Self(1 << Format::Chat as u8);
    /// Messages only.
    pub const MESSAGES: Self = Self(1 << Format::Messages as u8);
    /// Responses only.
    pub const RESPONSES: Self = Self(1 << Format::Responses as u8);
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Adds a format.
    #[must_use]
    pub const fn with(self, format: Format) -> Self {
        Self(self.0 | 1 << format as u8)
    }

    /// Returns whether the format is one of these.
    #[must_use]
    pub const fn contains(self, format: Format) -> bool {
        self.0 & (1 << format as u8) != 0
    }
}

impl Default for Formats {
    /// [`CHAT`](Self::CHAT).
    fn default() -> Self {
        Self::CHAT
    }
}

impl FromIterator<Format> for Formats {
    fn from_iter<I: IntoIterator<Item = Format>>(formats: I) -> Self {
        formats.into_iter().fold(Self::NONE, Self::with)
    }
}

//! What a server says by itself.

use bytes::Bytes;
use maily_redis::{Event, Reply};

use super::LinkOptions;

/// What a link tells its listener.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Event(Event),
    /// A channel is heard from now on.
    Subscribed(Bytes),
    /// The server does not let us hear a channel any more, such as when a cluster moved it.
    Unsubscribed(Bytes),
    /// The user of the connection may not hear a channel.
    Refused {
        channel: Bytes,
        code: String,
        message: String,
    },
}

/// The push that confirms a command, where it has no reply: RESP3 answers subscriptions so.
#[derive(Debug)]
pub(super) struct Confirmation {
    kind: &'static [u8],
    channel: Option<Bytes>,
}

impl Confirmation {
    /// Returns what confirms a command, if it is one about a subscription.
    pub(super) fn of(arguments: &[Bytes]) -> Option<Self> {
        let name = arguments.first()?;
        // Nearly every name is shorter.
        if name.len() < 9 {
            return None;
        }
        let kinds: [&'static [u8]; 6] =
            [b"subscribe", b"ssubscribe", b"psubscribe", b"unsubscribe", b"sunsubscribe", b"punsubscribe"];
        let kind = kinds.into_iter().find(|kind| name.eq_ignore_ascii_case(kind))?;
        Some(Self { kind, channel: arguments.get(1).cloned() })
    }

    /// Says whether these words are it. The end of another channel may come first, unasked.
    pub(super) fn is(&self, words: &[Reply]) -> bool {
        let is_ours = |said: Option<&Reply>| {
            let Some(channel) = &self.channel else { return true };
            matches!(said, Some(Reply::Data(said)) if said == channel)
        };
        kind(words).is_some_and(|kind| kind == self.kind) && is_ours(words.get(1))
    }

    /// Says whether it confirms the end of a subscription.
    pub(super) fn is_of_an_end(&self) -> bool {
        self.kind.ends_with(b"unsubscribe")
    }

    /// Returns what a refusal in its place says of one sharded channel alone. Any other one speaks against the
    /// connection.
    pub(super) fn refused(&self, code: &str, message: &str) -> Option<Said> {
        let channel = self.channel.clone().filter(|_| self.kind == b"ssubscribe" && code == "NOPERM")?;
        Some(Said::Refused { channel, code: code.to_owned(), message: message.to_owned() })
    }
}

/// Returns the first word of a push.
fn kind(words: &[Reply]) -> Option<&Bytes> {
    match words.first() {
        Some(Reply::Data(kind)) => Some(kind),
        _ => None,
    }
}

/// Tells the listener, if there is one and there is something to tell.
pub(super) fn tell(options: &LinkOptions, said: Option<Said>) {
    if let Some(listener) = &options.listener
        && let Some(said) = said
    {
        listener(said);
    }
}

/// Returns what a push means to a listener, if anything.
pub(super) fn said(words: Vec<Reply>) -> Option<Said> {
    let kind = kind(&words)?.clone();
    let mut words = words.into_iter().skip(1);
    let event = match kind.as_ref() {
        b"invalidate" => match words.next()? {
            Reply::List(keys) => Event::Changed(Some(keys.into_iter().filter_map(data).collect())),
            _ => Event::Changed(None),
        },
        b"message" | b"smessage" => {
            Event::Message { channel: data(words.next()?)?, payload: data(words.next()?)? }
        }
        b"pmessage" => {
            words.next()?;
            Event::Message { channel: data(words.next()?)?, payload: data(words.next()?)? }
        }
        b"subscribe" | b"ssubscribe" | b"psubscribe" => return Some(Said::Subscribed(data(words.next()?)?)),
        b"unsubscribe" | b"sunsubscribe" | b"punsubscribe" => {
            return Some(Said::Unsubscribed(data(words.next()?)?));
        }
        _ => return None,
    };
    Some(Said::Event(event))
}

fn data(reply: Reply) -> Option<Bytes> {
    if let Reply::Data(data) = reply { Some(data) } else { None }
}

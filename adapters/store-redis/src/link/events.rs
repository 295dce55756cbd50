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
}

/// Says whether a push confirms a subscription or its end.
pub(super) fn is_confirmation(words: &[Reply]) -> bool {
    kind(words).is_some_and(|kind| kind.ends_with(b"subscribe"))
}

/// Returns the first word of a push.
pub(super) fn kind(words: &[Reply]) -> Option<&Bytes> {
    match words.first() {
        Some(Reply::Data(kind)) => Some(kind),
        _ => None,
    }
}

/// Tells the listener, if there is one and the push means something to it.
pub(super) fn tell(options: &LinkOptions, words: Vec<Reply>) {
    if let Some(listener) = &options.listener
        && let Some(said) = said(words)
    {
        listener(said);
    }
}

fn said(words: Vec<Reply>) -> Option<Said> {
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

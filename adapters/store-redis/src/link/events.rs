//! What a server says by itself.

use bytes::Bytes;
use maily_redis::{Event, Reply};

use super::LinkOptions;

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
        && let Some(event) = event(words)
    {
        listener(event);
    }
}

fn event(words: Vec<Reply>) -> Option<Event> {
    let kind = kind(&words)?.clone();
    let mut words = words.into_iter().skip(1);
    match kind.as_ref() {
        b"invalidate" => match words.next()? {
            Reply::List(keys) => Some(Event::Changed(Some(keys.into_iter().filter_map(data).collect()))),
            _ => Some(Event::Changed(None)),
        },
        b"message" | b"smessage" => {
            Some(Event::Message { channel: data(words.next()?)?, payload: data(words.next()?)? })
        }
        b"pmessage" => {
            words.next()?;
            Some(Event::Message { channel: data(words.next()?)?, payload: data(words.next()?)? })
        }
        _ => None,
    }
}

fn data(reply: Reply) -> Option<Bytes> {
    if let Reply::Data(data) = reply { Some(data) } else { None }
}

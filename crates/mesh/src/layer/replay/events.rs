//! The events of a chunk. Pure functions.

use memchr::memmem;

/// The events of a chunk that has whole ones only.
pub(super) fn split(chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends =
            [memmem::find(rest, b"\n\n").map(|at| at + 2), memmem::find(rest, b"\n\r\n").map(|at| at + 3)];
        let (event, behind) = rest.split_at(ends.into_iter().flatten().min().unwrap_or(rest.len()));
        rest = behind;
        Some(event)
    })
}

/// Returns a comment as it is passed on; `None` for an event, which has a number.
///
/// Without its blank line: behind numbers, some clients take that for an event without data.
pub(super) fn comment(event: &[u8]) -> Option<&[u8]> {
    let is_comment = event.starts_with(b":") && memmem::find(event, b"\ndata:").is_none();
    is_comment.then(|| event.trim_ascii_end())
}

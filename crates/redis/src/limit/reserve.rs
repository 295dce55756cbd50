//! Writing down ahead, so that not every decision waits for the disk.

use super::quota::Span;
use crate::memory::{Shared, Written};

/// Up to where the level of a name is written down.
///
/// What is written is further than the level by up to [`AHEAD_US`]; until the level is there, nothing more has to be
/// written. After a crash the level is where it was written, so that never more is allowed than without the crash, and
/// less by at most that time. In a steady flow the next part is written before it is needed: nobody waits.
#[derive(Debug)]
pub(super) struct Reserve {
    until: Span,
    written: Shared,
    /// The next part, which is written already.
    next: Option<(Span, Shared)>,
}

impl Reserve {
    /// Covers a level, writing with `write` where it has to, and returns when that is certain.
    pub(super) fn cover(
        slot: &mut Option<Box<Self>>,
        level: Span,
        mut write: impl FnMut(Span) -> Written,
    ) -> Written {
        let mut write = |from: Span| {
            let until = Span { whole: from.whole + AHEAD_US, rest: from.rest };
            (until, write(until).shared())
        };
        let reserve = match slot {
            Some(reserve) => reserve,
            None => {
                let (until, written) = write(level);
                slot.insert(Box::new(Self { until, written, next: None }))
            }
        };
        if level > reserve.until {
            let next = reserve.next.take().filter(|(until, _)| level <= *until);
            (reserve.until, reserve.written) = next.unwrap_or_else(|| write(level));
        }
        if reserve.next.is_none() && level.whole + AHEAD_US / 2 > reserve.until.whole {
            reserve.next = Some(write(level));
        }
        reserve.written.clone().into()
    }
}

/// One second of the quota's own time.
const AHEAD_US: u64 = 1_000_000;

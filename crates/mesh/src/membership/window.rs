//! Which packets of a sender were seen: a replayed one changes nothing.

/// How far behind the newest packet an older one may come, in packets.
pub(super) const WINDOW: u64 = 1_024;
const WORDS: usize = WINDOW as usize / 64;

/// The newest sequence number of a sender, and which of the [`WINDOW`] before it came.
///
/// Source: the anti-replay window of `IPsec`, RFC 4303, section 3.4.3, in words of 64 as in RFC 6479.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    newest: u64,
    seen: [u64; WORDS],
}

/// What a sequence number says of its packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// The newest one so far: its sender was alive after all that was heard of it.
    Newest,
    /// An older one that was not seen.
    Late,
    /// Seen before, or too old to know.
    Replayed,
}

impl Window {
    /// Notes a sequence number, 1 or more, and says what it is.
    pub(super) fn accept(&mut self, sequence: u64) -> Arrival {
        if sequence > self.newest {
            // Only the words that the window moves over are cleared; a jump clears all.
            let (from, to) = (self.newest / 64, sequence / 64);
            for word in (from + 1..=to).take(WORDS) {
                self.seen[word as usize % WORDS] = 0;
            }
            self.newest = sequence;
            self.mark(sequence);
            return Arrival::Newest;
        }
        // The word of the newest number is partly ahead, so one word less is remembered for sure.
        if sequence == 0 || self.newest - sequence >= WINDOW - 64 || self.mark(sequence) {
            return Arrival::Replayed;
        }
        Arrival::Late
    }

    fn mark(&mut self, sequence: u64) -> bool {
        let (word, bit) = ((sequence / 64) as usize % WORDS, 1 << (sequence % 64));
        let was = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_accepted_once_in_any_order() {
        let mut window = Window::default();

        let arrivals = [5, 3, 5, 3, 4, 0, 6].map(|sequence| window.accept(sequence));

        use Arrival::{Late, Newest, Replayed};
        assert_eq!(arrivals, [Newest, Late, Replayed, Replayed, Late, Replayed, Newest]);
    }

    #[test]
    fn number_behind_the_window_is_replayed() {
        let mut window = Window::default();
        window.accept(5_000);

        assert_eq!(window.accept(5_000 - (WINDOW - 65)), Arrival::Late);
        assert_eq!(window.accept(5_000 - (WINDOW - 64)), Arrival::Replayed);
    }

    #[test]
    fn jump_forgets_what_lies_behind() {
        let mut window = Window::default();
        (1..=2_000).for_each(|sequence| assert_eq!(window.accept(sequence), Arrival::Newest));

        assert_eq!(window.accept(u64::MAX), Arrival::Newest);
        assert_eq!(window.accept(u64::MAX - 1), Arrival::Late);
        assert_eq!(window.accept(2_000), Arrival::Replayed);
    }
}

/// Joins a continuation to its prefix: what the node says again is left out.
///
/// The prefix is sent without the blanks that it ends with, because a model continues a word better than a
/// blank; so the blanks come again and are left out. A node that repeats the whole prefix, or at least
/// [`LEAST`] bytes of its end, has begun too early; that is left out as well. A text that goes round in
/// circles looks the same, so what repeats itself inside is believed.
#[derive(Debug)]
pub(super) struct Seam {
    /// The prefix as it was sent; empty once the seam is found.
    prefix: String,
    /// The blanks behind it, which the reader has.
    blanks: String,
    held: String,
    open: bool,
}

impl Seam {
    pub(super) fn new(told: &str) -> Self {
        let prefix = told.trim_end();
        let blanks = told[prefix.len()..].to_owned();
        let window = told.floor_char_boundary(prefix.len().saturating_sub(WINDOW));
        // A prefix beyond the window is only found by its end.
        let prefix = prefix[window..].to_owned();
        Self { open: told.is_empty(), prefix, blanks, held: String::new() }
    }

    /// Takes more text and returns what the reader does not have yet; it may hold text back.
    pub(super) fn push(&mut self, text: &str) -> String {
        if self.open {
            return text.to_owned();
        }
        self.held.push_str(text);
        self.join(false)
    }

    /// The continuation has no more text: returns what is held back.
    pub(super) fn flush(&mut self) -> String {
        if self.open { String::new() } else { self.join(true) }
    }

    fn join(&mut self, last: bool) -> String {
        if !self.prefix.is_empty() {
            if !last && self.may_repeat() {
                return String::new();
            }
            self.held.drain(..self.repeated());
            self.prefix.clear();
        }
        let again = common(&self.held, &self.blanks);
        self.held.drain(..again);
        self.blanks.drain(..again);
        if self.held.is_empty() && !last {
            return String::new();
        }
        self.open = true;
        std::mem::take(&mut self.held)
    }

    /// Where a repetition could begin in the prefix.
    fn starts(&self) -> impl Iterator<Item = &str> {
        let whole = Some(self.prefix.as_str()).filter(|prefix| prefix.len() >= LEAST_WHOLE);
        let ends = self.prefix.char_indices().skip(1).map(|(at, _)| &self.prefix[at..]);
        whole.into_iter().chain(ends.take_while(|end| end.len() >= LEAST))
    }

    /// Whether what is held is the beginning of a repetition that is not whole.
    fn may_repeat(&self) -> bool {
        self.starts().any(|end| end.len() > self.held.len() && end.starts_with(&self.held))
    }

    /// How much of what is held the reader has.
    fn repeated(&self) -> usize {
        // From the longest on.
        let end = self.starts().find(|end| self.held.starts_with(end));
        end.filter(|end| !goes_round(end)).map_or(0, str::len)
    }
}

/// How many bytes of both beginnings are equal.
fn common(left: &str, right: &str) -> usize {
    left.chars()
        .zip(right.chars())
        .take_while(|(left, right)| left == right)
        .map(|(char, _)| char.len_utf8())
        .sum()
}

/// Whether a text is one piece at least twice, with or without a rest.
fn goes_round(text: &str) -> bool {
    // Knuth, Morris, Pratt: the longest beginning that is also an end.
    let (bytes, mut longest) = (text.as_bytes(), vec![0; text.len()]);
    for at in 1..bytes.len() {
        let mut length = longest[at - 1];
        while length > 0 && bytes[at] != bytes[length] {
            length = longest[length - 1];
        }
        longest[at] = length + usize::from(bytes[at] == bytes[length]);
    }
    longest.last().is_some_and(|length| *length * 2 >= text.len())
}

/// How much of the end of a prefix is looked at, in bytes.
const WINDOW: usize = 4096;
/// The shortest end of a prefix that a node repeats by mistake rather than by meaning it.
const LEAST: usize = 16;
/// The shortest prefix that is taken for repeated as a whole.
const LEAST_WHOLE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reader gets of a continuation that comes in pieces of so many characters.
    fn joined(told: &str, says: &str, piece: usize) -> String {
        let mut seam = Seam::new(told);
        let chars: Vec<char> = says.chars().collect();
        let mut text: String =
            chars.chunks(piece).map(|piece| seam.push(&piece.iter().collect::<String>())).collect();
        text.push_str(&seam.flush());
        text
    }

    #[test]
    fn reader_gets_each_word_once() {
        let told = "One, two, three, four, ";
        for (says, rest) in [
            (" five, six", "five, six"),
            ("five, six", "five, six"),
            ("One, two, three, four, five, six", "five, six"),
            ("two, three, four, five, six", "five, six"),
            (" ", ""),
            ("", ""),
            // Too short to be a repetition by mistake.
            ("four, five", "four, five"),
            ("One", "One"),
        ] {
            for piece in [1, 3, 100] {
                assert_eq!(joined(told, says, piece), rest, "{says:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn text_that_goes_round_is_believed() {
        let told = "ha ha ha ha ha ha ha ha ha ha ha";
        assert_eq!(joined(told, " ha ha ha.", 1), " ha ha ha.");
        assert_eq!(joined(told, told, 5), told);
    }

    #[test]
    fn blanks_are_neither_lost_nor_doubled() {
        assert_eq!(joined("a\n", "\n\nb", 1), "\nb");
        assert_eq!(joined("a", " b", 1), " b");
        assert_eq!(joined("a \n ", " \n  b", 2), " b");
    }

    #[test]
    fn wide_characters_are_not_split() {
        let told = "größer als vierzig Jahre, ";
        for piece in [1, 2, 7] {
            assert_eq!(joined(told, "größer als vierzig Jahre, älter", piece), "älter");
        }
        let long = "ö".repeat(WINDOW) + "ende des anfangs";
        assert_eq!(joined(&long, " weiter", 1), " weiter");
    }
}

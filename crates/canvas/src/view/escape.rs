//! Text that becomes part of a page.

use std::fmt::{self, Display, Write};

/// Shows a text such that HTML and XML read it back as that text, in an element and in a quoted attribute.
///
/// Characters that XML 1.0 does not have are left out.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(char)?,
                '\u{fffe}' | '\u{ffff}' => {}
                _ if char.is_control() => {}
                _ => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// Shows a length: at most two places, no trailing zero.
pub(crate) struct Pixels(pub(crate) f64);

impl Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Adding zero turns -0 into 0.
        write!(f, "{}", (self.0 * 100.0).round() / 100.0 + 0.0)
    }
}

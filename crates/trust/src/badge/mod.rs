//! A small picture that says what a verdict says.
//!
//! A badge is a courtesy, not a proof: anybody can copy a picture. The link beside it is what counts.

use crate::verify::{State, Verdict};

/// Draws a verdict as an SVG picture, 20 px high, with its whole sentence as title.
///
/// # Examples
///
/// ```
/// use maily_trust::verify::Verifier;
///
/// let verdict = Verifier::new().verify(b"Subject: Hi\n\nHello\n")?;
/// let svg = maily_trust::badge::svg(&verdict);
/// assert!(svg.contains("not certified"));
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[must_use]
pub fn svg(verdict: &Verdict) -> String {
    let (text, color) = match verdict.state {
        State::Intact => ("intact", "#1a7f37"),
        State::IntactWithAdditions => ("intact + additions", "#7d6608"),
        State::Changed => ("changed", "#b42318"),
        State::Unproven => ("not proven", "#b42318"),
        State::Missing => ("not certified", "#57606a"),
    };
    // About 6.5 px a letter at 11 px; textLength makes every font fit.
    let width = text.len() * 13 / 2;
    let (right, total) = (width + 16, width + 16 + LABEL);
    let middle = LABEL + right / 2;
    let title = escape(&verdict.title);
    let (label, label_middle) = (LABEL, LABEL / 2);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img">
<title>{title}</title>
<rect width="{label}" height="20" fill="#24292f"/>
<rect x="{label}" width="{right}" height="20" fill="{color}"/>
<g fill="#fff" text-anchor="middle" font-family="sans-serif" font-size="11">
<text x="{label_middle}" y="14">maily</text>
<text x="{middle}" y="14" textLength="{width}">{text}</text>
</g></svg>
"##
    )
}

const LABEL: usize = 44;

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to write these.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verifier;

    #[test]
    fn words_of_a_message_cannot_leave_the_title() {
        let mut verdict = Verifier::new().verify(b"Subject: Hi\n\nHello\n").unwrap();
        verdict.title = "</title><script>\"&\u{0}".to_owned();

        let svg = svg(&verdict);

        assert!(svg.contains("<title>&lt;/title&gt;&lt;script&gt;&quot;&amp;\u{fffd}</title>"));
    }
}

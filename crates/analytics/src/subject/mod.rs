//! Turns a subject line into features.

use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};

use crate::features::{self, Features};

#[cfg(test)]
mod tests;

/// The longest subject line, in bytes. RFC 5322 (2.1.1) allows 998 in one line.
pub const LIMIT_BYTES: usize = 998;

/// What is known about the mail besides its subject.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The name that a personal subject would use.
    #[serde(default)]
    pub recipient_name: Option<String>,
    /// A name for the group of recipients, such as `newsletter-de`.
    #[serde(default)]
    pub audience: Option<String>,
    /// The local hour of sending, 0 to 23.
    #[serde(default)]
    pub hour: Option<u8>,
}

/// Returns the features of a subject line in its context.
///
/// They are: length in characters (logarithm) and its band, words, emoji, question and exclamation marks,
/// digits, percent, share of capitals, personalization (the name, or a `{{placeholder}}`), hour, audience,
/// and every word of the line.
///
/// # Errors
///
/// - [`Code::FeaturesInvalid`] when the line is over 998 bytes or the hour is over 23.
///
/// # Examples
///
/// ```
/// use maily_analytics::subject::{self, Context};
///
/// let row = subject::features("Ann, 20% off today only?", &Context::default())?;
/// assert!(row.len() > 8);
/// # Ok::<(), maily_errors::Error>(())
/// ```
pub fn features(subject: &str, context: &Context) -> Result<Features> {
    if subject.len() > LIMIT_BYTES {
        return Err(Error::new(Code::FeaturesInvalid, "the subject line is too long")
            .with_operation("analytics::subject")
            .with_context("limit_bytes", Public(LIMIT_BYTES)));
    }
    let length = subject.chars().count();
    let words = features::words(subject).count();
    let mut row = Features::new()
        .with("subject.chars", (length as f32).ln_1p())?
        .with_category("subject.length", band(length))?
        .with("subject.words", (words as f32).ln_1p())?
        .with_words("subject", subject)?;
    for (name, holds) in [
        ("subject.emoji", subject.chars().any(is_emoji)),
        ("subject.question", subject.contains('?')),
        ("subject.exclamation", subject.contains('!')),
        ("subject.digits", subject.chars().any(|c| c.is_ascii_digit())),
        ("subject.percent", subject.contains('%')),
        ("subject.shouting", is_shouting(subject)),
        ("subject.personal", is_personal(subject, context)),
    ] {
        if holds {
            row = row.with(name, 1.0)?;
        }
    }
    if let Some(audience) = &context.audience {
        row = row.with_category("audience", audience)?;
    }
    if let Some(hour) = context.hour {
        row = row.with_category("hour", hour_name(hour)?)?;
    }
    Ok(row)
}

/// Length in the steps in which inboxes cut it: phones show about 35 characters, desktops about 60.
const fn band(chars: usize) -> &'static str {
    match chars {
        0 => "none",
        1..=20 => "short",
        21..=35 => "phone",
        36..=60 => "desktop",
        _ => "cut",
    }
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1f300..=0x1faff | 0x2600..=0x27bf | 0x2b50..=0x2b55 | 0x1f1e6..=0x1f1ff)
}

/// More than half of at least four letters are capitals.
fn is_shouting(subject: &str) -> bool {
    let letters = subject.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = subject.chars().filter(|c| c.is_uppercase()).count();
    letters >= 4 && capitals * 2 > letters
}

fn is_personal(subject: &str, context: &Context) -> bool {
    let placeholder = subject.contains("{{") && subject.contains("}}");
    let name = context.recipient_name.as_deref().filter(|name| !name.trim().is_empty());
    placeholder || name.is_some_and(|name| subject.to_lowercase().contains(&name.to_lowercase()))
}

fn hour_name(hour: u8) -> Result<&'static str> {
    HOURS.get(usize::from(hour)).copied().ok_or_else(|| {
        Error::new(Code::FeaturesInvalid, "the hour is not 0 to 23")
            .with_operation("analytics::subject")
            .with_violation("/hour", "0 to 23")
    })
}

const HOURS: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18",
    "19", "20", "21", "22", "23",
];

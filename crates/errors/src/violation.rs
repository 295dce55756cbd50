//! Which fields of an input are wrong.

use std::fmt::Write as _;

/// A violation of one field of the input.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error, Violation, pointer};
///
/// let field = pointer(["messages".into(), 0.into(), "content".into()]);
/// let err = Error::new(Code::Invalid, "the request is not valid")
///     .with_violations([Violation::new(field, "is empty").with_code("empty")]);
///
/// assert_eq!(err.violations()[0].pointer, "/messages/0/content");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901) into the input; empty for the whole of it.
    pub pointer: String,
    /// What is wrong, for a program: a name of the rule, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Violation {
    /// Creates a violation at a JSON Pointer.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: None, detail: detail.into() }
    }

    /// Names the rule that is violated.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Reads one entry of `errors`; `None` without a pointer.
    pub(crate) fn from_json(entry: &serde_json::Value) -> Option<Self> {
        let text = |key| Some(entry.get(key)?.as_str()?.to_owned());
        Some(Self {
            pointer: text("pointer")?,
            code: text("code"),
            detail: text("detail").unwrap_or_default(),
        })
    }
}

/// A step of a path into a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Segment<'a> {
    /// An element of a list.
    Index(usize),
    /// A member of an object.
    Key(&'a str),
}

impl From<usize> for Segment<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl<'a> From<&'a str> for Segment<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

/// Joins the steps of a path to a JSON Pointer: `~` becomes `~0`, `/` becomes `~1`.
///
/// # Examples
///
/// ```
/// use maily_errors::pointer;
///
/// assert_eq!(pointer(["a/b".into(), 0.into(), "~".into()]), "/a~1b/0/~0");
/// assert_eq!(pointer([]), "");
/// ```
///
/// Source: RFC 6901, section 3.
pub fn pointer<'a>(path: impl IntoIterator<Item = Segment<'a>>) -> String {
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Index(index) => {
                // Writing into a string cannot fail.
                let _ = write!(pointer, "{index}");
            }
            Segment::Key(key) => key.chars().for_each(|letter| match letter {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                _ => pointer.push(letter),
            }),
        }
    }
    pointer
}

/// Says in JSON Pointers what serde found wrong.
#[cfg(feature = "serde-path")]
mod of_serde {
    use std::fmt;

    use serde_path_to_error::{Path, Segment as Step};

    use super::{Segment, Violation, pointer};

    impl Violation {
        /// Takes the field from the path at which serde stopped; the detail is what serde says, without the value
        /// that it quotes: a password of the wrong type reaches neither the response nor the log.
        ///
        /// serde does not know where in the input of an untagged or internally tagged enum it stopped; then the
        /// pointer ends at that enum.
        ///
        /// # Examples
        ///
        /// ```
        /// use maily_errors::Violation;
        ///
        /// let mut json = serde_json::Deserializer::from_str(r#"{"a/b": [1, "two"]}"#);
        /// let wrong = serde_path_to_error::deserialize::<_, std::collections::BTreeMap<String, Vec<u8>>>(&mut json);
        ///
        /// let violation = Violation::from_serde(&wrong.unwrap_err());
        /// assert_eq!(violation.pointer, "/a~1b/1");
        /// assert_eq!(violation.detail, "invalid type: string, expected u8 at line 1 column 17");
        /// ```
        #[must_use]
        pub fn from_serde<E: fmt::Display>(err: &serde_path_to_error::Error<E>) -> Self {
            Self::new(pointer(segments(err.path())), unquoted(&err.inner().to_string()))
        }
    }

    /// Removes the value between what serde found and what it expected.
    fn unquoted(text: &str) -> String {
        let found =
            ["invalid type: ", "invalid value: ", "unknown variant "].iter().any(|how| text.starts_with(how));
        // The value may hold the same words; those of serde come last.
        match (text.find(['"', '`']), text.rfind(", expected ")) {
            (Some(quote), Some(expected)) if found && quote < expected => {
                format!("{}{}", text[..quote].trim_end(), &text[expected..])
            }
            _ => text.to_owned(),
        }
    }

    /// Ends where serde lost its way.
    fn segments(path: &Path) -> impl Iterator<Item = Segment<'_>> {
        path.iter().map_while(|step| match step {
            Step::Seq { index } => Some(Segment::Index(*index)),
            Step::Map { key } => Some(Segment::Key(key)),
            // A variant with content is an object with the variant as its key.
            Step::Enum { variant } => Some(Segment::Key(variant)),
            Step::Unknown => None,
        })
    }
}

#[cfg(all(test, feature = "serde-path"))]
mod tests {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::Violation;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only their decoding matters")]
    struct Campaign {
        name: String,
        shapes: Vec<Shape>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only their decoding matters")]
    enum Shape {
        Circle { radius: u32 },
        Empty,
    }

    fn violation<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> Violation {
        let mut json = serde_json::Deserializer::from_str(json);
        let wrong = serde_path_to_error::deserialize::<_, T>(&mut json).expect_err("the input is wrong");
        Violation::from_serde(&wrong)
    }

    #[test]
    fn every_kind_of_step_is_in_the_pointer() {
        let deep =
            violation::<Campaign>(r#"{"name": "x", "shapes": ["empty", {"circle": {"radius": "wide"}}]}"#);
        let missing = violation::<Campaign>(r#"{"shapes": []}"#);
        let whole = violation::<Campaign>("7");

        assert_eq!(deep.pointer, "/shapes/1/circle/radius");
        assert_eq!((missing.pointer.as_str(), whole.pointer.as_str()), ("", ""));
        assert!(missing.detail.contains("`name`"), "{missing:?}");
    }

    #[test]
    fn value_of_the_input_is_not_quoted() {
        let secrets = [
            violation::<u8>(r#""hunter2""#),
            violation::<u8>(r#""hunter2, expected \"hunter2""#),
            violation::<Vec<u8>>(r#"["hunter2"]"#),
            violation::<Shape>(r#""hunter2""#),
        ];

        for violation in secrets {
            assert!(!violation.detail.contains("hunter2"), "{violation:?}");
            assert!(violation.detail.contains("expected"), "{violation:?}");
        }
    }
}

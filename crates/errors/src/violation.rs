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
        /// Takes the field from the path at which serde stopped; the detail is what serde says.
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
        /// assert_eq!(Violation::from_serde(&wrong.unwrap_err()).pointer, "/a~1b/1");
        /// ```
        #[must_use]
        pub fn from_serde<E: fmt::Display>(err: &serde_path_to_error::Error<E>) -> Self {
            Self::new(pointer(segments(err.path())), err.inner().to_string())
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

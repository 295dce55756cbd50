//! What a client asks of a protocol beside the body.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use maily_errors::{Code, Error, Public, Result};

/// Features of Anthropic's protocol that are asked for by name, in `anthropic-beta`.
///
/// They go with the prompt to nodes that are asked in messages, and to no other: what a name means, only the maker of the
/// protocol knows. A name is of visible ASCII characters without a comma, and all of them together have at most
/// [`MAX_BYTES`](Self::MAX_BYTES). Each is there once, in the order in which they came. Clones share them.
///
/// # Examples
///
/// ```
/// use maily_mesh::Betas;
///
/// let mut headers = http::HeaderMap::new();
/// headers.append("anthropic-beta", "context-1m, files".parse().unwrap());
/// headers.append("anthropic-beta", "files,skills".parse().unwrap());
///
/// let betas = Betas::of(&headers)?;
///
/// assert_eq!(betas.as_str(), "context-1m,files,skills");
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Betas(Option<Arc<str>>);

impl Betas {
    /// The header that they come and leave in.
    pub const HEADER: &'static str = "anthropic-beta";
    /// The most bytes that all names have together, with the commas between them.
    pub const MAX_BYTES: usize = 1024;

    /// Reads names; those that are empty are left out, as in the lists of HTTP.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when a name has a character that none may have, or all of them are too long.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<Self> {
        let mut list = String::new();
        for name in names {
            let name = name.as_ref().trim();
            if !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
                return Err(invalid("must be names of visible ASCII characters"));
            }
            if name.is_empty() || split(&list).any(|known| known == name) {
                continue;
            }
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(name);
            if list.len() > Self::MAX_BYTES {
                return Err(invalid("is too long").with_context("limit_bytes", Public(Self::MAX_BYTES)));
            }
        }
        Ok(Self((!list.is_empty()).then(|| list.into())))
    }

    /// Reads the header, which may stand there several times and hold several names each time.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn of(headers: &HeaderMap) -> Result<Self> {
        let mut names = Vec::new();
        for line in headers.get_all(NAME) {
            let line = line.to_str().map_err(|_| invalid("must be names of visible ASCII characters"))?;
            names.extend(line.split(','));
        }
        Self::new(names)
    }

    /// Returns the names, separated by commas; nothing if there are none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the names, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        split(self.as_str())
    }
}

fn split(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|name| !name.is_empty())
}

fn invalid(detail: &'static str) -> Error {
    Error::new(Code::Invalid, "the betas are no list of names")
        .with_operation("mesh::betas")
        .with_violation(format!("/headers/{}", Betas::HEADER), detail)
}

// A name that is known now is not read again for each look-up.
const NAME: HeaderName = HeaderName::from_static(Betas::HEADER);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_is_as_long_as_its_limit_and_no_longer() {
        let half = "a".repeat(Betas::MAX_BYTES / 2);
        let rest = "b".repeat(Betas::MAX_BYTES / 2 - 1);

        assert_eq!(Betas::new([&half, &rest]).unwrap().as_str().len(), Betas::MAX_BYTES);
        let err = Betas::new([half, rest + "b"]).unwrap_err();
        assert_eq!(
            (err.code(), err.violations()[0].pointer.as_str()),
            (Code::Invalid, "/headers/anthropic-beta")
        );
    }

    #[test]
    fn name_that_could_end_a_header_is_refused() {
        for name in ["a\r\nx-api-key: b", "a\0", "a b", "ä", "a,b"] {
            assert_eq!(Betas::new([name]).unwrap_err().code(), Code::Invalid, "{name:?}");
        }
        assert!(Betas::new(["", " ", "\t"]).unwrap().is_empty());
    }

    #[test]
    fn name_is_there_once() {
        let betas = Betas::new(["one", "two", " one", "three"]).unwrap();

        assert_eq!(betas.iter().collect::<Vec<_>>(), ["one", "two", "three"]);
    }
}

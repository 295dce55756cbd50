//! What a request accepts, and what it has already (RFC 9110, sections 12.5.3 and 13.1.2).

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};

/// An encoding that the build made, smallest first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    const ALL: [Self; 2] = [Self::Brotli, Self::Gzip];

    /// Its name on the wire.
    pub(crate) const fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Its file ending.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }
}

/// The encodings that a request accepts, smallest first.
///
/// Weights only say yes (above 0) or no: all encodings carry the same bytes, so the smallest is the best for everybody.
pub(crate) fn accepted(request: &HeaderMap) -> impl Iterator<Item = Encoding> {
    Encoding::ALL.into_iter().filter(|encoding| accepts(request, encoding.token()))
}

/// Whether the request says that it holds these bytes.
pub(crate) fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    // Weak comparison: proxies mark a tag as weak when they touch the encoding.
    let is_it = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes();
    items(request, IF_NONE_MATCH).any(is_it)
}

fn accepts(request: &HeaderMap, token: &str) -> bool {
    let weight_of = |name: &str| {
        items(request, ACCEPT_ENCODING).find_map(|item| {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            coding.trim().eq_ignore_ascii_case(name).then(|| weight(parameters))
        })
    };
    weight_of(token).or_else(|| weight_of("*")).unwrap_or(0.0) > 0.0
}

/// Reads `q=0.5`; a missing weight is 1, an unreadable one is 0.
fn weight(parameters: &str) -> f32 {
    let parameters = parameters.trim();
    match parameters.strip_prefix("q=").or_else(|| parameters.strip_prefix("Q=")) {
        Some(weight) => weight.parse().unwrap_or(0.0),
        None => 1.0,
    }
}

fn items(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect::<Vec<_>>().into_iter()
}

//! The built files, and how one of them becomes a response.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, VARY};
use http::{HeaderMap, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::negotiate::Encoding;

#[derive(RustEmbed)]
#[folder = "dist/"]
struct Dist;

/// A file in the encoding that it is sent in.
pub(crate) struct Asset {
    file: EmbeddedFile,
    kind: &'static str,
    encoding: Option<Encoding>,
    etag: HeaderValue,
}

impl Asset {
    /// Finds a file by its path below `dist/`, in the first of these encodings that it exists in, else plain.
    pub(crate) fn find(name: &str, accepted: impl Iterator<Item = Encoding>) -> Option<Self> {
        // Encoded copies are representations, not files of their own: they have no content type to be served with.
        let kind = content_type(name)?;
        // In debug builds a name is a path on the disk.
        if name.split(['/', '\\']).any(|part| part == "..") {
            return None;
        }
        let (file, encoding) = accepted
            .filter_map(|encoding| {
                let file = Dist::get(&format!("{name}.{}", encoding.suffix()))?;
                Some((file, Some(encoding)))
            })
            .next()
            .or_else(|| Some((Dist::get(name)?, None)))?;
        let etag = etag_of(&file);
        Some(Self { file, kind, encoding, etag })
    }

    /// Identifies these bytes: each encoding has its own.
    pub(crate) fn etag(&self) -> &HeaderValue {
        &self.etag
    }

    pub(crate) fn into_response(self, cache: &'static str) -> Response {
        let mut response = Response::new(Body::empty());
        self.describe(response.headers_mut(), cache);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if let Some(encoding) = self.encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
        }
        *response.body_mut() = Body::from(match self.file.data {
            Cow::Borrowed(data) => Bytes::from_static(data),
            Cow::Owned(data) => Bytes::from(data),
        });
        response
    }

    pub(crate) fn into_not_modified(self, cache: &'static str) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        self.describe(response.headers_mut(), cache);
        response
    }

    /// Writes what a full answer and a 304 have in common (RFC 9110, section 15.4.5).
    fn describe(&self, headers: &mut HeaderMap, cache: &'static str) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(ETAG, self.etag.clone());
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// Content type of a path by its ending; `None` for an ending that the build does not make.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// Half of a SHA-256 is far beyond any accidental collision.
fn etag_of(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    HeaderValue::from_str(&format!("\"{}\"", hex::encode(&hash[..16])))
        .expect("hex digits and quotes are visible ASCII")
}

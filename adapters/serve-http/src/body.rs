//! Bodies in: JSON with errors that name the field.

use std::error::Error as _;
use std::time::Duration;

use axum::RequestExt as _;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError};
use maily_errors::{Code, Error, Violation};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::reply::Problem;

/// A JSON body of at most the router's body limit (2 MiB unless a `DefaultBodyLimit` says otherwise).
///
/// The content type is not required: what counts is whether the bytes are the JSON that the route expects.
/// If they are not, the answer is a problem document of [`Code::BodyInvalid`] whose `errors` name the field
/// by JSON Pointer.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T, S> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Raw::from_request(request, state).await?.0;
        decode(&bytes).map(Self).map_err(|err| Problem::from(err).into_response())
    }
}

/// A raw body, with the same limit; one that is too large is answered with [`Code::TooLarge`].
#[derive(Clone, Debug)]
pub struct Raw(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        // The limit is that of the router.
        let read = whole(request.into_limited_body(), usize::MAX).await;
        read.map(Self).map_err(|err| Problem::from(err).into_response())
    }
}

/// Decodes JSON, and says by JSON Pointer what is wrong with it.
///
/// # Errors
///
/// [`Code::BodyInvalid`] with one violation.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut json).map_err(|err| invalid(Violation::from_serde(&err))).and_then(
        |value| json.end().map(|()| value).map_err(|err| invalid(Violation::new("", err.to_string()))),
    )
}

fn invalid(violation: Violation) -> Error {
    Error::new(Code::BodyInvalid, "the body is not the JSON that this route expects")
        .with_operation("serve_http::body")
        .with_violations([violation])
}

/// Reads a body of at most so many bytes, each of which comes within [`PIECE_TIME`] of the one before, and all within
/// [`BODY_TIME`]. What comes in one piece is not copied.
pub(crate) async fn whole(body: Body, most: usize) -> Result<Bytes, Error> {
    timeout(BODY_TIME, pieces(body, most)).await.unwrap_or_else(|_| Err(late()))
}

async fn pieces(mut body: Body, most: usize) -> Result<Bytes, Error> {
    let mut whole = Bytes::new();
    while let Some(frame) = timeout(PIECE_TIME, body.frame()).await.map_err(|_| late())? {
        let Ok(piece) = frame.map_err(|err| unread(&err))?.into_data() else { continue };
        if whole.len() + piece.len() > most {
            return Err(too_large());
        }
        if whole.is_empty() {
            whole = piece;
        } else {
            let mut joined = whole.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
            // Room for what the client has announced, once; no more than it may send.
            let announced = usize::try_from(body.size_hint().lower()).unwrap_or(most);
            joined.reserve(piece.len() + announced.min(most));
            joined.extend_from_slice(&piece);
            whole = joined.freeze();
        }
    }
    Ok(whole)
}

fn unread(err: &axum::Error) -> Error {
    let limited = err.source().is_some_and(|source| source.is::<LengthLimitError>());
    if limited { too_large() } else { broken() }
}

fn late() -> Error {
    Error::new(Code::BodyInvalid, "the body did not come in time").with_operation("serve_http::body")
}

fn too_large() -> Error {
    Error::new(Code::TooLarge, "the body is over the limit of this route").with_operation("serve_http::body")
}

fn broken() -> Error {
    Error::new(Code::BodyInvalid, "the body could not be read").with_operation("serve_http::body")
}

/// How long the next piece of a body may take.
const PIECE_TIME: Duration = Duration::from_secs(30);
/// How long a whole body may take: for the largest prompt, 25 MiB, that is 44 KiB a second.
const BODY_TIME: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use tokio::time::{Instant, sleep};

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only its decoding matters")]
        lines: Vec<u8>,
    }

    #[test]
    fn wrong_field_is_named_by_pointer() {
        let err = decode::<Order>(br#"{"lines":[1,"two"]}"#).unwrap_err();

        assert_eq!(err.code(), Code::BodyInvalid);
        assert_eq!(err.violations()[0].pointer, "/lines/1");
    }

    #[test]
    fn bytes_after_the_value_are_refused() {
        assert_eq!(decode::<u8>(b"1 2").unwrap_err().code(), Code::BodyInvalid);
    }

    #[tokio::test]
    async fn body_has_all_its_pieces_up_to_its_limit() {
        let read = async |most| {
            let pieces = ["12", "", "345", "6"].map(|piece| Ok::<_, Error>(Bytes::from(piece)));
            whole(Body::from_stream(futures_util::stream::iter(pieces)), most).await
        };

        assert_eq!(read(6).await.unwrap(), "123456");
        assert_eq!(read(5).await.unwrap_err().code(), Code::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_stops_or_never_ends_is_given_up() {
        let pieces = |gap: Duration| {
            Body::from_stream(futures_util::stream::repeat("a").then(move |piece| async move {
                sleep(gap).await;
                Ok::<_, Error>(piece)
            }))
        };

        for (gap, time) in [(PIECE_TIME * 2, PIECE_TIME), (PIECE_TIME / 2, BODY_TIME)] {
            let begun = Instant::now();
            let err = whole(pieces(gap), 1 << 20).await.unwrap_err();
            assert_eq!((err.code(), begun.elapsed()), (Code::BodyInvalid, time));
        }
    }
}

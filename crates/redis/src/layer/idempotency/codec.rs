use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Turns responses into bytes that can be kept, and back.
///
/// Two closures are a codec, the first `Fn(&Res) -> Result<Option<Bytes>>`, the second `Fn(Bytes) -> Result<Res>`:
///
/// ```
/// use bytes::Bytes;
/// use maily_errors::Result;
/// use maily_redis::layer::idempotency::Codec;
///
/// let codec = (
///     // An empty answer is not worth keeping.
///     |answer: &Bytes| Ok((!answer.is_empty()).then(|| answer.clone())),
///     |kept: Bytes| Ok(kept),
/// );
/// let kept: Result<Option<Bytes>> = codec.encode(&Bytes::from_static(b"sent"));
/// assert_eq!(kept?, Some("sent".into()));
/// # Ok::<(), maily_errors::Error>(())
/// ```
pub trait Codec<Res> {
    /// Returns the bytes to keep, or `None` if this response is not to be kept: then the key is free again.
    ///
    /// # Errors
    ///
    /// When the response cannot be encoded. The caller gets the response all the same, and the key is free again.
    fn encode(&self, response: &Res) -> Result<Option<Bytes>>;

    /// Returns the response that was kept.
    ///
    /// # Errors
    ///
    /// When the bytes are no response, which the caller then gets.
    fn decode(&self, kept: Bytes) -> Result<Res>;
}

/// Keeps every response as JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl<Res: DeserializeOwned + Serialize> Codec<Res> for Json {
    fn encode(&self, response: &Res) -> Result<Option<Bytes>> {
        serde_json::to_vec(response).map(|json| Some(json.into())).map_err(|err| {
            Error::new(Code::Unexpected, "the response cannot be written as json")
                .with_operation("redis::idempotency")
                .with_source(err)
        })
    }

    fn decode(&self, kept: Bytes) -> Result<Res> {
        serde_json::from_slice(&kept).map_err(|err| {
            Error::new(Code::Corrupt, "the kept response is not of the type that is asked for")
                .with_operation("redis::idempotency")
                .with_source(err)
        })
    }
}

impl<Res, E, D> Codec<Res> for (E, D)
where
    E: Fn(&Res) -> Result<Option<Bytes>>,
    D: Fn(Bytes) -> Result<Res>,
{
    fn encode(&self, response: &Res) -> Result<Option<Bytes>> {
        self.0(response)
    }

    fn decode(&self, kept: Bytes) -> Result<Res> {
        self.1(kept)
    }
}

//! A model behind a server: what a call is, whatever protocol the server speaks.
//!
//! A protocol is a [`Dialect`]: the formats it takes, and the names of two fields. With it [`Remote`] is a node of the
//! mesh: bodies pass through untouched, both ways; an answer is checked for its end; what goes wrong has one code in
//! every protocol.
//!
//! # Examples
//!
//! ```
//! use maily_client_http1::{Dialect, Patience, Remote};
//! use maily_mesh::{Format, Formats};
//!
//! #[derive(Debug)]
//! struct Own;
//!
//! impl Dialect for Own {
//!     const BODY: &'static str = "own::body";
//!     const BUILD: &'static str = "own::build";
//!     const CALL: &'static str = "own::call";
//!     const FORMATS: Formats = Formats::CHAT;
//!     const RATE_LIMITS: &'static str = "x-own-limit-";
//!     const REQUEST_ID: &'static str = "x-own-id";
//! }
//!
//! let key = ("x-own-key", "secret");
//! let node = Remote::<Own>::new("http://127.0.0.1:8000/v1", &[key], Patience::default())?;
//!
//! assert!(!format!("{node:?}").contains("secret"));
//! # Ok::<(), maily_errors::Error>(())
//! ```

mod body;
mod dialect;
mod error;
mod fields;
mod future;
mod heads;
mod reason;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use maily_errors::{Code, Error, Public, Result};
use maily_mesh::{Completion, Prompt};
use tower_service::Service;

pub use self::dialect::Dialect;
pub use self::future::ResponseFuture;
use self::heads::Heads;
use crate::client::Client;
use crate::connect::Target;
use crate::patience::Patience;

/// A server of models as a node of the mesh. Clones share the connections.
pub struct Remote<D> {
    client: Client,
    heads: Arc<Heads>,
    dialect: PhantomData<fn() -> D>,
}

impl<D: Dialect> Remote<D> {
    /// Creates a node. It connects with the first prompt, not now.
    ///
    /// `url` is where the API begins, usually up to `/v1`; a query is kept behind each path. `fields` are sent with every
    /// prompt: a key, a version.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the URL is not one of HTTP or names a user, or a field has characters that none may
    /// have.
    pub fn new(url: &str, fields: &[(&'static str, &str)], patience: Patience) -> Result<Self> {
        let invalid = |message| Error::new(Code::ConfigInvalid, message).with_operation(D::BUILD);
        let not_a_url = || invalid("the url is not one of http or https").with_context("url", Public(url));
        let uri: Uri = url.parse().map_err(|_| not_a_url())?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(invalid("the url names a user; a key has a setting of its own"));
        }
        let target = Target::of(&uri).ok_or_else(not_a_url)?;
        let heads = Heads::new(&uri, D::FORMATS, fields).map_err(|field| {
            invalid("a field has characters that none may have").with_context("field", Public(field))
        })?;
        Ok(Self { client: Client::new(target, patience), heads: Arc::new(heads), dialect: PhantomData })
    }
}

impl<D: Dialect> Service<Prompt> for Remote<D> {
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<D>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let format = prompt.head.format;
        match self.heads.request(&prompt) {
            Some(request) => ResponseFuture::sent(format, self.client.send(request)),
            None => ResponseFuture::failed(format, error::not_taken::<D>(format)),
        }
    }
}

impl<D> Clone for Remote<D> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), heads: self.heads.clone(), dialect: PhantomData }
    }
}

impl<D> fmt::Debug for Remote<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the heads: the key is in them.
        f.debug_struct("Remote").field("client", &self.client).finish_non_exhaustive()
    }
}

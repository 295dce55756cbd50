//! The call: one request, one answer that is passed through.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::response::Parts;
use http_body_util::combinators::Collect;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture as Sent};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use maily_errors::{Error, Result};
use maily_mesh::{Body, Completion, Format, Prompt};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::body::Upstream;
use crate::config::Settings;
use crate::{codec, error};

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A server of messages as a node: it takes no other format. Clones share the connections.
#[derive(Clone)]
pub struct Anthropic {
    client: Http,
    settings: Arc<Settings>,
}

impl Anthropic {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(settings.connect));
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .expect("ring speaks TLS 1.2 and 1.3")
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { client, settings: Arc::new(settings) }
    }
}

impl Service<Prompt> for Anthropic {
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let state = if prompt.head.format == Format::Messages {
            State::Sent { response: self.client.request(codec::request(&self.settings, &prompt)) }
        } else {
            State::Failed { err: Some(error::not_messages(prompt.head.format)) }
        };
        ResponseFuture { state, sleep: sleep(self.settings.headers), settings: self.settings.clone() }
    }
}

impl fmt::Debug for Anthropic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anthropic").field("settings", &self.settings).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Anthropic`]. Dropping it closes the connection, which aborts the call.
    pub struct ResponseFuture {
        #[pin]
        state: State,
        #[pin]
        sleep: Sleep,
        settings: Arc<Settings>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State {
        Failed { err: Option<Error> },
        Sent { #[pin] response: Sent },
        // The node refused: what it says why is read, up to a limit.
        Refused { parts: Option<Parts>, #[pin] reason: Collect<Limited<Incoming>> },
    }
}

impl Future for ResponseFuture {
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Failed { err } => {
                    return Poll::Ready(Err(err.take().expect("polled after it was ready")));
                }
                StateProjection::Sent { response } => match response.poll(cx) {
                    Poll::Ready(Ok(response)) => {
                        let (parts, body) = response.into_parts();
                        if parts.status.is_success() {
                            return Poll::Ready(pass(&parts, body, this.settings));
                        }
                        let reason = Limited::new(body, codec::MAX_REASON_BYTES).collect();
                        this.state.set(State::Refused { parts: Some(parts), reason });
                    }
                    Poll::Ready(Err(err)) => return Poll::Ready(Err(error::unsent(err))),
                    Poll::Pending => {
                        ready!(this.sleep.poll(cx));
                        return Poll::Ready(Err(error::silent("headers")));
                    }
                },
                StateProjection::Refused { parts, reason } => {
                    let reason = match reason.poll(cx) {
                        Poll::Ready(reason) => reason.map(|reason| reason.to_bytes()).unwrap_or_default(),
                        Poll::Pending => {
                            ready!(this.sleep.poll(cx));
                            Bytes::new()
                        }
                    };
                    let parts = parts.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error::refused(&parts, &reason)));
                }
            }
        }
    }
}

fn pass(parts: &Parts, body: Incoming, settings: &Settings) -> Result<Completion> {
    let streamed = codec::is_stream(&parts.headers)?;
    let body = Upstream::new(body, streamed, settings.between);
    let mut completion = Completion::new(streamed, Body::stream(body)).with_format(Format::Messages);
    completion.head.headers = codec::passed_on(&parts.headers);
    Ok(completion)
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

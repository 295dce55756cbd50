use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf as _;
use http::Response;
use http::response::Parts;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::decode::unreadable;
use crate::model::Error;

pin_project! {
    /// The answer of [`Decode`](super::Decode).
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
        max_bytes: usize,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Calling { #[pin] future: F },
        Reading { #[pin] body: B, head: Parts, read: Vec<u8> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) const fn new(future: F, max_bytes: usize) -> Self {
        Self { state: State::Calling { future }, max_bytes }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<Error>,
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<Response<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Calling { future } => {
                    let response = ready!(future.poll(cx)).map_err(Into::into)?;
                    if !(response.status().is_client_error() || response.status().is_server_error()) {
                        return Poll::Ready(Ok(response));
                    }
                    let (head, body) = response.into_parts();
                    this.state.set(State::Reading { body, head, read: Vec::new() });
                }
                StateProjection::Reading { body, head, read } => match ready!(body.poll_frame(cx)) {
                    None => {
                        return Poll::Ready(Err(Error::from_parts(head.status, &head.headers, read)));
                    }
                    Some(Err(cut)) => {
                        let err = unreadable(head.status, &head.headers);
                        return Poll::Ready(Err(err.with_source(cut)));
                    }
                    Some(Ok(frame)) => {
                        let Ok(mut data) = frame.into_data() else { continue };
                        if data.remaining() > *this.max_bytes - read.len() {
                            return Poll::Ready(Err(unreadable(head.status, &head.headers)));
                        }
                        while data.has_remaining() {
                            read.extend_from_slice(data.chunk());
                            data.advance(data.chunk().len());
                        }
                    }
                },
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

//! The answer's bytes: passed through, and checked for an end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body as _;
use hyper::body::Incoming;
use maily_errors::Result;
use maily_mesh::{Format, wire::Ending};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use crate::error;

pin_project! {
    /// A body as it arrives. No task and no channel of ours: polling it polls the connection.
    pub(crate) struct Upstream {
        body: Option<Incoming>,
        #[pin]
        sleep: Sleep,
        between: Duration,
        armed: bool,
        ending: Ending,
    }
}

impl Upstream {
    pub(crate) fn new(body: Incoming, streamed: bool, between: Duration) -> Self {
        let ending = Ending::new(Format::Messages, streamed);
        Self { body: Some(body), sleep: sleep(between), between, armed: true, ending }
    }
}

impl Stream for Upstream {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            let Some(body) = this.body else { return Poll::Ready(None) };
            let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                if !*this.armed {
                    // Set when the reader begins to wait, so that a slow reader is not the node's fault.
                    this.sleep.as_mut().reset(Instant::now() + *this.between);
                    *this.armed = true;
                }
                ready!(this.sleep.poll(cx));
                *this.body = None;
                return Poll::Ready(Some(Err(error::silent("between chunks"))));
            };
            *this.armed = false;
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => {
                        this.ending.see(&bytes);
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    // Trailers, or nothing: there is no reader for them.
                    _ => {}
                },
                Some(Err(err)) => {
                    *this.body = None;
                    return Poll::Ready(Some(Err(error::cut(err))));
                }
                None => {
                    *this.body = None;
                    if this.ending.is_whole() {
                        return Poll::Ready(None);
                    }
                    return Poll::Ready(Some(Err(error::without_end())));
                }
            }
        }
    }
}

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::model::Error;
use crate::port::Report;
use crate::service::respond_as;

pin_project! {
    /// The answer of [`ProblemService`](super::ProblemService).
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, Req, S::Future>,
        report: Arc<dyn Report>,
        name: Option<Arc<str>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Req, F> {
        Ready { service: S, request: Option<Req> },
        Running { #[pin] future: F },
    }
}

impl<S: Service<Req>, Req> ResponseFuture<S, Req> {
    pub(super) const fn new(
        service: S,
        request: Req,
        report: Arc<dyn Report>,
        name: Option<Arc<str>>,
    ) -> Self {
        Self { state: State::Ready { service, request: Some(request) }, report, name }
    }
}

impl<S, Req, B> Future for ResponseFuture<S, Req>
where
    S: Service<Req, Response = Response<B>>,
    S::Error: Into<Error>,
{
    type Output = Result<Response<Either<B, Full<Bytes>>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let result = loop {
            match this.state.as_mut().project() {
                StateProjection::Ready { service, request } => match ready!(service.poll_ready(cx)) {
                    Err(err) => break Err(err.into()),
                    Ok(()) => {
                        let request = request.take().expect("the state changes once the request is taken");
                        let future = service.call(request);
                        this.state.set(State::Running { future });
                    }
                },
                StateProjection::Running { future } => break ready!(future.poll(cx)).map_err(Into::into),
            }
        };
        Poll::Ready(Ok(match result {
            Ok(response) => response.map(Either::Left),
            Err(err) => {
                if err.code().http_status() >= 500 {
                    this.report.report(&err);
                }
                respond_as(&err, this.name.as_deref()).map(Either::Right)
            }
        }))
    }
}

impl<S: Service<Req>, Req> fmt::Debug for ResponseFuture<S, Req> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

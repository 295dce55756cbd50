use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Error, Result};
use tower_service::Service;
use tracing::Span;
use tracing::field::Empty;

use super::ResponseFuture;
use crate::layer::Database;
use crate::layer::database::Operation;
use crate::model::{Command, Reply};
use crate::port::{Listen, Listener, Transport};

/// Makes each command of a transport a span.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
    database: Database,
}

impl<S> Trace<S> {
    pub(super) const fn new(inner: S, database: Database) -> Self {
        Self { inner, database }
    }

    fn span(&self, command: &Command) -> Span {
        // The name is looked up only if somebody wants to know.
        if !tracing::span_enabled!(tracing::Level::INFO) {
            return Span::none();
        }
        let operation = Operation::of(command).name();
        tracing::info_span!(
            "redis",
            otel.name = operation,
            otel.kind = "client",
            db.system.name = self.database.system(),
            db.operation.name = operation,
            server.address = self.database.address(),
            server.port = self.database.port(),
            db.response.status_code = Empty,
            error.type = Empty,
        )
    }
}

impl<S> Service<Command> for Trace<S>
where
    S: Service<Command, Response = Reply, Error = Error>,
{
    type Response = Reply;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        let span = self.span(&command);
        ResponseFuture::new(self.inner.call(command), span)
    }
}

impl<S: Listen + Transport> Listen for Trace<S> {
    type Watched = Trace<S::Watched>;
    type Subscription = S::Subscription;

    fn watch(&self, listener: Listener) -> Self::Watched {
        Trace::new(self.inner.watch(listener), self.database)
    }

    fn subscribe(&self, channel: Bytes, listener: Listener) -> Self::Subscription {
        self.inner.subscribe(channel, listener)
    }

    fn silence(&self) -> Duration {
        self.inner.silence()
    }
}

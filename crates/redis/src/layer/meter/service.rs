use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Error, Result};
use tower_service::Service;

use super::ResponseFuture;
use super::instruments::Instruments;
use crate::layer::database::Operation;
use crate::model::{Command, Reply};
use crate::port::{Listen, Listener, Transport};

/// Measures every command of a transport.
#[derive(Clone, Debug)]
pub struct Meter<S> {
    inner: S,
    instruments: Instruments,
}

impl<S> Meter<S> {
    pub(super) const fn new(inner: S, instruments: Instruments) -> Self {
        Self { inner, instruments }
    }
}

impl<S> Service<Command> for Meter<S>
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
        let (operation, begun) = (Operation::of(&command), command.begun);
        ResponseFuture::new(self.inner.call(command), operation, begun, self.instruments)
    }
}

impl<S: Listen + Transport> Listen for Meter<S> {
    type Watched = Meter<S::Watched>;
    type Subscription = S::Subscription;

    fn watch(&self, listener: Listener) -> Self::Watched {
        Meter::new(self.inner.watch(listener), self.instruments)
    }

    fn subscribe(&self, channel: Bytes, listener: Listener) -> Self::Subscription {
        self.inner.subscribe(channel, listener)
    }

    fn silence(&self) -> Duration {
        self.inner.silence()
    }
}

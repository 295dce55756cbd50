use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use pin_project_lite::pin_project;

use crate::model::Completion;

pin_project! {
    /// One attempt, up to the beginning of its answer. Setting it to `Gone` cancels it.
    #[project = ArmProjection]
    pub(super) enum Arm<F> {
        Gone,
        Called { #[pin] future: F },
        Beginning { answer: Option<Completion> },
    }
}

impl<F> Arm<F> {
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }
}

impl<F: Future<Output = Result<Completion>>> Arm<F> {
    /// Waits for the beginning of the answer; an attempt that failed is gone. Pending when it is gone already.
    pub(super) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Completion>> {
        loop {
            let ended = match self.as_mut().project() {
                ArmProjection::Gone => return Poll::Pending,
                ArmProjection::Called { future } => match ready!(future.poll(cx)) {
                    Ok(answer) => {
                        self.set(Self::Beginning { answer: Some(answer) });
                        continue;
                    }
                    Err(err) => Err(err),
                },
                ArmProjection::Beginning { answer } => {
                    let Completion { head, body } = answer.as_mut().expect("gone when it was taken");
                    let begun = ready!(body.poll_begin(head.streamed, cx));
                    begun.map(|()| answer.take().expect("just looked at"))
                }
            };
            self.set(Self::Gone);
            return Poll::Ready(ended);
        }
    }
}

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::TraceContext;

pin_project! {
    /// A future that runs in a position of a trace.
    #[derive(Debug)]
    pub struct InTrace<F> {
        trace: TraceContext,
        service: Option<Arc<str>>,
        #[pin]
        future: F,
    }
}

impl<F> InTrace<F> {
    /// Creates the future; `service` is who answers for what fails in it.
    pub(crate) const fn new(trace: TraceContext, service: Option<Arc<str>>, future: F) -> Self {
        Self { trace, service, future }
    }

    /// Makes the future in its own position.
    pub(crate) fn calling(trace: TraceContext, service: Option<Arc<str>>, call: impl FnOnce() -> F) -> Self {
        let entered = Entered::new(trace, service.clone());
        let future = call();
        drop(entered);
        Self::new(trace, service, future)
    }
}

impl<F: Future> Future for InTrace<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered::new(*this.trace, this.service.clone());
        this.future.poll(cx)
    }
}

/// Returns the name of the service that works now, if a layer said it.
pub(crate) fn current_service() -> Option<Arc<str>> {
    SERVICE.with_borrow(Clone::clone)
}

/// Returns the position that is being polled.
pub(super) fn current() -> Option<TraceContext> {
    CURRENT.get()
}

/// Puts back what was current before, even if the work panics.
struct Entered {
    trace: Option<TraceContext>,
    service: Option<Option<Arc<str>>>,
}

impl Entered {
    fn new(trace: TraceContext, service: Option<Arc<str>>) -> Self {
        // Without a name of its own, a step works for the service that it is part of.
        let service = service.map(|service| SERVICE.replace(Some(service)));
        Self { trace: CURRENT.replace(Some(trace)), service }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.trace);
        if let Some(service) = self.service.take() {
            SERVICE.set(service);
        }
    }
}

thread_local! {
    static CURRENT: Cell<Option<TraceContext>> = const { Cell::new(None) };
    static SERVICE: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

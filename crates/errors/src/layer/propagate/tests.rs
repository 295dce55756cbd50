use http::{Request, Response};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::PropagateLayer;
use crate::{Error, TraceContext};

async fn sent(request: Request<()>) -> Option<TraceContext> {
    let upstream = service_fn(|req: Request<()>| async move {
        Ok::<_, Error>(Response::new(TraceContext::from_headers(req.headers())))
    });
    PropagateLayer.layer(upstream).oneshot(request).await.unwrap().into_body()
}

#[tokio::test]
async fn call_outside_a_trace_names_none() {
    assert_eq!(sent(Request::new(())).await, None);
}

#[tokio::test]
async fn request_that_names_a_trace_keeps_it() {
    let given = TraceContext::root();
    let mut request = Request::new(());
    given.write_to(request.headers_mut());

    assert_eq!(TraceContext::root().scope(sent(request)).await, Some(given));
}

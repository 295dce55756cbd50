//! How many requests, how long they took, and how they ended.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use metrics::{Counter, Histogram};
use parking_lot::RwLock;

/// The instruments of every route, method and status that was seen. Clones are the same.
///
/// Looking one up is a read lock; only the first of its kind builds labels. The recorder is the one that is
/// installed then.
#[derive(Clone, Default)]
pub struct Instruments {
    routes: Arc<RwLock<HashMap<String, Outcomes>>>,
}

type Outcomes = HashMap<(&'static str, u16), (Counter, Histogram)>;

impl Instruments {
    fn record(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let outcome = (known(method), status);
        if let Some((requests, seconds)) = self.routes.read().get(route).and_then(|known| known.get(&outcome))
        {
            requests.increment(1);
            seconds.record(took);
            return;
        }
        let (method, status) = outcome;
        let labels =
            [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
        let requests = metrics::counter!("maily_http_requests_total", &labels);
        let seconds = metrics::histogram!("maily_http_seconds", &labels);
        requests.increment(1);
        seconds.record(took);
        self.routes.write().entry(route.to_owned()).or_default().insert(outcome, (requests, seconds));
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instruments").field("routes", &self.routes.read().len()).finish()
    }
}

/// Counts every request by route, method and status, and its time to the head of the answer.
///
/// The route is the template, such as `/v1/store/{key}`, and a method that HTTP does not know is `other`: there are
/// as many series as routes, whatever is asked for. For `axum::middleware::from_fn_with_state`.
pub async fn measure(State(instruments): State<Instruments>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    instruments.record(route, &method, response.status().as_u16(), begun.elapsed());
    response
}

fn known(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_cannot_make_series_up() {
        let instruments = Instruments::default();

        for made_up in ["A1", "A2", "A3", "POST"] {
            let method = Method::from_bytes(made_up.as_bytes()).unwrap();
            instruments.record("/v1/models", &method, 405, Duration::from_millis(1));
        }

        assert_eq!(instruments.routes.read()["/v1/models"].len(), 2);
    }
}

//! What the headers of a request say about its stream.

use std::time::Duration;

use http::HeaderMap;
use maily_errors::{Code, Error, TraceContext};
use maily_mesh::{Betas, Prompt};
use tokio::time::Instant;

/// How long the caller waits, in milliseconds. Envoy's name is read as well, so that its deadline goes on through us.
pub(super) const TIMEOUT: [&str; 2] = ["x-maily-timeout-ms", "x-envoy-expected-rq-timeout-ms"];
/// Whether the caller may come back to the stream; any value but `false` and `0`.
pub(super) const RESUMABLE: &str = "x-maily-resumable";
/// The last event that the caller has, as browsers send it.
pub(super) const LAST_EVENT: &str = "last-event-id";

/// Notes on a prompt what the headers say: its trace, its betas, its deadline, and where its answer begins.
pub(super) fn read(mut prompt: Prompt, headers: &HeaderMap) -> Result<Prompt, Error> {
    // Without a layer that reads it for every route.
    if let Some(trace) = TraceContext::current().or_else(|| TraceContext::from_headers(headers)) {
        prompt = prompt.with_trace(trace);
    }
    if let Some(state) = TraceContext::state_from_headers(headers) {
        prompt = prompt.with_trace_state(state);
    }
    prompt = prompt.with_betas(Betas::of(headers)?);
    let millis = |name: &str| {
        let value = headers.get(name)?;
        Some(value.to_str().ok().and_then(|text| text.parse::<u32>().ok()).ok_or_else(|| unreadable(name)))
    };
    // The earlier one counts; zero of Envoy means that it does not wait for anything.
    let waits = TIMEOUT.iter().filter_map(|name| millis(name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(wait) = waits.into_iter().filter(|wait| *wait > 0).min() {
        prompt = prompt.with_deadline(Instant::now() + Duration::from_millis(wait.into()));
    }
    if let Some(last) = headers.get(LAST_EVENT).filter(|last| !last.is_empty()) {
        return Ok(prompt.with_last_event(last.to_str().unwrap_or_default().parse()?));
    }
    let asked =
        headers.get(RESUMABLE).is_some_and(|value| !["false", "0"].contains(&value.to_str().unwrap_or("0")));
    Ok(if asked { prompt.with_event_ids() } else { prompt })
}

fn unreadable(name: &str) -> Error {
    Error::new(Code::Invalid, "a header is no number of milliseconds")
        .with_operation("serve_http::mesh")
        .with_violation(format!("/headers/{name}"), "must be a whole number of milliseconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&'static str, &str)]) -> Result<Prompt, Error> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        read(Prompt::text("m", "Hi").unwrap(), &headers)
    }

    #[test]
    fn earliest_deadline_counts() {
        let left =
            |prompt: Prompt| prompt.head.deadline.map(|deadline| (deadline - Instant::now()).as_millis());

        assert_eq!(left(with(&[]).unwrap()), None);
        assert!(
            left(with(&[(TIMEOUT[0], "60000")]).unwrap()).is_some_and(|left| (1..=60_000).contains(&left))
        );
        let both = with(&[(TIMEOUT[0], "60000"), (TIMEOUT[1], "30000")]).unwrap();
        assert!(left(both).is_some_and(|left| (1..=30_000).contains(&left)));
        assert_eq!(left(with(&[(TIMEOUT[1], "0")]).unwrap()), None);
        assert_eq!(with(&[(TIMEOUT[0], "soon")]).unwrap_err().code(), Code::Invalid);
    }

    #[test]
    fn events_are_numbered_only_if_the_caller_asks() {
        let id = "00000000000000000000000000000abc-17";

        assert!(!with(&[]).unwrap().head.resumable);
        assert!(!with(&[(RESUMABLE, "false")]).unwrap().head.resumable);
        assert!(with(&[(RESUMABLE, "1")]).unwrap().head.resumable);
        assert_eq!(with(&[(LAST_EVENT, id)]).unwrap().head.last_event.unwrap().to_string(), id);
        assert_eq!(with(&[(LAST_EVENT, "7")]).unwrap_err().code(), Code::StreamGone);
    }
}

//! What the headers of a request say about its prompt.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use maily_errors::{Code, Error, TraceContext};
use maily_mesh::{Betas, Caching, Priority, Prompt, Tenant};
use tokio::time::Instant;

/// How long the caller waits, in milliseconds. Envoy's name is read as well, so that its deadline goes on through us.
const TIMEOUT: [&str; 2] = ["x-maily-timeout-ms", "x-envoy-expected-rq-timeout-ms"];
/// Whether the caller may come back to the stream; any value but `false` and `0`.
const RESUMABLE: &str = "x-maily-resumable";
/// The last event that the caller has, as browsers send it.
const LAST_EVENT: &str = "last-event-id";
/// Who goes first when there is more to do than can be done: `interactive` unless it says `standard` or `batch`.
const PRIORITY: &str = "x-maily-priority";
/// Whose memories may be recalled, and among whose prompts an answer is looked up: the caller's own tenant, or one below.
const TENANT: &str = "x-maily-tenant";

/// What the headers of a request say.
pub(super) struct Said<'a> {
    headers: &'a HeaderMap,
    waits: [Option<&'a HeaderValue>; TIMEOUT.len()],
    resumable: Option<&'a HeaderValue>,
    last_event: Option<&'a HeaderValue>,
    priority: Option<&'a HeaderValue>,
    tenant: Option<&'a HeaderValue>,
}

impl<'a> Said<'a> {
    /// Finds what is there in one walk: a request has few headers, and to look up one that it has not is not free.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let none = None;
        let mut said = Self {
            headers,
            waits: [none; 2],
            resumable: none,
            last_event: none,
            priority: none,
            tenant: none,
        };
        for (name, value) in headers {
            let place = match name.as_str() {
                name if name == TIMEOUT[0] => &mut said.waits[0],
                name if name == TIMEOUT[1] => &mut said.waits[1],
                RESUMABLE => &mut said.resumable,
                LAST_EVENT => &mut said.last_event,
                PRIORITY => &mut said.priority,
                TENANT => &mut said.tenant,
                _ => continue,
            };
            // The first one of a name counts.
            place.get_or_insert(value);
        }
        said
    }

    /// Notes it on a prompt: its trace, its betas, its deadline, who goes first, and where its answer begins.
    pub(super) fn note(&self, mut prompt: Prompt) -> Result<Prompt, Error> {
        // Without a layer that reads it for every route.
        if let Some(trace) = TraceContext::current().or_else(|| TraceContext::from_headers(self.headers)) {
            prompt = prompt.with_trace(trace);
        }
        if let Some(state) = TraceContext::state_from_headers(self.headers) {
            prompt = prompt.with_trace_state(state);
        }
        prompt = prompt.with_betas(Betas::of(self.headers)?).with_caching(Caching::of(self.headers));
        if let Some(deadline) = self.deadline()? {
            prompt = prompt.with_deadline(deadline);
        }
        if let Some(priority) = self.priority {
            let known = priority.to_str().ok().and_then(Priority::of).ok_or_else(|| {
                Error::new(Code::Invalid, "`x-maily-priority` is `interactive`, `standard` or `batch`")
                    .with_operation("serve_http::mesh")
            })?;
            prompt = prompt.with_priority(known);
        }
        if let Some(last) = self.last_event.filter(|last| !last.is_empty()) {
            return Ok(prompt.with_last_event(last.to_str().unwrap_or_default().parse()?));
        }
        let asked =
            self.resumable.is_some_and(|value| !["false", "0"].contains(&value.to_str().unwrap_or("0")));
        Ok(if asked { prompt.with_event_ids() } else { prompt })
    }

    /// Returns the tenant that it names.
    pub(super) fn tenant(&self) -> Result<Option<Tenant>, Error> {
        self.tenant.map(|name| name.to_str().map(Tenant::from)).transpose().map_err(|_| {
            Error::new(Code::Invalid, "`x-maily-tenant` is plain text").with_operation("serve_http::mesh")
        })
    }

    fn deadline(&self) -> Result<Option<Instant>, Error> {
        let millis = |(name, value): (&str, &HeaderValue)| {
            value.to_str().ok().and_then(|text| text.parse::<u32>().ok()).ok_or_else(|| unreadable(name))
        };
        let wait = |at: usize| self.waits[at].map(|value| millis((TIMEOUT[at], value))).transpose();
        // Zero of Envoy means that it has no limit; ours that the time is over. The earlier one counts.
        let least = [wait(0)?, wait(1)?.filter(|wait| *wait > 0)].into_iter().flatten().min();
        Ok(least.map(|wait| Instant::now() + Duration::from_millis(wait.into())))
    }
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
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Said::of(&headers).note(Prompt::text("m", "Hi").unwrap())
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
        let over = with(&[(TIMEOUT[0], "0"), (TIMEOUT[1], "0")]).unwrap().head.deadline;
        assert!(over.is_some_and(|deadline| deadline <= Instant::now()), "whoever asked has no time left");
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

use std::time::Duration;

use serde::Deserialize;

use crate::catalogue::SafeWhen;
use crate::model::Error;

/// How often to repeat a request, and how long to wait.
///
/// # Examples
///
/// ```
/// use maily_errors::retry::Policy;
///
/// let policy: Policy = serde_json::from_str(r#"{"max_retries": 5}"#)?;
/// assert_eq!((policy.max_retries, policy.max_delay_ms), (5, 30_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// The most repetitions, the first attempt not counted; 3 unless set, 0 never repeats.
    pub max_retries: u32,
    /// The longest wait before a repetition, in milliseconds; 30 000 unless set.
    pub max_delay_ms: u64,
}

/// Whether to repeat a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Repeat it after this time.
    Retry(Duration),
    /// Do not repeat it.
    Stop(Reason),
}

/// Why a request is not repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// A repetition is never safe.
    Never,
    /// It may have had its effect already, and a second one is not harmless.
    NotIdempotent,
    /// It fails again until something is corrected, or somebody has spent the retries.
    NotTemporary,
    /// The retries are spent.
    Spent,
    /// The other side asks for a longer wait than the policy allows.
    TooLong,
}

/// Decides whether to repeat a request that failed.
///
/// `attempt` counts the repetitions done so far; `random` is in `0.0..1.0` and decides where in its range the wait
/// lies. A delay that the other side gave is waited exactly. Without one, the range begins with the
/// [backoff](crate::Code::backoff) of the code and doubles with each repetition up to the limit: full jitter, so that
/// clients that failed together do not come back together.
///
/// Pure: no clock, no state, no allocation. A budget is asked after it ([`layer::retry`](crate::layer)).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_errors::retry::{Decision, Policy, Reason, decide};
/// use maily_errors::{Code, Error};
///
/// let timeout = Error::from(Code::Timeout);
/// let policy = Policy::default();
/// assert_eq!(decide(&timeout, true, 1, &policy, 0.5), Decision::Retry(Duration::from_millis(200)));
/// assert_eq!(decide(&timeout, false, 1, &policy, 0.5), Decision::Stop(Reason::NotIdempotent));
/// ```
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter.
#[must_use]
pub fn decide(err: &Error, idempotent: bool, attempt: u32, policy: &Policy, random: f64) -> Decision {
    let code = err.code();
    if !err.is_temporary() {
        return Decision::Stop(Reason::NotTemporary);
    }
    match code.safe_when() {
        SafeWhen::Never => return Decision::Stop(Reason::Never),
        SafeWhen::Idempotent if !idempotent => return Decision::Stop(Reason::NotIdempotent),
        SafeWhen::Idempotent | SafeWhen::Always => {}
    }
    if attempt >= policy.max_retries {
        return Decision::Stop(Reason::Spent);
    }
    let max_delay = Duration::from_millis(policy.max_delay_ms);
    match err.retry_after() {
        Some(asked) if asked > max_delay => Decision::Stop(Reason::TooLong),
        Some(asked) => Decision::Retry(asked),
        None => {
            // Beyond 2^32 every range is at its limit.
            let range = code.backoff().saturating_mul(1 << attempt.min(31)).min(max_delay);
            Decision::Retry(Duration::from_millis((random * range.as_millis() as f64) as u64))
        }
    }
}

impl Policy {
    /// Says how often to repeat at most.
    #[must_use]
    pub const fn with_max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// Says how long to wait at most, in milliseconds.
    #[must_use]
    pub const fn with_max_delay_ms(mut self, max_delay_ms: u64) -> Self {
        self.max_delay_ms = max_delay_ms;
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_retries: 3, max_delay_ms: 30_000 }
    }
}

impl Reason {
    /// Returns the name, as every language spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::NotIdempotent => "not-idempotent",
            Self::NotTemporary => "not-temporary",
            Self::Spent => "spent",
            Self::TooLong => "too-long",
        }
    }
}

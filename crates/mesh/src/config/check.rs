//! Whether every number of the settings is in its range.

use std::ops::RangeInclusive;

use maily_errors::{Code, Error, Public, Result};

use super::MeshConfig;

impl MeshConfig {
    /// Looks whether every setting is in its range, and no two keys have one name.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] for the first that is not, with a violation whose JSON Pointer leads into these settings:
    /// `/retry/attempts`. A number of a section is also the `key` of the context as a file writes it, `mesh.retry.attempts`.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_mesh::MeshConfig;
    ///
    /// let config: MeshConfig = serde_json::from_str(r#"{ "retry": { "attempts": 0 } }"#).unwrap();
    /// let err = config.check().unwrap_err();
    /// assert_eq!(err.violations()[0].pointer, "/retry/attempts");
    /// assert_eq!(err.violations()[0].detail, "1 to 10");
    /// ```
    pub fn check(&self) -> Result<()> {
        for (key, value, range) in self.numbers() {
            if !range.contains(&value) {
                return Err(out_of_range(key, &format!("{} to {}", range.start(), range.end())));
            }
        }
        let balance = &self.balance;
        let shares = [
            ("balance.load_factor", balance.load_factor, 1.0..=100.0),
            ("balance.away_factor", balance.away_factor, 1.0..=1000.0),
            ("balance.slower_factor", balance.slower_factor, 1.0..=1000.0),
            ("balance.breaker_share", balance.breaker_share, f64::MIN_POSITIVE..=f64::MAX),
            ("recall.min_score", self.recall.min_score.into(), -1.0..=1.0),
        ];
        for (key, value, range) in shares {
            if !range.contains(&value) {
                let range = match key {
                    "balance.breaker_share" => "above 0.0".to_owned(),
                    _ => format!("{:?} to {:?}", range.start(), range.end()),
                };
                return Err(out_of_range(key, &range));
            }
        }
        self.lists()?;
        self.memories.check().map_err(|err| at("/memories", err))?;
        self.cache.similar.check().map_err(|err| at("/cache/similar", err))
    }

    fn lists(&self) -> Result<()> {
        for (index, node) in self.nodes.iter().enumerate() {
            node.check().map_err(|err| at(&format!("/nodes/{index}"), err))?;
        }
        for (index, key) in self.limit.keys.iter().enumerate() {
            key.check().map_err(|err| at(&format!("/limit/keys/{index}"), err))?;
        }
        for (index, price) in self.limit.prices.iter().enumerate() {
            price.check().map_err(|err| at(&format!("/limit/prices/{index}"), err))?;
        }
        let mut names: Vec<_> = self.limit.keys.iter().map(|key| key.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::new(Code::ConfigInvalid, "two keys have one name")
                .with_operation("mesh::config")
                .with_context("key", Public("mesh.limit.keys"))
                .with_violation("/limit/keys", "two keys have one name"));
        }
        Ok(())
    }

    fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 22] {
        const HOUR: u64 = 3_600_000;
        let Self { deadline, retry, hedge, replay, resume, balance, shed, recall, .. } = self;
        [
            ("deadline.connect_ms", deadline.connect_ms, 1..=HOUR),
            ("deadline.headers_ms", deadline.headers_ms, 1..=HOUR),
            ("deadline.first_token_ms", deadline.first_token_ms, 1..=HOUR),
            ("deadline.between_ms", deadline.between_ms, 1..=HOUR),
            ("deadline.whole_ms", deadline.whole_ms, 1..=HOUR),
            ("deadline.total_ms", deadline.total_ms, 1..=HOUR),
            ("retry.attempts", retry.attempts.into(), 1..=10),
            ("retry.share_pct", retry.share_pct.into(), 0..=100),
            ("retry.reserve_tokens", retry.reserve_tokens.into(), 0..=25_000),
            ("hedge.min_wait_ms", hedge.min_wait_ms, 0..=HOUR),
            ("hedge.unknown_wait_ms", hedge.unknown_wait_ms, 0..=HOUR),
            ("replay.stream_bytes", replay.stream_bytes as u64, 0..=1 << 30),
            ("replay.total_bytes", replay.total_bytes as u64, 0..=1 << 40),
            ("replay.streams", replay.streams as u64, 0..=1_000_000),
            ("replay.keep_s", replay.keep_s, 0..=86_400),
            ("resume.attempts", resume.attempts.into(), 0..=10),
            ("resume.max_bytes", resume.max_bytes as u64, 0..=1 << 30),
            ("balance.prefixes", balance.prefixes as u64, 0..=1 << 20),
            ("shed.max_inflight", shed.max_inflight.into(), 1..=1_000_000),
            ("shed.queue_ms", shed.queue_ms, 0..=HOUR),
            ("recall.limit", recall.limit as u64, 1..=100),
            ("recall.timeout_ms", recall.timeout_ms, 1..=60_000),
        ]
    }
}

fn out_of_range(key: &'static str, range: &str) -> Error {
    Error::new(Code::ConfigInvalid, "a value is out of its range")
        .with_operation("mesh::config")
        .with_context("key", Public(format!("mesh.{key}")))
        .with_context("range", Public(range.to_owned()))
        .with_violation(format!("/{}", key.replace('.', "/")), range)
}

/// Says where in the settings a part of them is wrong.
fn at(part: &str, err: Error) -> Error {
    let said =
        |name: &str| err.public_context().find(|(key, _)| *key == name).map(|(_, said)| said.to_string());
    let pointer = said("field").map_or_else(|| part.to_owned(), |field| format!("{part}/{field}"));
    let detail = said("range").unwrap_or_else(|| "is out of its range".to_owned());
    err.with_violation(pointer, detail)
}

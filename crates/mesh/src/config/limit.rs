//! The settings of keys: what each may spend.

use maily_errors::{Code, Error, Public, Result, Secret};
use serde::{Deserialize, Serialize};

use crate::account::{Per, Pot, Unit};
use crate::model::{Caller, InstanceName, KeyName, ModelName, Priority, Tenant};

/// Who may spend how much: `[mesh.limit]`.
///
/// # Examples
///
/// ```
/// use maily_mesh::LimitConfig;
///
/// let config: LimitConfig = serde_json::from_str(r#"{
///     "prices": [{ "model": "large", "input": 2.5, "output": 10.0 }],
///     "keys": [{ "name": "team-a", "tokens_per_minute": 100000, "budget_micros": 25000000, "per": "month" }]
/// }"#).unwrap();
/// assert!(config.keys[0].check().is_ok());
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// The keys.
    pub keys: Vec<KeyConfig>,
    /// With whom their limits are shared.
    pub shared: SharedBy,
    /// The instances that have a share of each limit, when they are shared by gossip: all that run, by their names.
    pub owners: Vec<InstanceName>,
    /// What models cost. A model that is not here costs as much as the dearest node that serves it.
    pub prices: Vec<PriceConfig>,
}

/// With whom limits are shared.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum SharedBy {
    /// With the other instances of the gossip.
    Gossip,
    /// With nobody: this instance alone counts.
    #[default]
    Nobody,
    /// With all that use the same Redis.
    Redis,
}

/// What a model costs: the price of a million tokens, which is as many millionths for each token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct PriceConfig {
    /// The model, as a client writes it.
    pub model: ModelName,
    /// A million tokens of prompts, 0.0 to 1 000 000.0.
    pub input: f64,
    /// A million tokens of answers, 0.0 to 1 000 000.0.
    pub output: f64,
}

/// A key: who it is, and what it may.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its name, for limits, metrics and logs: 1 to 64 bytes.
    pub name: KeyName,
    /// The secret itself, 16 bytes or more. It is read and never written.
    #[serde(default, skip_serializing)]
    pub secret: Option<Secret<String>>,
    /// The SHA-256 of the secret instead, as 64 hexadecimal digits. It is read and never written.
    #[serde(default, skip_serializing)]
    pub sha256: Option<Secret<String>>,
    /// Whose memories and kept answers it has, 1 to 256 bytes; by default a tenant of the key's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// The most prompts a minute, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// The most tokens a minute, of prompts and answers, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// The most prompts under way at this instance, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// What it may cost, in millionths of the currency of the prices, 1 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_micros: Option<u64>,
    /// In which time it may cost that.
    #[serde(default)]
    pub per: Per,
    /// The models that it may ask for; none means any.
    #[serde(default)]
    pub models: Vec<ModelName>,
    /// The best class that its prompts may have.
    #[serde(default)]
    pub priority: Priority,
    /// How long an answer is taken to be that does not say so in `max_tokens`, in tokens.
    #[serde(default = "KeyConfig::default_answer_tokens")]
    pub answer_tokens: u32,
}

impl KeyConfig {
    /// Creates a key without limits and secret.
    pub fn new(name: impl Into<KeyName>) -> Self {
        Self {
            name: name.into(),
            secret: None,
            sha256: None,
            tenant: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            concurrent: None,
            budget_micros: None,
            per: Per::Total,
            models: Vec::new(),
            priority: Priority::default(),
            answer_tokens: Self::default_answer_tokens(),
        }
    }

    /// Sets the secret by which a caller is known.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(Secret::new(secret.into()));
        self
    }

    /// Sets whose memories and kept answers it has.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Sets the most prompts a minute.
    #[must_use]
    pub const fn with_requests_per_minute(mut self, requests: u64) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// Sets the most tokens a minute.
    #[must_use]
    pub const fn with_tokens_per_minute(mut self, tokens: u64) -> Self {
        self.tokens_per_minute = Some(tokens);
        self
    }

    /// Sets the most prompts under way.
    #[must_use]
    pub const fn with_concurrent(mut self, prompts: u32) -> Self {
        self.concurrent = Some(prompts);
        self
    }

    /// Sets what it may cost, in millionths, and in which time.
    #[must_use]
    pub const fn with_budget(mut self, micros: u64, per: Per) -> Self {
        (self.budget_micros, self.per) = (Some(micros), per);
        self
    }

    /// Adds a model that it may ask for.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<ModelName>) -> Self {
        self.models.push(model.into());
        self
    }

    /// Sets the best class of its prompts.
    #[must_use]
    pub const fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Returns who a request is from that has it.
    pub(crate) fn caller(&self) -> Caller {
        let tenant = self.tenant.clone().unwrap_or_else(|| self.name.as_str().into());
        Caller::new(tenant).with_key(self.name.clone())
    }

    /// Returns its limits: of what, how much, in which time.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (Unit, u64, Per)> {
        let all = [
            (Unit::Micros, self.budget_micros, self.per),
            (Unit::Requests, self.requests_per_minute, Per::Minute),
            (Unit::Tokens, self.tokens_per_minute, Per::Minute),
        ];
        all.into_iter().filter_map(|(unit, limit, per)| Some((unit, limit?, per)))
    }

    /// Returns an error if something is out of its range.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] that names the key and the field.
    pub fn check(&self) -> Result<()> {
        let limit = |value: Option<u64>| value.is_none_or(|value| (1..=Pot::MAX_LIMIT).contains(&value));
        let digits = |text: &Secret<String>| {
            text.expose().len() == 64 && text.expose().bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        let tenant = |name: &Tenant| (1..=Tenant::MAX_BYTES).contains(&name.as_str().len());
        let right = [
            ("name", (1..=64).contains(&self.name.as_str().len()), "1 to 64 bytes"),
            ("secret", self.secret.as_ref().is_none_or(|it| it.expose().len() >= 16), "16 bytes or more"),
            ("sha256", self.sha256.as_ref().is_none_or(digits), "64 hexadecimal digits"),
            ("sha256", self.sha256.is_none() || self.secret.is_none(), "not together with secret"),
            ("tenant", self.tenant.as_ref().is_none_or(tenant), "1 to 256 bytes"),
            ("requests_per_minute", limit(self.requests_per_minute), "1 to 10^15"),
            ("tokens_per_minute", limit(self.tokens_per_minute), "1 to 10^15"),
            ("budget_micros", limit(self.budget_micros), "1 to 10^15"),
            ("concurrent", self.concurrent != Some(0), "1 or more"),
        ];
        match right.into_iter().find(|(_, is_right, _)| !is_right) {
            None => Ok(()),
            Some((field, _, range)) => {
                Err(Error::new(Code::ConfigInvalid, "a setting of a key is out of its range")
                    .with_operation("mesh::key")
                    .with_context("key", Public(self.name.as_str()))
                    .with_context("field", Public(field))
                    .with_context("range", Public(range)))
            }
        }
    }

    const fn default_answer_tokens() -> u32 {
        1_024
    }
}

impl PriceConfig {
    /// Creates a price: of a million tokens of prompts, and of answers.
    pub fn new(model: impl Into<ModelName>, input: f64, output: f64) -> Self {
        Self { model: model.into(), input, output }
    }

    /// Returns an error if a price is out of its range.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] that names the model.
    pub fn check(&self) -> Result<()> {
        if [self.input, self.output].iter().all(|price| (0.0..=1e6).contains(price)) {
            return Ok(());
        }
        Err(Error::new(Code::ConfigInvalid, "a price is 0.0 to 1000000.0")
            .with_operation("mesh::key")
            .with_context("model", Public(self.model.as_str())))
    }
}

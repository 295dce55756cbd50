//! Keys of a mesh for Python: what they may, and what they have spent.

use maily_errors::{Code, Error, Result};
use maily_mesh::account::Per;
use maily_mesh::layer::limit;
use maily_mesh::{KeyConfig, PriceConfig, Priority};
use pyo3::prelude::*;

use crate::errors;

/// The keys of a mesh: what the prompts of each may take, and what they have taken.
#[pyclass(frozen, module = "maily.mesh")]
pub(crate) struct Keys(pub(crate) limit::Keys);

/// What a key has spent and has left.
#[pyclass(frozen, get_all, module = "maily.mesh")]
pub(crate) struct KeyUsage {
    /// Its name.
    key: String,
    /// The best class of its prompts: `interactive`, `standard` or `batch`.
    priority: &'static str,
    /// How many of its prompts are under way.
    running: u32,
    /// How many prompts were taken on.
    requests: u64,
    /// The tokens of those that ended.
    tokens: u64,
    /// What they cost, in millionths of the currency of the prices.
    cost_micros: u64,
    /// Its limits.
    limits: Vec<LimitUsage>,
}

/// One limit of a key, in its window.
#[pyclass(frozen, get_all, module = "maily.mesh")]
#[derive(Clone)]
pub(crate) struct LimitUsage {
    /// What is counted: `requests`, `tokens` or `micros`.
    unit: &'static str,
    /// In which time: `minute`, `day`, `month` or `total`.
    per: &'static str,
    /// How much there is.
    limit: u64,
    /// How much is spent.
    spent: u64,
    /// How much prompts under way hold.
    reserved: u64,
    /// How much is left.
    remaining: u64,
    /// When the window ends, in seconds since 1970; `None` for a limit that does not end.
    ends: Option<u64>,
}

#[pymethods]
impl Keys {
    /// Adds a key, or replaces the one of that name, with what its prompts may take.
    ///
    /// `per` is the time of the budget: `minute`, `day`, `month` or `total`.
    #[pyo3(signature = (name, /, *, requests_per_minute=None, tokens_per_minute=None, concurrent=None, budget_micros=None, per="total", models=Vec::new(), priority="interactive"))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn add(
        &self,
        name: String,
        requests_per_minute: Option<u64>,
        tokens_per_minute: Option<u64>,
        concurrent: Option<u32>,
        budget_micros: Option<u64>,
        per: &str,
        models: Vec<String>,
        priority: &str,
    ) -> PyResult<()> {
        let mut config = models.into_iter().fold(KeyConfig::new(name), KeyConfig::with_model);
        config.requests_per_minute = requests_per_minute;
        config.tokens_per_minute = tokens_per_minute;
        config.concurrent = concurrent;
        config.budget_micros = budget_micros;
        config.per = read_per(per).map_err(errors::to_py)?;
        config.priority = read_priority(priority).map_err(errors::to_py)?;
        self.0.insert(config).map_err(errors::to_py)
    }

    /// Removes a key; returns whether there was one. Prompts under way are finished.
    #[pyo3(signature = (name, /))]
    fn remove(&self, name: &str) -> bool {
        self.0.remove(name)
    }

    /// Says what a million tokens of a model cost: of prompts, and of answers.
    #[pyo3(signature = (model, input, output, /))]
    fn set_price(&self, model: String, input: f64, output: f64) -> PyResult<()> {
        self.0.price(&PriceConfig::new(model, input, output)).map_err(errors::to_py)
    }

    /// Returns what each key has spent and has left, by name.
    fn usage(&self) -> Vec<KeyUsage> {
        self.0.usage().into_iter().map(KeyUsage::from).collect()
    }
}

fn read_per(name: &str) -> Result<Per> {
    let all = [Per::Minute, Per::Day, Per::Month, Per::Total];
    let known = all.into_iter().find(|known| known.as_str() == name);
    known.ok_or_else(|| unknown("`per` is `minute`, `day`, `month` or `total`"))
}

pub(crate) fn read_priority(name: &str) -> Result<Priority> {
    Priority::of(name).ok_or_else(|| unknown("`priority` is `interactive`, `standard` or `batch`"))
}

fn unknown(message: &'static str) -> Error {
    Error::new(Code::Invalid, message).with_operation("mesh::keys")
}

impl From<limit::KeyUsage> for KeyUsage {
    fn from(usage: limit::KeyUsage) -> Self {
        Self {
            key: usage.key.to_string(),
            priority: usage.priority.as_str(),
            running: usage.running,
            requests: usage.requests,
            tokens: usage.tokens,
            cost_micros: usage.cost_micros,
            limits: usage.limits.into_iter().map(LimitUsage::from).collect(),
        }
    }
}

impl From<limit::LimitUsage> for LimitUsage {
    fn from(usage: limit::LimitUsage) -> Self {
        Self {
            unit: usage.unit.as_str(),
            per: usage.per.as_str(),
            limit: usage.limit,
            spent: usage.spent,
            reserved: usage.reserved,
            remaining: usage.remaining,
            ends: usage.ends,
        }
    }
}

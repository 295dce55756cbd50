//! `maily.analytics`: the core `analytics` for Python.

use std::future::{Future, ready};

use maily_analytics::model::{CandidateName, Estimate as CoreEstimate};
use maily_analytics::recommend::{Outcome, Recommendation as CoreRecommendation, RecommendationId};
use maily_analytics::subject::{self, Context};
use maily_analytics::{AnalyticsConfig, Ask, Candidate, Features as CoreFeatures};
use maily_errors::{Code, Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{errors, runtime};

/// Fills `maily._maily.analytics`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Analytics>()?;
    module.add_class::<AsyncAnalytics>()?;
    module.add_class::<Estimate>()?;
    module.add_class::<Features>()?;
    module.add_class::<Ranked>()?;
    module.add_class::<Recommendation>()
}

/// What is known about one thing: numbers and choices by name, and a subject line that is taken apart.
#[pyclass(frozen, module = "maily.analytics")]
struct Features(CoreFeatures);

/// A probability with the interval that holds the true rate at the stated level.
#[pyclass(frozen, get_all, module = "maily.analytics")]
struct Estimate {
    /// The calibrated probability.
    probability: f64,
    /// The lower end of the interval.
    low: f64,
    /// The upper end of the interval.
    high: f64,
    /// How often the interval holds.
    level: f64,
    /// How many labels, weighted by their age, stand behind the interval.
    evidence: f64,
    /// Whether that is too little to act on.
    cold: bool,
}

/// One candidate in the ranking.
#[pyclass(frozen, get_all, module = "maily.analytics")]
struct Ranked {
    /// Which.
    name: String,
    /// How likely it succeeds.
    estimate: Py<Estimate>,
    /// With which probability it would have been chosen.
    propensity: f64,
}

/// What was chosen, and the receipt for it.
#[pyclass(frozen, get_all, module = "maily.analytics")]
struct Recommendation {
    /// Under which its outcome is reported, once.
    id: String,
    /// Which candidate to use.
    chosen: String,
    /// How likely the chosen one succeeds.
    estimate: Py<Estimate>,
    /// With which probability it was chosen.
    propensity: f64,
    /// Which model said so, after how many labels.
    model: String,
    /// All candidates, the most promising first.
    ranking: Vec<Py<Ranked>>,
}

/// Estimates, recommends and learns from outcomes, in memory.
///
/// An interval holds the true rate with probability `level`; `exploration` is the share of recommendations that
/// try any candidate; a `seed` makes them repeatable.
#[pyclass(frozen, module = "maily.analytics")]
struct Analytics(Calls);

/// Estimates, recommends and learns from outcomes, in memory. Every method returns an awaitable.
#[pyclass(frozen, module = "maily.analytics")]
struct AsyncAnalytics(Calls);

#[pymethods]
impl Features {
    #[new]
    #[pyo3(signature = (values=None, /, *, subject=None, recipient_name=None, audience=None, hour=None))]
    fn new(
        values: Option<&Bound<'_, PyDict>>,
        subject: Option<&str>,
        recipient_name: Option<String>,
        audience: Option<String>,
        hour: Option<u8>,
    ) -> PyResult<Self> {
        let context = Context { recipient_name, audience, hour };
        let row = subject.map(|subject| subject::features(subject, &context)).transpose();
        let mut row = row.map_err(errors::to_py)?.unwrap_or_default();
        for (name, value) in values.into_iter().flatten() {
            let name: String = name.extract()?;
            let added = match value.extract()? {
                Value::Text(choice) => row.with_category(&name, &choice),
                Value::Number(number) => row.with(&name, number),
            };
            row = added.map_err(errors::to_py)?;
        }
        Ok(Self(row))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

#[pymethods]
impl Analytics {
    #[new]
    #[pyo3(signature = (*, level=0.9, exploration=0.1, seed=None))]
    fn new(level: f64, exploration: f64, seed: Option<u64>) -> PyResult<Self> {
        Calls::new(level, exploration, seed).map(Self).map_err(errors::to_py)
    }

    /// Estimates how likely a thing with these features succeeds.
    #[pyo3(signature = (features, /))]
    fn score(&self, py: Python<'_>, features: &Features) -> PyResult<Estimate> {
        runtime::block_on(py, self.0.score(features))
    }

    /// Learns whether a thing with these features succeeded.
    #[pyo3(signature = (features, success, /))]
    fn learn(&self, py: Python<'_>, features: &Features, success: bool) -> PyResult<()> {
        runtime::block_on(py, self.0.learn(features, success))
    }

    /// Chooses one of the candidates and writes a receipt.
    #[pyo3(signature = (candidates, /))]
    fn recommend(&self, py: Python<'_>, candidates: &Bound<'_, PyDict>) -> PyResult<Recommendation> {
        let advice = runtime::block_on(py, self.0.recommend(read(candidates)?))?;
        Recommendation::new(py, advice)
    }

    /// Records whether a recommendation succeeded, once, and learns from it.
    #[pyo3(signature = (id, success, /))]
    fn settle(&self, py: Python<'_>, id: &str, success: bool) -> PyResult<()> {
        runtime::block_on(py, self.0.settle(id, success))
    }
}

#[pymethods]
impl AsyncAnalytics {
    #[new]
    #[pyo3(signature = (*, level=0.9, exploration=0.1, seed=None))]
    fn new(level: f64, exploration: f64, seed: Option<u64>) -> PyResult<Self> {
        Calls::new(level, exploration, seed).map(Self).map_err(errors::to_py)
    }

    /// Estimates how likely a thing with these features succeeds.
    #[pyo3(signature = (features, /))]
    fn score<'py>(&self, py: Python<'py>, features: &Features) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.score(features))
    }

    /// Learns whether a thing with these features succeeded.
    #[pyo3(signature = (features, success, /))]
    fn learn<'py>(&self, py: Python<'py>, features: &Features, success: bool) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.learn(features, success))
    }

    /// Chooses one of the candidates and writes a receipt.
    #[pyo3(signature = (candidates, /))]
    fn recommend<'py>(
        &self,
        py: Python<'py>,
        candidates: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let advice = self.0.recommend(read(candidates)?);
        runtime::spawn(py, async move { Ok(Advice(advice.await?)) })
    }

    /// Records whether a recommendation succeeded, once, and learns from it.
    #[pyo3(signature = (id, success, /))]
    fn settle<'py>(&self, py: Python<'py>, id: &str, success: bool) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.settle(id, success))
    }
}

/// The calls that both classes make. None of them waits.
struct Calls(maily_analytics::Analytics);

impl Calls {
    fn new(level: f64, exploration: f64, seed: Option<u64>) -> Result<Self> {
        let mut config = AnalyticsConfig::default();
        config.learner.level = level;
        config.recommend.exploration = exploration;
        config.recommend.seed = seed;
        maily_analytics::Analytics::in_memory(&config).map(Self)
    }

    fn score(&self, features: &Features) -> impl Future<Output = Result<Estimate>> + Send + use<> {
        let scores = self.0.score(std::slice::from_ref(&features.0));
        let first = |mut estimates: Vec<CoreEstimate>| estimates.pop().ok_or(Error::from(Code::Unexpected));
        ready(scores.and_then(|scores| first(scores.estimates)).map(Estimate::from))
    }

    fn learn(&self, features: &Features, success: bool) -> impl Future<Output = Result<()>> + Send + use<> {
        self.0.learn(&features.0, success);
        ready(Ok(()))
    }

    fn recommend(
        &self,
        candidates: Vec<(String, CoreFeatures)>,
    ) -> impl Future<Output = Result<CoreRecommendation>> + Send + use<> {
        let candidates = candidates
            .into_iter()
            .map(|(name, features)| CandidateName::new(name).map(|name| Candidate { name, features }));
        let candidates = candidates.collect::<Result<_>>();
        ready(candidates.and_then(|candidates| self.0.recommend(Ask { candidates })))
    }

    fn settle(&self, id: &str, success: bool) -> impl Future<Output = Result<()>> + Send + use<> {
        // What is no identifier is the identifier of nothing.
        let id = id.parse().map(RecommendationId).map_err(|_| Error::from(Code::RecommendationNotFound));
        ready(id.and_then(|id| self.0.settle(Outcome { id, success })).map(drop))
    }
}

/// A value of a feature, as Python gives it.
#[derive(FromPyObject)]
enum Value {
    Text(String),
    Number(f32),
}

/// An answer that becomes a Python object where the interpreter is held.
struct Advice(CoreRecommendation);

impl<'py> IntoPyObject<'py> for Advice {
    type Target = Recommendation;
    type Output = Bound<'py, Recommendation>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, Recommendation::new(py, self.0)?)
    }
}

impl Recommendation {
    fn new(py: Python<'_>, advice: CoreRecommendation) -> PyResult<Self> {
        let ranking = advice.ranking.into_iter().map(|ranked| {
            let estimate = Py::new(py, Estimate::from(ranked.estimate))?;
            let (name, propensity) = (ranked.name.into(), ranked.propensity);
            Py::new(py, Ranked { name, estimate, propensity })
        });
        Ok(Self {
            id: advice.id.to_string(),
            chosen: advice.chosen.into(),
            estimate: Py::new(py, Estimate::from(advice.estimate))?,
            propensity: advice.propensity,
            model: advice.model.to_string(),
            ranking: ranking.collect::<PyResult<_>>()?,
        })
    }
}

impl From<CoreEstimate> for Estimate {
    fn from(estimate: CoreEstimate) -> Self {
        let CoreEstimate { probability, low, high, level, evidence, cold, .. } = estimate;
        Self { probability, low, high, level, evidence, cold }
    }
}

fn read(candidates: &Bound<'_, PyDict>) -> PyResult<Vec<(String, CoreFeatures)>> {
    let read = |(name, features): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let features = features.cast::<Features>()?.get().0.clone();
        Ok((name.extract()?, features))
    };
    candidates.iter().map(read).collect()
}

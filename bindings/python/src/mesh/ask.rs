//! What Python asks: a prompt and what holds for this call.

use std::time::Duration;

use maily_errors::{Code, Error, Result};
use maily_mesh::{Betas, Caching, EventId, Format, Prompt, Tenant};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::json;
use tokio::time::Instant;

use crate::errors::{self, Position};
use crate::keys::read_priority;

/// A text, or a whole body.
#[derive(FromPyObject)]
pub(super) enum Wanted {
    Text(String),
    Body(Vec<u8>),
}

/// Writes a struct of keyword arguments, none of which must be there.
macro_rules! options {
    ($($name:ident: $type:ty),* $(,)?) => {
        /// The keyword arguments of one call.
        #[derive(Default)]
        struct Options {
            $($name: Option<$type>,)*
        }

        impl Options {
            fn read(given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
                let mut options = Self::default();
                // `None` says as much as nothing.
                for (name, value) in given.into_iter().flatten().filter(|(_, value)| !value.is_none()) {
                    match name.extract::<&str>()? {
                        $(stringify!($name) => {
                            let read = value.extract().map_err(|err: PyErr| wrong(stringify!($name), err, value.py()));
                            options.$name = Some(read?);
                        })*
                        other => {
                            let unknown = format!("got an unexpected keyword argument '{other}'");
                            return Err(PyTypeError::new_err(unknown));
                        }
                    }
                }
                Ok(options)
            }
        }
    };
}

/// Says which argument has the wrong type, as Python does of its own functions.
fn wrong(name: &str, err: PyErr, py: Python<'_>) -> PyErr {
    if err.is_instance_of::<PyTypeError>(py) {
        return PyTypeError::new_err(format!("argument '{name}': {}", err.value(py)));
    }
    err
}

options! {
    model: String,
    system: String,
    max_tokens: u32,
    temperature: f64,
    key: String,
    format: String,
    timeout: f64,
    tenant: String,
    priority: String,
    trace: Position,
    caching: String,
    betas: Vec<String>,
    resumable: bool,
    last_event_id: String,
}

/// One call: what is asked, and how long it may take from when the mesh is asked.
#[derive(Clone)]
pub(super) struct Ask {
    prompt: Prompt,
    timeout: Option<Duration>,
    /// Whether the caller speaks the format himself, and wants the answer in it.
    pub(super) raw: bool,
}

impl Ask {
    /// Reads a call; `stream` says whether the answer is wanted piece by piece.
    pub(super) fn read(wanted: Wanted, given: Option<&Bound<'_, PyDict>>, stream: bool) -> Result<Self> {
        let mut options = Options::read(given).map_err(errors::from_py)?;
        if options.trace.is_none() {
            options.trace = Some(Python::attach(Position::current).map_err(errors::from_py)?);
        }
        let raw = matches!(wanted, Wanted::Body(_));
        let prompt = match wanted {
            Wanted::Text(text) => of_text(&text, &options)?,
            Wanted::Body(body) => of_body(body, &options)?,
        };
        let prompt = options.system.iter().try_fold(prompt, |prompt, rules| prompt.with_system(rules))?;
        let prompt = if stream { prompt.with_stream()? } else { prompt };
        let timeout = options.timeout.map(seconds).transpose()?;
        Ok(Self { prompt: describe(prompt, options)?, timeout, raw })
    }

    /// Returns the prompt; its time begins.
    pub(super) fn begin(self) -> Prompt {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        deadline.into_iter().fold(self.prompt, Prompt::with_deadline)
    }
}

fn of_text(text: &str, options: &Options) -> Result<Prompt> {
    if options.format.as_deref().is_some_and(|format| format != Format::Chat.as_str()) {
        return refuse("a text is asked as `chat`; in another format the prompt is the `bytes` of a body");
    }
    let model = options.model.as_deref().unwrap_or(maily_mesh::ModelName::DEFAULT);
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": text }] });
    if let Some(tokens) = options.max_tokens {
        body["max_tokens"] = tokens.into();
    }
    if let Some(temperature) = options.temperature {
        if !temperature.is_finite() {
            return refuse("`temperature` is a number");
        }
        body["temperature"] = temperature.into();
    }
    Prompt::parse(body.to_string())
}

fn of_body(body: Vec<u8>, options: &Options) -> Result<Prompt> {
    if options.max_tokens.is_some() || options.temperature.is_some() {
        return refuse("a whole body says `max_tokens` and `temperature` itself");
    }
    let prompt = Prompt::parse_as(read_format(options.format.as_deref())?, body)?;
    Ok(options.model.as_deref().into_iter().fold(prompt, Prompt::with_model))
}

fn describe(prompt: Prompt, options: Options) -> Result<Prompt> {
    let prompt = prompt.with_caller(None, options.tenant.map(Tenant::from))?;
    let prompt = options.key.into_iter().fold(prompt, Prompt::with_key);
    let priority = options.priority.as_deref().map(read_priority).transpose()?;
    let prompt = priority.into_iter().fold(prompt, Prompt::with_priority);
    let prompt = options.trace.and_then(|trace| trace.0).into_iter().fold(prompt, Prompt::with_trace);
    let caching = options.caching.as_deref().map(read_caching).transpose()?;
    let prompt = caching.into_iter().fold(prompt, Prompt::with_caching);
    let prompt = prompt.with_betas(Betas::new(options.betas.into_iter().flatten())?);
    let prompt = if options.resumable == Some(true) { prompt.with_event_ids() } else { prompt };
    let last = options.last_event_id.as_deref().map(str::parse::<EventId>).transpose()?;
    Ok(last.into_iter().fold(prompt, Prompt::with_last_event))
}

pub(super) fn read_format(name: Option<&str>) -> Result<Format> {
    let Some(name) = name else { return Ok(Format::Chat) };
    let known = Format::ALL.into_iter().find(|format| format.as_str() == name);
    known.map_or_else(|| refuse("`format` is `chat`, `completions`, `messages` or `responses`"), Ok)
}

fn read_caching(name: &str) -> Result<Caching> {
    match name {
        "use" => Ok(Caching::Use),
        "refresh" => Ok(Caching::Refresh),
        "off" => Ok(Caching::Off),
        _ => refuse("`caching` is `use`, `refresh` or `off`"),
    }
}

/// Reads a time that is longer than nothing.
pub(super) fn seconds(seconds: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => refuse("a time is a number of seconds above 0"),
    }
}

fn refuse<T>(message: &'static str) -> Result<T> {
    Err(Error::new(Code::Invalid, message).with_operation("python::mesh"))
}

//! What a streamed answer says, step by step.

use maily_mesh::{Delta, FinishReason};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::answer::{ToolCall, Usage};

/// Fills `maily._maily.mesh` with the events.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Text>()?;
    module.add_class::<Reasoning>()?;
    module.add_class::<HiddenThought>()?;
    module.add_class::<Signature>()?;
    module.add_class::<ToolCall>()?;
    module.add_class::<ToolArguments>()?;
    module.add_class::<Finish>()?;
    module.add_class::<Usage>()?;
    module.add_class::<Resumed>()
}

/// Writes the classes of events; `match` takes their fields by place.
macro_rules! events {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* } match $names:expr;)*) => {$(
        $(#[$meta])*
        #[pyclass(frozen, get_all, eq, module = "maily.mesh")]
        #[derive(PartialEq)]
        pub(super) struct $name {
            $($(#[$field_meta])* pub(super) $field: $type,)*
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = ($($field),*, /))]
            fn new($($field: $type),*) -> Self {
                Self { $($field),* }
            }

            #[classattr]
            fn __match_args__() -> ($(events!(@text $field),)*) {
                $names
            }
        }
    )*};
    (@text $field:ident) => { &'static str };
}

events! {
    /// More of the text; never empty.
    Text {
        /// The piece.
        text: String
    } match ("text",);

    /// A whole thought that only the node can read.
    HiddenThought {
        /// Its ciphertext, which the node wants back with the next prompt.
        data: String
    } match ("data",);

    /// More of what the model thinks before it speaks; never empty.
    Reasoning {
        /// The piece.
        text: String
    } match ("text",);

    /// What makes the thought before it trusted; it ends that thought. Alone it is that of a thought whose text the node
    /// leaves out.
    Signature {
        /// What the node wants back with the next prompt.
        signature: String
    } match ("signature",);

    /// More of the arguments of a call that began before; never empty.
    ToolArguments {
        /// Which call.
        index: u32,
        /// A piece of JSON text.
        json: String
    } match ("index", "json");

    /// Why the answer ended.
    Finish {
        /// `stop`, `length`, `tool_calls`, `content_filter` or `other`.
        reason: String
    } match ("reason",);

    /// From here on another node goes on with the answer, which broke off at the one before.
    Resumed {
        /// How many pieces of text the reader had.
        after: u32,
        /// The node that goes on; empty if it has no name.
        node: String
    } match ("after", "node");
}

/// One step of an answer, before Python sees it.
pub(super) struct Event(pub(super) Delta);

impl<'py> IntoPyObject<'py> for Event {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0 {
            Delta::Text(text) => Text { text }.into_bound_py_any(py),
            Delta::HiddenThought(data) => HiddenThought { data }.into_bound_py_any(py),
            Delta::Reasoning(text) => Reasoning { text }.into_bound_py_any(py),
            Delta::Resumed(resumed) => {
                let (after, node) = (resumed.after, resumed.node.to_string());
                Resumed { after, node }.into_bound_py_any(py)
            }
            Delta::Signature(signature) => Signature { signature }.into_bound_py_any(py),
            Delta::ToolCall { index, id, name } => {
                ToolCall { index, id, name, arguments: String::new() }.into_bound_py_any(py)
            }
            Delta::ToolArguments { index, json } => ToolArguments { index, json }.into_bound_py_any(py),
            Delta::Usage(usage) => Usage::from(usage).into_bound_py_any(py),
            Delta::Finish(reason) => Finish { reason: reason_name(reason).to_owned() }.into_bound_py_any(py),
            // The kinds of steps are all here; a new one is nothing that a caller of today waits for.
            _ => Finish { reason: "other".to_owned() }.into_bound_py_any(py),
        }
    }
}

/// Returns the word for why an answer ended.
pub(super) const fn reason_name(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Length => "length",
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_calls",
        _ => "other",
    }
}

/// What a node of Python says in one step: a text, or an event.
pub(super) struct Said(pub(super) Vec<Delta>);

impl<'py> FromPyObject<'_, 'py> for Said {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.extract::<String>() {
            return Ok(Self::of(Delta::Text(text)));
        }
        if let Ok(said) = object.cast::<Text>() {
            return Ok(Self::of(Delta::Text(said.get().text.clone())));
        }
        if let Ok(said) = object.cast::<Reasoning>() {
            return Ok(Self::of(Delta::Reasoning(said.get().text.clone())));
        }
        if let Ok(said) = object.cast::<HiddenThought>() {
            return Ok(Self::of(Delta::HiddenThought(said.get().data.clone())));
        }
        if let Ok(said) = object.cast::<Signature>() {
            return Ok(Self::of(Delta::Signature(said.get().signature.clone())));
        }
        if let Ok(said) = object.cast::<ToolCall>() {
            let ToolCall { index, id, name, arguments } = said.get().clone();
            let arguments = Self::of(Delta::ToolArguments { index, json: arguments });
            return Ok(Self([vec![Delta::ToolCall { index, id, name }], arguments.0].concat()));
        }
        if let Ok(said) = object.cast::<ToolArguments>() {
            let (index, json) = (said.get().index, said.get().json.clone());
            return Ok(Self::of(Delta::ToolArguments { index, json }));
        }
        if let Ok(said) = object.cast::<Finish>() {
            return Ok(Self::of(Delta::Finish(reason_of(&said.get().reason))));
        }
        if let Ok(said) = object.cast::<Usage>() {
            return Ok(Self::of(Delta::Usage(said.get().read())));
        }
        Err(PyTypeError::new_err("a node answers with texts and events"))
    }
}

impl Said {
    /// Leaves out what says nothing.
    fn of(delta: Delta) -> Self {
        let empty = match &delta {
            Delta::Text(text) | Delta::Reasoning(text) | Delta::ToolArguments { json: text, .. } => {
                text.is_empty()
            }
            _ => false,
        };
        Self(if empty { Vec::new() } else { vec![delta] })
    }
}

fn reason_of(name: &str) -> FinishReason {
    match name {
        "content_filter" => FinishReason::ContentFilter,
        "length" => FinishReason::Length,
        "stop" => FinishReason::Stop,
        "tool_calls" => FinishReason::ToolCalls,
        _ => FinishReason::Other,
    }
}

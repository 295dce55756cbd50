//! The binary `maily`, as a process.

mod canvas;
mod journey;
mod support;
mod wrong_input;

//! The binary `maily`, as a process.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

mod canvas;
mod doctor;
mod events;
mod journey;
mod memories;
mod metrics;
mod register;
mod support;
mod tenants;
mod values;
mod wrong_input;

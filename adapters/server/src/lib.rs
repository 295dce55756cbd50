#![doc = include_str!("../README.md")]

pub mod cli;
pub mod command;
pub mod config;
pub mod http;
pub mod journey;
pub mod stack;
pub mod telemetry;
pub mod terminal;

//! JSON and server-sent events for every core

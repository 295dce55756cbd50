//! Redis, the same embedded and on a server

//! Routes of the redis core.

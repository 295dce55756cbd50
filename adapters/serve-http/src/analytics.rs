//! Routes of the analytics core.

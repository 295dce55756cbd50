//! Routes of the canvas core.

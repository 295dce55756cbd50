//! Routes of the trust core.

//! One module for each area.

pub(crate) mod errors;
pub(crate) mod failover;
pub(crate) mod local;
pub(crate) mod mesh;
pub(crate) mod recall;
pub(crate) mod redis;
pub(crate) mod trust;

#![doc = include_str!("../README.md")]

#[cfg(feature = "analytics")]
pub mod analytics;
pub mod body;
#[cfg(feature = "canvas")]
pub mod canvas;
#[cfg(feature = "mesh")]
pub mod mesh;
#[cfg(feature = "redis")]
pub mod redis;
pub mod reply;
#[cfg(feature = "trust")]
pub mod trust;

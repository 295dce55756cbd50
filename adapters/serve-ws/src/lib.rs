#![doc = include_str!("../README.md")]

pub mod analytics;
pub mod canvas;
pub mod mesh;
pub mod nodes;
pub mod sockets;

pub use self::sockets::{Message, Socket, Sockets, SocketsConfig, Upgrade};

#![doc = include_str!("../README.md")]

pub mod canvas;
pub mod sockets;

pub use self::sockets::{Message, Socket, Sockets, SocketsConfig};

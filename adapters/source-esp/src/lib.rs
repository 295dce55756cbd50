#![doc = include_str!("../README.md")]

mod error;
mod sendgrid;

pub use self::sendgrid::{SendGrid, SendGridConfig};

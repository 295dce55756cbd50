//! A model that learns one label at a time, without a learning rate to set.

mod coin;
mod learner;

pub use self::coin::Coin;
pub use self::learner::{Learner, Learning};

#[cfg(test)]
mod tests;

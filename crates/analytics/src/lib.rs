//! Predicts and recommends with honest confidence

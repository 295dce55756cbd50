//! One model for all tests of a file, as loading one takes a second.

use std::sync::OnceLock;

use maily_llm_candle::LlmCandle;

use crate::assets;

/// Returns the model, or says that the test is skipped.
pub(crate) fn model() -> Option<LlmCandle> {
    static MODEL: OnceLock<LlmCandle> = OnceLock::new();
    let config = assets::config()?.with_waiting(64);
    Some(MODEL.get_or_init(|| config.build().expect("the model that is there can be loaded")).clone())
}

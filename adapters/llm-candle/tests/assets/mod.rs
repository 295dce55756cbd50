//! Where the model file is on this machine.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;

use maily_llm_candle::{LlmCandle, LlmCandleConfig};

/// Returns settings for the file of `cargo xtask assets`, or says that the test is skipped.
pub(crate) fn config() -> Option<LlmCandleConfig> {
    let config = LlmCandleConfig::from_folder(&folder());
    if config.path.exists() {
        return Some(config);
    }
    maily_errors::testing::missing("the local model", "run `cargo xtask assets`");
    None
}

/// Returns one model for all tests of a file, as loading one takes a second; or says that they are skipped.
#[allow(dead_code, reason = "not every file of tests shares a model")]
pub(crate) fn shared() -> Option<LlmCandle> {
    static MODEL: OnceLock<Option<LlmCandle>> = OnceLock::new();
    let model = MODEL.get_or_init(|| config().map(|config| config.with_waiting(64).build().unwrap()));
    if model.is_none() {
        return config().and(None);
    }
    model.clone()
}

fn folder() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}

//! Where the model file is on this machine.

use std::env;
use std::path::PathBuf;

use maily_llm_candle::LlmCandleConfig;

/// Returns settings for the file of `cargo xtask assets`, or says that the test is skipped.
pub(crate) fn config() -> Option<LlmCandleConfig> {
    let config = LlmCandleConfig::from_folder(&folder());
    if config.path.exists() {
        return Some(config);
    }
    maily_errors::testing::missing("the local model", "run `cargo xtask assets`");
    None
}

fn folder() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}

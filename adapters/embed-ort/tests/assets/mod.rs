//! Where the files of the embedder are on this machine.

use std::env;
use std::path::PathBuf;

use maily_embed_ort::EmbedOrtConfig;

/// Returns settings for the files of `cargo xtask assets`, or says that the test is skipped.
pub(crate) fn config() -> Option<EmbedOrtConfig> {
    let config = EmbedOrtConfig::from_folder(&folder());
    if [&config.library, &config.model, &config.tokenizer].iter().all(|file| file.exists()) {
        return Some(config);
    }
    maily_errors::testing::missing("the embedding model", "run `cargo xtask assets`");
    None
}

fn folder() -> PathBuf {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}

//! Libraries that cannot be loaded. Alone in its file: a process that has loaded a good one looks at no other.

mod assets;

use std::fs::{self, File};
use std::path::Path;

use maily_embed_ort::EmbedOrtConfig;
use maily_errors::Code;

#[test]
fn library_that_cannot_be_loaded_is_an_error_and_the_next_try_may_be_good() {
    let Some(good) = assets::config() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    let code = |library: &Path| {
        let mut config = good.clone().with_threads(1);
        config.library = library.to_owned();
        config.build().err().map(|err| err.code())
    };

    assert_eq!(code(Path::new("/no/such/library.so")), Some(Code::EmbedderMissing));
    for bytes in
        [&b""[..], b"\x7fELF", &[0; 200], b"not a library, but long enough for the header of one: 0123456789"]
    {
        fs::write(&path, bytes).unwrap();
        assert_eq!(code(&path), Some(Code::ModelBroken), "{} bytes", bytes.len());
    }
    // Mapped and then used, each of these would end the process.
    let whole = fs::copy(&good.library, &path).unwrap();
    for length in [whole - 1, whole / 2, 5_000, 64] {
        File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert_eq!(code(&path), Some(Code::ModelBroken), "{length} of {whole} bytes");
    }
    // A library that is whole, but another one.
    if let Some(other) = another_library() {
        assert_eq!(code(&other), Some(Code::ModelBroken), "{}", other.display());
    }
    assert_eq!(code(&good.library), None);
}

#[test]
fn settings_with_an_unknown_field_are_refused() {
    let json = r#"{"library":"l","model":"m","tokenizer":"t","thread":2}"#;

    assert!(serde_json::from_str::<EmbedOrtConfig>(json).is_err());
}

fn another_library() -> Option<std::path::PathBuf> {
    ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6"]
        .map(std::path::PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
}

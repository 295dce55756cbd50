//! Files that are not what they should be: each is named, none brings the process down.

mod assets;

use std::fs::{self, File};
use std::path::Path;

use maily_embed_ort::EmbedOrtConfig;
use maily_errors::{Code, Error};

fn refused(config: EmbedOrtConfig) -> Error {
    config.with_threads(1).build().expect_err("the file is not what it should be")
}

#[test]
fn missing_file_is_named_and_says_how_to_get_it() {
    let Some(good) = assets::config() else { return };
    let missing = Path::new("/no/such/file");

    let mut without_model = good.clone();
    without_model.model = missing.to_owned();
    let mut without_tokenizer = good;
    without_tokenizer.tokenizer = missing.to_owned();

    for config in [without_model, without_tokenizer] {
        let err = refused(config);
        assert_eq!(err.code(), Code::EmbedderMissing);
        let text = err.to_string();
        assert!(text.contains("cargo xtask assets") && text.contains("/no/such/file"), "{text}");
    }
}

#[test]
fn damaged_model_or_tokenizer_is_broken() {
    let Some(good) = assets::config() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    let mut bad_model = good.clone();
    bad_model.model = path.clone();
    let mut bad_tokenizer = good.clone();
    bad_tokenizer.tokenizer = path.clone();

    for bytes in [&b""[..], b"nonsense", b"{}", &[0xff; 4096]] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(refused(bad_model.clone()).code(), Code::ModelBroken);
        assert_eq!(refused(bad_tokenizer.clone()).code(), Code::ModelBroken);
    }
    for (source, config) in [(&good.model, bad_model), (&good.tokenizer, bad_tokenizer)] {
        let whole = fs::copy(source, &path).unwrap();
        for length in [whole - 1, whole / 2, 100] {
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            assert_eq!(refused(config.clone()).code(), Code::ModelBroken, "{length} of {whole} bytes");
        }
    }
}

#[test]
fn look_without_loading_finds_what_is_missing_or_cut_off() {
    let Some(good) = assets::config() else { return };
    let start = std::time::Instant::now();
    good.verify().unwrap();
    println!("looked at in {:?}", start.elapsed());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    for file in [0, 1, 2] {
        let mut config = good.clone();
        let place =
            [&mut config.library, &mut config.model, &mut config.tokenizer].into_iter().nth(file).unwrap();
        let whole = fs::read(&*place).unwrap();
        place.clone_from(&path);
        fs::remove_file(&path).ok();
        assert_eq!(config.verify().unwrap_err().code(), Code::EmbedderMissing);
        for bytes in
            [&b""[..], b"nonsense", &whole[..100], &whole[..whole.len() / 2], &whole[..whole.len() - 1]]
        {
            fs::write(&path, bytes).unwrap();
            let err = config.verify().expect_err("it is damaged");
            assert_eq!(err.code(), Code::ModelBroken, "{} of {} bytes", bytes.len(), whole.len());
        }
    }
}

#[test]
fn setting_out_of_its_range_is_refused() {
    let Some(good) = assets::config() else { return };

    for config in
        [good.clone().with_max_tokens(7), good.clone().with_max_tokens(513), good.clone().with_waiting(2047)]
    {
        assert_eq!(refused(config).code(), Code::ConfigInvalid);
    }
    assert_eq!(good.with_threads(65).build().unwrap_err().code(), Code::ConfigInvalid);
}

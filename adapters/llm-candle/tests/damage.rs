//! Files that are not the model: each is named, none is run.

mod assets;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use maily_errors::Code;
use maily_llm_candle::LlmCandleConfig;

fn code(path: &Path) -> Option<Code> {
    LlmCandleConfig::new(path).build().err().map(|err| err.code())
}

#[test]
fn missing_file_says_how_to_get_it() {
    let err = LlmCandleConfig::from_folder(Path::new("/no/such/folder")).build().unwrap_err();

    assert_eq!(err.code(), Code::ModelMissing);
    assert!(err.to_string().contains("cargo xtask assets"), "{err}");
}

#[test]
fn file_of_another_kind_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let nonsense: Vec<u8> =
        (0..100_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut after_magic = b"GGUF\x03\x00\x00\x00".to_vec();
    after_magic.extend_from_slice(&nonsense);

    for bytes in [&b""[..], b"GG", b"GGUF", b"not a model at all", &nonsense, &after_magic] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(code(&path), Some(Code::ModelBroken), "{} bytes", bytes.len());
    }
    // A folder can be opened, but not read.
    assert_eq!(code(folder.path()), Some(Code::ModelBroken));
}

#[test]
fn file_that_was_cut_off_is_broken() {
    let Some(config) = assets::config() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let whole = fs::copy(&config.path, &path).unwrap();

    // From its last byte to the middle of the header, each cut shorter than the one before.
    for length in [whole - 1, whole / 2, 3_000_000, 1_000_000, 4_096, 30] {
        File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        assert_eq!(code(&path), Some(Code::ModelBroken), "{length} bytes");
    }
}

#[test]
fn header_that_makes_its_reader_panic_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let (version, tensors, settings, u32_follows, zero) = (3_u32, 0_u64, 1_u64, 4_u32, 0_u32);
    let key = b"general.alignment";

    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend([tensors, settings, key.len() as u64].map(u64::to_le_bytes).concat());
    bytes.extend(key);
    bytes.extend([u32_follows, zero].map(u32::to_le_bytes).concat());
    fs::write(&path, bytes).unwrap();

    assert_eq!(code(&path), Some(Code::ModelBroken));
}

#[test]
fn damaged_header_is_broken_or_harmless_but_never_a_panic() {
    let Some(config) = assets::config() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    // All of the header and none of the weights.
    let mut header = vec![0; 2_500_000];
    File::open(&config.path).unwrap().read_exact(&mut header).unwrap();
    fs::write(&path, &header).unwrap();
    let mut file = File::options().write(true).open(&path).unwrap();

    for at in (8..1_200).step_by(7).chain((2_000_000..2_400_000).step_by(40_013)) {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[header[at as usize] ^ 0x55]).unwrap();
        assert_eq!(code(&path), Some(Code::ModelBroken), "byte {at}");
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[header[at as usize]]).unwrap();
    }
}

//! Loads the library of ONNX Runtime, once per process.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use maily_errors::Result;
use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use crate::error;

/// Returns the environment of the process; the first call loads the library.
///
/// `ort::init_from` answers with an error where the route through `ORT_DYLIB_PATH` panics. A failed try
/// leaves nothing behind, so the next one may name a better file.
pub(crate) fn environment(library: &Path) -> Result<Environment> {
    let mut loaded = ENVIRONMENT.lock();
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    check(library)?;
    let environment = ort::init_from(library)
        .map_err(|source| error::broken(library, source.to_string()))?
        .with_name("maily")
        // The builds on package registries report to their maker otherwise.
        .with_telemetry(false)
        .build()
        .map_err(|source| error::broken(library, source))?;
    environment.set_log_level(LogLevel::Error);
    tracing::debug!(library = %library.display(), "ONNX Runtime loaded");
    Ok(loaded.insert(environment).clone())
}

/// Refuses a library that was cut off: the loader would map it, and the process would die of it later.
pub(crate) fn check(library: &Path) -> Result<()> {
    let unreadable = |source| error::unreadable(library, source);
    let mut file = File::open(library).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut header = [0; ELF_HEADER];
    if file.read_exact(&mut header).is_err() {
        return Err(error::broken(library, "it is shorter than the header of a library"));
    }
    // The table of sections is the last thing in an ELF file. Other formats are the loader's to judge.
    if header.starts_with(b"\x7fELF") && sections_end(&header) > length {
        return Err(error::broken(library, format!("it ends after {length} bytes, before its last section")));
    }
    Ok(())
}

/// Returns where the table of sections of a 64-bit little-endian ELF file ends.
///
/// Source: System V ABI, edition 4.1, chapter 4, "ELF Header": `e_shoff`, `e_shentsize`, `e_shnum`.
fn sections_end(header: &[u8; ELF_HEADER]) -> u64 {
    let short = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let mut offset = [0; 8];
    offset.copy_from_slice(&header[0x28..0x30]);
    u64::from_le_bytes(offset).saturating_add(short(0x3a) * short(0x3c))
}

static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);
const ELF_HEADER: usize = 64;

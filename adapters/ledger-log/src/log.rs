//! The file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;
use maily_errors::Error;
use maily_trust::checkpoint::Checkpoint;
use maily_trust::merkle::{Tree, leaf_hash};
use maily_trust::model::{Finality, Receipt};
use tracing::warn;

use crate::record::{self, FILE_HEAD, HEAD_BYTES, MAX_PAYLOAD_BYTES, Record};
use crate::recover::{Tail, judge};
use crate::{SCHEME, error};

/// An open log: the file, and where its records are.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    /// The name of the log in receipts: the name of its file.
    name: String,
    end: u64,
    records: u64,
    /// Offset and length of each entry.
    entries: Vec<(u64, u32)>,
    anchors: Vec<Anchor>,
    poisoned: bool,
}

#[derive(Debug)]
struct Anchor {
    checkpoint: Checkpoint,
    position: u64,
    anchored_at_ms: u64,
}

impl Log {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let unreachable = |err| error::unreachable("ledger_log::open", path, err);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(unreachable)?;
        // The lock ends with the process, however it ends.
        file.try_lock().map_err(|err| match err {
            TryLockError::WouldBlock => error::locked(path),
            TryLockError::Error(err) => unreachable(err),
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unreachable)?;
        let name = path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let name = name[..name.floor_char_boundary(40)].to_owned();
        let mut log = Self {
            path: path.to_owned(),
            file,
            name: format!("{SCHEME}:{name}"),
            end: 0,
            records: 0,
            entries: Vec::new(),
            anchors: Vec::new(),
            poisoned: false,
        };
        log.replay(&bytes)?;
        Ok(log)
    }

    /// Reads the records, and makes the file end with the last good one.
    fn replay(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(mut rest) = bytes.strip_prefix(&FILE_HEAD) else {
            // A crash while the file was made leaves the beginning of its head.
            if FILE_HEAD.starts_with(bytes) {
                return self.create();
            }
            return Err(error::corrupt("the file is no log of this version", &self.path, 0));
        };
        let mut tree = Tree::new();
        while let Some(payload) = record::unframe(rest) {
            let offset = (bytes.len() - rest.len()) as u64;
            let corrupt = |message| error::corrupt(message, &self.path, offset);
            match record::parse(payload).ok_or_else(|| corrupt("a record is of another version"))? {
                Record::Entries(spans) => {
                    for (at, length) in spans {
                        tree.push(leaf_hash(&payload[at..at + length]));
                        self.entries.push((offset + (HEAD_BYTES + at) as u64, length as u32));
                    }
                }
                Record::Anchor(anchored_at_ms, checkpoint) => {
                    self.check(&checkpoint, &tree).map_err(corrupt)?;
                    self.anchors.push(Anchor { checkpoint, position: self.records, anchored_at_ms });
                }
            }
            self.records += 1;
            rest = &rest[HEAD_BYTES + payload.len()..];
        }
        self.end = (bytes.len() - rest.len()) as u64;
        match judge(rest) {
            Tail::Clean => Ok(()),
            Tail::Torn => self.cut(rest),
            Tail::Damaged => {
                Err(error::corrupt("a record does not match its checksum", &self.path, self.end))
            }
        }
    }

    /// A log that holds its own entries holds no checkpoint that they do not lead to.
    fn check(&self, checkpoint: &Checkpoint, tree: &Tree) -> Result<(), &'static str> {
        if self.anchors.last().is_some_and(|last| last.checkpoint.size() >= checkpoint.size()) {
            return Err("a checkpoint does not follow the one before");
        }
        let has_entries = !tree.is_empty();
        if has_entries && tree.root_at(checkpoint.size()).ok() != Some(checkpoint.root()) {
            return Err("a checkpoint is not the one of its entries");
        }
        Ok(())
    }

    fn create(&mut self) -> Result<(), Error> {
        let write = || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&FILE_HEAD)?;
            self.file.sync_all()?;
            // The name of a new file is safe only when its folder is.
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        let mut write = write;
        write().map_err(|err| error::unreachable("ledger_log::open", &self.path, err))?;
        self.end = FILE_HEAD.len() as u64;
        Ok(())
    }

    /// Keeps the bytes that a crash left, beside the log, and takes them off it.
    fn cut(&mut self, torn: &[u8]) -> Result<(), Error> {
        let beside = self.path.with_extension(format!("torn-{}", self.end));
        warn!(path = %self.path.display(), offset = self.end, bytes = torn.len(), "cut off a torn record");
        let save = || {
            let mut file = File::create(&beside)?;
            file.write_all(torn)?;
            file.sync_all()?;
            self.file.set_len(self.end)?;
            self.file.sync_all()
        };
        save().map_err(|err| error::unreachable("ledger_log::open", &self.path, err))
    }

    pub(crate) fn append(&mut self, entries: &[Bytes]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let payload = record::entries_payload(entries);
        let mut at = self.end + HEAD_BYTES as u64 + 5;
        self.write(&payload)?;
        for entry in entries {
            self.entries.push((at + 4, entry.len() as u32));
            at += 4 + entry.len() as u64;
        }
        Ok(())
    }

    pub(crate) fn read(&mut self, from: u64, count: usize) -> Result<Vec<Bytes>, Error> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let spans: Vec<_> = self.entries.iter().skip(from).take(count).copied().collect();
        let mut read = |(offset, length): (u64, u32)| {
            let mut bytes = vec![0; length as usize];
            self.file.seek(SeekFrom::Start(offset))?;
            self.file.read_exact(&mut bytes).map(|()| Bytes::from(bytes))
        };
        let entries = spans.into_iter().map(&mut read).collect::<Result<_, _>>();
        entries.map_err(|err| error::unreachable("ledger_log::read", &self.path, err))
    }

    pub(crate) fn anchor(&mut self, checkpoint: &Checkpoint) -> Result<Receipt, Error> {
        if let Some(anchor) = self.find(checkpoint) {
            return Ok(self.receipt(anchor));
        }
        if let Some(last) = self.anchors.last().filter(|last| last.checkpoint.size() >= checkpoint.size()) {
            return Err(error::rejected(checkpoint.size(), last.checkpoint.size()));
        }
        let anchored_at_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let position = self.records;
        self.write(&record::anchor_payload(anchored_at_ms, checkpoint))?;
        let anchor = Anchor { checkpoint: checkpoint.clone(), position, anchored_at_ms };
        let receipt = self.receipt(&anchor);
        self.anchors.push(anchor);
        Ok(receipt)
    }

    pub(crate) fn lookup(&self, checkpoint: &Checkpoint) -> Result<Receipt, Error> {
        self.find(checkpoint)
            .map(|anchor| self.receipt(anchor))
            .ok_or_else(|| error::pending(checkpoint.size()))
    }

    fn find(&self, checkpoint: &Checkpoint) -> Option<&Anchor> {
        let index = self.anchors.binary_search_by_key(&checkpoint.size(), |anchor| anchor.checkpoint.size());
        let anchor = &self.anchors[index.ok()?];
        let same = |a: &Checkpoint| a.root() == checkpoint.root() && a.origin() == checkpoint.origin();
        same(&anchor.checkpoint).then_some(anchor)
    }

    fn receipt(&self, anchor: &Anchor) -> Receipt {
        Receipt {
            ledger: self.name.clone(),
            position: anchor.position,
            anchored_at_ms: anchor.anchored_at_ms,
            finality: Finality::Finalized,
            locator: Vec::new(),
        }
    }

    /// Writes one record and returns when the disk has it.
    fn write(&mut self, payload: &[u8]) -> Result<(), Error> {
        if self.poisoned {
            return Err(error::poisoned());
        }
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(error::too_large(MAX_PAYLOAD_BYTES));
        }
        let record = record::frame(payload);
        let mut write = || {
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(&record)?;
            self.file.sync_data()
        };
        if let Err(err) = write() {
            // Half a record must not stand in front of the next one. After a failed sync nobody knows what
            // the disk has, so the log stops until it is opened, and read, again.
            let _ = self.file.set_len(self.end);
            self.poisoned = true;
            return Err(error::unreachable("ledger_log::append", &self.path, err));
        }
        self.end += record.len() as u64;
        self.records += 1;
        Ok(())
    }
}

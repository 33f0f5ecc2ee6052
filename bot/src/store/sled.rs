//! The database: one folder of sled 0.34, which holds all records as they are now. The only file that names sled.
//!
//! It is quick to read and not to be trusted: what it loses comes back from the journal and the backups (`opening.rs`).

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::ops::{Bound, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::backup::Page;
use super::journal::{Change, Entry};
use super::key::Key;
use super::{Cause, StoreError};

/// The newest format of keys and records that this program understands.
const FORMAT: u32 = 1;
/// Stands in a folder whose database is whole. sled opens a file whose beginning is lost as an empty database; beside this file that is a lost
/// one, and no new one.
const BEGUN: &str = "begun";
const BEGUN_TEXT: &str = "A chatfriends store has been written here. An empty database beside this file is a lost one.\n";
/// Stands in a folder whose database could not be read at some place, with the reason.
const DAMAGED: &str = "damaged";
/// How often, and how long after each try, sled's own lock is tried.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(20);
/// Records read at a time when all are.
const PAGE: usize = 256;

/// One database in a folder of its own.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    db: sled::Db,
    /// The database file once more: sled's `flush` calls `sync_file_range`, which does not reach past the disk's own cache.
    file: File,
    /// Large values lie in files of their own, which sled does not sync at all. These are already safe.
    synced_blobs: Mutex<HashSet<OsString>>,
}

/// The record that says what the others look like.
fn format_key() -> Key {
    Key::of("format")
}

/// The record that says which commit was the last.
fn last_key() -> Key {
    Key::of("last commit")
}

impl Database {
    /// Whether the folder holds a database that was once whole.
    pub(super) fn is_begun(path: &Path) -> bool {
        path.join(BEGUN).exists()
    }

    /// Begins an empty database that is not whole yet; what stands in the folder is removed.
    pub(super) fn begin(path: &Path, cache_mib: u32) -> Result<Self, StoreError> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(path, error));
            }
            _ => {}
        }
        Self::open_sled(path, cache_mib)
    }

    /// Opens one that is whole.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`Newer`](StoreError::Newer) or [`Unusable`](StoreError::Unusable).
    pub(super) fn open(path: &Path, cache_mib: u32) -> Result<Self, StoreError> {
        if let Ok(reason) = fs::read_to_string(path.join(DAMAGED)) {
            return Err(damaged(path, &reason));
        }
        let opened = Self::open_sled(path, cache_mib).or_else(|error| match error {
            StoreError::Damaged { .. } if drop_snapshots(path)? => Self::open_sled(path, cache_mib),
            error => Err(error),
        })?;
        opened.check_format()?;
        Ok(opened)
    }

    fn open_sled(path: &Path, cache_mib: u32) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|error| unusable(path, error))?;
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(u64::from(cache_mib) << 20)
            // The journal makes commits durable; this is for having little to replay.
            .flush_every_ms(Some(1_000));
        // sled answers some damage with a panic.
        let open = || {
            catch_unwind(AssertUnwindSafe(|| config.open()))
                .map_err(|_| damaged(path, "the database could not be understood"))
        };
        // Whoever opens it holds the store's own lock. sled's may stay for a moment with a process that is being started, which has copies of
        // all open files until it begins.
        let mut tries = 0;
        let db = loop {
            match open()? {
                Err(sled::Error::Io(error)) if is_locked(&error) && tries < LOCK_TRIES => {
                    tries += 1;
                    std::thread::sleep(LOCK_WAIT);
                }
                opened => break opened,
            }
        };
        let db = db.map_err(|error| match error {
            sled::Error::Io(source) => unusable(path, source),
            other => StoreError::Damaged {
                path: path.to_owned(),
                source: other.into(),
            },
        })?;
        let file = File::open(path.join("db")).map_err(|error| unusable(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            db,
            file,
            synced_blobs: Mutex::default(),
        })
    }

    /// Refuses what a later version wrote, and what is not, or no longer, a store of ours.
    fn check_format(&self) -> Result<(), StoreError> {
        let Some(raw) = self.get(&format_key())? else {
            return Err(damaged(&self.path, "the database has lost its records"));
        };
        let found = serde_json::from_slice(&raw).map_err(|_| {
            damaged(
                &self.path,
                "the record of the store's format is not a number",
            )
        })?;
        if found > FORMAT {
            return Err(StoreError::Newer {
                path: self.path.clone(),
                found,
                known: FORMAT,
            });
        }
        Ok(())
    }

    /// Writes what a new store begins with.
    pub(super) fn write_format(&self) -> Result<(), StoreError> {
        let format = FORMAT.to_string().into_bytes();
        self.fill(vec![(format_key(), format)])
    }

    /// Marks a database that has all its records as whole, when they are safe.
    pub(super) fn finish(&self) -> Result<(), StoreError> {
        self.make_durable()?;
        let marked = fs::write(self.path.join(BEGUN), BEGUN_TEXT)
            .and_then(|()| File::open(self.path.join(BEGUN))?.sync_all())
            .and_then(|()| super::sync_folder(&self.path))
            .and_then(|()| self.path.parent().map_or(Ok(()), super::sync_folder));
        marked.map_err(|error| unusable(&self.path, error))
    }

    /// Notes that it cannot be read, so that it is replaced when it is opened next.
    pub(super) fn mark_damaged(&self, reason: &str) -> io::Result<()> {
        fs::write(self.path.join(DAMAGED), reason)?;
        super::sync_folder(&self.path)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the last commit that it holds.
    pub(super) fn last(&self) -> Result<u64, StoreError> {
        let Some(raw) = self.get(&last_key())? else {
            return Ok(0);
        };
        let bytes = raw.try_into();
        let bytes = bytes.map_err(|_| damaged(&self.path, "the last commit has no number"))?;
        Ok(u64::from_be_bytes(bytes))
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self
            .db
            .get(key.as_bytes())
            .map_err(|error| failure(&self.path, error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    pub(super) fn scan(&self, range: &Range<Key>) -> Result<Page, StoreError> {
        self.pairs(range.start.as_bytes()..range.end.as_bytes())
            .collect()
    }

    pub(super) fn last_of(&self, range: &Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        self.pairs(range.start.as_bytes()..range.end.as_bytes())
            .next_back()
            .transpose()
    }

    /// The next records behind a key, all of them when they are fewer than a page holds.
    pub(super) fn page_behind(&self, key: Option<&Key>) -> Result<Page, StoreError> {
        let start = key.map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_bytes()));
        self.pairs((start, Bound::Unbounded)).take(PAGE).collect()
    }

    fn pairs<'a>(
        &'a self,
        range: impl std::ops::RangeBounds<&'a [u8]>,
    ) -> impl DoubleEndedIterator<Item = Result<(Key, Vec<u8>), StoreError>> {
        self.db.range(range).map(|pair| {
            pair.map(|(key, value)| (Key::from_bytes(&key), value.to_vec()))
                .map_err(|error| failure(&self.path, error))
        })
    }

    /// Makes a commit of the journal, whole or not at all. It may be lost until [`Self::make_durable`].
    pub(super) fn apply(&self, entry: Entry) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for Change { key, becomes } in entry.changes {
            match becomes {
                Some(value) => batch.insert(key.as_bytes(), value),
                None => batch.remove(key.as_bytes()),
            }
        }
        batch.insert(last_key().as_bytes(), &entry.number.to_be_bytes());
        self.db
            .apply_batch(batch)
            .map_err(|error| failure(&self.path, error))
    }

    /// Puts records of another database here.
    pub(super) fn fill(&self, page: Page) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for (key, value) in page {
            batch.insert(key.as_bytes(), value);
        }
        self.db
            .apply_batch(batch)
            .map_err(|error| failure(&self.path, error))
    }

    /// Makes everything so far safe on the disk.
    pub(super) fn make_durable(&self) -> Result<(), StoreError> {
        let failed = |error| failure(&self.path, error);
        self.db.flush().map_err(failed)?;
        self.sync_blobs()
            .and_then(|()| self.file.sync_data())
            .map_err(|error| failed(error.into()))
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let folder = self.path.join("blobs");
        let mut synced = self
            .synced_blobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut present = HashSet::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !synced.contains(&name) {
                match File::open(folder.join(&name)) {
                    Ok(blob) => blob.sync_data()?,
                    // sled has just removed a value that was replaced.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            present.insert(name);
        }
        if !present.is_subset(&synced) {
            super::sync_folder(&folder)?;
        }
        *synced = present;
        Ok(())
    }
}

/// sled has no error of its own for it.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// Removes sled's own snapshots, which only shorten the reading of its log and are what most often breaks (spacejam/sled#1527). `false` when
/// there are none.
fn drop_snapshots(path: &Path) -> Result<bool, StoreError> {
    let mut found = false;
    let mut remove = || -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("snap.") {
                fs::remove_file(entry.path())?;
                found = true;
            }
        }
        Ok(())
    };
    remove().map_err(|error| unusable(path, error))?;
    Ok(found)
}

fn unusable(path: &Path, source: io::Error) -> StoreError {
    StoreError::Unusable {
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path, cause: &str) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        source: cause.into(),
    }
}

fn failure(path: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) => source.into(),
        damage @ (sled::Error::Corruption { .. } | sled::Error::ReportableBug(_)) => {
            StoreError::Damaged {
                path: path.to_owned(),
                source: Cause::from(damage),
            }
        }
        other => StoreError::Failed {
            source: other.into(),
        },
    }
}

//! The store on disk, in sled 0.34. The only file that names sled.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sled::transaction::{ConflictableTransactionError, TransactionError};

use super::key::Key;
use super::{Cause, Store, StoreError, Swap};

/// The newest format of keys and records that this program understands.
const FORMAT: u32 = 1;
/// sled opens a file whose beginning is lost as an empty database. This file beside it tells that case from a first start.
const BEGUN: &str = "begun";
const BEGUN_TEXT: &str = "A chatfriends store has been written here. An empty database beside this file is a lost one.\n";

/// A folder that holds a sled database. Cheap to clone; the folder is released when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct SledStore(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    db: sled::Db,
    /// The database file once more: sled's `flush` calls `sync_file_range`, which does not reach past the disk's own cache.
    file: File,
    /// Large values lie in files of their own, which sled does not sync at all. These are already safe.
    synced_blobs: Mutex<HashSet<OsString>>,
}

impl SledStore {
    /// Opens the store in the folder `path`, which is made if need be. Of records that were read or written lately `cache_mib` MiB stay
    /// in memory.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`Damaged`](StoreError::Damaged), [`Newer`](StoreError::Newer) or [`Unusable`](StoreError::Unusable).
    pub async fn open(path: &Path, cache_mib: u32) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let opened = blocking(path.clone(), move || Opened::open(path, cache_mib)).await?;
        Ok(Self(Arc::new(opened)))
    }

    /// Whether a running program holds the store in the folder `path`. Nothing is written.
    #[must_use]
    pub fn is_in_use(path: &Path) -> bool {
        refuse_second_daemon(path).is_err()
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Opened) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let opened = Arc::clone(&self.0);
        blocking(self.0.path.clone(), move || work(&opened)).await
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.clone();
        self.with(move |opened| opened.get(&key)).await
    }

    async fn scan(&self, range: Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.with(move |opened| opened.scan(&range)).await
    }

    async fn last(&self, range: Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        self.with(move |opened| opened.last(&range)).await
    }

    async fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError> {
        self.with(move |opened| opened.commit(&swaps)).await
    }
}

/// The one way to call sled: on a thread that may block, and with its panics caught, since sled answers some damage with them.
async fn blocking<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(StoreError::Damaged {
            path,
            source: error.into(),
        }),
        Err(_) => Err(StoreError::Stopping),
    }
}

impl Opened {
    fn open(path: PathBuf, cache_mib: u32) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Unusable {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(&path).map_err(unusable)?;
        refuse_second_daemon(&path)?;
        let config = sled::Config::new()
            .path(&path)
            .cache_capacity(u64::from(cache_mib) << 20);
        let db = config.open().map_err(|error| match error {
            sled::Error::Io(source) => StoreError::Unusable {
                path: path.clone(),
                source,
            },
            other => failure(&path, other),
        })?;
        let file = File::open(path.join("db")).map_err(unusable)?;
        let opened = Self {
            path: path.clone(),
            db,
            file,
            synced_blobs: Mutex::default(),
        };
        opened.check_format()?;
        // The names of new files are safe only when their folder is.
        sync_folder(&path).map_err(unusable)?;
        Ok(opened)
    }

    /// Refuses what a later version wrote, and what is not, or no longer, a store of ours.
    fn check_format(&self) -> Result<(), StoreError> {
        let key = Key::of("format");
        let begun = self.path.join(BEGUN);
        let damaged = |cause: &str| StoreError::Damaged {
            path: self.path.clone(),
            source: cause.into(),
        };
        match self.get(&key)? {
            Some(raw) => {
                let found = serde_json::from_slice(&raw)
                    .map_err(|_| damaged("the record of the store's format is not a number"))?;
                if found > FORMAT {
                    return Err(StoreError::Newer {
                        path: self.path.clone(),
                        found,
                        known: FORMAT,
                    });
                }
            }
            None if begun.exists() => return Err(damaged("the database has lost its records")),
            None if !self.db.is_empty() => {
                return Err(damaged(
                    "there are records, but none that tells the store's format",
                ));
            }
            None => self.commit(&[Swap {
                key,
                was: None,
                becomes: Some(FORMAT.to_string().into_bytes()),
            }])?,
        }
        fs::write(&begun, BEGUN_TEXT).map_err(|source| StoreError::Unusable {
            path: self.path.clone(),
            source,
        })
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self
            .db
            .get(key.as_bytes())
            .map_err(|error| failure(&self.path, error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, range: &Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.pairs(range).collect()
    }

    fn last(&self, range: &Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        self.pairs(range).next_back().transpose()
    }

    fn pairs(
        &self,
        range: &Range<Key>,
    ) -> impl DoubleEndedIterator<Item = Result<(Key, Vec<u8>), StoreError>> {
        let pairs = self.db.range(range.start.as_bytes()..range.end.as_bytes());
        pairs.map(|pair| {
            pair.map(|(key, value)| (Key::from_bytes(&key), value.to_vec()))
                .map_err(|error| failure(&self.path, error))
        })
    }

    fn commit(&self, swaps: &[Swap]) -> Result<(), StoreError> {
        let applied = self.db.transaction(|tree| {
            for swap in swaps {
                if tree.get(swap.key.as_bytes())?.as_deref() != swap.was.as_deref() {
                    return Err(ConflictableTransactionError::Abort(()));
                }
            }
            for Swap { key, becomes, .. } in swaps {
                match becomes {
                    Some(value) => tree.insert(key.as_bytes(), value.as_slice())?,
                    None => tree.remove(key.as_bytes())?,
                };
            }
            Ok(())
        });
        applied.map_err(|error| match error {
            TransactionError::Abort(()) => StoreError::Conflict,
            TransactionError::Storage(error) => failure(&self.path, error),
        })?;
        self.make_durable()
            .map_err(|error| failure(&self.path, error))
    }

    /// Invariant: a commit is acknowledged only behind this, and it is the only place that promises durability.
    fn make_durable(&self) -> sled::Result<()> {
        self.db.flush()?;
        self.sync_blobs()?;
        self.file.sync_data()?;
        Ok(())
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
            sync_folder(&folder)?;
        }
        *synced = present;
        Ok(())
    }
}

/// sled reports a taken lock as an error without a kind, so it is tried before.
fn refuse_second_daemon(path: &Path) -> Result<(), StoreError> {
    let Ok(file) = File::open(path.join("db")) else {
        return Ok(());
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: path.to_owned(),
        }),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn failure(path: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source)
            if matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) =>
        {
            StoreError::Full { source }
        }
        sled::Error::Io(source) => StoreError::Failed {
            source: source.into(),
        },
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

//! The seam between the daemon and whatever keeps its records: ordered keys, bytes, and changes that happen together or not at all.
//!
//! It knows nothing of turns or facts; those who keep something define their own records ([`record`]) and keys ([`key`]).
//! The store on disk is [`disk`]: a database (`sled.rs`), the journal of what is written to it (`journal.rs`), and backups (`backup.rs`).
//! `opening.rs` makes it whole again when one of them is not.

use std::error::Error;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use key::Key;

mod backup;
#[cfg(test)]
mod damage;
pub mod disk;
mod frame;
#[cfg(test)]
pub(crate) mod in_memory;
mod journal;
pub mod key;
mod opening;
pub mod record;
mod sled;
#[cfg(test)]
pub(crate) mod tests;

/// An ordered map on disk.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// What stands under `key`.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError>;

    /// Everything from the start of `range` to before its end, in the order of the keys.
    async fn scan(&self, range: Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError>;

    /// The last of what [`Self::scan`] would give, without reading the rest.
    async fn last(&self, range: Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError>;

    /// Makes all `swaps` or none of them, and returns when they would survive a power failure.
    ///
    /// A swap whose `was` is no longer true refuses the whole list with [`StoreError::Conflict`]: read again and decide anew.
    async fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError>;

    /// Wishes that what was removed, and what was replaced, leaves the store's files for good; soon, not at once.
    async fn purge(&self) -> Result<(), StoreError>;
}

/// One change of one record, on the condition that nobody changed it meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// Which record.
    pub key: Key,
    /// What stood there when the change was decided.
    pub was: Option<Vec<u8>>,
    /// What shall stand there; `None` removes the record.
    pub becomes: Option<Vec<u8>>,
}

/// The cause of an error, as the database tells it.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why the store did not do it. Variants are what the caller, or the person who runs the daemon, does next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A second daemon on the same store: stop the other one.
    #[error("{} is in use by another process; stop the other chatfriends, or set store.path to another folder", path.display())]
    Locked {
        /// The folder of the store.
        path: PathBuf,
    },
    /// Neither the database nor the journal and the backups beside it can be read: restore a backup from elsewhere.
    #[error("the store in {} is damaged, and no journal and no backup beside it makes it whole; restore a backup from elsewhere with `chatfriends restore FILE`, or move the folder aside and start anew", path.display())]
    Damaged {
        /// The folder of the store.
        path: PathBuf,
        /// What the database says.
        source: Cause,
    },
    /// One record cannot be understood, though the database is whole.
    #[error("a {table} record cannot be read")]
    Unreadable {
        /// The table it is in.
        table: &'static str,
        /// What is wrong with it.
        source: Cause,
    },
    /// Written by a later version: update the program.
    #[error("the store in {} has format {found}, and this chatfriends knows formats up to {known}; use the newer program", path.display())]
    Newer {
        /// The folder of the store.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format that is understood.
        known: u32,
    },
    /// The folder cannot be used as it is: mend the path or its permissions.
    #[error("the folder {} cannot hold the store", path.display())]
    Unusable {
        /// The folder that was asked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Free some space.
    #[error("the disk of the store is full")]
    Full {
        /// What the system says.
        source: io::Error,
    },
    /// Someone else changed a record that a commit relies on: read again and decide anew.
    #[error("a record changed before the commit")]
    Conflict,
    /// The disk, or the database, failed; what was asked for did not happen, and may later.
    #[error("the store failed")]
    Failed {
        /// What the system or the database says.
        source: Cause,
    },
    /// A file that is to be restored is none that `chatfriends backup` wrote, or no longer: take another one.
    #[error("{} is no whole backup of chatfriends", path.display())]
    NoBackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Cause,
    },
    /// The daemon is stopping.
    #[error("the store is stopping")]
    Stopping,
}

impl From<io::Error> for StoreError {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { source },
            _ => Self::Failed {
                source: source.into(),
            },
        }
    }
}

/// What lies in a folder; nothing where there is none.
fn paths_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Makes the names in a folder safe on the disk: those of new files are only when their folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

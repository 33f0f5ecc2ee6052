//! How the store on disk is opened: as it stands, or made whole again from what is left of it.
//!
//! | what is found | what is opened |
//! |---|---|
//! | the database | it, with the commits of the journal that it has not got yet |
//! | a damaged one, or one that lacks commits which the journal or a backup knows | the newest whole backup with all later commits of the journal |
//! | a backup that somebody wants restored | that one |
//! | nothing | an empty database |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::backup::{self, BackupError, Kept};
use super::journal::{self, Entry, Journal, Told};
use super::sled::Database;
use super::{StoreError, sync_folder};
use crate::clock::now_ms;

/// Where everything of a store lies.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    /// Databases by number, the journal, and what has to do with them.
    pub(super) memory: PathBuf,
    /// The backups.
    pub(super) backups: PathBuf,
}

impl Folders {
    /// Those of the store in `root`.
    pub(super) fn of(root: &Path) -> Self {
        Self {
            memory: root.join("memory"),
            backups: root.join("backups"),
        }
    }

    /// The journal.
    pub(super) fn journal(&self) -> PathBuf {
        self.memory.join("journal")
    }

    /// A backup that is to be restored when the store is opened next.
    pub(super) fn restore(&self) -> PathBuf {
        self.memory.join("restore.backup")
    }

    /// There when something is to leave the files for good.
    pub(super) fn purge(&self) -> PathBuf {
        self.memory.join("purge")
    }

    /// The folder of a database. A whole one with a higher number takes the place of the others.
    pub(super) fn database(&self, number: u64) -> PathBuf {
        self.memory.join(number.to_string())
    }

    /// All databases, whole or not, by number.
    fn databases(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.memory)? {
            let path = entry?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            found.extend(number.map(|number| (number, path)));
        }
        found.sort();
        Ok(found)
    }

    /// A number that no database has.
    pub(super) fn next_number(&self) -> io::Result<u64> {
        Ok(self.databases()?.last().map_or(1, |(number, _)| number + 1))
    }

    /// A name for what is moved out of the way.
    fn aside(&self, why: &str) -> PathBuf {
        let time = backup::time_for_names(now_ms());
        let name = |count: u32| match count {
            0 => self.memory.join(format!("{why}-{time}")),
            more => self.memory.join(format!("{why}-{time}-{more}")),
        };
        (0..)
            .map(name)
            .find(|path| !path.exists())
            .expect("there are names without end")
    }

    /// Locks the store for this process, until the file is closed.
    ///
    /// # Errors
    /// [`StoreError::Locked`] and [`StoreError::Unusable`].
    pub(super) fn lock(&self) -> Result<File, StoreError> {
        let unusable = |source| StoreError::Unusable {
            path: self.memory.clone(),
            source,
        };
        fs::create_dir_all(&self.memory).map_err(unusable)?;
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true);
        let file = file.open(self.memory.join("lock")).map_err(unusable)?;
        self.try_lock(&file)?;
        Ok(file)
    }

    /// Whether a running program holds the store. Nothing is written.
    pub(super) fn are_in_use(&self) -> bool {
        File::open(self.memory.join("lock")).is_ok_and(|file| self.try_lock(&file).is_err())
    }

    fn try_lock(&self, file: &File) -> Result<(), StoreError> {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
                path: self.memory.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(StoreError::Unusable {
                path: self.memory.clone(),
                source,
            }),
            Ok(()) => Ok(()),
        }
    }
}

/// A store that is whole and ready.
#[derive(Debug)]
pub(super) struct Opened {
    /// All records.
    pub(super) database: Database,
    /// Where the next commit goes.
    pub(super) journal: Journal,
    /// Its commits do not follow on those before: without a backup made now, a later rescue would not find them.
    pub(super) backup_at_once: bool,
}

/// Opens the store; whoever calls holds its lock.
///
/// # Errors
/// [`StoreError::Damaged`] when nothing whole is left, [`Newer`](StoreError::Newer), [`Unusable`](StoreError::Unusable), and what the disk says.
pub(super) fn open(folders: &Folders, cache_mib: u32) -> Result<Opened, StoreError> {
    adopt_earlier_layout(folders, cache_mib)?;
    let opening = Opening::of(folders, cache_mib)?;
    if folders.restore().exists() {
        return opening.restore();
    }
    opening.open_what_is_there()
}

/// Opens it once more in a daemon that goes on, which knows nothing of a backup that is to be restored with the next start.
///
/// # Errors
/// As for [`open`].
pub(super) fn open_again(folders: &Folders, cache_mib: u32) -> Result<Opened, StoreError> {
    Opening::of(folders, cache_mib)?.open_what_is_there()
}

/// The whole database with the highest number; the others are removed.
fn current(folders: &Folders) -> Result<Option<PathBuf>, StoreError> {
    let mut databases = folders.databases()?;
    let last_whole = databases
        .iter()
        .rposition(|(_, path)| Database::is_begun(path));
    let current = last_whole.map(|place| databases.remove(place).1);
    for (_, path) in databases {
        fs::remove_dir_all(path)?;
    }
    Ok(current)
}

/// Stores of the versions before there was a journal: the database lay where the folder of all is now.
fn adopt_earlier_layout(folders: &Folders, cache_mib: u32) -> Result<(), StoreError> {
    let Some(root) = folders.memory.parent() else {
        return Ok(());
    };
    let between = root.join("memory.earlier");
    if let Ok(file) = File::open(folders.memory.join("db")) {
        // An earlier version that runs holds this one.
        folders.try_lock(&file)?;
        fs::rename(&folders.memory, &between)?;
        fs::create_dir(&folders.memory)?;
        // The lock moved, too; the file is the same and stays locked.
        fs::rename(between.join("lock"), folders.memory.join("lock"))?;
    }
    if between.exists() {
        let path = folders.database(1);
        fs::rename(&between, &path)?;
        sync_folder(&folders.memory)?;
        sync_folder(root)?;
        // Its commits were not counted. The journal goes on at the second, so that nobody takes it for all there ever was.
        let database = Database::open(&path, cache_mib)?;
        database.apply(Entry {
            number: 1,
            changes: Vec::new(),
        })?;
        database.make_durable()?;
    }
    Ok(())
}

struct Opening<'a> {
    folders: &'a Folders,
    cache_mib: u32,
    backups: Vec<Kept>,
    current: Option<PathBuf>,
}

impl<'a> Opening<'a> {
    fn of(folders: &'a Folders, cache_mib: u32) -> Result<Self, StoreError> {
        Ok(Self {
            folders,
            cache_mib,
            backups: backup::all(&folders.backups)?,
            current: current(folders)?,
        })
    }

    /// As it is where it is whole, and otherwise what can be made of what is left.
    fn open_what_is_there(&self) -> Result<Opened, StoreError> {
        let found = match &self.current {
            Some(path) => self.take_up(path),
            None if self.backups.is_empty()
                && journal::files(&self.folders.journal())?.is_empty() =>
            {
                return self.begin();
            }
            None => Err(StoreError::Damaged {
                path: self.folders.memory.clone(),
                source: "the database is gone".into(),
            }),
        };
        match found {
            Ok((database, told)) if told.reached >= self.known(told) => {
                self.opened(database, told.reached)
            }
            Ok((database, told)) => {
                let cause = StoreError::Damaged {
                    path: database.path().to_owned(),
                    source: "the database has lost commits".into(),
                };
                self.rescue(Some((database, told)), cause)
            }
            Err(cause @ StoreError::Damaged { .. }) => self.rescue(None, cause),
            Err(error) => Err(error),
        }
    }

    /// The number of the last commit that there is known to have been.
    fn known(&self, told: Told) -> u64 {
        let saved = self.backups.first().map_or(0, |kept| kept.header.number);
        told.reached.max(told.highest).max(saved)
    }

    fn begin(&self) -> Result<Opened, StoreError> {
        let database = self.new_database()?;
        database.write_format()?;
        database.finish()?;
        self.opened(database, 0)
    }

    fn new_database(&self) -> Result<Database, StoreError> {
        let number = self.folders.next_number()?;
        Database::begin(&self.folders.database(number), self.cache_mib)
    }

    fn opened(&self, database: Database, last: u64) -> Result<Opened, StoreError> {
        Ok(Opened {
            database,
            journal: Journal::begin(&self.folders.journal(), last)?,
            backup_at_once: false,
        })
    }

    /// The database of a folder with what the journal has beyond it.
    fn take_up(&self, path: &Path) -> Result<(Database, Told), StoreError> {
        let database = Database::open(path, self.cache_mib)?;
        let told = self.replay(&database)?;
        Ok((database, told))
    }

    fn replay(&self, database: &Database) -> Result<Told, StoreError> {
        let last = database.last()?;
        journal::replay(&self.folders.journal(), last, |entry| database.apply(entry))
    }

    /// Makes a database of a backup.
    fn load(&self, path: &Path) -> Result<Database, StoreError> {
        let database = self.new_database()?;
        let header = backup::read::<StoreError>(path, |page| database.fill(page))?;
        self.count_on(&database, header.number)?;
        Ok(database)
    }

    /// Sets the number of the last commit.
    fn count_on(&self, database: &Database, number: u64) -> Result<(), StoreError> {
        database.apply(Entry {
            number,
            changes: Vec::new(),
        })
    }

    /// Opens what reaches furthest: the newest whole backup with the journal, the journal alone where it goes back to the beginning, or, with a
    /// loss, the database as it is.
    fn rescue(
        &self,
        kept: Option<(Database, Told)>,
        cause: StoreError,
    ) -> Result<Opened, StoreError> {
        let is_whole = |it: &&Kept| match backup::verify(&it.path) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(backup = %it.path.display(), %error, "A backup is damaged and passed over.");
                false
            }
        };
        let journal = journal::files(&self.folders.journal())?;
        let base = self.backups.iter().find(is_whole);
        let beginning = match base {
            Some(base) => Some(self.load(&base.path)?),
            None if journal.first().is_some_and(|(first, _)| *first == 1) => {
                let empty = self.new_database()?;
                empty.write_format()?;
                Some(empty)
            }
            None => None,
        };
        let rebuilt = match beginning {
            Some(database) => {
                let told = self.replay(&database)?;
                Some((database, told))
            }
            None => None,
        };
        // A journal of which nothing can be read is no empty store.
        let reached = |it: &Option<(Database, Told)>| it.as_ref().map_or(0, |it| it.1.reached);
        let is_better = reached(&rebuilt) > reached(&kept);
        let (best, other) = if is_better {
            (rebuilt, kept)
        } else {
            (kept, rebuilt)
        };
        if let Some((database, _)) = other {
            let path = database.path().to_owned();
            // sled writes until it is closed.
            drop(database);
            if !is_better {
                fs::remove_dir_all(path)?;
            }
        }
        let Some((database, told)) = best else {
            return Err(cause);
        };
        let known = self.known(told);
        let backup_at_once = told.reached < known;
        let mut last = told.reached;
        if backup_at_once {
            last = known + 1;
            self.count_on(&database, last)?;
        }
        let mut moved = None;
        if is_better && let Some(damaged) = &self.current {
            let aside = self.folders.aside("damaged");
            fs::rename(damaged, &aside)?;
            moved = Some(aside);
        }
        database.finish()?;
        let cause = match &cause {
            StoreError::Damaged { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        let made = base
            .filter(|_| is_better)
            .map(|base| base.path.display().to_string());
        let moved = moved.map(|path| path.display().to_string());
        let (backup, damaged) = (made.as_deref(), moved.as_deref());
        if backup_at_once {
            tracing::error!(
                cause,
                backup,
                damaged,
                commits = known - told.reached,
                "The store was damaged, and not all of it could be made whole again: the last commits are lost."
            );
        } else {
            tracing::error!(
                cause,
                backup,
                damaged,
                "The store was damaged; it is whole again, from the backup and the journal. Nothing is lost. Have a look at the disk."
            );
        }
        Ok(Opened {
            backup_at_once,
            ..self.opened(database, last)?
        })
    }

    /// Opens the backup that somebody wants restored; what was there is moved aside.
    fn restore(&self) -> Result<Opened, StoreError> {
        let wanted = self.folders.restore();
        let header = verify(&wanted)?;
        let told =
            journal::replay::<io::Error>(&self.folders.journal(), header.number, |_| Ok(()))?;
        let last = self.known(told) + 1;
        let database = self.load(&wanted)?;
        self.count_on(&database, last)?;

        let aside = self.folders.aside("replaced");
        fs::create_dir(&aside)?;
        if let Some(path) = &self.current {
            fs::rename(path, aside.join("database"))?;
        }
        if self.folders.journal().exists() {
            fs::rename(self.folders.journal(), aside.join("journal"))?;
        }
        database.finish()?;
        fs::remove_file(&wanted)?;
        sync_folder(&self.folders.memory)?;
        tracing::warn!(
            made = backup::time_for_names(header.made_ms),
            replaced = %aside.display(),
            "A backup was restored. What was there before lies aside; remove it when it is not needed any more."
        );
        Ok(Opened {
            backup_at_once: true,
            ..self.opened(database, last)?
        })
    }
}

/// Reads a whole backup.
///
/// # Errors
/// [`StoreError::NoBackup`] with what is wrong.
pub(super) fn verify(path: &Path) -> Result<backup::Header, StoreError> {
    backup::verify(path).map_err(|source| StoreError::NoBackup {
        path: path.to_owned(),
        source: source.into(),
    })
}

impl From<BackupError> for StoreError {
    fn from(error: BackupError) -> Self {
        Self::Failed {
            source: error.into(),
        }
    }
}

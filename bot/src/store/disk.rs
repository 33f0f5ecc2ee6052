//! The store on disk. A commit is checked against the database, written to the journal, made in the database, and acknowledged when the journal
//! is safe. Backups and rewriting happen beside all that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::backup::{self, Header, Page};
use super::journal::{self, Change, Journal};
use super::key::Key;
use super::opening::{self, Folders, Opened};
use super::sled::Database;
use super::{Store, StoreError, Swap};
use crate::clock::now_ms;

/// How often it is looked whether something is to be done.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A journal that has grown by this many bytes since the last backup, and is larger than that, asks for the next before its time.
const LONG_JOURNAL: u64 = 64 << 20;
/// Bytes that must be free on the disk before the store is opened again after an error.
const ROOM: usize = 4 << 20;
/// Rewriting pauses for so many times as long as it took, so that it costs no more than a fiftieth of the time.
const PAUSE: u32 = 50;

/// A folder that holds a store. Cheap to clone; the folder is released when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct DiskStore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folders: Folders,
    cache_mib: u32,
    /// `None` when it could not be opened again after a fault.
    live: RwLock<Option<Live>>,
    /// Held while all records are copied, by whichever thread does it.
    copying: Mutex<Copying>,
    /// How often it was wished that what was removed leaves the files.
    purges_wanted: AtomicU64,
    /// The lock on the folder, for as long as the file is open.
    _lock: File,
}

/// Database and journal, which go together.
#[derive(Debug)]
struct Live {
    database: Database,
    writing: Mutex<Writing>,
    /// As far as the journal is safe, in bytes written.
    synced: Mutex<u64>,
}

#[derive(Debug)]
struct Writing {
    journal: Journal,
    /// While all records are copied: what stood, when that began, in the records that have changed since.
    before: Option<BTreeMap<Key, Option<Vec<u8>>>>,
    /// Journal and database may differ since an error: nothing may be written before the store was opened again.
    broken: bool,
}

/// What is known of the last copies.
#[derive(Debug)]
struct Copying {
    /// When the newest backup was made, milliseconds since 1970, and how many bytes it has.
    backup: Option<(u64, u64)>,
    /// Bytes of the journal then.
    written: u64,
    purges_done: u64,
    purge_not_before: Instant,
}

impl DiskStore {
    /// Opens the store in the folder `root`, which is made if need be. Of records that were read or written lately `cache_mib` MiB stay
    /// in memory. What is damaged is made whole again where it can be, which the log tells.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`Damaged`](StoreError::Damaged), [`Newer`](StoreError::Newer), [`Unusable`](StoreError::Unusable) or
    /// [`NoBackup`](StoreError::NoBackup) when a backup that was to be restored is none.
    pub async fn open(root: &Path, cache_mib: u32) -> Result<Self, StoreError> {
        let root = root.to_owned();
        blocking(root.clone(), move || Self::open_here(&root, cache_mib)).await
    }

    fn open_here(root: &Path, cache_mib: u32) -> Result<Self, StoreError> {
        let folders = Folders::of(root);
        let lock = folders.lock()?;
        let opened = opening::open(&folders, cache_mib)?;
        let backup_at_once = opened.backup_at_once;
        let newest = backup::all(&folders.backups)?.into_iter().next();
        let backup = newest.and_then(|kept| {
            let bytes = fs::metadata(&kept.path).ok()?.len();
            Some((kept.header.made_ms, bytes))
        });
        let purge_wanted = folders.purge().exists();
        let store = Self(Arc::new(Shared {
            cache_mib,
            live: RwLock::new(Some(Live::from(opened))),
            copying: Mutex::new(Copying {
                backup,
                written: 0,
                purges_done: 0,
                purge_not_before: Instant::now(),
            }),
            purges_wanted: AtomicU64::new(u64::from(purge_wanted)),
            _lock: lock,
            folders,
        }));
        if backup_at_once {
            store.0.back_up(&mut store.0.copying())?;
        }
        Ok(store)
    }

    /// Whether a running program holds the store in the folder `root`. Nothing is written.
    #[must_use]
    pub fn is_in_use(root: &Path) -> bool {
        Folders::of(root).are_in_use()
    }

    /// Makes a backup now; gives its file, which is the newest of those that the store keeps.
    ///
    /// # Errors
    /// When it cannot be read or written. Then there is none.
    pub async fn back_up(&self) -> Result<PathBuf, StoreError> {
        self.with(|shared| shared.back_up(&mut shared.copying()))
            .await
    }

    /// Makes everything of `root` ready for `backup` to take its place when the store is opened next. Works beside a running daemon.
    ///
    /// # Errors
    /// [`StoreError::NoBackup`] when the file is none; when it cannot be copied.
    pub async fn restore_next(root: &Path, backup: &Path) -> Result<(), StoreError> {
        let (folders, backup) = (Folders::of(root), backup.to_owned());
        blocking(root.to_owned(), move || {
            opening::verify(&backup)?;
            let unusable = |source| StoreError::Unusable {
                path: folders.memory.clone(),
                source,
            };
            fs::create_dir_all(&folders.memory).map_err(unusable)?;
            Ok(backup::copy(&backup, &folders.restore())?)
        })
        .await
    }

    /// The folder in which the store in `root` keeps its backups.
    #[must_use]
    pub fn backups(root: &Path) -> PathBuf {
        Folders::of(root).backups
    }

    /// Copies a backup to a file of somebody's choice, whole or not at all.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn copy_backup(backup: &Path, to: &Path) -> Result<(), StoreError> {
        let (backup, to) = (backup.to_owned(), to.to_owned());
        blocking(to.clone(), move || Ok(backup::copy(&backup, &to)?)).await
    }

    /// Does what is due now, as [`Self::keep`] does.
    ///
    /// # Errors
    /// What the disk says. What is due stays so.
    pub async fn look_after(&self) -> Result<(), StoreError> {
        self.with(Shared::look_after).await
    }

    /// Keeps the store in order until it is to stop: backups, what was wished to leave its files, and faults that can be mended.
    pub async fn keep(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
            .await
            .is_some()
        {
            if let Err(error) = self.look_after().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The store could not be kept in order; it is tried again."
                );
                // A disk that is full stays so for a while.
                stop.run_until_cancelled(tokio::time::sleep(10 * LOOK_EVERY))
                    .await;
            }
        }
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        blocking(self.0.folders.memory.clone(), move || work(&shared)).await
    }
}

#[async_trait]
impl Store for DiskStore {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.clone();
        self.with(move |shared| shared.reading(|database| database.get(&key)))
            .await
    }

    async fn scan(&self, range: Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.with(move |shared| shared.reading(|database| database.scan(&range)))
            .await
    }

    async fn last(&self, range: Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        self.with(move |shared| shared.reading(|database| database.last_of(&range)))
            .await
    }

    async fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError> {
        self.with(move |shared| shared.commit(swaps)).await
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.with(|shared| {
            // Also if the daemon ends before it has come to it.
            File::create(shared.folders.purge())?.sync_all()?;
            super::sync_folder(&shared.folders.memory)?;
            shared.purges_wanted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
        .await
    }
}

/// Runs work that may block on a thread of its own.
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

impl From<Opened> for Live {
    fn from(opened: Opened) -> Self {
        Self {
            database: opened.database,
            writing: Mutex::new(Writing {
                journal: opened.journal,
                before: None,
                broken: false,
            }),
            synced: Mutex::new(0),
        }
    }
}

impl Live {
    /// A panic of the database leaves `broken` behind.
    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all swaps or none; gives how far the journal must be safe for it.
    fn write(&self, swaps: Vec<Swap>) -> Result<Option<u64>, StoreError> {
        let mut writing = self.writing();
        let Writing {
            journal,
            before,
            broken,
        } = &mut *writing;
        if *broken {
            return Err(StoreError::Failed {
                source: "an earlier error has to be mended first".into(),
            });
        }
        for swap in &swaps {
            if self.database.get(&swap.key)? != swap.was {
                return Err(StoreError::Conflict);
            }
        }
        let changed: Vec<Swap> = swaps
            .into_iter()
            .filter(|it| it.was != it.becomes)
            .collect();
        if changed.is_empty() {
            return Ok(None);
        }
        if let Some(before) = before {
            for Swap { key, was, .. } in &changed {
                before.entry(key.clone()).or_insert_with(|| was.clone());
            }
        }
        let changes = changed
            .into_iter()
            .map(|Swap { key, becomes, .. }| Change { key, becomes });
        // Whatever goes wrong from here on, a panic of the database among it, leaves the two apart.
        *broken = true;
        let mark = journal.mark();
        let entry = match journal.append(changes.collect()) {
            Ok(entry) => entry,
            Err(error) => {
                journal.take_back(mark)?;
                *broken = false;
                return Err(error.into());
            }
        };
        if let Err(error) = self.database.apply(entry) {
            // sled remembers an error of the disk for as long as it is open, so that it stays broken even if the journal is as it was.
            journal.take_back(mark)?;
            return Err(error);
        }
        *broken = false;
        Ok(Some(journal.written()))
    }

    /// Waits until the journal is safe as far as `position`. One waiter's sync serves all that have written before.
    fn sync(&self, position: u64) -> Result<(), StoreError> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= position {
            return Ok(());
        }
        let (file, written) = {
            let writing = self.writing();
            (writing.journal.file(), writing.journal.written())
        };
        if let Err(error) = file.sync_data() {
            // Whether it is safe cannot be known any more, not even by another try.
            self.writing().broken = true;
            return Err(error.into());
        }
        *synced = written;
        Ok(())
    }

    /// Page after page of all records as they were when `before` was begun.
    fn pages(&self) -> impl Iterator<Item = Result<Page, StoreError>> {
        let mut behind = None;
        let mut ended = false;
        std::iter::from_fn(move || {
            (!ended).then(|| {
                // Nothing is written while a page is read and put right.
                let writing = self.writing();
                let page = self.database.page_behind(behind.as_ref())?;
                let last = page.last().map(|(key, _)| key.clone());
                let before = writing.before.as_ref();
                let page = as_before(page, behind.as_ref(), last.as_ref(), before);
                ended = last.is_none();
                behind = last;
                Ok(page)
            })
        })
    }
}

/// A page with what stood in its range when copying began. Its range goes from behind one key through another, or to the end.
fn as_before(
    page: Page,
    behind: Option<&Key>,
    through: Option<&Key>,
    before: Option<&BTreeMap<Key, Option<Vec<u8>>>>,
) -> Page {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let Some(before) = before else { return page };
    let range = (
        behind.map_or(Unbounded, Excluded),
        through.map_or(Unbounded, Included),
    );
    let mut records: BTreeMap<Key, Vec<u8>> = page.into_iter().collect();
    for (key, was) in before.range::<Key, _>(range) {
        match was {
            Some(value) => records.insert(key.clone(), value.clone()),
            None => records.remove(key),
        };
    }
    records.into_iter().collect()
}

impl Shared {
    fn live(&self) -> RwLockReadGuard<'_, Option<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn copying(&self) -> MutexGuard<'_, Copying> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one way to what is open. A database that turns out to be damaged is made whole again soon.
    fn using<T>(&self, work: impl FnOnce(&Live) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let guard = self.live();
        let Some(live) = &*guard else {
            return Err(StoreError::Failed {
                source: "it could not be opened again after an error".into(),
            });
        };
        // sled answers some damage with a panic.
        let worked = catch_unwind(AssertUnwindSafe(|| work(live))).unwrap_or_else(|_| {
            Err(StoreError::Damaged {
                path: live.database.path().to_owned(),
                source: "the database could not be understood".into(),
            })
        });
        if let Err(StoreError::Damaged { source, .. }) = &worked {
            live.database.mark_damaged(&source.to_string())?;
            live.writing().broken = true;
        }
        worked
    }

    fn reading<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.using(|live| work(&live.database))
    }

    fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError> {
        self.using(|live| match live.write(swaps)? {
            Some(position) => live.sync(position),
            None => Ok(()),
        })
    }

    /// Does what is due.
    fn look_after(&self) -> Result<(), StoreError> {
        let broken = self
            .live()
            .as_ref()
            .is_none_or(|live| live.writing().broken);
        let mut copying = self.copying();
        if broken {
            // While the disk is full, what is open can at least be read.
            self.try_disk()?;
            let backup_at_once = self.open_again()?;
            // The journal counts anew.
            copying.written = 0;
            if backup_at_once {
                self.back_up(&mut copying)?;
            }
        }
        let wanted = self.purges_wanted.load(Ordering::Relaxed);
        if wanted > copying.purges_done && Instant::now() >= copying.purge_not_before {
            let started = Instant::now();
            self.rewrite()?;
            self.back_up(&mut copying)?;
            self.using(|live| {
                let last = live.writing().journal.last();
                Ok(journal::forget_through(&self.folders.journal(), last)?)
            })?;
            copying.purges_done = wanted;
            if self.purges_wanted.load(Ordering::Relaxed) == wanted {
                fs::remove_file(self.folders.purge())?;
            }
            copying.purge_not_before = Instant::now() + PAUSE * started.elapsed();
        } else if self.is_backup_due(&copying)? {
            self.rewrite()?;
            self.back_up(&mut copying)?;
        }
        Ok(())
    }

    fn is_backup_due(&self, copying: &Copying) -> Result<bool, StoreError> {
        self.using(|live| {
            let (last, written) = {
                let writing = live.writing();
                (writing.journal.last(), writing.journal.written())
            };
            Ok(match copying.backup {
                None => last > 0,
                Some((made_ms, bytes)) => {
                    now_ms().saturating_sub(made_ms) >= backup::EVERY.as_millis() as u64
                        || written - copying.written > LONG_JOURNAL.max(bytes)
                }
            })
        })
    }

    /// Whether something can be written.
    fn try_disk(&self) -> std::io::Result<()> {
        let path = self.folders.memory.join("trial");
        let tried = fs::write(&path, vec![0; ROOM]).and_then(|()| File::open(&path)?.sync_all());
        fs::remove_file(&path).and(tried)
    }

    /// After an error: closes the store and opens it as at the start. Whether it needs a backup at once.
    fn open_again(&self) -> Result<bool, StoreError> {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        *live = None;
        let opened = opening::open_again(&self.folders, self.cache_mib)?;
        let backup_at_once = opened.backup_at_once;
        *live = Some(Live::from(opened));
        tracing::info!("The store was opened again after an error.");
        Ok(backup_at_once)
    }

    /// Copies all records into a new database, which takes the place of the old one, so that nothing is left of what was removed. Others
    /// read and write meanwhile, but for the last moment.
    fn rewrite(&self) -> Result<(), StoreError> {
        let path = self.folders.database(self.folders.next_number()?);
        let next = Database::begin(&path, self.cache_mib)?;
        let copied = self.using(|live| {
            live.writing().before = Some(BTreeMap::new());
            live.pages().try_for_each(|page| next.fill(page?))
        });
        let mut guard = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = guard.take() else {
            return copied;
        };
        let replaced = copied.and_then(|()| {
            let mut writing = live.writing();
            let changed = writing.before.take().unwrap_or_default();
            let mut changes = Vec::new();
            for key in changed.into_keys() {
                let becomes = live.database.get(&key)?;
                changes.push(Change { key, becomes });
            }
            next.apply(journal::Entry {
                number: writing.journal.last(),
                changes,
            })?;
            next.finish()
        });
        if let Err(error) = replaced {
            live.writing().before = None;
            *guard = Some(live);
            drop(next);
            fs::remove_dir_all(&path)?;
            return Err(error);
        }
        let old = live.database.path().to_owned();
        *guard = Some(Live {
            database: next,
            writing: live.writing,
            synced: live.synced,
        });
        drop(guard);
        // sled writes until it is closed.
        drop(live.database);
        fs::remove_dir_all(old)?;
        Ok(())
    }

    /// Writes all records as they are now into a file that is kept, and lets go of what is not needed beside it.
    fn back_up(&self, copying: &mut Copying) -> Result<PathBuf, StoreError> {
        fs::create_dir_all(&self.folders.backups)?;
        let (path, written, last_two) = self.using(|live| {
            let last = live.writing().journal.last();
            let newest = backup::all(&self.folders.backups)?.into_iter().next();
            if let Some(newest) = newest.filter(|it| it.header.number == last)
                && backup::verify(&newest.path).is_ok()
            {
                // Nothing was written since.
                copying.backup = Some((now_ms(), fs::metadata(&newest.path)?.len()));
                return Ok((newest.path, copying.written, None));
            }
            let header = {
                let mut writing = live.writing();
                writing.journal.turn_page()?;
                writing.before = Some(BTreeMap::new());
                Header {
                    number: writing.journal.last(),
                    made_ms: now_ms(),
                }
            };
            let path = backup::name(&self.folders.backups, header);
            let made = backup::write(&path, header, live.pages());
            let written = {
                let mut writing = live.writing();
                writing.before = None;
                writing.journal.written()
            };
            made?;
            live.database.make_durable()?;
            copying.backup = Some((header.made_ms, fs::metadata(&path)?.len()));
            let all = backup::all(&self.folders.backups)?;
            Ok((path, written, all.get(1).map(|kept| kept.header.number)))
        })?;
        copying.written = written;
        backup::prune(&self.folders.backups)?;
        // One of the two may be damaged when it is needed.
        if let Some(number) = last_two {
            journal::forget_through(&self.folders.journal(), number)?;
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The journal of a store that was opened again counts anew, which once was taken for less than nothing.
    #[tokio::test]
    async fn what_turns_out_to_be_damaged_is_mended_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let store = DiskStore::open(folder.path(), 8).await.unwrap();
        let put = async |number: u64| {
            let swap = Swap {
                key: Key::of("test").number(number),
                was: None,
                becomes: Some(vec![b'x'; 1_000]),
            };
            store.commit(vec![swap]).await
        };
        for number in 0..20 {
            put(number).await.unwrap();
        }
        store.back_up().await.unwrap();
        put(20).await.unwrap();
        let found = store.0.using(|live| {
            Err::<(), _>(StoreError::Damaged {
                path: live.database.path().to_owned(),
                source: "a test".into(),
            })
        });
        assert!(found.is_err() && put(21).await.is_err());
        // A backup that waits for the next start goes on waiting.
        let newest = backup::all(&store.0.folders.backups).unwrap().remove(0);
        DiskStore::restore_next(folder.path(), &newest.path)
            .await
            .unwrap();
        for _ in 0..2 {
            store.look_after().await.unwrap();
        }
        put(21).await.unwrap();
        let all = store.scan(Key::of("test").under()).await.unwrap();
        assert_eq!(all.len(), 22);
    }
}

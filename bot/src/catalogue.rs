//! The personas as they are now: edited files take effect without a restart, broken ones keep their last good state.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use chatfriends_personas::{Faults, Library};
use notify::{RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Editors write a file in several steps; one look after the last of them is enough.
const SETTLE: Duration = Duration::from_millis(150);

/// The personas there are, shared with the watcher that keeps them current.
#[derive(Debug, Clone)]
pub struct Catalogue {
    folder: PathBuf,
    library: Arc<RwLock<Arc<Library>>>,
    edited: Arc<Notify>,
}

impl Catalogue {
    /// The shipped personas with those of `folder`; the faults are of files that could not be used.
    #[must_use]
    pub fn open(folder: &Path) -> (Self, Vec<Faults>) {
        let loaded = Library::load(existing(folder));
        (
            Self {
                folder: folder.to_owned(),
                library: Arc::new(RwLock::new(Arc::new(loaded.library))),
                edited: Arc::default(),
            },
            loaded.faults,
        )
    }

    /// The personas of this moment.
    #[must_use]
    pub fn now(&self) -> Arc<Library> {
        Arc::clone(&self.library.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the folder again; the faults are of files that keep their last good state.
    pub fn reload(&self) -> Vec<Faults> {
        let loaded = self.now().reload(existing(&self.folder));
        *self.library.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded.library);
        loaded.faults
    }

    /// Waits until [`Self::watch`] has found other personas than before. For one listener.
    pub async fn edited(&self) {
        self.edited.notified().await;
    }

    /// Watches the folder until told to stop. A folder that is not there yet is made, so that a first persona file is seen.
    ///
    /// # Errors
    /// When the system cannot watch the folder.
    pub async fn watch(self, stop: CancellationToken) -> anyhow::Result<()> {
        if let Err(error) = std::fs::create_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "The persona folder cannot be made; shipped personas only.");
            stop.cancelled().await;
            return Ok(());
        }
        let (changed, mut changes) = mpsc::channel(1);
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let is_change = event.is_ok_and(|event| !event.kind.is_access());
                if is_change {
                    // A full channel means that a look is already due.
                    let _already_due = changed.try_send(());
                }
            })?;
        watcher
            .watch(&self.folder, RecursiveMode::NonRecursive)
            .with_context(|| format!("watching {}", self.folder.display()))?;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = changes.recv() => {}
            }
            tokio::time::sleep(SETTLE).await;
            let before = self.now();
            let faults = self.reload();
            for fault in faults {
                tracing::warn!(%fault, "A persona file is broken and not used; where there was a good one before, that stays.");
            }
            if before != self.now() {
                tracing::info!(folder = %self.folder.display(), "Personas were read again.");
                self.edited.notify_one();
            }
        }
    }
}

fn existing(folder: &Path) -> Option<&Path> {
    folder.is_dir().then_some(folder)
}

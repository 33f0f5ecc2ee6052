//! The local models of one machine: each has a worker from its first use until another model needs the memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::supervisor::{Limits, Program};
use super::{Worker, WorkerSettings, own_worker};
use crate::generate::{EngineError, Generate, Readiness};

/// Nothing tells when the last one who uses a model lets go of it, so whoever waits for its memory looks this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Workers for models that may be too many for the machine's memory. Whoever holds what [`Pool::open`] gives is using that model. Where
/// the next one does not fit, the one that was opened longest ago ends for it, as soon as nobody uses it.
#[derive(Debug)]
pub struct Pool {
    program: Program,
    limits: Limits,
    /// In the order in which they were last opened.
    running: Mutex<Vec<Running>>,
    lives: watch::Sender<u64>,
    /// Held by who waits for a model to load, and by who waits for others to end. Tokio's locks let everybody through in the order of
    /// coming.
    loading: Arc<tokio::sync::Mutex<()>>,
    ending: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Running {
    model: PathBuf,
    /// The file as it was when the worker was made.
    stamp: Option<Stamp>,
    worker: Arc<Worker>,
}

/// By which a file that was changed, or is there now, is known: its length in bytes and when it was written.
type Stamp = (u64, SystemTime);

fn stamp(model: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(model).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

impl Running {
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.worker) > 1
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            program: own_worker(),
            limits: Limits::default(),
            running: Mutex::default(),
            lives: watch::Sender::default(),
            loading: Arc::default(),
            ending: tokio::sync::Mutex::default(),
        }
    }
}

impl Pool {
    /// Starts a model's worker without waiting for it, unless it has one. One that was refused for want of memory, or could not use a file that
    /// is another one now, is none. Must be called inside a tokio runtime.
    pub fn start(&self, settings: &WorkerSettings) -> Arc<Worker> {
        let stamp = stamp(&settings.model);
        let mut running = self.running();
        running.retain(|it| {
            it.model != settings.model
                || match it.worker.readiness() {
                    Readiness::NoRoom(_) => false,
                    Readiness::Failed(_) => it.stamp == stamp,
                    Readiness::Ready | Readiness::Waiting(_) => true,
                }
        });
        let place = running.iter().position(|it| it.model == settings.model);
        let last = match place {
            Some(place) => running.remove(place),
            None => Running {
                model: settings.model.clone(),
                stamp,
                worker: Arc::new(Worker::supervise(
                    self.program.clone(),
                    settings.clone(),
                    self.limits.clone(),
                    self.lives.clone(),
                )),
            },
        };
        let worker = Arc::clone(&last.worker);
        running.push(last);
        worker
    }

    /// A model's worker that is ready, at the cost of others where memory is short. It runs as long as what is returned is held, and
    /// longer while nobody needs its memory.
    ///
    /// # Errors
    /// What [`Generate::ready`] says; [`EngineError::NoRoom`] when it would not fit without all others either.
    pub async fn open(&self, settings: &WorkerSettings) -> Result<Arc<Worker>, EngineError> {
        // Behind whoever waits for the end of others: a model that is opened again and again would never be free to end.
        drop(self.ending.lock().await);
        if let Some(worker) = self.ready(&settings.model) {
            return Ok(worker);
        }
        // One after the other: whether the next fits is known when the one before has taken its memory.
        let loading = Arc::new(Arc::clone(&self.loading).lock_owned().await);
        // Whoever began to load one may not wait for it any more.
        self.all_loaded(&settings.model).await;
        loop {
            let worker = self.start(settings);
            let unfit = match worker.ready().await {
                Ok(()) => return Ok(worker),
                Err(unfit @ EngineError::NoRoom(_)) => unfit,
                Err(error) => return Err(error),
            };
            if !self.would_fit_alone(&worker) {
                return Err(unfit);
            }
            drop(worker);
            let _ending = self.ending.lock().await;
            let Some(other) = self.free_besides(&settings.model).await else {
                return Err(unfit);
            };
            tracing::info!(
                ended = %other.model.display(),
                for_model = %settings.model.display(),
                "A model's worker ends, since another model needs the memory."
            );
            // Even if nobody waits for it any more: the next one is to load when the memory is there.
            let guard = Arc::clone(&loading);
            let ended = tokio::spawn(async move {
                other.worker.stop().await;
                drop(guard);
            });
            if let Err(panic) = ended.await {
                tracing::error!(%panic, "A model's worker could not be ended.");
            }
        }
    }

    /// Waits until every other model's worker has its memory, or has failed.
    async fn all_loaded(&self, but: &Path) {
        let is_other = |it: &&Running| it.model != but;
        let others: Vec<Arc<Worker>> = {
            let running = self.running();
            let others = running.iter().filter(is_other);
            others.map(|it| Arc::clone(&it.worker)).collect()
        };
        for worker in others {
            // What became of it its own people hear.
            drop(worker.ready().await);
        }
    }

    /// A model's worker if it is ready, as the one that was opened last.
    fn ready(&self, model: &Path) -> Option<Arc<Worker>> {
        let mut running = self.running();
        let is_ready =
            |it: &Running| it.model == model && it.worker.readiness() == Readiness::Ready;
        let place = running.iter().position(is_ready)?;
        let last = running.remove(place);
        let worker = Arc::clone(&last.worker);
        running.push(last);
        Some(worker)
    }

    /// Whether a worker that was refused would have its memory if all others ended.
    fn would_fit_alone(&self, refused: &Worker) -> bool {
        let Readiness::NoRoom(shortage) = refused.readiness() else {
            return true;
        };
        // Those that failed have given theirs back.
        let is_ready = |it: &&Running| it.worker.readiness() == Readiness::Ready;
        let running = self.running();
        let taken: u64 = running
            .iter()
            .filter(is_ready)
            .map(|it| it.worker.needed())
            .sum();
        shortage.needed <= shortage.available.saturating_add(taken)
    }

    /// Takes out the one that was opened longest ago of those that nobody uses, as soon as there is one; `None` where there is no other.
    async fn free_besides(&self, model: &Path) -> Option<Running> {
        loop {
            {
                let mut running = self.running();
                if running.iter().all(|it| it.model == model) {
                    return None;
                }
                let free = |it: &Running| it.model != model && !it.is_used();
                if let Some(place) = running.iter().position(free) {
                    return Some(running.remove(place));
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether requests for a model can be served now. One that does not run can: it starts with its first use.
    pub fn readiness(&self, model: &Path) -> Readiness {
        let running = self.running();
        let found = running.iter().find(|it| it.model == model);
        found.map_or(Readiness::Ready, |it| it.worker.readiness())
    }

    /// Whether a model has a worker that has its memory, or is getting it.
    pub fn runs(&self, model: &Path) -> bool {
        let has_memory = |it: &Running| {
            matches!(
                it.worker.readiness(),
                Readiness::Ready | Readiness::Waiting(_)
            )
        };
        let running = self.running();
        running.iter().any(|it| it.model == model && has_memory(it))
    }

    /// The workers that there are.
    pub fn workers(&self) -> Vec<Arc<Worker>> {
        let running = self.running();
        running.iter().map(|it| Arc::clone(&it.worker)).collect()
    }

    /// How often a worker has become ready: for the first time, or again after its death. One that is new knows nothing of what was computed
    /// before.
    pub fn lives(&self) -> watch::Receiver<u64> {
        self.lives.subscribe()
    }

    /// Lets go of the models that are not `wanted`; each ends with its last use.
    pub fn keep(&self, wanted: impl Fn(&Path, &Readiness) -> bool) {
        self.running()
            .retain(|it| wanted(&it.model, &it.worker.readiness()));
    }

    /// Ends all workers.
    pub async fn stop(&self) {
        let running = std::mem::take(&mut *self.running());
        let ends = running.into_iter().map(|it| async move {
            it.worker.stop().await;
        });
        ends.collect::<JoinSet<()>>().join_all().await;
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

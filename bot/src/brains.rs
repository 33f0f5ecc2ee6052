//! The engines that run, and which of them answers for a persona. Starts them; knows nothing of conversations.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chatfriends_engine::{
    ChatKey, EngineError, Generate, Model, Pool, Readiness, Sampling, Server, ServerSettings,
    Worker, WorkerSettings,
};
use chatfriends_personas::{Library, Persona, SamplingChoice};
use tokio::sync::watch;

use crate::identity::Conversation;
use crate::settings::{Brain, EngineSettings, ServerChoice};
use crate::starter;

/// All engines of this daemon: the default one, and one for each model that a persona brings.
#[derive(Debug)]
pub struct Brains {
    default: Origin,
    local: Arc<Pool>,
    worker: EngineSettings,
    /// How long a turn waits for an engine that is starting.
    patience: Duration,
    seats: Mutex<HashMap<SeatKey, Model>>,
    /// How often something was forgotten.
    forgotten: AtomicU64,
}

/// Where a model is.
#[derive(Debug, Clone)]
enum Origin {
    File(PathBuf),
    Server(Arc<Server>),
}

/// What a checked model depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SeatKey {
    model: Option<String>,
    template: Option<String>,
    adapter: Option<PathBuf>,
}

/// An engine that is ready to answer for one persona, with what must be known to ask it.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The engine.
    pub engine: Arc<dyn Generate>,
    /// What fits.
    pub model: Model,
    /// How the persona's words are drawn.
    pub sampling: Sampling,
    /// How long the engine is waited for.
    patience: Duration,
}

impl Brains {
    /// Starts the default engine; it gets ready in the background.
    ///
    /// # Errors
    /// When the starter cannot be unpacked, or the server's tokenizer cannot be read.
    pub fn start(
        brain: &Brain,
        worker: &EngineSettings,
        store: &Path,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let default = match brain {
            Brain::Starter => Origin::File(starter::unpack(store)?),
            Brain::File(path) => Origin::File(path.clone()),
            Brain::Server(choice) => Origin::Server(Arc::new(server(choice)?)),
        };
        let local = Arc::new(Pool::default());
        if let Origin::File(path) = &default {
            let settings = worker_settings(worker, path);
            local.start(&settings);
            // Others wait until it has its memory.
            let local = Arc::clone(&local);
            tokio::spawn(async move { local.open(&settings).await.map(drop) });
        }
        Ok(Self {
            default,
            local,
            worker: worker.clone(),
            patience,
            seats: Mutex::default(),
            forgotten: AtomicU64::default(),
        })
    }

    /// Checks that a persona's model, template and adapter work together, waiting for an engine that is starting, or for memory that others
    /// use. As long as the seat is held, the model keeps its memory.
    ///
    /// # Errors
    /// What the engine says about them.
    pub async fn seat(&self, persona: &Persona) -> Result<Seat, EngineError> {
        let engine = self.engine_of(persona).await?;
        let key = SeatKey {
            model: persona.model.clone(),
            template: persona.template.clone(),
            adapter: persona.adapter.clone(),
        };
        let known = self
            .seats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        let model = match known {
            Some(model) => model,
            None => {
                let model = self.prepared(engine.as_ref(), persona).await?;
                self.seats
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key, model.clone());
                model
            }
        };
        let sampling = overlaid(&Sampling::default(), &persona.sampling);
        Ok(Seat {
            engine,
            model,
            sampling,
            patience: self.patience,
        })
    }

    async fn prepared(
        &self,
        engine: &dyn Generate,
        persona: &Persona,
    ) -> Result<Model, EngineError> {
        let prepare = || engine.prepare(persona.template.as_deref(), persona.adapter.as_deref());
        match prepare().await {
            // It was dead already and nobody had noticed.
            Err(EngineError::Gone(_)) => {
                within(self.patience, engine.ready()).await?;
                prepare().await
            }
            prepared => prepared,
        }
    }

    /// Waits until the default engine can answer.
    ///
    /// # Errors
    /// When it never will.
    pub async fn ready(&self) -> Result<(), EngineError> {
        match &self.default {
            Origin::File(path) => self.open(path).await.map(drop),
            Origin::Server(server) => server.ready().await,
        }
    }

    /// Whether the default engine can answer.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        match &self.default {
            Origin::File(path) => self.local.readiness(path),
            Origin::Server(server) => server.readiness(),
        }
    }

    /// Whether a persona's model runs. One that a persona brings does from its first use until another needs the memory.
    #[must_use]
    pub fn runs(&self, persona: &Persona) -> bool {
        match self.origin(persona) {
            Origin::File(path) => self.local.runs(&path),
            Origin::Server(_) => true,
        }
    }

    /// How often a worker on this machine has become ready, the first time and after each death.
    #[must_use]
    pub fn lives(&self) -> watch::Receiver<u64> {
        self.local.lives()
    }

    /// Lets go of the engines of models that no persona brings any more; each ends with the last reply that uses it. One that has failed
    /// goes, too: the file that was missing may be there now.
    pub fn keep(&self, library: &Library) {
        let named: HashSet<&str> = library
            .iter()
            .filter_map(|persona| persona.model.as_deref())
            .collect();
        self.local.keep(|path, readiness| {
            let is_default = matches!(&self.default, Origin::File(default) if default == path);
            let is_named = path.to_str().is_some_and(|path| named.contains(path));
            is_default || (is_named && !matches!(readiness, Readiness::Failed(_)))
        });
        // The file may be another one when its path is named again.
        self.seats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| {
                key.model
                    .as_deref()
                    .is_none_or(|model| named.contains(model))
            });
    }

    /// Lets every engine let go of what it has computed of these conversations. What is composed meanwhile may hold their words still: whoever
    /// composes asks before and afterwards how often something was [`forgotten`](Self::forgotten).
    pub async fn forget(&self, conversations: &BTreeSet<Conversation>) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        self.let_go(conversations).await;
    }

    /// How often something was forgotten.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Lets go of what was computed of a conversation if something was forgotten since there were so many times.
    pub async fn forget_if_since(&self, forgotten: u64, conversation: &Conversation) {
        if self.forgotten() != forgotten {
            self.let_go(&BTreeSet::from([conversation.clone()])).await;
        }
    }

    async fn let_go(&self, conversations: &BTreeSet<Conversation>) {
        let chats: Vec<ChatKey> = conversations.iter().map(Conversation::chat_key).collect();
        for worker in self.local.workers() {
            worker.forget(chats.clone()).await;
        }
        if let Origin::Server(server) = &self.default {
            server.forget(chats).await;
        }
    }

    /// Ends all engines.
    pub async fn stop(&self) {
        self.local.stop().await;
        if let Origin::Server(server) = &self.default {
            server.stop().await;
        }
    }

    /// What answers for a persona, once it is ready.
    async fn engine_of(&self, persona: &Persona) -> Result<Arc<dyn Generate>, EngineError> {
        match self.origin(persona) {
            Origin::File(path) => Ok(within(self.patience, self.open(&path)).await?),
            Origin::Server(server) => {
                within(self.patience, server.ready()).await?;
                Ok(server)
            }
        }
    }

    async fn open(&self, model: &Path) -> Result<Arc<Worker>, EngineError> {
        self.local.open(&worker_settings(&self.worker, model)).await
    }

    fn origin(&self, persona: &Persona) -> Origin {
        match &persona.model {
            Some(model) => Origin::File(model.into()),
            None => self.default.clone(),
        }
    }
}

impl Seat {
    /// Counts tokens; an engine that dies meanwhile is waited for once.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, EngineError> {
        match self.engine.count(texts.clone()).await {
            Err(EngineError::Gone(_)) => {
                within(self.patience, self.engine.ready()).await?;
                self.engine.count(texts).await
            }
            counted => counted,
        }
    }
}

async fn within<T>(
    patience: Duration,
    ready: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    let ready = tokio::time::timeout(patience, ready).await;
    ready.unwrap_or_else(|_| Err(EngineError::Gone("it is still starting".to_owned())))
}

/// `base` with what was chosen differently.
#[must_use]
pub fn overlaid(base: &Sampling, choice: &SamplingChoice) -> Sampling {
    Sampling {
        temperature: choice.temperature.unwrap_or(base.temperature),
        top_k: choice.top_k.unwrap_or(base.top_k),
        top_p: choice.top_p.unwrap_or(base.top_p),
        min_p: choice.min_p.unwrap_or(base.min_p),
        repeat_penalty: choice.repeat_penalty.unwrap_or(base.repeat_penalty),
        repeat_last_n: choice.repeat_last_n.unwrap_or(base.repeat_last_n),
        dry_multiplier: choice.dry_multiplier.unwrap_or(base.dry_multiplier),
        dry_base: choice.dry_base.unwrap_or(base.dry_base),
        dry_allowed_length: choice.dry_allowed_length.unwrap_or(base.dry_allowed_length),
    }
}

/// How a worker computes with this model.
#[must_use]
pub fn worker_settings(engine: &EngineSettings, model: &Path) -> WorkerSettings {
    WorkerSettings {
        gpu_layers: engine.gpu_layers,
        devices: engine.devices.clone(),
        slots: engine.slots,
        context: engine.context,
        kv_type: engine.kv_type,
        flash_attention: engine.flash_attention,
        threads: engine.threads,
        cache_ram: engine.cache_ram,
        mmap: engine.mmap,
        mlock: engine.mlock,
        ..WorkerSettings::new(model)
    }
}

/// Begins to watch a model server.
///
/// # Errors
/// When its address or tokenizer cannot be used.
pub fn server(choice: &ServerChoice) -> Result<Server, EngineError> {
    Server::start(ServerSettings {
        url: choice.url.clone(),
        model: choice.model.clone(),
        key: choice.key.clone(),
        context: choice.context,
        tokenizer: choice.tokenizer.clone(),
    })
}

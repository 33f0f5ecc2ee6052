//! llama.cpp in a child process: this file is the daemon's handle on it. `supervisor` keeps the process alive, `child` is its inside.

mod child;
#[cfg(feature = "llama")]
mod grammar;
mod job;
mod link;
#[cfg(feature = "llama")]
mod llama;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside asks")
)]
mod machine;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside plans")
)]
mod plan;
mod pool;
mod protocol;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside quantises")
)]
mod quantize;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside remembers")
)]
mod replies;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside schedules")
)]
mod scheduler;
#[cfg(feature = "llama")]
mod score;
#[cfg(feature = "llama")]
mod service;
mod settings;
mod supervisor;
#[cfg(feature = "llama")]
mod templates;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside lays prompts out")
)]
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use child::run_worker;
pub use job::{Job, JobError, run_job};
pub use pool::Pool;
pub use quantize::Quantization;
pub use settings::{FlashAttention, GpuLayers, KvType, WorkerSettings};

use crate::generate::{ChatKey, EngineError, Generate, Model, Readiness, Reply, Request};
use crate::request;
use supervisor::{Call, Program, Supervisor};

/// A local model behind a process boundary: llama.cpp answers broken input with `abort()`, and that must end a process which is not ours.
///
/// Started with [`Worker::start`], which returns at once; [`Generate::ready`] waits for the model. A dead worker is reported to every
/// waiting reply as [`EngineError::Gone`] and started again with growing pauses, until it has died too often.
/// A model of at least a thousand million weights counts as capable of writing summaries.
#[derive(Debug)]
pub struct Worker {
    calls: mpsc::Sender<Call>,
    readiness: watch::Receiver<Readiness>,
    pid: watch::Receiver<Option<u32>>,
    needed: watch::Receiver<u64>,
    next_call: AtomicU64,
    stop: CancellationToken,
    supervisor: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Starts this program's own `engine` command as the worker. Must be called inside a tokio runtime.
    pub fn start(settings: WorkerSettings) -> Self {
        Self::supervise(
            own_worker(),
            settings,
            supervisor::Limits::default(),
            watch::Sender::default(),
        )
    }

    /// Starts another program that ends up in [`run_worker`]; for tests and wrappers such as a sandbox.
    pub fn start_program(
        program: impl Into<PathBuf>,
        args: Vec<String>,
        settings: WorkerSettings,
    ) -> Self {
        Self::supervise(
            Program {
                path: program.into(),
                args,
            },
            settings,
            supervisor::Limits::default(),
            watch::Sender::default(),
        )
    }

    /// `lives` counts how often a worker has become ready.
    fn supervise(
        program: Program,
        settings: WorkerSettings,
        limits: supervisor::Limits,
        lives: watch::Sender<u64>,
    ) -> Self {
        let (calls, incoming) = mpsc::channel(64);
        let (readiness_in, readiness) =
            watch::channel(Readiness::Waiting("the model is being loaded".into()));
        let (pid_in, pid) = watch::channel(None);
        let (needed_in, needed) = watch::channel(0);
        let stop = CancellationToken::new();
        let supervisor = Supervisor {
            program,
            settings,
            limits,
            calls: incoming,
            readiness: readiness_in,
            pid: pid_in,
            proven: false,
            device: supervisor::Device::default(),
            needed: needed_in,
            lives,
            mapping: None,
        };
        let task = tokio::spawn(supervisor.run(stop.clone()));
        Self {
            calls,
            readiness,
            pid,
            needed,
            next_call: AtomicU64::new(1),
            stop,
            supervisor: tokio::sync::Mutex::new(Some(task)),
        }
    }

    /// The worker's process id, while there is one.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Bytes of the machine's memory that the model takes; 0 before it was ready once.
    fn needed(&self) -> u64 {
        *self.needed.borrow()
    }

    async fn ask<T>(
        &self,
        call: Call,
        answer: oneshot::Receiver<Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        // Both fail only after `stop`.
        let stopped = || EngineError::Gone("the engine was stopped".into());
        self.calls.send(call).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

#[async_trait::async_trait]
impl Generate for Worker {
    async fn prepare(
        &self,
        template: Option<&str>,
        adapter: Option<&Path>,
    ) -> Result<Model, EngineError> {
        let (tell, answer) = oneshot::channel();
        let call = Call::Prepare {
            template: template.map(Into::into),
            adapter: adapter.map(Into::into),
            tell,
        };
        self.ask(call, answer).await
    }

    async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, EngineError> {
        let (tell, answer) = oneshot::channel();
        self.ask(Call::Count { texts, tell }, answer).await
    }

    async fn forget(&self, chats: Vec<ChatKey>) {
        // A supervisor that is gone has no worker, which keeps nothing.
        self.calls.send(Call::Forget { chats }).await.ok();
    }

    async fn generate(&self, request: Request) -> Result<Reply, EngineError> {
        request::check(&request)?;
        let id = self.next_call.fetch_add(1, Ordering::Relaxed);
        // A reply has at most one text for each token, and one end: so the supervisor never waits for a slow reader.
        let (events, receiver) = mpsc::channel(request.max_tokens.min(1 << 20) as usize + 2);
        let (open, ended) = oneshot::channel();
        tokio::spawn(cancel_when_dropped(
            id,
            events.clone(),
            ended,
            self.calls.clone(),
        ));
        let (tell, answer) = oneshot::channel();
        self.ask(
            Call::Generate {
                id,
                request: Box::new(request),
                events,
                open,
                tell,
            },
            answer,
        )
        .await?;
        Ok(Reply { events: receiver })
    }

    fn readiness(&self) -> Readiness {
        self.readiness.borrow().clone()
    }

    async fn ready(&self) -> Result<(), EngineError> {
        let mut readiness = self.readiness.clone();
        let settled = readiness
            .wait_for(|now| !matches!(now, Readiness::Waiting(_)))
            .await;
        match settled.as_deref() {
            Ok(Readiness::Failed(reason)) => Err(EngineError::Refused(reason.clone())),
            Ok(Readiness::NoRoom(shortage)) => Err(EngineError::NoRoom(shortage.reason.clone())),
            Ok(_) => Ok(()),
            Err(_) => Err(EngineError::Gone("the engine was stopped".into())),
        }
    }

    async fn stop(&self) {
        self.stop.cancel();
        // Held until the task has ended, so that every caller waits for the end.
        let mut supervisor = self.supervisor.lock().await;
        if let Some(task) = supervisor.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "The engine's supervisor ended badly.");
        }
    }
}

/// The program that runs, to be started once more.
fn own_program() -> PathBuf {
    // The link leads to the running program even after its file was replaced by an upgrade.
    if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        std::env::current_exe().unwrap_or_else(|_| PathBuf::from("chatfriends"))
    }
}

/// It, as a worker.
fn own_worker() -> Program {
    Program {
        path: own_program(),
        args: vec!["engine".into()],
    }
}

/// Tells the supervisor when nobody reads a reply any more. `ended` resolves when the supervisor is done with the reply.
async fn cancel_when_dropped(
    id: u64,
    events: mpsc::Sender<supervisor::ReplyEvent>,
    ended: oneshot::Receiver<()>,
    calls: mpsc::Sender<Call>,
) {
    tokio::select! {
        () = events.closed() => {
            // Fails only after `stop`, when there is nothing left to cancel.
            calls.send(Call::Cancel { id }).await.ok();
        }
        _ = ended => {}
    }
}

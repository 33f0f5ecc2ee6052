//! Keeps the worker process alive and carries calls to it. It knows the protocol, not llama.cpp: any program that speaks it will do.
//!
//! One task owns everything, so there are no locks: the process, the calls that wait for an answer, and the truth about readiness.

mod waiting;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use self::waiting::{OpenReply, Question, Waiter, Waiting};
use super::link::{Heard, Link};
use super::protocol::{CallId, Command, Report, VERSION};
use super::settings::{GpuLayers, WorkerSettings};
use crate::generate::{ChatKey, EngineError, Event, Model, Readiness, Request, Shortage};

/// What a reply's channel carries.
pub(crate) type ReplyEvent = Result<Event, EngineError>;
type Answer<T> = oneshot::Sender<Result<T, EngineError>>;

/// What the handle asks for.
#[derive(Debug)]
pub(crate) enum Call {
    Prepare {
        template: Option<String>,
        adapter: Option<PathBuf>,
        tell: Answer<Model>,
    },
    Count {
        texts: Vec<String>,
        tell: Answer<Vec<u32>>,
    },
    Generate {
        id: CallId,
        request: Box<Request>,
        events: mpsc::Sender<ReplyEvent>,
        /// Held as long as the reply is open.
        open: oneshot::Sender<()>,
        tell: Answer<()>,
    },
    Cancel {
        id: CallId,
    },
    Forget {
        chats: Vec<ChatKey>,
    },
}

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
}

/// How patient the supervisor is.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// From the start of the process to its hello.
    pub(crate) handshake: Duration,
    /// From the hello until the model is loaded; a big file on a slow disk takes minutes.
    pub(crate) load: Duration,
    /// After a reply's deadline, or after a question: a worker that has not ended or answered it by then hangs. Longer than any step
    /// of a large model on a slow machine.
    pub(crate) overdue: Duration,
    /// From `Stop` until the process is killed.
    pub(crate) farewell: Duration,
    /// The pause before the first restart; it doubles with each further one.
    pub(crate) first_pause: Duration,
    /// The longest pause.
    pub(crate) longest_pause: Duration,
    /// So many deaths ...
    pub(crate) deaths: usize,
    /// ... within this time are one too many.
    pub(crate) within: Duration,
    /// Calls that may wait for the worker at the same time.
    pub(crate) waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            load: Duration::from_secs(900),
            overdue: Duration::from_secs(120),
            farewell: Duration::from_secs(3),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            deaths: 5,
            within: Duration::from_secs(600),
            waiting: 256,
        }
    }
}

/// The task behind a `Worker`.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) program: Program,
    pub(crate) settings: WorkerSettings,
    pub(crate) limits: Limits,
    pub(crate) calls: mpsc::Receiver<Call>,
    pub(crate) readiness: watch::Sender<Readiness>,
    pub(crate) pid: watch::Sender<Option<u32>>,
    /// Whether a worker with these settings has ever been ready. If so, what keeps the next one from it may pass.
    pub(crate) proven: bool,
    /// What the present worker has to do with a device.
    pub(crate) device: Device,
    /// Bytes of the machine's memory that it takes; of the last one that was ready.
    pub(crate) needed: watch::Sender<u64>,
    /// How often one has become ready; others count in it, too.
    pub(crate) lives: watch::Sender<u64>,
    /// The part of them that the system counts as free.
    pub(crate) mapping: Option<Mapping>,
}

/// What a worker has to do with a graphics processor, whose driver may end it or make it fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Device {
    #[default]
    Unused,
    /// One is looked for, or the model is being put there.
    Loading,
    /// It was ready with some of its layers there.
    Used,
}

/// How one life of the worker ended.
enum Ended {
    /// We were told to stop, or nobody holds the handle any more.
    Stopped,
    /// The worker died; a new one may do better.
    Died(String),
    /// It could not load what an earlier one could: the file may be replaced just now.
    Unable(String),
    /// The memory that is free is too small. Who has more models may end another, and start this one anew.
    NoRoom(Shortage),
    /// It could not be started with a device; without one it may.
    Unloaded(String),
    /// The settings ask for what is not there.
    Misset(String),
    /// A new one would fail in the same way.
    Hopeless(String),
}

impl Supervisor {
    /// Runs workers one after another until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let faults = self.settings.faults();
        if !faults.is_empty() {
            return self.refuse_all(&stop, faults.join("; ")).await;
        }
        let mut deaths = VecDeque::new();
        loop {
            let (reason, shortest_pause) = match self.live(&stop).await {
                Ended::Stopped => break,
                Ended::Misset(reason) | Ended::Hopeless(reason) => {
                    return self.refuse_all(&stop, reason).await;
                }
                Ended::NoRoom(Shortage { reason, .. }) => {
                    tracing::warn!(%reason, model = %self.settings.model.display(), "A model has no room.");
                    self.turn_away(&stop, None, &EngineError::NoRoom(reason))
                        .await;
                    break;
                }
                Ended::Unloaded(reason) => {
                    self.do_without_device(&reason);
                    continue;
                }
                Ended::Died(reason) => (reason, Duration::ZERO),
                Ended::Unable(reason) => (reason, self.limits.longest_pause),
            };
            let now = Instant::now();
            deaths.push_back(now);
            while deaths
                .front()
                .is_some_and(|&death| now - death > self.limits.within)
            {
                deaths.pop_front();
            }
            if deaths.len() >= self.limits.deaths && self.device == Device::Used {
                self.do_without_device(&reason);
                deaths.clear();
                continue;
            }
            if deaths.len() >= self.limits.deaths {
                let minutes = self.limits.within.as_secs() / 60;
                let reason = format!(
                    "the engine's worker died {} times within {minutes} minutes, the last time because {reason}",
                    deaths.len()
                );
                return self.refuse_all(&stop, reason).await;
            }
            let pause = pause_after(deaths.len(), &self.limits).max(shortest_pause);
            tracing::warn!(%reason, ?pause, "The engine's worker died; starting it again.");
            self.set(restarting(&reason));
            if !self
                .turn_away(&stop, Some(pause), &EngineError::Gone(reason))
                .await
            {
                break;
            }
        }
        self.set(stopped());
    }

    /// From now on the processor computes everything, more slowly.
    fn do_without_device(&mut self, reason: &str) {
        tracing::warn!(%reason, model = %self.settings.model.display(),
            "The model cannot be used with the graphics processor; the processor computes it from now on, more slowly.");
        self.settings.gpu_layers = GpuLayers::Count(0);
    }

    /// One worker from its start to its end.
    async fn live(&mut self, stop: &CancellationToken) -> Ended {
        let devices = self.settings.gpu_layers != GpuLayers::Count(0);
        let mut link = match Link::start(&self.program, devices) {
            Ok(link) => link,
            Err(error) => {
                let reason = format!(
                    "{} could not be started: {error}",
                    self.program.path.display()
                );
                return match error.kind() {
                    ErrorKind::NotFound | ErrorKind::PermissionDenied => Ended::Hopeless(reason),
                    // Too many processes, too little memory, a file that is just being written.
                    _ => Ended::Died(reason),
                };
            }
        };
        self.pid.send_replace(link.pid());
        let mut waiting = Waiting::default();
        self.device = Device::Unused;
        let ended = match self.serve(&mut link, &mut waiting, stop).await {
            Ended::Died(reason) | Ended::Unable(reason) | Ended::Hopeless(reason)
                if self.device == Device::Loading =>
            {
                Ended::Unloaded(reason)
            }
            ended => ended,
        };
        self.pid.send_replace(None);
        // Before the waiting are told: who learns of the death asks for readiness next.
        let reason = match &ended {
            Ended::Stopped => {
                self.set(stopped());
                "it was stopped"
            }
            Ended::Died(reason) | Ended::Unable(reason) | Ended::Unloaded(reason) => {
                self.set(restarting(reason));
                reason
            }
            Ended::NoRoom(shortage) => {
                self.set(Readiness::NoRoom(shortage.clone()));
                &shortage.reason
            }
            Ended::Misset(reason) | Ended::Hopeless(reason) => {
                self.set(Readiness::Failed(reason.clone()));
                reason
            }
        };
        waiting.fail_all(&EngineError::Gone(reason.to_owned()));
        if matches!(ended, Ended::Stopped) {
            link.say(&Command::Stop).ok();
            link.end(self.limits.farewell).await;
        } else {
            link.end(Duration::ZERO).await;
        }
        // Only now its memory is free.
        self.mapping = None;
        ended
    }

    /// Speaks with a running worker until one side ends.
    async fn serve(
        &mut self,
        link: &mut Link,
        waiting: &mut Waiting,
        stop: &CancellationToken,
    ) -> Ended {
        if let Err(reason) = link.say(&Command::Hello {
            version: VERSION,
            settings: self.settings.clone(),
            mapped: MAPPED.load(Ordering::Relaxed),
        }) {
            return Ended::Hopeless(reason);
        }
        let mut stage = Stage::Greeting;
        let mut due = Instant::now() + self.limits.handshake;
        let mut tick = interval(Duration::from_millis(500));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ended::Stopped,
                call = self.calls.recv() => match call {
                    None => return Ended::Stopped,
                    Some(call) if stage == Stage::Ready => self.pass_on(call, link, waiting),
                    Some(call) => reject(call, &EngineError::Gone("the model is being loaded".into())),
                },
                heard = link.hear() => match heard {
                    Heard::Report(Report::Hello { version }) if stage == Stage::Greeting => {
                        if version != VERSION {
                            return Ended::Hopeless(format!(
                                "the worker speaks version {version} of the protocol and this program {VERSION}: start both from the same build"
                            ));
                        }
                        stage = Stage::Loading;
                        due = Instant::now() + self.limits.load;
                    }
                    // It was there before: its driver has lost it.
                    Heard::Report(Report::Misset { reason }) if self.proven => {
                        return Ended::Unloaded(reason);
                    }
                    Heard::Report(Report::Misset { reason }) => return Ended::Misset(reason),
                    Heard::Report(Report::Failed { reason }) if self.proven => {
                        return Ended::Unable(reason);
                    }
                    Heard::Report(Report::Failed { reason }) => return Ended::Hopeless(reason),
                    Heard::Report(Report::NoRoom(shortage)) => return Ended::NoRoom(shortage),
                    Heard::Report(Report::Offloading) if stage == Stage::Loading => {
                        self.device = Device::Loading;
                    }
                    Heard::Report(Report::Ready { needed, mapped, offloads }) if stage == Stage::Loading => {
                        stage = Stage::Ready;
                        self.mapping = Some(Mapping::new(mapped));
                        self.needed.send_replace(needed);
                        self.proven = true;
                        self.device = if offloads { Device::Used } else { Device::Unused };
                        self.set(Readiness::Ready);
                        self.lives.send_modify(|lives| *lives += 1);
                    }
                    Heard::Report(report) if stage == Stage::Ready => waiting.settle(report),
                    Heard::Report(_) => return Ended::Died("it spoke out of turn".into()),
                    Heard::End(reason) => return Ended::Died(reason),
                },
                _ = tick.tick() => {
                    let now = Instant::now();
                    if stage != Stage::Ready && now > due {
                        return Ended::Died(format!("it was not ready in time ({})", stage.words()));
                    }
                    if waiting.overdue(now) {
                        return Ended::Died("it hung: a call was not answered in time".into());
                    }
                },
            }
        }
    }

    /// Sends a call to a ready worker and remembers who waits for it.
    fn pass_on(&self, call: Call, link: &mut Link, waiting: &mut Waiting) {
        if let Call::Cancel { id } = call {
            // Unknown ids are replies that have ended meanwhile.
            if waiting.replies.remove(&id).is_some() {
                link.say(&Command::Cancel { call: id }).ok();
            }
            return;
        }
        if let Call::Forget { chats } = call {
            if let Err(reason) = link.say(&Command::Forget { chats }) {
                tracing::error!(%reason, "The worker could not be told what to forget.");
            }
            return;
        }
        if waiting.len() >= self.limits.waiting {
            return reject(call, &EngineError::Busy);
        }
        let (command, waiter) = match call {
            Call::Prepare {
                template,
                adapter,
                tell,
            } => {
                let call = waiting.number();
                let due = if adapter.is_some() {
                    // A new adapter is loaded when those who are being answered now have their replies.
                    waiting.all_replied() + self.limits.overdue + self.limits.load
                } else {
                    Instant::now() + self.limits.overdue
                };
                (
                    Command::Prepare {
                        call,
                        template,
                        adapter,
                    },
                    Waiter::Prepare(call, Question { tell, due }),
                )
            }
            Call::Count { texts, tell } => {
                let call = waiting.number();
                let due = Instant::now() + self.limits.overdue;
                (
                    Command::Count { call, texts },
                    Waiter::Count(call, Question { tell, due }),
                )
            }
            Call::Generate {
                id,
                request,
                events,
                open,
                tell,
            } => {
                let due = Instant::now()
                    + request.deadline.min(Duration::from_secs(86_400))
                    + self.limits.overdue;
                let reply = OpenReply {
                    events,
                    accepted: Some(tell),
                    due,
                    _open: open,
                };
                (
                    Command::Generate { call: id, request },
                    Waiter::Reply(id, reply),
                )
            }
            Call::Cancel { .. } | Call::Forget { .. } => return,
        };
        match link.say(&command) {
            Ok(()) => waiting.add(waiter),
            Err(reason) => waiter.fail(&EngineError::Refused(reason)),
        }
    }

    /// After a failure that only a person can mend: says so to everyone until told to stop.
    async fn refuse_all(&mut self, stop: &CancellationToken, reason: String) {
        tracing::error!(%reason, model = %self.settings.model.display(), "The engine cannot run.");
        self.set(Readiness::Failed(reason.clone()));
        self.turn_away(stop, None, &EngineError::Refused(reason))
            .await;
    }

    /// Answers every call with `error` for a time, or for good; false when it is time to stop.
    async fn turn_away(
        &mut self,
        stop: &CancellationToken,
        pause: Option<Duration>,
        error: &EngineError,
    ) -> bool {
        let over = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = stop.cancelled() => return false,
                () = &mut over => return true,
                call = self.calls.recv() => match call {
                    None => return false,
                    Some(call) => reject(call, error),
                },
            }
        }
    }

    fn set(&self, readiness: Readiness) {
        self.readiness.send_replace(readiness);
    }
}

/// Bytes of weights that the workers of this program have mapped.
static MAPPED: AtomicU64 = AtomicU64::new(0);

/// A running worker's share of them.
#[derive(Debug)]
pub(crate) struct Mapping(u64);

impl Mapping {
    fn new(bytes: u64) -> Self {
        MAPPED.fetch_add(bytes, Ordering::Relaxed);
        Self(bytes)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        MAPPED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Loading,
    Ready,
}

impl Stage {
    fn words(self) -> &'static str {
        match self {
            Self::Greeting => "no greeting came",
            Self::Loading => "the model was still being loaded",
            Self::Ready => "ready",
        }
    }
}

fn restarting(reason: &str) -> Readiness {
    Readiness::Waiting(format!("the engine is being restarted because {reason}"))
}

fn stopped() -> Readiness {
    Readiness::Failed("the engine was stopped".into())
}

/// The pause before the next start, after so many recent deaths.
fn pause_after(deaths: usize, limits: &Limits) -> Duration {
    let doublings = u32::try_from(deaths.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(20);
    limits
        .first_pause
        .saturating_mul(1 << doublings)
        .min(limits.longest_pause)
}

/// Answers a call that does not reach a worker.
fn reject(call: Call, error: &EngineError) {
    // Whoever does not listen any more does not need the answer.
    match call {
        Call::Prepare { tell, .. } => drop(tell.send(Err(error.clone()))),
        Call::Count { tell, .. } => drop(tell.send(Err(error.clone()))),
        Call::Generate { tell, .. } => drop(tell.send(Err(error.clone()))),
        // A new worker knows nothing.
        Call::Cancel { .. } | Call::Forget { .. } => {}
    }
}

#[cfg(test)]
mod tests;

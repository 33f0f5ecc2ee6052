//! Keeps the worker process alive and carries calls to it. It knows the protocol, not llama.cpp: any program that speaks it will do.
//!
//! One task owns everything, so there are no locks: the process, the calls that wait for an answer, and the truth about readiness.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::link::{Heard, Link};
use super::protocol::{CallId, Command, Report, VERSION};
use super::settings::WorkerSettings;
use crate::generate::{EngineError, Event, Model, Readiness, Request};

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
    /// After a reply's deadline: a worker that has not ended it by then hangs. Longer than any step of a large model on a slow machine.
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
}

/// How one life of the worker ended.
enum Ended {
    /// We were told to stop, or nobody holds the handle any more.
    Stopped,
    /// The worker died; a new one may do better.
    Died(String),
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
            let reason = match self.live(&stop).await {
                Ended::Stopped => break,
                Ended::Hopeless(reason) => return self.refuse_all(&stop, reason).await,
                Ended::Died(reason) => reason,
            };
            let now = Instant::now();
            deaths.push_back(now);
            while deaths
                .front()
                .is_some_and(|&death| now - death > self.limits.within)
            {
                deaths.pop_front();
            }
            if deaths.len() >= self.limits.deaths {
                let minutes = self.limits.within.as_secs() / 60;
                let reason = format!(
                    "the engine's worker died {} times within {minutes} minutes, the last time because {reason}",
                    deaths.len()
                );
                return self.refuse_all(&stop, reason).await;
            }
            let pause = pause_after(deaths.len(), &self.limits);
            tracing::warn!(%reason, ?pause, "The engine's worker died; starting it again.");
            self.set(Readiness::Waiting(format!(
                "the engine is being restarted because {reason}"
            )));
            if !self
                .turn_away(&stop, Some(pause), &EngineError::Gone(reason))
                .await
            {
                break;
            }
        }
        self.set(Readiness::Failed("the engine was stopped".into()));
    }

    /// One worker from its start to its end.
    async fn live(&mut self, stop: &CancellationToken) -> Ended {
        let mut link = match Link::start(&self.program) {
            Ok(link) => link,
            Err(error) => {
                return Ended::Hopeless(format!(
                    "{} could not be started: {error}",
                    self.program.path.display()
                ));
            }
        };
        self.pid.send_replace(link.pid());
        let mut waiting = Waiting::default();
        let ended = self.serve(&mut link, &mut waiting, stop).await;
        self.pid.send_replace(None);
        // Readiness first: who learns of the death asks for it next.
        if let Ended::Died(reason) = &ended {
            self.set(Readiness::Waiting(format!(
                "the engine is being restarted because {reason}"
            )));
        }
        waiting.fail_all(&EngineError::Gone(match &ended {
            Ended::Stopped => "it was stopped".into(),
            Ended::Died(reason) | Ended::Hopeless(reason) => reason.clone(),
        }));
        if matches!(ended, Ended::Stopped) {
            link.say(&Command::Stop).ok();
            link.end(self.limits.farewell).await;
        } else {
            link.end(Duration::ZERO).await;
        }
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
                    Heard::Report(Report::Failed { reason }) => return Ended::Hopeless(reason),
                    Heard::Report(Report::Ready) if stage == Stage::Loading => {
                        stage = Stage::Ready;
                        self.set(Readiness::Ready);
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
                        return Ended::Died("it hung: a reply did not end at its deadline".into());
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
                (
                    Command::Prepare {
                        call,
                        template,
                        adapter,
                    },
                    Waiter::Prepare(call, tell),
                )
            }
            Call::Count { texts, tell } => {
                let call = waiting.number();
                (Command::Count { call, texts }, Waiter::Count(call, tell))
            }
            Call::Generate {
                id,
                request,
                events,
                open,
                tell,
            } => {
                let overdue = Instant::now()
                    + request.deadline.min(Duration::from_secs(86_400))
                    + self.limits.overdue;
                let reply = OpenReply {
                    events,
                    accepted: Some(tell),
                    overdue,
                    _open: open,
                };
                (
                    Command::Generate { call: id, request },
                    Waiter::Reply(id, reply),
                )
            }
            Call::Cancel { .. } => return,
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
        Call::Cancel { .. } => {}
    }
}

/// A call on its way to the worker.
enum Waiter {
    Prepare(CallId, Answer<Model>),
    Count(CallId, Answer<Vec<u32>>),
    Reply(CallId, OpenReply),
}

impl Waiter {
    fn fail(self, error: &EngineError) {
        match self {
            Self::Prepare(_, tell) => drop(tell.send(Err(error.clone()))),
            Self::Count(_, tell) => drop(tell.send(Err(error.clone()))),
            Self::Reply(_, reply) => reply.fail(error),
        }
    }
}

/// A reply that has not ended.
#[derive(Debug)]
struct OpenReply {
    events: mpsc::Sender<ReplyEvent>,
    /// Taken when the worker has accepted the request.
    accepted: Option<Answer<()>>,
    overdue: Instant,
    /// Dropped with the rest, which ends the task that watches for the reader's going.
    _open: oneshot::Sender<()>,
}

impl OpenReply {
    fn fail(mut self, error: &EngineError) {
        match self.accepted.take() {
            Some(tell) => drop(tell.send(Err(error.clone()))),
            // Never full: the channel has room for every event of a reply. Closed: nobody reads.
            None => drop(self.events.try_send(Err(error.clone()))),
        }
    }
}

/// Everyone who waits for the present worker.
#[derive(Debug, Default)]
struct Waiting {
    prepares: HashMap<CallId, Answer<Model>>,
    counts: HashMap<CallId, Answer<Vec<u32>>>,
    replies: HashMap<CallId, OpenReply>,
    numbered: u64,
}

impl Waiting {
    fn len(&self) -> usize {
        self.prepares.len() + self.counts.len() + self.replies.len()
    }

    /// A call id for what the handle did not number. Its own ids count up from 1, these down from the end.
    fn number(&mut self) -> CallId {
        self.numbered += 1;
        CallId::MAX - self.numbered
    }

    fn add(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Prepare(call, tell) => drop(self.prepares.insert(call, tell)),
            Waiter::Count(call, tell) => drop(self.counts.insert(call, tell)),
            Waiter::Reply(call, reply) => drop(self.replies.insert(call, reply)),
        }
    }

    /// Gives a report to whom it belongs. Reports for cancelled replies belong to nobody.
    fn settle(&mut self, report: Report) {
        match report {
            Report::Prepared { call, outcome } => {
                if let Some(tell) = self.prepares.remove(&call) {
                    drop(tell.send(outcome));
                }
            }
            Report::Counted { call, outcome } => {
                if let Some(tell) = self.counts.remove(&call) {
                    drop(tell.send(outcome));
                }
            }
            Report::Accepted { call, outcome } => {
                let refused = outcome.is_err();
                if let Some(tell) = self
                    .replies
                    .get_mut(&call)
                    .and_then(|reply| reply.accepted.take())
                {
                    drop(tell.send(outcome));
                }
                if refused {
                    self.replies.remove(&call);
                }
            }
            Report::Event { call, event } => {
                let last = !matches!(event, Ok(Event::Text(_)));
                if let Some(reply) = self.replies.get(&call) {
                    // Never full: the channel has room for every event of a reply. Closed: its cancellation is on the way.
                    drop(reply.events.try_send(event));
                }
                if last {
                    self.replies.remove(&call);
                }
            }
            Report::Hello { .. } | Report::Ready | Report::Failed { .. } => {
                tracing::warn!("The engine's worker introduced itself twice.");
            }
        }
    }

    fn overdue(&self, now: Instant) -> bool {
        self.replies.values().any(|reply| now > reply.overdue)
    }

    fn fail_all(&mut self, error: &EngineError) {
        self.prepares
            .drain()
            .for_each(|(_, tell)| drop(tell.send(Err(error.clone()))));
        self.counts
            .drain()
            .for_each(|(_, tell)| drop(tell.send(Err(error.clone()))));
        self.replies
            .drain()
            .for_each(|(_, reply)| reply.fail(error));
    }
}

#[cfg(test)]
mod tests;

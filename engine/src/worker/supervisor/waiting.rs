//! Who waits for the present worker, and until when. It gives reports to whom they belong; what a worker is told, and what follows when one does
//! not answer, is the supervisor's.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Answer, ReplyEvent};
use crate::generate::{EngineError, Event, Model};
use crate::worker::protocol::{CallId, Report};

/// Everyone who waits for the present worker.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    prepares: HashMap<CallId, Question<Model>>,
    counts: HashMap<CallId, Question<Vec<u32>>>,
    pub(super) replies: HashMap<CallId, OpenReply>,
    numbered: u64,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.prepares.len() + self.counts.len() + self.replies.len()
    }

    /// A call id for what the handle did not number. Its own ids count up from 1, these down from the end.
    pub(super) fn number(&mut self) -> CallId {
        self.numbered += 1;
        CallId::MAX - self.numbered
    }

    pub(super) fn add(&mut self, waiter: Waiter) {
        match waiter {
            Waiter::Prepare(call, question) => drop(self.prepares.insert(call, question)),
            Waiter::Count(call, question) => drop(self.counts.insert(call, question)),
            Waiter::Reply(call, reply) => drop(self.replies.insert(call, reply)),
        }
    }

    /// Gives a report to whom it belongs. Reports for cancelled replies belong to nobody.
    pub(super) fn settle(&mut self, report: Report) {
        match report {
            Report::Prepared { call, outcome } => {
                if let Some(question) = self.prepares.remove(&call) {
                    question.answer(outcome);
                }
            }
            Report::Counted { call, outcome } => {
                if let Some(question) = self.counts.remove(&call) {
                    question.answer(outcome);
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
            Report::Hello { .. }
            | Report::Offloading
            | Report::Ready { .. }
            | Report::Misset { .. }
            | Report::Failed { .. }
            | Report::NoRoom(_) => {
                tracing::warn!("The engine's worker introduced itself twice.");
            }
        }
    }

    pub(super) fn overdue(&self, now: Instant) -> bool {
        let mut dues = (self.replies.values().map(|reply| reply.due))
            .chain(self.prepares.values().map(|question| question.due))
            .chain(self.counts.values().map(|question| question.due));
        dues.any(|due| now > due)
    }

    /// When every open reply must have ended.
    pub(super) fn all_replied(&self) -> Instant {
        let dues = self.replies.values().map(|reply| reply.due);
        dues.max().unwrap_or_else(Instant::now)
    }

    pub(super) fn fail_all(&mut self, error: &EngineError) {
        self.prepares
            .drain()
            .for_each(|(_, question)| question.answer(Err(error.clone())));
        self.counts
            .drain()
            .for_each(|(_, question)| question.answer(Err(error.clone())));
        self.replies
            .drain()
            .for_each(|(_, reply)| reply.fail(error));
    }
}

/// A call on its way to the worker.
pub(super) enum Waiter {
    Prepare(CallId, Question<Model>),
    Count(CallId, Question<Vec<u32>>),
    Reply(CallId, OpenReply),
}

impl Waiter {
    pub(super) fn fail(self, error: &EngineError) {
        match self {
            Self::Prepare(_, question) => question.answer(Err(error.clone())),
            Self::Count(_, question) => question.answer(Err(error.clone())),
            Self::Reply(_, reply) => reply.fail(error),
        }
    }
}

/// A call with a single answer.
#[derive(Debug)]
pub(super) struct Question<T> {
    pub(super) tell: Answer<T>,
    /// A worker that has not answered by then hangs.
    pub(super) due: Instant,
}

impl<T> Question<T> {
    fn answer(self, outcome: Result<T, EngineError>) {
        // Fails when nobody waits any more.
        self.tell.send(outcome).ok();
    }
}

/// A reply that has not ended.
#[derive(Debug)]
pub(super) struct OpenReply {
    pub(super) events: mpsc::Sender<ReplyEvent>,
    /// Taken when the worker has accepted the request.
    pub(super) accepted: Option<Answer<()>>,
    /// A worker that has not ended it by then hangs.
    pub(super) due: Instant,
    /// Dropped with the rest, which ends the task that watches for the reader's going.
    pub(super) _open: oneshot::Sender<()>,
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

//! Decides which tokens are computed next and for whom. Pure: it calls nothing, reads no clock, and knows tokens only as numbers.
//!
//! A request waits in a queue, is admitted to a slot, has its prompt decoded in chunks, then one token in each step until it ends.
//! What a slot has decoded stays there: the next turn of the same chat computes only what is new.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::protocol::CallId;
use crate::generate::{ChatKey, FinishReason, Usage};

/// A token's number in the vocabulary.
pub(crate) type Token = i32;

/// An adapter that the worker has loaded, by its number there.
pub(crate) type Adapter = usize;

/// A step should take about this long at most: it is how long a cancellation, a new request and everyone's next token wait.
const STEP: Duration = Duration::from_millis(500);
/// Smaller chunks of a prompt waste time.
const LEAST_CHUNK: usize = 32;
/// Until the pace is known.
const FIRST_CHUNK: usize = 128;

/// The sizes that everything is fitted to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Requests decoded at the same time.
    pub(crate) slots: usize,
    /// Tokens of one request, prompt and reply.
    pub(crate) context: usize,
    /// Tokens of one step.
    pub(crate) batch: usize,
    /// Requests that may wait.
    pub(crate) queue: usize,
}

/// A request as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) chat: Option<ChatKey>,
    pub(crate) adapter: Option<Adapter>,
    /// Neither empty nor longer than the context minus one.
    pub(crate) prompt: Vec<Token>,
    pub(crate) max_tokens: u32,
    pub(crate) deadline: Instant,
}

/// A request got a slot. Before the next step, the slot's cache must be cut to its first `keep` tokens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) call: CallId,
    pub(crate) slot: usize,
    pub(crate) keep: usize,
}

/// One token of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) slot: usize,
    pub(crate) token: Token,
    pub(crate) position: usize,
    /// Whether the token that follows is to be drawn.
    pub(crate) draw: bool,
}

/// A request has ended. The slot's cache, if it had one, must be cut to its first `keep` tokens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) call: CallId,
    pub(crate) slot: Option<(usize, usize)>,
    pub(crate) usage: Usage,
}

/// The queue and the slots.
#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: Limits,
    queue: VecDeque<Job>,
    slots: Vec<Slot>,
    /// Counts admissions, to tell what came first.
    admissions: u64,
    /// Prompt tokens that fit into a step of the wanted length.
    chunk: usize,
}

#[derive(Debug, Default)]
struct Slot {
    /// The tokens in this slot's cache, in order. Invariant: token `i` was decoded at position `i`, with `adapter`.
    kept: Vec<Token>,
    adapter: Option<Adapter>,
    /// Whose they are.
    chat: Option<ChatKey>,
    last_used: u64,
    work: Option<Work>,
}

/// A request in its slot.
#[derive(Debug)]
struct Work {
    job: Job,
    admitted: u64,
    cached: usize,
    generated: u32,
    /// Drawn, but not decoded yet.
    next: Option<Token>,
}

impl Scheduler {
    pub(crate) fn new(limits: Limits) -> Self {
        let slots = (0..limits.slots).map(|_| Slot::default()).collect();
        Self {
            limits,
            queue: VecDeque::new(),
            slots,
            admissions: 0,
            chunk: FIRST_CHUNK,
        }
    }

    /// Takes a request, or says that the queue is full.
    pub(crate) fn submit(&mut self, job: Job) -> Result<(), Job> {
        let idle = self.slots.iter().filter(|slot| slot.work.is_none()).count();
        // Those that will get a slot at the next admission do not wait.
        if self.queue.len() >= self.limits.queue + idle {
            return Err(job);
        }
        self.queue.push_back(job);
        Ok(())
    }

    /// Whether no request is in a slot.
    pub(crate) fn is_drained(&self) -> bool {
        self.slots.iter().all(|slot| slot.work.is_none())
    }

    /// Whether there is nothing to do at all.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.is_drained()
    }

    /// The adapter of those in the slots; all have the same, since llama.cpp applies adapters to a whole step.
    pub(crate) fn adapter(&self) -> Option<Adapter> {
        self.slots
            .iter()
            .find_map(|slot| slot.work.as_ref())
            .and_then(|work| work.job.adapter)
    }

    /// Gives waiting requests a slot, first come first served. A request for another adapter waits until the slots are empty,
    /// and those behind it wait with it, so that it is not passed by for ever.
    pub(crate) fn admit(&mut self) -> Vec<Admission> {
        let mut admissions = Vec::new();
        while let Some(job) = self.queue.front() {
            if !self.is_drained() && job.adapter != self.adapter() {
                break;
            }
            let Some((index, keep)) = self.choose_slot(job) else {
                break;
            };
            let Some(job) = self.queue.pop_front() else {
                break;
            };
            self.admissions += 1;
            admissions.push(Admission {
                call: job.call,
                slot: index,
                keep,
            });
            let slot = &mut self.slots[index];
            slot.kept.truncate(keep);
            slot.adapter = job.adapter;
            slot.chat.clone_from(&job.chat);
            slot.last_used = self.admissions;
            slot.work = Some(Work {
                job,
                admitted: self.admissions,
                cached: keep,
                generated: 0,
                next: None,
            });
        }
        admissions
    }

    /// The free slot with the longest usable beginning among those of the same chat; else the one unused for the longest time.
    fn choose_slot(&self, job: &Job) -> Option<(usize, usize)> {
        let free = || {
            self.slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.work.is_none())
        };
        let own = free().filter(|(_, slot)| job.chat.is_some() && slot.chat == job.chat);
        let (index, slot) = own
            .max_by_key(|(_, slot)| slot.usable(job))
            .or_else(|| free().min_by_key(|(_, slot)| slot.last_used))?;
        Some((index, slot.usable(job)))
    }

    /// The next step: one token for everyone who is generating, then prompts, first come first served.
    /// The caller must decode it, or call [`Scheduler::lose_everything`].
    pub(crate) fn next_step(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Some(token) = slot.work.as_mut().and_then(|work| work.next.take()) {
                entries.push(Entry {
                    slot: index,
                    token,
                    position: slot.kept.len(),
                    draw: true,
                });
                slot.kept.push(token);
            }
        }
        let mut room = self
            .limits
            .batch
            .saturating_sub(entries.len())
            .min(self.chunk);
        let mut prompts: Vec<_> = self
            .slots
            .iter_mut()
            .enumerate()
            .filter(|(_, slot)| slot.prompt_left() > 0)
            .collect();
        prompts.sort_by_key(|(_, slot)| slot.work.as_ref().map(|work| work.admitted));
        for (index, slot) in prompts {
            let Some(work) = &slot.work else { continue };
            let from = slot.kept.len();
            let until = work.job.prompt.len().min(from + room);
            room -= until - from;
            for (position, token) in work.job.prompt.iter().enumerate().take(until).skip(from) {
                entries.push(Entry {
                    slot: index,
                    token: *token,
                    position,
                    draw: position + 1 == work.job.prompt.len(),
                });
            }
            slot.kept.extend(&work.job.prompt[from..until]);
        }
        entries
    }

    /// Learns how long a step took, to choose the size of the next chunks.
    pub(crate) fn note(&mut self, entries: &[Entry], took: Duration) {
        // The time of a small step says nothing about a large one.
        if entries.len() >= LEAST_CHUNK {
            let a_second = entries.len() as f64 / took.as_secs_f64().max(1e-6);
            let fitting = (a_second * STEP.as_secs_f64()) as usize;
            // At most twice as much at once: one quick step may be an exception.
            self.chunk = fitting
                .min(self.chunk * 2)
                .clamp(LEAST_CHUNK, self.limits.batch.max(LEAST_CHUNK));
        }
    }

    /// Takes the token that was drawn for a slot and says whether the reply is at its limit.
    pub(crate) fn drawn(&mut self, slot: usize, token: Token) -> Option<FinishReason> {
        let slot = self.slots.get_mut(slot)?;
        let work = slot.work.as_mut()?;
        work.generated += 1;
        work.next = Some(token);
        // The token drawn now would take the position `kept.len()`, the last one being `context - 1`.
        let full =
            work.generated >= work.job.max_tokens || slot.kept.len() + 1 >= self.limits.context;
        full.then_some(FinishReason::Length)
    }

    /// The request in a slot.
    pub(crate) fn call(&self, slot: usize) -> Option<CallId> {
        self.slots
            .get(slot)?
            .work
            .as_ref()
            .map(|work| work.job.call)
    }

    /// Ends the request in a slot. A drawn token that was not decoded is forgotten by the cache.
    pub(crate) fn finish(&mut self, index: usize) -> Option<Ended> {
        let slot = self.slots.get_mut(index)?;
        let work = slot.work.take()?;
        if slot.chat.is_none() {
            slot.kept.clear();
            slot.last_used = 0;
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let usage = Usage {
            prompt_tokens: count(work.job.prompt.len()),
            cached_tokens: count(work.cached),
            completion_tokens: work.generated,
        };
        Some(Ended {
            call: work.job.call,
            slot: Some((index, slot.kept.len())),
            usage,
        })
    }

    /// Ends a request, wherever it is; `None` when it has ended already.
    pub(crate) fn cancel(&mut self, call: CallId) -> Option<Ended> {
        if let Some(index) = (0..self.slots.len()).find(|index| self.call(*index) == Some(call)) {
            return self.finish(index);
        }
        let place = self.queue.iter().position(|job| job.call == call)?;
        self.queue.remove(place).map(|job| unserved(&job))
    }

    /// Ends every request whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Ended> {
        let late = |job: &Job| job.deadline <= now;
        let queued = self
            .queue
            .iter()
            .filter(|job| late(job))
            .map(|job| job.call);
        let running = self
            .slots
            .iter()
            .filter_map(|slot| slot.work.as_ref())
            .filter(|work| late(&work.job))
            .map(|work| work.job.call);
        let calls: Vec<CallId> = queued.chain(running).collect();
        calls
            .into_iter()
            .filter_map(|call| self.cancel(call))
            .collect()
    }

    /// A slot's cache could not be cut to its first tokens and is empty now: the whole prompt has to be decoded.
    pub(crate) fn lose(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.kept.clear();
            if let Some(work) = &mut slot.work {
                work.cached = 0;
            }
        }
    }

    /// The whole cache is gone, and with it every running request; those that wait go on waiting.
    pub(crate) fn lose_everything(&mut self) -> Vec<CallId> {
        let running = self
            .slots
            .iter_mut()
            .filter_map(|slot| std::mem::take(slot).work);
        running.map(|work| work.job.call).collect()
    }
}

impl Slot {
    /// How much of what is kept here begins the job's prompt: nothing, unless it is the same chat's. At least one token is left to decode, since the reply is drawn from it.
    fn usable(&self, job: &Job) -> usize {
        if job.chat.is_none() || self.chat != job.chat || self.adapter != job.adapter {
            return 0;
        }
        let shared = self
            .kept
            .iter()
            .zip(&job.prompt)
            .take_while(|(kept, wanted)| kept == wanted)
            .count();
        shared.min(job.prompt.len().saturating_sub(1))
    }

    fn prompt_left(&self) -> usize {
        self.work.as_ref().map_or(0, |work| {
            work.job.prompt.len().saturating_sub(self.kept.len())
        })
    }
}

/// The end of a request that never got a slot.
fn unserved(job: &Job) -> Ended {
    let usage = Usage {
        prompt_tokens: u32::try_from(job.prompt.len()).unwrap_or(u32::MAX),
        ..Usage::default()
    };
    Ended {
        call: job.call,
        slot: None,
        usage,
    }
}

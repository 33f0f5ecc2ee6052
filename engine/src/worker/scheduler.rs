//! Decides which tokens are computed next and for whom. Pure: it calls nothing, reads no clock, and knows tokens only as numbers.
//!
//! A request waits in a queue, is admitted to a slot, has its prompt decoded in chunks, then one token in each step until it ends.
//! What a slot has decoded stays there: the next turn of the same chat computes only what is new. The beginning that all chats of a
//! persona have is computed once (`prefixes`): other chats take it over. A chat whose slot is given away finds its tail again (`tails`).

mod grant;
mod prefixes;
mod rotation;
mod shares;
#[cfg(test)]
mod simulation;
mod tails;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use self::grant::{Left, grant};
use self::prefixes::Prefixes;
pub(crate) use self::prefixes::common;
use self::rotation::Rotation;
use self::shares::{FAR_MORE, GENERATED, Shares};
use self::tails::Tails;
pub(crate) use self::tails::Ticket;
use super::protocol::CallId;
use crate::generate::{ChatKey, FinishReason, ShareKey, Usage};

/// A token's number in the vocabulary.
pub(crate) type Token = i32;

/// An adapter that the worker has loaded, by its number there.
pub(crate) type Adapter = usize;

/// A row of the cache: the slots come first, then the rows that hold shared beginnings.
pub(crate) type Sequence = usize;

/// A step should take about this long at most: it is how long a cancellation, a new request and everyone's next token wait.
const STEP: Duration = Duration::from_millis(500);
/// Smaller chunks of a prompt waste time.
const LEAST_CHUNK: usize = 32;
/// A shorter tail is computed again as quickly as it is copied.
const LEAST_TAIL: usize = 32;
/// Each admission of somebody else makes up for so many tokens, of those read, that who waits had before: a tenth of what a short reply costs.
const PATIENCE: u64 = 16;
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
    /// Beginnings of prompts that are kept to be shared; 0 where a cache cannot be shared in part, as with recurrent models.
    pub(crate) prefixes: usize,
    /// Tokens that these may have together.
    pub(crate) shared: usize,
    /// Bytes of saved tails.
    pub(crate) tails: usize,
}

/// A request as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) chat: Option<ChatKey>,
    pub(crate) whose: Option<ShareKey>,
    pub(crate) adapter: Option<Adapter>,
    /// Neither empty nor longer than the context minus one.
    pub(crate) prompt: Vec<Token>,
    /// So many tokens of the prompt's beginning are nobody's own words and may be shared with other chats.
    pub(crate) lead: usize,
    pub(crate) max_tokens: u32,
    pub(crate) background: bool,
    pub(crate) deadline: Instant,
    /// What came of it before it lost a slot.
    pub(crate) before: Option<Before>,
    /// Admissions before it came, which [`Scheduler::submit`] counts.
    pub(crate) came: u64,
}

/// What was done for a request that has to go on in another slot. Its prompt now holds what was generated, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    /// Tokens of its prompt as it came, and those of them that were there already.
    prompt: usize,
    cached: usize,
    generated: u32,
}

impl Job {
    /// What it has cost, with so many tokens of its present prompt found in the cache and so many generated in all.
    fn usage(&self, cached: usize, generated: u32) -> Usage {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let as_it_came = self.before.map(|before| (before.prompt, before.cached));
        let (prompt, cached) = as_it_came.unwrap_or((self.prompt.len(), cached));
        Usage {
            prompt_tokens: count(prompt),
            cached_tokens: count(cached),
            completion_tokens: generated,
        }
    }

    /// Tokens that were generated before it lost a slot.
    fn generated(&self) -> u32 {
        self.before.map_or(0, |before| before.generated)
    }
}

/// A request got a slot. Before the next step the slot's cache must be saved, if that is wanted, and then hold what the request begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) call: CallId,
    pub(crate) slot: usize,
    /// Under this name; how that went is told by [`Scheduler::saved`] or [`Scheduler::unsaved`].
    pub(crate) save: Option<Ticket>,
    pub(crate) begin: Begin,
    /// What was saved under these names is of no more use.
    pub(crate) discard: Vec<Ticket>,
}

/// What a slot is to hold when a request begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The first tokens of what it holds.
    Keep(usize),
    /// What is shared, and nothing else.
    Lend(Loan),
    /// The first tokens of what was saved under this name, which is of no more use then.
    Restore { ticket: Ticket, keep: usize },
}

/// The first `length` tokens of one sequence are to stand in another, empty one as well. They take no further room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loan {
    pub(crate) from: Sequence,
    pub(crate) to: Sequence,
    pub(crate) length: usize,
}

/// A beginning is to be kept for others: these sequences must be emptied first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) empty: Vec<Sequence>,
    pub(crate) loan: Loan,
}

/// What is decoded at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Applied to all of it.
    pub(crate) adapter: Option<Adapter>,
    pub(crate) entries: Vec<Entry>,
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

/// No more requests can wait.
#[derive(Debug)]
pub(crate) struct Full;

/// The queue and the slots.
#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: Limits,
    queue: VecDeque<Job>,
    slots: Vec<Slot>,
    prefixes: Prefixes,
    tails: Tails,
    rotation: Rotation,
    shares: Shares,
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
    /// Whether its beginning has been offered to others.
    is_pinned: bool,
}

impl Scheduler {
    pub(crate) fn new(limits: Limits) -> Self {
        let slots = (0..limits.slots).map(|_| Slot::default()).collect();
        Self {
            limits,
            queue: VecDeque::new(),
            slots,
            prefixes: Prefixes::new(limits.slots, limits.prefixes, limits.shared),
            tails: Tails::new(limits.tails),
            rotation: Rotation::default(),
            shares: Shares::default(),
            admissions: 0,
            chunk: FIRST_CHUNK,
        }
    }

    /// Whether a request of this person's can wait, or one in the background. Those that will get a slot at the next admission do not wait, and
    /// nobody fills the queue alone.
    pub(crate) fn has_room(&self, whose: &Option<ShareKey>, background: bool) -> bool {
        let idle = self.limits.slots - self.works().count();
        let is_own = |job: &&Job| job.background == background && job.whose == *whose;
        let own = self.queue.iter().filter(is_own).count();
        self.queue.len() < self.limits.queue + idle && own < self.limits.queue.div_ceil(2) + idle
    }

    /// Takes a request, or says that the queue is full.
    pub(crate) fn submit(&mut self, mut job: Job) -> Result<(), Full> {
        if !self.has_room(&job.whose, job.background) {
            return Err(Full);
        }
        job.came = self.admissions;
        self.queue.push_back(job);
        Ok(())
    }

    /// The requests that have a slot.
    fn works(&self) -> impl Iterator<Item = &Work> {
        self.slots.iter().filter_map(|slot| slot.work.as_ref())
    }

    /// Whether there is nothing to do at all.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.works().next().is_none()
    }

    /// Gives waiting requests a slot: who has and had least first, and those in the background last. Where somebody has many while another waits,
    /// one of them is taken away.
    pub(crate) fn admit(&mut self) -> Vec<Admission> {
        let mut admissions = Vec::new();
        let running = self.slots.iter().filter_map(|slot| slot.work.as_ref());
        let jobs = running.map(|work| &work.job).chain(&self.queue);
        self.shares.present(jobs.map(|job| &job.whose));
        self.park();
        while let Some((place, job)) = self.next_in_line() {
            let Some((index, keep)) = self.choose_slot(job) else {
                break;
            };
            let Some(job) = self.queue.remove(place) else {
                break;
            };
            self.admissions += 1;
            let (begin, cached) = self.beginning(index, keep, &job);
            if let Begin::Restore { ticket, .. } = begin {
                self.tails.discard(ticket);
            }
            let mut discard = Vec::new();
            if let Some(chat) = &job.chat {
                discard.extend(self.tails.forget(chat));
            }
            let save = self.save(index, &job, &mut discard);
            admissions.push(Admission {
                call: job.call,
                slot: index,
                save,
                begin,
                discard,
            });
            let slot = &mut self.slots[index];
            slot.kept.clear();
            slot.kept.extend_from_slice(&job.prompt[..cached]);
            slot.adapter = job.adapter;
            slot.chat.clone_from(&job.chat);
            slot.last_used = self.admissions;
            slot.work = Some(Work {
                generated: job.generated(),
                is_pinned: false,
                job,
                admitted: self.admissions,
                cached,
                next: None,
            });
        }
        admissions
    }

    /// Under which name what a slot holds is to be saved before it is given to a request, if it is another chat's and worth it.
    fn save(&mut self, index: usize, job: &Job, discard: &mut Vec<Ticket>) -> Option<Ticket> {
        let slot = &self.slots[index];
        let chat = slot
            .tail_of()
            .filter(|chat| job.chat.as_ref() != Some(chat))?;
        discard.extend(self.tails.forget(chat));
        self.tails.begin(chat, slot.adapter, &slot.kept)
    }

    /// What a request's slot can begin with, and how many tokens that spares: what the slot keeps, what the chat had elsewhere, or what all share.
    fn beginning(&mut self, index: usize, keep: usize, job: &Job) -> (Begin, usize) {
        let most = job.prompt.len() - 1;
        let lead = &job.prompt[..job.lead.min(most)];
        let shared = self.prefixes.find(job.adapter, lead, self.admissions);
        let saved = self
            .tails
            .find(job.chat.as_ref(), job.adapter, &job.prompt[..most]);
        let mut best = (Begin::Keep(keep), keep);
        if let Some((from, length)) = shared.filter(|(_, length)| *length > best.1) {
            let to = index;
            best = (Begin::Lend(Loan { from, to, length }), length);
        }
        match saved.filter(|(_, keep)| *keep > best.1) {
            Some((ticket, keep)) => (Begin::Restore { ticket, keep }, keep),
            None => best,
        }
    }

    /// The whole cache is going to be lost: what the slots hold of chats is to be saved under these names, and what is running waits on.
    pub(crate) fn save_all(&mut self) -> Vec<(usize, Ticket)> {
        let mut running: Vec<usize> = (0..self.slots.len())
            .filter(|index| self.slots[*index].work.is_some())
            .collect();
        // Each goes to the front of the queue, so that the one that was admitted first is first again.
        running.sort_by_key(|index| {
            let work = self.slots[*index].work.as_ref();
            std::cmp::Reverse(work.map(|work| work.admitted))
        });
        for index in running {
            self.take_away(index);
        }
        let mut saves = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            if let Some(chat) = slot.tail_of() {
                let ticket = self.tails.begin(chat, slot.adapter, &slot.kept);
                saves.extend(ticket.map(|ticket| (index, ticket)));
            }
        }
        saves
    }

    /// What was to be saved is there, so many bytes long. These have to be dropped for it.
    pub(crate) fn saved(&mut self, ticket: Ticket, bytes: usize) -> Vec<Ticket> {
        self.tails.saved(ticket, bytes)
    }

    /// What was to be saved could not be, or is of no more use.
    pub(crate) fn unsaved(&mut self, ticket: Ticket) {
        self.tails.discard(ticket);
    }

    /// Slots that somebody's requests have now.
    fn has(&self, key: &Option<ShareKey>) -> usize {
        self.works()
            .filter(|work| !work.job.background && work.job.whose == *key)
            .count()
    }

    /// Takes a slot away when all are taken and somebody waits: one of the background, or the newest of who has two more than the one who waits,
    /// or has one more and had far more lately.
    fn park(&mut self) {
        let is_full = self.works().count() == self.limits.slots;
        let Some((_, next)) = self.next_in_line().filter(|_| is_full) else {
            return;
        };
        if next.background {
            return;
        }
        let least = self.has(&next.whose);
        let lately = self.shares.lately(&next.whose);
        let may_give_way = |work: &Work| {
            let has = self.has(&work.job.whose);
            let had_far_more = || self.shares.lately(&work.job.whose) - lately > FAR_MORE;
            work.job.background || has > least + 1 || (has > least && had_far_more())
        };
        let works = self.slots.iter().enumerate();
        let works = works.filter_map(|(index, slot)| Some((index, slot.work.as_ref()?)));
        let victim = works
            .filter(|(_, work)| may_give_way(work))
            .max_by_key(|(_, work)| {
                let has = self.has(&work.job.whose);
                (work.job.background, has, work.admitted)
            });
        if let Some((index, _)) = victim {
            self.take_away(index);
        }
    }

    /// Takes a slot away. What was generated is not lost: the request waits on as one with a longer prompt.
    fn take_away(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        let Some(work) = slot.work.take() else { return };
        let Work {
            mut job,
            cached,
            generated,
            next,
            ..
        } = work;
        let (prompt, cached) = match job.before {
            Some(before) => (before.prompt, before.cached),
            None => (job.prompt.len(), cached),
        };
        job.before = Some(Before {
            prompt,
            cached,
            generated,
        });
        if let Some(next) = next {
            job.prompt.clone_from(&slot.kept);
            job.prompt.push(next);
        }
        if slot.chat.is_none() {
            slot.kept.clear();
        }
        self.queue.push_front(job);
    }

    /// Who gets the next slot, and the place in the queue: of those who have fewest slots, and did not have far more than others lately, one
    /// whose reply was begun, or else the first of who had least.
    /// Of those in the background one at a time, and not the last slot.
    fn next_in_line(&self) -> Option<(usize, &Job)> {
        let mut line = self.queue.iter().enumerate();
        let waiting = line.clone().filter(|(_, job)| !job.background);
        let lately = waiting
            .clone()
            .map(|(_, job)| self.shares.lately(&job.whose));
        let least = lately.fold(f64::INFINITY, f64::min);
        let first = waiting.min_by_key(|(place, job)| {
            let is_new = job.before.is_none();
            let had_far_more = self.shares.lately(&job.whose) - least > FAR_MORE;
            // Where new people keep coming, who had something already would otherwise wait for ever.
            let waited = PATIENCE * (self.admissions - job.came);
            (
                self.has(&job.whose),
                had_far_more,
                is_new,
                self.shares.had(&job.whose).saturating_sub(waited),
                *place,
            )
        });
        first.or_else(|| {
            let alone = self.works().all(|work| !work.job.background);
            let has_room = self.works().count() + 1 < self.limits.slots || self.limits.slots == 1;
            line.next().filter(|_| alone && has_room)
        })
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

    /// The adapters of those who have something to do; those of the background only when it is all that there is.
    fn waiting_adapters(&self) -> BTreeSet<Option<Adapter>> {
        let ready = |background| {
            let slots = self.slots.iter().filter(move |slot| {
                let is_meant = |work: &Work| work.job.background == background;
                let has_token = |work: &Work| work.next.is_some() || slot.prompt_left() > 0;
                slot.work
                    .as_ref()
                    .is_some_and(|work| is_meant(work) && has_token(work))
            });
            slots.map(|slot| slot.adapter).collect::<BTreeSet<_>>()
        };
        let people = ready(false);
        if people.is_empty() {
            ready(true)
        } else {
            people
        }
    }

    /// The next step, for the chats of one adapter: one token for everyone who is generating, then prompts: half of the room for the
    /// shortest, the rest first come first served, those in the background last, until enough is read and one of them is whole.
    /// The caller must decode it, or call [`Scheduler::lose_everything`].
    pub(crate) fn next_step(&mut self) -> Step {
        let adapter = self.rotation.next(&self.waiting_adapters());
        let mut entries = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.adapter != adapter {
                continue;
            }
            if let Some(token) = slot.work.as_mut().and_then(|work| work.next.take()) {
                entries.push(Entry {
                    slot: index,
                    token,
                    position: slot.kept.len(),
                    draw: true,
                });
                slot.kept.push(token);
                if let Some(work) = &slot.work {
                    self.shares.charge(&work.job, GENERATED);
                }
            }
        }
        let generating = entries.len();
        let mut prompts: Vec<_> = self
            .slots
            .iter_mut()
            .enumerate()
            .filter(|(_, slot)| slot.prompt_left() > 0 && slot.adapter == adapter)
            .collect();
        prompts.sort_by_key(|(_, slot)| {
            let work = slot.work.as_ref();
            work.map(|work| (work.job.background, work.admitted))
        });
        let left: Vec<Left> = prompts.iter().map(|(_, slot)| slot.left()).collect();
        let room = self.limits.batch.saturating_sub(generating);
        let granted = grant(&left, room.min(self.chunk));
        for ((index, slot), tokens) in prompts.into_iter().zip(granted) {
            let Some(work) = &slot.work else { continue };
            let from = slot.kept.len();
            let until = from + tokens;
            for (position, token) in work.job.prompt.iter().enumerate().take(until).skip(from) {
                entries.push(Entry {
                    slot: index,
                    token: *token,
                    position,
                    draw: position + 1 == work.job.prompt.len(),
                });
            }
            self.shares.charge(&work.job, tokens as u64);
            slot.kept.extend(&work.job.prompt[from..until]);
        }
        if entries.len() > generating {
            self.rotation.end_turn();
        }
        Step { adapter, entries }
    }

    /// The beginnings that the last step has completed and nobody has kept yet. Each is to be kept before anything else is done to the cache.
    pub(crate) fn pins(&mut self) -> Vec<Pin> {
        let mut pins = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(work) = &mut slot.work else { continue };
            let lead = work.job.lead;
            if lead == 0 || work.is_pinned || slot.kept.len() < lead {
                continue;
            }
            work.is_pinned = true;
            let beginning = &slot.kept[..lead];
            let kept = self.prefixes.keep(
                slot.adapter,
                beginning,
                self.admissions,
                work.job.background,
            );
            if let Some((to, empty)) = kept {
                let loan = Loan {
                    from: index,
                    to,
                    length: lead,
                };
                pins.push(Pin { empty, loan });
            }
        }
        pins
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
        Some(Ended {
            call: work.job.call,
            slot: Some((index, slot.kept.len())),
            usage: work.job.usage(work.cached, work.generated),
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
            .works()
            .filter(|work| late(&work.job))
            .map(|work| work.job.call);
        let calls: Vec<CallId> = queued.chain(running).collect();
        calls
            .into_iter()
            .filter_map(|call| self.cancel(call))
            .collect()
    }

    /// Nothing of a chat is kept any more. Gives the slots to be emptied and what was saved; where a reply of it is running, that is its last.
    pub(crate) fn forget(&mut self, chat: &ChatKey) -> (Vec<usize>, Vec<Ticket>) {
        let mut emptied = Vec::new();
        // What waits was composed before: it is answered, and nothing of it is kept.
        for job in &mut self.queue {
            job.chat.take_if(|own| own == chat);
        }
        let slots = self.slots.iter_mut().enumerate();
        for (index, slot) in slots.filter(|(_, slot)| slot.chat.as_ref() == Some(chat)) {
            slot.chat = None;
            if let Some(work) = &mut slot.work {
                work.job.chat = None;
            } else {
                *slot = Slot::default();
                emptied.push(index);
            }
        }
        (emptied, self.tails.forget(chat))
    }

    /// A sequence could not be cut or shared and is empty now: in a slot, the whole prompt has to be decoded.
    pub(crate) fn lose(&mut self, sequence: Sequence) {
        let Some(slot) = self.slots.get_mut(sequence) else {
            self.prefixes.lose(sequence);
            return;
        };
        slot.kept.clear();
        if let Some(work) = &mut slot.work {
            work.cached = 0;
        }
    }

    /// The whole cache is gone, and with it every running request; those that wait go on waiting.
    pub(crate) fn lose_everything(&mut self) -> Vec<CallId> {
        self.prefixes.clear();
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
        common(&self.kept, &job.prompt).min(job.prompt.len().saturating_sub(1))
    }

    /// Whose tail is kept here, if it is worth saving.
    fn tail_of(&self) -> Option<&ChatKey> {
        let chat = self.chat.as_ref();
        chat.filter(|_| self.kept.len() >= LEAST_TAIL)
    }

    /// What is left to read of the prompt here.
    fn left(&self) -> Left {
        let work = self.work.as_ref();
        Left {
            tokens: self.prompt_left(),
            background: work.is_some_and(|work| work.job.background),
        }
    }

    fn prompt_left(&self) -> usize {
        self.work.as_ref().map_or(0, |work| {
            work.job.prompt.len().saturating_sub(self.kept.len())
        })
    }
}

/// The end of a request that has no slot, or none any more.
fn unserved(job: &Job) -> Ended {
    Ended {
        call: job.call,
        slot: None,
        usage: job.usage(0, job.generated()),
    }
}

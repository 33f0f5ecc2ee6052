//! The scheduler against a cache that remembers what was decoded and refuses what llama.cpp would refuse.

use std::collections::{BTreeSet, HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    slots: 3,
    context: 64,
    batch: 40,
    queue: 4,
    prefixes: 2,
    shared: 64,
    tails: 0,
};

/// Stands in for llama.cpp's cache: each sequence's tokens in order.
pub(super) struct Rig {
    pub(super) scheduler: Scheduler,
    cache: Vec<Vec<Token>>,
    start: Instant,
    adapter_in_use: Option<Adapter>,
    open: HashSet<CallId>,
    prompts: HashMap<CallId, Vec<Token>>,
    /// What was kept for others.
    shared: Vec<Loan>,
    /// What lies in the machine's memory; a token has a byte.
    saved: HashMap<Ticket, Vec<Token>>,
    /// Tokens of all steps.
    computed: usize,
    /// The last step, and how many of its tokens were drawn before: the others are of prompts.
    pub(super) last: Vec<Entry>,
    pub(super) generating: usize,
}

impl Rig {
    pub(super) fn new(limits: Limits) -> Self {
        let cache = vec![Vec::new(); limits.slots + limits.prefixes];
        let scheduler = Scheduler::new(limits);
        Self {
            scheduler,
            cache,
            start: Instant::now(),
            adapter_in_use: None,
            open: HashSet::new(),
            prompts: HashMap::new(),
            shared: Vec::new(),
            saved: HashMap::new(),
            computed: 0,
            last: Vec::new(),
            generating: 0,
        }
    }

    pub(super) fn job(
        &self,
        call: CallId,
        chat: Option<&str>,
        prompt: &[Token],
        max_tokens: u32,
    ) -> Job {
        let chat = chat.map(|chat| ChatKey(chat.into()));
        Job {
            call,
            chat,
            whose: None,
            adapter: None,
            prompt: prompt.to_vec(),
            lead: 0,
            max_tokens,
            background: false,
            deadline: self.start + Duration::from_secs(60),
            before: None,
            came: 0,
        }
    }

    pub(super) fn submit(&mut self, job: Job) -> bool {
        let (call, prompt) = (job.call, job.prompt.clone());
        let taken = self.scheduler.submit(job).is_ok();
        if taken {
            self.open.insert(call);
            self.prompts.insert(call, prompt);
        }
        taken
    }

    fn lend(&mut self, loan: Loan) {
        assert!(
            self.cache[loan.to].is_empty(),
            "llama.cpp would mix two beginnings"
        );
        self.cache[loan.to] = self.cache[loan.from][..loan.length].to_vec();
    }

    fn end(&mut self, ended: &Ended) {
        assert!(self.open.remove(&ended.call), "{} ended twice", ended.call);
        if let Some((slot, keep)) = ended.slot {
            assert!(keep <= self.cache[slot].len());
            self.cache[slot].truncate(keep);
        }
    }

    /// One step, drawing a token that depends on the place; gives who ended and how many prompt tokens were decoded.
    pub(super) fn step(&mut self) -> (Vec<(Ended, FinishReason)>, usize) {
        for admission in self.scheduler.admit() {
            let cache = &mut self.cache[admission.slot];
            if let Some(ticket) = admission.save {
                let bytes = cache.len();
                self.saved.insert(ticket, cache.clone());
                for ticket in self.scheduler.saved(ticket, bytes) {
                    self.saved.remove(&ticket).expect("it is there");
                }
            }
            match admission.begin {
                Begin::Keep(keep) => cache.truncate(keep),
                Begin::Lend(loan) => {
                    assert_eq!(loan.to, admission.slot);
                    cache.clear();
                    self.lend(loan);
                }
                Begin::Restore { ticket, keep } => {
                    *cache = self.saved.remove(&ticket).expect("it is there");
                    cache.truncate(keep);
                }
            }
            for ticket in admission.discard {
                self.saved.remove(&ticket).expect("it is there");
            }
            // What follows the prompt was drawn, when the request had a slot before.
            let prompt = &self.prompts[&admission.call];
            let drawn = (prompt.len()..).map(|position| 999 + position as Token);
            let known = prompt.iter().copied().chain(drawn);
            let cache = &self.cache[admission.slot];
            assert!(
                cache.iter().copied().eq(known.take(cache.len())),
                "reused more than the common beginning: {cache:?}"
            );
        }
        // Until all have their slots, what is on its way back to one still lies where it was saved.
        let saved: usize = self.saved.values().map(Vec::len).sum();
        assert!(saved <= self.scheduler.limits.tails, "{saved} bytes saved");
        let Step { adapter, entries } = self.scheduler.next_step();
        self.adapter_in_use = adapter;
        for entry in &entries {
            assert_eq!(self.scheduler.slots[entry.slot].adapter, adapter);
        }
        assert!(
            entries.len() <= self.scheduler.limits.batch,
            "{} tokens in a step",
            entries.len()
        );
        for entry in &entries {
            assert_eq!(
                entry.position,
                self.cache[entry.slot].len(),
                "a gap or an overlap in slot {}",
                entry.slot
            );
            self.cache[entry.slot].push(entry.token);
        }
        self.computed += entries.len();
        let is_drawn = |entry: &&Entry| {
            let work = self.scheduler.slots[entry.slot].work.as_ref();
            work.is_some_and(|work| entry.position >= work.job.prompt.len())
        };
        self.generating = entries.iter().filter(is_drawn).count();
        self.last.clone_from(&entries);
        for pin in self.scheduler.pins() {
            for sequence in pin.empty {
                self.cache[sequence].clear();
            }
            self.lend(pin.loan);
            self.shared.push(pin.loan);
        }
        let kept: usize = self.cache[self.scheduler.limits.slots..]
            .iter()
            .map(Vec::len)
            .sum();
        assert!(kept <= self.scheduler.limits.shared, "{kept} tokens shared");
        let mut ended = Vec::new();
        for entry in entries.iter().filter(|entry| entry.draw) {
            let token = 1000 + entry.position as Token;
            if let Some(reason) = self.scheduler.drawn(entry.slot, token) {
                let end = self.scheduler.finish(entry.slot).unwrap();
                self.end(&end);
                ended.push((end, reason));
            }
        }
        let prompts = entries.iter().filter(|entry| entry.token < 1000).count();
        (ended, prompts)
    }

    /// The cache is lost, with warning.
    fn reload(&mut self) {
        for (slot, ticket) in self.scheduler.save_all() {
            let cache = self.cache[slot].clone();
            let bytes = cache.len();
            self.saved.insert(ticket, cache);
            for ticket in self.scheduler.saved(ticket, bytes) {
                self.saved.remove(&ticket).expect("it is there");
            }
        }
        self.cache.iter_mut().for_each(Vec::clear);
        assert!(self.scheduler.lose_everything().is_empty(), "all wait");
    }

    /// The requests of which something was drawn, and that go on.
    pub(super) fn speaking(&self) -> impl Iterator<Item = CallId> {
        let speaking = self.scheduler.works().filter(|work| work.generated > 0);
        speaking.map(|work| work.job.call)
    }

    fn run(&mut self) -> Vec<(Ended, FinishReason)> {
        let mut all = Vec::new();
        for _ in 0..500 {
            all.extend(self.step().0);
            if self.scheduler.is_idle() {
                return all;
            }
        }
        panic!("someone starves");
    }
}

#[test]
fn the_next_turn_of_a_chat_computes_only_what_is_new() {
    let mut rig = Rig::new(LIMITS);
    rig.submit(rig.job(1, Some("a"), &[1, 2, 3, 4], 3));
    rig.submit(rig.job(2, Some("b"), &[9, 9], 3));
    let ended = rig.run();
    assert_eq!(
        ended
            .iter()
            .map(|(end, _)| end.usage.cached_tokens)
            .collect::<Vec<_>>(),
        [0, 0]
    );
    // The reply's tokens 1003 and 1004 are kept; 1005 was drawn last and never decoded.
    rig.submit(rig.job(3, Some("a"), &[1, 2, 3, 4, 1003, 1004, 1005, 7], 1));
    assert_eq!(
        rig.run()[0].0.usage,
        Usage {
            prompt_tokens: 8,
            cached_tokens: 6,
            completion_tokens: 1
        }
    );
}

/// As many personas as ship, each with a beginning of its own: what is read ahead stays, and one more does not push the first ones out.
#[test]
fn what_is_read_ahead_pushes_nothing_out() {
    let limits = Limits {
        prefixes: 16,
        shared: 10 * 20,
        ..LIMITS
    };
    let mut rig = Rig::new(limits);
    let prompt = |persona: Token| [vec![persona; 20], vec![999]].concat();
    for persona in 0..11 {
        let job = Job {
            lead: 20,
            background: true,
            ..rig.job(persona as CallId, None, &prompt(persona), 1)
        };
        rig.submit(job);
        rig.run();
    }
    let mut cached = |persona: Token| {
        let job = Job {
            lead: 20,
            ..rig.job(100 + persona as CallId, Some("a"), &prompt(persona), 1)
        };
        rig.submit(job);
        rig.run()[0].0.usage.cached_tokens
    };
    assert_eq!([0, 9, 10].map(&mut cached), [20, 20, 0]);
    // Whoever is talked with does.
    assert_eq!(cached(10), 20);
}

#[test]
fn an_identical_prompt_still_decodes_its_last_token() {
    let mut rig = Rig::new(LIMITS);
    for call in [1, 2] {
        rig.submit(rig.job(call, Some("a"), &[1, 2, 3], 1));
        let usage = rig.run()[0].0.usage;
        assert_eq!(usage.cached_tokens, if call == 1 { 0 } else { 2 });
    }
}

#[test]
fn a_request_without_a_chat_leaves_nothing_and_takes_nothing() {
    let mut rig = Rig::new(Limits { slots: 1, ..LIMITS });
    rig.submit(rig.job(1, Some("a"), &[1, 2, 3], 1));
    rig.run();
    rig.submit(rig.job(2, None, &[1, 2, 3], 1));
    assert_eq!(rig.run()[0].0.usage.cached_tokens, 0);
    assert!(rig.cache[0].is_empty());
}

#[test]
fn chats_keep_their_slots_and_the_longest_unused_is_given_away() {
    let mut rig = Rig::new(Limits { slots: 2, ..LIMITS });
    for (call, chat, prompt) in [
        (1, "a", [1, 2, 3]),
        (2, "b", [4, 5, 6]),
        (3, "a", [1, 2, 3]),
        (4, "c", [7, 8, 9]),
        (5, "a", [1, 2, 3]),
    ] {
        rig.submit(rig.job(call, Some(chat), &prompt, 1));
        let cached = rig.run()[0].0.usage.cached_tokens;
        assert_eq!(
            cached,
            if matches!(call, 3 | 5) { 2 } else { 0 },
            "call {call}"
        );
    }
}

#[test]
fn a_slot_taken_from_another_chat_gives_nothing_of_it_away() {
    let mut rig = Rig::new(Limits { slots: 1, ..LIMITS });
    for (call, chat) in [(1, "a"), (2, "b"), (3, "a")] {
        rig.submit(rig.job(call, Some(chat), &[1, 2, 3], 1));
        assert_eq!(rig.run()[0].0.usage.cached_tokens, 0, "call {call}");
    }
}

/// The beginning of a persona's prompts is `[1, 2, 3]`.
fn of_persona(rig: &Rig, call: CallId, chat: &str, words: &[Token]) -> Job {
    let prompt = [&[1, 2, 3], words].concat();
    Job {
        lead: 3,
        ..rig.job(call, Some(chat), &prompt, 1)
    }
}

fn cached(rig: &mut Rig, job: Job) -> u32 {
    assert!(rig.submit(job));
    rig.run()[0].0.usage.cached_tokens
}

#[test]
fn a_persona_s_beginning_is_computed_once_and_nobody_s_words_are_shared() {
    let mut rig = Rig::new(Limits { slots: 1, ..LIMITS });
    let job = of_persona(&rig, 1, "a", &[7, 8]);
    assert_eq!(cached(&mut rig, job), 0);
    // The same words: what is the persona's is there, what another person said is not.
    let job = of_persona(&rig, 2, "b", &[7, 8]);
    assert_eq!(cached(&mut rig, job), 3);
    assert_eq!(rig.cache[1], [1, 2, 3]);
    // Only the beginning is the same.
    let job = Job {
        lead: 3,
        ..rig.job(3, Some("c"), &[1, 2, 4, 5], 1)
    };
    assert_eq!(cached(&mut rig, job), 2);
    // A chat that goes on has more of its own.
    let job = of_persona(&rig, 4, "d", &[7, 8]);
    assert_eq!(cached(&mut rig, job), 3);
    let job = of_persona(&rig, 5, "d", &[7, 8, 9]);
    assert_eq!(cached(&mut rig, job), 5);
    // Another adapter computes other states.
    let job = Job {
        adapter: Some(0),
        ..of_persona(&rig, 6, "e", &[7])
    };
    assert_eq!(cached(&mut rig, job), 0);
}

#[test]
fn beginnings_that_were_not_used_for_long_make_room() {
    let mut rig = Rig::new(Limits { slots: 1, ..LIMITS });
    let mut call = 0;
    let mut ask = |rig: &mut Rig, first: Token, length: usize| {
        call += 1;
        let mut prompt = vec![first; length];
        prompt.push(99);
        let job = Job {
            lead: length,
            ..rig.job(call, None, &prompt, 1)
        };
        cached(rig, job)
    };
    // Two have room.
    assert_eq!((ask(&mut rig, 1, 5), ask(&mut rig, 2, 5)), (0, 0));
    assert_eq!((ask(&mut rig, 1, 5), ask(&mut rig, 3, 5)), (5, 0));
    assert_eq!((ask(&mut rig, 1, 5), ask(&mut rig, 2, 5)), (5, 0));
    // A long one needs that of both.
    assert_eq!((ask(&mut rig, 4, 60), ask(&mut rig, 4, 60)), (0, 60));
    assert_eq!((ask(&mut rig, 1, 5), ask(&mut rig, 2, 5)), (0, 0));
    // Where nothing can be shared, nothing is.
    let mut rig = Rig::new(Limits {
        prefixes: 0,
        ..LIMITS
    });
    assert_eq!((ask(&mut rig, 1, 5), ask(&mut rig, 1, 5)), (0, 0));
    assert_eq!(rig.shared, []);
}

#[test]
fn a_chat_that_lost_its_slot_finds_its_tail_again() {
    let mut rig = Rig::new(Limits {
        slots: 1,
        tails: 130,
        ..LIMITS
    });
    let prompt = |first: Token, length: usize| -> Vec<Token> { (first..).take(length).collect() };
    let mut call = 0;
    let mut ask = |rig: &mut Rig, chat: &str, prompt: &[Token]| {
        call += 1;
        let job = rig.job(call, Some(chat), prompt, 1);
        cached(rig, job)
    };
    assert_eq!(ask(&mut rig, "a", &prompt(100, 50)), 0);
    assert_eq!(ask(&mut rig, "b", &prompt(200, 40)), 0);
    assert_eq!(ask(&mut rig, "a", &prompt(100, 55)), 50);
    assert_eq!(ask(&mut rig, "b", &prompt(200, 40)), 39);
    // Nobody else gets it, and what is short is not worth it.
    assert_eq!(ask(&mut rig, "c", &prompt(100, 10)), 0);
    assert_eq!(ask(&mut rig, "d", &prompt(300, 60)), 0);
    assert_eq!(ask(&mut rig, "c", &prompt(100, 10)), 0);
    // There is room for three of these four only.
    assert_eq!(rig.saved.len(), 2);
    assert_eq!(ask(&mut rig, "b", &prompt(200, 41)), 40);
    assert_eq!(ask(&mut rig, "a", &prompt(100, 55)), 0);
    let chat = ChatKey("d".into());
    let (slots, tickets) = rig.scheduler.forget(&chat);
    assert_eq!((slots, tickets.len()), (vec![], 1));
    rig.saved.remove(&tickets[0]);
    assert_eq!(ask(&mut rig, "d", &prompt(300, 60)), 0);
    let (slots, _) = rig.scheduler.forget(&chat);
    assert_eq!(slots, [0]);
    rig.cache[0].clear();
    assert_eq!(ask(&mut rig, "d", &prompt(300, 60)), 0);
}

#[test]
fn what_chats_had_computed_outlives_the_cache() {
    let mut rig = Rig::new(Limits {
        tails: 200,
        ..LIMITS
    });
    for (call, chat) in [(1, "a"), (2, "b")] {
        assert!(rig.submit(rig.job(call, Some(chat), &[call as Token; 40], 1)));
    }
    rig.run();
    for (slot, ticket) in rig.scheduler.save_all() {
        rig.saved.insert(ticket, rig.cache[slot].clone());
        assert!(rig.scheduler.saved(ticket, 40).is_empty());
    }
    rig.scheduler.lose_everything();
    rig.cache.fill(Vec::new());
    let job = rig.job(3, Some("b"), &[2; 41], 1);
    assert_eq!(cached(&mut rig, job), 40);
}

#[test]
fn what_is_forgotten_while_it_is_answered_is_gone_afterwards() {
    let mut rig = Rig::new(LIMITS);
    assert!(rig.submit(rig.job(1, Some("a"), &[1, 2, 3], 5)));
    rig.step();
    assert_eq!(rig.scheduler.forget(&ChatKey("a".into())), (vec![], vec![]));
    rig.run();
    assert!(rig.cache[0].is_empty());
    let job = rig.job(2, Some("a"), &[1, 2, 3], 1);
    assert_eq!(cached(&mut rig, job), 0);
}

#[test]
fn what_is_forgotten_while_it_waits_is_not_kept_later() {
    let a = ChatKey("a".into());
    let mut rig = Rig::new(Limits {
        slots: 1,
        tails: 200,
        ..LIMITS
    });
    // One that waits for a slot, and one that had to give up its slot.
    assert!(rig.submit(rig.job(1, Some("b"), &[5; 3], 3)));
    rig.step();
    assert!(rig.submit(rig.job(2, Some("a"), &[1; 40], 3)));
    assert_eq!(rig.scheduler.forget(&a), (vec![], vec![]));
    rig.run();
    let parked = Job {
        background: true,
        ..rig.job(3, Some("a"), &[1; 40], 9)
    };
    assert!(rig.submit(parked));
    (0..3).for_each(|_| drop(rig.step()));
    assert_eq!(rig.scheduler.forget(&a), (vec![], vec![]));
    assert!(rig.submit(rig.job(4, Some("b"), &[5; 3], 3)));
    rig.run();
    assert_eq!(rig.saved.len(), 0);
    let job = rig.job(5, Some("a"), &[1; 41], 1);
    assert_eq!(cached(&mut rig, job), 0);
}

#[test]
fn a_tail_that_has_no_room_alone_costs_the_others_nothing() {
    let mut rig = Rig::new(Limits {
        slots: 1,
        tails: 50,
        ..LIMITS
    });
    for (call, chat, length) in [(1, "a", 40), (2, "b", 60), (3, "c", 2)] {
        let job = rig.job(call, Some(chat), &vec![call as Token; length], 1);
        cached(&mut rig, job);
    }
    let job = rig.job(4, Some("a"), &[1; 41], 1);
    assert_eq!(cached(&mut rig, job), 40);
}

#[test]
fn two_chats_can_change_places() {
    let mut rig = Rig::new(Limits {
        slots: 1,
        // Room for one of them: what is brought back makes it first.
        tails: 45,
        ..LIMITS
    });
    for (call, chat) in [(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a")] {
        let first = if chat == "a" { 1 } else { 2 };
        let job = rig.job(call, Some(chat), &[first; 40], 1);
        assert_eq!(
            cached(&mut rig, job),
            if call > 2 { 39 } else { 0 },
            "{call}"
        );
    }
}

/// One slot, in which a summary of twenty tokens has five.
fn summarising() -> Rig {
    let mut rig = Rig::new(Limits { slots: 1, ..LIMITS });
    let summary = Job {
        background: true,
        ..rig.job(1, None, &[1; 10], 20)
    };
    assert!(rig.submit(summary));
    (0..5).for_each(|_| drop(rig.step()));
    rig
}

#[test]
fn a_summary_gives_its_slot_to_a_person() {
    let mut rig = summarising();
    assert!(rig.submit(rig.job(2, None, &[2; 3], 3)));
    let ended: Vec<_> = rig.run().into_iter().map(|(end, _)| end).collect();
    assert_eq!((ended[0].call, ended[1].call), (2, 1));
    assert_eq!(ended[1].usage.completion_tokens, 20);
}

#[test]
fn a_reply_that_ends_while_it_has_no_slot_tells_what_it_was() {
    let mut rig = summarising();
    assert!(rig.submit(rig.job(2, None, &[2; 3], 9)));
    rig.step();
    let ended = rig.scheduler.cancel(1).unwrap();
    let usage = Usage {
        prompt_tokens: 10,
        cached_tokens: 0,
        completion_tokens: 5,
    };
    assert_eq!((ended.slot, ended.usage), (None, usage));
}

#[test]
fn what_nobody_waits_for_gives_way() {
    let mut rig = Rig::new(Limits {
        context: 1000,
        batch: 10,
        ..LIMITS
    });
    let background = |rig: &Rig, call| Job {
        background: true,
        ..rig.job(call, None, &[1; 30], 1)
    };
    // One of them at a time, although there is room.
    assert!(rig.submit(background(&rig, 1)) && rig.submit(background(&rig, 2)));
    rig.step();
    assert_eq!(rig.cache[0].len() + rig.cache[1].len(), 10);
    // A prompt that came later is read first.
    assert!(rig.submit(rig.job(3, None, &[2; 20], 1)));
    let mut order = Vec::new();
    while !rig.scheduler.is_idle() {
        order.extend(rig.step().0.into_iter().map(|(end, _)| end.call));
    }
    assert_eq!(order, [3, 1, 2]);
    // The last free slot is not for it.
    assert!(rig.submit(rig.job(4, None, &[1], 5)) && rig.submit(rig.job(5, None, &[1], 5)));
    assert!(rig.submit(background(&rig, 6)));
    rig.step();
    assert_eq!(rig.scheduler.call(2), None);
    let last = rig.run().pop().unwrap().0.call;
    assert_eq!(last, 6);
}

#[test]
fn others_keep_streaming_while_a_long_prompt_is_read() {
    let mut rig = Rig::new(Limits {
        context: 1000,
        ..LIMITS
    });
    rig.submit(rig.job(1, None, &[1], 30));
    rig.step();
    rig.submit(rig.job(2, None, &vec![2; 300], 5));
    for _ in 0..5 {
        let before = rig.cache[0].len();
        rig.step();
        assert_eq!(rig.cache[0].len(), before + 1);
    }
}

#[test]
fn what_is_short_does_not_wait_for_what_is_long() {
    let mut rig = Rig::new(Limits {
        context: 1000,
        queue: 40,
        ..LIMITS
    });
    rig.submit(rig.job(1, None, &vec![1; 300], 1));
    for call in 2..30 {
        rig.submit(rig.job(call, None, &[2; 18], 1));
    }
    // Short ones without end, one in each step at least, and half of each step for who came first.
    for _ in 0..10 {
        let before = rig.cache[0].len();
        let (ended, _) = rig.step();
        assert!(!ended.is_empty(), "{:?}", rig.last);
        assert_eq!(rig.cache[0].len(), before + 20);
    }
    // What nobody waits for goes before nobody.
    let mut rig = Rig::new(Limits {
        context: 1000,
        ..LIMITS
    });
    rig.submit(rig.job(1, None, &vec![1; 100], 1));
    rig.submit(Job {
        background: true,
        ..rig.job(2, None, &[2; 5], 1)
    });
    rig.step();
    assert_eq!(rig.cache[0].len(), 40);
}

#[test]
fn a_slow_machine_gets_smaller_chunks() {
    let mut rig = Rig::new(Limits {
        context: 2000,
        batch: 512,
        ..LIMITS
    });
    rig.submit(rig.job(1, None, &vec![1; 1500], 1));
    let mut sizes = Vec::new();
    for seconds in [1.0, 0.01, 0.01, 0.01] {
        rig.scheduler.admit();
        let Step { entries, .. } = rig.scheduler.next_step();
        sizes.push(entries.len());
        rig.scheduler
            .note(&entries, Duration::from_secs_f64(seconds));
    }
    assert_eq!(sizes, [128, 64, 128, 256]);
}

#[test]
fn the_reply_ends_at_its_limit_or_the_contexts() {
    let mut rig = Rig::new(LIMITS);
    rig.submit(rig.job(1, None, &[1; 60], 100));
    rig.submit(rig.job(2, None, &[1; 3], 2));
    let mut lengths: Vec<_> = rig
        .run()
        .into_iter()
        .map(|(end, reason)| (end.call, end.usage.completion_tokens, reason))
        .collect();
    lengths.sort_by_key(|(call, ..)| *call);
    // 60 tokens of prompt leave room for four.
    assert_eq!(
        lengths,
        [(1, 4, FinishReason::Length), (2, 2, FinishReason::Length)]
    );
}

fn of(rig: &Rig, who: &str, call: CallId, prompt: &[Token], max_tokens: u32) -> Job {
    Job {
        whose: Some(ShareKey(who.into())),
        ..rig.job(call, Some(&call.to_string()), prompt, max_tokens)
    }
}

#[test]
fn a_full_queue_says_so_and_nobody_fills_it_alone() {
    let mut rig = Rig::new(LIMITS);
    let taken = (0..10)
        .filter(|call| rig.submit(of(&rig, "a", *call, &[1], 5)))
        .count();
    assert_eq!(taken, LIMITS.slots + LIMITS.queue / 2);
    let taken = (10..20)
        .filter(|call| rig.submit(of(&rig, &call.to_string(), *call, &[1], 5)))
        .count();
    assert_eq!(taken, LIMITS.queue / 2);
}

#[test]
fn who_asks_for_much_waits_for_those_who_ask_for_little() {
    let mut rig = Rig::new(Limits {
        queue: 40,
        ..LIMITS
    });
    for call in 0..20 {
        assert!(rig.submit(of(&rig, "flood", call, &[1; 10], 30)));
    }
    rig.step();
    rig.step();
    assert!(rig.submit(of(&rig, "b", 100, &[2; 10], 10)));
    assert!(rig.submit(of(&rig, "c", 101, &[3; 10], 10)));
    // Each has a third: two of the three replies that were running have to wait, and go on where they were.
    let mut order = Vec::new();
    while !rig.scheduler.is_idle() {
        order.extend(rig.step().0.into_iter().map(|(end, _)| end));
    }
    assert_eq!((order[0].call, order[1].call), (100, 101));
    assert_eq!(order.len(), 22);
    for end in &order[2..] {
        let usage = Usage {
            prompt_tokens: 10,
            cached_tokens: 0,
            completion_tokens: 30,
        };
        assert_eq!(end.usage, usage, "{}", end.call);
    }
}

#[test]
fn a_reply_that_had_to_wait_goes_on_with_the_same_tokens() {
    let computed = |tails| {
        let mut rig = Rig::new(Limits {
            slots: 2,
            tails,
            ..LIMITS
        });
        assert!(rig.submit(of(&rig, "a", 1, &[1; 33], 12)));
        assert!(rig.submit(of(&rig, "a", 2, &[2; 33], 12)));
        (0..3).for_each(|_| drop(rig.step()));
        assert!(rig.submit(of(&rig, "b", 3, &[3; 5], 4)));
        let ended = rig.run();
        let last = ended.last().unwrap();
        assert_eq!((last.0.call, last.0.usage.completion_tokens), (2, 12));
        rig.computed
    };
    // Prompts, and replies but for their last tokens. Where its tail could not be copied, it is computed once more.
    assert_eq!(computed(200), 33 + 33 + 5 + 11 + 11 + 3);
    assert!(computed(0) > computed(200) + 33);
}

#[test]
fn nobody_has_to_give_way_to_its_equals() {
    let mut rig = Rig::new(Limits { slots: 2, ..LIMITS });
    for (call, who) in ["a", "b", "c", "d"].into_iter().enumerate() {
        assert!(rig.submit(of(&rig, who, call as CallId, &[1], 5)));
    }
    let order: Vec<CallId> = rig.run().into_iter().map(|(end, _)| end.call).collect();
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn deadlines_end_waiting_and_running_requests() {
    let mut rig = Rig::new(Limits { slots: 1, ..LIMITS });
    rig.submit(rig.job(1, Some("a"), &[1, 2], 50));
    rig.submit(rig.job(2, None, &[1], 50));
    rig.step();
    rig.step();
    assert!(
        rig.scheduler
            .expire(rig.start + Duration::from_secs(59))
            .is_empty()
    );
    let ended = rig.scheduler.expire(rig.start + Duration::from_secs(60));
    assert_eq!(
        ended
            .iter()
            .map(|end| (end.call, end.usage.completion_tokens))
            .collect::<Vec<_>>(),
        [(2, 0), (1, 2)]
    );
    assert!(rig.scheduler.is_idle());
}

#[test]
fn adapters_take_turns() {
    let mut rig = Rig::new(LIMITS);
    let with = |rig: &Rig, call, adapter| Job {
        adapter,
        ..rig.job(call, Some("a"), &[1, 2, 3], 20)
    };
    for (call, adapter) in [(1, None), (2, Some(0)), (3, Some(1))] {
        assert!(rig.submit(with(&rig, call, adapter)));
    }
    let mut turns = Vec::new();
    let mut ended = Vec::new();
    while !rig.scheduler.is_idle() {
        ended.extend(rig.step().0);
        turns.push(rig.adapter_in_use);
    }
    // Everybody begins before anybody goes on, and nobody is left behind.
    let first: BTreeSet<_> = turns[..3].iter().collect();
    assert_eq!(first.len(), 3);
    let longest = turns.chunk_by(|one, other| one == other).map(<[_]>::len);
    assert_eq!(longest.max(), Some(4));
    for adapter in [None, Some(0), Some(1)] {
        let first_half = &turns[..turns.len() / 2];
        let count = |steps: &[_]| steps.iter().filter(|step| **step == adapter).count();
        assert!(count(first_half) * 3 >= count(&turns), "{turns:?}");
    }
    // The cache of another adapter is of no use.
    assert!(ended.iter().all(|(end, _)| end.usage.cached_tokens == 0));
}

#[test]
fn one_chat_with_an_adapter_of_its_own_gets_no_more_than_many_with_another() {
    let mut rig = Rig::new(Limits { slots: 9, ..LIMITS });
    for call in 0..9 {
        let adapter = Some(usize::from(call == 8));
        assert!(rig.submit(Job {
            adapter,
            ..rig.job(call, None, &[1], 60)
        }));
    }
    (0..40).for_each(|_| drop(rig.step()));
    let lengths: Vec<usize> = rig.cache[..9].iter().map(Vec::len).collect();
    assert!(
        lengths.iter().all(|length| length.abs_diff(20) <= 4),
        "{lengths:?}"
    );
}

#[test]
fn a_chat_with_nothing_to_compute_takes_no_turn() {
    let mut rig = Rig::new(LIMITS);
    for (call, adapter) in [(1, None), (2, Some(0))] {
        assert!(rig.submit(Job {
            adapter,
            ..rig.job(call, None, &[1], 5)
        }));
    }
    rig.scheduler.admit();
    let first = rig.scheduler.next_step();
    // Nothing was drawn for it: whoever draws must end it, and until then nobody waits for it.
    for _ in 0..5 {
        let step = rig.scheduler.next_step();
        assert!(step.adapter != first.adapter || step.entries.is_empty());
    }
}

#[test]
fn a_lost_cache_is_decoded_again() {
    let mut rig = Rig::new(LIMITS);
    rig.submit(rig.job(1, Some("a"), &[1, 2, 3], 1));
    rig.run();
    rig.submit(rig.job(2, Some("a"), &[1, 2, 3, 4], 1));
    let admission = rig.scheduler.admit().remove(0);
    assert_eq!(admission.begin, Begin::Keep(3));
    rig.scheduler.lose(admission.slot);
    rig.cache[admission.slot].clear();
    assert_eq!(rig.run()[0].0.usage.cached_tokens, 0);
    rig.submit(rig.job(3, Some("a"), &[1], 5));
    rig.step();
    assert_eq!(rig.scheduler.lose_everything(), [3]);
    assert!(rig.scheduler.is_idle());
    rig.cache.fill(Vec::new());
    let job = of_persona(&rig, 4, "a", &[7]);
    assert_eq!(cached(&mut rig, job), 0);
    rig.scheduler.lose(LIMITS.slots);
    rig.cache[LIMITS.slots].clear();
    let job = of_persona(&rig, 5, "b", &[7]);
    assert_eq!(cached(&mut rig, job), 0, "the row was lost");
}

#[derive(Debug, Clone)]
enum Act {
    Submit {
        chat: Option<u8>,
        adapter: Option<Adapter>,
        prompt: Vec<Token>,
        who: u8,
        lead: usize,
        background: bool,
        max_tokens: u32,
        seconds: u64,
    },
    Cancel(CallId),
    Forget(u8),
    Wait(u64),
    /// The cache is made anew, as for an adapter.
    Reload,
    Step,
}

fn act() -> impl Strategy<Value = Act> {
    let submit = (
        prop::option::of(0u8..8),
        prop::option::weighted(0.2, 0usize..2),
        prop::collection::vec(0i32..3, 1..63),
        0u8..3,
        0usize..30,
        any::<bool>(),
        1u32..20,
        1u64..50,
    );
    prop_oneof![
        3 => submit.prop_map(|(chat, adapter, prompt, who, lead, background, max_tokens, seconds)| Act::Submit { chat, adapter, who, lead: lead.min(prompt.len()), prompt, background, max_tokens, seconds }),
        1 => (0u64..30).prop_map(Act::Cancel),
        1 => (0u8..8).prop_map(Act::Forget),
        1 => (1u64..10).prop_map(Act::Wait),
        1 => Just(Act::Reload),
        6 => Just(Act::Step),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_promises_hold(acts in prop::collection::vec(act(), 1..120)) {
        let mut rig = Rig::new(Limits { tails: 150, ..LIMITS });
        let mut calls = 0;
        let mut taken = 0;
        let mut ended = 0;
        let mut now = rig.start;
        for act in acts {
            match act {
                Act::Submit { chat, adapter, prompt, who, lead, background, max_tokens, seconds } => {
                    calls += 1;
                    let chat = chat.map(|chat| chat.to_string());
                    let job = Job { adapter, whose: Some(ShareKey(who.to_string())), lead, background, deadline: now + Duration::from_secs(seconds), ..rig.job(calls, chat.as_deref(), &prompt, max_tokens) };
                    taken += usize::from(rig.submit(job));
                }
                Act::Cancel(call) => {
                    if let Some(end) = rig.scheduler.cancel(call) {
                        rig.end(&end);
                        ended += 1;
                    }
                }
                Act::Forget(chat) => {
                    let (slots, tickets) = rig.scheduler.forget(&ChatKey(chat.to_string()));
                    for slot in slots {
                        rig.cache[slot].clear();
                    }
                    for ticket in tickets {
                        rig.saved.remove(&ticket).expect("it is there");
                    }
                    let key = ChatKey(chat.to_string());
                    prop_assert!(rig.scheduler.tails.forget(&key).is_empty());
                    prop_assert!(rig.scheduler.slots.iter().all(|slot| slot.chat.as_ref() != Some(&key)));
                }
                Act::Reload => rig.reload(),
                Act::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    for end in rig.scheduler.expire(now) {
                        rig.end(&end);
                        ended += 1;
                    }
                }
                Act::Step => ended += rig.step().0.len(),
            }
        }
        ended += rig.run().len();
        prop_assert_eq!(ended, taken);
        prop_assert!(rig.open.is_empty());
    }
}

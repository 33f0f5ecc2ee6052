//! The scheduler against a cache that remembers what was decoded and refuses what llama.cpp would refuse.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    slots: 3,
    context: 64,
    batch: 40,
    queue: 4,
};

/// Stands in for llama.cpp's cache: each slot's tokens in order.
struct Rig {
    scheduler: Scheduler,
    cache: Vec<Vec<Token>>,
    start: Instant,
    adapter_in_use: Option<Adapter>,
    open: HashSet<CallId>,
    prompts: HashMap<CallId, Vec<Token>>,
}

impl Rig {
    fn new(limits: Limits) -> Self {
        let cache = vec![Vec::new(); limits.slots];
        let scheduler = Scheduler::new(limits);
        Self {
            scheduler,
            cache,
            start: Instant::now(),
            adapter_in_use: None,
            open: HashSet::new(),
            prompts: HashMap::new(),
        }
    }

    fn job(&self, call: CallId, chat: Option<&str>, prompt: &[Token], max_tokens: u32) -> Job {
        let chat = chat.map(|chat| ChatKey(chat.into()));
        Job {
            call,
            chat,
            adapter: None,
            prompt: prompt.to_vec(),
            max_tokens,
            deadline: self.start + Duration::from_secs(60),
        }
    }

    fn submit(&mut self, job: Job) -> bool {
        let (call, prompt) = (job.call, job.prompt.clone());
        let taken = self.scheduler.submit(job).is_ok();
        if taken {
            self.open.insert(call);
            self.prompts.insert(call, prompt);
        }
        taken
    }

    fn end(&mut self, ended: &Ended) {
        assert!(self.open.remove(&ended.call), "{} ended twice", ended.call);
        if let Some((slot, keep)) = ended.slot {
            assert!(keep <= self.cache[slot].len());
            self.cache[slot].truncate(keep);
        }
    }

    /// One step, drawing a token that depends on the place; gives who ended and how many prompt tokens were decoded.
    fn step(&mut self) -> (Vec<(Ended, FinishReason)>, usize) {
        for admission in self.scheduler.admit() {
            let cache = &mut self.cache[admission.slot];
            cache.truncate(admission.keep);
            assert_eq!(
                cache.as_slice(),
                &self.prompts[&admission.call][..admission.keep],
                "reused more than the common beginning"
            );
        }
        if !self.scheduler.is_drained() {
            self.adapter_in_use = self.scheduler.adapter();
        }
        let entries = self.scheduler.next_step();
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
        let entries = rig.scheduler.next_step();
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

#[test]
fn a_full_queue_says_so() {
    let mut rig = Rig::new(LIMITS);
    let taken = (0..10)
        .filter(|call| rig.submit(rig.job(*call, None, &[1], 5)))
        .count();
    assert_eq!(taken, LIMITS.slots + LIMITS.queue);
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
fn another_adapter_waits_its_turn_and_is_not_passed_by() {
    let mut rig = Rig::new(LIMITS);
    let with = |rig: &Rig, call, adapter| Job {
        adapter,
        ..rig.job(call, Some("a"), &[1, 2, 3], 4)
    };
    rig.submit(with(&rig, 1, None));
    rig.step();
    rig.submit(with(&rig, 2, Some(0)));
    rig.submit(with(&rig, 3, None));
    let mut order = Vec::new();
    let mut adapters = Vec::new();
    while !rig.scheduler.is_idle() {
        let ended = rig.step().0;
        adapters.push(rig.adapter_in_use);
        order.extend(
            ended
                .into_iter()
                .map(|(end, _)| (end.call, end.usage.cached_tokens)),
        );
    }
    // The cache of another adapter is of no use.
    assert_eq!(order, [(1, 0), (2, 0), (3, 0)]);
    adapters.dedup();
    assert_eq!(adapters, [None, Some(0), None]);
}

#[test]
fn a_lost_cache_is_decoded_again() {
    let mut rig = Rig::new(LIMITS);
    rig.submit(rig.job(1, Some("a"), &[1, 2, 3], 1));
    rig.run();
    rig.submit(rig.job(2, Some("a"), &[1, 2, 3, 4], 1));
    let admission = rig.scheduler.admit().remove(0);
    assert_eq!(admission.keep, 3);
    rig.scheduler.lose(admission.slot);
    rig.cache[admission.slot].clear();
    assert_eq!(rig.run()[0].0.usage.cached_tokens, 0);
    rig.submit(rig.job(3, Some("a"), &[1], 5));
    rig.step();
    assert_eq!(rig.scheduler.lose_everything(), [3]);
    assert!(rig.scheduler.is_idle());
}

#[derive(Debug, Clone)]
enum Act {
    Submit {
        chat: Option<u8>,
        adapter: Option<Adapter>,
        prompt: Vec<Token>,
        max_tokens: u32,
        seconds: u64,
    },
    Cancel(CallId),
    Wait(u64),
    Step,
}

fn act() -> impl Strategy<Value = Act> {
    let submit = (
        prop::option::of(0u8..4),
        prop::option::weighted(0.2, 0usize..2),
        prop::collection::vec(0i32..3, 1..63),
        1u32..20,
        1u64..50,
    );
    prop_oneof![
        3 => submit.prop_map(|(chat, adapter, prompt, max_tokens, seconds)| Act::Submit { chat, adapter, prompt, max_tokens, seconds }),
        1 => (0u64..30).prop_map(Act::Cancel),
        1 => (1u64..10).prop_map(Act::Wait),
        6 => Just(Act::Step),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_promises_hold(acts in prop::collection::vec(act(), 1..120)) {
        let mut rig = Rig::new(LIMITS);
        let mut calls = 0;
        let mut taken = 0;
        let mut ended = 0;
        let mut now = rig.start;
        for act in acts {
            match act {
                Act::Submit { chat, adapter, prompt, max_tokens, seconds } => {
                    calls += 1;
                    let chat = chat.map(|chat| chat.to_string());
                    let job = Job { adapter, deadline: now + Duration::from_secs(seconds), ..rig.job(calls, chat.as_deref(), &prompt, max_tokens) };
                    taken += usize::from(rig.submit(job));
                }
                Act::Cancel(call) => {
                    if let Some(end) = rig.scheduler.cancel(call) {
                        rig.end(&end);
                        ended += 1;
                    }
                }
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

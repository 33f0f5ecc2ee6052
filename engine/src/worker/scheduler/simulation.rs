//! Thousands of chats against a clock that nobody waits for: what people wait, who gets what, and what a turn costs.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::tests::Rig;
use super::{CallId, Job, Limits, ShareKey, Token};

const LIMITS: Limits = Limits {
    slots: 8,
    context: 2048,
    batch: 512,
    queue: 64,
    prefixes: 4,
    shared: 2048,
    tails: 100_000,
};
/// The persona's beginning.
const LEAD: usize = 300;
/// Tokens of a message with what the template adds to it.
const WORDS: usize = 36;
const REPLY: u32 = 64;
/// Messages of one person that the daemon lets wait at the same time (`limits.waiting_per_person`).
const WAITING: usize = 4;
/// A chat that has grown longer begins anew, as after a compaction.
const WINDOW: usize = 1200;

/// What a step takes: for itself, for each token that is drawn and for each of a prompt. Milliseconds on two cores with a model of 0.5
/// thousand million weights in Q4_K_M; only the proportions matter.
const STEP: (f64, f64, f64) = (28.0, 7.1, 4.2);

type Person = usize;

/// Someone who writes.
#[derive(Debug, Default)]
struct Chat {
    /// What was said, up to the last reply.
    said: Vec<Token>,
    messages: usize,
}

/// People who write by themselves, and the scheduler that serves them.
struct World {
    rig: Rig,
    random: StdRng,
    now: Duration,
    calls: CallId,
    chats: BTreeMap<(Person, usize), Chat>,
    /// Whose each open request is, and since when it waits for its first token.
    open: HashMap<CallId, (Person, usize, Option<Duration>)>,
    waits: BTreeMap<Person, Vec<Duration>>,
    answered: BTreeMap<Person, usize>,
    taken: usize,
    refused: usize,
    /// Prompt tokens computed for each message of a chat.
    computed: HashMap<(Person, usize), Vec<usize>>,
}

impl World {
    fn new(limits: Limits, seed: u64) -> Self {
        Self {
            rig: Rig::new(limits),
            random: StdRng::seed_from_u64(seed),
            now: Duration::ZERO,
            calls: 0,
            chats: BTreeMap::new(),
            open: HashMap::new(),
            waits: BTreeMap::new(),
            answered: BTreeMap::new(),
            taken: 0,
            refused: 0,
            computed: HashMap::new(),
        }
    }

    /// Somebody writes in one of their chats, at a moment that has passed while the last step was computed, unless too many of their
    /// messages wait already.
    fn says(&mut self, person: Person, chat: usize, at: Duration) {
        let waiting = self
            .open
            .values()
            .filter(|(who, ..)| *who == person)
            .count();
        let talks = |(who, place, _): &(Person, usize, _)| (*who, *place) == (person, chat);
        // A chat is answered in order.
        if waiting >= WAITING || self.open.values().any(talks) {
            return;
        }
        self.calls += 1;
        let known = self.chats.entry((person, chat)).or_default();
        if known.said.len() > WINDOW {
            known.said.clear();
        }
        if known.said.is_empty() {
            known.said.extend(1..=LEAD as Token);
        }
        let first = (person * 31 + chat * 17 + known.messages * 7) % 500;
        known
            .said
            .extend((0..WORDS).map(|place| (301 + (first + place) % 600) as Token));
        known.messages += 1;
        let job = Job {
            whose: Some(ShareKey(person.to_string())),
            lead: LEAD,
            ..self.rig.job(
                self.calls,
                Some(&format!("{person}/{chat}")),
                &known.said,
                REPLY,
            )
        };
        if self.rig.submit(job) {
            self.open.insert(self.calls, (person, chat, Some(at)));
            self.taken += 1;
        } else {
            self.refused += 1;
            // What was not taken was not said.
            let length = known.said.len() - WORDS;
            known.said.truncate(length);
        }
    }

    /// One step, and the time that it takes.
    fn step(&mut self) {
        let (ended, _) = self.rig.step();
        let drawn = self.rig.generating;
        let prompts = self.rig.last.len() - drawn;
        let took = STEP.0 + STEP.1 * drawn as f64 + STEP.2 * prompts as f64;
        let took = Duration::from_secs_f64(took / 1000.0);
        self.rig.scheduler.note(&self.rig.last, took);
        self.now += took;
        let begun: Vec<CallId> = self
            .rig
            .speaking()
            .chain(ended.iter().map(|(end, _)| end.call))
            .collect();
        for call in begun {
            if let Some((person, _, since)) = self.open.get_mut(&call)
                && let Some(since) = since.take()
            {
                self.waits
                    .entry(*person)
                    .or_default()
                    .push(self.now - since);
            }
        }
        for (end, _) in ended {
            let Some((person, chat, _)) = self.open.remove(&end.call) else {
                continue;
            };
            *self.answered.entry(person).or_default() += 1;
            let cost = end.usage.prompt_tokens - end.usage.cached_tokens;
            self.computed
                .entry((person, chat))
                .or_default()
                .push(cost as usize);
            let said = &mut self.chats.entry((person, chat)).or_default().said;
            for _ in 0..end.usage.completion_tokens {
                said.push(999 + said.len() as Token);
            }
        }
    }

    /// Lets people write for a while: `pace(person)` messages a second on the average.
    fn live(&mut self, people: Person, long: Duration, pace: impl Fn(Person) -> f64) {
        let mut next: Vec<Duration> = (0..people).map(|person| self.pause(pace(person))).collect();
        while self.now < long {
            for (person, next) in next.iter_mut().enumerate() {
                while *next <= self.now {
                    let chat = self.random.random_range(0..WAITING);
                    self.says(person, chat, *next);
                    *next += self.pause(pace(person));
                }
            }
            if self.open.is_empty() {
                self.now = next.iter().min().copied().unwrap_or(long);
            } else {
                self.step();
            }
        }
        for _ in 0..100_000 {
            if self.open.is_empty() {
                return;
            }
            self.step();
        }
        panic!("someone starves");
    }

    /// A pause between two messages that come independently of each other.
    fn pause(&mut self, pace: f64) -> Duration {
        let seconds = -(1.0 - self.random.random::<f64>()).ln() / pace;
        Duration::from_secs_f64(seconds.min(1e6))
    }

    /// The wait for the first token that this share of messages does not exceed.
    fn wait(&self, share: f64, whose: impl Fn(Person) -> bool) -> Duration {
        let waits = self.waits.iter().filter(|(person, _)| whose(**person));
        let mut waits: Vec<Duration> = waits.flat_map(|(_, waits)| waits.clone()).collect();
        waits.sort();
        waits[(share * (waits.len() - 1) as f64) as usize]
    }
}

#[test]
fn of_thousands_nobody_starves_and_all_are_answered() {
    let mut world = World::new(LIMITS, 1);
    world.live(3000, Duration::from_secs(1200), |_| 0.6 / 3000.0);
    let answered: usize = world.answered.values().sum();
    assert_eq!((world.refused, answered), (0, world.taken));
    assert!(answered > 600, "{answered}");
    let (middle, worst) = (world.wait(0.5, |_| true), world.wait(1.0, |_| true));
    assert!(middle < Duration::from_millis(500), "{middle:?}");
    assert!(worst < Duration::from_secs(10), "{worst:?}");
}

/// Far more messages come than can be answered, nearly all from people who have had nothing yet.
#[test]
fn who_had_something_is_not_passed_over_for_ever_by_those_who_are_new() {
    let limits = Limits { slots: 2, ..LIMITS };
    let mut world = World::new(limits, 7);
    let (many, one) = (5000, 5000);
    for chat in 0..WAITING {
        world.says(one, chat, Duration::ZERO);
    }
    world.live(many, Duration::from_secs(600), |_| 1.5 / many as f64);
    let (middle, worst) = (
        world.wait(0.5, |person| person < many),
        world.wait(1.0, |person| person == one),
    );
    assert!(worst < middle, "{worst:?}, the others' median {middle:?}");
}

#[test]
fn who_floods_hardly_makes_others_wait() {
    // As many slots as one person may have messages waiting: they could have all of them.
    let limits = Limits {
        slots: WAITING,
        ..LIMITS
    };
    let flooder = 200;
    let quiet = |person| if person < flooder { 0.3 / 200.0 } else { 1e-9 };
    let flooded = |person| if person < flooder { 0.3 / 200.0 } else { 3.0 };
    let wait = |pace: &dyn Fn(Person) -> f64| {
        let mut world = World::new(limits, 2);
        world.live(flooder + 1, Duration::from_secs(2400), pace);
        world.wait(0.95, |person| person < flooder)
    };
    let (alone, beside) = (wait(&quiet), wait(&flooded));
    assert!(
        beside.as_secs_f64() <= 1.5 * alone.as_secs_f64(),
        "{alone:?} alone, {beside:?} beside the flooder"
    );
}

#[test]
fn when_too_many_write_each_gets_as_much_as_the_others() {
    let mut world = World::new(LIMITS, 3);
    // Each writes in four chats, as soon as it may.
    world.live(24, Duration::from_secs(2400), |_| 2.0);
    let answered = world.answered.values();
    let (least, most) = (answered.clone().min(), answered.max());
    let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
    assert!(least > 10 && most * 10 <= least * 13, "{least} to {most}");
}

#[test]
fn the_thousandth_turn_of_a_chat_costs_what_the_tenth_did() {
    let mut world = World::new(LIMITS, 4);
    for _ in 0..1000 {
        world.says(0, 0, world.now);
        while !world.open.is_empty() {
            world.step();
        }
    }
    let computed = &world.computed[&(0, 0)];
    // The last token that was drawn was not decoded, and a window that begins anew has the persona's beginning at hand.
    let most = WORDS + 1;
    assert!(
        computed[1..].iter().all(|tokens| *tokens <= most),
        "{computed:?}"
    );
}

#[test]
fn a_hundred_chats_that_take_turns_find_their_tails_again() {
    let limits = Limits {
        tails: 200_000,
        ..LIMITS
    };
    let mut world = World::new(limits, 5);
    for _ in 0..6 {
        for person in 0..100 {
            world.says(person, 0, world.now);
            while !world.open.is_empty() {
                world.step();
            }
        }
    }
    for (chat, computed) in &world.computed {
        assert!(
            computed[1..].iter().all(|tokens| *tokens <= WORDS + 1),
            "{chat:?}: {computed:?}"
        );
    }
}

#[test]
fn of_eight_who_write_at_once_most_do_not_wait_for_all() {
    let mut world = World::new(LIMITS, 6);
    for _ in 0..2 {
        world.waits.clear();
        for person in 0..LIMITS.slots {
            world.says(person, 0, world.now);
        }
        while !world.open.is_empty() {
            world.step();
        }
    }
    let (middle, worst) = (world.wait(0.5, |_| true), world.wait(1.0, |_| true));
    assert!(
        middle.as_secs_f64() < 0.55 * worst.as_secs_f64(),
        "{middle:?} of {worst:?}"
    );
}

//! What the chats do: so many at once, so many turns, so many tokens a reply.

use std::time::{Duration, Instant};

use anyhow::bail;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;

use crate::client::{Client, Reply};
use crate::measured::quantile;

/// Words from which messages are put together: only their number matters.
const WORDS: &[&str] = &[
    "the",
    "a",
    "my",
    "your",
    "train",
    "umbrella",
    "bag",
    "window",
    "morning",
    "friend",
    "green",
    "old",
    "rain",
    "coffee",
    "station",
    "evening",
    "bread",
    "letter",
    "bridge",
    "river",
    "cat",
    "song",
    "table",
    "I",
    "you",
    "we",
    "lost",
    "found",
    "saw",
    "left",
    "forgot",
    "heard",
    "and",
    "but",
    "then",
    "because",
    "under",
    "near",
    "after",
    "with",
    "yesterday",
    "today",
    "slowly",
    "again",
    "maybe",
    "really",
    "blue",
    "small",
    "warm",
    "empty",
];

/// How many chats, and how long they are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Workload {
    /// Chats.
    #[arg(long, default_value_t = 8)]
    chats: usize,
    /// Chats that wait for a reply at the same time; 0 = all of them.
    #[arg(long, default_value_t = 0)]
    at_once: usize,
    /// Messages of each chat.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Tokens of a reply.
    #[arg(long, default_value_t = 64)]
    tokens: u32,
    /// Words of a message.
    #[arg(long, default_value_t = 26)]
    words: usize,
    /// Words of the first message, to give a chat a history; 0 = as the others.
    #[arg(long, default_value_t = 0)]
    history: usize,
}

/// What a run gave.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    /// From the first message to the end of the last reply.
    seconds: f64,
    generated_tokens: u64,
    /// Tokens of all first prompts.
    first_turn_prompt_tokens: u64,
    /// Seconds to the first words of replies to first messages.
    first_turn: Vec<f64>,
    /// The same for all later ones.
    follow_up: Vec<f64>,
    /// Tokens of later prompts, and how many of them were not computed again.
    follow_up_prompt_tokens: u64,
    follow_up_cached_tokens: u64,
    /// Most tokens that one of them had to compute.
    follow_up_most_computed: u64,
}

/// A run in a few numbers, with what the server itself took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// Seconds from the start of the program until it can answer.
    pub(crate) start: f64,
    /// The same until it has computed what it computes before anybody writes.
    pub(crate) prepared: f64,
    /// MiB in memory at the end, of all its processes.
    pub(crate) memory: f64,
    pub(crate) tokens_per_second: f64,
    /// Tokens of all replies, and of a first prompt: both sides should have about as many.
    pub(crate) generated_tokens: f64,
    pub(crate) first_prompt_tokens: f64,
    pub(crate) first_turn_median: f64,
    pub(crate) first_turn_95: f64,
    pub(crate) first_turn_worst: f64,
    pub(crate) follow_up_median: f64,
    pub(crate) follow_up_95: f64,
    /// Share of later prompts that was not computed again.
    pub(crate) follow_up_cached: f64,
    /// Every number.
    run: Run,
}

impl Workload {
    /// Lets all chats go; `seed` chooses their words, and nobody has said those of another seed.
    pub(crate) async fn run(&self, client: &Client, seed: u64) -> anyhow::Result<Run> {
        let begun = Instant::now();
        let at_once = if self.at_once == 0 {
            self.chats
        } else {
            self.at_once
        };
        let doors = tokio::sync::Semaphore::new(at_once);
        let chats = (0..self.chats).map(|number| self.chat(client, seed, number, &doors));
        let chats = futures::future::try_join_all(chats).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let every = || chats.iter().flatten();
        let later = || chats.iter().flat_map(|replies| replies.iter().skip(1));
        if every().next().is_none() {
            bail!("there is nothing to do");
        }
        Ok(Run {
            seconds,
            generated_tokens: every().map(|reply| reply.completion_tokens).sum(),
            first_turn_prompt_tokens: chats
                .iter()
                .filter_map(|replies| Some(replies.first()?.prompt_tokens))
                .sum(),
            first_turn: seconds_of(chats.iter().filter_map(|replies| replies.first())),
            follow_up: seconds_of(later()),
            follow_up_prompt_tokens: later().map(|reply| reply.prompt_tokens).sum(),
            follow_up_cached_tokens: later().map(|reply| reply.cached_tokens).sum(),
            follow_up_most_computed: later()
                .map(|reply| reply.prompt_tokens.saturating_sub(reply.cached_tokens))
                .max()
                .unwrap_or(0),
        })
    }

    /// One chat from its first word to its last reply. It waits at the door before each message.
    async fn chat(
        &self,
        client: &Client,
        seed: u64,
        number: usize,
        doors: &tokio::sync::Semaphore,
    ) -> anyhow::Result<Vec<Reply>> {
        let mut random = StdRng::seed_from_u64(seed << 16 | number as u64);
        let mut chat = client.chat(&format!("bench-{seed}"), number);
        let mut replies = Vec::new();
        for turn in 0..self.turns {
            let long = turn == 0 && self.history > 0;
            let words = message(&mut random, if long { self.history } else { self.words });
            let _door = doors.acquire().await?;
            replies.push(chat.say(words, self.tokens).await?);
        }
        Ok(replies)
    }
}

impl Run {
    /// In a few numbers.
    pub(crate) fn report(self, start: Duration, prepared: Duration, memory: f64) -> Report {
        let shared = |part: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        Report {
            start: start.as_secs_f64(),
            prepared: prepared.as_secs_f64(),
            memory,
            tokens_per_second: self.generated_tokens as f64 / self.seconds,
            generated_tokens: self.generated_tokens as f64,
            first_prompt_tokens: self.first_turn_prompt_tokens as f64
                / self.first_turn.len() as f64,
            first_turn_median: quantile(&self.first_turn, 0.5),
            first_turn_95: quantile(&self.first_turn, 0.95),
            first_turn_worst: quantile(&self.first_turn, 1.0),
            follow_up_median: quantile(&self.follow_up, 0.5),
            follow_up_95: quantile(&self.follow_up, 0.95),
            follow_up_cached: shared(self.follow_up_cached_tokens, self.follow_up_prompt_tokens),
            run: self,
        }
    }
}

fn seconds_of<'a>(replies: impl Iterator<Item = &'a Reply>) -> Vec<f64> {
    replies.map(|reply| reply.first.as_secs_f64()).collect()
}

/// So many words that mean nothing.
fn message(random: &mut StdRng, words: usize) -> String {
    let mut said = String::new();
    for place in 0..words {
        if place > 0 {
            said.push(' ');
        }
        said.push_str(WORDS.choose(random).unwrap_or(&"and"));
        if place + 1 < words && random.random_bool(0.1) {
            said.push(',');
        }
    }
    said.push('.');
    said
}

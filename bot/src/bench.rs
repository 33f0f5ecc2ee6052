//! `chatfriends bench`: how fast a model answers on this machine, alone and when several people write at once.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chatfriends_engine::{
    ChatKey, Event, Generate, Message, Request, Role, Sampling, Usage, Worker, WorkerSettings,
};
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngCore as _, SeedableRng as _};
use serde::Serialize;

use crate::brains::worker_settings;
use crate::failure::Failure;
use crate::settings::{Brain, Settings};
use crate::starter;

/// How often everything is measured; medians are told.
const ROUNDS: usize = 3;
/// Tokens of the persona that all chats share.
const PERSONA_TOKENS: u32 = 300;
/// Tokens of a prompt that nothing is known of.
const LONG_TOKENS: u32 = 512;
/// Tokens of a message.
const MESSAGE_TOKENS: u32 = 36;
/// Tokens of a reply.
const REPLY_TOKENS: u32 = 64;
/// Long enough for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Words from which texts are put together: only their number matters.
const WORDS: [&str; 16] = [
    "rain",
    "the",
    "soup",
    "window",
    "friend",
    "slowly",
    "blue",
    "letter",
    "우산",
    "오늘",
    "친구가",
    "조용히",
    "and",
    "walked",
    "home",
    "again",
];

/// What was measured, in one piece.
#[derive(Debug, Serialize)]
struct Report {
    model: PathBuf,
    /// Seconds from the start of the worker until the model can answer.
    start_seconds: f64,
    /// Tokens per second of a long prompt of which nothing is known.
    prefill_tokens_per_second: f64,
    by_chats: Vec<Row>,
    /// Most memory that the worker had at a time, mapped parts of the model with it; nothing where the system does not tell.
    memory_mib: Option<f64>,
}

/// What so many people feel who write at the same time.
#[derive(Debug, Serialize)]
struct Row {
    chats: u32,
    /// Of all replies together, from when the last has begun until the first has ended.
    decode_tokens_per_second: f64,
    /// To the first words of a first reply; the persona is known. Median of all chats.
    first_turn_seconds: f64,
    /// To the first words of the second reply.
    follow_up_seconds: f64,
}

/// One reply, as it came.
struct Heard {
    text: String,
    /// When each piece of text came.
    pieces: Vec<Instant>,
    /// Since it was asked for.
    first: Duration,
    usage: Usage,
}

/// Prints what a model does on this machine: `model`, or the one that the settings name.
///
/// # Errors
/// When the settings name a server and no file, or the model cannot be loaded or answers with an error.
#[expect(clippy::print_stdout, reason = "the numbers are what was asked for")]
pub async fn bench(
    settings: &Settings,
    model: Option<PathBuf>,
    chats: &[u32],
    json: bool,
) -> Result<(), Failure> {
    let model = match (model, &settings.brain) {
        (Some(model), _) => model,
        (None, Brain::File(model)) => model.clone(),
        (None, Brain::Starter) => {
            starter::unpack(&settings.store_path).context("the starter cannot be unpacked")?
        }
        (None, Brain::Server(server)) => {
            return Err(Failure::Other(anyhow::anyhow!(
                "the server at {} answers here, and this measures models on this machine; name a file with --model",
                server.url
            )));
        }
    };
    let slots = chats.iter().copied().max().unwrap_or(1);
    let worker = WorkerSettings {
        slots,
        ..worker_settings(&settings.engine, &model)
    };
    let report = measure(worker, chats).await?;
    if json {
        println!(
            "{}",
            serde_json::to_string_pretty(&report).expect("numbers serialise")
        );
    } else {
        print!("{report}");
    }
    Ok(())
}

async fn measure(settings: WorkerSettings, chats: &[u32]) -> anyhow::Result<Report> {
    let model = settings.model.clone();
    let begun = Instant::now();
    let worker = Worker::start(settings);
    worker.ready().await?;
    let start_seconds = begun.elapsed().as_secs_f64();
    let talk = PERSONA_TOKENS + 2 * (MESSAGE_TOKENS + REPLY_TOKENS);
    // What the template adds, and words that take more tokens than others.
    let needed = LONG_TOKENS.max(talk) + 100;
    let context = worker.prepare(None, None).await?.context;
    if context < needed {
        bail!("{context} tokens of context are too few to measure with; {needed} are needed");
    }
    let mut rig = Rig::new(&worker).await?;
    let mut prefill = Vec::new();
    let mut by_chats = Vec::new();
    for _ in 0..ROUNDS {
        prefill.push(rig.prefill().await?);
    }
    for &count in chats {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(rig.talk(count).await?);
        }
        let of = |number: fn(&Row) -> f64| median(rounds.iter().map(number).collect());
        by_chats.push(Row {
            chats: count,
            decode_tokens_per_second: of(|row| row.decode_tokens_per_second),
            first_turn_seconds: of(|row| row.first_turn_seconds),
            follow_up_seconds: of(|row| row.follow_up_seconds),
        });
    }
    let memory_mib = worker.pid().and_then(most_memory);
    worker.stop().await;
    Ok(Report {
        model,
        start_seconds,
        prefill_tokens_per_second: median(prefill),
        by_chats,
        memory_mib,
    })
}

/// Asks the worker; no two questions are alike, so that nothing but the persona is known of any.
struct Rig<'a> {
    worker: &'a Worker,
    persona: Message,
    tokens_per_word: f64,
    random: StdRng,
}

impl<'a> Rig<'a> {
    async fn new(worker: &'a Worker) -> anyhow::Result<Self> {
        let mut rig = Self {
            worker,
            persona: message(Role::System, ""),
            tokens_per_word: 1.0,
            random: StdRng::seed_from_u64(1),
        };
        let sample = rig.words(400);
        let tokens = worker.count(vec![sample]).await?;
        rig.tokens_per_word = f64::from(tokens.iter().sum::<u32>()) / 400.0;
        rig.persona = message(Role::System, &rig.words(PERSONA_TOKENS));
        // As the daemon reads its personas when it starts.
        let hello = message(Role::User, &rig.words(MESSAGE_TOKENS));
        let opening = vec![rig.persona.clone(), hello];
        hear(worker, request(None, opening, 1)).await?;
        Ok(rig)
    }

    /// About so many tokens of text that was never said before.
    fn words(&mut self, tokens: u32) -> String {
        let count = (f64::from(tokens) / self.tokens_per_word).max(1.0) as usize;
        let words: Vec<&str> = (0..count)
            .map(|_| *WORDS.choose(&mut self.random).unwrap_or(&"and"))
            .collect();
        words.join(" ")
    }

    async fn prefill(&mut self) -> anyhow::Result<f64> {
        let prompt = vec![message(Role::User, &self.words(LONG_TOKENS))];
        let heard = hear(self.worker, request(None, prompt, 1)).await?;
        let computed = heard.usage.prompt_tokens - heard.usage.cached_tokens;
        Ok(f64::from(computed) / heard.first.as_secs_f64())
    }

    /// Two turns of so many chats, all at the same time.
    async fn talk(&mut self, chats: u32) -> anyhow::Result<Row> {
        let key = self.random.next_u64();
        let mut windows: Vec<Vec<Message>> = Vec::new();
        for _ in 0..chats {
            let opening = message(Role::User, &self.words(MESSAGE_TOKENS));
            windows.push(vec![self.persona.clone(), opening]);
        }
        let first = self.round(key, &windows).await?;
        for (window, heard) in windows.iter_mut().zip(&first) {
            window.push(message(Role::Assistant, &heard.text));
            window.push(message(Role::User, &self.words(MESSAGE_TOKENS)));
        }
        let second = self.round(key, &windows).await?;
        let waits = |round: &[Heard]| {
            median(
                round
                    .iter()
                    .map(|heard| heard.first.as_secs_f64())
                    .collect(),
            )
        };
        Ok(Row {
            chats,
            decode_tokens_per_second: median(vec![decoding(&first), decoding(&second)]),
            first_turn_seconds: waits(&first),
            follow_up_seconds: waits(&second),
        })
    }

    async fn round(&self, key: u64, windows: &[Vec<Message>]) -> anyhow::Result<Vec<Heard>> {
        let replies = (0..).zip(windows).map(|(number, window): (u32, _)| {
            let chat = ChatKey(format!("bench {key} {number}"));
            hear(
                self.worker,
                request(Some(chat), window.clone(), REPLY_TOKENS),
            )
        });
        try_join_all(replies).await
    }
}

/// Tokens per second while all replies are being made: from when the last has begun until the first has ended.
fn decoding(round: &[Heard]) -> f64 {
    let begun = round.iter().filter_map(|heard| heard.pieces.first()).max();
    let ended = round.iter().filter_map(|heard| heard.pieces.last()).min();
    let (Some(begun), Some(ended)) = (begun, ended) else {
        return 0.0;
    };
    // A piece is a token, but where a character takes several.
    let tokens: f64 = round
        .iter()
        .map(|heard| {
            let is_within = |piece: &&Instant| *piece > begun && *piece <= ended;
            let within = heard.pieces.iter().filter(is_within).count();
            let share = within as f64 / heard.pieces.len().max(1) as f64;
            f64::from(heard.usage.completion_tokens) * share
        })
        .sum();
    tokens / ended.duration_since(*begun).as_secs_f64().max(1e-6)
}

async fn hear(worker: &Worker, request: Request) -> anyhow::Result<Heard> {
    let asked = Instant::now();
    let mut reply = worker.generate(request).await?;
    let mut text = String::new();
    let mut pieces = Vec::new();
    while let Some(event) = reply.events.recv().await {
        match event? {
            Event::Text(piece) => {
                text.push_str(&piece);
                pieces.push(Instant::now());
            }
            Event::Done(finish) => {
                // A token that shows nothing is one, too.
                let first = pieces
                    .first()
                    .map_or_else(|| asked.elapsed(), |at| *at - asked);
                return Ok(Heard {
                    text,
                    pieces,
                    first,
                    usage: finish.usage,
                });
            }
        }
    }
    bail!("the worker ended in the middle of a reply")
}

fn request(chat: Option<ChatKey>, messages: Vec<Message>, max_tokens: u32) -> Request {
    let lead = usize::from(
        messages
            .first()
            .is_some_and(|first| first.role == Role::System),
    );
    Request {
        chat,
        whose: None,
        messages,
        lead,
        template: None,
        adapter: None,
        max_tokens,
        stop: Vec::new(),
        sampling: Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        grammar: None,
        seed: None,
        ignore_eos: true,
        background: false,
        deadline: PATIENCE,
    }
}

fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.to_owned(),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = [values.len().saturating_sub(1) / 2, values.len() / 2];
    let sum: f64 = middle.iter().filter_map(|place| values.get(*place)).sum();
    sum / 2.0
}

/// MiB that a process had at most, where the system tells.
fn most_memory(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "model            {}", self.model.display())?;
        writeln!(f, "start to ready   {:.2} s", self.start_seconds)?;
        if let Some(memory) = self.memory_mib {
            writeln!(f, "memory           {memory:.0} MiB")?;
        }
        writeln!(
            f,
            "prefill          {:.1} tokens/s ({LONG_TOKENS} tokens)\n",
            self.prefill_tokens_per_second
        )?;
        writeln!(
            f,
            "{:>5}  {:>15}  {:>19}  {:>18}",
            "chats", "decode tokens/s", "first reply after s", "next reply after s"
        )?;
        for row in &self.by_chats {
            writeln!(
                f,
                "{:>5}  {:>15.1}  {:>19.3}  {:>18.3}",
                row.chats,
                row.decode_tokens_per_second,
                row.first_turn_seconds,
                row.follow_up_seconds
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(begun: Instant, pieces: &[u64], tokens: u32) -> Heard {
        let pieces: Vec<Instant> = pieces
            .iter()
            .map(|at| begun + Duration::from_millis(*at))
            .collect();
        Heard {
            text: String::new(),
            first: pieces[0] - begun,
            pieces,
            usage: Usage {
                completion_tokens: tokens,
                ..Usage::default()
            },
        }
    }

    #[test]
    fn decoding_counts_while_all_speak() {
        let begun = Instant::now();
        let early = heard(begun, &[0, 500, 1000, 1500, 2000], 5);
        // Two tokens to a piece.
        let late = heard(begun, &[1000, 1500, 2000, 9000], 8);
        let speed = decoding(&[early, late]);
        // From 1.0 to 2.0 s: two tokens of the one, four of the other.
        assert!((speed - 6.0).abs() < 1e-9, "{speed}");
        // Nobody said anything that can be seen.
        assert!(decoding(&[]) < f64::EPSILON);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        for (values, expected) in [
            (vec![3.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0], 2.5),
            (vec![7.0], 7.0),
        ] {
            assert!((median(values) - expected).abs() < f64::EPSILON);
        }
    }
}

//! How a store answers that remembers many people: `cargo bench --bench store`. docs/BENCHMARKS.md has results.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it runs by hand, and its numbers are what was asked for"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use chatfriends::identity::{Audience, Conversation, Owner, PersonId, PlaceId, Platform, Scope};
use chatfriends::memory::{Memory, MemoryLimits, Said, Spoken};
use chatfriends::store::disk::DiskStore;
use chatfriends::store::key::{self, Key};
use chatfriends::store::{Store, StoreError, Swap};
use chatfriends_personas::PersonaId;
use clap::{Parser, Subcommand};
use rand::{Rng, SeedableRng, rngs::StdRng};

use in_memory::InMemory;
use measured::{memory, quantile};

#[path = "../../bot/src/store/in_memory.rs"]
#[expect(clippy::unwrap_used, reason = "it is made for tests")]
mod in_memory;
mod measured;

/// People whose records are written together: a commit for each would take days.
const TOGETHER: u32 = 2_000;

/// Measures a store that remembers many people.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    step: Option<Step>,
    /// So many people are remembered.
    #[arg(long, default_value_t = 1_000_000, global = true)]
    people: u32,
    /// Of so many of them what is known is recalled.
    #[arg(long, default_value_t = 20_000, global = true)]
    recalls: u32,
    /// `store.cache`, in MiB.
    #[arg(long, default_value_t = 64, global = true)]
    cache: u32,
    /// Given by `cargo bench` itself.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Write the people into a folder.
    Fill { folder: PathBuf },
    /// Open it and recall.
    Measure { folder: PathBuf },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.step {
        Some(Step::Fill { folder }) => fill(cli, folder).await,
        Some(Step::Measure { folder }) => measure(cli, folder).await,
        None => {
            let folder = tempfile::tempdir()?;
            // Each in a process of its own, so that memory is that of the step alone.
            for step in ["fill", "measure"] {
                let status = Command::new(std::env::current_exe()?)
                    .arg(step)
                    .arg(folder.path())
                    .args(["--people", &cli.people.to_string()])
                    .args(["--recalls", &cli.recalls.to_string()])
                    .args(["--cache", &cli.cache.to_string()])
                    .status()?;
                ensure!(status.success(), "{step} failed: {status}");
            }
            Ok(())
        }
    }
}

async fn fill(cli: &Cli, folder: &Path) -> anyhow::Result<()> {
    let store = DiskStore::open(folder, cli.cache).await?;
    for begin in (0..cli.people).step_by(TOGETHER as usize) {
        let records = Arc::new(InMemory::default());
        let memory = Memory::new(Arc::<InMemory>::clone(&records), MemoryLimits::default());
        for number in begin..cli.people.min(begin + TOGETHER) {
            live(&memory, number).await?;
        }
        let all = records.scan(Key::from_bytes(&[])..Key::from_bytes(&[u8::MAX; 8]));
        let new = all.await?.into_iter().map(|(key, value)| Swap {
            key,
            was: None,
            becomes: Some(value),
        });
        store.commit(new.collect()).await?;
        if begin.is_multiple_of(100_000) {
            eprintln!("{begin} of {} people", cli.people);
        }
    }
    Ok(())
}

/// A short talk, from which four facts are learnt.
async fn live(memory: &Memory, number: u32) -> anyhow::Result<()> {
    let scope = scope(number)?;
    for (text, reply) in [
        (
            format!(
                "Hi, my name is Person{number} and I live in Town{}.",
                number % 977
            ),
            "Nice to meet you! What do you do there?",
        ),
        (
            format!(
                "I work as a baker. I love dish{} most of all.",
                number % 313
            ),
            "That sounds delicious. Do you make it yourself?",
        ),
    ] {
        let known = memory.recall(&scope, &text).await?;
        let said = Said {
            name: format!("Person{number}"),
            text,
            notes: String::new(),
            memory_revision: None,
            as_of: known.as_of,
            at_ms: 1_700_000_000_000,
            source: None,
            parts: Vec::new(),
        };
        let turn = memory.open_turn(&scope, said).await?;
        let reply = Spoken {
            text: reply.to_owned(),
            complete: true,
        };
        memory.close_turn(&scope, turn, reply).await?;
    }
    Ok(())
}

async fn measure(cli: &Cli, folder: &Path) -> anyhow::Result<()> {
    let bytes = bytes_in(folder)?;
    let started = Instant::now();
    let store = DiskStore::open(folder, cli.cache).await?;
    let opened = started.elapsed();
    let opened_mib = memory_mib()?;
    let memory = Memory::new(Arc::new(store), MemoryLimits::default());
    let mut random = StdRng::seed_from_u64(7);
    let mut took = Vec::new();
    for _ in 0..cli.recalls {
        let number = random.random_range(0..cli.people);
        let scope = scope(number)?;
        let started = Instant::now();
        let known = memory.recall(&scope, "What is my name?").await?;
        took.push(started.elapsed().as_secs_f64());
        let name = format!("my name is Person{number} ");
        let said = known
            .window
            .first()
            .is_some_and(|turn| turn.text.contains(&name));
        ensure!(
            said && known.window.len() == 2,
            "person {number} is not remembered"
        );
    }
    println!("people                    {}", cli.people);
    println!("on disk                   {} MiB", bytes >> 20);
    println!("store.cache               {} MiB", cli.cache);
    println!("to open it                {:.2} s", opened.as_secs_f64());
    println!("memory then               {opened_mib} MiB");
    for (name, share) in [("median", 0.5), ("99th percentile", 0.99), ("worst", 1.0)] {
        println!("recall, {name:<18}{:.3} ms", 1e3 * quantile(&took, share));
    }
    println!("memory after {:>12} {} MiB", cli.recalls, memory_mib()?);
    Ok(())
}

fn scope(number: u32) -> anyhow::Result<Scope> {
    let persona = PersonaId::new("joey")?;
    let place = PlaceId::new(Platform::Web, &format!("with-{number}"));
    Ok(Scope {
        conversation: Conversation {
            place,
            thread: None,
            persona: persona.clone(),
        },
        owner: Owner {
            audience: Audience::Private,
            persona,
            person: PersonId::new(Platform::Web, &number.to_string()),
        },
    })
}

fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        sum += match entry.file_type()?.is_dir() {
            true => bytes_in(&entry.path())?,
            false => entry.metadata()?.len(),
        };
    }
    Ok(sum)
}

/// What this process takes of the machine's memory.
fn memory_mib() -> anyhow::Result<u64> {
    Ok(memory(std::process::id(), "VmRSS")? >> 20)
}

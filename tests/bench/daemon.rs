//! What the daemon itself takes, before and behind its engine: `cargo bench --bench daemon`. docs/BENCHMARKS.md has results.
//!
//! The real program, its store on disk included, and a fake model server in this process, which answers at once: whatever lies between a
//! message and its answer is the daemon's, and the fake's.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it runs by hand, and its numbers are what was asked for"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::{StreamExt as _, stream};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::measured::{memory, quantile};
use crate::support::daemon::Daemon;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

mod measured;
#[path = "../e2e/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "it is made for tests, which need all of it"
)]
mod support;

/// Measures what the daemon adds to its engine.
#[derive(Debug, Parser)]
struct Cli {
    /// So many people have talked with it before.
    #[arg(long, default_value_t = 10_000)]
    people: u32,
    /// So many messages come in a second.
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// For so many seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Given by `cargo bench` itself.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match measure(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn measure(cli: &Cli) -> anyhow::Result<()> {
    let model = FakeModel::start().await;
    model.replies(|_| "That sounds good!".to_owned());
    let daemon = Home::with(&model).start().await;
    let began = memory_mib(&daemon)?;
    let acquaintances = stream::iter(0..cli.people).map(|person| say(&daemon, person));
    acquaintances.buffer_unordered(16).count().await;
    let idle = memory_mib(&daemon)?;

    let mut took = Vec::new();
    let mut random = StdRng::seed_from_u64(7);
    let mut clock = interval(Duration::from_secs(1) / cli.rate);
    // A late message is still sent, so that a slow daemon gets no easier time.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut waiting = JoinSet::new();
    for _ in 0..cli.rate * cli.seconds {
        clock.tick().await;
        let person = daemon.user(&random.random_range(0..cli.people).to_string());
        waiting.spawn(async move {
            let asked = Instant::now();
            person.asks("joey", "I had soup for lunch.").await;
            asked.elapsed().as_secs_f64()
        });
        while let Some(Ok(one)) = waiting.try_join_next() {
            took.push(one);
        }
    }
    took.extend(waiting.join_all().await);

    println!("people who have talked      {}", cli.people);
    println!("memory before and after     {began} MiB, {idle} MiB");
    println!("messages a second           {}", cli.rate);
    for (name, share) in [("median", 0.5), ("99th percentile", 0.99), ("worst", 1.0)] {
        let milliseconds = 1e3 * quantile(&took, share);
        println!("answered in, {name:<15} {milliseconds:.1} ms");
    }
    daemon.stop().await;
    Ok(())
}

async fn say(daemon: &Daemon, person: u32) {
    let person = daemon.user(&person.to_string());
    person.asks("joey", "Hi there, I am new here.").await;
}

/// What the daemon takes of the machine's memory.
fn memory_mib(daemon: &Daemon) -> anyhow::Result<u64> {
    Ok(memory(daemon.pid(), "VmRSS")? >> 20)
}

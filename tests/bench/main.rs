//! How fast chats are answered, by any OpenAI-compatible server and side by side with another.
//!
//! `cargo bench --bench chats -- drive --url URL --model NAME` drives a server that is there; `… against --model FILE --peer LLAMA-SERVER` starts the
//! daemon and llama.cpp's own server by turns, on the same model file, and compares them. docs/BENCHMARKS.md has results and says how they came about.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it runs by hand, and its numbers are what was asked for"
)]

mod client;
mod measured;
mod report;
mod server;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::client::{Client, History};
use crate::report::Table;
use crate::server::{Machine, Side};
use crate::workload::Workload;

/// Measures how fast chats are answered.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    action: Action,
    /// Given by `cargo bench` itself.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Drive a server that is there already, and print numbers as JSON.
    Drive {
        /// Its base address, such as http://127.0.0.1:8080/v1.
        #[arg(long)]
        url: String,
        /// The model's name there; with chatfriends, a persona.
        #[arg(long)]
        model: String,
        /// Its key.
        #[arg(long)]
        key: Option<String>,
        /// The server keeps what was said, as chatfriends does, and knows its persona: only new words are sent.
        #[arg(long)]
        keeps_history: bool,
        /// Chooses the words; what a server has computed for a seed once, it may still know.
        #[arg(long, default_value_t = rand::random())]
        seed: u32,
        #[command(flatten)]
        workload: Workload,
    },
    /// Start chatfriends and llama-server by turns and compare them.
    Against {
        #[command(flatten)]
        machine: Machine,
        /// How often each is started and measured.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Where to write every number, as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
        #[command(flatten)]
        workload: Workload,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().action).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(action: Action) -> anyhow::Result<()> {
    match action {
        Action::Drive {
            url,
            model,
            key,
            keeps_history,
            seed,
            workload,
        } => {
            let history = if keeps_history {
                History::Kept
            } else {
                History::Sent
            };
            let client = Client::new(&url, vec![model], key, history)?;
            let run = workload.run(&client, seed.into()).await?;
            println!("{}", serde_json::to_string_pretty(&run)?);
        }
        Action::Against {
            machine,
            rounds,
            json,
            workload,
        } => {
            let mut table = Table::default();
            for round in 0..rounds {
                // Whoever begins has a machine that was idle before, so they take turns.
                for side in Side::in_turn(round) {
                    let server = machine.start(side).await?;
                    let run = workload.run(&server.client, round as u64).await?;
                    let started = server.took;
                    table.add(side, run.report(started, server.prepared, server.memory()?));
                    server.stop().await?;
                    eprintln!(
                        "round {} of {rounds}, {side}: {}",
                        round + 1,
                        table.last(side)
                    );
                }
            }
            println!("{table}");
            if let Some(path) = json {
                std::fs::write(path, serde_json::to_string_pretty(&table)?)?;
            }
        }
    }
    Ok(())
}

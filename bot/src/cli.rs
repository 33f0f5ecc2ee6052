//! The command line: what the program can be asked to do. Each subcommand is one call into another module.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chatfriends_engine::{Job, Quantization};
use chatfriends_personas::PersonaId;
use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::logging;
use crate::settings::Settings;
use crate::{backups, bench, check, inspect, run, terminal};

/// Personas for the chat apps people already have open.
#[derive(Debug, Parser)]
#[command(name = "chatfriends", version, about, arg_required_else_help = false)]
struct Cli {
    /// A settings file, read after config/local.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the daemon (the default).
    Run,
    /// Talk in this terminal; lines from standard input when it is not one.
    Chat {
        /// Who is to answer.
        #[arg(long, value_name = "ID")]
        persona: Option<String>,
        /// Whose memory to use.
        #[arg(long, value_name = "NAME", default_value = "me")]
        user: String,
    },
    /// Check settings, personas, models and store, and say what would happen.
    Check,
    /// Measure how fast a model answers on this machine.
    Bench {
        /// A GGUF file; otherwise the one that the settings name.
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// How many people write at the same time.
        #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_values_t = [1, 2, 4, 8], value_parser = clap::value_parser!(u32).range(1..=256))]
        chats: Vec<u32>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look at personas.
    #[command(subcommand)]
    Persona(PersonaAction),
    /// Look at what is remembered, while no daemon runs on the store.
    #[command(subcommand)]
    Memory(MemoryAction),
    /// Write everything that is remembered into one file, beside a running daemon or without one.
    Backup {
        /// Where to; otherwise it is kept in the folder of the store's own backups.
        #[arg(value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Put a backup in the place of what is remembered: at once, or with the next start of a daemon that runs.
    Restore {
        /// A file that `chatfriends backup` has written.
        #[arg(value_name = "FILE")]
        backup: PathBuf,
    },
    /// Ask the running daemon whether it is ready; for a container's health check.
    Healthcheck,
    /// Look at model files, measure them and make them smaller.
    #[command(subcommand)]
    Model(ModelAction),
    /// The worker that runs a model; the daemon starts it.
    #[command(hide = true)]
    Engine {
        /// Something to do once, in JSON.
        job: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum PersonaAction {
    /// Every persona, one a line.
    List,
    /// One persona as it is used.
    Show {
        /// Its id.
        id: String,
    },
    /// Which of a persona's facts are shown with messages: JSON lines {"text": "..."} in, {"facts": [...]} out.
    Facts {
        /// Its id.
        id: String,
    },
}

/// Whose memory.
#[derive(Debug, Clone, clap::Args)]
pub struct Whose {
    /// The user of `chatfriends chat --user`, or of X-User-Id with --web.
    #[arg(long, value_name = "NAME", default_value = "me")]
    pub user: String,
    /// Take NAME as an X-User-Id.
    #[arg(long)]
    pub web: bool,
    /// Told to this persona only.
    #[arg(long, value_name = "ID")]
    pub persona: Option<String>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub enum ExportFormat {
    /// Everything, as JSON.
    #[default]
    Json,
    /// The conversations alone, one a line as {"messages": …}: training data for `chatfriends-train prepare`.
    Chatml,
}

#[derive(Debug, Subcommand)]
enum MemoryAction {
    /// What is remembered of a person, line by line.
    Show(Whose),
    /// All of it, persona by persona.
    Export {
        #[command(flatten)]
        whose: Whose,
        /// As what.
        #[arg(long, value_enum, default_value_t)]
        format: ExportFormat,
    },
    /// Forget all of it.
    Forget(Whose),
}

#[derive(Debug, Subcommand)]
enum ModelAction {
    /// What a GGUF file says about itself; the file is only read.
    Inspect {
        /// The file.
        file: PathBuf,
    },
    /// Write a model in another type.
    Quantize {
        /// The file, in F32, F16 or BF16.
        input: PathBuf,
        /// The file to write.
        output: PathBuf,
        /// Q8_0, Q6_K, Q5_K_M, Q4_K_M, ...
        #[arg(value_name = "TYPE")]
        quantization: Quantization,
    },
    /// How likely a model finds texts: JSON lines {"tokens": [...]} or {"text": "..."} in, log-probabilities out.
    Score {
        /// The model.
        file: PathBuf,
        /// A LoRA adapter for it.
        #[arg(long, value_name = "FILE")]
        adapter: Option<PathBuf>,
        /// Where the whole distributions go that lines with "rows" ask for, as little-endian 32-bit floating point numbers.
        #[arg(long, value_name = "FILE")]
        rows: Option<PathBuf>,
    },
    /// The tokens of texts: JSON lines {"text": "..."} or {"messages": [...]} in, token ids out.
    Tokenize {
        /// The model.
        file: PathBuf,
        /// A chat template in place of the model's own: a name, or Jinja text.
        #[arg(long)]
        template: Option<String>,
    },
}

impl ModelAction {
    fn run(self) -> Result<ExitCode, Failure> {
        let job = match self {
            Self::Inspect { file } => return inspect::model(&file).map(|()| ExitCode::SUCCESS),
            Self::Quantize {
                input,
                output,
                quantization,
            } => Job::Quantize {
                input,
                output,
                quantization,
            },
            Self::Score {
                file,
                adapter,
                rows,
            } => Job::Score {
                model: file,
                adapter,
                rows,
            },
            Self::Tokenize { file, template } => Job::Tokenize {
                model: file,
                template,
            },
        };
        match job.run() {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::FAILURE),
            Err(error) => Err(Failure::Other(error.into())),
        }
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // The worker speaks frames over its standard streams and needs none of the daemon's runtime.
    let command = match cli.command {
        Some(Action::Engine { job: None }) => return chatfriends_engine::run_worker(),
        Some(Action::Engine { job: Some(job) }) => return chatfriends_engine::run_job(&job),
        Some(Action::Model(action)) => {
            return action.run().unwrap_or_else(|failure| failure.report());
        }
        other => other,
    };
    let cli = Cli { command, ..cli };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Other(error.into()).report(),
    };
    match runtime.block_on(act(cli)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn act(cli: Cli) -> Result<ExitCode, Failure> {
    let action = cli.command.unwrap_or(Action::Run);
    let settings = load(cli.config.as_deref())?;
    // Beside a conversation or a report only what needs someone's attention is shown.
    let filter = match action {
        Action::Run => settings.log_filter.as_str(),
        _ => "warn",
    };
    logging::begin(&settings, filter);
    match action {
        Action::Run => run::daemon(settings).await?,
        Action::Chat { persona, user } => {
            terminal::chat(settings, persona_id(persona.as_deref())?, &user).await?;
        }
        Action::Check => {
            return Ok(if check::check(&settings).await {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Action::Bench { model, chats, json } => {
            bench::bench(&settings, model, &chats, json).await?;
        }
        Action::Persona(PersonaAction::List) => inspect::personas(&settings),
        Action::Persona(PersonaAction::Show { id }) => inspect::persona(&settings, &id)?,
        Action::Persona(PersonaAction::Facts { id }) => inspect::facts(&settings, &id)?,
        Action::Memory(MemoryAction::Show(whose)) => inspect::memory(&settings, &whose).await?,
        Action::Memory(MemoryAction::Export { whose, format }) => {
            inspect::export(&settings, &whose, format).await?;
        }
        Action::Memory(MemoryAction::Forget(whose)) => inspect::forget(&settings, &whose).await?,
        Action::Backup { to } => backups::back_up(&settings, to.as_deref()).await?,
        Action::Restore { backup } => backups::restore(&settings, &backup).await?,
        Action::Healthcheck => {
            return Ok(if backups::is_healthy(&settings).await? {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Action::Model(_) | Action::Engine { .. } => {
            unreachable!("handled before the settings are read")
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(file: Option<&Path>) -> Result<Settings, Failure> {
    Ok(Settings::load(file)?)
}

fn persona_id(id: Option<&str>) -> Result<Option<PersonaId>, Failure> {
    id.map(PersonaId::new)
        .transpose()
        .map_err(|error| Failure::Other(error.into()))
}

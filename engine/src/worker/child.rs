//! The outside of the worker process: pipes, greeting, log, end. `service` does the work.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::protocol::{CallId, Command, Frames, Report, VERSION, encode};
use super::settings::WorkerSettings;
use crate::generate::Shortage;

/// llama.cpp splits words with regular expressions that recurse; a long word must not end the process.
const STACK_BYTES: usize = 64 << 20;

/// Runs the worker: commands on standard input, reports on standard output, log lines on standard error. Returns when it is told
/// to stop or when standard input ends, which is how it learns that its daemon is gone.
pub fn run_worker() -> ExitCode {
    start_log("info,llama-cpp-2=error");
    match with_deep_stack(work) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(reason)) => {
            tracing::error!("{reason}");
            ExitCode::FAILURE
        }
        None => ExitCode::FAILURE,
    }
}

/// What `work` gives back; nothing when it panicked, which has written its own line, or when no thread could be started for it.
pub(super) fn with_deep_stack<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    start_with_deep_stack(work).ok()?.join().ok()
}

/// A thread in which llama.cpp may split words.
pub(super) fn start_with_deep_stack<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new()
        .name("engine".into())
        .stack_size(STACK_BYTES)
        .spawn(work)
}

fn work() -> Result<(), String> {
    let output = Output;
    let (counts, counting) = mpsc::channel();
    let commands = listen(counts);
    output.say(&Report::Hello { version: VERSION })?;
    let (settings, mapped) = match commands.recv() {
        Ok(Command::Hello {
            version: VERSION,
            settings,
            mapped,
        }) => (settings, mapped),
        // The daemon compares the versions too and says so; without a daemon there is nobody to tell.
        Ok(_) | Err(_) => {
            return Err("this is the engine's worker; chatfriends starts it by itself".into());
        }
    };
    serve(&settings, mapped, &commands, counting, output).or_else(|end| match end {
        End::NoRoom(shortage) => output.say(&Report::NoRoom(shortage)),
        End::Misset(reason) => output.say(&Report::Misset { reason }),
        End::Hopeless(reason) => output.say(&Report::Failed { reason }),
        End::Broken(reason) => Err(reason),
    })
}

/// Why serving ended before it was told to.
pub(super) enum End {
    /// The model does not fit into the memory that is free now.
    #[cfg_attr(
        not(feature = "llama"),
        expect(dead_code, reason = "without llama.cpp nothing takes memory")
    )]
    NoRoom(Shortage),
    /// The settings ask for what is not there.
    #[cfg_attr(
        not(feature = "llama"),
        expect(dead_code, reason = "without llama.cpp nothing is looked for")
    )]
    Misset(String),
    /// The model cannot be used; trying again would not help.
    Hopeless(String),
    /// Something that a new process may be spared.
    #[cfg_attr(
        not(feature = "llama"),
        expect(dead_code, reason = "without llama.cpp nothing can break")
    )]
    Broken(String),
}

#[cfg(feature = "llama")]
fn serve(
    settings: &WorkerSettings,
    mapped: u64,
    commands: &mpsc::Receiver<Command>,
    counts: mpsc::Receiver<Count>,
    output: Output,
) -> Result<(), End> {
    super::service::serve(settings, mapped, commands, counts, output)
}

#[cfg(not(feature = "llama"))]
fn serve(
    settings: &WorkerSettings,
    _: u64,
    _: &mpsc::Receiver<Command>,
    _: mpsc::Receiver<Count>,
    _: Output,
) -> Result<(), End> {
    let model = settings.model.display();
    Err(End::Hopeless(format!(
        "this build has no llama.cpp and cannot run {model}: build it with the feature \"llama\", or name a model server"
    )))
}

/// Standard output, to which nobody else in this process writes a byte. Threads write one report after the other.
#[derive(Clone, Copy)]
pub(super) struct Output;

impl Output {
    pub(super) fn say(&self, report: &Report) -> Result<(), String> {
        let frame = encode(report).map_err(|error| error.to_string())?;
        let mut stdout = std::io::stdout().lock();
        stdout
            .write_all(&frame)
            .and_then(|()| stdout.flush())
            .map_err(|error| format!("the daemon does not listen any more: {error}"))
    }
}

/// Texts whose tokens are to be counted, and for which call. It needs the vocabulary only, and nobody should wait for a step for it.
#[cfg_attr(
    not(feature = "llama"),
    expect(dead_code, reason = "without llama.cpp nothing is counted")
)]
pub(super) struct Count {
    pub(super) call: CallId,
    pub(super) texts: Vec<String>,
}

/// Reads commands in a thread of its own, so that a worker deep in a computation still notices that its daemon is gone.
fn listen(counts: mpsc::Sender<Count>) -> mpsc::Receiver<Command> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        if let Err(fault) = read_commands(&sender, &counts) {
            tracing::error!("The commands cannot be read: {fault}");
        }
        drop(sender);
        // Normally the worker sees the closed channel after its present step and ends the process first.
        std::thread::sleep(Duration::from_secs(2));
        std::process::exit(1);
    });
    receiver
}

fn read_commands(
    commands: &mpsc::Sender<Command>,
    counts: &mpsc::Sender<Count>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut input = std::io::stdin().lock();
    let mut frames = Frames::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        while let Some(command) = frames.next()? {
            match command {
                Command::Count { call, texts } => counts.send(Count { call, texts })?,
                command => commands.send(command)?,
            }
        }
        match input.read(&mut buffer)? {
            0 => return Ok(frames.finish()?),
            length => frames.push(&buffer[..length]),
        }
    }
}

/// One line for each event, its level first: the daemon logs it again at that level. Of llama.cpp only errors are wanted by default:
/// its warnings are about how it was called (that all slots together exceed the trained context, for one).
pub(super) fn start_log(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false);
    // Fails where the program has a log already, which is as good.
    log.try_init().ok();
}

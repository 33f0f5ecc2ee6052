//! The supervisor's line to one worker process: start, say, hear, end. It has no opinion on what is said.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::protocol::{Command, Frames, Report, encode};
use super::supervisor::Program;

/// What llama.cpp finds in its process's environment.
pub(super) const ENVIRONMENT: [(&str, &str); 2] = [
    // A spinning OpenMP thread costs up to 20 times the speed on a busy machine; a short spin costs nothing on an idle one.
    // libgomp reads this before `main`, so it has to be there at the start.
    ("GOMP_SPINCOUNT", "1000"),
    // Otherwise a failed assertion in llama.cpp starts a debugger before the process ends.
    ("GGML_NO_BACKTRACE", "1"),
];

/// What keeps llama.cpp from asking drivers for devices. It would at its start, whatever is then offloaded, and a driver may end the process.
const NO_DEVICES: [(&str, &str); 3] = [
    ("GGML_DISABLE_VULKAN", "1"),
    ("CUDA_VISIBLE_DEVICES", "-1"),
    ("HIP_VISIBLE_DEVICES", "-1"),
];

/// Words older than this at the worker's death are about something else.
const RECENT: Duration = Duration::from_secs(5);

/// A running worker.
#[derive(Debug)]
pub(crate) struct Link {
    child: Child,
    // Unbounded, since a full pipe must not stop the supervisor; it bounds the number of calls instead.
    outgoing: Option<mpsc::UnboundedSender<Vec<u8>>>,
    incoming: mpsc::Receiver<Result<Report, String>>,
    last_words: Arc<Mutex<Option<Words>>>,
}

/// What the worker wrote to its error output, and when.
#[derive(Debug)]
struct Words {
    text: String,
    at: Instant,
}

/// What came over the line.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Report(Report),
    /// Nothing more will come; the text completes "because …".
    End(String),
}

impl Link {
    /// Starts the program, which may ask for `devices` or never does. Its output is the line, its error output becomes log lines.
    pub(crate) fn start(program: &Program, devices: bool) -> std::io::Result<Self> {
        let mut command = tokio::process::Command::new(&program.path);
        // Ctrl-C in a terminal goes to the whole group; the daemon ends its worker itself, after the open replies.
        #[cfg(unix)]
        command.process_group(0);
        if !devices {
            command.envs(NO_DEVICES);
        }
        let mut child = command
            .args(&program.args)
            .envs(ENVIRONMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let last_words = Arc::new(Mutex::new(None));
        let (outgoing, frames) = mpsc::unbounded_channel();
        let (reports, incoming) = mpsc::channel(256);
        let missing = || std::io::Error::other("a pipe is missing");
        // Each of the three ends with its pipe.
        tokio::spawn(write_all(child.stdin.take().ok_or_else(missing)?, frames));
        tokio::spawn(read_reports(
            child.stdout.take().ok_or_else(missing)?,
            reports,
        ));
        tokio::spawn(log_lines(
            child.stderr.take().ok_or_else(missing)?,
            Arc::clone(&last_words),
        ));
        Ok(Self {
            child,
            outgoing: Some(outgoing),
            incoming,
            last_words,
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a message; an error says why it never can be sent. A dead worker is not an error here: `hear` tells it.
    pub(crate) fn say(&mut self, command: &Command) -> Result<(), String> {
        let frame = encode(command).map_err(|error| error.to_string())?;
        if let Some(outgoing) = &self.outgoing {
            outgoing.send(frame).ok();
        }
        Ok(())
    }

    /// The next message, or how the worker ended. Safe to drop and call again.
    pub(crate) async fn hear(&mut self) -> Heard {
        match self.incoming.recv().await {
            Some(Ok(report)) => Heard::Report(report),
            Some(Err(fault)) => Heard::End(fault),
            // The pipe closes with the process, at once and before its exit can be waited for.
            None => Heard::End(self.obituary().await),
        }
    }

    /// Closes the line and waits for the worker's end; kills it after `patience`.
    pub(crate) async fn end(mut self, patience: Duration) {
        self.outgoing = None;
        if !patience.is_zero() {
            // Keeps reading, so that a last long message does not block the worker.
            let listen = async { while self.incoming.recv().await.is_some() {} };
            let farewell = async {
                listen.await;
                self.child.wait().await
            };
            if timeout(patience, farewell).await.is_ok() {
                return;
            }
        }
        if let Err(error) = self.child.kill().await {
            tracing::warn!(%error, "The engine's worker could not be killed.");
        }
    }

    async fn obituary(&mut self) -> String {
        // A process with much memory takes a while to end; the death must be told within a second all the same.
        let status = match timeout(Duration::from_millis(600), self.child.wait()).await {
            Ok(Ok(status)) => describe(status),
            _ => "it closed its output".into(),
        };
        let last_words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match last_words {
            Some(words) if words.at.elapsed() < RECENT => format!("{status} ({})", words.text),
            _ => status,
        }
    }
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("it was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("it ended with exit code {code}"),
        None => "it ended".into(),
    }
}

async fn write_all(mut stdin: ChildStdin, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        // A broken pipe is noticed by the reader, who tells it.
        if stdin.write_all(&frame).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn read_reports(mut stdout: ChildStdout, reports: mpsc::Sender<Result<Report, String>>) {
    let mut frames = Frames::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match frames.next() {
            Ok(Some(report)) => {
                if reports.send(Ok(report)).await.is_err() {
                    return;
                }
                continue;
            }
            Ok(None) => {}
            Err(fault) => {
                // Fails when the supervisor has ended the link already.
                reports
                    .send(Err(format!("its output is damaged: {fault}")))
                    .await
                    .ok();
                return;
            }
        }
        // A frame cut short by the process's end is the same news as its end.
        match stdout.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => frames.push(&buffer[..length]),
        }
    }
}

/// Turns the worker's error output into log lines of the level that it names. Lines without one come from C++ code that gives up.
async fn log_lines(stderr: ChildStderr, last_words: Arc<Mutex<Option<Words>>>) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        match line.split_once(' ') {
            _ if line.is_empty() => {}
            Some(("ERROR", text)) => {
                tracing::error!(target: "chatfriends_engine::worker", "{text}");
                keep(&last_words, text);
            }
            Some(("WARN", text)) => tracing::warn!(target: "chatfriends_engine::worker", "{text}"),
            Some(("INFO", text)) => tracing::info!(target: "chatfriends_engine::worker", "{text}"),
            Some(("DEBUG" | "TRACE", text)) => {
                tracing::debug!(target: "chatfriends_engine::worker", "{text}")
            }
            _ => {
                tracing::warn!(target: "chatfriends_engine::worker", "{line}");
                keep(&last_words, line);
            }
        }
    }
}

fn keep(last_words: &Mutex<Option<Words>>, line: &str) {
    let words = Words {
        text: line.chars().take(300).collect(),
        at: Instant::now(),
    };
    *last_words.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
}

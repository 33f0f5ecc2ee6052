//! Work on model files that llama.cpp does once, in a process of its own: it ends the process on what it does not expect, and that
//! must become a sentence. For conversations there is `Worker`.

use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::child;
use super::link;
use super::quantize::{Quantization, partial};

/// How often somebody who waits hears that it goes on.
const PROGRESS: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Write a model in another type, and say on standard output what has become of it.
    Quantize {
        /// The file, in F32, F16 or BF16.
        input: PathBuf,
        /// The file to write.
        output: PathBuf,
        /// Its type.
        quantization: Quantization,
    },
    /// Answer each JSON line on standard input with the log-probabilities of its tokens.
    Score {
        /// The model.
        model: PathBuf,
        /// A LoRA adapter to put on it.
        adapter: Option<PathBuf>,
        /// Where whole distributions go.
        rows: Option<PathBuf>,
    },
    /// Answer each JSON line on standard input with the tokens of its text.
    Tokenize {
        /// The model.
        model: PathBuf,
        /// A chat template in place of its own: a known name, or Jinja text.
        template: Option<String>,
    },
}

/// Why a job was not done. What the job itself has to say stands on standard error already.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It could not begin.
    #[error("the engine's process could not be started")]
    NotStarted(#[source] std::io::Error),
    /// A path that cannot be handed on.
    #[error("a path is not UTF-8")]
    Path(#[source] serde_json::Error),
    /// llama.cpp, or the system, ended its process.
    #[error(
        "{file}: llama.cpp gave up on this file ({status}); its reason stands above. If nothing stands there, the system may have \
         ended it for want of memory. Convert the file again, or try with more free memory"
    )]
    Died {
        /// The file that was worked on.
        file: String,
        /// How it ended.
        status: ExitStatus,
    },
}

impl Job {
    /// The process that does it, spoken to over its standard streams.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn command(&self) -> Result<Command, JobError> {
        let mut command = Command::new(super::own_program());
        command.args([
            "engine",
            &serde_json::to_string(self).map_err(JobError::Path)?,
        ]);
        command.envs(link::ENVIRONMENT);
        Ok(command)
    }

    /// Does it with this process's standard streams; false when it has said why it could not.
    ///
    /// # Errors
    /// When its process could not be started, or died.
    pub fn run(&self) -> Result<bool, JobError> {
        let mut child = self
            .command()?
            .stdin(Stdio::inherit())
            .spawn()
            .map_err(JobError::NotStarted)?;
        let mut told = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(JobError::NotStarted)? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(50));
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.tell_progress();
            }
        };
        self.outcome(status)
    }

    /// What an end of its process means.
    fn outcome(&self, status: ExitStatus) -> Result<bool, JobError> {
        match status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => {
                self.clean_up();
                Err(JobError::Died {
                    file: self.file().display().to_string(),
                    status,
                })
            }
        }
    }

    fn file(&self) -> &PathBuf {
        match self {
            Self::Quantize { input: file, .. }
            | Self::Score { model: file, .. }
            | Self::Tokenize { model: file, .. } => file,
        }
    }

    #[expect(
        clippy::print_stderr,
        reason = "progress is for whoever waits at the terminal"
    )]
    fn tell_progress(&self) {
        if let Self::Quantize { output, .. } = self
            && let Ok(metadata) = std::fs::metadata(partial(output))
        {
            eprintln!("{:.0} MB written", metadata.len() as f64 / 1e6);
        }
    }

    /// What is left of a file by a process that died is of no use; if it cannot be removed, the next attempt writes over it.
    fn clean_up(&self) {
        if let Self::Quantize { output, .. } = self {
            std::fs::remove_file(partial(output)).ok();
        }
    }
}

/// Runs a job in this process: what `engine` with an argument does. The argument is a [`Job`] in JSON.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "the reason is for the operator, and there is no log"
)]
pub fn run_job(argument: &str) -> ExitCode {
    child::start_log("warn,llama-cpp-2=error");
    let job = serde_json::from_str(argument).map_err(|error| {
        format!("this is the engine's worker; chatfriends starts it by itself ({error})")
    });
    let outcome = child::with_deep_stack(move || job.and_then(|job| work(&job)));
    match outcome {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(reason)) => {
            eprintln!("chatfriends: {reason}");
            ExitCode::FAILURE
        }
        // A panic has written its own line.
        None => ExitCode::from(2),
    }
}

#[cfg(feature = "llama")]
#[expect(
    clippy::print_stdout,
    reason = "what has become of the file is what was asked for"
)]
fn work(job: &Job) -> Result<(), String> {
    use super::settings::WorkerSettings;
    let (input, output) = (std::io::stdin().lock(), || std::io::stdout().lock());
    match job {
        Job::Quantize {
            input,
            output,
            quantization,
        } => {
            print!(
                "{}",
                super::quantize::quantize(input, output, *quantization)?
            );
            Ok(())
        }
        Job::Score {
            model,
            adapter,
            rows,
        } => {
            let settings = WorkerSettings::new(model);
            super::score::score(
                &settings,
                adapter.as_deref(),
                rows.as_deref(),
                input,
                output(),
            )
        }
        Job::Tokenize { model, template } => {
            let settings = WorkerSettings::new(model);
            super::score::tokenize(&settings, template.as_deref(), input, output())
        }
    }
}

#[cfg(not(feature = "llama"))]
fn work(job: &Job) -> Result<(), String> {
    Err(format!(
        "this build has no llama.cpp and cannot work on {}: build it with the feature \"llama\"",
        job.file().display()
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn a_process_that_llama_cpp_ended_becomes_a_sentence_and_leaves_no_half_file() {
        let folder = tempfile::tempdir().unwrap();
        let job = Job::Quantize {
            input: folder.path().join("big.gguf"),
            output: folder.path().join("small.gguf"),
            quantization: Quantization::Q8_0,
        };
        let half = folder.path().join("small.gguf.part");
        let aborted = ExitStatus::from_raw(6);
        std::fs::write(&half, "half").unwrap();
        let error = job.outcome(aborted).unwrap_err().to_string();
        for part in ["big.gguf: llama.cpp gave up on this file", "signal: 6"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!half.exists());
        let ended = |code: i32| job.outcome(ExitStatus::from_raw(code << 8));
        assert!(matches!((ended(0), ended(1)), (Ok(true), Ok(false))));
    }

    #[test]
    fn jobs_travel_in_an_argument() {
        let job = Job::Score {
            model: "모델.gguf".into(),
            adapter: None,
            rows: Some("rows".into()),
        };
        let text = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
    }
}

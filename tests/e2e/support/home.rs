//! A folder in which the program runs, with its settings: nothing of the machine's own reaches it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::daemon::Daemon;
use super::fake_discord::FakeDiscord;
use super::fake_model::FakeModel;
use super::fake_telegram::FakeTelegram;
use super::{in_time, is_disclosure};

/// Where a program lives. Daemons that are started one after another share the store in it.
pub(crate) struct Home {
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    // A folder may go between its finding and its reading.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// What a program that ran to its end has left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// With the defaults, which means the starter model, on a free port.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            folder: Arc::new(folder),
            settings: Vec::new(),
        }
        .set("web.listen", "127.0.0.1:0")
    }

    /// With a model server. Summaries are extractive, so that every request of the server is somebody's reply.
    pub(crate) fn with(model: &FakeModel) -> Self {
        Self::at_server(model.url())
    }

    /// With a model server that is perhaps not there.
    pub(crate) fn at_server(url: &str) -> Self {
        Self::new()
            .set("server.url", url)
            .set("server.model", "fake")
            .set("memory.summariser", "extractive")
    }

    /// With another setting, such as `web.listen`.
    pub(crate) fn set(mut self, key: &str, value: impl ToString) -> Self {
        let name = format!("CHATFRIENDS__{}", key.replace('.', "__").to_uppercase());
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_string()));
        self
    }

    /// On a machine in this time zone.
    pub(crate) fn in_zone(mut self, zone: &str) -> Self {
        self.settings.push(("TZ".to_owned(), zone.to_owned()));
        self
    }

    /// As a service of a manager that listens at this socket and wants a sign of life within `watchdog`.
    pub(crate) fn with_manager(mut self, socket: &Path, watchdog: Duration) -> Self {
        self.settings.extend([
            ("NOTIFY_SOCKET".to_owned(), socket.display().to_string()),
            ("WATCHDOG_USEC".to_owned(), watchdog.as_micros().to_string()),
        ]);
        self
    }

    /// With a bot on this Discord.
    pub(crate) fn on_discord(self, discord: &FakeDiscord) -> Self {
        self.set("discord.token", discord.token())
            .set("discord.api_url", discord.url())
    }

    /// With a bot on this Telegram.
    pub(crate) fn on_telegram(self, telegram: &FakeTelegram) -> Self {
        self.set("telegram.token", telegram.token())
            .set("telegram.api_url", telegram.url())
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The files in which the store keeps what it has, without its backups.
    pub(crate) fn store_files(&self) -> Vec<PathBuf> {
        files_under(&self.path().join("data/memory"))
    }

    /// Those of them in which these words stand.
    pub(crate) fn stored_in(&self, words: &str) -> Vec<PathBuf> {
        let mut files = self.store_files();
        files.retain(|path| {
            // Files come and go while a daemon runs.
            let bytes = std::fs::read(path).unwrap_or_default().to_ascii_lowercase();
            let words = words.to_ascii_lowercase();
            bytes.windows(words.len()).any(|at| at == words.as_bytes())
        });
        files
    }

    /// Writes a file, in a folder that is made if need be.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder"))
            .expect("folders can be made");
        std::fs::write(&path, content).expect("the file can be written");
        path
    }

    /// Starts the daemon and waits until someone can answer.
    pub(crate) async fn start(&self) -> Daemon {
        let daemon = self.start_without_waiting().await;
        daemon.ready().await;
        daemon
    }

    /// Starts the daemon and waits until the engine has nothing to do any more: what is computed beside something else is rounded otherwise.
    #[cfg(feature = "llama")]
    pub(crate) async fn start_and_read_personas(&self) -> Daemon {
        let daemon = self.start().await;
        daemon
            .until_logged("The engine has read the personas.")
            .await;
        daemon
    }

    /// Starts the daemon and waits only for its address.
    pub(crate) async fn start_without_waiting(&self) -> Daemon {
        Daemon::start(self.command(&["run"]), Arc::clone(&self.folder)).await
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"").await
    }

    /// Runs the program to its end with this on its standard input.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("it was piped");
        let feed = async move {
            // Fails when the program ends before it has read everything.
            stdin.write_all(input).await.ok();
        };
        let (ran, ()) = in_time(&format!("the end of {arguments:?}"), async {
            tokio::join!(child.wait_with_output(), feed)
        })
        .await;
        Ran::of(ran.expect("the program can be waited for"))
    }

    /// Lines in, lines out.
    pub(crate) async fn chat(&self, arguments: &[&str], lines: &[&str]) -> Ran {
        let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.run_with(&[&["chat"], arguments].concat(), input.as_bytes())
            .await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatfriends"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .envs(self.settings.iter().cloned());
        // Build tools may lie there.
        command.envs(std::env::vars().filter(|(name, _)| {
            matches!(
                name.as_str(),
                "PATH" | "LD_LIBRARY_PATH" | "LLVM_PROFILE_FILE"
            )
        }));
        command
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
        // A program that was killed has no code.
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The standard output of a program that ended well, but for the line that says that this is an AI.
    pub(crate) fn sound(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        let lines = self.stdout.split_inclusive('\n');
        lines.filter(|line| !is_disclosure(line)).collect()
    }

    /// The standard error of a program that failed in this way.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.stderr
    }
}

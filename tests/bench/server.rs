//! The two servers that are compared: started alike, watched, and ended.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::client::{Client, History, PERSONA};
use crate::measured::memory;

/// Longest wait for a server to be ready: it may have to read some gigabytes.
const READY: Duration = Duration::from_secs(600);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Side {
    /// Our daemon.
    Chatfriends,
    /// llama.cpp's own server.
    LlamaServer,
}

impl Side {
    /// Both, another one first in each round.
    pub(crate) fn in_turn(round: usize) -> [Self; 2] {
        if round.is_multiple_of(2) {
            [Self::Chatfriends, Self::LlamaServer]
        } else {
            [Self::LlamaServer, Self::Chatfriends]
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chatfriends => "chatfriends",
            Self::LlamaServer => "llama-server",
        })
    }
}

/// What both are given.
#[derive(Debug, clap::Args)]
pub(crate) struct Machine {
    /// The model file for both.
    #[arg(long)]
    model: PathBuf,
    /// The program llama-server.
    #[arg(long)]
    peer: PathBuf,
    /// LoRA adapters for both; chats go round among them.
    #[arg(long = "adapter")]
    adapters: Vec<PathBuf>,
    /// Threads of both.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Chats that both decode at the same time.
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// Tokens that one chat may have.
    #[arg(long, default_value_t = 2048)]
    context: usize,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) client: Client,
    /// From its start until it could answer.
    pub(crate) took: Duration,
    /// From its start until it had computed what it computes before anybody writes.
    pub(crate) prepared: Duration,
    _folder: TempDir,
}

impl Machine {
    /// Starts one of them and waits until it can answer and, as the daemon does, knows its persona.
    pub(crate) async fn start(&self, side: Side) -> anyhow::Result<Server> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let log = folder.path().join("log");
        let output = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)?;
        let mut command = match side {
            Side::Chatfriends => self.daemon(folder.path(), port)?,
            Side::LlamaServer => self.llama_server(port),
        };
        command
            // What the daemon gives its worker (engine/src/worker/link.rs).
            .env("GOMP_SPINCOUNT", "1000")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("{side} does not start"))?;
        let ready = match side {
            Side::Chatfriends => format!("http://127.0.0.1:{port}/readyz"),
            Side::LlamaServer => format!("http://127.0.0.1:{port}/health"),
        };
        let http = reqwest::Client::builder().no_proxy().build()?;
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("{side} ended ({status}): {}", tail(&log));
            }
            if started.elapsed() > READY {
                bail!("{side} is not ready after {READY:?}: {}", tail(&log));
            }
            if http
                .get(&ready)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = started.elapsed();
        // The daemon computes what its personas' prompts begin with as soon as it can answer.
        while side == Side::Chatfriends && !said(&log).contains("The engine has read the personas.")
        {
            if let Some(status) = child.try_wait()? {
                bail!("{side} ended ({status}): {}", tail(&log));
            }
            if started.elapsed() > READY {
                bail!("{side} does not read its personas: {}", tail(&log));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let prepared = started.elapsed();
        Ok(Server {
            child,
            client: self.client(side, port)?,
            took,
            prepared,
            _folder: folder,
        })
    }

    fn client(&self, side: Side, port: u16) -> anyhow::Result<Client> {
        let url = format!("http://127.0.0.1:{port}/v1");
        let several = self.adapters.len().max(1);
        match side {
            Side::Chatfriends => {
                let personas = (0..several).map(persona).collect();
                Client::new(&url, personas, None, History::Kept)
            }
            Side::LlamaServer => {
                let extras = (0..several).map(|number| {
                    let scales = (0..self.adapters.len()).map(
                        |id| json!({ "id": id, "scale": if id == number { 1.0 } else { 0.0 } }),
                    );
                    if self.adapters.is_empty() {
                        json!({})
                    } else {
                        json!({ "lora": scales.collect::<Vec<_>>() })
                    }
                });
                let client =
                    Client::new(&url, vec!["model".to_owned(); several], None, History::Sent)?;
                Ok(client.with_extras(extras.collect()))
            }
        }
    }

    fn llama_server(&self, port: u16) -> Command {
        let mut command = Command::new(&self.peer);
        command.arg("--model").arg(&self.model);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args([
            "--threads",
            &self.threads.to_string(),
            "--parallel",
            &self.slots.to_string(),
        ]);
        command.args(["--ctx-size", &(self.slots * self.context).to_string()]);
        for adapter in &self.adapters {
            command.arg("--lora").arg(adapter);
        }
        command
    }

    fn daemon(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let personas = folder.join("personas");
        std::fs::create_dir(&personas)?;
        for number in 0..self.adapters.len().max(1) {
            let mut file = toml::Table::new();
            file.insert("name".into(), format!("Danbi {number}").into());
            file.insert("languages".into(), vec!["en"].into());
            file.insert("system".into(), PERSONA.into());
            file.insert(
                "greeting".into(),
                "Good morning. What have you lost?".into(),
            );
            if let Some(adapter) = self.adapters.get(number) {
                file.insert("adapter".into(), absolute(adapter)?.into());
            }
            std::fs::write(
                personas.join(persona(number)).with_extension("toml"),
                file.to_string(),
            )?;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatfriends"));
        command.arg("run").current_dir(folder);
        let settings = [
            ("WEB__LISTEN", format!("127.0.0.1:{port}")),
            ("MODEL__DEFAULT", absolute(&self.model)?),
            ("PERSONAS__PATH", "personas".to_owned()),
            ("PERSONAS__DEFAULT", persona(0)),
            ("ENGINE__SLOTS", self.slots.to_string()),
            ("ENGINE__CONTEXT", self.context.to_string()),
            ("ENGINE__THREADS", self.threads.to_string()),
            ("MEMORY__SUMMARISER", "extractive".to_owned()),
        ];
        command.envs(settings.map(|(name, value)| (format!("CHATFRIENDS__{name}"), value)));
        Ok(command)
    }
}

impl Server {
    /// MiB of its own that the server and the processes it started have in memory; of what is mapped from files nothing.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let mut waiting = vec![self.child.id().context("the server has ended")?];
        let mut bytes = 0;
        while let Some(id) = waiting.pop() {
            bytes += memory(id, "RssAnon")?;
            for task in std::fs::read_dir(format!("/proc/{id}/task"))? {
                let children = std::fs::read_to_string(task?.path().join("children"))?;
                waiting.extend(
                    children
                        .split_whitespace()
                        .filter_map(|id| id.parse::<u32>().ok()),
                );
            }
        }
        Ok(bytes as f64 / f64::from(1 << 20))
    }

    /// Ends it and waits for its end.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("the server has ended by itself")?;
        let asked = Command::new("kill").arg(id.to_string()).status().await?;
        if !asked.success() {
            bail!("the server cannot be stopped");
        }
        self.child.wait().await?;
        Ok(())
    }
}

fn persona(number: usize) -> String {
    format!("danbi{number}")
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    let path = path
        .canonicalize()
        .with_context(|| format!("{} cannot be read", path.display()))?;
    path.into_os_string()
        .into_string()
        .ok()
        .context("a path is no Unicode")
}

/// A port that nobody has now.
fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}

/// All that the server said.
fn said(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    text.unwrap_or_default()
}

/// What the server said last.
fn tail(log: &Path) -> String {
    let text = said(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

//! A running daemon: its address, its output, and its end. Dropping it kills it, and after a failure shows what it had to say.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::eventually;
use super::http::{Answer, Person};

pub(crate) struct Daemon {
    child: Child,
    address: SocketAddr,
    stdout: Lines,
    stderr: Lines,
    /// The folder in which it runs stays for as long as it does.
    _folder: Arc<TempDir>,
}

/// What a stream has said so far.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl Daemon {
    /// Starts it and waits for its address, which it logs.
    pub(crate) async fn start(mut command: Command, folder: Arc<TempDir>) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Lines::of(child.stdout.take().expect("it was piped"));
        let stderr = Lines::of(child.stderr.take().expect("it was piped"));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Self {
            child,
            address: nowhere,
            stdout,
            stderr,
            _folder: folder,
        };
        eventually("the daemon's address", async || {
            assert!(
                daemon
                    .child
                    .try_wait()
                    .expect("a child can be waited for")
                    .is_none(),
                "the daemon ended: {}",
                daemon.stderr.text()
            );
            let address = daemon
                .stderr
                .text()
                .split_once(" address=")
                .and_then(|(_, rest)| rest.split_whitespace().next().map(str::to_owned));
            daemon.address = address
                .and_then(|address| address.parse().ok())
                .unwrap_or(nowhere);
            daemon.address != nowhere
        })
        .await;
        daemon
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(feature = "llama")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until someone can answer.
    pub(crate) async fn ready(&self) {
        eventually("the daemon is ready", async || {
            self.get("/readyz").await.status == 200
        })
        .await;
    }

    /// Waits until `/readyz` says this of an app.
    pub(crate) async fn until_ready_says(&self, app: &str, words: &str) {
        eventually(&format!("{app} is {words:?} in /readyz"), async || {
            let ready = self.get("/readyz").await.json();
            ready[app].as_str().unwrap_or_default().contains(words)
        })
        .await;
    }

    /// Waits until its log says this.
    pub(crate) async fn until_logged(&self, words: &str) {
        eventually(&format!("the log says {words:?}"), async || {
            self.stderr().contains(words)
        })
        .await;
    }

    /// Someone who talks to it.
    pub(crate) fn user(&self, user: &str) -> Person {
        Person::new(self.address).named("x-user-id", user)
    }

    /// Someone who gives no name.
    pub(crate) fn anyone(&self) -> Person {
        Person::new(self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.anyone().get(path).await
    }

    /// What `/metrics` says of one counter.
    pub(crate) async fn counted(&self, metric: &str) -> u64 {
        let metrics = self.get("/metrics").await.body;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("no {metric} in {metrics}"))
            .parse()
            .expect("a counter is a number")
    }

    /// Kills it like a power failure.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Tells it to end; it goes on running until it has.
    pub(crate) fn terminate(&self) {
        signal("TERM", self.child.id());
    }

    /// Tells it to end, and waits.
    pub(crate) async fn stop(mut self) -> (ExitStatus, Duration) {
        self.terminate();
        self.ended().await
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        let mut ended = None;
        eventually("the daemon has ended", async || {
            ended = self.child.try_wait().expect("a child can be waited for");
            ended.is_some()
        })
        .await;
        (ended.expect("waited for"), started.elapsed())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!(
                "--- the daemon said:\n{}{}---",
                self.stdout.text(),
                self.stderr.text()
            );
        }
    }
}

impl Lines {
    /// A thread reads, so that the program never waits for the test.
    fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let kept = lines.clone();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                kept.0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        lines
    }

    fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Sends a signal. The shell's own `kill` is everywhere; the program of that name is not.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .expect("there is a shell");
    assert!(sent.success(), "kill -{name} {pid}");
}

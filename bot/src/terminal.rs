//! `chatfriends chat`: a conversation in the terminal, or line by line through pipes.
//!
//! It talks to a running daemon where one holds the store, and brings its own engine otherwise; the conversation is the same one.

use std::io::{IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::Context as _;
use chatfriends_personas::{Language, PersonaId};
use futures::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backups::local_client;
use crate::context::Context;
use crate::failure::Failure;
use crate::inbound::Manner;
use crate::inspect;
use crate::messages::Sentence;
use crate::outlet::{Outlet, Show, TroubleKind};
use crate::run;
use crate::settings::Settings;
use crate::store::StoreError;
use crate::turn;
use crate::web::Visitor;

/// What ends the conversation here. Not in the table of commands: elsewhere there is nothing to leave.
const LEAVE: [&str; 4] = ["/quit", "/exit", "/나가기", "/종료"];

/// Talks until the input ends.
///
/// # Errors
/// When neither an own engine nor a daemon can be had, or the terminal fails.
pub async fn chat(
    settings: Settings,
    persona: Option<PersonaId>,
    user: &str,
) -> Result<(), Failure> {
    let language = language_of_terminal();
    let visitor = Visitor::at_terminal(user);
    let listen = settings.listen;
    let link = match run::open(settings).await {
        Ok(ctx) => Link::Here(ctx),
        Err(Failure::Store(StoreError::Locked { .. })) => Link::There {
            daemon: format!("http://{listen}"),
            http: local_client()?,
        },
        Err(failure) => return Err(failure),
    };
    if let (Link::Here(ctx), Some(persona)) = (&link, &persona) {
        inspect::known(&ctx.catalogue.now(), persona.as_str())?;
    }
    let stop = CancellationToken::new();
    let keeper = match &link {
        Link::Here(ctx) => Some(tokio::spawn(ctx.disk.clone().keep(stop.clone()))),
        Link::There { .. } => None,
    };
    let mut talk = Talk {
        unanswered: Vec::new(),
        line: 0,
        link,
        visitor,
        persona,
        language,
        shown: String::new(),
    };
    let at_keyboard = std::io::stdin().is_terminal();
    let mut interrupts = interrupts().context("listening for Ctrl-C")?;
    let outcome = if at_keyboard {
        talk.with_a_person(&mut interrupts).await
    } else {
        talk.with_lines(&mut interrupts).await
    };
    let unanswered = std::mem::take(&mut talk.unanswered);
    talk.end().await;
    stop.cancel();
    if let Some(keeper) = keeper {
        keeper
            .await
            .context("the store could not be kept in order")?;
    }
    match outcome {
        // Nobody reads any more, as behind `| head -1`.
        Err(error) if is_closed_pipe(&error) => return Ok(()),
        outcome => outcome?,
    }
    if !unanswered.is_empty() && !at_keyboard {
        return Err(Failure::Other(anyhow::anyhow!(
            "lines without an answer: {}",
            which(&unanswered)
        )));
    }
    Ok(())
}

/// Where the conversation is held.
enum Link {
    Here(Arc<Context>),
    There {
        daemon: String,
        http: reqwest::Client,
    },
}

struct Talk {
    link: Link,
    visitor: Visitor,
    /// Picked with `--persona`; otherwise whoever was chosen with `/persona set`.
    persona: Option<PersonaId>,
    language: Language,
    shown: String,
    /// The line of standard input that is being said, counted from 1.
    line: usize,
    /// Those that got trouble in place of a reply.
    unanswered: Vec<usize>,
}

impl Talk {
    async fn greet(&mut self) -> anyhow::Result<()> {
        if let Link::Here(ctx) = &self.link {
            let inbound = self.visitor.says(
                self.persona.clone(),
                String::new(),
                self.language,
                Manner::Talk,
            );
            if let Ok(persona) = ctx.persona_for(&inbound) {
                let greeting = format!("{}: {}", persona.name, persona.greeting);
                self.tell(greeting)?;
            }
        }
        self.tell(Sentence::TerminalHint.say(self.language))
    }

    async fn with_a_person(&mut self, interrupts: &mut Interrupts) -> anyhow::Result<()> {
        self.greet().await?;
        // The line editor blocks, so it has a thread of its own and is asked for one line at a time.
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let (typed, mut lines) = mpsc::channel::<Option<String>>(1);
        let editor = std::thread::spawn(move || edit_lines(&asked, &typed));
        while ask.send(()).is_ok() {
            match lines.recv().await {
                Some(Some(line)) if line.trim().is_empty() => {}
                Some(Some(line)) if LEAVE.contains(&line.trim()) => break,
                Some(Some(line)) => {
                    if self.say(line, interrupts).await?.is_break() {
                        break;
                    }
                }
                Some(None) | None => break,
            }
        }
        drop(ask);
        editor
            .join()
            .map_err(|_| anyhow::anyhow!("the line editor ended in a panic"))
    }

    async fn with_lines(&mut self, interrupts: &mut Interrupts) -> anyhow::Result<()> {
        let mut input = BufReader::new(tokio::io::stdin());
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = tokio::select! {
                bytes = input.read_until(b'\n', &mut line) => bytes.context("reading standard input")?,
                _ = interrupts.recv() => 0,
            };
            if bytes == 0 {
                return Ok(());
            }
            self.line += 1;
            match std::str::from_utf8(&line) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) if LEAVE.contains(&text.trim()) => return Ok(()),
                Ok(text) => {
                    let text = text.trim().to_owned();
                    if self.say(text, interrupts).await?.is_break() {
                        return Ok(());
                    }
                }
                Err(_) => self.tell(Sentence::NotUtf8.say(self.language))?,
            }
        }
    }

    /// Says something and shows the answer as it comes; Ctrl-C meanwhile stops the reply, and once more leaves.
    async fn say(
        &mut self,
        text: String,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<ControlFlow<()>> {
        self.shown.clear();
        let mut shows = self
            .link
            .send(&self.visitor, self.persona.as_ref(), text, self.language)
            .await?;
        let mut stopping = false;
        loop {
            let show = tokio::select! {
                show = shows.recv() => show,
                _ = interrupts.recv() => {
                    if stopping {
                        return Ok(ControlFlow::Break(()));
                    }
                    stopping = true;
                    drop(self.link.send(&self.visitor, self.persona.as_ref(), "/stop".to_owned(), self.language).await?);
                    continue;
                }
            };
            match show {
                Some(Show::Persona { id }) => self.persona = Some(PersonaId::new(&id)?),
                Some(Show::Done { .. }) => break,
                Some(
                    show @ Show::Trouble {
                        kind:
                            TroubleKind::Busy
                            | TroubleKind::UnknownPersona
                            | TroubleKind::Unavailable
                            | TroubleKind::Fault,
                        ..
                    },
                ) => {
                    self.unanswered.push(self.line);
                    self.show(&show)?;
                }
                Some(show) => self.show(&show)?,
                None => anyhow::bail!("the daemon went away in the middle of a reply"),
            }
        }
        self.tell(String::new())?;
        Ok(ControlFlow::Continue(()))
    }

    fn tell(&mut self, text: String) -> anyhow::Result<()> {
        self.show(&Show::Notice { text })
    }

    fn show(&mut self, show: &Show) -> anyhow::Result<()> {
        let mut terminal = std::io::stdout().lock();
        match show {
            Show::Text { text } => {
                write!(terminal, "{}", printable(text))?;
                self.shown.push_str(text);
            }
            Show::Notice { text } | Show::File { text, .. } | Show::Trouble { text, .. } => {
                // What was streamed so far ends its line first.
                if !self.shown.is_empty() {
                    writeln!(terminal)?;
                    self.shown.clear();
                }
                if !text.is_empty() {
                    writeln!(terminal, "{}", printable(text))?;
                }
            }
            Show::Taken { .. }
            | Show::Answering { .. }
            | Show::Again { .. }
            | Show::Persona { .. }
            | Show::Form { .. }
            | Show::Done { .. } => {}
        }
        Ok(terminal.flush()?)
    }

    async fn end(self) {
        if let Link::Here(ctx) = self.link {
            run::finish(&ctx).await;
        }
    }
}

impl Link {
    async fn send(
        &self,
        visitor: &Visitor,
        persona: Option<&PersonaId>,
        text: String,
        language: Language,
    ) -> anyhow::Result<mpsc::Receiver<Show>> {
        let (out, shows) = Outlet::channel();
        match self {
            Self::Here(ctx) => {
                let inbound = visitor.says(persona.cloned(), text, language, Manner::Talk);
                ctx.turns.spawn(turn::run(Arc::clone(ctx), inbound, out));
            }
            Self::There { daemon, http } => {
                let request = http
                    .post(format!("{daemon}/api/say"))
                    .header("x-user-id", visitor.user.as_str())
                    .header("accept-language", language.code())
                    .json(&serde_json::json!({ "persona": persona, "text": text }));
                let response = request.send().await.with_context(|| {
                    format!("another chatfriends holds the store, but none answers at {daemon}; give this one the same web.listen")
                })?;
                tokio::spawn(relay(response, out));
            }
        }
        Ok(shows)
    }
}

/// Passes a daemon's events on; a refusal of the whole request is shown like any trouble. A stream that breaks off closes the outlet without a `Done`, which the reader notices.
async fn relay(response: reqwest::Response, out: Outlet) {
    let status = response.status();
    if !status.is_success() {
        // The daemon's own sentence, where it has one.
        let said = response.json::<serde_json::Value>().await.ok();
        let said = said.and_then(|said| said["error"].as_str().map(str::to_owned));
        out.show(Show::Trouble {
            text: said.unwrap_or_else(|| format!("the daemon answered {status}")),
            kind: TroubleKind::Fault,
        })
        .await;
        out.show(Show::Done { finish: None }).await;
        return;
    }
    let mut bytes = response.bytes_stream();
    let mut pending = Vec::new();
    while let Some(Ok(piece)) = bytes.next().await {
        pending.extend_from_slice(&piece);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            if let Some(show) = line
                .strip_prefix(b"data: ")
                .and_then(|data| serde_json::from_slice(data).ok())
            {
                out.show(show).await;
            }
        }
    }
}

/// Ctrl-C, also when it comes while nobody waits for it.
#[cfg(unix)]
type Interrupts = tokio::signal::unix::Signal;
#[cfg(windows)]
type Interrupts = tokio::signal::windows::CtrlC;

fn interrupts() -> std::io::Result<Interrupts> {
    #[cfg(unix)]
    return tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    #[cfg(windows)]
    return tokio::signal::windows::ctrl_c();
}

/// How many lines, and which: the first of them, where they are many.
fn which(lines: &[usize]) -> String {
    const SHOWN: usize = 20;
    let shown = lines.iter().take(SHOWN).map(usize::to_string);
    let shown = shown.collect::<Vec<_>>().join(", ");
    let rest = if lines.len() > SHOWN { ", …" } else { "" };
    let word = if lines.len() == 1 { "line" } else { "lines" };
    format!("{} ({word} {shown}{rest} of standard input)", lines.len())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn edit_lines(asked: &std::sync::mpsc::Receiver<()>, typed: &mpsc::Sender<Option<String>>) {
    let mut earlier: Vec<String> = Vec::new();
    while asked.recv().is_ok() {
        let line = edit_line(&earlier);
        earlier.extend(line.clone());
        let ended = line.is_none();
        if typed.blocking_send(line).is_err() || ended {
            return;
        }
    }
}

/// Reads one line. The editor does not outlive it: as long as there is one, it keeps Ctrl-C for itself.
fn edit_line(earlier: &[String]) -> Option<String> {
    let mut editor = rustyline::DefaultEditor::new().ok()?;
    for line in earlier {
        // History is a comfort; without it the line is still said.
        drop(editor.add_history_entry(line));
    }
    editor.readline("> ").ok()
}

/// Text that cannot steer the terminal: a reply might contain escape sequences.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .collect()
}

fn language_of_terminal() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if locale.is_some_and(|locale| locale.starts_with("ko")) {
        Language::Korean
    } else {
        Language::English
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_an_answer_are_named() {
        assert_eq!(which(&[3]), "1 (line 3 of standard input)");
        assert_eq!(which(&[2, 5]), "2 (lines 2, 5 of standard input)");
        let many: Vec<usize> = (1..=21).collect();
        assert!(which(&many).starts_with("21 (lines 1, 2, 3,"));
        assert!(which(&many).ends_with(", 19, 20, … of standard input)"));
    }
}

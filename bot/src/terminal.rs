//! `chatfriends chat`: a conversation in the terminal, or line by line through pipes.
//!
//! It talks to a running daemon where one holds the store, and brings its own engine otherwise; the conversation is the same one.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use chatfriends_personas::{Language, PersonaId};
use futures::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::failure::Failure;
use crate::inbound::Manner;
use crate::inspect;
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
            // What is said must not take the way through a proxy to reach this machine.
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .context("an HTTP client could not be made")?,
        },
        Err(failure) => return Err(failure),
    };
    if let (Link::Here(ctx), Some(persona)) = (&link, &persona) {
        inspect::known(&ctx.catalogue.now(), persona.as_str())?;
    }
    let mut talk = Talk {
        unanswered: 0,
        link,
        visitor,
        persona,
        language,
        shown: String::new(),
    };
    let at_keyboard = std::io::stdin().is_terminal();
    let outcome = if at_keyboard {
        talk.greet().await;
        talk.with_a_person().await
    } else {
        talk.with_lines().await
    };
    let unanswered = talk.unanswered;
    talk.end().await;
    outcome?;
    if unanswered > 0 && !at_keyboard {
        return Err(Failure::Other(anyhow::anyhow!(
            "lines without an answer: {unanswered}"
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
    /// Messages that got trouble in place of a reply.
    unanswered: usize,
}

impl Talk {
    #[expect(clippy::print_stdout, reason = "this is the conversation")]
    async fn greet(&self) {
        if let Link::Here(ctx) = &self.link {
            let inbound = self.visitor.says(
                self.persona.clone(),
                String::new(),
                self.language,
                Manner::Talk,
            );
            if let Ok(persona) = ctx.persona_for(&inbound).await {
                println!("{}: {}", persona.name, persona.greeting);
            }
        }
        println!(
            "{}",
            match self.language {
                Language::English =>
                    "(/help shows the commands, Ctrl-C stops a reply, /quit or Ctrl-D ends)",
                Language::Korean =>
                    "(/도움말 에 명령이 있어요. Ctrl-C는 답을 멈추고 /나가기 나 Ctrl-D는 끝내요)",
            }
        );
    }

    async fn with_a_person(&mut self) -> anyhow::Result<()> {
        // The line editor blocks, so it has a thread of its own and is asked for one line at a time.
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let (typed, mut lines) = mpsc::channel::<Option<String>>(1);
        let editor = std::thread::spawn(move || edit_lines(&asked, &typed));
        while ask.send(()).is_ok() {
            match lines.recv().await {
                Some(Some(line)) if line.trim().is_empty() => {}
                Some(Some(line)) if LEAVE.contains(&line.trim()) => break,
                Some(Some(line)) => self.say(line).await?,
                Some(None) | None => break,
            }
        }
        drop(ask);
        editor
            .join()
            .map_err(|_| anyhow::anyhow!("the line editor ended in a panic"))
    }

    async fn with_lines(&mut self) -> anyhow::Result<()> {
        let mut input = BufReader::new(tokio::io::stdin());
        let mut line = Vec::new();
        loop {
            line.clear();
            if input
                .read_until(b'\n', &mut line)
                .await
                .context("reading standard input")?
                == 0
            {
                return Ok(());
            }
            match std::str::from_utf8(&line) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) if LEAVE.contains(&text.trim()) => return Ok(()),
                Ok(text) => self.say(text.trim().to_owned()).await?,
                Err(_) => self.show(&Show::Notice {
                    text: match self.language {
                        Language::English => {
                            "That line is not UTF-8 text; please send it as UTF-8.".to_owned()
                        }
                        Language::Korean => {
                            "이 줄은 UTF-8 글자가 아니에요. UTF-8로 보내 주세요.".to_owned()
                        }
                    },
                }),
            }
        }
    }

    /// Says something and shows the answer as it comes; Ctrl-C meanwhile stops the reply.
    async fn say(&mut self, text: String) -> anyhow::Result<()> {
        self.shown.clear();
        let mut shows = self
            .link
            .send(&self.visitor, self.persona.as_ref(), text, self.language)
            .await?;
        let mut stopping = false;
        loop {
            let show = tokio::select! {
                show = shows.recv() => show,
                interrupt = tokio::signal::ctrl_c(), if !stopping => {
                    interrupt.context("listening for Ctrl-C")?;
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
                        kind: TroubleKind::Unavailable | TroubleKind::Fault,
                        ..
                    },
                ) => {
                    self.unanswered += 1;
                    self.show(&show);
                }
                Some(show) => self.show(&show),
                None => anyhow::bail!("the daemon went away in the middle of a reply"),
            }
        }
        self.show(&Show::Notice {
            text: String::new(),
        });
        Ok(())
    }

    #[expect(clippy::print_stdout, reason = "this is the conversation")]
    fn show(&mut self, show: &Show) {
        match show {
            Show::Text { text } => {
                print!("{}", printable(text));
                self.shown.push_str(text);
            }
            Show::Notice { text } | Show::Trouble { text, .. } => {
                // What was streamed so far ends its line first.
                if !self.shown.is_empty() {
                    println!();
                    self.shown.clear();
                }
                if !text.is_empty() {
                    println!("{}", printable(text));
                }
            }
            Show::Taken { .. } | Show::Persona { .. } | Show::Done { .. } => {}
        }
        drop(std::io::stdout().flush());
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
    if let Err(refused) = response.error_for_status_ref() {
        let text = format!("the daemon refused the message: {refused}");
        out.show(Show::Trouble {
            text,
            kind: TroubleKind::Message,
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

fn edit_lines(asked: &std::sync::mpsc::Receiver<()>, typed: &mpsc::Sender<Option<String>>) {
    let Ok(mut editor) = rustyline::DefaultEditor::new() else {
        drop(typed.blocking_send(None));
        return;
    };
    while asked.recv().is_ok() {
        let line = editor.readline("> ").ok();
        if let Some(line) = &line {
            // History is a comfort; without it the line is still said.
            drop(editor.add_history_entry(line));
        }
        let ended = line.is_none();
        if typed.blocking_send(line).is_err() || ended {
            return;
        }
    }
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

//! The way back to the person: what a turn shows, piece by piece. Surfaces decide how it looks.

use std::time::Duration;

use chatfriends_personas::{Language, PersonaId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::commands::Asked;
use crate::identity::EventId;
use crate::messages::Sentence;

/// One thing to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "show", rename_all = "snake_case")]
pub enum Show {
    /// The message is stored: from here on it is not lost.
    Taken {
        /// Its number in the conversation.
        turn: u64,
    },
    /// Who answers, before the first word.
    Answering {
        /// The persona's id.
        persona: PersonaId,
        /// Its name.
        name: String,
    },
    /// What follows answers words that were answered before, or changed since.
    Again {
        /// The event with which they came.
        of: EventId,
    },
    /// More of the persona's reply.
    Text {
        /// Whole characters.
        text: String,
    },
    /// A sentence of the bot itself, not of the persona; it stands on its own lines.
    Notice {
        /// Plain text, perhaps of several lines.
        text: String,
    },
    /// A text to keep, which apps that can do so hand over as a file.
    File {
        /// What the file is called.
        name: String,
        /// What is in it.
        text: String,
    },
    /// Why there is no reply, in the bot's own words.
    Trouble {
        /// Plain text.
        text: String,
        /// What programs make of it.
        kind: TroubleKind,
    },
    /// From now on another persona answers here.
    Persona {
        /// Its id.
        id: String,
    },
    /// A form to fill in; what is filled in comes back as the command that the form names.
    Form {
        /// The form.
        form: Form,
    },
    /// The end; nothing follows.
    Done {
        /// How the reply ended; `None` when there was none.
        finish: Option<Finished>,
    },
}

/// Something to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// What stands above it.
    pub title: String,
    /// The command that it belongs to. What is filled in is added to its arguments, each under its field's name.
    pub asked: Asked,
    /// At most five, which is what Discord shows.
    pub fields: Vec<Field>,
    /// The language it is in.
    pub language: Language,
}

/// One thing to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Under which name it comes back.
    pub name: String,
    /// What is asked for; at most 45 characters, which is what Discord shows.
    pub label: String,
    /// What stands there at first.
    pub value: String,
    /// Whether it may have several lines.
    pub long: bool,
    /// Whether something must stand there.
    pub required: bool,
    /// Most characters.
    pub longest: usize,
}

/// What a program can do about missing replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// Send something else: empty, too long, an unknown command.
    Message,
    /// Send it later: too much at once.
    Busy,
    /// Name another persona.
    UnknownPersona,
    /// Nothing can be answered now.
    Unavailable,
    /// A fault of the bot.
    Fault,
}

/// How a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Why.
    pub reason: Ending,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Prompt tokens that were still computed from before.
    pub cached_tokens: u32,
    /// Tokens of the reply.
    pub completion_tokens: u32,
}

impl Finished {
    /// The end of a reply that was made before a restart: nothing was computed for it now.
    #[must_use]
    pub fn earlier(complete: bool) -> Self {
        Self {
            reason: if complete {
                Ending::Complete
            } else {
                Ending::Stopped
            },
            prompt_tokens: 0,
            cached_tokens: 0,
            completion_tokens: 0,
        }
    }
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The persona was done.
    Complete,
    /// The reply's length was used up.
    Length,
    /// The person asked it to stop, or left.
    Stopped,
    /// The time was used up.
    Deadline,
    /// The engine went away in the middle.
    Broken,
}

/// Where a turn shows things. A full channel slows the turn down, a closed one ends it, and one that stays full counts as closed.
#[derive(Debug, Clone)]
pub struct Outlet {
    shows: mpsc::Sender<Show>,
    /// Cancelled when nobody reads what is shown although somebody seems to be there.
    stalled: CancellationToken,
}

/// How long a full channel is waited for.
const READING_PATIENCE: Duration = Duration::from_secs(60);

impl Outlet {
    /// An outlet and its other end.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Show>) {
        Self::until(&CancellationToken::new())
    }

    /// The same for a reader who leaves when `gone` is cancelled, and still hears of the end.
    #[must_use]
    pub fn until(gone: &CancellationToken) -> (Self, mpsc::Receiver<Show>) {
        let (sender, receiver) = mpsc::channel(64);
        let outlet = Self {
            shows: sender,
            stalled: gone.child_token(),
        };
        (outlet, receiver)
    }

    /// Shows something. When nobody listens any more it is dropped: the turn notices through [`Self::left`].
    pub async fn show(&self, show: Show) {
        tokio::select! {
            sent = self.shows.send(show) => drop(sent),
            () = self.stalled.cancelled() => {}
            () = tokio::time::sleep(READING_PATIENCE) => self.stalled.cancel(),
        }
    }

    /// Shows a sentence of the bot itself.
    pub async fn notice(&self, text: impl Into<String>) {
        self.show(Show::Notice { text: text.into() }).await;
    }

    /// Shows why there is no reply.
    pub async fn trouble(&self, sentence: &Sentence, language: Language) {
        self.show(Show::Trouble {
            text: sentence.say(language),
            kind: sentence.trouble(),
        })
        .await;
    }

    /// Waits until nobody listens any more.
    pub async fn left(&self) {
        tokio::select! {
            () = self.shows.closed() => {}
            () = self.stalled.cancelled() => {}
        }
    }
}

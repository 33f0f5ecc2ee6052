//! The seam to chat apps: what is shown there, and what can go wrong. What is heard from them is `event.rs`.
//!
//! A chat app is one folder here with `listen` and `send`; nothing outside it names the app's own types.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use chatfriends_personas::{Language, PersonaId};
use serde::{Deserialize, Serialize};

use self::reaction::Reaction;
use self::text::styled::Styled;
use crate::identity::{PersonId, Rank};
use crate::invitations::Token;
use crate::outlet::Form;

pub mod discord;
pub mod event;
pub mod health;
pub mod keeper;
pub mod reaction;
pub mod telegram;
pub mod text;

/// A chat app that messages go to.
#[async_trait]
pub trait Messenger: Send + Sync + Debug {
    /// What holds for messages at this address.
    fn manners(&self, at: &Address) -> Manners;

    /// Cuts a reply into texts that each fit one message with its lead. A cut stays where it is when the reply grows.
    fn pieces(&self, text: &str, voice: &Voice) -> Vec<Styled>;

    /// What the bot says itself, as it is worded for those who ask there: a command is named so that the app brings it to us.
    fn worded(&self, _at: &Address, text: &str) -> String {
        text.to_owned()
    }

    /// Whether what only the asker is to see would reach them.
    async fn reach(&self, _at: &Address) -> Result<Reach, SendError> {
        Ok(Reach::Open)
    }

    /// Whether this message appears once when it is posted twice with one [`PostKey`]. Otherwise one that may have arrived is not posted
    /// again.
    async fn posts_once(&self, _at: &Address, _post: &Post) -> bool {
        false
    }

    /// Shows a new message.
    async fn post(&self, at: &Address, post: &Post, key: &PostKey) -> Result<MessageId, SendError>;

    /// Whether it shows forms. Where it does not, one thing is asked after another, in private.
    fn shows_forms(&self) -> bool {
        true
    }

    /// Whether a message in the making can be shown here without posting it.
    fn sketches(&self, _at: &Address) -> bool {
        false
    }

    /// Shows for a while what the message with this key is going to be.
    async fn sketch(&self, _at: &Address, _post: &Post, _key: &PostKey) -> Result<(), SendError> {
        Ok(())
    }

    /// Shows a form, in answer to the command with this ticket.
    async fn ask(&self, at: &Address, form: &Form) -> Result<(), SendError>;

    /// Shows other content in a message of ours; content that it has already is no error.
    async fn edit(&self, at: &Address, message: &MessageId, post: &Post) -> Result<(), SendError>;

    /// Takes a message of ours away that was shown in this voice.
    async fn remove(
        &self,
        at: &Address,
        message: &MessageId,
        voice: &Voice,
    ) -> Result<(), SendError>;

    /// Puts a sign below somebody's message.
    async fn react(
        &self,
        at: &Address,
        message: &MessageId,
        reaction: Reaction,
    ) -> Result<(), SendError>;

    /// Whether [`Self::rank`] knows there what somebody may do. Otherwise that is told only with commands from the app's own menu.
    fn tells_ranks(&self, _at: &Address) -> bool {
        true
    }

    /// What somebody may change in a place now; at most a minute old.
    async fn rank(&self, at: &Address, person: &PersonId) -> Result<Rank, SendError>;

    /// Shows for a few seconds that somebody is writing.
    async fn typing(&self, at: &Address) -> Result<(), SendError>;
}

/// What holds for messages in one place of a chat app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Least time between two edits of one message.
    pub pace: Duration,
    /// Least time between two changes of anything that is shown there.
    pub pace_between: Duration,
    /// How long a sign of writing stays.
    pub typing_lasts: Duration,
}

/// Where messages go. Only the chat app that made it understands it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The channel or chat, in the app's own words.
    pub place: String,
    /// The thread or topic in it.
    pub thread: Option<String>,
    /// What the app calls the place, where it told.
    #[serde(default)]
    pub title: Option<String>,
    /// Whether several people read there.
    pub shared: bool,
    /// Whoever is answered there, in the app's own words.
    #[serde(default)]
    pub asker: String,
    /// What lets us answer this one event in the app's own way, such as a slash command's token.
    pub ticket: Option<String>,
}

/// Whether an asker can be told something that others do not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// They can.
    Open,
    /// They can as soon as they have written to the bot in private.
    Unmet,
    /// They can when they choose the command from the app's own menu instead of typing it.
    Menu,
    /// They cannot, because they are nobody certain, such as an administrator who writes in the group's name.
    Nobody,
}

/// A message of a chat app, in the app's own words; unique within its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageId(pub String);

/// The same for the same message of the same reply, so that a chat app can tell a second attempt from a second message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostKey(pub String);

/// What one message shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Who seems to speak.
    pub voice: Voice,
    /// One of the texts that [`Messenger::pieces`] gave; empty where there is a file.
    pub text: Styled,
    /// A file; such a message is never changed.
    pub file: Option<File>,
    /// What can be pressed below it.
    pub buttons: Vec<Button>,
    /// The message that it answers.
    pub answers: Option<MessageId>,
    /// Whether only the person who asked is to see it, where the app can do that.
    pub discreet: bool,
    /// What a button that opens a private chat brings there.
    pub invitation: Option<Token>,
    /// The language of its buttons.
    pub language: Language,
}

/// A text to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is called.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// Who seems to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voice {
    /// The bot itself.
    Bot,
    /// The bot, with a model's words that no persona says yet.
    Draft,
    /// A persona.
    Persona {
        /// Whose avatar is shown.
        id: PersonaId,
        /// Its name.
        name: String,
        /// Whether the name must be told because others answer there, too.
        named: bool,
    },
}

/// Something to press below a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Button {
    /// Answers again, differently.
    Regenerate,
    /// Answers again, because the words were changed.
    Renew,
    /// Stops the reply.
    Stop,
}

impl Button {
    const ALL: [Self; 3] = [Self::Regenerate, Self::Renew, Self::Stop];

    /// The word by which a chat app hands a press back.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Regenerate => "regenerate",
            Self::Renew => "renew",
            Self::Stop => "stop",
        }
    }

    /// The button of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|button| button.word() == word)
    }

    /// What stands on it.
    #[must_use]
    pub fn label(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Regenerate, Language::English) => "🔄 Another answer",
            (Self::Regenerate, Language::Korean) => "🔄 다른 답",
            (Self::Renew, Language::English) => "🔄 Answer the new words",
            (Self::Renew, Language::Korean) => "🔄 고친 말에 답하기",
            (Self::Stop, Language::English) => "⏹ Stop",
            (Self::Stop, Language::Korean) => "⏹ 그만",
        }
    }
}

/// Why a message was not shown. Variants are what the sender does next.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Wait so long, then try again.
    #[error("the app asks us to wait {retry_after:?}")]
    Throttled {
        /// How long.
        retry_after: Duration,
    },
    /// Try again a little later: nothing was shown.
    #[error("the app cannot be reached: {0}")]
    Unreachable(String),
    /// It may have been shown, and the app cannot tell.
    #[error("the app did not confirm it: {0}")]
    Unconfirmed(String),
    /// The place goes on elsewhere: new messages arrive there, and what was shown before stays as it is.
    #[error("the place goes on elsewhere: {0}")]
    Moved(String),
    /// The chat or the message is gone, or we may not write there: give up.
    #[error("it cannot be shown there: {0}")]
    Gone(String),
    /// The app will never take this content: give up, and look at the log.
    #[error("the app refused it: {0}")]
    Refused(String),
}

//! What happened in a chat app, in words that all of them share. It goes to the inbox as it is.

use chatfriends_personas::Language;
use serde::{Deserialize, Serialize};

use super::{Address, Button, MessageId};
use crate::commands::Asked;
use crate::identity::{Audience, EventId, Level, PersonId, PlaceId, Platform, Rank, ThreadId};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same when it comes twice.
    pub id: EventId,
    /// In which app.
    pub platform: Platform,
    /// Where answers go.
    pub at: Address,
    /// Where it was, for memory and rules.
    pub venue: Venue,
    /// Who did it.
    pub by: Author,
    /// What.
    pub happened: Happening,
    /// Milliseconds since 1970, as the app tells it; of a changed message, when it was written.
    pub at_ms: u64,
}

impl Event {
    /// The event as which a message came, or would have come, to the place of this one.
    #[must_use]
    pub fn of_message(platform: Platform, at: &Address, message: &MessageId) -> EventId {
        match platform {
            // Discord's numbers are unique everywhere, Telegram's in their chat.
            Platform::Discord => EventId::new(platform, &message.0),
            _ => EventId::new(platform, &format!("{}/{}", at.place, message.0)),
        }
    }

    /// By which messages of one place are put in order: an app may deliver them otherwise. Both apps count their messages up.
    #[must_use]
    pub fn written(&self) -> (u64, u64) {
        let number = match &self.happened {
            Happening::Message(message) => message.id.0.parse().unwrap_or(0),
            _ => 0,
        };
        (self.at_ms, number)
    }

    /// What was written; empty where nothing was.
    #[must_use]
    pub fn words(&self) -> &str {
        match &self.happened {
            Happening::Message(message) | Happening::Edited(message) => &message.text,
            _ => "",
        }
    }
}

/// Where something happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Venue {
    /// The channel, group or chat.
    pub place: PlaceId,
    /// The thread or topic.
    pub thread: Option<ThreadId>,
    /// Who reads along.
    pub audience: Audience,
    /// Where rules for it may stand, the nearest first. Never empty.
    pub levels: Vec<Level>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Their id.
    pub person: PersonId,
    /// The name that others see.
    pub name: String,
    /// Whether a program acts.
    pub is_bot: bool,
    /// The language of their app.
    pub language: Language,
    /// What they may change there, where the app tells it with the event.
    pub rank: Option<Rank>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Somebody wrote something.
    Message(Message),
    /// Somebody wrote words of acute distress to us. The words themselves are kept nowhere.
    Distress {
        /// The message.
        message: MessageId,
        /// Its language.
        language: Language,
    },
    /// Somebody chose a command from the app's own menu, or filled in a form that a command had shown.
    Command(Asked),
    /// Somebody pressed a button below a message of ours.
    Pressed {
        /// The message.
        on: MessageId,
        /// The button.
        button: Button,
    },
    /// Somebody changed what they had written.
    Edited(Message),
    /// Somebody deleted what they had written.
    Deleted(MessageId),
    /// Somebody reacted to a message.
    Reacted {
        /// The message.
        on: MessageId,
        /// With what.
        emoji: String,
    },
    /// The place goes on under another name; the event's venue is the old one.
    Moved {
        /// The new one.
        to: Venue,
    },
}

/// A message that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The words, without the mention of the bot that led them.
    pub text: String,
    /// Whether it names the bot in the app's own way.
    pub mentions_bot: bool,
    /// The message of ours that it answers.
    pub answers: Option<MessageId>,
    /// What it holds beside words.
    pub attachment: Option<Attachment>,
}

/// What a message holds beside words. Nothing of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attachment {
    /// A sticker.
    Sticker,
    /// A file, a picture, a voice message.
    File,
}

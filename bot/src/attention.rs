//! When the bot speaks. Decides on plain values; nothing here is looked up or sent.
//!
//! | where | it answers |
//! |---|---|
//! | a private chat | every message |
//! | elsewhere | a mention, an answer to a message of its own, a call by name; every message where the rules say so |
//!
//! It never answers bots. A message without words gets a sentence when it holds a file and was meant for the bot, otherwise silence.

use chatfriends_personas::{Library, PersonaId, called};
use chrono::{DateTime, Utc};

use crate::house::{Answers, Holding, Quiet};
use crate::identity::Audience;
use crate::platforms::event::{Attachment, Event, Message};
use crate::safety;

/// What is done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attention {
    /// It is answered.
    Speak {
        /// The persona that it was meant for, where it was meant for a certain one.
        persona: Option<PersonaId>,
    },
    /// A sentence says that only words are read.
    WordsOnly,
    /// Nothing happens.
    Silent(Silence),
}

/// Why nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// A program wrote it.
    Bot,
    /// It was not meant for the bot.
    NotCalled,
    /// The rules of the place keep the bot silent.
    NotHere,
    /// The rules of the place keep it silent at this hour.
    QuietHours,
    /// As much was answered in the last hour as the rules of the place allow.
    TooMuch,
    /// There are no words in it.
    NoWords,
}

/// Decides about a message. `answers` is the persona whose message it answers, where the bot wrote that.
#[must_use]
pub fn attend(
    event: &Event,
    message: &Message,
    answered: Option<&AnsweredMessage>,
    rules: &Holding,
    library: &Library,
    now: DateTime<Utc>,
) -> Attention {
    if event.by.is_bot {
        return Attention::Silent(Silence::Bot);
    }
    let private = event.venue.audience == Audience::Private;
    let at_home = rules.personas.rule.iter().filter_map(|id| library.get(id));
    let named = called(&message.text, at_home.map(AsRef::as_ref)).map(|persona| persona.id.clone());
    let meant = private || message.mentions_bot || answered.is_some() || named.is_some();
    if message.text.starts_with('/') && (private || message.mentions_bot) {
        return Attention::Speak { persona: None };
    }
    // Whoever asks the bot for help gets the card, whatever the rules are.
    if meant && safety::is_acute(&message.text) {
        return Attention::Speak { persona: named };
    }
    if !meant && rules.answers.rule != Answers::Everything {
        return Attention::Silent(Silence::NotCalled);
    }
    if !private && rules.answers.rule == Answers::Nothing {
        return Attention::Silent(Silence::NotHere);
    }
    if matches!(&rules.quiet.rule, Quiet::Hours(hours) if hours.contain(now)) {
        return Attention::Silent(Silence::QuietHours);
    }
    if message.text.is_empty() {
        return match message.attachment {
            Some(Attachment::File) if meant => Attention::WordsOnly,
            // A bare mention is a call.
            None if message.mentions_bot => Attention::Speak { persona: named },
            _ => Attention::Silent(Silence::NoWords),
        };
    }
    let persona = named.or_else(|| answered.and_then(|message| message.persona.clone()));
    Attention::Speak { persona }
}

/// A message of the bot's that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredMessage {
    /// The persona that spoke in it.
    pub persona: Option<PersonaId>,
}

//! When the bot speaks. Decides on plain values; nothing here is looked up or sent.
//!
//! | where | it answers |
//! |---|---|
//! | a private chat | every message |
//! | elsewhere | a mention, an answer to a message of its own, a call by name; every message where the rules say so |
//!
//! A message that was not answered, and is changed so that it calls the bot, is answered as a new one: whoever forgot the name adds it. After an
//! hour that is no call any more. A message that was answered is never answered anew by itself (see `amend.rs`), and a command is not given by
//! changing a message.
//!
//! Where the rules keep it silent at this hour, a sign below a message that was clearly meant for it says so.
//!
//! What one writes right after a call belongs to it (see `bursts.rs`). A persona that was taken away from a place answers there no more, also
//! not to answers to what it had said.
//!
//! It never answers bots. A message without words gets a sentence when it holds a file and was meant for the bot, otherwise silence.

use chatfriends_personas::{Library, PersonaId, called};
use chrono::{DateTime, TimeDelta, Utc};

use crate::commands;
use crate::identity::Audience;
use crate::platforms::event::{Attachment, Event, Message};
use crate::platforms::reaction::Reaction;
use crate::rules::{Answers, EffectiveRules};
use crate::safety::Safety;

/// For so long a message may become a call by being changed.
const LATE_CALL: TimeDelta = TimeDelta::hours(1);

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
    /// A sign below the message says why nothing else happens.
    Sign(Reaction, Silence),
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

/// A message, and what holds where it was written.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The message in it.
    pub message: &'a Message,
    /// The rules of the place.
    pub rules: &'a EffectiveRules,
    /// The personas that can be there.
    pub library: &'a Library,
    /// What words of distress are.
    pub safety: &'a Safety,
}

impl Heard<'_> {
    /// Whether it asks the bot for help in acute distress. That is answered whatever the rules are, so nothing but the message decides.
    #[must_use]
    pub fn asks_for_help(&self) -> bool {
        let meant = self.message.answers.is_some()
            || self.hears_all()
            || self.is_addressed()
            || self.named().is_some();
        !self.event.by.is_bot && meant && self.safety.is_acute(&self.message.text)
    }

    /// Decides about it; `answered` is the message of the bot's that it answers.
    #[must_use]
    pub fn attend(&self, answered: Option<&AnsweredMessage>, now: DateTime<Utc>) -> Attention {
        let Self {
            event,
            message,
            rules,
            ..
        } = *self;
        if event.by.is_bot {
            return Attention::Silent(Silence::Bot);
        }
        if message.text.starts_with('/') {
            // Where everything is answered, what others' bots are told is still none of ours.
            return if self.is_addressed() || commands::is_ours(&message.text) && self.hears_all() {
                Attention::Speak { persona: None }
            } else {
                Attention::Silent(Silence::NotCalled)
            };
        }
        let named = self.named();
        let meant = self.is_addressed() || answered.is_some() || named.is_some();
        if !meant && !self.hears_all() {
            return Attention::Silent(Silence::NotCalled);
        }
        if !self.is_private() && rules.answers.rule == Answers::Nothing {
            return Attention::Silent(Silence::NotHere);
        }
        if rules.is_quiet(now) {
            return if meant {
                Attention::Sign(Reaction::Asleep, Silence::QuietHours)
            } else {
                Attention::Silent(Silence::QuietHours)
            };
        }
        if message.text.is_empty() {
            return match message.attachment {
                Some(Attachment::File) if meant => Attention::WordsOnly,
                // A bare mention is a call.
                None if message.mentions_bot => Attention::Speak { persona: named },
                _ => Attention::Silent(Silence::NoWords),
            };
        }
        let persona = self.whom(answered);
        Attention::Speak { persona }
    }

    /// The persona that it is meant for, where it is meant for a certain one that answers there.
    #[must_use]
    pub fn whom(&self, answered: Option<&AnsweredMessage>) -> Option<PersonaId> {
        self.named().or_else(|| {
            let spoke = answered.and_then(|message| message.persona.as_ref())?;
            self.rules.has(spoke).then(|| spoke.clone())
        })
    }

    fn hears_all(&self) -> bool {
        self.rules.answers.rule == Answers::Everything
    }

    fn is_private(&self) -> bool {
        self.event.venue.audience == Audience::Private
    }

    fn is_addressed(&self) -> bool {
        self.is_private() || self.message.mentions_bot
    }

    /// The persona of the place that it calls by name.
    fn named(&self) -> Option<PersonaId> {
        let ids = self.rules.personas.rule.iter();
        let at_home = ids.filter_map(|id| self.library.get(id));
        called(&self.message.text, at_home.map(AsRef::as_ref)).map(|persona| persona.id.clone())
    }
}

/// Whether a message that was not answered when it was written may still become a call by being changed.
#[must_use]
pub fn may_still_call(written_ms: u64, now: DateTime<Utc>) -> bool {
    let written = i64::try_from(written_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    written.is_some_and(|written| now - written < LATE_CALL)
}

/// A message of the bot's that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredMessage {
    /// The persona that spoke in it.
    pub persona: Option<PersonaId>,
}

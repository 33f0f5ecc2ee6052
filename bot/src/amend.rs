//! What follows when somebody changes or deletes a message that was answered or waits for it. Which events these are is decided in `intake.rs`,
//! what memory makes of them in `memory/amend.rs`.
//!
//! | what was done | what follows |
//! |---|---|
//! | a message that waits is changed or deleted | its new words are answered, or nothing is |
//! | an answered one is changed | memory knows the new words; below the last reply a button offers to answer them |
//! | one of several that were answered together is deleted | the same, with what is left |
//! | the only one of a turn is deleted | the turn is forgotten, and our reply goes, too: it speaks of what was taken back |
//!
//! Words that make no turn (a command, too much, a cry for help, which `intake.rs` has answered and left without its words) leave memory as if
//! they had been deleted, and our reply stays.

use std::sync::Arc;
use std::time::Duration;

use chatfriends_personas::{Language, PersonaId};

use crate::back_off::BackOff;
use crate::context::Context;
use crate::gate;
use crate::identity::EventId;
use crate::inbox::Sent;
use crate::memory::{Amended, Turn};
use crate::messages::Sentence;
use crate::platforms::event::{Event, Message};
use crate::platforms::{Button, MessageId, Messenger, Post, SendError, Voice};
use crate::store::StoreError;

const SHORTEST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);

/// One message that is changed or deleted.
pub struct Amendment<'a> {
    /// The parts that are needed for it.
    pub ctx: &'a Arc<Context>,
    /// The app.
    pub messenger: &'a dyn Messenger,
    /// What happened.
    pub event: &'a Event,
    /// The event as which the message had come.
    pub of: &'a EventId,
}

impl Amendment<'_> {
    /// Applies it; `changed` is the message as it is now, `None` when it is deleted. Gives back what is to be said about it.
    ///
    /// # Errors
    /// When the store fails. To be tried again, then.
    pub async fn apply(&self, changed: Option<&Message>) -> Result<Option<String>, StoreError> {
        let Self { ctx, of, .. } = *self;
        // What has no words any more is answered no more than what was deleted.
        let readable = changed.filter(|message| !message.text.is_empty());
        ctx.inbox.amend(of, readable).await?;
        let Some(scope) = ctx.memory.scope_of(of).await? else {
            if changed.is_none() {
                // It may have been forgotten before a restart, and its reply may still stand there.
                self.take_down(of).await?;
            }
            return Ok(None);
        };
        if changed.is_some() && self.event.by.person != scope.owner.person {
            return Ok(None);
        }
        let words = changed.map_or_else(String::new, |message| gate::clean_text(&message.text));
        let (words, said) = self.readable(&words);
        let heard_in = ctx.heard_in(&scope).await?;
        let amended = {
            let _lane = ctx.lanes.enter(&scope.conversation).await;
            ctx.memory.amend_turn(of, words).await?
        };
        let Some(amended) = amended else {
            return Ok(said);
        };
        ctx.let_go(&scope.owner, &heard_in).await;
        match &amended.left {
            None if changed.is_none() => {
                self.take_down(amended.source.as_ref().unwrap_or(of))
                    .await?
            }
            Some(turn) if amended.is_last => self.offer(&amended, turn).await?,
            _ => {}
        }
        Ok(said)
    }

    /// The words as far as they can be a turn's, and what is said about the others. Calls for help have been answered before.
    fn readable<'w>(&self, words: &'w str) -> (&'w str, Option<String>) {
        let limit = self.ctx.settings.limits.message_characters;
        if words.chars().count() > limit {
            let sentence = Sentence::TooLong { limit };
            return ("", Some(sentence.say(Language::of(words))));
        }
        // A command is not given by changing a message.
        if words.starts_with('/') {
            return ("", None);
        }
        (words, None)
    }

    /// Takes away what a persona replied to an event.
    async fn take_down(&self, event: &EventId) -> Result<(), StoreError> {
        for message in self.shown(event).await?.into_iter().flatten() {
            let place = &self.event.venue.place;
            let posted = self.ctx.inbox.posted(place, &message).await?;
            if let Some(persona) = posted.and_then(|posted| posted.persona) {
                let voice = self.voice(&persona);
                self.insist(&message, &Wish::Gone(voice)).await;
            }
        }
        Ok(())
    }

    /// Offers below the reply to answer the new words.
    async fn offer(&self, amended: &Amended, turn: &Turn) -> Result<(), StoreError> {
        let Some(reply) = &turn.reply else {
            return Ok(());
        };
        let Some(source) = &amended.source else {
            return Ok(());
        };
        let voice = self.voice(&amended.scope.conversation.persona);
        let mut pieces = self.messenger.pieces(&reply.text, &voice);
        let shown = self.shown(source).await?;
        let Some(Some(message)) = shown.get(pieces.len().wrapping_sub(1)) else {
            return Ok(());
        };
        let post = Post {
            voice,
            text: pieces.pop().expect("there is one for the message"),
            file: None,
            buttons: vec![Button::Renew],
            answers: None,
            discreet: false,
            invitation: None,
            language: Language::of(&turn.text),
        };
        self.insist(message, &Wish::Shows(Box::new(post))).await;
        Ok(())
    }

    /// Has a message of ours changed, however long the app cannot be reached. The daemon's end cuts it short; then it is done after the restart.
    async fn insist(&self, message: &MessageId, wish: &Wish) {
        let at = &self.event.at;
        let end = self.ctx.lanes.beside();
        let mut back_off = BackOff::new(SHORTEST_BACK_OFF, LONGEST_BACK_OFF);
        loop {
            let done = match wish {
                Wish::Gone(voice) => self.messenger.remove(at, message, voice).await,
                Wish::Shows(post) => self.messenger.edit(at, message, post).await,
            };
            let wait = match done {
                Ok(()) => return,
                Err(SendError::Throttled { retry_after }) => retry_after,
                Err(SendError::Unreachable(cause) | SendError::Unconfirmed(cause)) => {
                    tracing::warn!(%cause, "A reply could not be adapted to a changed message yet.");
                    back_off.wait()
                }
                Err(
                    SendError::Gone(cause) | SendError::Refused(cause) | SendError::Moved(cause),
                ) => {
                    tracing::warn!(%cause, "A reply could not be adapted to a changed message; it stays as it is.");
                    return;
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = end.cancelled() => return,
            }
        }
    }

    /// The messages that show the answer to an event; `None` for those of which it is not known whether they are there.
    async fn shown(&self, event: &EventId) -> Result<Vec<Option<MessageId>>, StoreError> {
        let shown = self.ctx.inbox.shown_for(event).await?;
        let message = |sent| match sent {
            Sent::As(message) => Some(message),
            Sent::Perhaps => None,
        };
        Ok(shown.into_iter().map(message).collect())
    }

    fn voice(&self, persona: &PersonaId) -> Voice {
        let levels = &self.event.venue.levels;
        // A persona whose file is gone is known by its id.
        let name = self
            .ctx
            .library_at(levels)
            .get(persona)
            .map_or_else(|| persona.to_string(), |persona| persona.name.clone());
        Voice::Persona {
            id: persona.clone(),
            name,
            named: self.ctx.rules_at(levels).personas.rule.len() > 1,
        }
    }
}

/// What is to become of a message of ours.
enum Wish {
    /// It was shown in this voice, and goes.
    Gone(Voice),
    /// It shows this.
    Shows(Box<Post>),
}

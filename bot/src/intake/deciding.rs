//! What is to be done about an event: whom a message calls, what a button or a sign asks for, and what is none of our concern.

use std::sync::Arc;
use std::time::Duration;

use chatfriends_personas::Library;
use chrono::Utc;

use super::{Intake, Task};
use crate::attention::{AnsweredMessage, Attention, Heard, Silence, may_still_call};
use crate::bursts::Speaker;
use crate::context::Context;
use crate::identity::{Audience, EventId, Rank};
use crate::inbox::{Batch, Posted};
use crate::messages::Sentence;
use crate::metrics::{self, Count};
use crate::platforms::event::{Event, Happening, Message};
use crate::platforms::reaction::{Reaction, verdict};
use crate::platforms::{Button, MessageId};
use crate::rules::{Answers, EffectiveRules};
use crate::safety::Safety;
use crate::store::StoreError;

impl Intake {
    /// Whether somebody asks us for help in distress.
    pub(super) fn asks_for_help(&self, event: &Event) -> bool {
        let (Happening::Message(message) | Happening::Edited(message)) = &event.happened else {
            return false;
        };
        let place = Place::of(&self.ctx, event);
        place.heard(event, message).asks_for_help()
    }

    /// The event, unless it happened to a message that we know nothing of. A message that only now may call us is as good as new.
    pub(super) async fn of_concern(&self, event: Event) -> Result<Option<Event>, StoreError> {
        let message = match &event.happened {
            Happening::Edited(message) => &message.id,
            Happening::Deleted(message) => message,
            _ => return Ok(Some(event)),
        };
        let of = Event::of_message(event.platform, &event.at, message);
        if self.ctx.inbox.knows(&of).await? || self.ctx.memory.scope_of(&of).await?.is_some() {
            return Ok(Some(event));
        }
        if let Happening::Deleted(_) = event.happened {
            self.gone.note(of.clone());
            // In this order: the message may have come in between, and then looks for this note after it is kept.
            return Ok(self.ctx.inbox.knows(&of).await?.then_some(event));
        }
        Ok(match event.happened {
            Happening::Edited(message) if may_still_call(event.at_ms, Utc::now()) => Some(Event {
                id: of,
                happened: Happening::Message(message),
                ..event
            }),
            _ => None,
        })
    }

    /// What is to be done about an event; `None` = nothing.
    pub(super) async fn task(&self, event: &Event) -> Result<Option<Task>, StoreError> {
        match &event.happened {
            Happening::Message(message) => self.task_of_message(event, message).await,
            Happening::Command(_) => Ok(Some(Task::Command)),
            Happening::Distress { .. } => Ok(Some(Task::Help)),
            Happening::Pressed { .. } => Ok(Some(Task::Press)),
            Happening::Edited(message) => Ok(Some(Task::Amend {
                of: Event::of_message(event.platform, &event.at, &message.id),
                changed: Some(message.clone()),
            })),
            Happening::Deleted(message) => Ok(Some(Task::Amend {
                of: Event::of_message(event.platform, &event.at, message),
                changed: None,
            })),
            Happening::Reacted { on, emoji } => {
                let Some(count) = verdict(emoji).filter(|_| !event.by.is_bot) else {
                    return Ok(None);
                };
                let posted = self.ctx.inbox.posted(&event.venue.place, on).await?;
                let speaks = posted.is_some_and(|posted| posted.persona.is_some());
                Ok(speaks.then_some(Task::Count(count)))
            }
            Happening::Moved { .. } => Ok(None),
        }
    }

    async fn task_of_message(
        &self,
        event: &Event,
        message: &Message,
    ) -> Result<Option<Task>, StoreError> {
        if self.is_for_dialogue(event, message).await? {
            return Ok(Some(Task::Dialogue));
        }
        let answered = self.answered(event, message).await?;
        let place = Place::of(&self.ctx, event);
        let is_command = message.text.starts_with('/');
        let heard = place.heard(event, message);
        let called = heard.whom(answered.as_ref());
        let goes_on = !is_command && self.bursts.is_open(&Speaker::of(event), called.as_ref());
        let attention = heard.attend(answered.as_ref(), Utc::now());
        let attention = match attention {
            // Whoever has just called goes on.
            Attention::Silent(Silence::NotCalled) if goes_on && !message.text.is_empty() => {
                Attention::Speak { persona: None }
            }
            Attention::Speak { .. } | Attention::WordsOnly
                if !is_command
                    && !goes_on
                    && !self.ctx.tally.take(&place.rules, &event.by.person) =>
            {
                Attention::Sign(Reaction::Enough, Silence::TooMuch)
            }
            attention => attention,
        };
        Ok(match attention {
            Attention::Speak { .. } if is_command => Some(Task::Command),
            Attention::Speak { persona } => Some(Task::Answer { persona }),
            Attention::WordsOnly => Some(Task::Tell(Sentence::WordsOnly)),
            Attention::Sign(reaction, silence) => {
                self.react(event, &message.id, reaction);
                self.stay_silent(event, silence);
                None
            }
            Attention::Silent(silence) => {
                self.stay_silent(event, silence);
                None
            }
        })
    }

    /// What was to be done about events that were taken before a restart: the same, whatever the rules have become.
    pub(super) async fn task_again(&self, batch: &Batch) -> Result<Option<Task>, StoreError> {
        let leader = batch.leader();
        let message = match &leader.happened {
            Happening::Message(message) => message,
            Happening::Reacted { emoji, .. } => return Ok(verdict(emoji).map(Task::Count)),
            _ => return self.task(leader).await,
        };
        if self.is_for_dialogue(leader, message).await? {
            return Ok(Some(Task::Dialogue));
        }
        if message.text.starts_with('/') {
            return Ok(Some(Task::Command));
        }
        if message.text.is_empty() && message.attachment.is_some() {
            return Ok(Some(Task::Tell(Sentence::WordsOnly)));
        }
        let place = Place::of(&self.ctx, leader);
        let mut persona = None;
        for event in &batch.0 {
            let Happening::Message(message) = &event.happened else {
                continue;
            };
            let answered = self.answered(event, message).await?;
            persona = persona.or_else(|| place.heard(event, message).whom(answered.as_ref()));
        }
        Ok(Some(Task::Answer { persona }))
    }

    /// Whether a message fills in a form that is asked for one field after another.
    async fn is_for_dialogue(&self, event: &Event, message: &Message) -> Result<bool, StoreError> {
        let dialogues = &self.ctx.dialogues;
        Ok(event.venue.audience == Audience::Private
            && dialogues
                .concerns(&event.by.person, &event.id, &message.text)
                .await?)
    }

    /// The message of ours that a message answers.
    async fn answered(
        &self,
        event: &Event,
        message: &Message,
    ) -> Result<Option<AnsweredMessage>, StoreError> {
        let Some(ours) = &message.answers else {
            return Ok(None);
        };
        let posted = self.posted_just_now(event, ours).await?;
        Ok(posted.map(|posted| AnsweredMessage {
            persona: posted.persona,
        }))
    }

    fn stay_silent(&self, event: &Event, silence: Silence) {
        metrics::count(Count::MessagesIgnored);
        tracing::debug!(event = event.id.as_str(), ?silence, "Staying silent.");
        self.ctx
            .reasons
            .note_silence(&event.venue.place, &event.by.person, silence);
    }

    /// Puts a sign below a message, once: what does not arrive is not worth a second attempt.
    fn react(&self, event: &Event, message: &MessageId, reaction: Reaction) {
        let (messenger, at) = (Arc::clone(&self.messenger), event.at.clone());
        let message = message.clone();
        self.ctx.turns.spawn(async move {
            if let Err(error) = messenger.react(&at, &message, reaction).await {
                tracing::debug!(%error, "A sign below a message was not shown.");
            }
        });
    }

    /// What a pressed button asks for; `None` = nothing.
    pub(super) async fn pressed(&self, event: &Event) -> Result<Option<Task>, StoreError> {
        let Happening::Pressed { on, button } = &event.happened else {
            return Ok(None);
        };
        let Some(posted) = self.posted_just_now(event, on).await? else {
            return Ok(Some(Task::Tell(Sentence::TooOld)));
        };
        let Some(persona) = posted.persona else {
            return Ok(None);
        };
        let theirs = posted.asker == event.by.person;
        if !theirs && self.rank(event).await < Rank::ManagesChannel {
            return Ok(Some(Task::Tell(Sentence::NotYourReply)));
        }
        Ok(Some(match button {
            Button::Stop => Task::Stop {
                of: posted.event,
                persona,
            },
            Button::Regenerate | Button::Renew => {
                if !self.ctx.rules_at(&event.venue.levels).has(&persona) {
                    return Ok(Some(Task::Tell(Sentence::AnswersNoMore)));
                }
                if !self.is_last(&posted.event).await? {
                    return Ok(Some(Task::Tell(Sentence::NotTheLastReply)));
                }
                match self.kept_from(event) {
                    Some(silence) => Task::Tell(Sentence::WhySilent(silence)),
                    None => Task::Regenerate {
                        of: posted.event,
                        asker: posted.asker,
                        persona,
                    },
                }
            }
        }))
    }

    /// Whether nothing has been said in the conversation after the words that came with an event.
    async fn is_last(&self, event: &EventId) -> Result<bool, StoreError> {
        let memory = &self.ctx.memory;
        let Some(scope) = memory.scope_of(event).await? else {
            return Ok(false);
        };
        let known = memory.recall(&scope, "").await?;
        let last = known.window.last();
        Ok(last.is_some_and(|turn| turn.source.as_ref() == Some(event)))
    }

    /// What keeps us from making a reply there now; otherwise it counts as one.
    pub(super) fn kept_from(&self, event: &Event) -> Option<Silence> {
        let rules = self.ctx.rules_at(&event.venue.levels);
        let is_private = event.venue.audience == Audience::Private;
        if !is_private && rules.answers.rule == Answers::Nothing {
            return Some(Silence::NotHere);
        }
        if rules.is_quiet(Utc::now()) {
            return Some(Silence::QuietHours);
        }
        if !self.ctx.tally.take(&rules, &event.by.person) {
            return Some(Silence::TooMuch);
        }
        None
    }

    /// What a message of ours is about. A message is seen a moment before it is noted, and a button may be pressed in between, or an
    /// answer written.
    async fn posted_just_now(
        &self,
        event: &Event,
        message: &MessageId,
    ) -> Result<Option<Posted>, StoreError> {
        for _ in 0..6 {
            let posted = self.ctx.inbox.posted(&event.venue.place, message).await?;
            if posted.is_some() {
                return Ok(posted);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(None)
    }
}

/// What holds where an event happened.
struct Place<'a> {
    rules: EffectiveRules,
    library: Arc<Library>,
    safety: &'a Safety,
}

impl<'a> Place<'a> {
    fn of(ctx: &'a Context, event: &Event) -> Self {
        let levels = &event.venue.levels;
        let library = ctx.library_at(levels);
        Self {
            rules: ctx.rules_among(levels, &library),
            library,
            safety: &ctx.settings.safety,
        }
    }

    fn heard<'b>(&'b self, event: &'b Event, message: &'b Message) -> Heard<'b> {
        Heard {
            event,
            message,
            rules: &self.rules,
            library: &self.library,
            safety: self.safety,
        }
    }
}

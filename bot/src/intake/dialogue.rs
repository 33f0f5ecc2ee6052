//! How a form is filled in by talking in private: what is shown, and what comes of the answers. What is asked next is `crate::dialogue`.

use chatfriends_personas::Language;
use tokio_util::sync::CancellationToken;

use super::doing::{inbound, language, said, told};
use super::{Intake, Shows};
use crate::delivery::{Delivered, Job};
use crate::dialogue::{Origin, Question, Step};
use crate::inbox::Batch;
use crate::messages::Sentence;
use crate::messages::making::Making;
use crate::outlet::Form;
use crate::platforms::event::{Author, Event, Happening};
use crate::platforms::text::fence::fenced;
use crate::store::StoreError;

impl Intake {
    /// Begins to ask for what a form asks for, where its command's answer would be shown. Whoever cannot be told something alone was
    /// turned away before the command was carried out.
    pub(super) async fn begin_dialogue(
        &self,
        job: Job,
        form: Form,
        stop: &CancellationToken,
    ) -> Result<Delivered, StoreError> {
        let origin = Origin {
            at: job.at.clone(),
            venue: job.venue.clone(),
        };
        let dialogues = &self.ctx.dialogues;
        match dialogues.begin(&job.asker, origin, form).await? {
            Some(question) => {
                let shows = shown(&[], &question).await;
                Ok(self.deliver(job, shows, stop).await)
            }
            None => Ok(Delivered::Whole),
        }
    }

    /// What somebody's message in private brings who is being asked.
    pub(super) async fn go_on(
        &self,
        batch: &Batch,
        stop: &CancellationToken,
    ) -> Result<Shows, StoreError> {
        let leader = batch.leader();
        let text = inbound(batch).text;
        // Before anything else, as everywhere: what is said in distress is no answer and is kept nowhere.
        if let Some(card) = self.ctx.settings.safety.card_for(&text) {
            return Ok(told(card.say(Language::of(&text))).await);
        }
        let dialogues = &self.ctx.dialogues;
        let step = dialogues.hear(&leader.by.person, &leader.id, &text).await?;
        Ok(match step {
            Step::Ask(question) => shown(&[], &question).await,
            Step::Required(question) => shown(&[Making::MustNotBeEmpty], &question).await,
            Step::TooLong(question) => {
                let most = question.field.longest;
                shown(&[Making::AnswerTooLong { most }], &question).await
            }
            Step::Cancelled | Step::Nothing => {
                told(Sentence::Making(Making::Cancelled).say(language(batch))).await
            }
            Step::Whole { .. } if !self.ctx.inbox.begin(&leader.id).await? => {
                said(&Sentence::CommandInterrupted, leader).await
            }
            Step::Whole {
                asked,
                origin,
                language,
            } => {
                // As if it had been given there with everything filled in: what its author may do there is asked anew. That place may have
                // moved since the form was begun.
                let command = self.ctx.moves.settle(Event {
                    at: origin.at,
                    venue: origin.venue,
                    by: Author {
                        rank: None,
                        language,
                        ..leader.by.clone()
                    },
                    happened: Happening::Command(asked),
                    ..leader.clone()
                });
                let inbound = inbound(&Batch(vec![command.clone()]));
                self.turn(self.ranked(inbound, &command).await, stop)
            }
        })
    }
}

async fn shown(before: &[Making], question: &Question) -> Shows {
    let say = |sentence: Making| Sentence::Making(sentence).say(question.language);
    let field = &question.field;
    let mut lines: Vec<String> = before.iter().cloned().map(say).collect();
    if question.number == 1 && before.is_empty() {
        lines.push(question.title.clone());
    }
    lines.push(say(Making::Question {
        number: question.number,
        of: question.of,
        label: field.label.clone(),
    }));
    if field.value.is_empty() {
        lines.push(say(Making::HowToAnswer));
    } else {
        let value = fenced(&field.value);
        lines.push(say(Making::Now { value }));
        lines.push(say(Making::HowToKeep));
    }
    if !field.required {
        lines.push(say(Making::HowToClear));
    }
    told(lines.join("\n")).await
}

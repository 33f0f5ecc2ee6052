//! Why the last reply of each conversation was as it was, for `/why`. Kept in memory only, and not for long.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chatfriends_personas::{Language, Persona};

use crate::brains::Seat;
use crate::compose::Prompt;
use crate::identity::{Conversation, Owner, Scope};
use crate::outlet::{Ending, Finished};

/// Conversations whose last reason is kept.
const KEPT: usize = 1000;

/// What one reply was made from.
#[derive(Debug, Clone)]
pub struct Reason {
    persona: String,
    model: String,
    notes: String,
    turns_shown: usize,
    turns_left_out: usize,
    context: u32,
    /// How it ended; `None` while it is being made.
    pub finish: Option<Finished>,
}

/// The last reasons.
#[derive(Debug, Default)]
pub struct Reasons(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each with the one who was answered, whose memory it shows.
    by_conversation: HashMap<Conversation, (Owner, Reason)>,
    oldest_first: VecDeque<Conversation>,
}

impl Reason {
    /// The reason of a reply to this prompt.
    #[must_use]
    pub fn new(persona: &Persona, seat: &Seat, prompt: &Prompt) -> Self {
        Self {
            persona: persona.name.clone(),
            model: seat.model.name.clone(),
            notes: prompt.notes.clone(),
            turns_shown: prompt.messages.len().saturating_sub(2) / 2,
            turns_left_out: prompt.turns_left_out,
            context: seat.model.context,
            finish: None,
        }
    }

    /// The reason in words.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let Self {
            persona,
            model,
            notes,
            turns_shown,
            turns_left_out,
            context,
            finish,
        } = self;
        let korean = language == Language::Korean;
        let mut lines = vec![if korean {
            format!("{persona} 페르소나가 {model} 모델로 답했어요.")
        } else {
            format!("{persona} answered with the model {model}.")
        }];
        lines.push(if korean {
            format!("이 대화에서 {turns_shown}번의 주고받음을 보았고, {turns_left_out}번은 자리가 모자라 뺐어요.")
        } else {
            format!("Exchanges of this conversation shown to it: {turns_shown}; left out for want of room: {turns_left_out}.")
        });
        if let Some(finish) = finish {
            let Finished {
                prompt_tokens,
                cached_tokens,
                completion_tokens,
                ..
            } = finish;
            lines.push(if korean {
                format!("프롬프트 {prompt_tokens}토큰(그중 {cached_tokens}개는 계산해 둔 것), 답 {completion_tokens}토큰, 한도 {context}토큰.")
            } else {
                format!("Prompt {prompt_tokens} tokens ({cached_tokens} of them computed before), reply {completion_tokens}, limit {context}.")
            });
            lines.push(ending(finish.reason, korean).to_owned());
        }
        if notes.is_empty() {
            lines.push(
                if korean {
                    "메모 없이 그 말만 보고 답했어요."
                } else {
                    "No notes stood before your words."
                }
                .to_owned(),
            );
        } else {
            lines.push(
                if korean {
                    "그 말 앞에 놓인 메모:"
                } else {
                    "These notes stood before your words:"
                }
                .to_owned(),
            );
            lines.push(notes.clone());
        }
        lines.join("\n")
    }
}

fn ending(ending: Ending, korean: bool) -> &'static str {
    match (ending, korean) {
        (Ending::Complete, false) => "The reply ended by itself.",
        (Ending::Complete, true) => "답은 스스로 끝났어요.",
        (Ending::Length, false) => "The reply reached its longest length.",
        (Ending::Length, true) => "답이 정해진 길이에 닿았어요.",
        (Ending::Stopped, false) => "The reply was stopped.",
        (Ending::Stopped, true) => "답을 멈추게 했어요.",
        (Ending::Deadline, false) => "The reply ran out of time.",
        (Ending::Deadline, true) => "답할 시간이 다 되었어요.",
        (Ending::Broken, false) => "The engine went away in the middle of the reply.",
        (Ending::Broken, true) => "답하는 중에 엔진이 사라졌어요.",
    }
}

impl Reasons {
    /// Keeps the reason of a conversation's newest reply.
    pub fn keep(&self, scope: &Scope, reason: Reason) {
        let Scope {
            conversation,
            owner,
        } = scope;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept
            .by_conversation
            .insert(conversation.clone(), (owner.clone(), reason))
            .is_none()
        {
            kept.oldest_first.push_back(conversation.clone());
        }
        if kept.oldest_first.len() > KEPT {
            let oldest = kept.oldest_first.pop_front().expect("longer than KEPT");
            kept.by_conversation.remove(&oldest);
        }
    }

    /// The reason of a conversation's newest reply.
    #[must_use]
    pub fn last(&self, conversation: &Conversation) -> Option<Reason> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_conversation
            .get(conversation)
            .map(|(_, reason)| reason.clone())
    }

    /// Drops the reasons of all replies to this person before this audience, since they show what was remembered.
    pub fn forget(&self, owner: &Owner) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_conversation.retain(|_, (of, _)| of != owner);
        let Kept {
            by_conversation,
            oldest_first,
        } = &mut *kept;
        oldest_first.retain(|conversation| by_conversation.contains_key(conversation));
    }
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::PersonaId;

    use super::*;
    use crate::identity::{Audience, PersonId, PlaceId, Platform};

    fn scope(person: &str, place: &str) -> Scope {
        let persona = PersonaId::new("joey").unwrap();
        Scope {
            conversation: Conversation {
                place: PlaceId::new(Platform::Web, place),
                thread: None,
                persona: persona.clone(),
            },
            owner: Owner {
                audience: Audience::Private,
                persona,
                person: PersonId::new(Platform::Web, person),
            },
        }
    }

    fn reason() -> Reason {
        Reason {
            persona: "Joey".to_owned(),
            model: "m".to_owned(),
            notes: String::new(),
            turns_shown: 0,
            turns_left_out: 0,
            context: 1,
            finish: None,
        }
    }

    #[test]
    fn forgetting_reaches_every_conversation_of_the_person() {
        let reasons = Reasons::default();
        let (here, there, other) = (scope("a", "1"), scope("a", "2"), scope("b", "3"));
        for scope in [&here, &there, &other] {
            reasons.keep(scope, reason());
        }
        reasons.forget(&here.owner);
        let kept = |scope: &Scope| reasons.last(&scope.conversation).is_some();
        assert_eq!(
            [kept(&here), kept(&there), kept(&other)],
            [false, false, true]
        );
    }
}

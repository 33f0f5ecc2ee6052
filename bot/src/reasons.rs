//! Why the last reply to each person in each conversation was as it was, for `/why`. Kept in memory only, and not for long.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chatfriends_personas::{Language, Persona};

use crate::attention::Silence;
use crate::brains::Seat;
use crate::compose::Prompt;
use crate::identity::{Owner, PersonId, PlaceId, Scope};
use crate::memory::notes;
use crate::messages::Sentence;
use crate::outlet::Finished;

/// Replies whose reason is kept.
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
    /// The last to each person in each conversation, oldest first, with the one who was answered, whose memory it shows.
    replies: VecDeque<(Scope, Reason)>,
    /// Why the last messages of people in places were not answered, where nothing of theirs was answered there since.
    silences: HashMap<(PlaceId, PersonId), Silence>,
    /// Replies being made, by whose memory they show.
    watched: Vec<(Owner, Weak<AtomicBool>)>,
}

/// Knows whether what a reply is made from was forgotten while it was being made.
#[derive(Debug)]
pub struct Watch {
    forgotten: Arc<AtomicBool>,
}

impl Reason {
    /// The reason of a reply to this prompt.
    #[must_use]
    pub fn new(persona: &Persona, seat: &Seat, prompt: &Prompt) -> Self {
        Self {
            persona: persona.name.clone(),
            model: seat.model.name.clone(),
            notes: prompt.notes.clone(),
            turns_shown: prompt.turns_shown,
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
        let mut sentences = vec![Sentence::WhyMadeBy {
            persona: persona.clone(),
            model: model.clone(),
        }];
        if turns_shown + turns_left_out > 0 {
            sentences.push(Sentence::WhyShown {
                turns: *turns_shown,
                left_out: *turns_left_out,
            });
        }
        if let Some(finish) = finish {
            sentences.push(Sentence::WhyTokens {
                prompt: finish.prompt_tokens,
                cached: finish.cached_tokens,
                reply: finish.completion_tokens,
                limit: *context,
            });
            sentences.push(Sentence::WhyEnded(finish.reason));
        }
        let notes: Vec<&str> = notes::lines(notes).collect();
        sentences.push(if notes.is_empty() {
            Sentence::WhyNoNotes
        } else {
            Sentence::WhyNotes
        });
        let mut lines: Vec<String> = sentences
            .iter()
            .map(|sentence| sentence.say(language))
            .collect();
        lines.extend(notes.into_iter().map(str::to_owned));
        lines.join("\n")
    }
}

impl Reasons {
    /// Watches for the forgetting of what is remembered of someone; to be called before it is read.
    pub fn watch(&self, owner: &Owner) -> Watch {
        let forgotten = Arc::default();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.watched.retain(|(_, flag)| flag.strong_count() > 0);
        kept.watched
            .push((owner.clone(), Arc::downgrade(&forgotten)));
        Watch { forgotten }
    }

    /// Keeps the reason of the newest reply to somebody in a conversation, unless what it shows was forgotten meanwhile.
    pub fn keep(&self, scope: &Scope, reason: Reason, watch: &Watch) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watch.forgotten.load(Ordering::Relaxed) {
            return;
        }
        let place = scope.conversation.place.clone();
        kept.silences.remove(&(place, scope.owner.person.clone()));
        kept.replies.retain(|(known, _)| known != scope);
        kept.replies.push_back((scope.clone(), reason));
        if kept.replies.len() > KEPT {
            kept.replies.pop_front();
        }
    }

    /// Notes why somebody's message was not answered.
    pub fn note_silence(&self, place: &PlaceId, person: &PersonId, silence: Silence) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.silences.len() >= KEPT {
            kept.silences.clear();
        }
        kept.silences
            .insert((place.clone(), person.clone()), silence);
    }

    /// Why somebody's last message was not answered; `None` when it was, or nobody knows any more.
    #[must_use]
    pub fn silence(&self, place: &PlaceId, person: &PersonId) -> Option<Silence> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.silences.get(&(place.clone(), person.clone())).copied()
    }

    /// The reason of the newest reply among those that are meant. It shows what is remembered of the one who was answered.
    #[must_use]
    pub fn last(&self, is_meant: impl Fn(&Scope) -> bool) -> Option<Reason> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest_first = kept.replies.iter().rev();
        let found = newest_first.find(|(scope, _)| is_meant(scope));
        found.map(|(_, reason)| reason.clone())
    }

    /// Drops the reasons of all replies to this person before this audience, since they show what was remembered.
    pub fn forget(&self, owner: &Owner) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.replies.retain(|(scope, _)| scope.owner != *owner);
        for (_, flag) in kept.watched.iter().filter(|(of, _)| of == owner) {
            if let Some(forgotten) = flag.upgrade() {
                forgotten.store(true, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::PersonaId;

    use super::*;
    use crate::identity::{Audience, Conversation, PersonId, PlaceId, Platform};

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
            reasons.keep(scope, reason(), &reasons.watch(&scope.owner));
        }
        reasons.forget(&here.owner);
        let kept = |scope: &Scope| reasons.last(|kept| kept == scope).is_some();
        assert_eq!(
            [kept(&here), kept(&there), kept(&other)],
            [false, false, true]
        );
    }

    #[test]
    fn everybody_has_a_last_reply_of_their_own() {
        let reasons = Reasons::default();
        let (yun, min) = (scope("yun", "1"), scope("min", "1"));
        for (scope, persona) in [(&yun, "Joey"), (&min, "Ross"), (&min, "Monica")] {
            let reason = Reason {
                persona: persona.to_owned(),
                ..reason()
            };
            reasons.keep(scope, reason, &reasons.watch(&scope.owner));
        }
        let last = |of: &Scope| {
            let found = reasons.last(|scope| scope == of);
            found.map(|reason| reason.persona)
        };
        assert_eq!(last(&yun).as_deref(), Some("Joey"));
        assert_eq!(last(&min).as_deref(), Some("Monica"));
    }

    #[test]
    fn a_reason_tells_what_there_was_and_nothing_of_what_there_was_not() {
        let told = |notes: &str, turns_shown, turns_left_out| {
            let reason = Reason {
                notes: notes.to_owned(),
                turns_shown,
                turns_left_out,
                ..reason()
            };
            reason.say(Language::English)
        };
        assert_eq!(
            told("<facts>\nnone\n</facts>", 0, 0),
            "Joey answered with the model m.\nI was given no notes with your message."
        );
        assert_eq!(
            told("<memory>\nname: Yun\n</memory>", 1, 2),
            "Joey answered with the model m.\nI was shown 1 exchange of this conversation, and for want of room not 2 more.\nI was given these notes with your message:\nname: Yun"
        );
    }

    #[test]
    fn what_is_forgotten_while_a_reply_is_made_is_not_kept() {
        let reasons = Reasons::default();
        let (mine, other) = (scope("a", "1"), scope("b", "2"));
        let watches = [&mine, &other].map(|scope| reasons.watch(&scope.owner));
        reasons.forget(&mine.owner);
        reasons.keep(&mine, reason(), &watches[0]);
        reasons.keep(&other, reason(), &watches[1]);
        assert!(reasons.last(|kept| *kept == mine).is_none());
        assert!(reasons.last(|kept| *kept == other).is_some());
    }
}

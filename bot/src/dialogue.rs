//! A form that is filled in by talking, for apps that show none: one question after another, in private. What is asked and answered stands in
//! the store until the last answer, and for a day at most.
//!
//! | table | key | record |
//! |---|---|---|
//! | `dialogues` | person | `Dialogue`: the form, where its command was given, and the answers so far |
//!
//! What comes of the answers is the form's command, which goes through the door of all commands. How questions are shown is `intake/dialogue.rs`.

use std::sync::Arc;
use std::time::Duration;

use chatfriends_personas::Language;
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::commands::Asked;
use crate::gate::clean_text;
use crate::identity::{EventId, PersonId};
use crate::outlet::{Field, Form};
use crate::platforms::Address;
use crate::platforms::event::Venue;
use crate::store::key::Key;
use crate::store::record::{Record, prune, read, update};
use crate::store::{Store, StoreError};

/// Who has said nothing for so long has forgotten the question.
const LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// The dialogues of all people; each has one at most.
#[derive(Debug, Clone)]
pub struct Dialogues {
    store: Arc<dyn Store>,
}

/// Where the command was given whose form is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Where it came from, in the app's words.
    pub at: Address,
    /// The same, for rules and rights.
    pub venue: Venue,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Dialogue {
    origin: Origin,
    form: Form,
    /// In the order of the form's fields.
    answers: Vec<Answer>,
    touched_ms: u64,
}

/// What was said to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    /// The message that said it: the same one says nothing more when it comes again after a restart.
    event: EventId,
    value: String,
}

/// What is asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What all questions are about.
    pub title: String,
    /// Counted from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The language it is asked in.
    pub language: Language,
    /// The field that is asked for, with what stands there now.
    pub field: Field,
}

/// What follows a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The next question, or the same once more.
    Ask(Question),
    /// The same question once more, because something must stand there.
    Required(Question),
    /// The same question once more, because the answer was longer than may stand there.
    TooLong(Question),
    /// Everything is answered.
    Whole {
        /// The command, with what was answered.
        asked: Asked,
        /// Where it was given.
        origin: Origin,
        /// In which language.
        language: Language,
    },
    /// It was given up.
    Cancelled,
    /// Nothing is being asked.
    Nothing,
}

impl Record for Dialogue {
    const TABLE: &'static str = "dialogues";
}

impl Dialogues {
    /// The dialogues in `store`, without those that were forgotten.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let all = Key::of(Dialogue::TABLE).under();
        prune(store.as_ref(), all, Dialogue::is_forgotten).await?;
        Ok(Self { store })
    }

    /// Begins to ask somebody, in place of whatever they were being asked; gives the first question.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn begin(
        &self,
        person: &PersonId,
        origin: Origin,
        form: Form,
    ) -> Result<Option<Question>, StoreError> {
        let dialogue = Dialogue {
            origin,
            form,
            answers: Vec::new(),
            touched_ms: now_ms(),
        };
        update(self.store.as_ref(), of_person(person), |kept| {
            *kept = Some(dialogue.clone());
        })
        .await?;
        Ok(dialogue.question())
    }

    /// Whether a message of somebody's, written in private, belongs to what they are being asked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn concerns(
        &self,
        person: &PersonId,
        event: &EventId,
        text: &str,
    ) -> Result<bool, StoreError> {
        let dialogue = read::<Dialogue>(self.store.as_ref(), of_person(person)).await?;
        Ok(dialogue.record.is_some_and(|dialogue| {
            let is_said_to_it = !text.is_empty() && Said::of(text).is_some();
            let is_open = dialogue.question().is_some() && is_said_to_it;
            !dialogue.is_forgotten() && (is_open || dialogue.place(event).is_some())
        }))
    }

    /// Takes what somebody has said.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn hear(
        &self,
        person: &PersonId,
        event: &EventId,
        text: &str,
    ) -> Result<Step, StoreError> {
        let key = of_person(person);
        update(self.store.as_ref(), key, |kept: &mut Option<Dialogue>| {
            let Some(dialogue) = kept else {
                return Step::Nothing;
            };
            let step = dialogue.take(event, text);
            if step == Step::Cancelled {
                *kept = None;
            }
            step
        })
        .await
    }

    /// Forgets what was asked and answered, once all of it is.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn close(&self, person: &PersonId) -> Result<(), StoreError> {
        let is_whole = |dialogue: &mut Dialogue| dialogue.question().is_none();
        update(self.store.as_ref(), of_person(person), |kept| {
            kept.take_if(is_whole);
        })
        .await
    }
}

fn of_person(person: &PersonId) -> Key {
    Key::of(Dialogue::TABLE).text(person.as_str())
}

/// What a message says to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said<'a> {
    Cancel,
    Keep,
    Clear,
    Again,
    Value(&'a str),
}

impl<'a> Said<'a> {
    /// `None` for another command, which is carried out while the question waits.
    fn of(text: &'a str) -> Option<Self> {
        Some(match text.trim() {
            "/cancel" | "/취소" => Self::Cancel,
            "-" | "/skip" | "/건너뛰기" => Self::Keep,
            "/clear" | "/비우기" => Self::Clear,
            "/start" | "/시작" => Self::Again,
            command if command.starts_with('/') => return None,
            value => Self::Value(value),
        })
    }
}

impl Dialogue {
    fn take(&mut self, event: &EventId, text: &str) -> Step {
        if let Some(place) = self.place(event) {
            return self.ask(place + 1);
        }
        let Some(question) = self.question() else {
            return Step::Nothing;
        };
        let field = &question.field;
        let value = match Said::of(text) {
            Some(Said::Cancel) => return Step::Cancelled,
            Some(Said::Keep) => field.value.clone(),
            Some(Said::Clear) => String::new(),
            Some(Said::Value(value)) => clean_text(value),
            Some(Said::Again) | None => return Step::Ask(question),
        };
        if value.is_empty() && field.required {
            return Step::Required(question);
        }
        if value.chars().count() > field.longest {
            return Step::TooLong(question);
        }
        self.touched_ms = now_ms();
        self.answers.push(Answer {
            event: event.clone(),
            value,
        });
        self.ask(self.answers.len())
    }

    /// The question of this place, or the end behind the last.
    fn ask(&self, place: usize) -> Step {
        match self.question_at(place) {
            Some(question) => Step::Ask(question),
            None => Step::Whole {
                asked: self.asked(),
                origin: self.origin.clone(),
                language: self.form.language,
            },
        }
    }

    /// What is asked now; `None` when all is answered.
    fn question(&self) -> Option<Question> {
        self.question_at(self.answers.len())
    }

    fn question_at(&self, place: usize) -> Option<Question> {
        Some(Question {
            title: self.form.title.clone(),
            number: place + 1,
            of: self.form.fields.len(),
            language: self.form.language,
            field: self.form.fields.get(place)?.clone(),
        })
    }

    /// Which question a message has answered.
    fn place(&self, event: &EventId) -> Option<usize> {
        self.answers
            .iter()
            .position(|answer| answer.event == *event)
    }

    /// The form's command with what was filled in.
    fn asked(&self) -> Asked {
        let names = self.form.fields.iter().map(|field| field.name.clone());
        let values = self.answers.iter().map(|answer| answer.value.clone());
        let mut asked = self.form.asked.clone();
        asked.arguments.extend(names.zip(values));
        asked
    }

    fn is_forgotten(&self) -> bool {
        now_ms().saturating_sub(self.touched_ms) > LASTS.as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Audience, Level, LevelKind, PlaceId, Platform};
    use crate::store::in_memory::InMemory;

    fn person() -> PersonId {
        PersonId::new(Platform::Telegram, "1")
    }

    fn event(raw: &str) -> EventId {
        EventId::new(Platform::Telegram, raw)
    }

    fn field(name: &str, value: &str, required: bool) -> Field {
        Field {
            name: name.to_owned(),
            label: name.to_owned(),
            value: value.to_owned(),
            long: false,
            required,
            longest: 10,
        }
    }

    async fn begun() -> (Arc<InMemory>, Dialogues) {
        let store = Arc::new(InMemory::default());
        let dialogues = Dialogues::open(store.clone()).await.unwrap();
        let place = PlaceId::new(Platform::Telegram, "-5");
        let origin = Origin {
            at: Address {
                place: "-5".to_owned(),
                thread: None,
                title: None,
                shared: true,
                asker: "1".to_owned(),
                ticket: None,
            },
            venue: Venue {
                audience: Audience::Place(place.clone()),
                place,
                thread: None,
                levels: vec![Level::new(Platform::Telegram, LevelKind::Group, "-5")],
            },
        };
        let form = Form {
            title: "nari".to_owned(),
            asked: Asked {
                command: "persona".to_owned(),
                action: "edit".to_owned(),
                arguments: vec![("id".to_owned(), "nari".to_owned())],
            },
            fields: vec![field("names", "Nari", true), field("facts", "old", false)],
            language: Language::English,
        };
        let first = dialogues.begin(&person(), origin, form).await.unwrap();
        assert_eq!(first.unwrap().field.name, "names");
        (store, dialogues)
    }

    /// What follows a message, in one word.
    async fn says(dialogues: &Dialogues, id: &str, text: &str) -> String {
        match dialogues.hear(&person(), &event(id), text).await.unwrap() {
            Step::Ask(question) => question.field.name,
            Step::Required(_) => "required".to_owned(),
            Step::TooLong(_) => "too long".to_owned(),
            Step::Whole { asked, .. } => format!("{:?}", asked.arguments),
            Step::Cancelled => "cancelled".to_owned(),
            Step::Nothing => "nothing".to_owned(),
        }
    }

    async fn concerns(dialogues: &Dialogues, id: &str, text: &str) -> bool {
        let (person, event) = (person(), event(id));
        dialogues.concerns(&person, &event, text).await.unwrap()
    }

    #[tokio::test]
    async fn one_answer_follows_another_and_a_message_that_comes_again_is_none() {
        let (store, dialogues) = begun().await;
        assert_eq!(says(&dialogues, "1", "/clear").await, "required");
        assert_eq!(
            says(&dialogues, "2", "far too long a name").await,
            "too long"
        );
        assert_eq!(says(&dialogues, "3", "/start").await, "names");
        assert_eq!(says(&dialogues, "4", "나리").await, "facts");
        // A restart in the middle.
        let dialogues = Dialogues::open(store).await.unwrap();
        assert_eq!(says(&dialogues, "4", "나리").await, "facts");
        let whole = r#"[("id", "nari"), ("names", "나리"), ("facts", "old")]"#;
        assert_eq!(says(&dialogues, "5", "-").await, whole);
        assert_eq!(says(&dialogues, "4", "나리").await, "facts");
        assert_eq!(says(&dialogues, "5", "-").await, whole);
        // The last one belongs to it until its answer is shown, later ones do not.
        assert!(concerns(&dialogues, "5", "-").await);
        assert!(!concerns(&dialogues, "6", "hello").await);
        dialogues.close(&person()).await.unwrap();
        assert!(!concerns(&dialogues, "5", "-").await);
    }

    #[tokio::test]
    async fn it_can_be_given_up_and_other_commands_work_meanwhile() {
        let (_, dialogues) = begun().await;
        assert!(!concerns(&dialogues, "1", "/help").await);
        assert!(!concerns(&dialogues, "1", "").await);
        assert!(concerns(&dialogues, "1", "hello").await);
        // Nothing is closed before its end.
        dialogues.close(&person()).await.unwrap();
        assert!(concerns(&dialogues, "2", "/취소").await);
        assert_eq!(says(&dialogues, "2", "/취소").await, "cancelled");
        assert!(!concerns(&dialogues, "3", "hello").await);
        assert_eq!(says(&dialogues, "3", "hello").await, "nothing");
    }

    #[tokio::test]
    async fn a_question_is_forgotten_after_a_day() {
        let (store, dialogues) = begun().await;
        let key = of_person(&person());
        let aged = update(store.as_ref(), key.clone(), |kept| {
            let dialogue: &mut Dialogue = kept.as_mut().unwrap();
            dialogue.touched_ms -= LASTS.as_millis() as u64 + 1;
        });
        aged.await.unwrap();
        assert!(!concerns(&dialogues, "1", "hello").await);
        Dialogues::open(store.clone()).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_may_be_empty_can_be_emptied() {
        let (_, dialogues) = begun().await;
        assert_eq!(says(&dialogues, "1", "-").await, "facts");
        let whole = r#"[("id", "nari"), ("names", "Nari"), ("facts", "")]"#;
        assert_eq!(says(&dialogues, "2", "/비우기").await, whole);
    }
}

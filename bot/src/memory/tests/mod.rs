//! The memory as its callers see it. Here: what the tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chatfriends_personas::PersonaId;

use super::*;
use crate::identity::{Audience, Owner, PersonId, PlaceId, Platform, Scope};
use crate::store::in_memory::InMemory;

mod amending;
mod compacting;
mod forgetting;
mod isolation;
mod lookup;
mod moving;
mod oracle;
mod turns;

pub(super) fn turn(name: &str, text: &str) -> Turn {
    let person = PersonId::new(Platform::Web, name);
    Turn {
        id: TurnId(0),
        person,
        name: name.to_owned(),
        text: text.to_owned(),
        notes: String::new(),
        memory_revision: None,
        reply: None,
        at_ms: 0,
        source: None,
        parts: Vec::new(),
        amended: false,
    }
}

fn memory() -> Memory {
    Memory::new(Arc::new(InMemory::default()), MemoryLimits::default())
}

/// A private talk of `person` with joey.
fn private(person: &str) -> Scope {
    let place = PlaceId::new(Platform::Web, &format!("with-{person}"));
    scope(person, place, Audience::Private)
}

/// What `person` says in a room that others read, too.
fn shared(person: &str, room: &str) -> Scope {
    let place = PlaceId::new(Platform::Web, room);
    scope(person, place.clone(), Audience::Place(place))
}

fn scope(person: &str, place: PlaceId, audience: Audience) -> Scope {
    let persona = PersonaId::new("joey").unwrap();
    let owner = Owner {
        audience,
        persona: persona.clone(),
        person: PersonId::new(Platform::Web, person),
    };
    Scope {
        conversation: Conversation {
            place,
            thread: None,
            persona,
        },
        owner,
    }
}

/// A whole turn as the daemon makes it, with the notes it would send; returns what was known.
async fn say(memory: &Memory, scope: &Scope, text: &str) -> Known {
    let known = memory.recall(scope, text).await.unwrap();
    let turn = open(memory, scope, text, &known).await;
    memory
        .close_turn(
            scope,
            turn,
            Spoken {
                text: "I see.".to_owned(),
                complete: true,
            },
        )
        .await
        .unwrap();
    known
}

async fn open(memory: &Memory, scope: &Scope, text: &str, known: &Known) -> TurnId {
    let notes = notes_of(known);
    let name = scope
        .owner
        .person
        .as_str()
        .trim_start_matches("web:")
        .to_owned();
    memory
        .open_turn(
            scope,
            Said {
                name,
                text: text.to_owned(),
                notes,
                memory_revision: known.revision,
                as_of: known.as_of,
                at_ms: 7,
                source: None,
                parts: Vec::new(),
            },
        )
        .await
        .unwrap()
}

fn notes_of(known: &Known) -> String {
    let Known {
        memory,
        summary,
        recalled,
        ..
    } = known;
    notes::notes(notes::Blocks {
        memory,
        summary: summary.as_deref(),
        recalled,
        facts: None,
        language: chatfriends_personas::Language::English,
    })
}

fn texts(known: &Known) -> Vec<&str> {
    known.window.iter().map(|turn| turn.text.as_str()).collect()
}

fn lines(known: &Known) -> Vec<String> {
    known
        .memory
        .iter()
        .map(|line| format!("{:?}: {}", line.key, line.values.join(", ")))
        .collect()
}

async fn facts(memory: &Memory, scope: &Scope) -> Vec<String> {
    memory
        .held(&scope.owner)
        .await
        .unwrap()
        .facts
        .into_iter()
        .map(|fact| format!("{:?}: {}", fact.key, fact.value))
        .collect()
}

/// Counts words.
struct Words;

#[async_trait]
impl TokenCounter for Words {
    async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, String> {
        Ok(texts
            .iter()
            .map(|text| text.split_whitespace().count() as u32)
            .collect())
    }
}

/// Answers what it is told to, and counts how often it is asked.
#[derive(Default)]
struct Scripted {
    answer: String,
    calls: AtomicUsize,
}

impl Scripted {
    fn new(answer: &str) -> Self {
        Self {
            answer: answer.to_owned(),
            calls: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Summariser for Scripted {
    async fn summarise(
        &self,
        _previous: Option<&str>,
        _evicted: &[Turn],
        _budget: u32,
    ) -> Result<String, String> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Ok(self.answer.clone())
    }
}

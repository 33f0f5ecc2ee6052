//! What one person writes in quick succession becomes one turn. Waits for the next message; nothing here is stored or answered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chatfriends_personas::PersonaId;
use tokio::time::Instant;

use crate::identity::{PersonId, PlaceId, ThreadId};
use crate::inbox::Batch;
use crate::platforms::event::{Event, Happening};

/// Who has been silent so long has said it all.
const PAUSE: Duration = Duration::from_millis(800);
/// Whoever goes on is answered after so long all the same.
const LONGEST: Duration = Duration::from_secs(6);
/// More messages than this are a turn of their own.
const MOST: usize = 20;

/// Whose messages belong together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Speaker {
    /// Who speaks.
    pub person: PersonId,
    /// Where.
    pub place: PlaceId,
    /// In which thread.
    pub thread: Option<ThreadId>,
    /// To whom, where it was to a certain one.
    pub persona: Option<PersonaId>,
}

/// The bursts that are going on.
#[derive(Debug, Default)]
pub struct Bursts(Mutex<HashMap<Speaker, Burst>>);

#[derive(Debug)]
struct Burst {
    events: Vec<Event>,
    characters: usize,
    begun: Instant,
    last: Instant,
}

impl Bursts {
    /// Adds a message. The first of a burst is told so: its caller waits for the end with [`Self::end`]. A burst that has grown too long for
    /// another message is handed out, to be answered at once.
    pub fn add(&self, speaker: &Speaker, event: Event, characters: usize, limit: usize) -> Added {
        let now = Instant::now();
        let mut bursts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(burst) = bursts.get_mut(speaker) else {
            let burst = Burst {
                events: vec![event],
                characters,
                begun: now,
                last: now,
            };
            bursts.insert(speaker.clone(), burst);
            return Added::First;
        };
        burst.last = now;
        // A line break stands between two messages.
        let longer = burst.characters + 1 + characters;
        if burst.events.len() < MOST && longer <= limit {
            burst.events.push(event);
            burst.characters = longer;
            return Added::More;
        }
        burst.begun = now;
        burst.characters = characters;
        Added::Instead(in_order(std::mem::replace(&mut burst.events, vec![event])))
    }

    /// Waits until the speaker has paused, and takes what was said.
    pub async fn end(&self, speaker: &Speaker) -> Option<Batch> {
        loop {
            let until = {
                let bursts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let burst = bursts.get(speaker)?;
                (burst.last + PAUSE).min(burst.begun + LONGEST)
            };
            tokio::time::sleep_until(until).await;
            let mut bursts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let burst = bursts.get(speaker)?;
            if (burst.last + PAUSE).min(burst.begun + LONGEST) <= Instant::now() {
                return bursts.remove(speaker).map(|burst| in_order(burst.events));
            }
        }
    }
}

/// As they were written: an app may deliver them otherwise. Both apps count their messages up.
fn in_order(mut events: Vec<Event>) -> Batch {
    let number = |event: &Event| match &event.happened {
        Happening::Message(message) => message.id.0.parse::<u64>().ok(),
        _ => None,
    };
    events.sort_by_key(|event| (event.at_ms, number(event)));
    Batch(events)
}

/// What became of a message that was added.
#[derive(Debug)]
pub enum Added {
    /// It begins a burst.
    First,
    /// It belongs to the one that is going on.
    More,
    /// It begins the next one; the one before is to be answered now.
    Instead(Batch),
}

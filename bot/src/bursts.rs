//! What one person writes in quick succession becomes one turn. Waits for the next message; nothing here is stored or answered.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatfriends_personas::PersonaId;
use tokio::time::Instant;

use crate::identity::{PersonId, PlaceId, ThreadId};
use crate::inbox::Batch;
use crate::platforms::event::Event;

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
}

impl Speaker {
    /// Who wrote an event's words.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            person: event.by.person.clone(),
            place: event.venue.place.clone(),
            thread: event.venue.thread.clone(),
        }
    }
}

/// What is answered as one.
#[derive(Debug)]
pub struct Burst {
    /// The messages.
    pub batch: Batch,
    /// The persona that they call, where they call a certain one.
    pub persona: Option<PersonaId>,
}

/// The bursts that are going on.
#[derive(Debug)]
pub struct Bursts {
    open: Mutex<HashMap<Speaker, Open>>,
    /// Characters in a turn, at most.
    longest: usize,
}

#[derive(Debug)]
struct Open {
    events: Vec<Event>,
    persona: Option<PersonaId>,
    characters: usize,
    begun: Instant,
    last: Instant,
}

impl Bursts {
    /// None is going on yet; `longest` is how many characters a turn may have.
    #[must_use]
    pub fn new(longest: usize) -> Self {
        Self {
            open: Mutex::default(),
            longest,
        }
    }

    /// Adds a message, and whom it calls. The first of a burst is told so: its caller waits for the end with [`Self::end`]. A burst that has
    /// grown too long for another message, or calls somebody else, is handed out, to be answered at once.
    pub fn add(&self, event: Event, persona: Option<PersonaId>) -> Added {
        let now = Instant::now();
        let characters = event.words().chars().count();
        let speaker = Speaker::of(&event);
        let mut all = self.lock();
        let Some(open) = all.get_mut(&speaker) else {
            all.insert(speaker, Open::new(event, persona, now));
            return Added::First;
        };
        // A line break stands between two messages.
        let longer = open.characters + 1 + characters;
        let fits = open.events.len() < MOST && longer <= self.longest;
        if fits && open.is_for(persona.as_ref()) {
            open.events.push(event);
            open.persona = open.persona.take().or(persona);
            open.characters = longer;
            open.last = now;
            return Added::More;
        }
        let before = std::mem::replace(open, Open::new(event, persona, now));
        Added::Instead(before.into())
    }

    /// Whether somebody is in the middle of one that a message to this persona, or to none in particular, belongs to.
    #[must_use]
    pub fn is_open(&self, speaker: &Speaker, persona: Option<&PersonaId>) -> bool {
        let all = self.lock();
        all.get(speaker).is_some_and(|open| open.is_for(persona))
    }

    /// Waits until the speaker has paused, and takes what was said.
    pub async fn end(&self, speaker: &Speaker) -> Option<Burst> {
        loop {
            let until = self.lock().get(speaker)?.ends();
            tokio::time::sleep_until(until).await;
            let mut all = self.lock();
            if all.get(speaker)?.ends() <= Instant::now() {
                return all.remove(speaker).map(Burst::from);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Speaker, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn new(event: Event, persona: Option<PersonaId>, now: Instant) -> Self {
        Self {
            characters: event.words().chars().count(),
            events: vec![event],
            persona,
            begun: now,
            last: now,
        }
    }

    fn is_for(&self, persona: Option<&PersonaId>) -> bool {
        persona.is_none() || self.persona.is_none() || persona == self.persona.as_ref()
    }

    fn ends(&self) -> Instant {
        (self.last + PAUSE).min(self.begun + LONGEST)
    }
}

impl From<Open> for Burst {
    /// As they were written.
    fn from(open: Open) -> Self {
        let mut events = open.events;
        events.sort_by_key(Event::written);
        Self {
            batch: Batch(events),
            persona: open.persona,
        }
    }
}

/// What became of a message that was added.
#[derive(Debug)]
pub enum Added {
    /// It begins a burst.
    First,
    /// It belongs to the one that is going on.
    More,
    /// It begins the next one; the one before is to be answered now.
    Instead(Burst),
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::Language;

    use super::*;
    use crate::identity::{Audience, EventId, Level, LevelKind, Platform};
    use crate::platforms::event::{Author, Happening, Message, Venue};
    use crate::platforms::{Address, MessageId};

    fn speaker() -> Speaker {
        Speaker {
            person: PersonId::new(Platform::Telegram, "1"),
            place: PlaceId::new(Platform::Telegram, "1"),
            thread: None,
        }
    }

    fn event(id: &str) -> Event {
        let Speaker { person, place, .. } = speaker();
        Event {
            id: EventId::new(Platform::Telegram, id),
            platform: Platform::Telegram,
            at: Address {
                place: "1".to_owned(),
                thread: None,
                title: None,
                asker: "1".to_owned(),
                shared: false,
                ticket: None,
            },
            venue: Venue {
                place,
                thread: None,
                audience: Audience::Private,
                levels: vec![Level::new(Platform::Telegram, LevelKind::Chat, "1")],
            },
            by: Author {
                person,
                name: "Yun".to_owned(),
                is_bot: false,
                language: Language::English,
                rank: None,
            },
            happened: Happening::Message(Message {
                id: MessageId(id.to_owned()),
                text: id.to_owned(),
                mentions_bot: false,
                answers: None,
                attachment: None,
            }),
            at_ms: 0,
        }
    }

    fn ids(burst: &Burst) -> Vec<&str> {
        burst
            .batch
            .0
            .iter()
            .map(|event| event.id.as_str())
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_a_burst_and_whoever_goes_on_is_answered_all_the_same() {
        let bursts = Bursts::new(100);
        assert!(matches!(bursts.add(event("a"), None), Added::First));
        tokio::time::advance(PAUSE / 2).await;
        assert!(matches!(bursts.add(event("b"), None), Added::More));
        let begun = Instant::now();
        let burst = bursts.end(&speaker()).await.unwrap();
        assert_eq!(ids(&burst), ["telegram:a", "telegram:b"]);
        assert_eq!(begun.elapsed(), PAUSE);

        let begun = Instant::now();
        bursts.add(event("c"), None);
        let speaker = speaker();
        let ending = bursts.end(&speaker);
        tokio::pin!(ending);
        let burst = loop {
            tokio::select! {
                burst = &mut ending => break burst.unwrap(),
                () = tokio::time::sleep(PAUSE / 2) => {
                    bursts.add(event("more"), None);
                }
            }
        };
        assert!(begun.elapsed() <= LONGEST && burst.batch.0.len() > 10);
    }

    #[tokio::test(start_paused = true)]
    async fn messages_that_overtook_each_other_stand_as_they_were_written() {
        let bursts = Bursts::new(100);
        for (id, at_ms) in [("b", 2), ("a", 1)] {
            let event = Event { at_ms, ..event(id) };
            bursts.add(event, None);
        }
        let burst = bursts.end(&speaker()).await.unwrap();
        assert_eq!(ids(&burst), ["telegram:a", "telegram:b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_be_too_long_together_is_answered_apart() {
        let bursts = Bursts::new(100);
        let (first, second) = ("a".repeat(60), "b".repeat(60));
        bursts.add(event(&first), None);
        let Added::Instead(full) = bursts.add(event(&second), None) else {
            panic!("121 characters are no turn of 100");
        };
        assert_eq!(ids(&full), [format!("telegram:{first}")]);
        let rest = bursts.end(&speaker()).await.unwrap();
        assert_eq!(ids(&rest), [format!("telegram:{second}")]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_name_is_for_all_of_a_burst_and_another_begins_a_new_one() {
        let bursts = Bursts::new(100);
        let (joey, monica) = (PersonaId::new("joey").ok(), PersonaId::new("monica").ok());
        bursts.add(event("a"), None);
        bursts.add(event("b"), joey.clone());
        assert!(matches!(bursts.add(event("c"), None), Added::More));
        let Added::Instead(of_joey) = bursts.add(event("d"), monica.clone()) else {
            panic!("nobody speaks to two at once");
        };
        assert_eq!(of_joey.persona, joey.clone());
        assert_eq!(ids(&of_joey), ["telegram:a", "telegram:b", "telegram:c"]);
        assert!(bursts.is_open(&speaker(), None));
        assert!(!bursts.is_open(&speaker(), joey.as_ref()));
        let of_monica = bursts.end(&speaker()).await.unwrap();
        assert_eq!(of_monica.persona, monica);
        assert!(!bursts.is_open(&speaker(), None));
    }
}

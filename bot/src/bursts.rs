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
            persona: None,
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

    fn ids(batch: &Batch) -> Vec<&str> {
        batch.0.iter().map(|event| event.id.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_a_burst_and_whoever_goes_on_is_answered_all_the_same() {
        let bursts = Bursts::default();
        let (first, second) = (event("a"), event("b"));
        assert!(matches!(
            bursts.add(&speaker(), first, 1, 100),
            Added::First
        ));
        tokio::time::advance(PAUSE / 2).await;
        assert!(matches!(
            bursts.add(&speaker(), second, 1, 100),
            Added::More
        ));
        let begun = Instant::now();
        let batch = bursts.end(&speaker()).await.unwrap();
        assert_eq!(ids(&batch), ["telegram:a", "telegram:b"]);
        assert_eq!(begun.elapsed(), PAUSE);

        let begun = Instant::now();
        bursts.add(&speaker(), event("c"), 1, 100);
        let speaker = speaker();
        let ending = bursts.end(&speaker);
        tokio::pin!(ending);
        let batch = loop {
            tokio::select! {
                batch = &mut ending => break batch.unwrap(),
                () = tokio::time::sleep(PAUSE / 2) => {
                    bursts.add(&speaker, event("more"), 1, 100);
                }
            }
        };
        assert!(begun.elapsed() <= LONGEST && batch.0.len() > 10);
    }

    #[tokio::test(start_paused = true)]
    async fn messages_that_overtook_each_other_stand_as_they_were_written() {
        let bursts = Bursts::default();
        for (id, at_ms) in [("b", 2), ("a", 1)] {
            let event = Event { at_ms, ..event(id) };
            bursts.add(&speaker(), event, 1, 100);
        }
        let batch = bursts.end(&speaker()).await.unwrap();
        assert_eq!(ids(&batch), ["telegram:a", "telegram:b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_be_too_long_together_is_answered_apart() {
        let bursts = Bursts::default();
        bursts.add(&speaker(), event("a"), 60, 100);
        let Added::Instead(full) = bursts.add(&speaker(), event("b"), 60, 100) else {
            panic!("121 characters are no turn of 100");
        };
        assert_eq!(ids(&full), ["telegram:a"]);
        let rest = bursts.end(&speaker()).await.unwrap();
        assert_eq!(ids(&rest), ["telegram:b"]);
    }
}

//! That one talks with an AI: said below the first reply, and again to those who go on for hours.
//!
//! | table | key | record |
//! |---|---|---|
//! | `told` | audience | `Told`: when it was said, and since when they have been talking |
//!
//! In private everybody is told; where several read along, it is said to all of them at once.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::identity::{Audience, PersonId};
use crate::messages::Sentence;
use crate::store::key::Key;
use crate::store::record::{Record, update};
use crate::store::{Store, StoreError};

/// After so much talk it is said again: what New York's and California's laws on companions ask for.
const AGAIN_AFTER: Duration = Duration::from_secs(3 * 60 * 60);
/// Who was silent for so long begins to talk anew.
const PAUSE: Duration = Duration::from_secs(60 * 60);
/// How exactly it is known when somebody was heard last: not each message is worth a write.
const KNOWN_WITHIN: Duration = Duration::from_secs(5 * 60);

/// Who was told when.
#[derive(Debug)]
pub struct Disclosure(Arc<dyn Store>);

/// Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// When it was said last.
    told_ms: u64,
    /// When the talk of today began.
    since_ms: u64,
    /// When they were heard last, within [`KNOWN_WITHIN`].
    heard_ms: u64,
}

impl Record for Told {
    const TABLE: &'static str = "told";
}

impl Told {
    fn just_now(now_ms: u64) -> Self {
        Self {
            told_ms: now_ms,
            since_ms: now_ms,
            heard_ms: now_ms,
        }
    }
}

impl Disclosure {
    /// What is kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// What is to be said with a reply, if anything is; it counts as said then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn due(
        &self,
        audience: &Audience,
        person: &PersonId,
        now_ms: u64,
    ) -> Result<Option<Sentence>, StoreError> {
        let key = key(audience, person);
        update(self.0.as_ref(), key, |told| hear(told, now_ms)).await
    }

    /// It was said in other words.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn was_told(
        &self,
        audience: &Audience,
        person: &PersonId,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        update(self.0.as_ref(), key(audience, person), |told| {
            *told = Some(Told::just_now(now_ms));
        })
        .await
    }

    /// Forgets when a person was told in private. Of those who were told with others nothing is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget(&self, audience: &Audience, person: &PersonId) -> Result<(), StoreError> {
        if *audience != Audience::Private {
            return Ok(());
        }
        update::<Told, _>(self.0.as_ref(), key(audience, person), |told| *told = None).await
    }
}

fn key(audience: &Audience, person: &PersonId) -> Key {
    let key = Key::of(Told::TABLE);
    match audience {
        Audience::Private => key.maybe(None).text(person.as_str()),
        Audience::Place(place) => key.maybe(Some(place.as_str())),
    }
}

/// Notes that somebody is heard now, and gives what they are to be told.
fn hear(told: &mut Option<Told>, now_ms: u64) -> Option<Sentence> {
    let since = |then: u64| Duration::from_millis(now_ms.saturating_sub(then));
    let Some(told) = told else {
        *told = Some(Told::just_now(now_ms));
        return Some(Sentence::TalksWithAi);
    };
    if since(told.heard_ms) >= PAUSE {
        told.since_ms = now_ms;
    }
    // Where the clock was set back, it is right from now on.
    if since(told.heard_ms) >= KNOWN_WITHIN || told.heard_ms > now_ms {
        told.heard_ms = now_ms;
    }
    told.since_ms = told.since_ms.min(now_ms);
    told.told_ms = told.told_ms.min(now_ms);
    if since(told.since_ms.max(told.told_ms)) < AGAIN_AFTER {
        return None;
    }
    told.told_ms = now_ms;
    told.heard_ms = now_ms;
    Some(Sentence::StillTalksWithAi)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{PlaceId, Platform};
    use crate::store::in_memory::InMemory;

    const MINUTE: u64 = 60 * 1000;

    /// What is said to somebody who writes at these minutes.
    fn told_at(minutes: &[u64]) -> Vec<(u64, Sentence)> {
        let mut told = None;
        let hear = |minute: &u64| Some((*minute, hear(&mut told, (1000 + minute) * MINUTE)?));
        minutes.iter().filter_map(hear).collect()
    }

    #[test]
    fn it_is_said_at_first_and_after_each_three_hours_of_talk() {
        let all_day: Vec<u64> = (0..=7 * 60).collect();
        assert_eq!(
            told_at(&all_day),
            [
                (0, Sentence::TalksWithAi),
                (180, Sentence::StillTalksWithAi),
                (360, Sentence::StillTalksWithAi),
            ]
        );
        // Slow talk is talk.
        let slowly: Vec<u64> = (0..10).map(|message| message * 50).collect();
        assert_eq!(
            told_at(&slowly)[1..],
            [
                (200, Sentence::StillTalksWithAi),
                (400, Sentence::StillTalksWithAi)
            ]
        );
    }

    #[test]
    fn who_comes_back_now_and_then_is_told_once() {
        let daily: Vec<u64> = (0..30).map(|day| day * 24 * 60).collect();
        assert_eq!(told_at(&daily), [(0, Sentence::TalksWithAi)]);
        // Two hours, a long lunch, two hours.
        let twice: Vec<u64> = (0..120).chain(190..310).collect();
        assert_eq!(told_at(&twice), [(0, Sentence::TalksWithAi)]);
    }

    #[test]
    fn a_clock_that_was_wrong_silences_nothing() {
        let mut told = None;
        // A year ahead at first.
        hear(&mut told, 525_600 * MINUTE);
        let back: Vec<u64> = (0..=181)
            .filter(|minute| hear(&mut told, minute * MINUTE).is_some())
            .collect();
        assert_eq!(back, [180]);
    }

    #[tokio::test]
    async fn each_person_is_told_in_private_and_a_place_once() {
        let disclosure = Disclosure::new(Arc::new(InMemory::default()));
        let person = |name| PersonId::new(Platform::Discord, name);
        let before = |place: Option<&str>| match place {
            None => Audience::Private,
            Some(place) => Audience::Place(PlaceId::new(Platform::Discord, place)),
        };
        let hears = async |name, place| {
            let said = disclosure.due(&before(place), &person(name), 1).await;
            said.unwrap().is_some()
        };
        assert!(hears("yun", None).await);
        assert!(!hears("yun", None).await);
        assert!(hears("min", None).await);
        assert!(hears("yun", Some("1")).await);
        assert!(!hears("min", Some("1")).await);
        assert!(hears("min", Some("2")).await);
        for place in [None, Some("1")] {
            let forgotten = disclosure.forget(&before(place), &person("yun")).await;
            forgotten.unwrap();
        }
        assert!(hears("yun", None).await);
        assert!(!hears("min", None).await);
        assert!(
            !hears("yun", Some("1")).await,
            "others were told there, too"
        );
    }
}

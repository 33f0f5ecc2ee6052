//! What moderators did, kept for those who come after them: who, when, which command. Not what people say.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Asked;
use crate::clock::now_ms;
use crate::identity::{Level, PersonId};
use crate::inbound::Inbound;
use crate::store::key::Key;
use crate::store::record::{Found, Record, read, read_all, retry_on_conflict};
use crate::store::{Store, StoreError};
use crate::studio;

/// Deeds that are kept of one server or group, the newest ones.
const KEPT: usize = 500;

/// The log of all places, each server and group for itself. What people do in their own private chats concerns nobody else and is not noted.
#[derive(Debug, Clone)]
pub struct Audit {
    store: Arc<dyn Store>,
}

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    at_ms: u64,
    person: PersonId,
    name: String,
    /// The level at which it was done.
    at: Level,
    command: String,
}

impl Record for Deed {
    const TABLE: &'static str = "audit";
}

impl Audit {
    /// The log in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Notes what somebody did, durably.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn note(&self, inbound: &Inbound, asked: &Asked) -> Result<(), StoreError> {
        let (Some(at), Some(place)) = (inbound.levels.first(), studio::home(&inbound.levels))
        else {
            return Ok(());
        };
        let deed = Deed {
            at_ms: now_ms(),
            person: inbound.person.clone(),
            name: crate::gate::clean_name(&inbound.name).unwrap_or_default(),
            at: at.clone(),
            command: asked.to_string(),
        };
        retry_on_conflict(|| async {
            let there = self.all(place).await?;
            let taken: Vec<Key> = there.iter().map(|found| found.key().clone()).collect();
            let free = read::<Deed>(self.store.as_ref(), free(place, &deed, &taken)).await?;
            if free.record.is_some() {
                return Err(StoreError::Conflict);
            }
            let mut swaps = vec![free.becomes(&deed)];
            let too_many = (there.len() + 1).saturating_sub(KEPT);
            swaps.extend(there[..too_many].iter().map(Found::removed));
            self.store.commit(swaps).await
        })
        .await
    }

    /// The last deeds in a server or group, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last(&self, place: &Level, most: usize) -> Result<Vec<Deed>, StoreError> {
        let found = self.all(place).await?;
        let mut deeds: Vec<Deed> = found.into_iter().filter_map(|found| found.record).collect();
        Ok(deeds.split_off(deeds.len().saturating_sub(most)))
    }

    /// A place goes on under another id, as when a Telegram group becomes a supergroup: its log goes along.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn rename(&self, from: &Level, to: &Level) -> Result<(), StoreError> {
        retry_on_conflict(|| async {
            let there = self.all(to).await?;
            let mut taken: Vec<Key> = there.iter().map(|found| found.key().clone()).collect();
            let mut swaps = Vec::new();
            for found in self.all(from).await? {
                if let Some(deed) = &found.record {
                    let key = free(to, deed, &taken);
                    taken.push(key.clone());
                    let free = read::<Deed>(self.store.as_ref(), key).await?;
                    if free.record.is_some() {
                        return Err(StoreError::Conflict);
                    }
                    swaps.push(free.becomes(deed));
                }
                swaps.push(found.removed());
            }
            self.store.commit(swaps).await
        })
        .await
    }

    async fn all(&self, place: &Level) -> Result<Vec<Found<Deed>>, StoreError> {
        read_all(self.store.as_ref(), of_level(place).under()).await
    }
}

/// Where a deed can stand: two of one millisecond stand side by side.
fn free(place: &Level, deed: &Deed, taken: &[Key]) -> Key {
    (0..)
        .map(|number| of_level(place).number(deed.at_ms).number(number))
        .find(|key| !taken.contains(key))
        .expect("not every number is taken")
}

fn of_level(level: &Level) -> Key {
    Key::of(Deed::TABLE).text(&level.to_string())
}

impl fmt::Display for Deed {
    /// One line, times in UTC.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = i64::try_from(self.at_ms)
            .ok()
            .and_then(DateTime::<Utc>::from_timestamp_millis)
            .unwrap_or_default();
        write!(
            out,
            "{} {} ({}): {} @ {}",
            at.format("%Y-%m-%d %H:%M UTC"),
            self.name,
            self.person.as_str(),
            self.command,
            self.at
        )
    }
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::Language;

    use super::*;
    use crate::identity::{Audience, LevelKind, PlaceId, Platform, Rank};
    use crate::inbound::Manner;
    use crate::store::in_memory::InMemory;

    fn level(kind: LevelKind, raw: &str) -> Level {
        Level::new(Platform::Telegram, kind, raw)
    }

    /// Notes that so many commands were given at `level`, numbered from 0.
    async fn note(audit: &Audit, level: &Level, deeds: usize) {
        let inbound = Inbound {
            person: PersonId::new(Platform::Telegram, "7"),
            name: "Yun".to_owned(),
            place: PlaceId::new(Platform::Telegram, "1"),
            thread: None,
            audience: Audience::Private,
            levels: vec![level.clone()],
            rank: Rank::ManagesAll,
            persona: None,
            text: String::new(),
            language: Language::English,
            manner: Manner::Talk,
            source: None,
            parts: Vec::new(),
            about: None,
        };
        for number in 0..deeds {
            let asked = Asked::read(&format!("settings limit person {number}")).unwrap();
            audit.note(&inbound, &asked).await.unwrap();
        }
    }

    async fn commands(audit: &Audit, level: &Level) -> Vec<String> {
        let deeds = audit.last(level, usize::MAX).await.unwrap();
        deeds.into_iter().map(|deed| deed.command).collect()
    }

    #[tokio::test]
    async fn only_the_newest_are_kept_and_nothing_of_private_chats() {
        let store = Arc::new(InMemory::default());
        let audit = Audit::new(store);
        let (club, other) = (level(LevelKind::Group, "1"), level(LevelKind::Group, "2"));
        note(&audit, &other, 1).await;
        note(&audit, &club, KEPT + 3).await;
        let kept = commands(&audit, &club).await;
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0], "/settings limit person 3");
        assert_eq!(
            kept[KEPT - 1],
            format!("/settings limit person {}", KEPT + 2)
        );
        assert_eq!(commands(&audit, &other).await.len(), 1);
        let private = level(LevelKind::Chat, "3");
        note(&audit, &private, 1).await;
        assert_eq!(commands(&audit, &private).await.len(), 0);
    }

    #[tokio::test]
    async fn the_log_goes_along_when_its_place_moves() {
        let audit = Audit::new(Arc::new(InMemory::default()));
        let (old, new) = (
            level(LevelKind::Group, "1"),
            level(LevelKind::Group, "-100"),
        );
        note(&audit, &old, 2).await;
        note(&audit, &new, 1).await;
        for _ in 0..2 {
            audit.rename(&old, &new).await.unwrap();
            assert_eq!(commands(&audit, &old).await.len(), 0);
            assert_eq!(commands(&audit, &new).await.len(), 3);
        }
    }
}

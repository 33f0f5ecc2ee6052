//! Places that go on under another id. Only where to; what moves along is moved by those who keep it.
//!
//! | table | key | record |
//! |---|---|---|
//! | `moved` | old place | `Move`: the old and the new venue |
//!
//! Invariant: it is noted here before anything moves, so that what was interrupted is done again at the next start.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::identity::PlaceId;
use crate::platforms::MessageId;
use crate::platforms::event::{Event, Happening, Venue};
use crate::store::key::Key;
use crate::store::record::{Record, read_all, update};
use crate::store::{Store, StoreError};

/// All of them. Few places move, so they are kept at hand.
#[derive(Debug)]
pub struct Moves {
    store: Arc<dyn Store>,
    known: RwLock<BTreeMap<PlaceId, Move>>,
}

/// One place that has moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where it was.
    pub from: Venue,
    /// Where it goes on.
    pub to: Venue,
}

impl Record for Move {
    const TABLE: &'static str = "moved";
}

impl Moves {
    /// The moves in `store`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let found = read_all::<Move>(store.as_ref(), Key::of(Move::TABLE).under()).await?;
        let known = found
            .into_iter()
            .filter_map(|found| found.record)
            .map(|moved| (moved.from.place.clone(), moved))
            .collect();
        Ok(Self {
            store,
            known: RwLock::new(known),
        })
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Move> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }

    /// Notes a move, durably; from now on the old place is the new one. `false` when it was known.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn note(&self, moved: &Move) -> Result<bool, StoreError> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.get(&moved.from.place) == Some(moved) {
                return Ok(false);
            }
        }
        let key = Key::of(Move::TABLE).text(moved.from.place.as_str());
        update(self.store.as_ref(), key, |known| {
            *known = Some(moved.clone());
        })
        .await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(moved.from.place.clone(), moved.clone());
        Ok(true)
    }

    /// The event where it belongs now.
    #[must_use]
    pub fn settle(&self, event: Event) -> Event {
        let to = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.get(&event.venue.place).map(|moved| moved.to.clone())
        };
        match to {
            Some(to) => moved(event, &to),
            None => event,
        }
    }
}

/// The same event at another venue. Numbers of messages do not go along, so what happened to one is still found where that was.
#[must_use]
pub fn moved(mut event: Event, to: &Venue) -> Event {
    if let Happening::Edited(_) | Happening::Deleted(_) | Happening::Reacted { .. } = event.happened
    {
        return event;
    }
    let old = std::mem::replace(&mut event.at.place, to.place.raw().to_owned());
    event.at.thread = None;
    event.venue = to.clone();
    if let Happening::Message(message) = &mut event.happened {
        message.id = MessageId(format!("{old}/{}", message.id.0));
        message.answers = None;
    }
    event
}

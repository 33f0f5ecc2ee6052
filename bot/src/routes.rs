//! Who answers in which place. Choices are kept in the store; the settings' default stands behind them.

use std::sync::Arc;

use chatfriends_personas::PersonaId;
use serde::{Deserialize, Serialize};

use crate::identity::PlaceId;
use crate::store::key::Key;
use crate::store::record::{Record, read};
use crate::store::{Store, StoreError};

/// Chosen and default personas of places.
#[derive(Debug, Clone)]
pub struct Routes {
    store: Arc<dyn Store>,
    default: PersonaId,
}

/// Who answers in a place, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Who.
    pub persona: PersonaId,
    /// Whether somebody chose it for this place.
    pub chosen: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Chosen {
    persona: PersonaId,
}

impl Record for Chosen {
    const TABLE: &'static str = "route";
}

impl Routes {
    /// Routes over a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, default: PersonaId) -> Self {
        Self { store, default }
    }

    /// Who answers in a place.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(&self, place: &PlaceId) -> Result<Route, StoreError> {
        let found = read::<Chosen>(self.store.as_ref(), key(place)).await?;
        Ok(match found.record {
            Some(Chosen { persona }) => Route {
                persona,
                chosen: true,
            },
            None => Route {
                persona: self.default.clone(),
                chosen: false,
            },
        })
    }

    /// Chooses who answers in a place, durably.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn choose(&self, place: &PlaceId, persona: &PersonaId) -> Result<(), StoreError> {
        let chosen = Chosen {
            persona: persona.clone(),
        };
        loop {
            let found = read::<Chosen>(self.store.as_ref(), key(place)).await?;
            match self.store.commit(vec![found.becomes(&chosen)]).await {
                // Somebody chose at the same moment; the later one wins.
                Err(StoreError::Conflict) => {}
                result => return result,
            }
        }
    }
}

fn key(place: &PlaceId) -> Key {
    Key::of(Chosen::TABLE).text(place.as_str())
}

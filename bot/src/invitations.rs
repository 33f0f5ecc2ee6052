//! What somebody asked where others read along and is to be answered in private: kept for an hour until they come, under a word that only they
//! can use.
//!
//! | table | key | record |
//! |---|---|---|
//! | `invitation` | token | `Invitation`: the command, and until when it is kept |

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::identity::PersonId;
use crate::platforms::event::Event;
use crate::store::key::Key;
use crate::store::record::{Found, Record, read, read_all};
use crate::store::{Store, StoreError};

/// How long somebody may take to come.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// The word that leads back to what was asked. Others may see it: it is worth something to its person only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(pub String);

/// What waits for those who were invited.
#[derive(Debug)]
pub struct Invitations {
    store: Arc<dyn Store>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Invitation {
    event: Event,
    until_ms: u64,
}

impl Record for Invitation {
    const TABLE: &'static str = "invitation";
}

impl Invitations {
    /// The invitations in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Keeps what was asked for whoever asked it.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn invite(&self, event: &Event) -> Result<Token, StoreError> {
        let token = Token(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>()));
        let now = now_ms();
        let invitation = Invitation {
            event: event.clone(),
            until_ms: now + KEPT.as_millis() as u64,
        };
        let all = Key::of(Invitation::TABLE).under();
        let others = read_all::<Invitation>(self.store.as_ref(), all).await?;
        let is_old =
            |found: &&Found<Invitation>| found.record.as_ref().is_none_or(|it| it.until_ms < now);
        for old in others.iter().filter(is_old) {
            match self.store.commit(vec![old.removed()]).await {
                // Somebody else was quicker.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        let found = self.found(&token).await?;
        self.store.commit(vec![found.becomes(&invitation)]).await?;
        Ok(token)
    }

    /// Hands out what was asked, once, and only to the person who did; `None` for others, for old words, and for words that are none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn accept(
        &self,
        token: &Token,
        person: &PersonId,
    ) -> Result<Option<Event>, StoreError> {
        let found = self.found(token).await?;
        let Some(invitation) = found.record.clone() else {
            return Ok(None);
        };
        if invitation.event.by.person != *person || invitation.until_ms < now_ms() {
            return Ok(None);
        }
        match self.store.commit(vec![found.removed()]).await {
            Ok(()) => Ok(Some(invitation.event)),
            // It was handed out at this very moment.
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn found(&self, token: &Token) -> Result<Found<Invitation>, StoreError> {
        read(
            self.store.as_ref(),
            Key::of(Invitation::TABLE).text(&token.0),
        )
        .await
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

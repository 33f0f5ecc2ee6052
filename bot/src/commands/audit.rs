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
use crate::store::record::{Record, read, read_all};
use crate::store::{Store, StoreError};

/// The log of all places, each server and group for itself.
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
    /// When the store cannot be written.
    pub async fn note(&self, inbound: &Inbound, asked: &Asked) -> Result<(), StoreError> {
        let at_ms = now_ms();
        let (Some(innermost), Some(outermost)) = (inbound.levels.first(), inbound.levels.last())
        else {
            return Ok(());
        };
        let deed = Deed {
            at_ms,
            person: inbound.person.clone(),
            name: crate::gate::clean_name(&inbound.name).unwrap_or_default(),
            at: innermost.clone(),
            command: asked.to_string(),
        };
        // Two deeds of one millisecond stand side by side.
        for number in 0.. {
            let key = of_level(outermost).number(at_ms).number(number);
            let found = read::<Deed>(self.store.as_ref(), key).await?;
            if found.record.is_some() {
                continue;
            }
            match self.store.commit(vec![found.becomes(&deed)]).await {
                Err(StoreError::Conflict) => {}
                result => return result,
            }
        }
        Ok(())
    }

    /// The last deeds in a server or group, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last(&self, level: &Level, most: usize) -> Result<Vec<Deed>, StoreError> {
        let found = read_all::<Deed>(self.store.as_ref(), of_level(level).under()).await?;
        let mut deeds: Vec<Deed> = found.into_iter().filter_map(|found| found.record).collect();
        Ok(deeds.split_off(deeds.len().saturating_sub(most)))
    }
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

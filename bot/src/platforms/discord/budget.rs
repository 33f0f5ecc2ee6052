//! How often the bot may begin a session. Discord ends all sessions and resets the token of a bot that identifies a thousand times a day, so
//! the count outlives the program.
//!
//! <https://discord.com/developers/docs/events/gateway#session-start-limit-object>

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::store::key::Key;
use crate::store::record::{Record, read};
use crate::store::{Store, StoreError};

/// A bot that reconnects more often is broken; far enough from Discord's own limit that another program may share the token.
const MOST: u32 = 200;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The sessions begun lately.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    store: Arc<dyn Store>,
}

/// Whether a session may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    Granted,
    /// Not before so long.
    Spent(Duration),
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Spent {
    /// When the first session of the count began.
    since_ms: u64,
    sessions: u32,
}

impl Record for Spent {
    const TABLE: &'static str = "discord_sessions";
}

impl Budget {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Whether one more session may begin now.
    pub(super) async fn look(&self) -> Result<Allowance, StoreError> {
        let spent = self.read().await?.record.unwrap_or_default();
        Ok(spent.allowance(now_ms()))
    }

    /// Counts a session that begins.
    pub(super) async fn spend(&self) -> Result<Allowance, StoreError> {
        loop {
            let found = self.read().await?;
            let spent = found.record.unwrap_or_default().with_one_more(now_ms());
            match self.store.commit(vec![found.becomes(&spent)]).await {
                Ok(()) => return Ok(spent.allowance(now_ms())),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn read(&self) -> Result<crate::store::record::Found<Spent>, StoreError> {
        read(self.store.as_ref(), Key::of(Spent::TABLE)).await
    }
}

impl Spent {
    fn with_one_more(self, now_ms: u64) -> Self {
        if self.rest(now_ms).is_zero() {
            return Self {
                since_ms: now_ms,
                sessions: 1,
            };
        }
        Self {
            sessions: self.sessions + 1,
            ..self
        }
    }

    fn allowance(self, now_ms: u64) -> Allowance {
        let rest = self.rest(now_ms);
        if self.sessions < MOST || rest.is_zero() {
            Allowance::Granted
        } else {
            Allowance::Spent(rest)
        }
    }

    /// How long this day's count still holds. A clock that was set back does not make it longer than a day.
    fn rest(self, now_ms: u64) -> Duration {
        let passed = Duration::from_millis(now_ms.saturating_sub(self.since_ms));
        DAY.saturating_sub(passed)
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_s_sessions_are_counted_and_the_next_day_begins_anew() {
        let day = DAY.as_millis() as u64;
        let begun = Spent::default().with_one_more(day * 3);
        let mut spent = begun;
        for _ in 1..MOST {
            assert_eq!(spent.allowance(day * 3), Allowance::Granted);
            spent = spent.with_one_more(day * 3 + 1);
        }
        assert_eq!(
            spent.allowance(day * 3 + day / 2),
            Allowance::Spent(DAY / 2)
        );
        assert_eq!(spent.allowance(day * 4), Allowance::Granted);
        assert_eq!(spent.with_one_more(day * 4).sessions, 1);
    }
}

//! How often the bot may begin a session. Discord ends all sessions and resets the token of a bot that identifies a thousand times a day, so
//! the count outlives the program.
//!
//! serenity does not tell when it begins one, so they are counted by what Discord says is left, and by those of which Discord told that they
//! had begun.
//!
//! <https://discord.com/developers/docs/events/gateway#session-start-limit-object>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serenity::all::SessionStartLimit;

use crate::clock::now_ms;
use crate::store::key::Key;
use crate::store::record::{Record, update};
use crate::store::{Store, StoreError};

/// A bot that reconnects more often is broken; far enough from Discord's own limit that another program may share the token.
const MOST: u64 = 200;
/// Where Discord leaves fewer, none is begun, so that the next start is still possible.
const LEFT: u64 = 50;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The sessions begun lately.
#[derive(Debug)]
pub(super) struct Budget {
    store: Arc<dyn Store>,
    count: Mutex<Count>,
}

/// Whether a session may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    Granted,
    /// Not before so long.
    Spent(Duration),
}

impl Allowance {
    /// Whether one may begin where both must allow it.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Granted, other) => other,
            (spent, Self::Granted) => spent,
            (Self::Spent(one), Self::Spent(other)) => Self::Spent(one.max(other)),
        }
    }
}

/// What was counted in this run of the program.
#[derive(Debug, Default)]
struct Count {
    /// What Discord left when it was last asked.
    remaining: Option<u64>,
    /// Sessions by its count that have not told yet that they have begun, if they ever will.
    untold: u64,
    /// Sessions that have begun and were not in its count yet.
    ahead: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Spent {
    /// When the first session of the count began.
    since_ms: u64,
    sessions: u64,
}

impl Record for Spent {
    const TABLE: &'static str = "discord_sessions";
}

impl Budget {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            count: Mutex::default(),
        }
    }

    /// Takes Discord's count; gives back whether one more session may begin now.
    pub(super) async fn told(&self, limit: &SessionStartLimit) -> Result<Allowance, StoreError> {
        let begun = self.count().told(limit);
        let own = self.spend(begun).await?;
        Ok(own.and(left(limit)))
    }

    /// Takes notice that a session has begun.
    pub(super) async fn has_begun(&self) -> Result<Allowance, StoreError> {
        let begun = self.count().has_begun();
        self.spend(begun).await
    }

    async fn spend(&self, begun: u64) -> Result<Allowance, StoreError> {
        let key = Key::of(Spent::TABLE);
        update(self.store.as_ref(), key, |kept: &mut Option<Spent>| {
            let spent = kept.unwrap_or_default();
            if begun == 0 {
                return spent.allowance(now_ms());
            }
            let spent = kept.insert(spent.with_more(begun, now_ms()));
            spent.allowance(now_ms())
        })
        .await
    }

    fn count(&self) -> std::sync::MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether Discord leaves enough.
fn left(limit: &SessionStartLimit) -> Allowance {
    // Others' servers may allow fewer than Discord's thousand.
    if limit.remaining > LEFT.min(limit.total / 10) {
        Allowance::Granted
    } else {
        Allowance::Spent(Duration::from_millis(limit.reset_after))
    }
}

impl Count {
    /// The sessions that have begun since Discord's last count.
    fn told(&mut self, limit: &SessionStartLimit) -> u64 {
        let begun = match self.remaining.replace(limit.remaining) {
            None => 0,
            // Its day began anew.
            Some(before) if before < limit.remaining => limit.total.saturating_sub(limit.remaining),
            Some(before) => before - limit.remaining,
        };
        let known = begun.min(self.ahead);
        self.ahead -= known;
        self.untold += begun - known;
        begun - known
    }

    /// One if the session that has begun was not counted yet.
    fn has_begun(&mut self) -> u64 {
        if self.untold > 0 {
            // Those before it have failed.
            self.untold = 0;
            return 0;
        }
        self.ahead += 1;
        1
    }
}

impl Spent {
    fn with_more(self, begun: u64, now_ms: u64) -> Self {
        if self.rest(now_ms).is_zero() {
            return Self {
                since_ms: now_ms,
                sessions: begun,
            };
        }
        Self {
            sessions: self.sessions + begun,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_s_sessions_are_counted_and_the_next_day_begins_anew() {
        let day = DAY.as_millis() as u64;
        let begun = Spent::default().with_more(1, day * 3);
        let mut spent = begun;
        for _ in 1..MOST {
            assert_eq!(spent.allowance(day * 3), Allowance::Granted);
            spent = spent.with_more(1, day * 3 + 1);
        }
        assert_eq!(
            spent.allowance(day * 3 + day / 2),
            Allowance::Spent(DAY / 2)
        );
        assert_eq!(spent.allowance(day * 4), Allowance::Granted);
        assert_eq!(spent.with_more(1, day * 4).sessions, 1);
    }

    fn limit(remaining: u64) -> SessionStartLimit {
        serde_json::from_value(serde_json::json!({
            "total": 1000, "remaining": remaining, "reset_after": 1000, "max_concurrency": 1,
        }))
        .unwrap()
    }

    #[test]
    fn each_session_is_counted_once_whoever_tells_of_it_first() {
        let mut count = Count::default();
        assert_eq!(count.told(&limit(900)), 0);
        // Discord counts it before it tells that it has begun, or afterwards.
        assert_eq!((count.told(&limit(899)), count.has_begun()), (1, 0));
        assert_eq!((count.has_begun(), count.told(&limit(898))), (1, 0));
        // Three that fail, and one that does not.
        assert_eq!((count.told(&limit(894)), count.has_begun()), (4, 0));
        assert_eq!(count.told(&limit(998)), 2);
    }

    #[test]
    fn some_are_left_over() {
        assert_eq!(left(&limit(LEFT + 1)), Allowance::Granted);
        let spent = Allowance::Spent(Duration::from_secs(1));
        assert_eq!(left(&limit(LEFT)), spent);
        assert_eq!(
            (Allowance::Granted.and(spent), spent.and(Allowance::Granted)),
            (spent, spent)
        );
    }
}

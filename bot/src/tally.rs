//! How much was answered in the last hour, for the limits that moderators set. Kept in memory only: a restart begins anew.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::house::{Held, Holding};
use crate::identity::{Level, PersonId};

const HOUR: Duration = Duration::from_secs(3600);

/// When messages were answered, by whom and where a limit counts them. A burst of messages counts once.
#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<Counted, Vec<Instant>>>);

/// What a limit counts: all messages where it was set, or those of one person there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counted {
    level: Level,
    person: Option<PersonId>,
}

impl Tally {
    /// Counts an answer, unless one of the limits is used up; then there is to be none.
    #[must_use]
    pub fn take(&self, rules: &Holding, person: &PersonId) -> bool {
        let now = Instant::now();
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|_, times| {
            times.retain(|time| now.duration_since(*time) < HOUR);
            !times.is_empty()
        });
        let is_full = |(what, most): (Counted, usize)| {
            counted.get(&what).is_some_and(|times| times.len() >= most)
        };
        if limits(rules, person).any(is_full) {
            return false;
        }
        for (what, _) in limits(rules, person) {
            counted.entry(what).or_default().push(now);
        }
        true
    }
}

/// The limits that hold for a person: what each counts, and how many.
fn limits(rules: &Holding, person: &PersonId) -> impl Iterator<Item = (Counted, usize)> {
    let of_person = limit(&rules.hourly_per_person, Some(person));
    of_person.into_iter().chain(limit(&rules.hourly, None))
}

/// A limit that holds: what it counts, and how many.
fn limit(held: &Held<u32>, person: Option<&PersonId>) -> Option<(Counted, usize)> {
    let level = held.from.clone()?;
    let counted = Counted {
        level,
        person: person.cloned(),
    };
    (held.rule > 0).then_some((counted, held.rule as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::{Answers, Quiet};
    use crate::identity::{LevelKind, Platform};

    fn rules(per_person: u32, hourly: u32) -> Holding {
        let from = Some(Level::new(Platform::Discord, LevelKind::Server, "1"));
        Holding {
            personas: Held {
                rule: Vec::new(),
                from: None,
            },
            answers: Held {
                rule: Answers::Called,
                from: None,
            },
            quiet: Held {
                rule: Quiet::Never,
                from: None,
            },
            hourly_per_person: Held {
                rule: per_person,
                from: from.clone(),
            },
            hourly: Held { rule: hourly, from },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_counts_what_it_is_for_and_an_hour_later_begins_anew() {
        let (yun, min) = (
            PersonId::new(Platform::Discord, "1"),
            PersonId::new(Platform::Discord, "2"),
        );
        let (tally, rules) = (Tally::default(), rules(2, 3));
        let take = |person| tally.take(&rules, person);
        let taken = [&yun, &yun, &yun, &min, &min].map(take);
        assert_eq!(taken, [true, true, false, true, false]);
        tokio::time::advance(HOUR).await;
        assert!(take(&yun));
    }

    #[tokio::test]
    async fn zero_is_no_limit() {
        let tally = Tally::default();
        let person = PersonId::new(Platform::Discord, "1");
        let taken = (0..100).map(|_| tally.take(&rules(0, 0), &person));
        assert!(taken.into_iter().all(|allowed| allowed));
    }
}

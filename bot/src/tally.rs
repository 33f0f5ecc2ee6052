//! How much was answered in the last hour, for the limits that moderators set. Kept in memory only: a restart begins anew.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::house::{Held, Holding};
use crate::identity::{Level, PersonId};

const HOUR: Duration = Duration::from_secs(3600);

/// When messages were answered, by whom and where a limit counts them.
#[derive(Debug, Default)]
pub struct Tally(Mutex<HashMap<Counted, VecDeque<Instant>>>);

/// What a limit counts: all messages where it was set, or those of one person there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counted {
    level: Level,
    person: Option<PersonId>,
}

impl Tally {
    /// Whether none of the limits is used up.
    #[must_use]
    pub fn allows(&self, rules: &Holding, person: &PersonId) -> bool {
        let now = Instant::now();
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |(what, most): (Counted, usize)| {
            let times = counted.get(&what).into_iter().flatten();
            times
                .filter(|time| now.duration_since(**time) < HOUR)
                .count()
                >= most
        };
        !limits(rules, person).any(is_full)
    }

    /// Counts a message that is answered.
    pub fn count(&self, rules: &Holding, person: &PersonId) {
        let now = Instant::now();
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|_, times| {
            times.retain(|time| now.duration_since(*time) < HOUR);
            !times.is_empty()
        });
        for (what, _) in limits(rules, person) {
            counted.entry(what).or_default().push_back(now);
        }
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
        let take = |person| {
            let allowed = tally.allows(&rules, person);
            if allowed {
                tally.count(&rules, person);
            }
            allowed
        };
        let taken = [&yun, &yun, &yun, &min, &min].map(take);
        assert_eq!(taken, [true, true, false, true, false]);
        tokio::time::advance(HOUR).await;
        assert!(take(&yun));
    }

    #[tokio::test]
    async fn zero_is_no_limit() {
        let tally = Tally::default();
        let person = PersonId::new(Platform::Discord, "1");
        for _ in 0..100 {
            tally.count(&rules(0, 0), &person);
        }
        assert!(tally.allows(&rules(0, 0), &person));
    }
}

//! The rules of places: who answers there, to what, when and how much. The nearest rule wins; the settings' `[[route]]`s stand behind what
//! moderators set by command, and the defaults behind those.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chatfriends_personas::PersonaId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::identity::Level;
use crate::quiet::QuietHours;
use crate::store::key::Key;
use crate::store::record::{Record, read, read_all, retry_on_conflict, update};
use crate::store::{Store, StoreError};

/// The rules of all places. Few places have some, so all of them are kept at hand.
#[derive(Debug)]
pub struct PlaceRules {
    store: Arc<dyn Store>,
    known: RwLock<Known>,
    /// Held while a change goes to the store and then to [`Self::known`], so that the two agree on which came last.
    changing: tokio::sync::Mutex<()>,
    default: PersonaId,
}

#[derive(Debug)]
struct Known {
    /// What the settings say.
    configured: BTreeMap<Level, Rules>,
    /// What moderators have set.
    set: BTreeMap<Level, Rules>,
}

/// What is set at one level; what is `None` is as it is further out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Who answers: the first one, and the others when they are called by name. Never empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personas: Option<Vec<PersonaId>>,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    /// When not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Messages that one person gets answered in an hour; 0 = any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_per_person: Option<u32>,
    /// Messages that are answered in an hour in one place; 0 = any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
}

/// What is answered where several read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answers {
    /// Mentions, answers to the bot's own messages, and calls by name.
    Called,
    /// Every message of a person.
    Everything,
    /// Nothing but commands.
    Nothing,
}

/// Whether there are hours without answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quiet {
    /// There are none, whatever is set further out.
    Never,
    /// These.
    Hours(QuietHours),
}

/// The rules that hold in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRules {
    /// Who answers, the first one uncalled.
    pub personas: Effective<Vec<PersonaId>>,
    /// To what.
    pub answers: Effective<Answers>,
    /// When not.
    pub quiet: Effective<Quiet>,
    /// Messages an hour and person; 0 = any number.
    pub hourly_per_person: Effective<u32>,
    /// Messages an hour; 0 = any number.
    pub hourly: Effective<u32>,
}

/// A rule, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective<T> {
    /// The rule.
    pub rule: T,
    /// Where it was set; `None` = nowhere, it is the default.
    pub from: Option<Level>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    level: Level,
    rules: Rules,
}

impl Record for Kept {
    const TABLE: &'static str = "rules";
}

impl Rules {
    /// These rules, and those of `others` where nothing is said.
    fn or(self, others: Self) -> Self {
        Self {
            personas: self.personas.or(others.personas),
            answers: self.answers.or(others.answers),
            quiet: self.quiet.or(others.quiet),
            hourly_per_person: self.hourly_per_person.or(others.hourly_per_person),
            hourly: self.hourly.or(others.hourly),
        }
    }
}

impl EffectiveRules {
    /// Whether nobody is answered at this moment.
    #[must_use]
    pub fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        matches!(&self.quiet.rule, Quiet::Hours(hours) if hours.contain(now))
    }

    /// Whether a persona answers there, called or not.
    #[must_use]
    pub fn has(&self, persona: &PersonaId) -> bool {
        self.personas.rule.contains(persona)
    }
}

impl PlaceRules {
    /// The rules in `store` over the configured ones.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        store: Arc<dyn Store>,
        configured: BTreeMap<Level, Rules>,
        default: PersonaId,
    ) -> Result<Self, StoreError> {
        let kept = read_all::<Kept>(store.as_ref(), Key::of(Kept::TABLE).under()).await?;
        let set = kept
            .into_iter()
            .filter_map(|found| found.record)
            .map(|kept| (kept.level, kept.rules))
            .collect();
        Ok(Self {
            store,
            known: RwLock::new(Known { configured, set }),
            changing: tokio::sync::Mutex::default(),
            default,
        })
    }

    /// The rules that hold where these levels stand one in another, the nearest first.
    #[must_use]
    pub fn at(&self, levels: &[Level]) -> EffectiveRules {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        // Whatever was set by command at any level stands before what the operator's file says of any.
        let found: Vec<(&Level, &Rules)> = [&known.set, &known.configured]
            .into_iter()
            .flat_map(|rules| levels.iter().filter_map(|level| rules.get_key_value(level)))
            .collect();
        EffectiveRules {
            personas: nearest(&found, vec![self.default.clone()], |rules| {
                rules.personas.clone()
            }),
            answers: nearest(&found, Answers::Called, |rules| rules.answers),
            quiet: nearest(&found, Quiet::Never, |rules| rules.quiet.clone()),
            hourly_per_person: nearest(&found, 0, |rules| rules.hourly_per_person),
            hourly: nearest(&found, 0, |rules| rules.hourly),
        }
    }

    /// Changes the rules of one level, durably.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing has changed.
    pub async fn change(
        &self,
        level: &Level,
        change: impl Fn(&mut Rules) + Send,
    ) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let rules = update(
            self.store.as_ref(),
            key(level),
            |kept: &mut Option<Kept>| {
                let kept = kept.get_or_insert_with(|| Kept {
                    level: level.clone(),
                    rules: Rules::default(),
                });
                change(&mut kept.rules);
                kept.rules.clone()
            },
        )
        .await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.set.insert(level.clone(), rules);
        Ok(())
    }

    /// A place goes on under another id, as when a Telegram group becomes a supergroup. What is set there already stays, rule by rule; the
    /// rest comes along. Doing it twice is the same as doing it once.
    ///
    /// # Errors
    /// When the store cannot be read or written. Then nothing has changed.
    pub async fn rename(&self, from: &Level, to: &Level) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let moved = retry_on_conflict(|| async {
            let old = read::<Kept>(self.store.as_ref(), key(from)).await?;
            let new = read::<Kept>(self.store.as_ref(), key(to)).await?;
            let Some(kept) = &old.record else {
                return Ok(None);
            };
            let set_there = new.record.as_ref().map(|kept| kept.rules.clone());
            let there = Kept {
                level: to.clone(),
                rules: set_there.unwrap_or_default().or(kept.rules.clone()),
            };
            let swaps = vec![old.removed(), new.becomes(&there)];
            self.store.commit(swaps).await?;
            Ok(Some(there.rules))
        })
        .await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = moved {
            known.set.remove(from);
            known.set.insert(to.clone(), rules);
        }
        // The operator's file may go on naming the old id.
        if let Some(routed) = known.configured.remove(from) {
            let there = known.configured.remove(to).unwrap_or_default();
            known.configured.insert(to.clone(), there.or(routed));
        }
        Ok(())
    }
}

fn key(level: &Level) -> Key {
    Key::of(Kept::TABLE).text(&level.to_string())
}

fn nearest<T>(
    found: &[(&Level, &Rules)],
    default: T,
    rule: impl Fn(&Rules) -> Option<T>,
) -> Effective<T> {
    found
        .iter()
        .find_map(|(level, rules)| {
            Some(Effective {
                rule: rule(rules)?,
                from: Some((*level).clone()),
            })
        })
        .unwrap_or(Effective {
            rule: default,
            from: None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{LevelKind, Platform};
    use crate::store::in_memory::InMemory;

    fn level(kind: LevelKind, raw: &str) -> Level {
        Level::new(Platform::Discord, kind, raw)
    }

    fn persona(id: &str) -> PersonaId {
        PersonaId::new(id).unwrap()
    }

    async fn opened(store: &Arc<InMemory>, configured: BTreeMap<Level, Rules>) -> PlaceRules {
        let store: Arc<dyn Store> = Arc::clone(store) as _;
        PlaceRules::open(store, configured, persona("joey"))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_nearest_rule_wins_and_commands_stand_above_the_settings() {
        let store = Arc::new(InMemory::default());
        let (channel, server) = (
            level(LevelKind::Channel, "1"),
            level(LevelKind::Server, "2"),
        );
        let levels = [channel.clone(), server.clone()];
        let written = |id| Rules {
            personas: Some(vec![persona(id)]),
            ..Rules::default()
        };
        let configured = BTreeMap::from([(server.clone(), written("ross"))]);
        let rules = opened(&store, configured.clone()).await;
        let who = |rules: &PlaceRules| {
            let held = rules.at(&levels).personas;
            (held.rule[0].to_string(), held.from)
        };
        assert_eq!(who(&rules), ("ross".to_owned(), Some(server.clone())));

        let set =
            |id: &'static str| move |rules: &mut Rules| rules.personas = Some(vec![persona(id)]);
        rules.change(&server, set("monica")).await.unwrap();
        assert_eq!(who(&rules), ("monica".to_owned(), Some(server.clone())));
        rules.change(&channel, set("phoebe")).await.unwrap();
        assert_eq!(who(&rules), ("phoebe".to_owned(), Some(channel.clone())));
        // Another rule of the same level is not touched.
        rules
            .change(&channel, |rules| rules.answers = Some(Answers::Nothing))
            .await
            .unwrap();
        assert_eq!(who(&rules).0, "phoebe");

        let again = super::PlaceRules::open(Arc::clone(&store) as _, configured, persona("joey"))
            .await
            .unwrap();
        assert_eq!(again.at(&levels), rules.at(&levels), "after a restart");
        rules
            .change(&channel, |rules| rules.personas = None)
            .await
            .unwrap();
        assert_eq!(who(&rules).0, "monica");
        let elsewhere = rules.at(&[level(LevelKind::Channel, "9")]);
        assert_eq!(
            (elsewhere.personas.rule, elsewhere.personas.from),
            (vec![persona("joey")], None)
        );
    }

    #[tokio::test]
    async fn rules_move_one_by_one_and_those_of_the_new_place_win() {
        let store = Arc::new(InMemory::default());
        let group = |raw| Level::new(Platform::Telegram, LevelKind::Group, raw);
        let (old, new) = (group("-1"), group("-100"));
        let routed = Rules {
            personas: Some(vec![persona("ross")]),
            hourly: Some(9),
            ..Rules::default()
        };
        let configured = BTreeMap::from([(old.clone(), routed)]);
        let rules = opened(&store, configured.clone()).await;
        let set = |hourly| {
            move |rules: &mut Rules| {
                rules.hourly_per_person = Some(hourly);
                rules.answers = Some(Answers::Everything);
            }
        };
        rules.change(&old, set(20)).await.unwrap();
        // A moderator is quicker than the move.
        rules
            .change(&new, |rules| rules.hourly_per_person = Some(5))
            .await
            .unwrap();
        let check = |rules: &PlaceRules, answers| {
            let here = rules.at(std::slice::from_ref(&new));
            assert_eq!(here.hourly_per_person.rule, 5);
            assert_eq!(here.answers.rule, answers);
            assert_eq!(
                (here.personas.rule, here.hourly.rule),
                (vec![persona("ross")], 9)
            );
            let there = rules.at(std::slice::from_ref(&old));
            assert_eq!((there.answers.from, there.personas.from), (None, None));
        };
        rules.rename(&old, &new).await.unwrap();
        check(&rules, Answers::Everything);
        // At each start it is done once more, and brings back nothing that was taken back since.
        rules
            .change(&new, |rules| rules.answers = None)
            .await
            .unwrap();
        let again = opened(&store, configured).await;
        again.rename(&old, &new).await.unwrap();
        check(&again, Answers::Called);
    }

    #[test]
    fn levels_are_written_and_read_alike() {
        for text in [
            "discord:server/12",
            "telegram:group/-1001",
            "telegram:thread/-1001/5",
            "web:chat/3:a/b/c",
        ] {
            assert_eq!(text.parse::<Level>().unwrap().to_string(), text);
        }
        for text in [
            "discord",
            "discord:server",
            "discord:server/",
            "irc:channel/1",
            "discord:guild/1",
        ] {
            let error = text.parse::<Level>().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}

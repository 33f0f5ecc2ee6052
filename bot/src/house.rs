//! The rules of places: who answers there, to what, when and how much. The nearest rule wins; the settings' `[[route]]`s stand behind what
//! moderators set by command, and the defaults behind those.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chatfriends_personas::{Library, PersonaId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::identity::Level;
use crate::quiet::QuietHours;
use crate::store::key::Key;
use crate::store::record::{Record, read, read_all};
use crate::store::{Store, StoreError};

/// The rules of all places. Few places have some, so all of them are kept at hand.
#[derive(Debug)]
pub struct House {
    store: Arc<dyn Store>,
    configured: BTreeMap<Level, Rules>,
    set: RwLock<BTreeMap<Level, Rules>>,
    /// Held while a change goes to the store and then to [`Self::set`], so that the two agree on which came last.
    changing: tokio::sync::Mutex<()>,
    default: PersonaId,
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
pub struct Holding {
    /// Who answers, the first one uncalled.
    pub personas: Held<Vec<PersonaId>>,
    /// To what.
    pub answers: Held<Answers>,
    /// When not.
    pub quiet: Held<Quiet>,
    /// Messages an hour and person; 0 = any number.
    pub hourly_per_person: Held<u32>,
    /// Messages an hour; 0 = any number.
    pub hourly: Held<u32>,
}

/// A rule, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
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

impl Holding {
    /// Whether nobody is answered at this moment.
    #[must_use]
    pub fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        matches!(&self.quiet.rule, Quiet::Hours(hours) if hours.contain(now))
    }

    /// Whether a persona answers there, called or not.
    #[must_use]
    pub fn has(&self, persona: &PersonaId, library: &Library) -> bool {
        self.personas.rule.contains(persona) && library.get(persona).is_some()
    }
}

impl House {
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
            configured,
            set: RwLock::new(set),
            changing: tokio::sync::Mutex::default(),
            default,
        })
    }

    /// The rules that hold where these levels stand one in another, the nearest first.
    #[must_use]
    pub fn at(&self, levels: &[Level]) -> Holding {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        // Whatever was set by command at any level stands before what the operator's file says of any.
        let found: Vec<(&Level, &Rules)> = [&*set, &self.configured]
            .into_iter()
            .flat_map(|rules| levels.iter().filter_map(|level| rules.get_key_value(level)))
            .collect();
        Holding {
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
        let key = Key::of(Kept::TABLE).text(&level.to_string());
        let rules = loop {
            let found = read::<Kept>(self.store.as_ref(), key.clone()).await?;
            let mut rules = found
                .record
                .as_ref()
                .map(|kept| kept.rules.clone())
                .unwrap_or_default();
            change(&mut rules);
            let kept = Kept {
                level: level.clone(),
                rules: rules.clone(),
            };
            match self.store.commit(vec![found.becomes(&kept)]).await {
                Ok(()) => break rules,
                // Somebody changed them at the same moment; the later change is made on top.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        };
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        set.insert(level.clone(), rules);
        Ok(())
    }

    /// A place goes on under another name, as when a Telegram group becomes a supergroup. Rules that are set there already stay.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn rename(&self, from: &Level, to: &Level) -> Result<(), StoreError> {
        let rules = {
            let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
            // The operator's file names the old place, too.
            match (set.get(to), set.get(from).or(self.configured.get(from))) {
                (None, Some(rules)) => rules.clone(),
                _ => return Ok(()),
            }
        };
        self.change(to, |now| *now = rules.clone()).await
    }
}

fn nearest<T>(
    found: &[(&Level, &Rules)],
    default: T,
    rule: impl Fn(&Rules) -> Option<T>,
) -> Held<T> {
    found
        .iter()
        .find_map(|(level, rules)| {
            Some(Held {
                rule: rule(rules)?,
                from: Some((*level).clone()),
            })
        })
        .unwrap_or(Held {
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

    async fn house(store: &Arc<InMemory>, configured: BTreeMap<Level, Rules>) -> House {
        let store: Arc<dyn Store> = Arc::clone(store) as _;
        House::open(store, configured, persona("joey"))
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
        let house = house(&store, configured.clone()).await;
        let who = |house: &House| {
            let held = house.at(&levels).personas;
            (held.rule[0].to_string(), held.from)
        };
        assert_eq!(who(&house), ("ross".to_owned(), Some(server.clone())));

        let set =
            |id: &'static str| move |rules: &mut Rules| rules.personas = Some(vec![persona(id)]);
        house.change(&server, set("monica")).await.unwrap();
        assert_eq!(who(&house), ("monica".to_owned(), Some(server.clone())));
        house.change(&channel, set("phoebe")).await.unwrap();
        assert_eq!(who(&house), ("phoebe".to_owned(), Some(channel.clone())));
        // Another rule of the same level is not touched.
        house
            .change(&channel, |rules| rules.answers = Some(Answers::Nothing))
            .await
            .unwrap();
        assert_eq!(who(&house).0, "phoebe");

        let again = super::House::open(Arc::clone(&store) as _, configured, persona("joey"))
            .await
            .unwrap();
        assert_eq!(again.at(&levels), house.at(&levels), "after a restart");
        house
            .change(&channel, |rules| rules.personas = None)
            .await
            .unwrap();
        assert_eq!(who(&house).0, "monica");
        let elsewhere = house.at(&[level(LevelKind::Channel, "9")]);
        assert_eq!(
            (elsewhere.personas.rule, elsewhere.personas.from),
            (vec![persona("joey")], None)
        );
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

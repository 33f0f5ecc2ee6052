//! Personas that moderators make by command: drafts, numbered versions, and which of them answers. Each belongs to one server or group.
//!
//! | table | key | record |
//! |---|---|---|
//! | `studio` | persona | `MadePersona`: whose it is, its draft, its versions, and which is live |
//!
//! Not for personas that come from files: those are `catalogue`'s, and none of them can be changed here.
//!
//! Invariant: nothing here gives a persona to another server or group than the one it was made in.

pub mod sheet;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chatfriends_personas::{Persona, PersonaId};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use self::sheet::{Flaw, Sheet};
use crate::clock::now_ms;
use crate::identity::{Level, PlaceKind};
use crate::store::key::Key;
use crate::store::record::{Found, Record, read, read_all};
use crate::store::{Store, StoreError};

/// Versions of one persona that are kept, the newest ones.
const VERSIONS_KEPT: usize = 20;
/// Personas that one server or group may have.
pub const MOST: usize = 50;

/// All personas made by command. Those that answer are kept at hand, the rest in the store.
#[derive(Debug)]
pub struct Studio {
    store: Arc<dyn Store>,
    live: RwLock<BTreeMap<PersonaId, Live>>,
    /// Changes wait for each other, so that what is at hand is what was stored last.
    changing: Mutex<()>,
}

/// A persona that answers.
#[derive(Debug, Clone)]
struct Live {
    home: Level,
    persona: Arc<Persona>,
}

/// One persona with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadePersona {
    id: PersonaId,
    /// The server or group that it belongs to. The store has known it by its older name.
    #[serde(rename = "owner")]
    home: Level,
    /// What is being changed; `None` when nothing is.
    pub draft: Option<Sheet>,
    /// What was published, the oldest first.
    pub versions: Vec<Version>,
    /// The number of the version that answers.
    pub live: Option<u32>,
}

/// What was published once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counted from 1.
    pub number: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    sheet: Sheet,
}

/// Why something was not done. Variants are what the person does next.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// Take another id.
    #[error("the id is taken")]
    Taken,
    /// Delete one first.
    #[error("there are as many as there may be")]
    Full,
    /// Name one that is there.
    #[error("there is none of this id here")]
    Unknown,
    /// Edit it first.
    #[error("there is no draft")]
    NoDraft,
    /// Name a version that is there.
    #[error("there is no such version")]
    NoVersion,
    /// Mend the draft.
    #[error("the draft has flaws: {0:?}")]
    Flawed(Vec<Flaw>),
    /// Try again later.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Record for MadePersona {
    const TABLE: &'static str = "studio";
}

/// Whose a persona is that is made where these levels stand one in another; `None` where only one person is.
#[must_use]
pub fn home(levels: &[Level]) -> Option<&Level> {
    levels
        .last()
        .filter(|_| PlaceKind::of(levels) == PlaceKind::Shared)
}

impl Studio {
    /// The personas in `store`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let found =
            read_all::<MadePersona>(store.as_ref(), Key::of(MadePersona::TABLE).under()).await?;
        let mut live = BTreeMap::new();
        for work in found.into_iter().filter_map(|found| found.record) {
            let id = work.id.clone();
            match work.answering() {
                Some(Ok(answering)) => drop(live.insert(id, answering)),
                Some(Err(flaws)) => {
                    tracing::warn!(persona = %id, ?flaws, "A persona made by command does not follow today's rules and answers no more.");
                }
                None => {}
            }
        }
        Ok(Self {
            store,
            live: RwLock::new(live),
            changing: Mutex::default(),
        })
    }

    /// The personas that answer where these levels stand one in another, beside those of files.
    #[must_use]
    pub fn live_at(&self, levels: &[Level]) -> Vec<Arc<Persona>> {
        let Some(home) = home(levels) else {
            return Vec::new();
        };
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.values()
            .filter(|live| live.home == *home)
            .map(|live| Arc::clone(&live.persona))
            .collect()
    }

    /// Everything of a server or group, in the order of the ids.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn works(&self, home: &Level) -> Result<Vec<MadePersona>, StoreError> {
        let found =
            read_all::<MadePersona>(self.store.as_ref(), Key::of(MadePersona::TABLE).under())
                .await?;
        let works = found.into_iter().filter_map(|found| found.record);
        Ok(works.filter(|work| work.home == *home).collect())
    }

    /// One persona of a server or group.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub async fn work(&self, home: &Level, id: &PersonaId) -> Result<MadePersona, StudioError> {
        let found = self.found(id).await?;
        let work = found.record.filter(|work| work.home == *home);
        work.ok_or(StudioError::Unknown)
    }

    /// Whether a persona of this id may be made for `home`.
    ///
    /// # Errors
    /// When the id is taken, there are too many, or the store cannot be read.
    pub async fn has_room(&self, home: &Level, id: &PersonaId) -> Result<(), StudioError> {
        if self.found(id).await?.record.is_some() {
            return Err(StudioError::Taken);
        }
        if self.works(home).await?.len() >= MOST {
            return Err(StudioError::Full);
        }
        Ok(())
    }

    /// Begins a persona with a draft, which need not be in order yet.
    ///
    /// # Errors
    /// When there is no room for it, the draft is too long to be kept, or the store cannot be written.
    pub async fn create(
        &self,
        home: &Level,
        id: &PersonaId,
        sheet: Sheet,
    ) -> Result<(), StudioError> {
        sheet.measured().map_err(StudioError::Flawed)?;
        let changing = self.changing.lock().await;
        self.has_room(home, id).await?;
        let work = MadePersona {
            id: id.clone(),
            home: home.clone(),
            draft: Some(sheet),
            versions: Vec::new(),
            live: None,
        };
        let found = self.found(id).await?;
        Ok(self.keep(&changing, &found, &work).await?)
    }

    /// Puts another draft in the place of the one that is there.
    ///
    /// # Errors
    /// When there is no such persona, the draft is too long to be kept, or the store cannot be written.
    pub async fn edit(
        &self,
        home: &Level,
        id: &PersonaId,
        sheet: Sheet,
    ) -> Result<(), StudioError> {
        sheet.measured().map_err(StudioError::Flawed)?;
        let changing = self.changing.lock().await;
        let (found, mut work) = self.theirs(home, id).await?;
        work.draft = Some(sheet);
        Ok(self.keep(&changing, &found, &work).await?)
    }

    /// Makes the draft the version that answers, from now on; gives its number.
    ///
    /// # Errors
    /// When there is no draft or it has flaws, or the store cannot be written.
    pub async fn publish(&self, home: &Level, id: &PersonaId) -> Result<u32, StudioError> {
        let changing = self.changing.lock().await;
        let (found, mut work) = self.theirs(home, id).await?;
        let sheet = work.draft.take().ok_or(StudioError::NoDraft)?;
        sheet.persona(id).map_err(StudioError::Flawed)?;
        let number = work.versions.last().map_or(0, |last| last.number) + 1;
        work.versions.push(Version {
            number,
            at_ms: now_ms(),
            sheet,
        });
        let too_many = work.versions.len().saturating_sub(VERSIONS_KEPT);
        work.versions.drain(..too_many);
        work.live = Some(number);
        self.keep(&changing, &found, &work).await?;
        Ok(number)
    }

    /// Lets an earlier version answer again: the one of this number, or the one before the present one. Gives its number.
    ///
    /// # Errors
    /// When there is no such version, or the store cannot be written.
    pub async fn roll_back(
        &self,
        home: &Level,
        id: &PersonaId,
        to: Option<u32>,
    ) -> Result<u32, StudioError> {
        let changing = self.changing.lock().await;
        let (found, mut work) = self.theirs(home, id).await?;
        let mut numbers = work.versions.iter().map(|version| version.number).rev();
        let number = match to {
            Some(number) => numbers.find(|known| *known == number),
            None => numbers.find(|known| work.live.is_none_or(|live| *known < live)),
        };
        let number = number.ok_or(StudioError::NoVersion)?;
        work.live = Some(number);
        if let Some(Err(flaws)) = work.answering() {
            return Err(StudioError::Flawed(flaws));
        }
        self.keep(&changing, &found, &work).await?;
        Ok(number)
    }

    /// Takes a persona away with all its versions.
    ///
    /// # Errors
    /// When there is none, or the store cannot be written.
    pub async fn delete(&self, home: &Level, id: &PersonaId) -> Result<(), StudioError> {
        let _changing = self.changing.lock().await;
        let (found, _) = self.theirs(home, id).await?;
        self.store.commit(vec![found.removed()]).await?;
        self.live_mut(|live| drop(live.remove(id)));
        Ok(())
    }

    /// A place goes on under another name, as when a Telegram group becomes a supergroup: what is its own goes along.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn rename(&self, from: &Level, to: &Level) -> Result<(), StoreError> {
        let changing = self.changing.lock().await;
        for work in self.works(from).await? {
            let found = self.found(&work.id).await?;
            let work = MadePersona {
                home: to.clone(),
                ..work
            };
            self.keep(&changing, &found, &work).await?;
        }
        Ok(())
    }

    /// Stores a persona, and from then on its live version answers. Only whoever holds the lock may.
    async fn keep(
        &self,
        _changing: &MutexGuard<'_, ()>,
        found: &Found<MadePersona>,
        work: &MadePersona,
    ) -> Result<(), StoreError> {
        self.store.commit(vec![found.becomes(work)]).await?;
        let answering = work.answering().and_then(Result::ok);
        self.live_mut(|live| match answering {
            Some(answering) => drop(live.insert(work.id.clone(), answering)),
            None => drop(live.remove(&work.id)),
        });
        Ok(())
    }

    fn live_mut(&self, change: impl FnOnce(&mut BTreeMap<PersonaId, Live>)) {
        change(&mut self.live.write().unwrap_or_else(PoisonError::into_inner));
    }

    async fn found(&self, id: &PersonaId) -> Result<Found<MadePersona>, StoreError> {
        read(
            self.store.as_ref(),
            Key::of(MadePersona::TABLE).text(id.as_str()),
        )
        .await
    }

    async fn theirs(
        &self,
        home: &Level,
        id: &PersonaId,
    ) -> Result<(Found<MadePersona>, MadePersona), StudioError> {
        let found = self.found(id).await?;
        let work = found.record.clone().filter(|work| work.home == *home);
        Ok((found, work.ok_or(StudioError::Unknown)?))
    }
}

impl MadePersona {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &PersonaId {
        &self.id
    }

    /// What an edit begins with: the draft, else what answers, else what was published last.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        let published = || self.version().or(self.versions.last());
        let draft = self.draft.as_ref();
        draft
            .or_else(|| published().map(|version| &version.sheet))
            .cloned()
            .unwrap_or_default()
    }

    fn version(&self) -> Option<&Version> {
        self.versions
            .iter()
            .find(|version| Some(version.number) == self.live)
    }

    fn answering(&self) -> Option<Result<Live, Vec<Flaw>>> {
        let version = self.version()?;
        Some(version.sheet.persona(&self.id).map(|persona| Live {
            home: self.home.clone(),
            persona: Arc::new(persona),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Asked;
    use crate::identity::{LevelKind, Platform};
    use crate::store::in_memory::InMemory;

    fn group(raw: &str) -> Level {
        Level::new(Platform::Telegram, LevelKind::Group, raw)
    }

    fn id(raw: &str) -> PersonaId {
        PersonaId::new(raw).unwrap()
    }

    fn sheet(system: &str) -> Sheet {
        let fields = [
            ("names", "나리"),
            ("languages", "ko"),
            ("system", system),
            ("greeting", "안녕!"),
        ];
        Sheet::default().with(&Asked {
            command: "persona".to_owned(),
            action: "edit".to_owned(),
            arguments: fields
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .to_vec(),
        })
    }

    async fn studio() -> (Arc<InMemory>, Studio) {
        let store = Arc::new(InMemory::default());
        (store.clone(), Studio::open(store).await.unwrap())
    }

    fn systems(studio: &Studio, level: &Level) -> Vec<String> {
        let live = studio.live_at(std::slice::from_ref(level));
        live.iter().map(|persona| persona.system.clone()).collect()
    }

    #[tokio::test]
    async fn only_what_is_published_answers_and_only_at_home() {
        let (store, studio) = studio().await;
        let (club, other) = (group("1"), group("2"));
        studio
            .create(&club, &id("nari"), sheet("one"))
            .await
            .unwrap();
        assert_eq!(systems(&studio, &club), [""; 0]);
        assert_eq!(studio.publish(&club, &id("nari")).await.unwrap(), 1);
        assert_eq!(systems(&studio, &club), ["one"]);
        assert_eq!(systems(&studio, &other), [""; 0]);
        let private = Level::new(Platform::Telegram, LevelKind::Chat, "1");
        assert_eq!(systems(&studio, &private), [""; 0]);
        // A draft changes nothing until it is published.
        studio.edit(&club, &id("nari"), sheet("two")).await.unwrap();
        assert_eq!(systems(&studio, &club), ["one"]);
        assert_eq!(studio.publish(&club, &id("nari")).await.unwrap(), 2);
        // It is kept.
        let again = Studio::open(store).await.unwrap();
        assert_eq!(systems(&again, &club), ["two"]);
    }

    #[tokio::test]
    async fn others_can_neither_see_nor_change_nor_take_it() {
        let (_, studio) = studio().await;
        let (club, other, nari) = (group("1"), group("2"), id("nari"));
        studio.create(&club, &nari, sheet("one")).await.unwrap();
        studio.publish(&club, &nari).await.unwrap();
        let unknown = |outcome: Result<(), StudioError>| {
            assert!(matches!(outcome, Err(StudioError::Unknown)), "{outcome:?}");
        };
        unknown(studio.work(&other, &nari).await.map(drop));
        unknown(studio.edit(&other, &nari, sheet("two")).await);
        unknown(studio.publish(&other, &nari).await.map(drop));
        unknown(studio.roll_back(&other, &nari, Some(1)).await.map(drop));
        unknown(studio.delete(&other, &nari).await);
        assert_eq!(studio.works(&other).await.unwrap(), []);
        let taken = studio.create(&other, &nari, sheet("two")).await;
        assert!(matches!(taken, Err(StudioError::Taken)));
        assert_eq!(systems(&studio, &club), ["one"]);
    }

    #[tokio::test]
    async fn earlier_versions_come_back() {
        let (store, studio) = studio().await;
        let (club, nari) = (group("1"), id("nari"));
        studio.create(&club, &nari, sheet("v1")).await.unwrap();
        studio.publish(&club, &nari).await.unwrap();
        let none = studio.roll_back(&club, &nari, None).await;
        assert!(matches!(none, Err(StudioError::NoVersion)));
        for number in 2..=25 {
            let sheet = sheet(&format!("v{number}"));
            studio.edit(&club, &nari, sheet).await.unwrap();
            assert_eq!(studio.publish(&club, &nari).await.unwrap(), number);
        }
        assert_eq!(studio.roll_back(&club, &nari, None).await.unwrap(), 24);
        assert_eq!(studio.roll_back(&club, &nari, None).await.unwrap(), 23);
        assert_eq!(systems(&studio, &club), ["v23"]);
        assert_eq!(studio.roll_back(&club, &nari, Some(25)).await.unwrap(), 25);
        let work = studio.work(&club, &nari).await.unwrap();
        assert_eq!(work.versions.len(), VERSIONS_KEPT);
        let gone = studio.roll_back(&club, &nari, Some(5)).await;
        assert!(matches!(gone, Err(StudioError::NoVersion)));
        studio.roll_back(&club, &nari, Some(7)).await.unwrap();
        // What is published next is newer than all that was.
        studio.edit(&club, &nari, sheet("v26")).await.unwrap();
        assert_eq!(studio.publish(&club, &nari).await.unwrap(), 26);
        studio.roll_back(&club, &nari, Some(6)).await.unwrap_err();
        studio.roll_back(&club, &nari, Some(7)).await.unwrap();
        let again = Studio::open(store).await.unwrap();
        assert_eq!(systems(&again, &club), ["v7"]);
    }

    #[tokio::test]
    async fn a_flawed_draft_is_kept_but_never_answers() {
        let (_, studio) = studio().await;
        let (club, nari) = (group("1"), id("nari"));
        studio.create(&club, &nari, sheet("")).await.unwrap();
        let flawed = studio.publish(&club, &nari).await;
        assert!(matches!(flawed, Err(StudioError::Flawed(_))));
        assert_eq!(studio.work(&club, &nari).await.unwrap().sheet(), sheet(""));
        let too_long = studio.edit(&club, &nari, sheet(&"가".repeat(3_000))).await;
        assert!(matches!(too_long, Err(StudioError::Flawed(_))));
        studio.edit(&club, &nari, sheet("one")).await.unwrap();
        studio.publish(&club, &nari).await.unwrap();
        let nothing_new = studio.publish(&club, &nari).await;
        assert!(matches!(nothing_new, Err(StudioError::NoDraft)));
    }

    #[tokio::test]
    async fn what_is_deleted_answers_no_more_and_a_place_may_move() {
        let (store, studio) = studio().await;
        let (club, moved, nari) = (group("1"), group("-100"), id("nari"));
        studio.create(&club, &nari, sheet("one")).await.unwrap();
        studio.publish(&club, &nari).await.unwrap();
        studio.rename(&club, &moved).await.unwrap();
        assert_eq!(systems(&studio, &club), [""; 0]);
        assert_eq!(systems(&studio, &moved), ["one"]);
        studio.delete(&moved, &nari).await.unwrap();
        assert_eq!(systems(&studio, &moved), [""; 0]);
        let again = Studio::open(store).await.unwrap();
        assert_eq!(systems(&again, &moved), [""; 0]);
        again.create(&club, &nari, sheet("one")).await.unwrap();
    }

    #[tokio::test]
    async fn a_place_has_so_many_at_most() {
        let (_, studio) = studio().await;
        let club = group("1");
        for number in 0..MOST {
            let id = id(&format!("p{number}"));
            studio.create(&club, &id, sheet("one")).await.unwrap();
        }
        let full = studio.create(&club, &id("more"), sheet("one")).await;
        assert!(matches!(full, Err(StudioError::Full)));
        studio
            .create(&group("2"), &id("more"), sheet("one"))
            .await
            .unwrap();
    }
}

//! What memory keeps and under which keys. Not what is made of it.
//!
//! | table | key | record |
//! |---|---|---|
//! | `log` | conversation | [`Log`]: the number of the next turn |
//! | `turn` | conversation, turn | [`Turn`] |
//! | `window` | conversation | [`Window`]: which turns are sent again |
//! | `said` | owner, conversation, turn | [`Saying`]: whose turn it is |
//! | `source` | event | [`Sourced`]: of which turn a message of a chat app is a part, as long as the turn is there |
//! | `facts` | owner | [`FactSheet`] |
//! | `summary` | owner | [`Summary`] |
//! | `moving` | conversation | `Shift`, in `moving.rs`: how its turns are numbered at the place to which it moves |
//!
//! Invariant: `facts`, `summary` and `said` have the whole [`Owner`] in their key, audience first, so that nothing can be looked up
//! without naming the audience.

use std::collections::BTreeSet;
use std::ops::Range;

use chatfriends_personas::PersonaId;
use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::{FactId, FactKey, MemoryLine, Turn, TurnId, TurnRef};
use crate::identity::{Audience, Conversation, EventId, Owner, PersonId, PlaceId, ThreadId};
use crate::store::key::Key;
use crate::store::record::{self, Found, Record};
use crate::store::{Store, StoreError};

/// The end of a conversation's log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Log {
    /// The number that the next turn gets, even if the last turns were forgotten.
    pub(super) next: TurnId,
}

/// Which part of a conversation is sent again with each message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// Counted up by every change, so that a compaction notices what happened while it was summarising.
    pub(super) version: u64,
    /// The first turn.
    pub(super) from: TurnId,
    /// The first turn since the person last began anew; what came before is not shown to them again either.
    #[serde(default)]
    pub(super) begun: TurnId,
    /// What leads the first turn since the window was moved last.
    pub(super) opening: Option<Opening>,
}

/// The notes that lead a window which did not begin empty. Kept in parts, so that one person can be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opening {
    /// The memory of the person who speaks first.
    pub(super) memory: Option<OpeningMemory>,
    /// What was said before, person by person.
    pub(super) summaries: Vec<SummaryOf>,
}

/// All that was remembered of a person when the window was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OpeningMemory {
    pub(super) person: PersonId,
    pub(super) revision: u64,
    pub(super) lines: Vec<MemoryLine>,
}

/// A person's summary as the window shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SummaryOf {
    pub(super) person: PersonId,
    pub(super) text: String,
}

/// A person's facts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FactSheet {
    /// Counted up by every change; prompts that hold all facts remember it.
    pub(super) revision: u64,
    /// The number that the next fact gets.
    pub(super) next: FactId,
    pub(super) facts: Vec<Fact>,
    /// Turns from which a fact was forgotten: their words are neither recalled nor summarised any more.
    pub(super) struck: Vec<TurnRef>,
}

/// What a person said before the windows of today.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) text: String,
    /// In each conversation the first turn that the summary does not cover.
    pub(super) cursors: Vec<TurnRef>,
}

/// That a turn is someone's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saying(pub(super) TurnRef);

/// Of which turn a message is a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sourced {
    pub(super) owner: Owner,
    pub(super) at: TurnRef,
}

impl Record for Log {
    const TABLE: &'static str = "log";
}
impl Record for Turn {
    const TABLE: &'static str = "turn";
}
impl Record for Window {
    const TABLE: &'static str = "window";
}
impl Record for Saying {
    const TABLE: &'static str = "said";
}
impl Record for Sourced {
    const TABLE: &'static str = "source";
}
impl Record for FactSheet {
    const TABLE: &'static str = "facts";
}
impl Record for Summary {
    const TABLE: &'static str = "summary";
}

impl Turn {
    /// As it is sent to the model when what was looked up for it may not be shown any more.
    pub(super) fn without_notes(&self) -> Self {
        Self {
            notes: String::new(),
            memory_revision: None,
            ..self.clone()
        }
    }
}

impl FactSheet {
    /// All values, as they are remembered.
    pub(super) fn lines(&self) -> Vec<MemoryLine> {
        super::fact::lines(&self.facts)
    }

    /// The values of one key.
    pub(super) fn values(&self, key: FactKey) -> impl Iterator<Item = &str> {
        self.facts
            .iter()
            .filter(move |fact| fact.key == key)
            .map(|fact| fact.value.as_str())
    }
}

impl Summary {
    /// The first turn of `conversation` that the summary does not cover.
    pub(super) fn cursor(&self, conversation: &Conversation) -> TurnId {
        self.cursors
            .iter()
            .find(|cursor| cursor.conversation == *conversation)
            .map_or_else(TurnId::default, |cursor| cursor.turn)
    }

    /// Says that everything before `to` is covered.
    pub(super) fn move_cursor(&mut self, to: TurnRef) {
        self.cursors
            .retain(|cursor| cursor.conversation != to.conversation);
        self.cursors.push(to);
    }
}

pub(super) async fn log(
    store: &dyn Store,
    conversation: &Conversation,
) -> Result<Found<Log>, StoreError> {
    record::read(store, in_conversation(Key::of(Log::TABLE), conversation)).await
}

/// The number that the next turn of a conversation gets.
pub(super) async fn next_turn(
    store: &dyn Store,
    conversation: &Conversation,
) -> Result<TurnId, StoreError> {
    let log = log(store, conversation).await?;
    Ok(log.record.unwrap_or_default().next)
}

pub(super) async fn window(
    store: &dyn Store,
    conversation: &Conversation,
) -> Result<Found<Window>, StoreError> {
    record::read(store, in_conversation(Key::of(Window::TABLE), conversation)).await
}

pub(super) async fn turn(
    store: &dyn Store,
    conversation: &Conversation,
    turn: TurnId,
) -> Result<Found<Turn>, StoreError> {
    record::read(store, turn_key(conversation, turn)).await
}

/// The turns of `range`, oldest first.
pub(super) async fn turns(
    store: &dyn Store,
    conversation: &Conversation,
    range: Range<TurnId>,
) -> Result<Vec<Found<Turn>>, StoreError> {
    record::read_all(
        store,
        turn_key(conversation, range.start)..turn_key(conversation, range.end),
    )
    .await
}

pub(super) async fn facts(
    store: &dyn Store,
    owner: &Owner,
) -> Result<Found<FactSheet>, StoreError> {
    record::read(store, of_owner(Key::of(FactSheet::TABLE), owner)).await
}

pub(super) async fn summary(
    store: &dyn Store,
    owner: &Owner,
) -> Result<Found<Summary>, StoreError> {
    record::read(store, of_owner(Key::of(Summary::TABLE), owner)).await
}

pub(super) async fn saying(
    store: &dyn Store,
    owner: &Owner,
    turn: &TurnRef,
) -> Result<Found<Saying>, StoreError> {
    record::read(
        store,
        in_conversation(of_owner(Key::of(Saying::TABLE), owner), &turn.conversation)
            .number(turn.turn.0),
    )
    .await
}

pub(super) async fn sourced(
    store: &dyn Store,
    message: &EventId,
) -> Result<Found<Sourced>, StoreError> {
    record::read(store, Key::of(Sourced::TABLE).text(message.as_str())).await
}

/// Which turns are `owner`'s, conversation by conversation.
pub(super) async fn sayings(
    store: &dyn Store,
    owner: &Owner,
) -> Result<Vec<Found<Saying>>, StoreError> {
    record::read_all(store, of_owner(Key::of(Saying::TABLE), owner).under()).await
}

/// Which turns were said before those who read along at a place.
pub(super) async fn sayings_before(
    store: &dyn Store,
    place: &PlaceId,
) -> Result<Vec<Found<Saying>>, StoreError> {
    let before = Key::of(Saying::TABLE).maybe(Some(place.as_str()));
    record::read_all(store, before.under()).await
}

/// Which of `owner`'s turns is the last in a conversation.
pub(super) async fn last_saying(
    store: &dyn Store,
    owner: &Owner,
    conversation: &Conversation,
) -> Result<Option<Saying>, StoreError> {
    let key = of_owner(Key::of(Saying::TABLE), owner);
    record::read_last(store, in_conversation(key, conversation).under()).await
}

/// The last turn of a conversation, whoever's it is.
pub(super) async fn last_turn(
    store: &dyn Store,
    conversation: &Conversation,
) -> Result<Option<Turn>, StoreError> {
    let key = in_conversation(Key::of(Turn::TABLE), conversation);
    record::read_last(store, key.under()).await
}

/// The personas with whom a table has something that was said before an audience.
pub(super) async fn personas_before<R: Record>(
    store: &dyn Store,
    audience: &Audience,
) -> Result<BTreeSet<PersonaId>, StoreError> {
    personas_under::<R>(store, before(Key::of(R::TABLE), audience)).await
}

/// The personas with whom there is a conversation at a place, in one thread of it.
pub(super) async fn personas_at(
    store: &dyn Store,
    place: &PlaceId,
    thread: Option<&ThreadId>,
) -> Result<BTreeSet<PersonaId>, StoreError> {
    personas_under::<Log>(store, at(Key::of(Log::TABLE), place, thread)).await
}

/// The personas that stand behind these parts of keys. What stands behind them is leapt over, since it may be the words of thousands of people.
async fn personas_under<R: Record>(
    store: &dyn Store,
    above: Key,
) -> Result<BTreeSet<PersonaId>, StoreError> {
    let unreadable = |source| StoreError::Unreadable {
        table: R::TABLE,
        source,
    };
    let mut personas = BTreeSet::new();
    let mut left = above.clone().under();
    while let Some((key, _)) = store.last(left.clone()).await? {
        let named = key.text_behind(&above);
        let named = named.ok_or_else(|| unreadable("its key names no persona".into()))?;
        let persona = PersonaId::new(&named).map_err(|error| unreadable(error.into()))?;
        personas.insert(persona);
        left.end = above.clone().text(&named);
    }
    Ok(personas)
}

pub(super) fn turn_key(conversation: &Conversation, turn: TurnId) -> Key {
    in_conversation(Key::of(Turn::TABLE), conversation).number(turn.0)
}

fn in_conversation(key: Key, conversation: &Conversation) -> Key {
    let Conversation {
        place,
        thread,
        persona,
    } = conversation;
    at(key, place, thread.as_ref()).text(persona.as_str())
}

fn at(key: Key, place: &PlaceId, thread: Option<&ThreadId>) -> Key {
    key.text(place.as_str()).maybe(thread.map(ThreadId::as_str))
}

fn of_owner(key: Key, owner: &Owner) -> Key {
    let Owner {
        audience,
        persona,
        person,
    } = owner;
    before(key, audience)
        .text(persona.as_str())
        .text(person.as_str())
}

fn before(key: Key, audience: &Audience) -> Key {
    key.maybe(match audience {
        Audience::Private => None,
        Audience::Place(place) => Some(place.as_str()),
    })
}

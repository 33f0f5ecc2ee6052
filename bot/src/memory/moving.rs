//! A place goes on under another id, as when a Telegram group becomes a supergroup: everything said and remembered there goes along.
//!
//! Many commits, each of which leaves every record at one of the two places. Whatever is interrupted is simply done again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::records::{self, FactSheet, Log, Saying, Sourced, Summary, Window};
use super::{Fact, FactId, Memory, Turn, TurnId, TurnRef};
use crate::identity::{Audience, Conversation, Owner, PlaceId};
use crate::store::key::Key;
use crate::store::record::{self, Record, retry_on_conflict};
use crate::store::{StoreError, Swap};

/// Turns that go in one commit, so that none holds others up for long.
const PORTION: usize = 100;

/// By how much the turns of a conversation are numbered up at the new place; kept for as long as it moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Shift {
    conversation: Conversation,
    by: u64,
}

impl Record for Shift {
    const TABLE: &'static str = "moving";
}

/// The conversations that move, with the first number of each at the new place.
type Shifts = BTreeMap<Conversation, u64>;

impl Memory {
    /// The conversations that people have had at a place.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conversations_at(
        &self,
        place: &PlaceId,
    ) -> Result<BTreeSet<Conversation>, StoreError> {
        let sayings = records::sayings_before(self.store.as_ref(), place).await?;
        Ok(sayings
            .into_iter()
            .filter_map(|saying| saying.record)
            .map(|saying| saying.0.conversation)
            .filter(|conversation| conversation.place == *place)
            .collect())
    }

    /// Moves all that was said and is remembered at one place to another. Turns that the new place has already keep their numbers.
    ///
    /// # Errors
    /// When the store cannot be read or written. Then some of it may have moved; doing it again moves the rest.
    pub async fn move_place(&self, from: &PlaceId, to: &PlaceId) -> Result<(), StoreError> {
        if from == to {
            return Ok(());
        }
        // Where somebody has said or forgotten something meanwhile, what has moved stays moved.
        retry_on_conflict(|| self.try_to_move(from, to)).await
    }

    async fn try_to_move(&self, from: &PlaceId, to: &PlaceId) -> Result<(), StoreError> {
        for conversation in self.conversations_at(from).await? {
            self.begin_to_move(&conversation, to).await?;
        }
        let store = self.store.as_ref();
        let under = Key::of(Shift::TABLE).text(from.as_str()).under();
        let begun = record::read_all::<Shift>(store, under).await?;
        let shifts: Shifts = begun
            .iter()
            .filter_map(|found| found.record.clone())
            .map(|shift| (shift.conversation, shift.by))
            .collect();
        self.move_turns(from, to, &shifts).await?;
        self.move_owners::<FactSheet>(from, to, |there, sheet| {
            self.one_sheet(there, sheet, |at| moved(at, to, &shifts))
        })
        .await?;
        self.move_owners::<Summary>(from, to, |there, summary| {
            one_summary(there, summary, |at| moved(at, to, &shifts))
        })
        .await?;
        let ended: Vec<Swap> = begun.iter().map(record::Found::removed).collect();
        if ended.is_empty() {
            return Ok(());
        }
        store.commit(ended).await
    }

    /// Makes room for a conversation's turns at the new place, once.
    async fn begin_to_move(
        &self,
        conversation: &Conversation,
        to: &PlaceId,
    ) -> Result<(), StoreError> {
        let store = self.store.as_ref();
        let key = shift_key(conversation);
        let shift = record::read::<Shift>(store, key).await?;
        if shift.record.is_some() {
            return Ok(());
        }
        let there = at(conversation, to);
        let old_log = records::log(store, conversation).await?;
        let new_log = records::log(store, &there).await?;
        let old_window = records::window(store, conversation).await?;
        let new_window = records::window(store, &there).await?;
        let comes = old_log.record.unwrap_or_default().next.0;
        let by = new_log.record.unwrap_or_default().next.0;
        let log = Log {
            next: TurnId(by + comes),
        };
        let window = match (&old_window.record, &new_window.record) {
            (old, None) if by == 0 => old.clone().unwrap_or_default(),
            (old, new) => {
                // The older turns stand behind the newer ones here, so nothing of both is sent again; all of it is recalled.
                let old = old.clone().unwrap_or_default();
                let new = new.clone().unwrap_or_default();
                Window {
                    version: old.version.max(new.version) + 1,
                    from: log.next,
                    begun: if old.begun == TurnId(0) {
                        new.begun
                    } else {
                        TurnId(old.begun.0 + by)
                    },
                    opening: None,
                }
            }
        };
        let begun = Shift {
            conversation: conversation.clone(),
            by,
        };
        store
            .commit(vec![
                shift.becomes(&begun),
                old_log.removed(),
                new_log.becomes(&log),
                old_window.removed(),
                new_window.becomes(&window),
            ])
            .await
    }

    async fn move_turns(
        &self,
        from: &PlaceId,
        to: &PlaceId,
        shifts: &Shifts,
    ) -> Result<(), StoreError> {
        let store = self.store.as_ref();
        let sayings = records::sayings_before(store, from).await?;
        for portion in sayings.chunks(PORTION) {
            let mut swaps = Vec::new();
            for saying in portion {
                let Some(Saying(here)) = &saying.record else {
                    continue;
                };
                if !shifts.contains_key(&here.conversation) {
                    continue;
                }
                swaps.push(saying.removed());
                let old = records::turn(store, &here.conversation, here.turn).await?;
                let Some(turn) = old.record.clone() else {
                    continue;
                };
                let there = moved(here, to, shifts);
                let owner = Owner {
                    audience: Audience::Place(to.clone()),
                    persona: there.conversation.persona.clone(),
                    person: turn.person.clone(),
                };
                for part in &turn.parts {
                    let source = records::sourced(store, &part.source).await?;
                    let sourced = Sourced {
                        owner: owner.clone(),
                        at: there.clone(),
                    };
                    swaps.push(source.becomes(&sourced));
                }
                let new = records::turn(store, &there.conversation, there.turn).await?;
                let turn = Turn {
                    id: there.turn,
                    ..turn
                };
                swaps.extend([
                    old.removed(),
                    new.becomes(&turn),
                    records::saying(store, &owner, &there)
                        .await?
                        .becomes(&Saying(there)),
                ]);
            }
            if !swaps.is_empty() {
                store.commit(swaps).await?;
            }
        }
        Ok(())
    }

    /// Moves the records of a table that stand under their owners.
    async fn move_owners<R: Record>(
        &self,
        from: &PlaceId,
        to: &PlaceId,
        one: impl Fn(Option<R>, R) -> R,
    ) -> Result<(), StoreError> {
        let store = self.store.as_ref();
        let before = |place: &PlaceId| Key::of(R::TABLE).maybe(Some(place.as_str()));
        let all = record::read_all::<R>(store, before(from).under()).await?;
        for mut found in all {
            let Some(moving) = found.record.take() else {
                continue;
            };
            let key = found.key().moved(&before(from), &before(to));
            let key = key.expect("it was found before");
            let mut there = record::read::<R>(store, key).await?;
            let becomes = one(there.record.take(), moving);
            store
                .commit(vec![found.removed(), there.becomes(&becomes)])
                .await?;
        }
        Ok(())
    }

    /// What was told at the old place, with what was told at the new one since.
    fn one_sheet(
        &self,
        there: Option<FactSheet>,
        mut sheet: FactSheet,
        moved: impl Fn(&TurnRef) -> TurnRef,
    ) -> FactSheet {
        for fact in &mut sheet.facts {
            fact.source = moved(&fact.source);
        }
        sheet.struck = sheet.struck.iter().map(moved).collect();
        let Some(there) = there else {
            return sheet;
        };
        sheet.revision = sheet.revision.max(there.revision) + 1;
        sheet.next = FactId(sheet.next.0.max(there.next.0));
        sheet.struck.extend(there.struck);
        for Fact {
            key,
            value,
            source,
            at_ms,
            ..
        } in there.facts
        {
            sheet.put(key, &value, &source, at_ms, &self.limits);
        }
        sheet
    }
}

fn one_summary(
    there: Option<Summary>,
    mut summary: Summary,
    moved: impl Fn(&TurnRef) -> TurnRef,
) -> Summary {
    summary.cursors = summary.cursors.iter().map(moved).collect();
    let Some(there) = there else {
        return summary;
    };
    let texts = [summary.text, there.text];
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    summary.text = texts.join("\n");
    for cursor in there.cursors {
        // The older turns of a conversation stand behind, so what covers them covers all.
        let covered = summary.cursor(&cursor.conversation);
        if covered < cursor.turn {
            summary.move_cursor(cursor);
        }
    }
    summary
}

fn at(conversation: &Conversation, place: &PlaceId) -> Conversation {
    Conversation {
        place: place.clone(),
        ..conversation.clone()
    }
}

fn moved(here: &TurnRef, to: &PlaceId, shifts: &Shifts) -> TurnRef {
    match shifts.get(&here.conversation) {
        Some(by) => TurnRef {
            conversation: at(&here.conversation, to),
            turn: TurnId(here.turn.0 + by),
        },
        None => here.clone(),
    }
}

fn shift_key(conversation: &Conversation) -> Key {
    Key::of(Shift::TABLE)
        .text(conversation.place.as_str())
        .maybe(conversation.thread.as_ref().map(|thread| thread.as_str()))
        .text(conversation.persona.as_str())
}

//! Forgetting: one fact, or everything of a person before one audience. What is forgotten leaves later prompts, too.

use std::collections::BTreeSet;

use super::records::{self, FactSheet, Summary, Window};
use super::{Fact, FactId, Forgotten, Memory, Turn, TurnId, TurnRef};
use crate::identity::{Conversation, Owner, PersonId};
use crate::store::record::retry_on_conflict;
use crate::store::{StoreError, Swap};

impl Memory {
    /// Forgets one fact: it is sent no more, neither by itself nor in the notes of earlier turns, and the summary loses the lines that contain
    /// it. Where nobody else talks, a window whose words tell it ends as well; elsewhere the words stay until the window has moved on. The log
    /// keeps them until all is forgotten, but no turn that told it is recalled any more.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing was forgotten.
    pub async fn forget_fact(&self, owner: &Owner, fact: FactId) -> Result<bool, StoreError> {
        retry_on_conflict(|| self.try_forget_fact(owner, fact)).await
    }

    async fn try_forget_fact(&self, owner: &Owner, fact: FactId) -> Result<bool, StoreError> {
        let store = self.store.as_ref();
        let found = records::facts(store, owner).await?;
        let Some((mut sheet, forgotten)) =
            found.record.clone().and_then(|sheet| without(sheet, fact))
        else {
            return Ok(false);
        };
        for (conversation, turn) in self.turns_of(owner).await? {
            if tells(&turn, &forgotten.value) {
                strike(
                    &mut sheet,
                    TurnRef {
                        conversation,
                        turn: turn.id,
                    },
                );
            }
        }
        let mut swaps = vec![found.becomes(&sheet)];

        let found = records::summary(store, owner).await?;
        if let Some(summary) = &found.record {
            swaps.push(found.becomes(&Summary {
                text: without_lines(&summary.text, &forgotten.value),
                ..summary.clone()
            }));
        }
        for conversation in self.conversations(owner).await? {
            swaps.extend(
                self.scrub_window(&conversation, &owner.person, Scrub::Fact(&forgotten.value))
                    .await?,
            );
        }
        store.commit(swaps).await?;
        Ok(true)
    }

    /// Forgets facts, summary and turns of this person before this audience, in whichever of its conversations with this persona they were.
    ///
    /// The store no longer has them; a database's file may hold their bytes until it uses the place again.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing was forgotten.
    pub async fn forget_all(&self, owner: &Owner) -> Result<Forgotten, StoreError> {
        retry_on_conflict(|| self.try_forget_all(owner)).await
    }

    async fn try_forget_all(&self, owner: &Owner) -> Result<Forgotten, StoreError> {
        let store = self.store.as_ref();
        let facts = records::facts(store, owner).await?;
        let summary = records::summary(store, owner).await?;
        let sayings = records::sayings(store, owner).await?;
        let mut swaps = vec![summary.removed()];
        if facts.record.is_some() || summary.record.is_some() || !sayings.is_empty() {
            // Two numbers stay: a turn that has recalled what is being forgotten notices by the one, and no fact gets the other's again.
            let FactSheet { revision, next, .. } = facts.record.clone().unwrap_or_default();
            swaps.push(facts.becomes(&FactSheet {
                revision: revision + 1,
                next,
                ..FactSheet::default()
            }));
        }
        let mut turns = 0;
        for saying in &sayings {
            swaps.push(saying.removed());
            let Some(at) = &saying.record else { continue };
            let turn = records::turn(store, &at.0.conversation, at.0.turn).await?;
            turns += usize::from(turn.record.is_some());
            for part in turn.record.iter().flat_map(|turn| &turn.parts) {
                swaps.push(records::sourced(store, &part.source).await?.removed());
            }
            swaps.push(turn.removed());
        }
        for conversation in self.conversations(owner).await? {
            swaps.extend(
                self.scrub_window(&conversation, &owner.person, Scrub::Person)
                    .await?,
            );
        }
        store.commit(swaps).await?;
        let has_text = |summary: &Summary| !summary.text.is_empty();
        Ok(Forgotten {
            facts: facts.record.map_or(0, |sheet| sheet.facts.len()),
            summary: summary.record.as_ref().is_some_and(has_text),
            turns,
        })
    }

    pub(super) async fn conversations(
        &self,
        owner: &Owner,
    ) -> Result<BTreeSet<Conversation>, StoreError> {
        let sayings = records::sayings(self.store.as_ref(), owner).await?;
        Ok(sayings
            .into_iter()
            .filter_map(|saying| saying.record)
            .map(|saying| saying.0.conversation)
            .collect())
    }

    /// Takes a person's memory out of what a conversation's next prompts are made of.
    ///
    /// The window is counted up in any case: a compaction that has read what is being forgotten must not be kept.
    async fn scrub_window(
        &self,
        conversation: &Conversation,
        person: &PersonId,
        scrub: Scrub<'_>,
    ) -> Result<Vec<Swap>, StoreError> {
        let store = self.store.as_ref();
        let found = records::window(store, conversation).await?;
        let mut window = found.record.clone().unwrap_or_default();
        let turns = records::turns(store, conversation, window.from..TurnId(u64::MAX)).await?;
        let mut swaps = Vec::new();
        window.version += 1;
        scrub.opening(&mut window, person);
        let alone = turns
            .iter()
            .filter_map(|turn| turn.record.as_ref())
            .all(|turn| turn.person == *person);
        let leaves = match scrub {
            // Words that hold the value would tell it as well as the memory did.
            Scrub::Fact(value) => turns
                .iter()
                .filter_map(|turn| turn.record.as_ref())
                .any(|turn| tells(turn, value)),
            Scrub::Person => true,
        };
        match scrub {
            _ if alone && leaves => {
                // What led the turns that are gone must not lead the next one, which brings its own notes.
                window.opening = None;
                window.from = records::next_turn(store, conversation).await?;
            }
            Scrub::Fact(_) => {
                // Memory, summary and recalled words may all hold the value; the next message brings its own notes.
                for found in &turns {
                    let Some(turn) = found.record.as_ref().filter(|turn| turn.person == *person)
                    else {
                        continue;
                    };
                    swaps.push(found.becomes(&turn.without_notes()));
                }
            }
            Scrub::Person => {}
        }
        swaps.push(found.becomes(&window));
        Ok(swaps)
    }
}

/// What of a person is taken out of a window.
#[derive(Clone, Copy)]
enum Scrub<'a> {
    /// What was sent of the memory, and the summary's lines with this value.
    Fact(&'a str),
    /// Everything.
    Person,
}

impl Scrub<'_> {
    fn opening(self, window: &mut Window, person: &PersonId) {
        let Some(opening) = &mut window.opening else {
            return;
        };
        opening.memory.take_if(|memory| memory.person == *person);
        match self {
            Self::Fact(value) => opening
                .summaries
                .iter_mut()
                .filter(|summary| summary.person == *person)
                .for_each(|summary| summary.text = without_lines(&summary.text, value)),
            Self::Person => opening
                .summaries
                .retain(|summary| summary.person != *person),
        }
    }
}

fn without(mut sheet: FactSheet, id: FactId) -> Option<(FactSheet, Fact)> {
    let index = sheet.facts.iter().position(|fact| fact.id == id)?;
    let fact = sheet.facts.remove(index);
    sheet.revision += 1;
    strike(&mut sheet, fact.source.clone());
    Some((sheet, fact))
}

/// From now on the turn is neither recalled nor summarised.
pub(super) fn strike(sheet: &mut FactSheet, turn: TurnRef) {
    if !sheet.struck.contains(&turn) {
        sheet.struck.push(turn);
    }
}

/// Whether what was said or answered holds a value.
fn tells(turn: &Turn, value: &str) -> bool {
    let value = value.to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&value);
    holds(&turn.text) || turn.reply.as_ref().is_some_and(|reply| holds(&reply.text))
}

fn without_lines(text: &str, value: &str) -> String {
    let value = value.to_lowercase();
    text.lines()
        .filter(|line| !line.to_lowercase().contains(&value))
        .collect::<Vec<_>>()
        .join("\n")
}

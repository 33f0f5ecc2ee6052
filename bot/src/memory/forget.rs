//! Forgetting: one fact, one line of the summary, or everything of a person before one audience. What is forgotten leaves later prompts, too.

use std::collections::BTreeSet;

use super::records::{self, FactSheet, Summary, Window};
use super::{Fact, FactId, Forgotten, Memory, Turn, TurnId, TurnRef, extractive};
use crate::identity::{Conversation, Owner, PersonId};
use crate::store::record::{Found, retry_on_conflict};
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
        let found = records::facts(self.store.as_ref(), owner).await?;
        let Some((sheet, forgotten)) = found.record.clone().and_then(|sheet| without(sheet, fact))
        else {
            return Ok(false);
        };
        self.forget_one(owner, (found, sheet), One::Value(&forgotten.value))
            .await?;
        Ok(true)
    }

    /// Forgets one line of the summary: it is sent no more. Turns that it quotes are neither recalled nor summarised any more, so that it does
    /// not come back; a window that holds their words ends as with a fact.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing was forgotten.
    pub async fn forget_line(&self, owner: &Owner, line: &str) -> Result<bool, StoreError> {
        retry_on_conflict(|| self.try_forget_line(owner, line)).await
    }

    async fn try_forget_line(&self, owner: &Owner, line: &str) -> Result<bool, StoreError> {
        let store = self.store.as_ref();
        let summary = records::summary(store, owner).await?.record;
        if !summary.is_some_and(|summary| summary.text.lines().any(|known| known == line)) {
            return Ok(false);
        }
        let found = records::facts(store, owner).await?;
        let mut sheet = found.record.clone().unwrap_or_default();
        sheet.revision += 1;
        self.forget_one(owner, (found, sheet), One::Line(line))
            .await?;
        Ok(true)
    }

    /// Takes one thing out of all that a person's next prompts are made of; `sheet` is without it.
    async fn forget_one(
        &self,
        owner: &Owner,
        (found, mut sheet): (Found<FactSheet>, FactSheet),
        one: One<'_>,
    ) -> Result<(), StoreError> {
        let store = self.store.as_ref();
        for (conversation, turn) in self.turns_of(owner).await? {
            if one.is_told_in(&turn) {
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
                text: one.taken_from(&summary.text),
                ..summary.clone()
            }));
        }
        for conversation in self.conversations(owner).await? {
            swaps.extend(
                self.scrub_window(&conversation, &owner.person, Scrub::One(one))
                    .await?,
            );
        }
        store.commit(swaps).await
    }

    /// Forgets facts, summary and turns of this person before this audience, in whichever of its conversations with this persona they were.
    ///
    /// The store no longer has them; their bytes leave its files when that is wished ([`Store::purge`](crate::store::Store::purge)).
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

    /// Where a person has talked before this audience with this persona.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn conversations(&self, owner: &Owner) -> Result<BTreeSet<Conversation>, StoreError> {
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
            // Words that hold it would tell it as well as the memory did.
            Scrub::One(one) => turns
                .iter()
                .filter_map(|turn| turn.record.as_ref())
                .any(|turn| one.is_told_in(turn)),
            Scrub::Person => true,
        };
        match scrub {
            _ if alone && leaves => {
                // What led the turns that are gone must not lead the next one, which brings its own notes.
                window.opening = None;
                window.from = records::next_turn(store, conversation).await?;
            }
            Scrub::One(_) => {
                // Memory, summary and recalled words may all hold it; the next message brings its own notes.
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
    /// What was sent of the memory, and what tells this one thing.
    One(One<'a>),
    /// Everything.
    Person,
}

/// One thing that is forgotten.
#[derive(Clone, Copy)]
enum One<'a> {
    /// The value of a fact.
    Value(&'a str),
    /// A line of the summary.
    Line(&'a str),
}

impl One<'_> {
    /// Whether what was said or answered tells it.
    fn is_told_in(self, turn: &Turn) -> bool {
        match self {
            Self::Value(value) => tells(turn, value),
            Self::Line(line) => extractive::quotes(line, &turn.text),
        }
    }

    /// A summary without the lines that tell it.
    fn taken_from(self, summary: &str) -> String {
        let value = match self {
            Self::Value(value) => value.to_lowercase(),
            Self::Line(_) => String::new(),
        };
        let tells = |line: &&str| match self {
            Self::Value(_) => line.to_lowercase().contains(&value),
            Self::Line(forgotten) => *line == forgotten,
        };
        let left: Vec<&str> = summary.lines().filter(|line| !tells(line)).collect();
        left.join("\n")
    }
}

impl Scrub<'_> {
    fn opening(self, window: &mut Window, person: &PersonId) {
        let Some(opening) = &mut window.opening else {
            return;
        };
        opening.memory.take_if(|memory| memory.person == *person);
        match self {
            Self::One(one) => opening
                .summaries
                .iter_mut()
                .filter(|summary| summary.person == *person)
                .for_each(|summary| summary.text = one.taken_from(&summary.text)),
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

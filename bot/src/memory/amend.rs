//! What becomes of a turn whose words are changed or taken back by who wrote them. What was learnt from the old words goes, and is learnt anew
//! from the new ones; what other turns told stays. Not for forgetting by command (`forget.rs`).

use std::collections::{BTreeMap, HashSet};

use super::forget::strike;
use super::records::{self, FactSheet, OpeningMemory, Sourced, Summary, Window};
use super::remember::beside;
use super::{
    Amended, Fact, FactId, Memory, MemoryLimits, Part, Turn, TurnId, TurnRef, extractive, facts,
    recall,
};
use crate::identity::{Conversation, EventId, Owner, Scope};
use crate::store::record::retry_on_conflict;
use crate::store::{StoreError, Swap};

impl Memory {
    /// Whose turn a message is a part of, and where; `None` when it is a part of none that is remembered.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn scope_of(&self, message: &EventId) -> Result<Option<Scope>, StoreError> {
        let found = records::sourced(self.store.as_ref(), message).await?;
        Ok(found.record.map(|Sourced { owner, at }| Scope {
            conversation: at.conversation,
            owner,
        }))
    }

    /// Puts other words in the place of a message's, everywhere: in the log, in what was learnt, in what the next prompts show. Words that were
    /// sent with others stay as they are. `None` when the message is a part of no turn, or says what it said.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing has changed.
    pub async fn amend_turn(
        &self,
        message: &EventId,
        words: &str,
    ) -> Result<Option<Amended>, StoreError> {
        retry_on_conflict(|| self.try_amend(message, words)).await
    }

    /// Forgets a message: its words leave the log, what was learnt from them goes, and the lines of the summary that quote them. When no other
    /// message is left of its turn, the turn goes with its reply. `None` when the message is a part of no turn.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing was forgotten.
    pub async fn forget_turn(&self, message: &EventId) -> Result<Option<Amended>, StoreError> {
        self.amend_turn(message, "").await
    }

    /// Keeps other notes with a turn whose words were changed after they were sent, as they are now sent.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_turn(
        &self,
        scope: &Scope,
        turn: TurnId,
        notes: &str,
        memory_revision: Option<u64>,
        as_of: u64,
    ) -> Result<(), StoreError> {
        let store = self.store.as_ref();
        retry_on_conflict(|| async {
            let found = records::turn(store, &scope.conversation, turn).await?;
            let sheet = records::facts(store, &scope.owner).await?;
            let revision = sheet.record.as_ref().map_or(0, |sheet| sheet.revision);
            let Some(amended) = found.record.clone().filter(|_| revision == as_of) else {
                return Ok(());
            };
            let noted = Turn {
                notes: notes.to_owned(),
                memory_revision,
                amended: false,
                ..amended
            };
            let swaps = vec![found.becomes(&noted), sheet.stays()];
            store.commit(swaps).await
        })
        .await
    }

    async fn try_amend(
        &self,
        message: &EventId,
        words: &str,
    ) -> Result<Option<Amended>, StoreError> {
        let store = self.store.as_ref();
        let index = records::sourced(store, message).await?;
        let Some(Sourced { owner, at }) = index.record.clone() else {
            return Ok(None);
        };
        let found = records::turn(store, &at.conversation, at.turn).await?;
        let Some(old) = found.record.clone() else {
            return Ok(None);
        };
        let new = with_words(&old, message, words);
        if new.as_ref() == Some(&old) {
            return Ok(None);
        }
        let sheet = records::facts(store, &owner).await?;
        let known = sheet.record.clone().unwrap_or_default();
        let Relearnt { mut learnt, told } = self
            .relearn(&owner, &at, &known, [Some(&old), new.as_ref()])
            .await?;
        let new_text = new.as_ref().map_or("", |new| new.text.as_str());
        let gone = Gone {
            old: old.text.clone(),
            new: new_text.to_owned(),
            values: gone_values(&old, &known, &learnt, &at, &told),
            learnt: known.facts != learnt.facts,
            quoted: recall::excerpt(&old.text, self.limits.recalled_chars),
        };

        let mut swaps = vec![match &new {
            Some(new) => found.becomes(new),
            None => found.removed(),
        }];
        if words.is_empty() {
            swaps.push(index.removed());
        }
        if new.is_none() {
            swaps.push(records::saying(store, &owner, &at).await?.removed());
            learnt.struck.retain(|struck| *struck != at);
            for (conversation, turn) in self.turns_of(&owner).await? {
                let here = TurnRef {
                    conversation,
                    turn: turn.id,
                };
                if here != at && gone.is_repeated_in(&turn) {
                    strike(&mut learnt, here);
                }
            }
        }
        // Counted up in any case: a turn that has recalled the old words notices by it.
        learnt.revision = known.revision + 1;
        swaps.push(sheet.becomes(&learnt));

        let found = records::summary(store, &owner).await?;
        if let Some(summary) = &found.record {
            swaps.push(found.becomes(&Summary {
                text: gone.without(&summary.text),
                ..summary.clone()
            }));
        }
        let mut is_last = false;
        for conversation in self.conversations(&owner).await? {
            let mended = self
                .mend_window(&conversation, &owner, &at, new.is_some(), &gone)
                .await?;
            is_last |= mended.is_last;
            swaps.extend(mended.swaps);
        }
        store.commit(swaps).await?;
        Ok(Some(Amended {
            scope: Scope {
                conversation: at.conversation,
                owner,
            },
            source: old.source,
            left: new,
            is_last,
        }))
    }

    /// The facts as they would be, had the turn always been said so.
    ///
    /// What is replayed only says what the change adds and takes away: a fact that was forgotten since stays forgotten.
    async fn relearn(
        &self,
        owner: &Owner,
        at: &TurnRef,
        known: &FactSheet,
        [old, new]: [Option<&Turn>; 2],
    ) -> Result<Relearnt, StoreError> {
        let tells = |turn: &Turn| !facts::told(&turn.text).is_empty();
        let learnt_from = known.facts.iter().any(|fact| fact.source == *at);
        if !learnt_from && !old.is_some_and(tells) && !new.is_some_and(tells) {
            // As most words.
            return Ok(Relearnt {
                learnt: known.clone(),
                told: HashSet::new(),
            });
        }
        let mut turns = self.turns_of(owner).await?;
        turns.sort_by_key(|(_, turn)| (turn.at_ms, turn.id));
        let (at, new, known, limits) = (at.clone(), new.cloned(), known.clone(), self.limits);
        Ok(beside(move || {
            let is_meant = |conversation: &Conversation, turn: &Turn| {
                *conversation == at.conversation && turn.id == at.turn
            };
            let before = replay(&turns, &limits);
            let turns: Vec<_> = turns
                .into_iter()
                .filter_map(|(place, turn)| {
                    let turn = if is_meant(&place, &turn) {
                        new.clone()?
                    } else {
                        turn
                    };
                    Some((place, turn))
                })
                .collect();
            Relearnt {
                learnt: merged(&known, &before, &replay(&turns, &limits), &at, &limits),
                told: turns.iter().flat_map(|(_, turn)| values(turn)).collect(),
            }
        })
        .await)
    }

    /// Takes what is gone out of what a conversation's next prompts are made of.
    ///
    /// The window is counted up in any case: a compaction that has read what is gone must not be kept.
    async fn mend_window(
        &self,
        conversation: &Conversation,
        owner: &Owner,
        at: &TurnRef,
        stays: bool,
        gone: &Gone,
    ) -> Result<Mended, StoreError> {
        let store = self.store.as_ref();
        let found = records::window(store, conversation).await?;
        let mut window = found.record.clone().unwrap_or_default();
        let here = *conversation == at.conversation;
        let from = match here {
            // Notes of earlier turns can hold nothing of it.
            true => at.turn.min(window.from),
            false if gone.values.is_empty() => window.from,
            false => TurnId::default(),
        };
        let turns = records::turns(store, conversation, from..TurnId(u64::MAX)).await?;
        let others: Vec<_> = turns
            .iter()
            .filter_map(|found| Some((found, found.record.as_ref()?)))
            .filter(|(_, turn)| !here || turn.id != at.turn)
            .collect();
        let is_last =
            here && at.turn >= window.from && others.iter().all(|(_, turn)| turn.id < at.turn);
        // Nobody sends the notes of turns behind the window, and yet they must not hold what is gone.
        let (behind, others): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|(_, turn)| turn.id < window.from);
        let mut swaps = Vec::new();
        for (found, turn) in behind {
            if turn.person == owner.person && gone.are_in(&turn.notes) {
                swaps.push(found.becomes(&turn.without_notes()));
            }
        }
        window.version += 1;
        gone.leave_opening(&mut window, owner);
        let alone = others.iter().all(|(_, turn)| turn.person == owner.person);
        // A reply that repeats what was taken back would tell it. The person's own other words stay: nobody took them back.
        let ends = !stays
            && alone
            && (others.is_empty() && here
                || others.iter().any(|(_, turn)| gone.is_repeated_in(turn)));
        // The notes of a window that ends are sent no more, and yet must not hold what is gone; and turns behind a window may have been
        // recalled in the notes of later ones.
        let recalled = here && at.turn < window.from;
        if recalled || gone.learnt || !gone.values.is_empty() {
            for (found, turn) in &others {
                if turn.person == owner.person && !turn.notes.is_empty() {
                    swaps.push(found.becomes(&turn.without_notes()));
                }
            }
        }
        if ends {
            window.opening = None;
            window.from = records::next_turn(store, conversation).await?;
        }
        swaps.push(found.becomes(&window));
        Ok(Mended { swaps, is_last })
    }
}

/// What was done to one conversation's window.
struct Mended {
    swaps: Vec<Swap>,
    is_last: bool,
}

/// What is known after a change.
struct Relearnt {
    learnt: FactSheet,
    /// All values that the turns tell now, whether they are known or others have taken their place.
    told: HashSet<String>,
}

/// What must not be shown any more.
struct Gone {
    /// What the old words said and the new ones do not.
    old: String,
    new: String,
    /// Values that were told by the old words and by no others.
    values: Vec<String>,
    /// Whether anything that was remembered has changed.
    learnt: bool,
    /// The old words as later notes recall them.
    quoted: String,
}

impl Gone {
    /// A summary without the lines that tell it.
    fn without(&self, summary: &str) -> String {
        let values: Vec<String> = self
            .values
            .iter()
            .map(|value| value.to_lowercase())
            .collect();
        let tells = |line: &str| {
            let lower = line.to_lowercase();
            let quotes_old =
                extractive::quotes(line, &self.old) && !extractive::quotes(line, &self.new);
            quotes_old || values.iter().any(|value| lower.contains(value))
        };
        let left: Vec<&str> = summary.lines().filter(|line| !tells(line)).collect();
        left.join("\n")
    }

    /// Whether a persona has said what the old words told.
    fn is_repeated_in(&self, turn: &Turn) -> bool {
        let reply = turn.reply.as_ref().map(|reply| reply.text.to_lowercase());
        let says = |value: &String| {
            let value = value.to_lowercase();
            reply.as_ref().is_some_and(|reply| reply.contains(&value))
        };
        self.values.iter().any(says)
    }

    /// Whether notes show the old words or what they told.
    fn are_in(&self, notes: &str) -> bool {
        let lower = notes.to_lowercase();
        let told = |value: &String| lower.contains(&value.to_lowercase());
        notes.contains(&self.quoted) || self.values.iter().any(told)
    }

    fn leave_opening(&self, window: &mut Window, owner: &Owner) {
        let Some(opening) = &mut window.opening else {
            return;
        };
        let of_person = |memory: &mut OpeningMemory| memory.person == owner.person;
        if self.learnt || !self.values.is_empty() {
            opening.memory.take_if(of_person);
        }
        for summary in &mut opening.summaries {
            if summary.person == owner.person {
                summary.text = self.without(&summary.text);
            }
        }
    }
}

/// The values that somebody's words tell.
fn values(turn: &Turn) -> impl Iterator<Item = String> {
    let told = facts::told(&turn.text).into_iter();
    told.filter_map(|told| match told {
        facts::Told::Is(_, value)
        | facts::Told::Perhaps(_, value)
        | facts::Told::Rather { value, .. } => Some(value),
        facts::Told::Not(..) => None,
    })
}

fn gone_values(
    old: &Turn,
    before: &FactSheet,
    after: &FactSheet,
    at: &TurnRef,
    told: &HashSet<String>,
) -> Vec<String> {
    let learnt = before.facts.iter().filter(|fact| fact.source == *at);
    let stays = |value: &String| {
        told.contains(value) || after.facts.iter().any(|fact| fact.value == *value)
    };
    let mut gone: Vec<String> = values(old)
        .chain(learnt.map(|fact| fact.value.clone()))
        .filter(|value| !stays(value))
        .collect();
    gone.sort();
    gone.dedup();
    gone
}

impl Part {
    /// The part that a message with these words is.
    #[must_use]
    pub fn of(source: EventId, words: &str) -> Self {
        let lines = if words.is_empty() {
            0
        } else {
            words.split('\n').count()
        };
        Self { source, lines }
    }
}

/// The turn with other words in one of its messages; `None` when nothing is left of it.
fn with_words(turn: &Turn, message: &EventId, words: &str) -> Option<Turn> {
    let mut old_lines = turn.text.split('\n');
    let (mut lines, mut parts) = (Vec::new(), Vec::new());
    for part in &turn.parts {
        let of_part: Vec<&str> = old_lines.by_ref().take(part.lines).collect();
        if part.source != *message {
            lines.extend(of_part);
            parts.push(part.clone());
        } else if !words.is_empty() {
            lines.extend(words.split('\n'));
            parts.push(Part::of(message.clone(), words));
        }
    }
    if lines.is_empty() {
        return None;
    }
    let text = lines.join("\n");
    if text == turn.text {
        return Some(Turn {
            parts,
            ..turn.clone()
        });
    }
    Some(Turn {
        text,
        parts,
        amended: true,
        // They were looked up for the old words.
        ..turn.without_notes()
    })
}

fn replay(turns: &[(Conversation, Turn)], limits: &MemoryLimits) -> FactSheet {
    let mut sheet = FactSheet::default();
    for (conversation, turn) in turns {
        let here = TurnRef {
            conversation: conversation.clone(),
            turn: turn.id,
        };
        sheet.learn(&facts::told(&turn.text), &here, turn.at_ms, limits);
    }
    sheet
}

/// What is known with what a change of one turn adds to it and takes from it.
fn merged(
    known: &FactSheet,
    before: &FactSheet,
    after: &FactSheet,
    at: &TurnRef,
    limits: &MemoryLimits,
) -> FactSheet {
    let of = |sheet: &FactSheet| -> BTreeMap<_, Fact> {
        let by_value = |fact: &Fact| ((fact.key, fact.value.clone()), fact.clone());
        sheet.facts.iter().map(by_value).collect()
    };
    let (before, after) = (of(before), of(after));
    // Something was forgotten from a struck turn, and what exactly is not known.
    let may_tell = |fact: &Fact| fact.source == *at || !known.struck.contains(&fact.source);
    let mut sheet = known.clone();
    sheet.facts.retain_mut(|fact| {
        let which = (fact.key, fact.value.clone());
        let told_now = after.get(&which);
        if fact.source != *at {
            return told_now.is_some() || !before.contains_key(&which);
        }
        // Others may have told it, too.
        let source = told_now.filter(|told| may_tell(told));
        if let Some(told) = source {
            fact.source = told.source.clone();
            fact.at_ms = told.at_ms;
        }
        source.is_some()
    });
    for (which, fact) in &after {
        let (key, value) = which;
        let is_known = sheet.values(*key).any(|known| known == value);
        if before.contains_key(which) || is_known || !may_tell(fact) {
            continue;
        }
        if key.is_single() {
            sheet.facts.retain(|known| known.key != *key);
        } else if sheet.values(*key).count() >= limits.values {
            continue;
        }
        let id = sheet.next;
        sheet.next = FactId(id.0 + 1);
        sheet.facts.push(Fact { id, ..fact.clone() });
    }
    sheet.facts.sort_by_key(|fact| fact.at_ms);
    sheet
}

//! The memory's part in a turn: what it is to know, its words before the reply, the reply after. Not forgetting, not compaction.

use std::collections::HashSet;

use chatfriends_personas::Language;

use super::fact::FactKey;
use super::records::{self, FactSheet, Log, Opening, Saying, Sourced, Window};
use super::{
    Known, Memory, MemoryLimits, MemoryLine, Said, Spoken, Turn, TurnId, TurnRef, asked, facts,
    notes, recall,
};
use crate::identity::{Conversation, Owner, PersonId, Scope};
use crate::store::record::{retry_on_conflict, update};
use crate::store::{Store, StoreError};

impl Memory {
    /// All memory in `store`.
    #[must_use]
    pub fn new(store: std::sync::Arc<dyn Store>, limits: MemoryLimits) -> Self {
        Self { store, limits }
    }

    /// What a turn is to know in which `said` is to be answered.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recall(&self, scope: &Scope, said: &str) -> Result<Known, StoreError> {
        self.known(scope, said, Sent::WithWindow).await
    }

    /// The same with all of the memory and the summary, for a prompt that has no room for the turns with which they were sent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recall_all(&self, scope: &Scope, said: &str) -> Result<Known, StoreError> {
        self.known(scope, said, Sent::NotShown).await
    }

    async fn known(&self, scope: &Scope, said: &str, sent: Sent) -> Result<Known, StoreError> {
        let (
            store,
            Scope {
                conversation,
                owner,
            },
        ) = (self.store.as_ref(), scope);
        let window = records::window(store, conversation)
            .await?
            .record
            .unwrap_or_default();
        let turns = self.turns_since(conversation, window.from).await?;
        // Invariant: read before what the notes are made of, since `open_turn` asks whether it has changed since.
        let sheet = records::facts(store, owner)
            .await?
            .record
            .unwrap_or_default();
        let summary = if turns.is_empty() || sent == Sent::NotShown {
            records::summary(store, owner).await?.record
        } else {
            None
        };
        let revision_sent = match sent {
            Sent::WithWindow => revision_sent(&turns, &window, &owner.person),
            Sent::NotShown => None,
        };
        let (memory, revision) = memory_to_send(&sheet, revision_sent, said);
        Ok(Known {
            as_of: sheet.revision,
            memory,
            revision,
            summary: summary
                .map(|summary| summary.text)
                .filter(|text| !text.is_empty()),
            recalled: self.recalled(scope, window.from, &sheet, said).await?,
            opening: opening(&window, &turns),
            window: turns,
        })
    }

    /// Keeps a person's words and learns from them; on return both are durable.
    ///
    /// When the memory has changed since it was recalled, as by forgetting from another conversation, the notes made of it are not kept.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing was kept.
    pub async fn open_turn(&self, scope: &Scope, said: Said) -> Result<TurnId, StoreError> {
        let told = facts::told(&said.text);
        retry_on_conflict(|| self.try_open(scope, &said, &told)).await
    }

    async fn try_open(
        &self,
        Scope {
            conversation,
            owner,
        }: &Scope,
        said: &Said,
        told: &[facts::Told],
    ) -> Result<TurnId, StoreError> {
        let store = self.store.as_ref();
        let log = records::log(store, conversation).await?;
        let id = log.record.unwrap_or_default().next;
        let here = TurnRef {
            conversation: conversation.clone(),
            turn: id,
        };
        let Said {
            name,
            text,
            notes,
            memory_revision,
            as_of,
            at_ms,
            source,
            parts,
        } = said.clone();
        let sheet = records::facts(store, owner).await?;
        let mut learned = sheet.record.clone().unwrap_or_default();
        let (notes, memory_revision) = if learned.revision == as_of {
            (notes, memory_revision)
        } else {
            (String::new(), None)
        };
        let turn = Turn {
            id,
            person: owner.person.clone(),
            name,
            text,
            notes,
            memory_revision,
            reply: None,
            at_ms,
            source,
            parts,
            amended: false,
        };
        let mut swaps = vec![
            log.becomes(&Log {
                next: TurnId(id.0 + 1),
            }),
            records::turn(store, conversation, id).await?.becomes(&turn),
            records::saying(store, owner, &here)
                .await?
                .becomes(&Saying(here.clone())),
        ];
        for part in &turn.parts {
            let found = records::sourced(store, &part.source).await?;
            swaps.push(found.becomes(&Sourced {
                owner: owner.clone(),
                at: here.clone(),
            }));
        }
        swaps.push(if learned.learn(told, &here, at_ms, &self.limits) {
            sheet.becomes(&learned)
        } else {
            sheet.stays()
        });
        store.commit(swaps).await?;
        Ok(id)
    }

    /// Keeps the reply to a turn, in place of an earlier one if there was one; on return it is durable.
    ///
    /// A turn that was forgotten meanwhile stays forgotten.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn close_turn(
        &self,
        scope: &Scope,
        turn: TurnId,
        reply: Spoken,
    ) -> Result<(), StoreError> {
        let key = records::turn_key(&scope.conversation, turn);
        update(self.store.as_ref(), key, |turn: &mut Option<Turn>| {
            if let Some(open) = turn {
                open.reply = Some(reply.clone());
            }
        })
        .await
    }

    /// Lets the next message open a new window; what was said stays in the log, facts and summary stay known.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn start_anew(&self, scope: &Scope) -> Result<(), StoreError> {
        let (store, conversation) = (self.store.as_ref(), &scope.conversation);
        retry_on_conflict(|| async {
            let found = records::window(store, conversation).await?;
            let next = records::next_turn(store, conversation).await?;
            let version = found.record.as_ref().map_or(0, |window| window.version);
            let anew = Window {
                version: version + 1,
                from: next,
                begun: next,
                opening: None,
            };
            store.commit(vec![found.becomes(&anew)]).await
        })
        .await
    }

    pub(super) async fn turns_since(
        &self,
        conversation: &Conversation,
        from: TurnId,
    ) -> Result<Vec<Turn>, StoreError> {
        let found =
            records::turns(self.store.as_ref(), conversation, from..TurnId(u64::MAX)).await?;
        Ok(found.into_iter().filter_map(|found| found.record).collect())
    }

    /// Only the speaker's own words, and only those said in this very conversation.
    async fn recalled(
        &self,
        Scope {
            conversation,
            owner,
        }: &Scope,
        window: TurnId,
        sheet: &FactSheet,
        said: &str,
    ) -> Result<Vec<String>, StoreError> {
        let from = TurnId(window.0.saturating_sub(self.limits.recall_depth));
        let before = records::turns(self.store.as_ref(), conversation, from..window).await?;
        let struck: HashSet<_> = sheet
            .struck
            .iter()
            .filter(|struck| struck.conversation == *conversation)
            .map(|struck| struck.turn)
            .collect();
        let own: Vec<_> = before
            .into_iter()
            .filter_map(|found| found.record)
            .filter(|turn| turn.person == owner.person && !struck.contains(&turn.id))
            .collect();
        let (said, owner) = (said.to_owned(), owner.clone());
        let (most, chars) = (self.limits.recalled, self.limits.recalled_chars);
        Ok(beside(move || {
            let texts: Vec<_> = own.iter().map(|turn| turn.text.as_str()).collect();
            recall::nearest(&said, &texts, most)
                .into_iter()
                .map(|index| line(&own[index], &owner, chars))
                .collect()
        })
        .await)
    }
}

/// Does work beside the threads that serve everybody: hundreds of long messages take long enough to hold up others.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Whether a prompt shows what was sent of the memory with earlier turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    WithWindow,
    NotShown,
}

/// All of the memory when the window has not had it as it is now, otherwise what the message asks for.
fn memory_to_send(
    sheet: &FactSheet,
    sent: Option<u64>,
    said: &str,
) -> (Vec<MemoryLine>, Option<u64>) {
    let lines = sheet.lines();
    if lines.is_empty() {
        (lines, None)
    } else if sent == Some(sheet.revision) {
        let asked: HashSet<FactKey> = asked::asked(said);
        (
            lines
                .into_iter()
                .filter(|line| asked.contains(&line.key))
                .collect(),
            None,
        )
    } else {
        (lines, Some(sheet.revision))
    }
}

/// The newest revision of the person's memory that the window holds in full.
fn revision_sent(turns: &[Turn], window: &Window, person: &PersonId) -> Option<u64> {
    // Compaction gives the first turn other notes than it was sent with.
    let own_notes = turns.iter().skip(usize::from(window.opening.is_some()));
    let in_turns = own_notes
        .filter(|turn| turn.person == *person)
        .filter_map(|turn| turn.memory_revision)
        .max();
    let in_opening = window
        .opening
        .as_ref()
        .and_then(|opening| opening.memory.as_ref())
        .filter(|memory| memory.person == *person)
        .map(|memory| memory.revision);
    in_turns.max(in_opening)
}

fn opening(window: &Window, turns: &[Turn]) -> Option<String> {
    let first = turns.first()?;
    Some(render_opening(
        window.opening.as_ref()?,
        Language::of(&first.text),
    ))
}

/// An opening as the notes of the turn that it leads.
pub(super) fn render_opening(opening: &Opening, language: Language) -> String {
    let memory = opening
        .memory
        .as_ref()
        .map(|memory| memory.lines.as_slice())
        .unwrap_or_default();
    let summary = opening
        .summaries
        .iter()
        .map(|summary| summary.text.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    notes::notes(notes::Blocks {
        memory,
        summary: Some(&summary),
        recalled: &[],
        facts: None,
        language,
    })
}

fn line(turn: &Turn, owner: &Owner, chars: usize) -> String {
    format!(
        "{}: {}",
        notes::speaker(&turn.name, owner),
        recall::excerpt(&turn.text, chars)
    )
}

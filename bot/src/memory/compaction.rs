//! Moves the window of a long conversation: what leaves it is summarised first, and both are kept in one commit.
//!
//! Runs beside the conversation. Whatever fails or happens meanwhile, either everything of it is kept or nothing.

use async_trait::async_trait;
use chatfriends_personas::Language;

use super::records::{self, Opening, OpeningMemory, Summary, SummaryOf, Window};
use super::remember::render_opening;
use super::window::{Marks, leaving};
use super::{Memory, Turn, TurnRef, notes};
use crate::identity::{Conversation, Owner, PersonId, Scope};
use crate::store::record::Found;
use crate::store::{StoreError, Swap};

/// Counts tokens as the model does that will read them.
#[async_trait]
pub trait TokenCounter: Send + Sync {
    /// Tokens of each text, or why they could not be counted.
    async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, String>;
}

/// Writes down what is worth keeping of turns that leave the window.
#[async_trait]
pub trait Summariser: Send + Sync {
    /// A text of at most `budget` tokens that takes the place of `previous`, or why there is none. All turns are of one person, whose name is
    /// as prompts show it. After an empty text `previous` stays, and of a text that is too long the beginning is dropped.
    async fn summarise(
        &self,
        previous: Option<&str>,
        evicted: &[Turn],
        budget: u32,
    ) -> Result<String, String>;
}

/// What a window may take of a prompt, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowBudget {
    /// All its turns, with their notes.
    pub window: u32,
    /// Of which the summaries that lead it.
    pub summary: u32,
    /// What the model's template adds to one message.
    pub message_overhead: u32,
}

impl WindowBudget {
    /// Moving the window makes the engine read it anew, so it is moved seldom and far: at four fifths, to a half.
    fn marks(self, lead: u32) -> Marks {
        Marks {
            high: (u64::from(self.window) * 4 / 5) as u32,
            low: (self.window / 2).saturating_sub(lead),
        }
    }
}

/// What came of a compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// The window is small enough.
    NotNeeded,
    /// The window was moved.
    Moved {
        /// Turns that left it.
        evicted: usize,
        /// Turns that stay.
        kept: usize,
    },
    /// The window was moved or something was forgotten while the summary was being written, which was thrown away.
    Outdated,
}

impl Compaction {
    /// Whether the window was moved.
    #[must_use]
    pub fn moved(self) -> bool {
        matches!(self, Self::Moved { .. })
    }
}

/// Why a window was not moved. Nothing has changed; the next turn may try again.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tokens could not be counted.
    #[error("tokens could not be counted: {0}")]
    Count(String),
    /// The summariser failed.
    #[error("no summary was made: {0}")]
    Summary(String),
}

impl Memory {
    /// Moves the conversation's window if it has grown to four fifths of the budget.
    ///
    /// # Errors
    /// When the store, the counter or the summariser fails. Then nothing has changed.
    pub async fn compact(
        &self,
        scope: &Scope,
        budget: WindowBudget,
        counter: &dyn TokenCounter,
        summariser: &dyn Summariser,
    ) -> Result<Compaction, CompactError> {
        let found = records::window(self.store.as_ref(), &scope.conversation).await?;
        let window = found.record.clone().unwrap_or_default();
        let turns = self.turns_since(&scope.conversation, window.from).await?;
        let tokens = tokens(&turns, &window, &scope.owner, budget, counter).await?;
        if leaving(&tokens, budget.marks(0)) == 0 {
            return Ok(Compaction::NotNeeded);
        }
        let lead = budget.summary + self.lead_tokens(scope, &turns, counter).await?;
        let (evicted, kept) = turns.split_at(leaving(&tokens, budget.marks(lead)));

        let task = Task {
            tokens: budget.summary,
            counter,
            summariser,
        };
        let mut swaps = Vec::new();
        let mut fresh = Vec::new();
        for person in people(evicted) {
            let owner = Owner {
                person,
                ..scope.owner.clone()
            };
            let (swap, summary) = self
                .summarise(&owner, &scope.conversation, evicted, task)
                .await?;
            swaps.push(swap);
            fresh.extend(summary);
        }
        let summaries = fitting(fresh, &window, budget.summary, counter).await?;
        let opening = Opening {
            memory: self.memory_of_first(scope, kept).await?,
            summaries,
        };
        let first = kept.first().expect("the newest turn never leaves");
        let moved = Window {
            version: window.version + 1,
            from: first.id,
            begun: window.begun,
            opening: Some(opening),
        };
        // Invariant: summaries, their cursors and the window change together; a crash leaves either all of it or nothing.
        swaps.push(found.becomes(&moved));
        match self.store.commit(swaps).await {
            Ok(()) => Ok(Compaction::Moved {
                evicted: evicted.len(),
                kept: kept.len(),
            }),
            Err(StoreError::Conflict) => Ok(Compaction::Outdated),
            Err(error) => Err(error.into()),
        }
    }

    /// The new summary of one person, and the change that keeps it.
    async fn summarise(
        &self,
        owner: &Owner,
        conversation: &Conversation,
        evicted: &[Turn],
        task: Task<'_>,
    ) -> Result<(Swap, Option<SummaryOf>), CompactError> {
        let store = self.store.as_ref();
        let found: Found<Summary> = records::summary(store, owner).await?;
        let mut summary = found.record.clone().unwrap_or_default();
        let struck = records::facts(store, owner)
            .await?
            .record
            .unwrap_or_default()
            .struck;
        let cursor = summary.cursor(conversation);
        let is_new = |turn: &&Turn| {
            let here = TurnRef {
                conversation: conversation.clone(),
                turn: turn.id,
            };
            turn.person == owner.person && turn.id >= cursor && !struck.contains(&here)
        };
        let named = |turn: &Turn| Turn {
            name: notes::speaker(&turn.name, owner),
            ..turn.clone()
        };
        let turns: Vec<Turn> = evicted.iter().filter(is_new).map(named).collect();
        if !turns.is_empty() {
            let previous = Some(summary.text.as_str()).filter(|text| !text.is_empty());
            let written = task
                .summariser
                .summarise(previous, &turns, task.tokens)
                .await
                .map_err(CompactError::Summary)?;
            // Nothing usable was written, as of turns without words: better to move on without a summary of them than never.
            let usable = within(written.trim(), task.tokens, task.counter).await?;
            summary.text = usable.unwrap_or(summary.text);
        }
        let last = evicted
            .last()
            .expect("someone speaks in the turns that leave")
            .id;
        summary.move_cursor(TurnRef {
            conversation: conversation.clone(),
            turn: super::TurnId(last.0 + 1),
        });
        let shown = Some(SummaryOf {
            person: owner.person.clone(),
            text: summary.text.clone(),
        })
        .filter(|summary| !summary.text.is_empty());
        Ok((found.becomes(&summary), shown))
    }

    async fn memory_of_first(
        &self,
        scope: &Scope,
        kept: &[Turn],
    ) -> Result<Option<OpeningMemory>, StoreError> {
        let Some(first) = kept.first() else {
            return Ok(None);
        };
        let owner = Owner {
            person: first.person.clone(),
            ..scope.owner.clone()
        };
        let sheet = records::facts(self.store.as_ref(), &owner)
            .await?
            .record
            .unwrap_or_default();
        let lines = sheet.lines();
        Ok(Some(OpeningMemory {
            person: owner.person,
            revision: sheet.revision,
            lines,
        })
        .filter(|memory| !memory.lines.is_empty()))
    }

    /// Tokens of the longest opening that what stays may get, but for the words of its summary.
    async fn lead_tokens(
        &self,
        scope: &Scope,
        turns: &[Turn],
        counter: &dyn TokenCounter,
    ) -> Result<u32, CompactError> {
        let mut openings = Vec::new();
        for person in people(turns) {
            let first = turns
                .iter()
                .find(|turn| turn.person == person)
                .map(std::slice::from_ref)
                .unwrap_or_default();
            let opening = Opening {
                memory: self.memory_of_first(scope, first).await?,
                summaries: vec![SummaryOf {
                    person,
                    text: "…".to_owned(),
                }],
            };
            openings.push(render_opening(&opening, Language::of(&first[0].text)));
        }
        Ok(count(openings, counter)
            .await?
            .into_iter()
            .max()
            .unwrap_or_default())
    }
}

/// By what and how long a summary is to be written.
#[derive(Clone, Copy)]
struct Task<'a> {
    tokens: u32,
    counter: &'a dyn TokenCounter,
    summariser: &'a dyn Summariser,
}

/// Those who speak in `turns`, whoever spoke last first.
fn people(turns: &[Turn]) -> Vec<PersonId> {
    let mut people: Vec<PersonId> = Vec::new();
    for turn in turns.iter().rev() {
        if !people.contains(&turn.person) {
            people.push(turn.person.clone());
        }
    }
    people
}

/// Tokens of each turn as the next prompt will show it.
async fn tokens(
    turns: &[Turn],
    window: &Window,
    owner: &Owner,
    budget: WindowBudget,
    counter: &dyn TokenCounter,
) -> Result<Vec<u32>, CompactError> {
    let mut texts = Vec::with_capacity(2 * turns.len());
    for (index, turn) in turns.iter().enumerate() {
        let opening = window
            .opening
            .as_ref()
            .filter(|_| index == 0)
            .map(|opening| render_opening(opening, Language::of(&turn.text)));
        let speaker = Owner {
            person: turn.person.clone(),
            ..owner.clone()
        };
        let notes = opening.as_ref().unwrap_or(&turn.notes);
        texts.push(format!(
            "{notes}\n{}: {}",
            notes::speaker(&turn.name, &speaker),
            notes::words(&turn.text)
        ));
        texts.push(
            turn.reply
                .as_ref()
                .map(|reply| reply.text.clone())
                .unwrap_or_default(),
        );
    }
    let tokens = count(texts, counter).await?;
    Ok(tokens
        .chunks(2)
        .map(|pair| pair.iter().sum::<u32>() + 2 * budget.message_overhead)
        .collect())
}

/// The text without as much of its beginning as is too much; `None` when even its last sentence is.
async fn within(
    text: &str,
    tokens: u32,
    counter: &dyn TokenCounter,
) -> Result<Option<String>, CompactError> {
    let pieces: Vec<&str> = text.split_inclusive(['\n', '.', '!', '?', '。']).collect();
    let endings: Vec<String> = (0..pieces.len())
        .map(|first| pieces[first..].concat().trim().to_owned())
        .filter(|ending| !ending.is_empty())
        .collect();
    let counts = count(endings.clone(), counter).await?;
    Ok(endings
        .into_iter()
        .zip(counts)
        .find(|(_, count)| *count <= tokens)
        .map(|(ending, _)| ending))
}

/// As many of the people's summaries as fit together: the new ones first, then those that led the window before.
async fn fitting(
    fresh: Vec<SummaryOf>,
    window: &Window,
    tokens: u32,
    counter: &dyn TokenCounter,
) -> Result<Vec<SummaryOf>, CompactError> {
    let before = window
        .opening
        .iter()
        .flat_map(|opening| &opening.summaries)
        .filter(|old| fresh.iter().all(|new| new.person != old.person))
        .cloned()
        .collect::<Vec<_>>();
    let mut summaries: Vec<SummaryOf> = fresh.into_iter().chain(before).collect();
    let counts = count(
        summaries
            .iter()
            .map(|summary| format!("{}\n", summary.text))
            .collect(),
        counter,
    )
    .await?;
    let mut left = u64::from(tokens);
    let mut counts = counts.into_iter().map(u64::from);
    let mut all_fit = true;
    summaries.retain(|_| {
        let tokens = counts.next().unwrap_or_default();
        all_fit &= tokens <= left;
        left -= if all_fit { tokens } else { 0 };
        all_fit
    });
    Ok(summaries)
}

async fn count(texts: Vec<String>, counter: &dyn TokenCounter) -> Result<Vec<u32>, CompactError> {
    let expected = texts.len();
    let counts = counter.count(texts).await.map_err(CompactError::Count)?;
    if counts.len() == expected {
        Ok(counts)
    } else {
        Err(CompactError::Count(format!(
            "{} counts for {expected} texts",
            counts.len()
        )))
    }
}

//! What is remembered of people: the log of what was said, their facts, and the summary of what lies behind the window.
//!
//! This file holds the types that go in and out; [`Memory`]'s methods are in `remember.rs`, `show.rs`, `lookup.rs`, `forget.rs`,
//! `amend.rs`, `moving.rs` and `compaction.rs`.
//! Nothing here knows of platforms, models or prompts beyond the notes that lead a message.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::{Conversation, EventId, PersonId, Scope};
use crate::store::Store;

pub use compaction::{CompactError, Compaction, Summariser, TokenCounter, WindowBudget};
pub use extractive::Extractive;
pub use fact::{Fact, FactId, FactKey};

mod amend;
mod asked;
mod compaction;
mod extractive;
mod fact;
mod facts;
mod forget;
mod learn;
mod lookup;
mod moving;
pub mod notes;
mod recall;
mod records;
mod remember;
mod show;
#[cfg(test)]
mod tests;
mod window;

/// All memory, in one store. Cheap to clone.
///
/// One conversation is expected to run in order; different ones may run side by side, as may compaction and forgetting.
#[derive(Debug, Clone)]
pub struct Memory {
    store: Arc<dyn Store>,
    limits: MemoryLimits,
}

/// How much is kept of a person and looked up for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Values that a key such as `likes` may have; a further one takes the place of the oldest.
    pub values: usize,
    /// Characters of one value; longer ones are not learned.
    pub value_chars: usize,
    /// Earlier words recalled for one message.
    pub recalled: usize,
    /// Characters of one recalled line; longer ones are cut at a word.
    pub recalled_chars: usize,
    /// How many turns before the window are searched.
    pub recall_depth: u64,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self {
            values: 8,
            value_chars: 80,
            recalled: 3,
            recalled_chars: 200,
            recall_depth: 2_000,
        }
    }
}

/// The number of a turn within its conversation. Numbers are never used twice, so that what was forgotten cannot come back under another's.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TurnId(pub u64);

impl fmt::Display for TurnId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A turn, and where it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TurnRef {
    /// The conversation.
    pub conversation: Conversation,
    /// The turn in it.
    pub turn: TurnId,
}

/// A message that begins a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The person's name as shown, cleaned by the gate.
    pub name: String,
    /// The words.
    pub text: String,
    /// The blocks that were sent before the words, byte for byte.
    pub notes: String,
    /// The revision of the memory that the notes hold in full; `None` when they hold only some lines of it, or none.
    pub memory_revision: Option<u64>,
    /// The revision of the memory that the notes were made from, in full or not.
    pub as_of: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The event that it came as, where it came from a chat app.
    pub source: Option<EventId>,
    /// The messages that it was written in, where it came from a chat app.
    pub parts: Vec<Part>,
}

/// One message of the words of a turn. It holds no words itself: its lines are those behind the lines of the parts before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The event that it came as.
    pub source: EventId,
    /// How many lines of the turn's text are its.
    pub lines: usize,
}

/// A reply as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// The words.
    pub text: String,
    /// Whether the model came to its end; `false` when it was stopped or died.
    pub complete: bool,
}

/// What a person said, and the reply to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Its number in the conversation.
    pub id: TurnId,
    /// Who spoke.
    pub person: PersonId,
    /// The person's name as it was shown then.
    pub name: String,
    /// The words.
    pub text: String,
    /// The blocks that were sent before the words, byte for byte.
    pub notes: String,
    /// The revision of the memory that the notes hold in full.
    pub memory_revision: Option<u64>,
    /// The reply; `None` while it is being made, and for ever if the daemon died then.
    pub reply: Option<Spoken>,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The event that it came as, by which an interrupted turn is found again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<EventId>,
    /// The messages of a chat app in which the words came, without those that were taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether the words were changed after they were sent, so that `notes` and `reply` are not about them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub amended: bool,
}

/// What became of a turn whose words were changed or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    /// Whose turn it is, and in which conversation.
    pub scope: Scope,
    /// The turn as it is now; `None` when nothing of it is left.
    pub left: Option<Turn>,
    /// The event that stands for all its messages.
    pub source: Option<EventId>,
    /// Whether nothing was said after it that the next prompt shows.
    pub is_last: bool,
}

/// What a turn is to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The turns to send again, oldest first.
    pub window: Vec<Turn>,
    /// Notes that lead the first turn of the window in place of its own.
    pub opening: Option<String>,
    /// What to send of the person's memory with this message: all of it when this window has not had it as it is now, otherwise only the
    /// lines that the message asks for.
    pub memory: Vec<MemoryLine>,
    /// The revision of `memory` when that is all of it.
    pub revision: Option<u64>,
    /// The revision of the person's memory when all this was read.
    pub as_of: u64,
    /// What was said before, when this message opens an empty window.
    pub summary: Option<String>,
    /// Earlier words of this person in this conversation that resemble the message and are no longer in the window, with their name.
    pub recalled: Vec<String>,
}

/// One line of a memory block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLine {
    /// What it tells.
    pub key: FactKey,
    /// One or several.
    pub values: Vec<String>,
}

/// What is held of a person before one audience, for the person to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// In the order of the keys, and within one as they were told.
    pub facts: Vec<Fact>,
    /// What was said before the window.
    pub summary: Option<String>,
    /// How many turns of theirs the log has.
    pub turns: usize,
}

impl Held {
    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.summary.is_none() && self.turns == 0
    }

    /// The lines of the summary.
    pub fn summary_lines(&self) -> impl Iterator<Item = &str> {
        let lines = self.summary.iter().flat_map(|text| text.lines());
        lines.filter(|line| !line.trim().is_empty())
    }
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How many facts.
    pub facts: usize,
    /// Whether there was a summary.
    pub summary: bool,
    /// How many turns.
    pub turns: usize,
}

//! What a person sent, as every surface hands it to the turn. Not what came of it.

use chatfriends_engine::Grammar;
use chatfriends_personas::{Language, PersonaId, SamplingChoice};

use crate::commands::Asked;
use crate::identity::{Audience, EventId, Level, PersonId, PlaceId, Rank, ThreadId};
use crate::memory::Part;

/// One message as it came in, unchecked.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Who wrote it.
    pub person: PersonId,
    /// The name that the surface shows for them.
    pub name: String,
    /// Where.
    pub place: PlaceId,
    /// In which thread.
    pub thread: Option<ThreadId>,
    /// Who can read along.
    pub audience: Audience,
    /// Where rules for it may stand, the nearest first.
    pub levels: Vec<Level>,
    /// What the author may change there.
    pub rank: Rank,
    /// The persona that was picked or called by name.
    pub persona: Option<PersonaId>,
    /// What they wrote.
    pub text: String,
    /// The language of the surface, for messages that show none.
    pub language: Language,
    /// How it is to be treated.
    pub manner: Manner,
    /// The event that it came as, where it waits in the inbox: its turn is found again by it.
    pub source: Option<EventId>,
    /// The messages that its words came in, where they may still be changed or taken back.
    pub parts: Vec<Part>,
    /// The event whose answer it is about, as when a button below that was pressed.
    pub about: Option<EventId>,
}

/// How a message is to be treated.
#[derive(Debug, Clone, PartialEq)]
pub enum Manner {
    /// A person at a keyboard: a leading slash is a command.
    Talk,
    /// A person who chose a command from an app's own menu; the text is the same as it would be typed.
    Command(Asked),
    /// A program at the OpenAI-compatible endpoint: text is only text, and the request may set how the reply is made.
    Program(Box<Wishes>),
}

/// What a program may set for one reply; `None` keeps the persona's own.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are those of the OpenAI API and of the engine's Request"
)]
pub struct Wishes {
    pub system: Option<String>,
    pub max_tokens: Option<u32>,
    pub sampling: SamplingChoice,
    pub stop: Vec<String>,
    pub grammar: Option<Grammar>,
    pub seed: Option<u32>,
    pub ignore_eos: bool,
}

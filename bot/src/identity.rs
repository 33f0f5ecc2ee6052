//! Who speaks, where, and who may read what is remembered of it. Only types: nothing here stores or sends.

use chatfriends_engine::ChatKey;
use chatfriends_personas::PersonaId;
use serde::{Deserialize, Serialize};

/// A person on one platform, such as `web:5f1c` or `discord:8151`. Ids never contain what a person can choose, so a new name is not a new person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PersonId(String);

/// A channel, a group or a private chat on one platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlaceId(String);

/// A thread or topic within a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ThreadId(String);

/// Where messages come from and go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// The page, the terminal and the OpenAI-compatible endpoint.
    Web,
}

impl Platform {
    /// The word that leads the platform's ids.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
        }
    }
}

impl PersonId {
    /// The person whom `platform` calls `raw`.
    #[must_use]
    pub fn new(platform: Platform, raw: &str) -> Self {
        Self(format!("{}:{raw}", platform.word()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Four hexadecimal digits that stand behind the name in prompts, so that two people of one name stay two.
    #[must_use]
    pub fn short(&self) -> String {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(self.0.as_bytes());
        format!("{:02x}{:02x}", digest[0], digest[1])
    }
}

impl PlaceId {
    /// The place that `platform` calls `raw`.
    #[must_use]
    pub fn new(platform: Platform, raw: &str) -> Self {
        Self(format!("{}:{raw}", platform.word()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ThreadId {
    /// The thread that its place calls `raw`.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self(raw.to_owned())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One stream of talk with one persona: the turn log's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conversation {
    /// Where it takes place.
    pub place: PlaceId,
    /// The thread, where the place has some.
    pub thread: Option<ThreadId>,
    /// With whom.
    pub persona: PersonaId,
}

impl Conversation {
    /// Under which name the engine keeps this conversation's computed tail.
    #[must_use]
    pub fn chat_key(&self) -> ChatKey {
        // As JSON, so that no id can imitate the border between two parts.
        ChatKey(serde_json::json!([self.place, self.thread, self.persona]).to_string())
    }
}

/// Who can read along, and therefore where something remembered may be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Audience {
    /// The person alone.
    Private,
    /// Everybody in this place.
    Place(PlaceId),
}

/// Whose memory it is and before whom it was said: the only key under which summaries and facts are kept.
///
/// Invariant: there is no way to look up a person's memory without naming the audience.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// Before whom.
    pub audience: Audience,
    /// To whom it was told.
    pub persona: PersonaId,
    /// Who told it.
    pub person: PersonId,
}

/// Everything that decides what a turn may remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The turn log.
    pub conversation: Conversation,
    /// Summary and facts.
    pub owner: Owner,
}

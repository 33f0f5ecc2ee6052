//! Who speaks, where, and who may read what is remembered of it. Only types: nothing here stores or sends.

use chatfriends_engine::{ChatKey, ShareKey};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// The page, the terminal and the OpenAI-compatible endpoint.
    Web,
    /// Discord: a place is a channel, a thread is one of its public threads.
    Discord,
    /// Telegram: a place is a chat, a thread is a forum's topic.
    Telegram,
}

impl Platform {
    /// The word that leads the platform's ids.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
        }
    }
}

impl PersonId {
    /// Under which name the engine weighs what this person gets against what others get.
    #[must_use]
    pub fn share_key(&self) -> ShareKey {
        ShareKey(self.0.clone())
    }

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

    /// What its platform calls the person.
    #[must_use]
    pub fn raw(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, raw)| raw)
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

    /// What its platform calls it.
    #[must_use]
    pub fn raw(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, raw)| raw)
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

/// Something that moderators can set rules for, such as `discord:server/815`. What is set nearer to a message wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Level {
    platform: Platform,
    /// What it is.
    pub kind: LevelKind,
    raw: String,
}

/// What a [`Level`] is, from the inside out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelKind {
    /// A thread of a Discord channel, a topic of a Telegram forum.
    Thread,
    /// A channel of a Discord server.
    Channel,
    /// A Discord server with all its channels.
    Server,
    /// A Telegram group with all its topics.
    Group,
    /// A chat of one person with the bot.
    Chat,
}

impl LevelKind {
    const ALL: [Self; 5] = [
        Self::Thread,
        Self::Channel,
        Self::Server,
        Self::Group,
        Self::Chat,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Channel => "channel",
            Self::Server => "server",
            Self::Group => "group",
            Self::Chat => "chat",
        }
    }
}

impl Level {
    /// The `kind` that `platform` calls `raw`.
    #[must_use]
    pub fn new(platform: Platform, kind: LevelKind, raw: &str) -> Self {
        Self {
            platform,
            kind,
            raw: raw.to_owned(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.platform
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            platform,
            kind,
            raw,
        } = self;
        write!(f, "{}:{}/{raw}", platform.word(), kind.word())
    }
}

impl std::str::FromStr for Level {
    type Err = NoLevel;

    fn from_str(text: &str) -> Result<Self, NoLevel> {
        let no_level = || NoLevel(text.to_owned());
        let (platform, rest) = text.split_once(':').ok_or_else(no_level)?;
        let (kind, raw) = rest.split_once('/').ok_or_else(no_level)?;
        let platform = [Platform::Web, Platform::Discord, Platform::Telegram]
            .into_iter()
            .find(|known| known.word() == platform);
        let kind = LevelKind::ALL
            .into_iter()
            .find(|known| known.word() == kind);
        match (platform, kind) {
            (Some(platform), Some(kind)) if !raw.is_empty() => Ok(Self::new(platform, kind, raw)),
            _ => Err(no_level()),
        }
    }
}

/// What kind of place it is. In a later one all is decided that is decided in the earlier ones, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceKind {
    /// The page or the terminal: every message is answered at all times.
    Screen,
    /// A private chat in an app: every message is answered, as often and as late as its person wants.
    Private,
    /// A server or group: several people, and moderators.
    Shared,
}

impl PlaceKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Screen, Self::Private, Self::Shared];

    /// Of the place where these levels stand one in another.
    #[must_use]
    pub fn of(levels: &[Level]) -> Self {
        match levels.last() {
            Some(level) if matches!(level.kind, LevelKind::Server | LevelKind::Group) => {
                Self::Shared
            }
            Some(level) if level.platform != Platform::Web => Self::Private,
            _ => Self::Screen,
        }
    }
}

/// A text that names no [`Level`].
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a place such as \"discord:server/ID\", \"discord:channel/ID\", \"discord:thread/ID\", \"telegram:group/ID\" or \"telegram:thread/ID/TOPIC\""
)]
pub struct NoLevel(String);

/// What a person may change in a place; a higher one may do all that the lower ones may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// Their own memory and talk.
    Member,
    /// The rules of this channel.
    ManagesChannel,
    /// The rules of the whole server or group, and its personas.
    ManagesAll,
}

/// Something that came from a platform, such as `telegram:-100/5`. The same thing that comes twice has the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EventId(String);

impl EventId {
    /// What `platform` calls `raw`.
    #[must_use]
    pub fn new(platform: Platform, raw: &str) -> Self {
        Self(format!("{}:{raw}", platform.word()))
    }

    /// One of several things that follow from the same happening.
    #[must_use]
    pub fn part(&self, word: &str) -> Self {
        Self(format!("{}/{word}", self.0))
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

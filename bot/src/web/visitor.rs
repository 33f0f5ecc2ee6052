//! Who a web client speaks for, and the messages that makes. The page, programs and the terminal name their users in the same way.

use axum::http::HeaderMap;
use chatfriends_personas::{Language, PersonaId};

use crate::identity::{
    Audience, Conversation, Level, LevelKind, Owner, PersonId, PlaceId, Platform, Rank, Scope,
};
use crate::inbound::{Inbound, Manner};

/// Longest user or channel id that a client may name, in bytes.
const ID_BYTES: usize = 200;

/// Who a client says it speaks for. Each (user, channel) pair is a private conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// `X-User-Id`.
    pub user: String,
    /// `X-Channel-Id`, or empty.
    pub channel: String,
}

impl Visitor {
    /// The user of `chatfriends chat` with this name.
    #[must_use]
    pub fn at_terminal(name: &str) -> Self {
        Self {
            user: format!("terminal:{}", name.trim()),
            channel: String::new(),
        }
    }

    /// From the headers; `Ok(None)` without a user.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let Some(user) = id(headers, "x-user-id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            user,
            channel: id(headers, "x-channel-id")?.unwrap_or_default(),
        }))
    }

    /// Where their talk with a persona is kept.
    #[must_use]
    pub fn scope(&self, persona: PersonaId) -> Scope {
        Scope {
            conversation: Conversation {
                place: self.place(),
                thread: None,
                persona: persona.clone(),
            },
            owner: Owner {
                audience: Audience::Private,
                persona,
                person: self.person(),
            },
        }
    }

    /// Who they are.
    #[must_use]
    pub fn person(&self) -> PersonId {
        PersonId::new(Platform::Web, &self.user)
    }

    fn place(&self) -> PlaceId {
        PlaceId::new(Platform::Web, &self.raw_place())
    }

    fn raw_place(&self) -> String {
        // The length in front keeps ("a", "b/c") and ("a/b", "c") apart.
        let user = &self.user;
        format!("{}:{user}/{}", user.len(), self.channel)
    }

    /// A message of theirs.
    #[must_use]
    pub fn says(
        &self,
        persona: Option<PersonaId>,
        text: String,
        language: Language,
        manner: Manner,
    ) -> Inbound {
        Inbound {
            person: self.person(),
            name: String::new(),
            levels: vec![Level::new(
                Platform::Web,
                LevelKind::Chat,
                &self.raw_place(),
            )],
            place: self.place(),
            thread: None,
            audience: Audience::Private,
            rank: Rank::ManagesAll,
            persona,
            text,
            language,
            manner,
            source: None,
            parts: Vec::new(),
            about: None,
        }
    }
}

fn id(headers: &HeaderMap, name: &str) -> Result<Option<String>, String> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| format!("the header {name} is not UTF-8"))?
        .trim();
    if text.len() > ID_BYTES {
        return Err(format!("the header {name} is longer than {ID_BYTES} bytes"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

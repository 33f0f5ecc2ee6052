//! The id of a persona: the stem of its file's name, and what commands, settings and the HTTP endpoint call it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One to 32 of the characters `a-z`, `0-9`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonaId(String);

impl PersonaId {
    /// Checks that `id` can be one.
    pub fn new(id: &str) -> Result<Self, PersonaIdError> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        };
        if (1..=32).contains(&id.len()) && id.bytes().all(allowed) {
            Ok(Self(id.to_owned()))
        } else {
            Err(PersonaIdError { id: id.to_owned() })
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl TryFrom<String> for PersonaId {
    type Error = PersonaIdError;

    fn try_from(id: String) -> Result<Self, PersonaIdError> {
        Self::new(&id)
    }
}

impl From<PersonaId> for String {
    fn from(id: PersonaId) -> Self {
        id.0
    }
}

/// A text that cannot be the id of a persona.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{id:?} cannot be the id of a persona: it takes 1 to 32 of the characters a-z, 0-9, _ and -"
)]
pub struct PersonaIdError {
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_lower_case_names() {
        let longest = "a".repeat(32);
        for good in ["joey", "my-friend_2", "0", &longest] {
            assert_eq!(PersonaId::new(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(33);
        for bad in ["", "Joey", "조이", "my friend", "../etc", "a\n", &too_long] {
            assert!(PersonaId::new(bad).is_err(), "{bad:?}");
        }
    }
}

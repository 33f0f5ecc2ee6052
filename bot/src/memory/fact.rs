//! Facts: short things a person told about themselves, each with the words it comes from. Not how they are found in words (`facts/`).

use chatfriends_personas::Language;
use serde::{Deserialize, Serialize};

use super::{MemoryLine, TurnRef};

/// What a fact tells. The order is that of the lines in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the labels say it")]
pub enum FactKey {
    Name,
    Job,
    Home,
    Studies,
    Allergy,
    Likes,
    Dislikes,
    Pet,
    Hobby,
    Birthday,
    Note,
}

impl FactKey {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::Name,
        Self::Job,
        Self::Home,
        Self::Studies,
        Self::Allergy,
        Self::Likes,
        Self::Dislikes,
        Self::Pet,
        Self::Hobby,
        Self::Birthday,
        Self::Note,
    ];

    /// The word that leads the line in a prompt and in what people are shown. docs/PROMPT.md lists them.
    #[must_use]
    pub fn label(self, language: Language) -> &'static str {
        let (english, korean) = match self {
            Self::Name => ("name", "이름"),
            Self::Job => ("job", "직업"),
            Self::Home => ("lives in", "사는 곳"),
            Self::Studies => ("studies", "전공"),
            Self::Allergy => ("allergic to", "알레르기"),
            Self::Likes => ("likes", "좋아하는 것"),
            Self::Dislikes => ("dislikes", "싫어하는 것"),
            Self::Pet => ("pet", "반려동물"),
            Self::Hobby => ("hobby", "취미"),
            Self::Birthday => ("birthday", "생일"),
            Self::Note => ("note", "메모"),
        };
        match language {
            Language::English => english,
            Language::Korean => korean,
        }
    }

    /// Whether a new value takes the place of the old one.
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(
            self,
            Self::Name | Self::Job | Self::Home | Self::Studies | Self::Birthday
        )
    }
}

/// The number of a fact among its owner's.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct FactId(pub u64);

/// Something a person told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// By which it can be forgotten.
    pub id: FactId,
    /// What it tells.
    pub key: FactKey,
    /// In the person's own words, without particles and articles.
    pub value: String,
    /// Where it was told.
    pub source: TurnRef,
    /// When it was told, in milliseconds since 1970.
    pub at_ms: u64,
}

/// The facts as the lines of a memory block, in the order of the keys.
#[must_use]
pub(super) fn lines(facts: &[Fact]) -> Vec<MemoryLine> {
    let line = |key| {
        let values: Vec<_> = facts
            .iter()
            .filter(|fact| fact.key == key)
            .map(|fact| fact.value.clone())
            .collect();
        (!values.is_empty()).then_some(MemoryLine { key, values })
    };
    FactKey::ALL.into_iter().filter_map(line).collect()
}

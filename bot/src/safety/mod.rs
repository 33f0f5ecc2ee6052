//! The help card: words of acute distress are found by reviewed lists and answered by a fixed card, without any model.
//!
//! A miss is worse than a false alarm, so the lists lean towards showing the card. Nothing here reads or writes memory.

mod many;
mod patterns;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chatfriends_personas::Language;
use serde::Deserialize;

use self::patterns::{List, Matcher, Script, english, korean};
use crate::gate::clean_text;

static KOREAN: LazyLock<Matcher> =
    LazyLock::new(|| shipped(include_str!("korean.toml"), Script::Korean));
static ENGLISH: LazyLock<Matcher> =
    LazyLock::new(|| shipped(include_str!("english.toml"), Script::English));
static LINES: LazyLock<Lines> = LazyLock::new(|| {
    toml::from_str(include_str!("lines.toml")).expect("a test reads the shipped list")
});

/// What is looked for in messages, and what is said then: what ships, and what the operator adds to it. Nothing of it can be taken away.
#[derive(Debug, Clone)]
pub struct Safety {
    country: String,
    /// Found beside the shipped lists.
    korean: Option<Matcher>,
    english: Option<Matcher>,
    contacts: Vec<Contact>,
}

/// Somebody near whom people can turn to, as a counselling centre of their school. Stands above the lines that ship.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    name: String,
    /// A number, or where else they are found.
    number: String,
    /// When, and for whom.
    #[serde(default)]
    note: String,
}

/// What is said to someone in acute distress.
#[derive(Debug, Clone, Copy)]
pub struct Card<'a>(&'a Safety);

impl Safety {
    /// `country`, an ISO 3166 code in upper case, chooses the lines of English cards. `phrases` bring the card, too.
    ///
    /// # Errors
    /// Which phrase cannot be looked for.
    pub fn new(
        country: String,
        phrases: &[String],
        contacts: Vec<Contact>,
    ) -> Result<Self, String> {
        let (mut korean, mut english) = (List::default(), List::default());
        for phrase in phrases {
            match Language::of(phrase) {
                Language::Korean => korean.add(phrase, Script::Korean)?,
                Language::English => english.add(phrase, Script::English)?,
            }
        }
        let matcher = |list: List, script| {
            let is_needed = !list.acute.is_empty();
            is_needed.then(|| Matcher::new(&list, script)).transpose()
        };
        Ok(Self {
            country,
            korean: matcher(korean, Script::Korean)?,
            english: matcher(english, Script::English)?,
            contacts,
        })
    }

    /// Whether a message holds words of acute distress.
    #[must_use]
    pub fn is_acute(&self, text: &str) -> bool {
        let text = clean_text(text);
        let finds = |shipped: &Matcher, own: &Option<Matcher>, text: &str| {
            shipped.finds(text) || own.as_ref().is_some_and(|own| own.finds(text))
        };
        let mut meant = english(&text).into_iter();
        finds(&KOREAN, &self.korean, &korean(&text))
            || meant.any(|text| finds(&ENGLISH, &self.english, &text))
    }

    /// The card, if a message holds words of acute distress.
    #[must_use]
    pub fn card_for(&self, text: &str) -> Option<Card<'_>> {
        self.is_acute(text).then(|| self.card())
    }

    /// The card for whoever asks for it.
    #[must_use]
    pub fn card(&self) -> Card<'_> {
        Card(self)
    }
}

impl Card<'_> {
    /// The card in one language, as an answer to words of acute distress.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        self.opened_with(&words(language).opening, language)
    }

    /// The card for whoever only asks whom to call; how they are is not known.
    #[must_use]
    pub fn say_to_who_asked(&self, language: Language) -> String {
        self.opened_with(&words(language).asked, language)
    }

    fn opened_with(&self, opening: &str, language: Language) -> String {
        let lines = match language {
            Language::Korean => &LINES.ko.line,
            Language::English => LINES
                .en
                .country
                .get(&self.0.country)
                .unwrap_or(&LINES.en.country["other"]),
        };
        let own = self.0.contacts.iter();
        let own = own.map(|it| (&it.name, &it.number, &it.note));
        let lines = own.chain(lines.iter().map(|it| (&it.name, &it.number, &it.note)));
        let lines = lines.map(|(name, number, note)| match note.as_str() {
            "" => format!("☎ {name}: {number}\n"),
            note => format!("☎ {name}: {number} ({note})\n"),
        });
        format!(
            "{opening}\n\n{}\n{}",
            lines.collect::<String>(),
            words(language).closing
        )
    }
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::Korean => &LINES.ko.words,
        Language::English => &LINES.en.words,
    }
}

#[derive(Debug, Deserialize)]
struct Lines {
    ko: KoreanLines,
    en: EnglishLines,
}

#[derive(Debug, Deserialize)]
struct KoreanLines {
    #[serde(flatten)]
    words: Words,
    line: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct EnglishLines {
    #[serde(flatten)]
    words: Words,
    country: BTreeMap<String, Vec<Line>>,
}

#[derive(Debug, Deserialize)]
struct Words {
    opening: String,
    asked: String,
    closing: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    number: String,
    note: String,
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "kept for those who review the list; a test demands it"
        )
    )]
    source: String,
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "kept for those who review the list; a test demands it"
        )
    )]
    checked: String,
}

/// Makes the shipped lists ready, which takes a moment, so that nobody's first message waits for it.
pub fn prepare() {
    LazyLock::force(&KOREAN);
    LazyLock::force(&ENGLISH);
}

fn shipped(list: &str, script: Script) -> Matcher {
    let list = toml::from_str(list).expect("a test reads the shipped list");
    Matcher::new(&list, script).expect("a test reads the shipped list")
}

#[cfg(test)]
mod tests;

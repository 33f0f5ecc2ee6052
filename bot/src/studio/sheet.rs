//! A persona as it is typed into a form: few harmless fields, each a text. What is kept elsewhere, and for whom, is `mod.rs`.
//!
//! A sheet becomes a persona through the text of a file and the code that reads files, so the same rules hold for both.

use chatfriends_personas::{Faults, Language, Persona, PersonaId};
use serde::{Deserialize, Serialize};

use crate::commands::Asked;
use crate::gate::clean_text;
use crate::messages::Sentence;
use crate::messages::making::Making;
use crate::outlet::Field;

/// What is typed, field by field; perhaps not in order yet, so that nobody's text is lost for a small mistake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    names: String,
    languages: String,
    system: String,
    greeting: String,
    facts: String,
}

/// A field of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The name that is shown, then others it answers to, with commas between.
    Names,
    /// The languages, its first one first.
    Languages,
    /// The system prompt.
    System,
    /// The first words.
    Greeting,
    /// What it knows, one fact a line.
    Facts,
}

/// Why a sheet is no persona yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing stands there.
    Missing(Part),
    /// More characters stand there than may.
    TooLong(Part),
    /// What stands there does not follow the field's rule.
    Amiss(Part),
}

/// The text of a persona's file, as far as people may write it by command. There is no model, adapter or template in it: those read files.
#[derive(Debug, Serialize)]
struct File<'a> {
    name: &'a str,
    aliases: Vec<&'a str>,
    languages: Vec<&'a str>,
    system: &'a str,
    greeting: &'a str,
    fact: Vec<Fact<'a>>,
}

#[derive(Debug, Serialize)]
struct Fact<'a> {
    text: &'a str,
}

impl Part {
    /// Every part, in the order of the form.
    pub const ALL: [Self; 5] = [
        Self::Names,
        Self::Languages,
        Self::System,
        Self::Greeting,
        Self::Facts,
    ];

    /// Under which name it comes back from a form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Languages => "languages",
            Self::System => "system",
            Self::Greeting => "greeting",
            Self::Facts => "facts",
        }
    }

    /// Most characters. A field of Discord's forms takes 4,000, a message of Telegram a little more.
    #[must_use]
    pub fn longest(self) -> usize {
        match self {
            Self::Names => 400,
            Self::Languages => 40,
            Self::System => 2_000,
            Self::Greeting => 1_000,
            Self::Facts => 4_000,
        }
    }

    /// The part that a key of a file is written from.
    fn of_key(key: &str) -> Option<Self> {
        Some(match key {
            "name" | "aliases" => Self::Names,
            "languages" => Self::Languages,
            "system" => Self::System,
            "greeting" => Self::Greeting,
            "fact" | "text" => Self::Facts,
            _ => return None,
        })
    }
}

impl Sheet {
    /// A sheet on which nothing stands but the language of whoever begins it.
    #[must_use]
    pub fn new(language: Language) -> Self {
        Self {
            languages: language.code().to_owned(),
            ..Self::default()
        }
    }

    /// The sheet with what a form brought back.
    #[must_use]
    pub fn with(mut self, asked: &Asked) -> Self {
        for part in Part::ALL {
            if let Some(typed) = asked.argument(part.word()) {
                *self.part_mut(part) = clean_text(typed);
            }
        }
        self
    }

    /// The names that stand there, the one that is shown first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        listed(&self.names, &[',', '，', '、'])
    }

    /// What stands in one field.
    #[must_use]
    pub fn part(&self, part: Part) -> &str {
        match part {
            Part::Names => &self.names,
            Part::Languages => &self.languages,
            Part::System => &self.system,
            Part::Greeting => &self.greeting,
            Part::Facts => &self.facts,
        }
    }

    fn part_mut(&mut self, part: Part) -> &mut String {
        match part {
            Part::Names => &mut self.names,
            Part::Languages => &mut self.languages,
            Part::System => &mut self.system,
            Part::Greeting => &mut self.greeting,
            Part::Facts => &mut self.facts,
        }
    }

    /// The fields of a form, filled in with what stands there now.
    #[must_use]
    pub fn fields(&self, language: Language) -> Vec<Field> {
        Part::ALL
            .into_iter()
            .map(|part| Field {
                name: part.word().to_owned(),
                label: Sentence::Making(Making::Label(part)).say(language),
                value: self.part(part).to_owned(),
                long: matches!(part, Part::System | Part::Greeting | Part::Facts),
                required: part != Part::Facts,
                longest: part.longest(),
            })
            .collect()
    }

    /// Whether every field is short enough to be kept, in order or not.
    ///
    /// # Errors
    /// The fields that are not.
    pub fn measured(&self) -> Result<(), Vec<Flaw>> {
        let longer = |part: &Part| self.part(*part).chars().count() > part.longest();
        let flaws: Vec<Flaw> = Part::ALL
            .into_iter()
            .filter(longer)
            .map(Flaw::TooLong)
            .collect();
        if flaws.is_empty() { Ok(()) } else { Err(flaws) }
    }

    /// The persona that stands on the sheet.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn persona(&self, id: &PersonaId) -> Result<Persona, Vec<Flaw>> {
        self.measured()?;
        Persona::parse(id.clone(), id.as_str(), &self.file()).map_err(|faults| self.flaws(&faults))
    }

    fn file(&self) -> String {
        let mut names = self.names();
        let file = File {
            name: names.next().unwrap_or_default(),
            aliases: names.collect(),
            languages: listed(&self.languages, &[',', '，', '、', ' '])
                .map(code)
                .collect(),
            system: &self.system,
            greeting: &self.greeting,
            fact: listed(&self.facts, &['\n'])
                .map(|text| Fact { text })
                .collect(),
        };
        toml::to_string(&file).expect("texts and lists of texts can always be written as TOML")
    }

    /// One flaw for each part at fault, in the order of the form.
    fn flaws(&self, faults: &Faults) -> Vec<Flaw> {
        let at_fault = |part: &Part| {
            faults
                .iter()
                .any(|fault| fault.key.and_then(Part::of_key) == Some(*part))
        };
        Part::ALL
            .into_iter()
            .filter(at_fault)
            .map(|part| {
                if self.part(part).is_empty() {
                    Flaw::Missing(part)
                } else {
                    Flaw::Amiss(part)
                }
            })
            .collect()
    }
}

fn listed<'a>(text: &'a str, between: &'a [char]) -> impl Iterator<Item = &'a str> {
    text.split(between)
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// People write languages by their names, too.
fn code(typed: &str) -> &str {
    match typed.to_lowercase().as_str() {
        "ko" | "korean" | "한국어" => "ko",
        "en" | "english" | "영어" => "en",
        _ => typed,
    }
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::SamplingChoice;
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    fn typed(fields: [&str; 5]) -> Sheet {
        let asked = Asked {
            command: "persona".to_owned(),
            action: "edit".to_owned(),
            arguments: Part::ALL
                .into_iter()
                .zip(fields)
                .map(|(part, text)| (part.word().to_owned(), text.to_owned()))
                .collect(),
        };
        Sheet::default().with(&asked)
    }

    fn nari() -> PersonaId {
        PersonaId::new("nari").unwrap()
    }

    fn check(fields: [&str; 5], flaws: &[Flaw]) {
        let found = typed(fields).persona(&nari()).err().unwrap_or_default();
        assert_eq!(found, flaws, "{fields:?}");
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        check(["나리", "ko", "넌 나리야.", "안녕!", ""], &[]);
        check(["나리, Nari", "한국어, English", "s", "g", "a\n\nb"], &[]);
        check(
            ["", "", "", "", ""],
            &[
                Flaw::Missing(Part::Names),
                Flaw::Missing(Part::Languages),
                Flaw::Missing(Part::System),
                Flaw::Missing(Part::Greeting),
            ],
        );
        check(
            ["나리", "ja", "s", "g", ""],
            &[Flaw::Amiss(Part::Languages)],
        );
        check(
            [&"나".repeat(41), "ko", "s", "g", ""],
            &[Flaw::Amiss(Part::Names)],
        );
        check(
            ["나리", "ko", &"가".repeat(2_001), "g", ""],
            &[Flaw::TooLong(Part::System)],
        );
        check([" , ", "ko", "s", "g", ""], &[Flaw::Amiss(Part::Names)]);
    }

    /// As it stands in prompts: clean, and composed once more, since what is taken away may have stood between two parts of a letter.
    fn kept(typed: &str) -> String {
        clean_text(typed).nfc().collect()
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            // What would break out of a text if it could.
            "[\"'\\\\\\[\\]=#{}\n\t a-c가\u{0}\u{7f}\u{301}]{0,40}",
            Just("x\"\nmodel = \"/etc/passwd".to_owned()),
            Just("'''\n[[fact]]\ntext = 'y'\n'''".to_owned()),
            Just("\"\"\"\n[sampling]\ntemperature = 2\n\"\"\"".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn texts_come_back_as_they_were_typed_and_add_no_keys(
            name in any_text(), system in any_text(), greeting in any_text(), facts in any_text()
        ) {
            let sheet = typed([&name, "ko,en", &system, &greeting, &facts]);
            let Ok(persona) = sheet.persona(&nari()) else { return Ok(()) };
            prop_assert_eq!(&persona.system, &kept(&system));
            prop_assert_eq!(&persona.greeting, &kept(&greeting));
            let lines: Vec<String> = listed(&kept(&facts), &['\n']).map(str::to_owned).collect();
            let known: Vec<String> = persona.facts.iter().map(|fact| fact.text.clone()).collect();
            prop_assert_eq!(known, lines);
            let names: Vec<String> = listed(&kept(&name), &[',', '，', '、']).map(str::to_owned).collect();
            let called: Vec<String> = std::iter::once(&persona.name).chain(&persona.aliases).cloned().collect();
            prop_assert_eq!(called, names);
            prop_assert!(persona.examples.is_empty() && persona.stop.is_empty());
            prop_assert_eq!((&persona.model, &persona.template, &persona.adapter), (&None, &None, &None));
            prop_assert_eq!((persona.sampling, persona.reply_tokens), (SamplingChoice::default(), None));
        }
    }
}

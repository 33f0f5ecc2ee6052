//! From the text of a persona's file to a persona: which keys there are, and what each of them may be.
//!
//! How keys are read and faults noted is `table.rs`; here stands what they mean. `docs/PERSONAS.md` tells it to people.

use std::path::PathBuf;

use toml::de::DeTable;

use crate::facts::{Fact, Facts};
use crate::fault::{Fault, Faults};
use crate::id::PersonaId;
use crate::language::Language;
use crate::persona::{Example, Persona, SamplingChoice};
use crate::table::{Report, Table, Value};

/// The longest file that is read at all.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;
/// A chat shows names in one line; Telegram cuts longer ones.
const MOST_NAME_CHARACTERS: usize = 40;
const MOST_FACTS: usize = 10_000;
const MOST_ENTRIES: usize = 32;

/// The text that a file's bytes are.
pub(crate) fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Faults> {
    // Too long a file may have been cut inside a character, so its length comes first.
    check_length(file, bytes.len())?;
    std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes
            .iter()
            .take(error.valid_up_to())
            .filter(|&&byte| byte == b'\n')
            .count();
        Faults::new(vec![Fault {
            file: file.to_owned(),
            line: Some(line),
            key: None,
            message: "the text is not UTF-8".to_owned(),
        }])
    })
}

fn check_length(file: &str, bytes: usize) -> Result<(), Faults> {
    if bytes > MOST_BYTES {
        return Err(Faults::of_file(
            file,
            format!("the file is larger than {} KiB", MOST_BYTES / 1024),
        ));
    }
    Ok(())
}

/// The persona that a file's text describes, or everything that is wrong with it.
pub(crate) fn persona(id: PersonaId, file: &str, text: &str) -> Result<Persona, Faults> {
    check_length(file, text.len())?;
    let report = Report::new(file, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What a broken line leaves behind is not what was meant: only the syntax is reported.
        for error in errors {
            let span = error.span().unwrap_or_default();
            let offending = text
                .get(span.clone())
                .map(str::trim)
                .filter(|text| !text.is_empty() && text.lines().count() == 1);
            let offending = offending
                .map(|text| format!(": {text}"))
                .unwrap_or_default();
            report.add(&span, format!("{}{offending}", error.message()));
        }
        return Err(report
            .finish()
            .expect_err("the syntax errors were just noted")
            .first_of_each_line());
    }

    // Invariant: what stands in for a faulty value goes no further than `report.finish()`.
    let mut top = Table::of_file(document.get_ref(), &report);
    let persona = Persona {
        id,
        name: top.required("name", name),
        aliases: top
            .optional("aliases", |value| value.list(MOST_ENTRIES, name))
            .unwrap_or_default(),
        languages: top.required("languages", languages),
        system: top.required("system", Value::prose),
        greeting: top.required("greeting", Value::prose),
        template: top.optional("template", Value::raw),
        model: top.optional("model", Value::raw),
        adapter: top.optional("adapter", Value::raw).map(PathBuf::from),
        stop: top
            .optional("stop", |value| value.list(MOST_ENTRIES, Value::verbatim))
            .unwrap_or_default(),
        reply_tokens: top.optional("reply_tokens", |value| value.count(1..=8192)),
        sampling: top
            .optional("sampling", |value| value.table(sampling))
            .unwrap_or_default(),
        examples: top
            .optional("example", |value| {
                value.list(MOST_ENTRIES, |value| value.table(example))
            })
            .unwrap_or_default(),
        facts: Facts::new(
            top.optional("fact", |value| value.list(MOST_FACTS, fact))
                .unwrap_or_default(),
        ),
    };
    top.finish_beside("sampling", &Table::keys_of(sampling));
    report.finish()?;
    Ok(persona)
}

/// A name that is shown to people: one line, and nothing in it that hides or turns round what stands beside it.
fn name(value: &Value<'_>) -> Option<String> {
    let name = value.prose()?;
    if let Some(letter) = name
        .chars()
        .find(|&letter| letter.is_control() || is_invisible(letter))
    {
        return value.refuse(format!(
            "contains the invisible character U+{:04X}",
            u32::from(letter)
        ));
    }
    match name.chars().count() {
        length if length > MOST_NAME_CHARACTERS => value.refuse(format!(
            "has {length} characters; at most {MOST_NAME_CHARACTERS} are allowed"
        )),
        _ if name.trim() != name => value.refuse("begins or ends with a space"),
        _ => Some(name),
    }
}

/// Characters that change the direction of writing, break lines or take no room. The joiners that emoji need are not among them.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn languages(value: &Value<'_>) -> Option<Vec<Language>> {
    match value.list(Language::ALL.len(), language)?.as_slice() {
        [] => value.refuse("names no language"),
        [one, other] if one == other => value.refuse("names a language twice"),
        languages => Some(languages.to_vec()),
    }
}

fn language(value: &Value<'_>) -> Option<Language> {
    let code = value.raw()?;
    Language::from_code(&code).or_else(|| {
        value.refuse(format!(
            "names the unknown language {code:?}; known are \"ko\" and \"en\""
        ))
    })
}

fn sampling(table: &mut Table<'_>) -> SamplingChoice {
    SamplingChoice {
        temperature: table.optional("temperature", |value| value.number(0.0..=2.0)),
        top_k: table.optional("top_k", |value| value.count(0..=1000)),
        top_p: table.optional("top_p", |value| value.number(0.0..=1.0)),
        min_p: table.optional("min_p", |value| value.number(0.0..=1.0)),
        repeat_penalty: table.optional("repeat_penalty", |value| value.number(1.0..=2.0)),
        repeat_last_n: table.optional("repeat_last_n", |value| value.count(0..=8192)),
        dry_multiplier: table.optional("dry_multiplier", |value| value.number(0.0..=10.0)),
        dry_base: table.optional("dry_base", |value| value.number(1.0..=4.0)),
        dry_allowed_length: table.optional("dry_allowed_length", |value| value.count(1..=64)),
    }
}

fn example(table: &mut Table<'_>) -> Example {
    Example {
        person: table.required("person", Value::prose),
        reply: table.required("reply", Value::prose),
    }
}

fn fact(value: &Value<'_>) -> Option<Fact> {
    value.table(|table| {
        let text = table.required("text", Value::prose);
        Fact {
            lang: table
                .optional("lang", language)
                .unwrap_or_else(|| Language::of(&text)),
            source: table.optional("source", Value::prose),
            text,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new field does not compile here until it is named, and does not pass until the manual's example shows it.
    #[test]
    fn the_manual_shows_every_key() {
        let manual = include_str!("../../docs/PERSONAS.md");
        let example = manual
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap();
        let id = PersonaId::new("nari").unwrap();
        let Persona {
            id: _,
            name: _,
            aliases,
            languages: _,
            system: _,
            greeting: _,
            examples,
            facts,
            template,
            model,
            adapter,
            sampling,
            stop,
            reply_tokens,
        } = persona(id, "docs/PERSONAS.md", example).unwrap();
        let lists = [
            aliases.is_empty(),
            examples.is_empty(),
            facts.is_empty(),
            stop.is_empty(),
        ];
        assert_eq!(lists, [false; 4]);
        assert!(
            template.is_some() && model.is_some() && adapter.is_some() && reply_tokens.is_some()
        );
        let SamplingChoice {
            temperature: Some(_),
            top_k: Some(_),
            top_p: Some(_),
            min_p: Some(_),
            repeat_penalty: Some(_),
            repeat_last_n: Some(_),
            dry_multiplier: Some(_),
            dry_base: Some(_),
            dry_allowed_length: Some(_),
        } = sampling
        else {
            panic!("the manual lacks a key of [sampling]: {sampling:?}");
        };
    }
}

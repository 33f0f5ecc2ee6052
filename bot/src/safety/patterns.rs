//! Reviewed lists as patterns, and texts as they are compared with them.
//!
//! `{name}` in a pattern stands for any alternative of a group of its list, and `*` for a few words, or eight characters of Korean. A Korean
//! pattern stands for every spacing; `_` before it means that it begins a word, whose letters stand together. An English one is whole words.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use super::many::{Many, Pattern};

/// A language's list as its file has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Found wherever they stand.
    pub(super) acute: Vec<String>,
    /// What takes a match away that it covers.
    pub(super) harmless: Vec<String>,
    /// Found even there.
    #[serde(default)]
    pub(super) always: Vec<String>,
    /// Letters that are found inside words, for texts without spaces.
    #[serde(default)]
    pub(super) joined: Vec<String>,
    #[serde(default)]
    pub(super) groups: BTreeMap<String, Vec<String>>,
}

/// How a list's patterns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Korean,
    English,
}

/// A list, ready to be compared.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    acute: Many,
    harmless: Many,
    always: Many,
    joined: Vec<String>,
}

/// Stands where something harmless was. No pattern contains it.
const MARK: &str = "\0";
/// Between two words of one sentence, or beyond its end.
const WITHIN: &str = " ";
const BEYOND: &str = r"(?: \.)* ";

/// So few words or characters that what stands before and behind them says something about each other.
const GAP: &str = "(?: [a-z0-9]+){0,3}?";
const KOREAN_GAP: &str = "[ a-zㄱ-ㅣ가-힣]{0,8}?";

impl Matcher {
    /// # Errors
    /// What is wrong with a pattern.
    pub(super) fn new(list: &List, script: Script) -> Result<Self, String> {
        let any = |patterns: &[String], between| {
            let patterns = patterns
                .iter()
                .map(|pattern| match script {
                    Script::Korean => list.korean(pattern),
                    Script::English => list.english(pattern, between),
                })
                .collect::<Result<Vec<_>, _>>()?;
            Many::new(patterns)
        };
        Ok(Self {
            acute: any(&list.acute, BEYOND)?,
            harmless: any(&list.harmless, WITHIN)?,
            always: any(&list.always, BEYOND)?,
            joined: list.joined.clone(),
        })
    }

    /// Whether something acute stands in a text where nothing harmless covers it.
    pub(super) fn finds(&self, text: &str) -> bool {
        let is_joined = |word: &str| self.joined.iter().any(|letters| word.contains(letters));
        self.acute.is_in(&self.harmless.replaced(text, MARK))
            || self.always.is_in(text)
            || !self.joined.is_empty() && text.split(' ').any(is_joined)
    }
}

impl List {
    /// Adds words as people write them, which are no pattern.
    ///
    /// # Errors
    /// When no letters are in them.
    pub(super) fn add(&mut self, phrase: &str, script: Script) -> Result<(), String> {
        let pattern = match script {
            Script::Korean => korean(phrase).replace(' ', ""),
            Script::English => {
                let words = english(phrase).swap_remove(0);
                let words: Vec<&str> = words
                    .split(' ')
                    .filter(|it| !matches!(*it, "" | "."))
                    .collect();
                words.join(" ")
            }
        };
        if pattern.is_empty() {
            return Err(format!("\"{phrase}\" has no letters"));
        }
        self.acute.push(pattern);
        Ok(())
    }

    fn group(&self, name: &str, pattern: &str) -> Result<&[String], String> {
        let group = self.groups.get(name).map(Vec::as_slice);
        group
            .filter(|group| !group.is_empty())
            .ok_or_else(|| format!("\"{pattern}\" names the group \"{name}\", which is not there"))
    }

    fn korean(&self, pattern: &str) -> Result<Pattern, String> {
        let begun = pattern.strip_prefix('_');
        let mut anchors = Vec::new();
        let mut parts = Vec::new();
        for (place, part) in PARTS.find_iter(begun.unwrap_or(pattern)).enumerate() {
            let part = part.as_str();
            if part == "*" {
                parts.push(KOREAN_GAP.to_owned());
                continue;
            }
            let alternatives = match named(part) {
                Some(name) => self.group(name, pattern)?,
                None => &[part.to_owned()],
            };
            let letters = alternatives.iter().map(|letters| match begun {
                Some(_) if place == 0 => format!(" {}", regex::escape(letters)),
                _ => spaced(letters),
            });
            parts.push(either(letters));
            prefer(&mut anchors, alternatives.to_vec());
        }
        Ok(Pattern {
            source: parts.join(" ?"),
            anchors,
        })
    }

    /// `between` stands between two words.
    fn english(&self, pattern: &str, between: &str) -> Result<Pattern, String> {
        let mut whole = String::new();
        let mut anchors = Vec::new();
        let mut gap = "";
        for word in pattern.split(' ') {
            if word == "*" {
                gap = GAP;
                continue;
            }
            if !whole.is_empty() {
                whole.push_str(gap);
                whole.push_str(between);
            }
            gap = "";
            let alternatives = match named(word) {
                Some(name) => self.group(name, pattern)?,
                None => &[word.to_owned()],
            };
            let written = alternatives.iter();
            whole += &either(written.map(|it| regex::escape(it).replace(' ', between)));
            // Sentences may end within them.
            let longest = |it: &String| {
                it.split(' ')
                    .max_by_key(|word| word.len())
                    .map(str::to_owned)
            };
            prefer(
                &mut anchors,
                alternatives.iter().filter_map(longest).collect(),
            );
        }
        if !gap.is_empty() || pattern.starts_with('*') {
            return Err(format!("\"{pattern}\" begins or ends with *"));
        }
        // `regex` has a quick way for the ends of words in ASCII only. Korean letters behind an English word are a particle.
        let end = |character: Option<char>| match character {
            Some(character) if !character.is_ascii() => " ",
            _ => r"(?-u:\b)",
        };
        let (first, last) = (end(pattern.chars().next()), end(pattern.chars().last()));
        Ok(Pattern {
            source: format!("{first}{whole}{last}"),
            anchors,
        })
    }
}

/// Takes other anchors instead when they are longer, and so stand in fewer texts.
fn prefer(anchors: &mut Vec<String>, others: Vec<String>) {
    let shortest = |anchors: &[String]| anchors.iter().map(|it| it.chars().count()).min();
    if shortest(&others) > shortest(anchors) {
        *anchors = others;
    }
}

/// The pieces of a Korean pattern.
static PARTS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{[^}]*\}|\*|[^{*]+").expect("it is correct"));

/// The group that a part of a pattern stands for.
fn named(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// Korean letters with or without a space behind each.
fn spaced(letters: &str) -> String {
    let letters: Vec<String> = letters
        .chars()
        .map(|letter| regex::escape(letter.encode_utf8(&mut [0; 4])))
        .collect();
    letters.join(" ?")
}

fn either(alternatives: impl Iterator<Item = String>) -> String {
    let alternatives: Vec<String> = alternatives.collect();
    format!("(?:{})", alternatives.join("|"))
}

/// Lower-case words with one space before, between and behind them.
pub(super) fn korean(text: &str) -> String {
    let lower: String = text.nfc().flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = lower
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
        .collect();
    format!(" {} ", words.join(" "))
}

/// The ways in which an English text may be meant: as it stands, and with digits for letters, stretched letters and single letters undone.
pub(super) fn english(text: &str) -> Vec<String> {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let letters = with_letters(&lower);
    let mut meant = vec![words(&lower)];
    for most in [1, 2] {
        meant.push(words(&unstretched(&letters, most)));
    }
    meant.extend(meant.last().map(|text| without_single_letters(text)));
    meant.dedup();
    meant
}

/// Words with one space before, between and behind them, and a full stop as a word where a sentence ends; apostrophes vanish.
fn words(lower: &str) -> String {
    let apart: String = lower
        .chars()
        .filter(|character| !matches!(character, '\'' | '’' | '`'))
        .flat_map(|character| match character {
            '.' | '!' | '?' | ';' | '\n' => vec![' ', '.', ' '],
            other if other.is_alphanumeric() => vec![other],
            _ => vec![' '],
        })
        .collect();
    let words: Vec<&str> = apart.split_whitespace().collect();
    format!(" {} ", words.join(" "))
}

/// Letters in place of what stands for them in words: su1c1de, k!ll.
fn with_letters(lower: &str) -> String {
    let characters: Vec<char> = lower.chars().collect();
    let is_word = |place: usize| {
        let character = characters.get(place);
        character.is_some_and(char::is_ascii_alphanumeric)
    };
    let marked: String = characters
        .iter()
        .enumerate()
        .map(|(place, character)| match character {
            '!' | '|' if place > 0 && is_word(place - 1) && is_word(place + 1) => 'i',
            other => *other,
        })
        .collect();
    let letters = |word: &str| -> String {
        if !word.contains(|character: char| character.is_ascii_lowercase()) {
            return word.to_owned();
        }
        word.chars()
            .filter_map(|character| match character {
                '0' => Some('o'),
                '1' => Some('i'),
                '3' => Some('e'),
                '4' | '@' => Some('a'),
                '5' | '$' => Some('s'),
                '7' => Some('t'),
                '*' => None,
                other => Some(other),
            })
            .collect()
    };
    marked
        .split_inclusive(char::is_whitespace)
        .map(letters)
        .collect()
}

/// Letters that stand three times and more, so often at `most`.
fn unstretched(text: &str, most: usize) -> String {
    let mut short = String::new();
    let mut run = Vec::new();
    for character in text.chars().chain(['\0']) {
        if run.first() != Some(&character) {
            let keep = match run.first() {
                Some(first) if first.is_ascii_lowercase() && run.len() > 2 => most,
                _ => run.len(),
            };
            short.extend(&run[..keep]);
            run.clear();
        }
        run.push(character);
    }
    short
}

/// Three and more letters that stand alone, as one word.
fn without_single_letters(text: &str) -> String {
    let join = |apart: &Captures<'_>| {
        let letters: String = apart[0].chars().filter(char::is_ascii_lowercase).collect();
        format!(" {letters} ")
    };
    SINGLE_LETTERS.replace_all(text, join).into_owned()
}

static SINGLE_LETTERS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" (?:[a-z] (?:\. )?){3,}").expect("it is correct"));

//! Finds what a person tells about themselves in what they write, by rules. Strict: a fact that is missed can be told again, a wrong one is
//! believed for months. So a sentence counts only when it states something, now, in the speaker's own name.
//!
//! The rules are data: `english_rules.txt` and `korean_rules.txt`, read by `grammar.rs`. What may stand in the place of a value is judged in
//! `english_values.rs` and `korean_values.rs`. The phrases they are tested with are in `phrases/`. What becomes of the facts is `learn.rs`.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

use super::FactKey;

mod english;
mod english_values;
mod english_words;
mod grammar;
mod korean;
mod korean_particles;
mod korean_values;
mod korean_words;
#[cfg(test)]
mod tests;

/// Of longer texts only the beginning is looked at; nobody introduces themselves on page three of a document.
const CHARS: usize = 4_000;

/// Something a person told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It is so.
    Is(FactKey, String),
    /// It seems so: taken only when nothing is known, as "I'm from Busan" says little about where one lives.
    Perhaps(FactKey, String),
    /// It is not so, or no longer; without a value, nothing of the kind is.
    Not(FactKey, Option<String>),
    /// A correction that does not say of what: "actually it's Yoon".
    Rather {
        /// What is right.
        value: String,
        /// What was wrong, if that is said.
        instead: Option<String>,
    },
}

/// Everything that a text tells, in its order.
pub(super) fn told(text: &str) -> Vec<Told> {
    let text: String = text.nfc().take(CHARS).map(plain_quote).collect();
    let mut told = Vec::new();
    for sentence in sentences(&text) {
        let mut found = if sentence.chars().any(is_syllable) {
            korean::told(sentence)
        } else {
            Vec::new()
        };
        if found.is_empty() {
            // Also for "My name is 윤".
            found = english::told(sentence);
        }
        for new in found {
            if !told.contains(&new) {
                told.push(new);
            }
        }
    }
    told
}

/// The sentences of a text, each with the sign that ends it.
pub(super) fn sentences(text: &str) -> impl Iterator<Item = &str> {
    // A full stop ends a sentence only before a space, unlike in "3.2"; laughter and tildes end Korean ones.
    static END: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?:[.!?…。！？]+[)\x22']*(?:\s|$)|[!?！？。]+|\n|;\s|[~∼]+|[ㅋㅎㅠㅜ]+|\^\^|:\)|:D)",
        )
        .expect("the pattern is a constant")
    });
    let mut ends: Vec<usize> = END.find_iter(text).map(|found| found.end()).collect();
    ends.push(text.len());
    let mut start = 0;
    ends.into_iter().filter_map(move |end| {
        let sentence = text.get(start..end)?.trim();
        start = end;
        (!sentence.is_empty()).then_some(sentence)
    })
}

fn plain_quote(letter: char) -> char {
    match letter {
        '’' | '‘' | '`' => '\'',
        '“' | '”' => '"',
        other => other,
    }
}

fn is_syllable(letter: char) -> bool {
    ('가'..='힣').contains(&letter)
}

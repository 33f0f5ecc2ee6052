//! Cuts English sentences into clauses and leaves out those that state nothing of the speaker. What the others mean stands in
//! `english_rules.txt`.

use std::sync::LazyLock;

use regex::Captures;

use super::Told;
use super::english_values::{cut, judge, proper};
use super::grammar::Grammar;
use crate::memory::FactKey;

static GRAMMAR: LazyLock<Grammar> =
    LazyLock::new(|| Grammar::read(include_str!("english_rules.txt"), &[], judge, correct));

/// What an English sentence tells.
pub(super) fn told(sentence: &str) -> Vec<Told> {
    let sentence = GRAMMAR.form("harmless").replace_all(sentence, "");
    let sentence = GRAMMAR
        .form("quoted")
        .replace_all(&sentence, |quote: &Captures<'_>| {
            if quote[0].split_whitespace().count() > 2 {
                String::new()
            } else {
                quote[0].trim_matches('"').to_owned()
            }
        });
    if let Some(request) = GRAMMAR.form("request").captures(&sentence) {
        return noted(&request);
    }
    if GRAMMAR.form("not_meant").is_match(&sentence) {
        return Vec::new();
    }
    statements(&sentence)
}

fn statements(sentence: &str) -> Vec<Told> {
    let is_question = sentence.trim_end_matches([' ', '"', ')']).ends_with('?');
    let mut clauses = clauses(sentence.trim_end_matches([' ', '.', '!', '?', '…', '"', ')']));
    if is_question {
        clauses.pop();
    }
    clauses
        .iter()
        .flat_map(|clause| in_clause(clause))
        .collect()
}

/// "Remember that …": what follows is a fact by itself, or a note.
fn noted(request: &Captures<'_>) -> Vec<Told> {
    let what = request["what"].trim_end_matches([' ', '.', '!', '?']);
    let told = statements(what);
    if !told.is_empty() {
        return told;
    }
    let is_statement = request.name("that").is_some() || GRAMMAR.form("head").is_match(what);
    let is_question = request.name("asks").is_none() && request[0].ends_with('?');
    let is_statement = is_statement && !GRAMMAR.form("about_nothing").is_match(what);
    if is_statement && !is_question && what.split_whitespace().count() >= 3 {
        vec![Told::Is(FactKey::Note, what.to_owned())]
    } else {
        Vec::new()
    }
}

/// The clauses of a sentence: cut only before something that can begin one.
fn clauses(sentence: &str) -> Vec<String> {
    // "In my free time, I paint" is one thought.
    let sentence = sentence
        .replace("free time, ", "free time ")
        .replace("spare time, ", "spare time ");
    let of_oneself = GRAMMAR.form("of_oneself").is_match(&sentence);
    let mut clauses = vec![String::new()];
    let mut start = 0;
    for border in GRAMMAR.form("border").find_iter(&sentence) {
        let rest = sentence.get(border.end()..).unwrap_or_default();
        let goes_on = of_oneself
            && border.as_str().trim_matches([',', ' ']).len() > 1
            && GRAMMAR.form("verb").is_match(rest);
        if GRAMMAR.form("head").is_match(rest) || goes_on {
            clauses
                .last_mut()
                .expect("it begins with one")
                .push_str(sentence.get(start..border.start()).unwrap_or_default());
            clauses.push(if goes_on {
                "I ".to_owned()
            } else {
                String::new()
            });
            start = border.end();
        }
    }
    clauses
        .last_mut()
        .expect("it begins with one")
        .push_str(sentence.get(start..).unwrap_or_default());
    clauses
}

fn in_clause(clause: &str) -> Vec<Told> {
    let clause = clause.trim();
    // Who asks for confirmation is asking.
    if GRAMMAR.form("tag").is_match(clause) {
        return Vec::new();
    }
    GRAMMAR.in_clause(clause)
}

/// "Actually it's Yoon": only what could be a name or a place can be what was meant.
fn correct(group: &str, text: &str) -> Option<String> {
    if group == "value" {
        proper(text)
    } else {
        Some(cut(text).to_owned())
    }
}

//! Reads a table of rules and applies it to clauses. What the rules say is in the tables.
//!
//! A line `%name = pattern` names a piece that later lines may use, `@name = pattern` a form that the code asks for, and any other line is a
//! rule: its effect, then the form that a clause must wholly have. The named groups of a rule hold values.

use std::collections::HashMap;

use regex::Regex;

use super::Told;
use crate::memory::FactKey;

/// The values of a group, and whether they are certain; none when the group holds something else than its name says.
pub(super) type Judge = fn(group: &str, text: &str) -> Vec<(FactKey, String, bool)>;
/// What is right or wrong in a correction.
pub(super) type Correct = fn(group: &str, text: &str) -> Option<String>;

/// The rules of one language.
pub(super) struct Grammar {
    rules: Vec<Rule>,
    forms: HashMap<&'static str, Regex>,
    judge: Judge,
    correct: Correct,
}

struct Rule {
    effect: Effect,
    form: Regex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The values hold; uncertain ones only when nothing is known yet.
    Is,
    /// They do not, or no longer.
    Not,
    /// The person has no job any more.
    None,
    /// The group `value` is right, and `instead`, if it is there, wrong.
    Rather,
}

impl Grammar {
    /// Reads a table; `lists` are pieces that match any word of a list.
    ///
    /// # Panics
    /// When the table is wrong. Tables are part of the program, and every test reads them.
    pub(super) fn read(
        table: &'static str,
        lists: &[(&'static str, &str)],
        judge: Judge,
        correct: Correct,
    ) -> Self {
        let any_of = |words: &str| words.split_whitespace().collect::<Vec<_>>().join("|");
        let mut pieces: Vec<(&str, String)> = lists
            .iter()
            .map(|(name, words)| (*name, any_of(words)))
            .collect();
        let mut grammar = Self {
            rules: Vec::new(),
            forms: HashMap::new(),
            judge,
            correct,
        };
        for line in table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (name, pattern) = line
                .split_once(' ')
                .expect("a line has a word and a pattern");
            let pattern = pattern.trim_start().trim_start_matches("= ");
            let pattern = pieces
                .iter()
                .fold(pattern.to_owned(), |pattern, (name, piece)| {
                    pattern.replace(name, piece)
                });
            if let Some(form) = name.strip_prefix('@') {
                grammar.forms.insert(form, regex(&pattern));
            } else if name.starts_with('%') {
                pieces.push((name, pattern));
                // "%me" must not be taken for the beginning of "%memory".
                pieces.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
            } else {
                let lead = pieces
                    .iter()
                    .find(|(name, _)| *name == "%lead")
                    .map(|(_, piece)| piece.as_str());
                let form = regex(&format!("^{}{pattern}$", lead.unwrap_or_default()));
                grammar.rules.push(Rule {
                    effect: Effect::read(name),
                    form,
                });
            }
        }
        grammar
    }

    /// A form that the table names.
    ///
    /// # Panics
    /// When the table does not.
    pub(super) fn form(&self, name: &str) -> &Regex {
        self.forms
            .get(name)
            .expect("the table has all forms that the code asks for")
    }

    /// What a clause tells by the first rule that fits it.
    pub(super) fn in_clause(&self, clause: &str) -> Vec<Told> {
        self.rules
            .iter()
            .map(|rule| self.apply(rule, clause))
            .find(|told| !told.is_empty())
            .unwrap_or_default()
    }

    fn apply(&self, rule: &Rule, clause: &str) -> Vec<Told> {
        let Some(found) = rule.form.captures(clause) else {
            return Vec::new();
        };
        let groups = || {
            rule.form
                .capture_names()
                .flatten()
                .filter_map(|group| Some((group, found.name(group)?.as_str())))
        };
        let part = |wanted: &str| {
            groups()
                .find(|(group, _)| *group == wanted)
                .and_then(|(group, text)| (self.correct)(group, text))
        };
        match rule.effect {
            Effect::None => return vec![Told::Not(FactKey::Job, None)],
            Effect::Rather => {
                return part("value")
                    .map(|value| Told::Rather {
                        value,
                        instead: part("instead"),
                    })
                    .into_iter()
                    .collect();
            }
            Effect::Is | Effect::Not => {}
        }
        let judged: Vec<Vec<_>> = groups()
            .map(|(group, text)| (self.judge)(group, text))
            .collect();
        // A form counts only as a whole: "I'm here, a teacher" names nobody.
        if judged.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        let told = |(key, value, sure): (FactKey, String, bool)| match rule.effect {
            Effect::Not => Told::Not(key, Some(value)),
            _ if sure => Told::Is(key, value),
            _ => Told::Perhaps(key, value),
        };
        judged.into_iter().flatten().map(told).collect()
    }
}

impl Effect {
    fn read(word: &str) -> Self {
        match word {
            "is" => Self::Is,
            "not" => Self::Not,
            "none" => Self::None,
            "rather" => Self::Rather,
            other => panic!("a rule begins with its effect, not {other:?}"),
        }
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?i){pattern}")).unwrap_or_else(|error| {
        panic!("the table of rules is part of the program and wrong: {error}")
    })
}

//! Cuts Korean sentences into clauses behind their endings and leaves out those that state nothing of the speaker. What the others mean
//! stands in `korean_rules.txt`.

use std::sync::LazyLock;

use regex::Captures;

use super::Told;
use super::grammar::Grammar;
use super::korean_particles::noun;
use super::korean_values::judge;
use super::korean_words::{ANIMALS, OTHERS};
use crate::memory::FactKey;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let lists = [("%animal", ANIMALS), ("%others", OTHERS)];
    Grammar::read(
        include_str!("korean_rules.txt"),
        &lists,
        judge,
        |_, text| Some(noun(text)),
    )
});

/// What a Korean sentence tells.
pub(super) fn told(sentence: &str) -> Vec<Told> {
    let is_question = sentence
        .trim_end_matches([' ', '"', ')'])
        .ends_with(['?', '？']);
    // Single letters are laughter and tears.
    let sentence = sentence.trim_matches(|letter: char| {
        !letter.is_alphanumeric() && letter != '"' || ('ㄱ'..='ㆎ').contains(&letter)
    });
    if !is_question && let Some(found) = GRAMMAR.form("note").captures(sentence) {
        return noted(&found);
    }
    let mut clauses = clauses(sentence);
    if is_question {
        clauses.pop();
    }
    clauses.into_iter().flat_map(in_clause).collect()
}

/// "…라는 거 기억해줘": a fact by itself, or a note.
fn noted(found: &Captures<'_>) -> Vec<Told> {
    let named = ["that", "is", "colon", "bare"]
        .iter()
        .find_map(|group| Some((*group, found.name(group)?.as_str().trim())));
    let Some((group, what)) = named else {
        return Vec::new();
    };
    if GRAMMAR.form("question").is_match(what) {
        return Vec::new();
    }
    let told: Vec<Told> = clauses(what).into_iter().flat_map(in_clause).collect();
    if !told.is_empty() {
        return told;
    }
    // "내 이름 기억해줘" tells nothing, "금요일 3시 면접 기억해줘" does.
    let words = what.split_whitespace().count();
    let begins_with_me = [
        "내 ", "제 ", "나 ", "저 ", "나를", "날 ", "이거", "그거", "우리 ",
    ]
    .iter()
    .any(|me| what.starts_with(me));
    let tells = if group == "bare" {
        words >= 2 && !begins_with_me
    } else {
        words >= 2
    };
    if tells {
        vec![Told::Is(FactKey::Note, what.to_owned())]
    } else {
        Vec::new()
    }
}

fn clauses(sentence: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let mut start = 0;
    for border in GRAMMAR.form("border").find_iter(sentence) {
        let (before, rest) = (
            sentence.get(start..border.end()).unwrap_or_default(),
            sentence.get(border.end()..).unwrap_or_default(),
        );
        // "…고 싶어", "…고 있어", "…라고 해": not the end of anything.
        let goes_on = before.trim_end().ends_with('고')
            && [
                "싶", "있", "해", "불", "합", "말", "계", "생각", "부르", "했", "들", "하", "그래",
            ]
            .iter()
            .any(|next| rest.starts_with(next));
        // "떡볶이, 순대를 좋아해" and "바다, 산" are lists.
        let is_list = before.trim_end().ends_with(',')
            && !before.trim().contains(' ')
            && before.chars().count() < 6;
        // "고양이 키우는데 이름은 나비야": the animal's name.
        let of_pet = rest.starts_with("이름은")
            && ["키우는데", "키우고", "있는데", "기르는데", "키워요"]
                .iter()
                .any(|keeps| before.trim_end().ends_with(keeps));
        if !goes_on && !is_list && !of_pet {
            clauses.push(before.trim_matches([' ', ',']));
            start = border.end();
        }
    }
    clauses.push(sentence.get(start..).unwrap_or_default().trim());
    clauses
}

fn in_clause(clause: &str) -> Vec<Told> {
    let speaks_of_others =
        GRAMMAR.form("of_others").is_match(clause) && !GRAMMAR.form("called").is_match(clause);
    if clause.is_empty()
        || GRAMMAR.form("not_meant").is_match(clause)
        || GRAMMAR.form("question").is_match(clause)
        || speaks_of_others
    {
        return Vec::new();
    }
    GRAMMAR.in_clause(clause)
}

//! Judges what stands in the place of a value in a Korean clause. Not where it stands: that is the table, `korean_rules.txt`.

use std::sync::LazyLock;

use regex::Regex;

use super::korean_particles::{before_and, has_subject, noun, without_particle};
use super::korean_words::{
    ACTIVITIES, ANIMALS, CITIES, FAMILY_NAMES, FIELDS, GIVEN_NAMES, NOT_ABSORBING, NOT_HOMES,
    NOT_LIKED, NOT_NAMES, NOT_STUDIED, NOT_VALUES, NOT_WORK, SUBJECTS, TRADES,
};
use crate::memory::FactKey;

/// The values that a named group of a rule holds, and whether they are certain; none when it holds something else.
pub(super) fn judge(group: &str, text: &str) -> Vec<(FactKey, String, bool)> {
    let text = text.trim_matches(edge);
    let sure =
        |key, value: Option<String>| value.map(|value| (key, value, true)).into_iter().collect();
    let perhaps =
        |key, value: Option<String>| value.map(|value| (key, value, false)).into_iter().collect();
    let all =
        |key, values: Vec<String>| values.into_iter().map(|value| (key, value, true)).collect();
    match group {
        "name" => sure(FactKey::Name, name(&noun(text))),
        "called" => sure(FactKey::Name, name(text)),
        "proper" => sure(FactKey::Name, proper(&noun(text))),
        "introduced" => sure(FactKey::Name, proper(text)),
        "job" => sure(FactKey::Job, job(&noun(text))),
        "role" => sure(FactKey::Job, job(text)),
        "trade" => sure(FactKey::Job, trade(text)),
        "taught" => sure(
            FactKey::Job,
            Some(text)
                .filter(|subject| listed(SUBJECTS, subject))
                .map(|subject| format!("{subject} 선생님")),
        ),
        "field" => sure(
            FactKey::Job,
            Some(text)
                .filter(|field| listed(FIELDS, field))
                .map(|field| format!("{field} 일")),
        ),
        "work" => perhaps(
            FactKey::Job,
            workplace(text).map(|place| format!("{place}에서 일함")),
        ),
        "office" => perhaps(FactKey::Job, Some("회사원".to_owned())),
        "home" => sure(FactKey::Home, home(text)),
        "house" => sure(FactKey::Home, home(&noun(text))),
        "city" => sure(
            FactKey::Home,
            Some(text.to_owned()).filter(|city| listed(CITIES, city)),
        ),
        "city_is" => sure(
            FactKey::Home,
            Some(noun(text)).filter(|city| listed(CITIES, city)),
        ),
        "birthplace" => perhaps(
            FactKey::Home,
            Some(text.to_owned()).filter(|city| listed(CITIES, city)),
        ),
        "origin" => perhaps(FactKey::Home, home(&noun(text))),
        "studies" => sure(FactKey::Studies, studies(&noun(text))),
        "allergy" => all(FactKey::Allergy, list(text)),
        "likes" => all(FactKey::Likes, list(text)),
        "absorbed" => all(
            FactKey::Likes,
            if listed(
                NOT_ABSORBING,
                text.split_whitespace().last().unwrap_or_default(),
            ) {
                Vec::new()
            } else {
                list(text)
            },
        ),
        "activity" => all(
            FactKey::Hobby,
            Some(without_particle(text))
                .filter(|activity| listed(ACTIVITIES, activity))
                .into_iter()
                .collect(),
        ),
        "diet" => all(FactKey::Dislikes, not_eaten(text)),
        "does" => all(FactKey::Hobby, list(text)),
        "pastime" => sure(
            FactKey::Hobby,
            text.strip_suffix('는').map(|doing| format!("{doing}기")),
        ),
        "favourite" => all(FactKey::Likes, list(&noun(text))),
        "dislikes" => all(FactKey::Dislikes, list(text)),
        "hobby" => all(FactKey::Hobby, list(&noun(text))),
        "pet" => all(FactKey::Pet, pet(text).into_iter().collect()),
        "birthday" => sure(FactKey::Birthday, birthday(text)),
        _ => Vec::new(),
    }
}

fn name(text: &str) -> Option<String> {
    let text = text.trim_matches(edge);
    let length = text.chars().count();
    let words = text.split_whitespace().count();
    let letters = text
        .chars()
        .all(|letter| letter.is_alphabetic() || " .-".contains(letter));
    let latin = text.chars().any(|letter| letter.is_ascii_alphabetic());
    let fits = if latin {
        words <= 3 && length <= 40
    } else {
        words <= 2 && length <= 8
    };
    let tells_nothing = tells_nothing(text)
        || text
            .split_whitespace()
            .any(|word| listed(NOT_NAMES, word) || listed(NOT_NAMES, &without_particle(word)));
    let is_sentence = [
        "습니다",
        "어요",
        "해요",
        "아요",
        "네요",
        "구나",
        "니까",
        "는데",
    ]
    .iter()
    .any(|ending| text.ends_with(ending));
    (words >= 1 && letters && fits && !tells_nothing && !is_sentence).then(|| text.to_owned())
}

/// A name after "나는", where most nouns are none: a full name, a common given one, or one in Latin letters.
fn proper(text: &str) -> Option<String> {
    let name = name(text)?;
    let length = name.chars().count();
    let given = |given: &str| listed(GIVEN_NAMES, given);
    let is_full = FAMILY_NAMES.split_whitespace().any(|family| {
        name.strip_prefix(family).is_some_and(|rest| {
            given(rest)
                || length == 3
                    && rest.chars().count() == 2
                    && rest.chars().any(|letter| GIVEN_NAMES.contains(letter))
                    && !is_trade(&name)
        })
    });
    let is_latin = name
        .chars()
        .all(|letter| letter.is_ascii_alphabetic() || letter == ' ')
        && name.starts_with(|letter: char| letter.is_ascii_uppercase())
        && name.chars().any(|letter| letter.is_ascii_lowercase());
    (given(&name) || is_full || is_latin).then_some(name)
}

fn job(text: &str) -> Option<String> {
    let first = text.split_whitespace().next()?;
    let words = text.split_whitespace().count();
    let looks_right = words <= 4
        && !has_subject(text)
        && !listed(NOT_WORK, first)
        && !tells_how(text)
        && !tells_nothing(text)
        && text.chars().count() >= 2
        && !listed(NOT_NAMES, text);
    looks_right.then(|| text.to_owned())
}

fn trade(text: &str) -> Option<String> {
    let noun = noun(text);
    let noun = ["평범한 ", "그냥 ", "일개 "]
        .iter()
        .find_map(|plain| noun.strip_prefix(plain))
        .map_or_else(|| noun.clone(), str::to_owned);
    (is_trade(&noun)
        && !has_subject(&noun)
        && noun.split_whitespace().count() <= 3
        && ![
            "전직",
            "예비",
            "가짜",
            "미래의",
            "좋은",
            "나쁜",
            "훌륭한",
            "못된",
        ]
        .iter()
        .any(|not| noun.starts_with(not)))
    .then_some(noun)
}

fn is_trade(noun: &str) -> bool {
    let last = noun.split_whitespace().last().unwrap_or_default();
    TRADES
        .split_whitespace()
        .any(|trade| last == trade || trade.chars().count() >= 3 && last.ends_with(trade))
}

/// What a diet leaves out.
fn not_eaten(diet: &str) -> Vec<String> {
    let left_out: &[&str] = match diet {
        "비건" => &["고기", "생선", "달걀", "우유"],
        "페스코" => &["고기"],
        _ => &["고기", "생선"],
    };
    left_out.iter().map(|food| (*food).to_owned()).collect()
}

fn workplace(text: &str) -> Option<String> {
    let last = text.split_whitespace().last()?;
    let words = text.split_whitespace().count();
    (words <= 3
        && !has_subject(text)
        && !listed(NOT_WORK, last)
        && !listed(NOT_WORK, text.split_whitespace().next()?))
    .then(|| text.to_owned())
}

fn home(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let looks_right = (1..=4).contains(&words.len())
        && !has_subject(text)
        && !words.iter().any(|word| listed(NOT_HOMES, word))
        && !tells_how(text)
        && !words
            .iter()
            .any(|word| ["의", "한테", "랑"].iter().any(|end| word.ends_with(end)));
    (looks_right && text.chars().count() >= 2).then(|| text.to_owned())
}

fn studies(text: &str) -> Option<String> {
    let text = without_particle(text);
    let first = text.split_whitespace().next()?;
    (text.split_whitespace().count() <= 3
        && !listed(NOT_STUDIED, first)
        && !has_subject(&text)
        && !tells_how(&text)
        && !tells_nothing(&text))
    .then_some(text)
}

fn list(text: &str) -> Vec<String> {
    static AND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r",\s*|\s(?:그리고|및|또는)\s").expect("the pattern is a constant")
    });
    let mut items: Vec<String> = Vec::new();
    for part in AND.split(text) {
        let mut item: Vec<&str> = Vec::new();
        for word in part.split_whitespace() {
            if let Some(bare) = before_and(word) {
                item.push(bare);
                items.push(item.join(" "));
                item.clear();
            } else {
                item.push(word);
            }
        }
        items.push(item.join(" "));
    }
    items
        .iter()
        .map(|item| value(item))
        .take_while(Option::is_some)
        .flatten()
        .collect()
}

fn value(text: &str) -> Option<String> {
    let text = without_particle(text.trim_matches(edge));
    let text = match ["걸", "것을", "거", "게", "것"]
        .iter()
        .find_map(|thing| text.strip_suffix(thing))
        .filter(|rest| rest.ends_with("는 "))
    {
        Some(doing) => format!("{doing}것"),
        None => text,
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let first = *words.first()?;
    let looks_right = words.len() <= 5
        && !listed(NOT_LIKED, first)
        && !listed(NOT_LIKED, &without_particle(first))
        && !has_subject(&text)
        && !tells_how(&text)
        && !tells_nothing(&text);
    looks_right.then_some(text)
}

fn pet(text: &str) -> Option<String> {
    static PET: LazyLock<Regex> = LazyLock::new(|| {
        let animals = ANIMALS.split_whitespace().collect::<Vec<_>>().join("|");
        Regex::new(&format!(
            r"^(?:(?:\S+ )?(?<kind>{animals}))(?:를|을|도|이|가|는|의)?(?<more> .*)?$"
        ))
        .expect("the pattern is a constant")
    });
    static COUNT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(한|두|세|네|다섯|\d+) ?마리").expect("the pattern is a constant")
    });
    static NAMED: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"이름[은이]? ?(.+)$").expect("the pattern is a constant"));
    let found = PET.captures(text)?;
    let kind = &found["kind"];
    let more = found
        .name("more")
        .map(|more| more.as_str())
        .unwrap_or_default();
    if let Some(named) = NAMED.captures(more) {
        return name(&noun(named[1].trim())).map(|named| format!("{kind} {named}"));
    }
    let count = COUNT
        .captures(more)
        .filter(|count| &count[1] != "한")
        .map(|count| format!(" {}마리", &count[1]));
    Some(format!("{kind}{}", count.unwrap_or_default()))
}

fn birthday(text: &str) -> Option<String> {
    static DATE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:음력 )?(?:\d{2,4}년 ?)?\d{1,2}월 ?\d{1,2}일|\d{1,2}[./-]\d{1,2}")
            .expect("the pattern is a constant")
    });
    DATE.find(text).map(|date| date.as_str().to_owned())
}

/// Whether this is what one says of a name or a trade instead of telling it.
fn tells_nothing(text: &str) -> bool {
    let of_stem = |word: &str, stem: &str| {
        if stem.chars().count() == 1 {
            word == stem
        } else {
            word.starts_with(stem)
        }
    };
    NOT_VALUES
        .split_whitespace()
        .any(|stem| text.split_whitespace().any(|word| of_stem(word, stem)))
}

/// Whether these words tell in what way or when, which no value of ours does.
fn tells_how(text: &str) -> bool {
    let ends = |word: &str, endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    let when = ["으면", "하면", "가면", "나면", "되면", "오면"];
    let how = [
        "하게", "없이", "처럼", "면서", "려고", "니까", "아서", "어서", "해서", "이라", "라서",
        "워서", "러서", "파서", "퍼서",
    ];
    text.split_whitespace().any(|word| ends(word, &when))
        || text
            .split_whitespace()
            .last()
            .is_some_and(|last| ends(last, &how))
}

fn listed(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|listed| listed == word)
}

/// What may stand round a value without being part of it: quotes, stops, emoji.
fn edge(letter: char) -> bool {
    !letter.is_alphanumeric()
}

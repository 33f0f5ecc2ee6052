//! Judges what stands in the place of a value in a Korean clause, and takes particles and copulas off. Not where it stands: that is the table
//! in `korean.rs`.

use std::sync::LazyLock;

use regex::Regex;

use super::korean_words::{
    ANIMALS, CITIES, ENDING_IN_I, FAMILY_NAMES, GIVEN_NAMES, NOT_HOMES, NOT_LIKED, NOT_NAMES,
    NOT_STUDIED, NOT_VALUES, NOT_WORK, TRADES, WHOLE,
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
        "job" => sure(FactKey::Job, job(&noun(text))),
        "role" => sure(FactKey::Job, job(text)),
        "trade" => sure(FactKey::Job, trade(text)),
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
        "birthplace" => perhaps(
            FactKey::Home,
            Some(text.to_owned()).filter(|city| listed(CITIES, city)),
        ),
        "origin" => perhaps(FactKey::Home, home(&noun(text))),
        "studies" => sure(FactKey::Studies, studies(&noun(text))),
        "allergy" => all(FactKey::Allergy, list(text)),
        "likes" => all(FactKey::Likes, list(text)),
        "favourite" => all(FactKey::Likes, list(&noun(text))),
        "dislikes" => all(FactKey::Dislikes, list(text)),
        "hobby" => all(FactKey::Hobby, list(&noun(text))),
        "pet" => all(FactKey::Pet, pet(text).into_iter().collect()),
        "birthday" => sure(FactKey::Birthday, birthday(text)),
        _ => Vec::new(),
    }
}

/// Endings of "it is …". Those of the second kind follow a vowel, and the short ones among them need at least two syllables before.
const AFTER_ANY: &[&str] = &[
    "입니다",
    "이랍니다",
    "이에요",
    "이예요",
    "이라고요",
    "이거든요",
    "이거든",
    "인데요",
    "인데",
    "이라서",
    "이지만",
    "이니까",
    "이야",
    "이다",
    "이고",
    "이며",
    "이지",
    "이죠",
    "이라네",
    "이라구",
    "이요",
    "임",
];
const AFTER_VOWEL: &[&str] = &[
    "예요",
    "에요",
    "여요",
    "라고요",
    "거든요",
    "거든",
    "라서",
    "지만",
    "니까",
    "야",
    "다",
    "고",
    "며",
    "지",
    "죠",
    "라구",
    "요",
];

/// A predicate without its copula: "간호사예요", "윤이야", "민수야", "나비고".
pub(super) fn noun(predicate: &str) -> String {
    let after_any = AFTER_ANY
        .iter()
        .find_map(|ending| Some((*ending, predicate.strip_suffix(ending)?)))
        .filter(|(_, rest)| !rest.is_empty());
    if let Some((ending, rest)) = after_any {
        // 이 belongs to the copula only behind a consonant, and not at all in "고양이야".
        let whole = format!("{rest}이");
        let is_of_noun = ending.starts_with('이')
            && (ends_in_vowel(rest) && !ends_in_latin(rest)
                || ENDING_IN_I
                    .split_whitespace()
                    .any(|word| whole.ends_with(word)));
        return if is_of_noun { whole } else { rest.to_owned() };
    }
    for ending in AFTER_VOWEL {
        let Some(rest) = predicate.strip_suffix(ending) else {
            continue;
        };
        let long_enough = rest.chars().count()
            >= if ending.chars().count() == 1 && *ending != "야" {
                2
            } else {
                1
            };
        if long_enough && ends_in_vowel(rest) && !rest.ends_with(' ') {
            return rest.to_owned();
        }
    }
    predicate.to_owned()
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

/// A noun without the particle that shows what it is in its sentence, where the particle fits the syllable before it.
pub(super) fn without_particle(text: &str) -> String {
    let last = text.split_whitespace().last().unwrap_or_default();
    if listed(WHOLE, last) {
        return text.to_owned();
    }
    for (particle, after_vowel) in [
        ("를", true),
        ("을", false),
        ("는", true),
        ("은", false),
        ("도", true),
        ("도", false),
        ("에", true),
        ("에", false),
    ] {
        let rest = text
            .strip_suffix(particle)
            .filter(|rest| rest.ends_with(|letter: char| !letter.is_whitespace()));
        // "좋은" and "맛있는" are not nouns with a particle, but nothing ends with them.
        if let Some(rest) =
            rest.filter(|rest| ends_in_latin(rest) || ends_in_vowel(rest) == after_vowel)
        {
            return rest.to_owned();
        }
    }
    text.to_owned()
}

/// What stands before "and": "재즈랑", "떡볶이하고", "물과".
fn before_and(word: &str) -> Option<&str> {
    if listed(WHOLE, word) {
        return None;
    }
    for (particle, after_vowel) in [
        ("이랑", Some(false)),
        ("하고", None),
        ("랑", Some(true)),
        ("와", Some(true)),
        ("과", Some(false)),
    ] {
        let rest = word.strip_suffix(particle).filter(|rest| !rest.is_empty());
        if let Some(rest) = rest.filter(|rest| {
            after_vowel.is_none_or(|vowel| ends_in_latin(rest) || ends_in_vowel(rest) == vowel)
        }) {
            return Some(rest);
        }
    }
    None
}

/// Whether the words before the last one hold a subject of their own: "철수는 부산", "동생이 간호사".
fn has_subject(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let before_last = words
        .split_last()
        .map(|(_, before)| before)
        .unwrap_or_default();
    before_last.iter().enumerate().any(|(index, word)| {
        let adnominal = [
            "있는",
            "없는",
            "하는",
            "좋은",
            "작은",
            "많은",
            "깊은",
            "높은",
            "밝은",
            "맑은",
            "같은",
            "짧은",
            "넓은",
            "젊은",
            "붉은",
            "짙은",
            "얇은",
            "굵은",
            "좁은",
            "먹는",
            "보는",
            "오는",
            "가는",
            "듣는",
            "읽는",
            "나오는",
            "만드는",
            "걷는",
            "매운",
        ];
        let of_noun = listed(WHOLE, word)
            || ENDING_IN_I
                .split_whitespace()
                .any(|noun| word.ends_with(noun))
            || adnominal.iter().any(|adnominal| word.ends_with(adnominal));
        let marked = word.ends_with('이') && !ends_in_vowel(word.trim_end_matches('이'))
            || word.ends_with('가')
            || word.ends_with("께서")
            || index == 0 && (word.ends_with('는') || word.ends_with('은') || word.ends_with('도'));
        marked && !of_noun
    })
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

/// Whether these words tell in what way, which no value of ours does.
fn tells_how(text: &str) -> bool {
    text.split_whitespace().last().is_some_and(|last| {
        [
            "하게", "없이", "처럼", "면서", "려고", "니까", "아서", "어서", "해서", "라서", "워서",
            "러서", "파서", "퍼서", "으면",
        ]
        .iter()
        .any(|ending| last.ends_with(ending))
    })
}

fn ends_in_vowel(text: &str) -> bool {
    // Syllables are ordered by their final consonant, of which there are 27 and none.
    text.chars().last().is_some_and(|last| {
        if super::is_syllable(last) {
            (last as u32 - '가' as u32).is_multiple_of(28)
        } else {
            last.is_alphanumeric()
        }
    })
}

fn ends_in_latin(text: &str) -> bool {
    text.chars()
        .last()
        .is_some_and(|last| last.is_ascii_alphanumeric())
}

fn listed(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|listed| listed == word)
}

/// What may stand round a value without being part of it: quotes, stops, emoji.
fn edge(letter: char) -> bool {
    !letter.is_alphanumeric()
}

//! Judges what stands in the place of a value in an English clause, and trims it. Not where it stands: that is the table,
//! `english_rules.txt`.

use std::sync::LazyLock;

use regex::Regex;

use super::english_words::{
    ALLERGENS, ANIMALS, GIVEN_NAMES, MONTHS, NOT_DONE, NOT_GOING_ON, NOT_HOMES, NOT_JOBS,
    NOT_LIKED, NOT_NAMES, NOT_PROPER, NOT_REALLY, NOT_STUDIED, SUBJECTS, TRADES,
};
use crate::memory::FactKey;

/// The values that a named group of a rule holds, and whether they are certain; none when it holds something else.
pub(super) fn judge(group: &str, text: &str) -> Vec<(FactKey, String, bool)> {
    let sure =
        |key, value: Option<String>| value.map(|value| (key, value, true)).into_iter().collect();
    let perhaps =
        |key, value: Option<String>| value.map(|value| (key, value, false)).into_iter().collect();
    let all =
        |key, values: Vec<String>| values.into_iter().map(|value| (key, value, true)).collect();
    match group {
        "name" => sure(FactKey::Name, name(text)),
        "proper" => sure(FactKey::Name, proper(text)),
        "job" => sure(FactKey::Job, job(text)),
        "given" => sure(
            FactKey::Name,
            Some(text.to_owned()).filter(|name| listed(GIVEN_NAMES, name)),
        ),
        "taught" => sure(FactKey::Job, taught(text)),
        "drives" => sure(FactKey::Job, Some(format!("{text} driver"))),
        "diet" => all(FactKey::Dislikes, not_eaten(text)),
        "does" => sure(FactKey::Hobby, Some(doing(text))),
        "collects" => all(
            FactKey::Hobby,
            list(text)
                .iter()
                .map(|what| format!("collecting {what}"))
                .collect(),
        ),
        "allergen" => all(
            FactKey::Allergy,
            list(text)
                .into_iter()
                .filter(|one| listed(ALLERGENS, one.trim_end_matches('s')))
                .collect(),
        ),
        "state" => sure(FactKey::Job, Some(text.to_owned())),
        "trade" => sure(FactKey::Job, trade(text)),
        "work" => perhaps(FactKey::Job, work(text)),
        "home" => sure(FactKey::Home, home(text)),
        "origin" => perhaps(FactKey::Home, home(text)),
        "studies" => sure(FactKey::Studies, studies(text)),
        "allergy" => all(FactKey::Allergy, list(text)),
        "likes" => all(FactKey::Likes, list(text)),
        "dislikes" => all(FactKey::Dislikes, list(text)),
        "hobby" => all(FactKey::Hobby, list(text)),
        "pet" => all(FactKey::Pet, pets(text)),
        "birthday" => sure(FactKey::Birthday, birthday(text)),
        "note" => sure(
            FactKey::Note,
            Some(text.trim_end_matches(['.', '!', ' ']).to_owned()),
        ),
        _ => Vec::new(),
    }
}

/// A name after "my name is": one to three words, up to where the sentence goes on.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.trim_matches(['"', '\'', ' ']);
    let words: Vec<&str> = cut(text)
        .split_whitespace()
        .map(|word| word.trim_matches(edge))
        .filter(|word| !word.is_empty())
        .collect();
    let begins_large = words
        .first()?
        .starts_with(|letter: char| !letter.is_lowercase());
    // "Yun nice to meet you": a name that begins with a capital goes on with capitals.
    let length = if begins_large {
        words
            .iter()
            .take_while(|word| word.starts_with(|letter: char| !letter.is_lowercase()))
            .count()
    } else {
        words.len()
    };
    if words
        .get(length)
        .is_some_and(|next| ["is", "was", "are"].contains(next))
    {
        return None;
    }
    let words = &words[..length];
    let looks_right = |word: &&str| {
        word.chars()
            .all(|letter| letter.is_alphabetic() || "'-.".contains(letter))
            && !listed(NOT_NAMES, word)
    };
    ((1..=3).contains(&words.len()) && words.iter().all(looks_right)).then(|| words.join(" "))
}

/// A name after "I'm", where most words are none: it needs a capital.
pub(super) fn proper(text: &str) -> Option<String> {
    let name = name(text)?;
    let rest = cut(text.trim_matches(['"', '\'', ' ']));
    let is_name = |word: &str| {
        word.chars().any(char::is_lowercase)
            && word.starts_with(|letter: char| letter.is_uppercase())
            && !listed(NOT_PROPER, word)
            || word.chars().all(super::is_syllable)
    };
    // Whatever follows the name must have been cut off as the next thought.
    (name.split_whitespace().count() == rest.split_whitespace().count()
        && name.split_whitespace().all(is_name))
    .then_some(name)
}

fn job(text: &str) -> Option<String> {
    let text = cut(text);
    let bare = without_article(text);
    let first = bare.split_whitespace().next()?;
    if listed(NOT_JOBS, first) || listed(NOT_REALLY, first) || bare.split_whitespace().count() > 8 {
        return None;
    }
    let is_noun =
        bare.len() < text.len() || is_trade(bare) || bare.ends_with("ing") || bare.contains("ing ");
    (is_noun && !bare.starts_with("one ")).then(|| bare.to_owned())
}

/// A trade after "I'm a", where most nouns are none.
fn trade(text: &str) -> Option<String> {
    let text = cut(text);
    let first = text.split_whitespace().next()?;
    (!listed(NOT_REALLY, first)
        && is_trade(text)
        && text.split_whitespace().count() <= 8
        && !text.contains("in the making"))
    .then(|| text.to_owned())
}

fn is_trade(text: &str) -> bool {
    let text = text.to_lowercase();
    let head: Vec<&str> = text
        .split_whitespace()
        .take_while(|word| !["at", "in", "for", "of", "with", "who", "on"].contains(word))
        .collect();
    head.len() <= 4 && head.last().is_some_and(|last| listed(TRADES, last))
}

/// What someone teaches is their trade; whom they teach is not.
fn taught(text: &str) -> Option<String> {
    let subject = item(text)?;
    let subject = subject.split(" to ").next().unwrap_or_default().to_owned();
    let of_school = listed(SUBJECTS, subject.split_whitespace().last()?);
    let pupils = [
        "kids",
        "children",
        "students",
        "school",
        "kindergarten",
        "elementary",
        "pupils",
    ];
    if of_school {
        Some(format!("{subject} teacher"))
    } else {
        subject
            .split_whitespace()
            .any(|word| pupils.contains(&word))
            .then(|| "teacher".to_owned())
    }
}

/// "run" as "running".
fn doing(verb: &str) -> String {
    let verb = verb.to_lowercase();
    let stem = match verb.as_str() {
        "run" => "runn",
        "swim" => "swimm",
        "jog" => "jogg",
        "knit" => "knitt",
        other => other.strip_suffix('e').unwrap_or(other),
    };
    format!("{stem}ing")
}

/// What a diet leaves out.
fn not_eaten(diet: &str) -> Vec<String> {
    let left_out: &[&str] = match diet.to_lowercase().as_str() {
        "vegan" => &["meat", "fish", "eggs", "milk"],
        "vegetarian" => &["meat", "fish"],
        _ => &["meat"],
    };
    left_out.iter().map(|food| (*food).to_owned()).collect()
}

fn work(text: &str) -> Option<String> {
    static NOT_A_PLACE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(?:at|in|for) (?:\d|night|home|myself|us |the (?:morning|evening|afternoon|moment|weekend)|you|me|him|her|them|hours|fun|money|free|life|silence|progress|peace|my |a (?:while|long)|what|it|that|this|teams|groups|shifts|general)")
            .expect("the pattern is a constant")
    });
    let text = cut(text);
    (!NOT_A_PLACE.is_match(text) && text.split_whitespace().count() <= 7)
        .then(|| format!("works {text}"))
}

fn home(text: &str) -> Option<String> {
    let text = cut(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let first = *words.first()?;
    let after_the = first.eq_ignore_ascii_case("the")
        && !words
            .get(1)
            .is_some_and(|word| word.starts_with(char::is_uppercase) || *word == "countryside");
    let looks_right = words.len() <= 5
        && !listed(NOT_HOMES, first)
        && !after_the
        && first.starts_with(|letter: char| letter.is_alphabetic());
    looks_right.then(|| text.to_owned())
}

fn studies(text: &str) -> Option<String> {
    let text = cut(text);
    let first = text.split_whitespace().next()?;
    (!listed(NOT_STUDIED, first) && text.split_whitespace().count() <= 6)
        .then(|| without_article(text).to_owned())
}

/// Things told in a row, up to the first that cannot be one.
fn list(text: &str) -> Vec<String> {
    static AND: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i),? and (?:also )?|,? or |, ?| & |/").expect("the pattern is a constant")
    });
    let goes_on = |(place, part): &(usize, &str)| {
        let first = part.split_whitespace().next().unwrap_or_default();
        *place == 0 || !listed(NOT_GOING_ON, first)
    };
    AND.split(text)
        .enumerate()
        .take_while(goes_on)
        .map(|(_, part)| item(part))
        .take_while(Option::is_some)
        .flatten()
        .collect()
}

fn item(text: &str) -> Option<String> {
    let text = cut(text.trim());
    let text = text
        .strip_prefix("to ")
        .filter(|rest| {
            !rest
                .split_whitespace()
                .next()
                .is_some_and(|verb| listed(NOT_DONE, verb))
        })
        .or_else(|| (!text.starts_with("to ")).then_some(text))?;
    let bare = without_article(text);
    // "the Beatles", but not "the noodles".
    let text = if text.starts_with("the ") && bare.starts_with(char::is_uppercase) {
        text
    } else {
        bare
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let of_someone =
        |word: &&str| ["you", "him", "her", "them", "em", "myself", "me"].contains(word);
    let looks_right = (1..=6).contains(&words.len())
        && !listed(NOT_LIKED, words[0])
        && !words.iter().any(of_someone)
        && !["way", "idea", "fact"].contains(&words[0]);
    (looks_right && text.chars().any(char::is_alphanumeric)).then(|| text.to_owned())
}

/// "a cat named Nabi", "two dogs and a parrot".
fn pets(text: &str) -> Vec<String> {
    static PET: LazyLock<Regex> = LazyLock::new(|| {
        let animals = ANIMALS
            .replace('-', " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join("|");
        let pattern = format!(
            r"(?ix) ^ (?: (?: an? | one | my | (?<count> two | three | four | five | some | several ) ) \s )? (?: (?: other | pet ) \s )*
              (?: \d+ [\s-] years? [\s-] old \s )? (?<kind> (?: [\w-]+ \s )? (?: {animals} ) s? )
              (?: (?: 's\ name\ is | s'\ names\ are | ,?\s (?: is\s | are\s )? (?: named | called | whose\ names?\ (?: is | are ) ) ) \s (?<name> .+ ) | (?<rest> .* ) ) $"
        );
        Regex::new(&pattern).expect("the pattern is a constant")
    });
    let pet = |text: &str| {
        let found = PET.captures(text.trim())?;
        let kind = without_article(&found["kind"]).to_lowercase();
        let count = found
            .name("count")
            .map(|count| format!("{} ", count.as_str().to_lowercase()))
            .unwrap_or_default();
        match found.name("name") {
            Some(named) => Some(format!("{count}{kind} named {}", name(named.as_str())?)),
            // "a cat video" is no cat.
            None => cut(&found["rest"])
                .is_empty()
                .then(|| format!("{count}{kind}")),
        }
    };
    text.split(" and ")
        .map(pet)
        .take_while(Option::is_some)
        .flatten()
        .collect()
}

fn birthday(text: &str) -> Option<String> {
    let text = cut(text).replace(" of ", " ");
    let has_month = text
        .to_lowercase()
        .split(|letter: char| !letter.is_alphabetic())
        .any(|word| word.len() >= 3 && word.get(..3).is_some_and(|month| listed(MONTHS, month)));
    let is_numeric =
        text.contains(['/', '-', '.']) && text.chars().filter(char::is_ascii_digit).count() >= 2;
    let has_day = text.chars().any(|letter| letter.is_ascii_digit());
    (has_day && (has_month || is_numeric) && text.split_whitespace().count() <= 4)
        .then(|| text.trim_start_matches("the ").to_owned())
}

/// The value up to where the sentence goes on to something else.
pub(super) fn cut(text: &str) -> &str {
    static TAIL: LazyLock<Regex> = LazyLock::new(|| {
        let words = "btw|by the way|though|tho|right now|for now|now|these days|nowadays|currently|at the moment|at all|at uni|at university|at college|rn|atm|imo|imho|tbh|ngl|means|last (?:week|month|year|summer|winter)|yesterday|recently|since|because|cause|cuz|but|so|if|when|whenever|while|where|who|which|that|and|as well|too|also|actually|anyways?|lol|haha\\w*|\
            please|pls|you know|for a living|by trade|by profession|for (?:about |almost |over )?(?:\\d+|a|an|two|three|four|five|six|ten|many|some|years|ages|life)|with (?:my|a|the|two|three|friends|family|roommates?)|nice|pleased|good to|glad|\
            how|what|right|okay|ok|today|again|more than|better than|very much|a lot|lots|the most|most|the best|best|to death|in general|especially|even|from|i'm|i|my|you|instead|and stuff|or something|or whatever|really|mostly|already|every|any ?more";
        Regex::new(&format!(
            r"(?i)(?:[,;:()!?]|\s-+\s|\s(?:{words})(?:\W|$)).*$"
        ))
        .expect("the pattern is a constant")
    });
    let end = TAIL.find(text).map_or(text.len(), |tail| tail.start());
    text.get(..end).unwrap_or(text).trim_matches(edge)
}

fn without_article(text: &str) -> &str {
    let article = ["a ", "an ", "the ", "A ", "An ", "The ", "some ", "any "]
        .into_iter()
        .find_map(|article| text.strip_prefix(article));
    article.unwrap_or(text).trim()
}

fn listed(words: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    words.split_whitespace().any(|listed| listed == word)
}

/// What may stand round a value without being part of it: quotes, stops, emoji.
fn edge(letter: char) -> bool {
    !letter.is_alphanumeric()
}

//! The help card: words of acute distress are found by reviewed lists and answered by a fixed card, without any model.
//!
//! A miss is worse than a false alarm, so the lists lean towards showing the card. Nothing here reads or writes memory.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chatfriends_personas::Language;
use regex::Regex;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use crate::gate::clean_text;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    toml::from_str(include_str!("phrases.toml")).expect("a test reads the shipped list")
});
static KOREAN: LazyLock<Matcher> = LazyLock::new(|| Matcher::korean(&PHRASES.ko));
static ENGLISH: LazyLock<Matcher> = LazyLock::new(|| Matcher::english(&PHRASES.en));
static LINES: LazyLock<Lines> = LazyLock::new(|| {
    toml::from_str(include_str!("lines.toml")).expect("a test reads the shipped list")
});

/// What is said to someone in acute distress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    country: String,
}

/// Whether a message holds words of acute distress.
#[must_use]
pub fn is_acute(text: &str) -> bool {
    let text = clean_text(text);
    KOREAN.finds(&korean(&text)) || ENGLISH.finds(&english(&text))
}

/// The card, if a message holds words of acute distress; `country` chooses the lines of an English card.
#[must_use]
pub fn card_for(text: &str, country: &str) -> Option<Card> {
    is_acute(text).then(|| card(country))
}

/// The card for whoever asks for it.
#[must_use]
pub fn card(country: &str) -> Card {
    Card {
        country: country.to_owned(),
    }
}

impl Card {
    /// The card in one language, as an answer to words of acute distress.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        self.opened_with(&words(language).opening, language)
    }

    /// The card for whoever only asks whom to call; how they are is not known.
    #[must_use]
    pub fn say_to_who_asked(&self, language: Language) -> String {
        self.opened_with(&words(language).asked, language)
    }

    fn opened_with(&self, opening: &str, language: Language) -> String {
        let lines = match language {
            Language::Korean => &LINES.ko.line,
            Language::English => LINES
                .en
                .country
                .get(&self.country)
                .unwrap_or(&LINES.en.country["other"]),
        };
        let lines = lines.iter().map(
            |Line {
                 name, number, note, ..
             }| format!("☎ {name}: {number} ({note})\n"),
        );
        format!(
            "{opening}\n\n{}\n{}",
            lines.collect::<String>(),
            words(language).closing
        )
    }
}

fn words(language: Language) -> &'static Words {
    match language {
        Language::Korean => &LINES.ko.words,
        Language::English => &LINES.en.words,
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    ko: Lists,
    en: Lists,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    /// Found wherever they stand.
    acute: Vec<String>,
    /// Found at the beginning of a word only: others contain their letters.
    #[serde(default)]
    words: Vec<String>,
    /// What takes a match away that it covers.
    harmless: Vec<String>,
    /// Found even there.
    #[serde(default)]
    always: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Lines {
    ko: KoreanLines,
    en: EnglishLines,
}

#[derive(Debug, Deserialize)]
struct KoreanLines {
    #[serde(flatten)]
    words: Words,
    line: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct EnglishLines {
    #[serde(flatten)]
    words: Words,
    country: BTreeMap<String, Vec<Line>>,
}

#[derive(Debug, Deserialize)]
struct Words {
    opening: String,
    asked: String,
    closing: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    number: String,
    note: String,
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "kept for those who review the list; a test demands it"
        )
    )]
    source: String,
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "kept for those who review the list; a test demands it"
        )
    )]
    checked: String,
}

/// The lists of one language as patterns.
#[derive(Debug)]
struct Matcher {
    acute: Regex,
    harmless: Regex,
    always: Regex,
}

impl Matcher {
    /// Korean phrases stand for every spacing, those of `words` only at the beginning of a word.
    fn korean(lists: &Lists) -> Self {
        let spaced = |phrase: &String| {
            let letters: Vec<String> = phrase.chars().map(String::from).collect();
            letters.join(" ?")
        };
        let words = lists.words.iter().map(|word| format!(" {word}"));
        Self {
            acute: any_of(lists.acute.iter().map(spaced).chain(words)),
            harmless: any_of(lists.harmless.iter().map(spaced)),
            always: any_of(lists.always.iter().map(spaced)),
        }
    }

    /// English phrases are whole words. An acute one is found across punctuation; a harmless one must stand in one sentence.
    fn english(lists: &Lists) -> Self {
        let whole = |phrase: String| format!(r"\b{phrase}\b");
        let broken = |phrase: &String| whole(phrase.replace(' ', r"(?: \.)* "));
        Self {
            acute: any_of(lists.acute.iter().chain(&lists.words).map(broken)),
            harmless: any_of(lists.harmless.iter().cloned().map(whole)),
            always: any_of(lists.always.iter().map(broken)),
        }
    }

    /// Whether an acute phrase stands in the text where no harmless one covers it.
    fn finds(&self, text: &str) -> bool {
        // No phrase contains the mark.
        self.acute.is_match(&self.harmless.replace_all(text, "\0")) || self.always.is_match(text)
    }
}

/// Any of these patterns; none of them, when there are none. What matches first in the list wins, so longer phrases of one beginning
/// stand first.
fn any_of(patterns: impl Iterator<Item = String>) -> Regex {
    let mut patterns: Vec<String> = patterns.collect();
    patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.len()));
    if patterns.is_empty() {
        patterns.push(r"[^\s\S]".to_owned());
    }
    Regex::new(&patterns.join("|")).expect("phrases are letters and spaces; a test reads them all")
}

/// Lower-case words with one space before, between and behind them.
fn korean(text: &str) -> String {
    let lower: String = text.nfc().flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = lower
        .split(|character: char| !character.is_alphabetic())
        .filter(|word| !word.is_empty())
        .collect();
    format!(" {} ", words.join(" "))
}

/// Lower-case words with one space before, between and behind them, and a full stop as a word where a sentence ends; apostrophes vanish.
fn english(text: &str) -> String {
    let lower: String = text
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|character| !matches!(character, '\'' | '’' | '`'))
        .flat_map(|character| match character {
            '.' | '!' | '?' | ';' | '\n' => vec![' ', '.', ' '],
            other if other.is_alphanumeric() => vec![other],
            _ => vec![' '],
        })
        .collect();
    let words: Vec<&str> = lower.split_whitespace().collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acute_words_bring_the_card() {
        for text in [
            "죽고 싶어",
            "그냥 죽고싶다...",
            "너무 힘들어서 살기 싫어요",
            "자살하고 싶어요",
            "자 살 하 고 싶 다",
            "요즘 자해를 해",
            "다 끝내고 싶어",
            "사라지고 싶어요",
            "내가 없어지면 다들 편할 거야",
            "I want to die",
            "i wanna die",
            "I don't want to live anymore",
            "i dont want to live any more",
            "I'm going to kill myself",
            "I feel suicidal tonight",
            "I want to end it all.",
            "they'd be better off without me",
            "I keep cutting myself",
            "숙제 다 끝내고 싶어, 그리고 죽고 싶어",
            "내일 다 끝내고 싶어",
            "매일 다 끝내고 싶어",
            "약 먹고 죽고 싶어",
            "자살 수단을 찾았어",
            "I cut myself on purpose",
            "I cut myself a lot",
            "I wanna be in Suicide Squad. Kill myself",
            "Suicide Squad made me think about suicide",
            "I will hang myself a week from now",
            "I want to kill myself. Laughing doesn't help",
            "I want to... die",
            "I want to jump off the bridge into the water and never come back",
            "자살하고 싶지 않은 날이 없어",
            "죽고 싶지 않은 적이 없었어",
            "진짜자살하고싶다",
            "어제 자해했어",
            "나 자살할래",
            "자.살.하.고 싶어",
            "I took a lot of pills",
            "i just took all my pills...",
            "I swallowed a whole bottle of pills",
            "약을 한꺼번에 먹었어",
            "나 방금 약 한 움큼 삼켰어",
            "수면제를 다 먹었어요",
            "약을 너무 많이 먹었어",
            "더는 살아갈 힘이 없어",
            "사는 게 힘들어서 더 이상 버틸 힘이 없어",
            "my friend wants to kill himself",
            "My sister says she's going to kill herself, what do I do?",
            "my roommate wants to die",
            "he keeps cutting himself",
            "친구가 죽고 싶대",
            "친구가 죽으려고 해",
            "동생이 죽으려 해요",
            "친구가 자살하겠대",
            "친구가 뛰어내리겠대",
        ] {
            assert!(is_acute(text), "{text}");
        }
    }

    #[test]
    fn turns_of_speech_do_not() {
        for text in [
            "배고파 죽겠다",
            "배고파 죽겠어",
            "웃겨 죽겠네",
            "좋아 죽겠어",
            "더워 죽겠다",
            "심심해 죽겠어",
            "귀여워 죽겠어",
            "죽고 싶지 않아",
            "자살골 넣었어",
            "숙제 다 끝내고 싶어",
            "죽 먹고 싶어",
            "전복죽 먹고싶다",
            "이 게임에서 또 죽었어",
            "죽이 먹고 싶어요",
            "this homework is killing me",
            "I'm dying of laughter",
            "my feet are killing me",
            "I could kill for a pizza",
            "I'm dead tired",
            "that joke killed me",
            "Suicide Squad was fun",
            "I cut myself shaving",
            "I don't want to die",
            "kill some time",
            "I die for chocolate",
            "dead battery",
            "저는 혼자 살아요",
            "피자 살게",
            "모자 살까?",
            "의자 살 거야",
            "자, 살까?",
            "여자 살인마가 나오는 영화야",
            "남자 살해범 이야기 봤어?",
            "문자 해줘",
            "친구가 만나자 해서 나갔어",
            "점심 같이 먹자 해서",
            "혼자 해볼게",
            "각자 해결하자",
            "혼자해볼게",
            "남자해설자가 더 낫더라",
            "자살하고 싶지 않아",
            "자살 예방 교육 들었어",
            "졸려서 더 이상 못 버티겠어",
            "더워서 더 이상 못 견디겠어",
            "감기약이랑 두통약 한꺼번에 먹어도 돼?",
            "감기 걸려서 약 많이 먹었어",
            "약 먹고 한숨 잤어",
            "I took a pill for my headache",
            "I took all my pills on time",
            "nobody wants to die in this game",
            "화분이 또 시들었어",
            "친구가 웃겨 죽겠대",
        ] {
            assert!(!is_acute(text), "{text}");
        }
    }

    #[test]
    fn a_harmless_phrase_hides_nothing_beside_it() {
        for lists in [&PHRASES.ko, &PHRASES.en] {
            for harmless in &lists.harmless {
                for acute in lists.acute.iter().chain(&lists.words) {
                    for text in [format!("{harmless} {acute}"), format!("{acute} {harmless}")] {
                        assert!(is_acute(&text), "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_card_names_its_lines_in_both_languages() {
        let card = card_for("죽고 싶어", "US").unwrap();
        let korean = card.say(Language::Korean);
        for number in ["109", "1577-0199", "1388", "마들랜"] {
            assert!(korean.contains(number), "{number}");
        }
        assert!(card.say(Language::English).contains("988"));
        let asked = card.say_to_who_asked(Language::Korean);
        assert!(
            asked.starts_with("힘들 때 전화할 수 있는 곳이에요.") && asked.contains("109"),
            "{asked}"
        );
        assert!(
            Card {
                country: "KR".into()
            }
            .say(Language::English)
            .contains("109")
        );
        assert!(
            Card {
                country: "FR".into()
            }
            .say(Language::English)
            .contains("findahelpline.com")
        );
    }

    #[test]
    fn every_line_has_a_source_and_a_date() {
        for line in LINES
            .ko
            .line
            .iter()
            .chain(LINES.en.country.values().flatten())
        {
            assert!(
                !line.source.is_empty() && line.checked.len() == "2026-11-21".len(),
                "{}",
                line.name
            );
        }
    }

    #[test]
    fn every_phrase_is_written_as_it_is_compared() {
        let all = |lists: &'static Lists| {
            [&lists.acute, &lists.words, &lists.harmless, &lists.always].map(Vec::as_slice)
        };
        for phrase in all(&PHRASES.ko).concat() {
            assert_eq!(korean(&phrase).trim(), phrase);
            assert!(!phrase.contains(' '), "{phrase}");
        }
        for phrase in all(&PHRASES.en).concat() {
            assert_eq!(english(&phrase).trim(), phrase);
        }
    }

    #[test]
    fn every_harmless_phrase_takes_something_away() {
        for (matcher, lists) in [(&*KOREAN, &PHRASES.ko), (&*ENGLISH, &PHRASES.en)] {
            for harmless in &lists.harmless {
                assert!(
                    matcher.acute.is_match(&format!(" {harmless} ")),
                    "{harmless}"
                );
                assert!(!is_acute(harmless), "{harmless}");
            }
        }
    }
}

//! The help card: words of acute distress are found by reviewed lists and answered by a fixed card, without any model.
//!
//! A miss is worse than a false alarm, so the lists lean towards showing the card. Nothing here reads or writes memory.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chatfriends_personas::Language;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    toml::from_str(include_str!("phrases.toml")).expect("a test reads the shipped list")
});
static LINES: LazyLock<Lines> = LazyLock::new(|| {
    toml::from_str(include_str!("lines.toml")).expect("a test reads the shipped list")
});

/// What is said to someone in acute distress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    country: String,
}

/// The card, if a message holds words of acute distress; `country` chooses the lines of an English card.
#[must_use]
pub fn card_for(text: &str, country: &str) -> Option<Card> {
    is_acute(text).then(|| Card {
        country: country.to_owned(),
    })
}

impl Card {
    /// The card in one language.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let (words, lines) = match language {
            Language::Korean => (&LINES.ko.words, &LINES.ko.line),
            Language::English => (
                &LINES.en.words,
                LINES
                    .en
                    .country
                    .get(&self.country)
                    .unwrap_or(&LINES.en.country["other"]),
            ),
        };
        let lines = lines.iter().map(
            |Line {
                 name, number, note, ..
             }| format!("☎ {name}: {number} ({note})\n"),
        );
        format!(
            "{}\n\n{}\n{}",
            words.opening,
            lines.collect::<String>(),
            words.closing
        )
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
    acute: Vec<String>,
    harmless: Vec<String>,
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

fn is_acute(text: &str) -> bool {
    holds(&PHRASES.ko, &korean(text)) || holds(&PHRASES.en, &english(text))
}

/// Whether an acute phrase stands in the text where no harmless one covers it.
fn holds(lists: &Lists, text: &str) -> bool {
    // A harmless phrase is replaced by a mark that no phrase contains; English neighbours keep the space that they need to match.
    let mark = if text.starts_with(' ') { " \0 " } else { "\0" };
    let mut rest = text.to_owned();
    for harmless in &lists.harmless {
        rest = rest.replace(&padded(harmless, text), mark);
    }
    lists
        .acute
        .iter()
        .any(|acute| rest.contains(&padded(acute, text)))
}

/// English phrases must match whole words: the text of [`english`] has a space on both sides of every word, Korean text has none.
fn padded(phrase: &str, text: &str) -> String {
    if text.starts_with(' ') {
        format!(" {phrase} ")
    } else {
        phrase.to_owned()
    }
}

/// Without spaces and punctuation, so that no spacing hides a phrase.
fn korean(text: &str) -> String {
    text.nfc()
        .filter(|character| character.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Lower-case words with one space before, between and behind them; apostrophes vanish.
fn english(text: &str) -> String {
    let lower: String = text
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|character| !matches!(character, '\'' | '’' | '`'))
        .collect();
    let words: Vec<&str> = lower
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
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
        ] {
            assert!(!is_acute(text), "{text}");
        }
    }

    #[test]
    fn a_harmless_phrase_hides_nothing_beside_it() {
        for lists in [&PHRASES.ko, &PHRASES.en] {
            for harmless in &lists.harmless {
                for acute in &lists.acute {
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
        for phrase in PHRASES.ko.acute.iter().chain(&PHRASES.ko.harmless) {
            assert_eq!(&korean(phrase), phrase);
        }
        for phrase in PHRASES.en.acute.iter().chain(&PHRASES.en.harmless) {
            assert_eq!(english(phrase).trim(), phrase);
        }
    }
}

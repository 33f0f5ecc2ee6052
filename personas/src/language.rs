//! The two languages chatfriends speaks, and which of them a text is written in.

use serde::{Deserialize, Serialize};

/// A language that personas speak and that everything the bot itself says exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// `ko`
    #[serde(rename = "ko")]
    Korean,
    /// `en`
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// Both, in the order in which they are listed to people.
    pub const ALL: [Self; 2] = [Self::Korean, Self::English];

    /// The language of a text, by its letters. A text without letters counts as English.
    ///
    /// Borrowed words are common ("iPhone 샀어", "what does 안녕 mean?") and a Hangul syllable says as much as two or three Latin
    /// letters, so it weighs as three.
    pub fn of(text: &str) -> Self {
        let hangul = text.chars().filter(|&letter| is_hangul(letter)).count();
        let others = text.chars().filter(|letter| letter.is_alphabetic()).count() - hangul;
        if hangul > 0 && 3 * hangul >= others {
            Self::Korean
        } else {
            Self::English
        }
    }

    /// The language that a file's `ko` or `en` names.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// `ko` or `en`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Korean => "ko",
            Self::English => "en",
        }
    }
}

/// Whether a character is a Hangul syllable or one of its letters, whole or decomposed.
pub(crate) fn is_hangul(letter: char) -> bool {
    matches!(letter, '가'..='힣' | 'ㄱ'..='ㆎ' | '\u{1100}'..='\u{11ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_in_the_language_of_most_of_its_letters() {
        for korean in [
            "안녕",
            "iPhone 샀어",
            "ㅋㅋㅋ",
            "1호관은 어디에 있어?",
            "Joey 뭐해?",
            "\u{1112}\u{1161}\u{11ab}",
        ] {
            assert_eq!(Language::of(korean), Language::Korean, "{korean}");
        }
        for english in ["hello", "what does 안녕 mean?", "", "123", "😊", "café"] {
            assert_eq!(Language::of(english), Language::English, "{english}");
        }
    }

    #[test]
    fn codes_name_languages() {
        for language in Language::ALL {
            assert_eq!(Language::from_code(language.code()), Some(language));
        }
        assert_eq!(Language::from_code("kr"), None);
    }
}

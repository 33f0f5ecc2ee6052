//! Korean particles and copulas: which fit behind which syllable, and what is left of a word without them.

use super::is_syllable;
use super::korean_words::{ENDING_IN_I, WHOLE};

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

/// A noun without the particle that shows what it is in its sentence, where the particle fits the syllable before it.
pub(super) fn without_particle(text: &str) -> String {
    let last = text.split_whitespace().last().unwrap_or_default();
    if is_whole(last) {
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
pub(super) fn before_and(word: &str) -> Option<&str> {
    if is_whole(word) {
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
pub(super) fn has_subject(text: &str) -> bool {
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
        let of_noun = is_whole(word)
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

fn ends_in_vowel(text: &str) -> bool {
    // Syllables are ordered by their final consonant, of which there are 27 and none.
    text.chars().last().is_some_and(|last| {
        if is_syllable(last) {
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

/// Whether a word ends like a particle and has none.
fn is_whole(word: &str) -> bool {
    WHOLE.split_whitespace().any(|whole| whole == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copulas_come_off() {
        for (predicate, expected) in [
            ("윤이야", "윤"),
            ("민수야", "민수"),
            ("하은이에요", "하은"),
            ("간호사예요", "간호사"),
            ("학생입니다", "학생"),
            ("고양이야", "고양이"),
            ("Yun이야", "Yun"),
            ("독서고", "독서"),
            ("창고", "창고"),
            ("등산", "등산"),
            ("야", "야"),
        ] {
            assert_eq!(noun(predicate), expected, "{predicate}");
        }
    }

    #[test]
    fn particles_come_off_where_they_fit() {
        for (word, expected) in [
            ("재즈를", "재즈"),
            ("마을을", "마을"),
            ("가을", "가을"),
            ("포도", "포도"),
            ("제주도", "제주도"),
            ("냉면은", "냉면"),
            ("오이는", "오이"),
            ("을", "을"),
        ] {
            assert_eq!(without_particle(word), expected, "{word}");
        }
        for (word, expected) in [
            ("재즈랑", Some("재즈")),
            ("냉면이랑", Some("냉면")),
            ("순대하고", Some("순대")),
            ("사과", None),
            ("사랑", None),
            ("물과", Some("물")),
        ] {
            assert_eq!(before_and(word), expected, "{word}");
        }
    }

    #[test]
    fn subjects_are_seen() {
        for (text, expected) in [
            ("철수는 부산", true),
            ("동생이 간호사", true),
            ("매운 음식", false),
            ("고양이 털", false),
            ("맛있는 음식", false),
            ("재즈", false),
        ] {
            assert_eq!(has_subject(text), expected, "{text}");
        }
    }
}

//! The words of a text in the form in which they are compared: without case, accents, particles, and words that carry no topic.
//!
//! What is done with them is `facts.rs`; which words are special stands in `vocabulary.rs`.

use unicode_normalization::UnicodeNormalization;

use crate::language::is_hangul;
use crate::vocabulary::{
    After, CARDINALS, ENGLISH_STOPS, KOREAN_STOP_STEMS, KOREAN_STOPS, NUMBERED, ORDINALS, PARTICLES,
};

/// A word with a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Word {
    /// A Korean word as its pairs of syllables, another as its stem alone: what two words have in common is the grams that are equal.
    Plain(Vec<String>),
    /// Something that is told apart by its number: "1호관", "building one", "3rd floor".
    Numbered(&'static str, u32),
}

impl Word {
    /// What is looked up of it.
    pub(crate) fn grams(&self) -> Vec<String> {
        match self {
            Self::Plain(grams) => grams.clone(),
            Self::Numbered(kind, number) => vec![format!("{kind} {number}")],
        }
    }

    /// What kind of numbered thing it is, and which.
    pub(crate) fn number(&self) -> Option<(&'static str, u32)> {
        match *self {
            Self::Plain(_) => None,
            Self::Numbered(kind, number) => Some((kind, number)),
        }
    }
}

/// The text with compatible characters made equal, composed, in lower case and without accents.
pub(crate) fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|letter| !matches!(letter, '\u{300}'..='\u{36f}'))
        .nfc()
        .collect::<String>()
        .to_lowercase()
}

/// The words of a text that `fold` has folded.
pub(crate) fn words(folded: &str) -> Vec<Word> {
    let tokens = tokens(folded);
    let mut words = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if let Some((numbered, after)) = below_ground(rest).or_else(|| numbered(rest)) {
            words.extend(numbered);
            rest = after;
            continue;
        }
        rest = after;
        match first.script {
            Script::Hangul => words.extend(korean(&first.text)),
            Script::Other => words.extend(english(&first.text)),
            Script::Digits => match after.split_first() {
                // A number and its counter are one word: "15분", "3월".
                Some((counter, after)) if counter.glued && counter.script == Script::Hangul => {
                    let counted = format!("{}{}", first.text, without_particle(&counter.text));
                    words.push(Word::Plain(vec![counted]));
                    rest = after;
                }
                // Short numbers are everywhere, in times and prices, and say nothing alone.
                _ if first.text.len() < 3 => {}
                _ => words.push(Word::Plain(vec![first.text.clone()])),
            },
        }
    }
    words
}

/// A Korean word without its particle ("도서관에서는" → "도서관"), as far as the syllable before it allows that particle.
pub(crate) fn without_particle(word: &str) -> &str {
    PARTICLES
        .iter()
        .find_map(|&(particle, after)| {
            let stem = word.strip_suffix(particle)?;
            let last = stem.chars().last()?;
            let fits = match after {
                After::Any => true,
                After::Vowel => final_consonant(last) == Some(0),
                After::Consonant => final_consonant(last).is_some_and(|consonant| consonant > 0),
                After::Rieul => final_consonant(last) == Some(8),
            };
            fits.then_some(stem)
        })
        .unwrap_or(word)
}

/// Whether the last syllable of a Korean word ends in a consonant (받침).
pub(crate) fn has_final_consonant(word: &str) -> bool {
    let last = word.chars().last().and_then(final_consonant);
    last.is_some_and(|consonant| consonant > 0)
}

/// The number of a syllable's final consonant (받침) in Unicode's order, 0 when it has none; `None` for what is no syllable.
fn final_consonant(syllable: char) -> Option<u32> {
    matches!(syllable, '가'..='힣').then(|| (u32::from(syllable) - u32::from('가')) % 28)
}

fn korean(word: &str) -> Option<Word> {
    let stem = without_particle(word);
    let no_topic = KOREAN_STOPS
        .split(' ')
        .any(|stop| stop == stem || stop == word)
        || KOREAN_STOP_STEMS
            .split(' ')
            .any(|stop| word.starts_with(stop));
    if no_topic {
        return None;
    }
    let syllables: Vec<char> = stem.chars().collect();
    Some(Word::Plain(match syllables.as_slice() {
        [_] => vec![stem.to_owned()],
        syllables => syllables
            .windows(2)
            .map(|pair| pair.iter().collect())
            .collect(),
    }))
}

fn english(word: &str) -> Option<Word> {
    let no_topic = ENGLISH_STOPS.split(' ').any(|stop| stop == word);
    (!no_topic).then(|| Word::Plain(vec![stem(word).to_owned()]))
}

/// An English word without its commonest endings, so that "closes", "closed" and "closing" are one.
fn stem(word: &str) -> &str {
    let long = |stem: &&str| stem.len() > 3;
    let ending = ["ings", "ing", "ies", "ed", "es", "y"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(long));
    let plural = || {
        word.strip_suffix('s')
            .filter(|stem| stem.len() > 2 && !stem.ends_with('s'))
    };
    let stem = ending.or_else(plural).unwrap_or(word);
    stem.strip_suffix('e').filter(long).unwrap_or(stem)
}

/// The numbered things that the tokens begin with, and the tokens after them. One name may have several numbers: "floors 2 and 3".
fn numbered(tokens: &[Token]) -> Option<(Vec<Word>, &[Token])> {
    let (first, after) = tokens.split_first()?;
    if let Some(number) = first.digits() {
        // "1호관", "1 호관"
        if let Some((name, after)) = after.split_first()
            && let Some(kind) = korean_kind(&name.text)
        {
            return Some((vec![Word::Numbered(kind, number)], after));
        }
        // "1st floor"
        if let [ending, name, after @ ..] = after
            && ending.glued
            && matches!(ending.text.as_str(), "st" | "nd" | "rd" | "th")
            && let Some(kind) = english_kind(&name.text)
        {
            return Some((vec![Word::Numbered(kind, number)], after));
        }
    }
    // "first floor"
    if let Some(number) = position(ORDINALS, &first.text)
        && let Some((name, after)) = after.split_first()
        && let Some(kind) = english_kind(&name.text)
    {
        return Some((vec![Word::Numbered(kind, number)], after));
    }
    // "building 1", "building one", "floors 2 and 3"
    let kind = english_kind(&first.text)?;
    let (number, mut rest) = after.split_first()?;
    let mut numbered = vec![Word::Numbered(kind, number.number()?)];
    while let [and, next, after @ ..] = rest
        && matches!(and.text.as_str(), "and" | "or")
        && let Some(number) = next.number()
    {
        numbered.push(Word::Numbered(kind, number));
        rest = after;
    }
    Some((numbered, rest))
}

/// "지하 1층", "basement floor 1": floors of their own, and a word that may be asked for without a number.
fn below_ground(tokens: &[Token]) -> Option<(Vec<Word>, &[Token])> {
    let (below, after) = tokens.split_first()?;
    if !matches!(below.text.as_str(), "지하" | "basement") {
        return None;
    }
    let (floors, after) = numbered(after)?;
    let mut words = vec![Word::Plain(vec![below.text.clone()])];
    for floor in floors {
        match floor {
            Word::Numbered("floor", number) => words.push(Word::Numbered("basement", number)),
            _ => return None,
        }
    }
    Some((words, after))
}

fn korean_kind(name: &str) -> Option<&'static str> {
    let named = NUMBERED
        .iter()
        .filter(|numbered| name.starts_with(numbered.korean));
    named
        .max_by_key(|numbered| numbered.korean.len())
        .map(|numbered| numbered.kind)
}

fn english_kind(name: &str) -> Option<&'static str> {
    let singular = name.strip_suffix('s').unwrap_or(name);
    NUMBERED
        .iter()
        .find(|numbered| numbered.english.contains(&singular))
        .map(|numbered| numbered.kind)
}

fn position(numerals: &[&str], word: &str) -> Option<u32> {
    (1..)
        .zip(numerals)
        .find(|&(_, &numeral)| numeral == word)
        .map(|(number, _)| number)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Hangul,
    Digits,
    Other,
}

impl Script {
    fn of(letter: char) -> Option<Self> {
        match letter {
            letter if is_hangul(letter) => Some(Self::Hangul),
            '0'..='9' => Some(Self::Digits),
            letter if letter.is_alphanumeric() => Some(Self::Other),
            _ => None,
        }
    }
}

/// A run of letters of one script.
struct Token {
    text: String,
    script: Script,
    /// Whether it follows the token before without a space.
    glued: bool,
}

impl Token {
    fn digits(&self) -> Option<u32> {
        self.text
            .parse()
            .ok()
            .filter(|_| self.script == Script::Digits)
    }

    fn number(&self) -> Option<u32> {
        self.digits().or_else(|| position(CARDINALS, &self.text))
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let script = Script::of(letter);
        match (script, tokens.last_mut()) {
            (Some(script), Some(token))
                if before == Some(token.script) && token.script == script =>
            {
                token.text.push(letter)
            }
            (Some(script), _) => tokens.push(Token {
                text: letter.to_string(),
                script,
                glued: before.is_some(),
            }),
            (None, Some(token))
                if joins(letter, token)
                    && letters
                        .peek()
                        .is_some_and(|&next| Script::of(next) == before) =>
            {
                continue;
            }
            (None, _) => {}
        }
        before = script;
    }
    tokens
}

/// Whether a mark inside a word belongs to it: "5,000", "student's", "Wi-Fi", but not "black-and-white".
fn joins(mark: char, token: &Token) -> bool {
    match mark {
        ',' => token.script == Script::Digits,
        '\'' | '’' => token.script == Script::Other,
        '-' => token.script == Script::Other && token.text.len() <= 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_fall_off_where_the_syllable_before_allows_them() {
        for (word, stem) in [
            ("도서관은", "도서관"),
            ("도서관에서는", "도서관"),
            ("호관으로", "호관"),
            ("학교로", "학교"),
            ("지하철로", "지하철"),
            ("조이야", "조이"),
            ("복학하려면", "복학"),
            // 이 follows a consonant only, and 가 a vowel, so these are whole words.
            ("와이파이", "와이파이"),
            ("작가", "작가"),
            ("은", "은"),
            ("joey", "joey"),
        ] {
            assert_eq!(without_particle(word), stem, "{word}");
        }
    }

    #[test]
    fn numbers_belong_to_what_they_name() {
        let building = |number| Word::Numbered("building", number);
        let floor = |number| Word::Numbered("floor", number);
        for (text, wanted) in [
            ("1호관은 어디에 있어?", vec![building(1)]),
            ("１ 호관", vec![building(1)]),
            ("where is building one?", vec![building(1)]),
            ("Buildings 1 and 2", vec![building(1), building(2)]),
            ("the third floor", vec![floor(3)]),
            ("3rd floor of building 12", vec![floor(3), building(12)]),
            ("2호관 3층", vec![building(2), floor(3)]),
            ("301호", vec![Word::Numbered("room", 301)]),
            ("2호선", vec![Word::Numbered("line", 2)]),
        ] {
            assert_eq!(words(&fold(text)), wanted, "{text}");
        }
        let (text, below) = ("지하 1층", Word::Numbered("basement", 1));
        assert!(words(&fold(text)).contains(&below) && words("basement floor 1").contains(&below));
        // Times, prices and quantities name nothing.
        for text in [
            "9시",
            "5,000원",
            "10권",
            "9:00",
            "10 books",
            "one thing",
            "99999999999호관",
            "building 99999999999",
        ] {
            assert!(
                words(&fold(text))
                    .iter()
                    .all(|word| matches!(word, Word::Plain(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn forms_of_a_word_share_their_grams() {
        for (one, other) in [
            ("closes", "closing"),
            ("libraries", "library"),
            ("café", "Cafe"),
            ("Wi-Fi", "wifi"),
            ("the student's", "students"),
            ("학생식당은", "학생식당에서"),
            ("\u{1103}\u{1169}\u{1109}\u{1165}", "도서"),
            ("안녕 책", "책을"),
        ] {
            assert_eq!(words(&fold(one)), words(&fold(other)), "{one} and {other}");
        }
        assert!(words(&fold("안녕하세요! 너는 누구야? What's your name?")).is_empty());
    }
}

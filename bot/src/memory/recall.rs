//! Which earlier words resemble a message: BM25 over words and, for Korean, pairs of syllables. Pure; whose words they are is decided before.

use std::collections::{BTreeMap, HashMap, HashSet};

use unicode_normalization::UnicodeNormalization as _;

/// BM25's usual constants.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;
/// Below this a resemblance is chance. A word that is rare among the earlier ones brings about 3 to 5, one in every tenth text about 2.
const THRESHOLD: f64 = 2.5;
/// With few texts every word looks common, so that there are counted as if at least so many.
const FEWEST: usize = 50;

/// Words that say nothing of what a message is about.
const STOP_WORDS: &[&str] = &[
    "a", "about", "again", "am", "an", "and", "any", "are", "as", "at", "be", "but", "can",
    "could", "did", "do", "does", "don't", "ever", "for", "from", "get", "go", "had", "has",
    "have", "he", "hello", "her", "hey", "hi", "him", "his", "how", "i", "i'm", "if", "in", "is",
    "it", "it's", "just", "know", "like", "me", "my", "no", "not", "of", "ok", "okay", "on", "or",
    "our", "please", "really", "remember", "said", "say", "she", "so", "tell", "thank", "thanks",
    "that", "that's", "the", "their", "them", "then", "there", "they", "think", "this", "to",
    "told", "too", "very", "was", "we", "well", "were", "what", "what's", "when", "where", "which",
    "who", "why", "will", "with", "would", "yes", "you", "your", "그래", "그럼", "근데", "나는",
    "내가", "너는", "네가", "뭐야", "뭐지", "뭔지", "있어", "있지", "없어", "이거", "그거", "저는",
    "제가", "해요", "했어", "했지", "라고", "다고", "예요", "에요", "이야", "인데", "는데", "어요",
    "아요", "니까", "지만", "거야", "알아", "기억",
];

/// The texts (oldest first) nearest to `message`, best first, at most `limit`, by their index.
///
/// Questions are left out: "what is my job?" resembles itself most, and answers nothing.
pub(super) fn nearest(message: &str, texts: &[&str], limit: usize) -> Vec<usize> {
    let wanted: HashSet<String> = tokens(message).into_iter().collect();
    if wanted.is_empty() || texts.is_empty() {
        return Vec::new();
    }
    let documents: Vec<Document<'_>> = texts
        .iter()
        .map(|text| Document::new(text, &wanted))
        .collect();
    let mean = documents
        .iter()
        .map(|document| document.length)
        .sum::<usize>() as f64
        / documents.len() as f64;
    let mut in_texts: HashMap<&str, usize> = HashMap::new();
    for token in documents.iter().flat_map(|document| document.often.keys()) {
        *in_texts.entry(token).or_default() += 1;
    }
    let total = documents.len().max(FEWEST) as f64;
    let weight = |token: &str| {
        let count = in_texts[token] as f64;
        (1.0 + (total - count + 0.5) / (count + 0.5)).ln()
    };
    let score = |document: &Document<'_>| -> f64 {
        let length = 1.0 - LENGTH + LENGTH * document.length as f64 / mean.max(1.0);
        let part = |(token, often): (&&str, &f64)| {
            weight(token) * often * (SATURATION + 1.0) / (often + SATURATION * length)
        };
        document.often.iter().map(part).sum()
    };
    let mut scored: Vec<(usize, f64)> = documents
        .iter()
        .enumerate()
        .map(|(index, document)| (index, score(document)))
        .collect();
    scored.retain(|&(index, score)| score >= THRESHOLD && !is_question(texts[index]));
    // Of equal ones the newest first.
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    let mut seen = HashSet::new();
    scored
        .into_iter()
        .map(|(index, _)| index)
        .filter(|&index| seen.insert(texts[index].trim()))
        .take(limit)
        .collect()
}

/// What is counted of one text.
struct Document<'a> {
    /// All of its tokens.
    length: usize,
    /// How often it has each of the wanted ones that it has.
    often: BTreeMap<&'a str, f64>,
}

impl<'a> Document<'a> {
    fn new(text: &str, wanted: &'a HashSet<String>) -> Self {
        let tokens = tokens(text);
        let mut often = BTreeMap::new();
        for token in &tokens {
            if let Some(token) = wanted.get(token) {
                *often.entry(token.as_str()).or_default() += 1.0;
            }
        }
        Self {
            length: tokens.len(),
            often,
        }
    }
}

/// A text on one line, cut behind a word when it is longer than `chars`.
pub(super) fn excerpt(text: &str, chars: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let more = word.chars().count() + usize::from(!line.is_empty());
        if length + more > chars {
            if line.is_empty() {
                line.extend(word.chars().take(chars));
            }
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        length += more;
    }
    line
}

/// The words of a text in lower case, and Korean ones as overlapping pairs of syllables, which makes particles and endings matter little.
fn tokens(text: &str) -> Vec<String> {
    let text: String = text
        .nfc()
        .flat_map(char::to_lowercase)
        .map(|letter| if letter == '’' { '\'' } else { letter })
        .collect();
    let mut tokens = Vec::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'') {
        let letters: Vec<char> = word.chars().collect();
        // "Yun이야" and "3월" hold two scripts.
        for run in letters.chunk_by(|a, b| is_syllable(*a) == is_syllable(*b)) {
            if is_syllable(run[0]) && run.len() > 1 {
                tokens.extend(run.windows(2).map(|pair| pair.iter().collect::<String>()));
            } else {
                tokens.push(run.iter().collect::<String>().trim_matches('\'').to_owned());
            }
        }
    }
    tokens.retain(|token| !token.is_empty() && !STOP_WORDS.contains(&token.as_str()));
    tokens
}

fn is_syllable(letter: char) -> bool {
    ('가'..='힣').contains(&letter)
}

fn is_question(text: &str) -> bool {
    text.trim_end().ends_with(['?', '？'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, texts: &[&str], expected: &[&str]) {
        let found: Vec<_> = nearest(message, texts, 3)
            .into_iter()
            .map(|index| texts[index])
            .collect();
        assert_eq!(found, expected, "{message}");
    }

    const ENGLISH: &[&str] = &[
        "My interview is on Friday.",
        "I had noodles for lunch",
        "When is my interview?",
        "The weather is fine today",
        "My sister Mina visits next week",
        "I had noodles for lunch",
    ];
    const KOREAN: &[&str] = &[
        "금요일에 면접이 있어",
        "점심에 국수를 먹었어",
        "오늘 날씨 좋다",
        "다음 주에 동생 미나가 놀러 와",
        "면접은 언제였지?",
    ];

    #[test]
    fn finds_what_is_asked_after() {
        check(
            "When was that interview again?",
            ENGLISH,
            &["My interview is on Friday."],
        );
        check(
            "Is Mina here yet?",
            ENGLISH,
            &["My sister Mina visits next week"],
        );
        check("면접 언제라고 했지?", KOREAN, &["금요일에 면접이 있어"]);
        check(
            "미나는 언제 온대?",
            KOREAN,
            &["다음 주에 동생 미나가 놀러 와"],
        );
    }

    #[test]
    fn says_nothing_when_nothing_is_near() {
        for message in [
            "",
            "hello",
            "What do you think about it?",
            "How was the concert?",
            "그래 알겠어",
            "😊",
        ] {
            check(message, ENGLISH, &[]);
            check(message, KOREAN, &[]);
        }
        check("interview", &[], &[]);
    }

    #[test]
    fn says_a_thing_once() {
        check("noodles", ENGLISH, &["I had noodles for lunch"]);
    }

    #[test]
    fn cuts_long_lines_behind_a_word() {
        assert_eq!(excerpt("one  two\nthree", 20), "one two three");
        assert_eq!(excerpt("one two three", 9), "one two…");
        assert_eq!(excerpt("아주긴한국어낱말", 3), "아주긴…");
    }
}

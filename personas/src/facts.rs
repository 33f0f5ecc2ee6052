//! What a persona knows, and which of it bears on what a person has just said.
//!
//! Nearness is lexical: shared words, weighed by how rare they are among the facts. No model is asked, so it is quick,
//! and what it finds can be checked in a test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;

use strsim::damerau_levenshtein;

use crate::language::Language;
use crate::vocabulary::{CUES, Cue};
use crate::words::{Word, fold, words};

/// How much of a question's weight a fact must cover to be near.
const NEAR: f32 = 0.2;
/// A long question weighs no more than this; the rest of it is what people say around a question.
const LONG: f32 = 8.0;
/// A fact is left out when the best one is this much nearer.
const FAR_BEHIND: f32 = 0.5;
/// How much more a fact's first word counts: that is what the fact is about. It fades with each word.
const TOPIC: f32 = 0.4;
/// What a fact gains when it tells what was asked for: a place, a time, a price, a phone number.
const TELLS: f32 = 1.3;
/// What unknown Korean syllables count for: they are often an ending, or the seam of a compound, and say less than an unknown word.
const UNKNOWN: f32 = 0.5;

/// The characters of a message that are looked at; a question is seldom longer, and a message of a megabyte costs no more.
const MOST_CHARACTERS: usize = 2000;

/// One thing a persona knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The fact, in one sentence that can be understood alone.
    pub text: String,
    /// Where it comes from.
    pub source: Option<String>,
    /// The language it is written in.
    pub lang: Language,
}

/// Facts that can be searched. Read them as a slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    all: Vec<Fact>,
    /// Invariant: each language has one; `near` relies on it.
    indexes: BTreeMap<Language, Index>,
}

impl Facts {
    pub(crate) fn new(all: Vec<Fact>) -> Self {
        let indexes = Language::ALL
            .into_iter()
            .map(|language| (language, Index::new(&all, language)))
            .collect();
        Self { all, indexes }
    }

    /// The facts that bear on `text`, nearest first; those in its language when there are any.
    pub(crate) fn near(&self, text: &str, most: usize) -> Vec<&Fact> {
        let question = Question::new(text);
        let own = Language::of(text);
        let mut languages = Language::ALL;
        languages.sort_by_key(|&language| language != own);
        let mut nears = languages
            .iter()
            .map(|language| self.indexes[language].near(&question));
        let near = nears.find(|near| !near.is_empty()).unwrap_or_default();
        near.into_iter()
            .take(most)
            .filter_map(|place| self.all.get(place))
            .collect()
    }
}

impl Deref for Facts {
    type Target = [Fact];

    fn deref(&self) -> &[Fact] {
        &self.all
    }
}

/// What is asked.
struct Question {
    words: BTreeSet<Word>,
    /// The kinds of answers that are asked for, as indexes into `CUES`.
    asks: BTreeSet<usize>,
}

impl Question {
    fn new(text: &str) -> Self {
        let folded = fold(&text.chars().take(MOST_CHARACTERS).collect::<String>());
        Self {
            asks: cues(&folded, |cue| cue.asks),
            words: words(&folded).into_iter().collect(),
        }
    }

    /// The numbers asked for, by their kind.
    fn numbered(&self) -> BTreeMap<&'static str, BTreeSet<u32>> {
        let mut kinds: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (kind, number) in self.words.iter().filter_map(Word::number) {
            kinds.entry(kind).or_default().insert(number);
        }
        kinds
    }
}

/// The facts of one language, by their words.
#[derive(Debug, Clone, PartialEq, Default)]
struct Index {
    entries: Vec<Entry>,
    /// In which entries a gram stands.
    grams: HashMap<String, Vec<Posting>>,
    /// The kinds of numbered things that the facts know.
    kinds: BTreeSet<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// Its place among all facts.
    fact: usize,
    numbered: BTreeSet<(&'static str, u32)>,
    /// The kinds of answers it gives, as indexes into `CUES`.
    tells: BTreeSet<usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Posting {
    entry: usize,
    /// How many words stand before the gram's.
    place: usize,
}

impl Index {
    fn new(facts: &[Fact], language: Language) -> Self {
        let mut index = Self::default();
        for (number, fact) in facts
            .iter()
            .enumerate()
            .filter(|(_, fact)| fact.lang == language)
        {
            index.add(number, &fold(&fact.text));
        }
        index
    }

    fn add(&mut self, fact: usize, folded: &str) {
        let words = words(folded);
        let entry = Entry {
            fact,
            numbered: words.iter().filter_map(Word::number).collect(),
            tells: cues(folded, |cue| cue.tells),
        };
        self.kinds
            .extend(entry.numbered.iter().map(|&(kind, _)| kind));
        let mut seen = BTreeSet::new();
        for (place, word) in words.iter().enumerate() {
            for gram in word.grams() {
                if seen.insert(gram.clone()) {
                    let posting = Posting {
                        entry: self.entries.len(),
                        place,
                    };
                    self.grams.entry(gram).or_default().push(posting);
                }
            }
        }
        self.entries.push(entry);
    }

    /// The facts near to a question as their places among all, nearest first.
    fn near(&self, question: &Question) -> Vec<usize> {
        let mut scores = vec![Score::default(); self.entries.len()];
        let mut whole = 0.0_f32;
        for word in &question.words {
            whole += self.weigh(word, &mut scores);
        }
        let numbered = question.numbered();
        let mut near: Vec<(f32, usize)> = Vec::new();
        for (entry, score) in self.entries.iter().zip(scores) {
            let covers = score.covered > 0.0 && score.covered >= NEAR * whole.min(LONG);
            if covers && self.has_numbers(entry, &numbered) {
                let tells = !question.asks.is_disjoint(&entry.tells);
                near.push((score.total * if tells { TELLS } else { 1.0 }, entry.fact));
            }
        }
        near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let best = near.first().map_or(0.0, |&(score, _)| score);
        near.into_iter()
            .filter(|&(score, _)| score >= FAR_BEHIND * best)
            .map(|(_, fact)| fact)
            .collect()
    }

    /// Whether a fact has one of the numbers of each kind that is asked for. A kind of which no fact knows anything is no matter.
    fn has_numbers(&self, entry: &Entry, asked: &BTreeMap<&'static str, BTreeSet<u32>>) -> bool {
        let mut kinds = asked.iter().filter(|(kind, _)| self.kinds.contains(*kind));
        kinds.all(|(kind, numbers)| {
            numbers
                .iter()
                .any(|&number| entry.numbered.contains(&(*kind, number)))
        })
    }

    /// Adds to each entry's score what it has of a word, and returns the word's weight.
    fn weigh(&self, word: &Word, scores: &mut [Score]) -> f32 {
        let grams: Vec<String> = word
            .grams()
            .into_iter()
            .map(|gram| self.known(gram))
            .collect();
        let rarities: Vec<f32> = grams.iter().map(|gram| self.rarity(gram)).collect();
        let all: f32 = rarities.iter().sum();
        let rarest = rarities.iter().copied().fold(0.0, f32::max);
        for (gram, rarity) in grams.iter().zip(&rarities) {
            for posting in self.postings(gram) {
                let covered = rarest * rarity / all;
                let score = &mut scores[posting.entry];
                score.covered += covered;
                score.total += covered * (1.0 + TOPIC / (1.0 + posting.place as f32));
            }
        }
        rarest
    }

    /// How rare a gram is: the inverse document frequency of BM25.
    fn rarity(&self, gram: &str) -> f32 {
        let having = self.postings(gram).len() as f32;
        let entries = self.entries.len() as f32;
        let rarity = (1.0 + (entries - having + 0.5) / (having + 0.5)).ln();
        if having == 0.0 && Language::of(gram) == Language::Korean {
            UNKNOWN * rarity
        } else {
            rarity
        }
    }

    fn postings(&self, gram: &str) -> &[Posting] {
        self.grams.get(gram).map(Vec::as_slice).unwrap_or_default()
    }

    /// A word that no fact has, as the one that was meant: shortened ("dorm") or, when it is long, one letter off.
    fn known(&self, gram: String) -> String {
        let letters = gram.chars().count();
        if self.grams.contains_key(&gram) || letters < 4 || !gram.is_ascii() {
            return gram;
        }
        let slip = |known: &str| {
            letters > 5
                && known.chars().next() == gram.chars().next()
                && damerau_levenshtein(known, &gram) == 1
        };
        let meant = self
            .grams
            .keys()
            .filter(|known| known.starts_with(&gram) || slip(known));
        meant.min().cloned().unwrap_or(gram)
    }
}

#[derive(Clone, Copy, Default)]
struct Score {
    /// How much of the question's weight the fact has.
    covered: f32,
    /// The same, with what stands in the fact's first words counting more.
    total: f32,
}

/// The cues of which the folded text has a word.
fn cues(folded: &str, words: impl Fn(&Cue) -> &'static [&'static str]) -> BTreeSet<usize> {
    let between_spaces = format!(" {} ", folded.replace([',', '.', ';', '?', '!', '\n'], " "));
    let found = CUES
        .iter()
        .enumerate()
        .filter(|(_, cue)| words(cue).iter().any(|word| between_spaces.contains(word)));
    found.map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(texts: &[&str]) -> Facts {
        let fact = |text: &&str| Fact {
            text: (*text).to_owned(),
            source: None,
            lang: Language::of(text),
        };
        Facts::new(texts.iter().map(fact).collect())
    }

    fn near(facts: &Facts, text: &str) -> Vec<String> {
        facts
            .near(text, 9)
            .into_iter()
            .map(|fact| fact.text.clone())
            .collect()
    }

    #[test]
    fn what_a_fact_is_about_counts_most() {
        let facts = facts(&[
            "5호관은 도서관 옆에 있어요.",
            "도서관은 5호관 옆에 있어요.",
            "식당은 6호관에 있어요.",
        ]);
        assert_eq!(
            near(&facts, "도서관은 어디에 있어?")[0],
            "도서관은 5호관 옆에 있어요."
        );
        assert_eq!(
            near(&facts, "5호관은 어디에 있어?")[0],
            "5호관은 도서관 옆에 있어요."
        );
    }

    #[test]
    fn another_language_helps_out() {
        let facts = facts(&[
            "Building 1 is beside the field.",
            "Building 2 is behind it.",
            "2호관은 1층이 로비예요.",
        ]);
        assert_eq!(near(&facts, "2호관 어디야?"), ["2호관은 1층이 로비예요."]);
        assert_eq!(
            near(&facts, "1호관 어디야?"),
            ["Building 1 is beside the field."]
        );
    }

    #[test]
    fn an_unknown_number_finds_nothing() {
        let facts = facts(&["1호관은 운동장 옆에 있어요.", "도서관은 2층이에요."]);
        assert!(near(&facts, "9호관 운동장 어디야?").is_empty());
        // No fact knows of years, so the year is no matter.
        assert_eq!(
            near(&facts, "1학년도 도서관에 가도 돼?"),
            ["도서관은 2층이에요."]
        );
    }

    #[test]
    fn slips_and_short_forms_are_understood() {
        let facts = facts(&[
            "The dormitory is on the hill.",
            "The cafeteria costs 5,000 won.",
            "The library is old.",
        ]);
        assert_eq!(
            near(&facts, "where is the dorm"),
            ["The dormitory is on the hill."]
        );
        assert_eq!(
            near(&facts, "where is the cafetria"),
            ["The cafeteria costs 5,000 won."]
        );
    }

    #[test]
    fn without_facts_nothing_is_near() {
        assert!(near(&facts(&[]), "1호관은 어디에 있어?").is_empty());
    }
}

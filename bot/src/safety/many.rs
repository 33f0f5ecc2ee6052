//! Thousands of patterns at once: each holds one of a few letters, and is only looked for where these stand.
//!
//! One machine for all of them would be large and slow to make, and slow on texts of two scripts.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

/// A pattern on its way into [`Many`].
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// As a regular expression.
    pub(super) source: String,
    /// Letters of which some stand, without spaces between them, in each text that it finds.
    pub(super) anchors: Vec<String>,
}

/// Patterns, those of more letters first.
#[derive(Debug, Clone)]
pub(super) struct Many {
    patterns: Vec<(String, OnceLock<Regex>)>,
    anchors: AhoCorasick,
    /// The patterns that have an anchor, by its number.
    having: Vec<Vec<usize>>,
}

impl Many {
    /// # Errors
    /// When there are too many.
    pub(super) fn new(mut patterns: Vec<Pattern>) -> Result<Self, String> {
        patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.source.len()));
        let mut having = BTreeMap::<&str, Vec<usize>>::new();
        for (number, pattern) in patterns.iter().enumerate() {
            for anchor in &pattern.anchors {
                having.entry(anchor).or_default().push(number);
            }
        }
        let anchors = AhoCorasick::new(having.keys()).map_err(|error| error.to_string())?;
        let having = having.into_values().collect();
        let patterns = patterns.into_iter();
        Ok(Self {
            patterns: patterns.map(|it| (it.source, OnceLock::new())).collect(),
            anchors,
            having,
        })
    }

    /// The patterns that may be in a text.
    fn possible(&self, text: &str) -> impl Iterator<Item = &Regex> {
        let letters: String = text.split(' ').collect();
        let found = self.anchors.find_overlapping_iter(&letters);
        let mut numbers: Vec<usize> = found
            .flat_map(|anchor| self.having[anchor.pattern().as_usize()].iter().copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| {
            let (source, regex) = &self.patterns[number];
            regex.get_or_init(|| {
                Regex::new(source).expect("letters, alternatives and gaps; a test reads them all")
            })
        })
    }

    /// Whether one of them is in a text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.possible(text).any(|pattern| pattern.is_match(text))
    }

    /// A text with `mark` in place of each that is in it.
    pub(super) fn replaced(&self, text: &str, mark: &str) -> String {
        self.possible(text).fold(text.to_owned(), |text, pattern| {
            pattern.replace_all(&text, mark).into_owned()
        })
    }
}

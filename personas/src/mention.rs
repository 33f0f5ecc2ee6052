//! The names of personas in a sentence, and what is attached to them: "조이야", "메추리님은", "joeyyy".
//!
//! Whether such a name is called is `call.rs`.

use crate::call_words::{EVERYDAY_NAMES, HONORIFICS, TOPICS, VOCATIVES, listed};
use crate::language::is_hangul;
use crate::persona::Persona;
use crate::sentence::{Mark, Sentence, sentences};
use crate::words::{has_final_consonant, without_particle};

/// One of the names of a persona, as words of a sentence.
pub(crate) struct Name<'a> {
    persona: &'a Persona,
    words: Vec<String>,
    /// Whether it is an everyday word as well.
    everyday: bool,
}

impl<'a> Name<'a> {
    /// Every name of a persona.
    pub(crate) fn all(persona: &'a Persona) -> impl Iterator<Item = Self> {
        let aliases = persona.aliases.iter().map(String::as_str);
        [persona.id.as_str(), &persona.name]
            .into_iter()
            .chain(aliases)
            .filter_map(move |name| {
                // A name that is heard as several sentences ("Dr. Hong") is found nowhere.
                let [sentence] = <[Sentence; 1]>::try_from(sentences(name)).ok()?;
                let words: Vec<String> = sentence.words.into_iter().map(|word| word.text).collect();
                let everyday = matches!(words.as_slice(), [word] if listed(EVERYDAY_NAMES, word));
                Some(Self {
                    persona,
                    words,
                    everyday,
                })
            })
    }

    /// How much of a text it takes, without what is attached to it.
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(String::len).sum()
    }

    /// The mention of this name that begins at that place.
    pub(crate) fn mention(&self, sentence: &Sentence, first: usize) -> Option<Mention<'a>> {
        let (last, begin) = self.words.split_last()?;
        let end = first + self.words.len();
        let begins = begin
            .iter()
            .enumerate()
            .all(|(nth, word)| sentence.word(first + nth) == word);
        let joined = (first + 1..end)
            .all(|place| sentence.words.get(place).map(|word| word.before) == Some(Mark::Space));
        if !begins || !joined {
            return None;
        }
        let mut mention = Mention {
            persona: self.persona,
            everyday: self.everyday,
            first,
            end,
            form: form(sentence.word(end - 1), last)?,
        };
        // "조이 님", "로스 교수님은"
        if mention.form == Form::Bare
            && sentence.after(end - 1) == Mark::Space
            && let Some(form) = honoured(sentence.word(end))
        {
            mention.form = form;
            mention.end += 1;
        }
        Some(mention)
    }
}

/// A name in a sentence.
pub(crate) struct Mention<'a> {
    pub(crate) persona: &'a Persona,
    pub(crate) everyday: bool,
    /// The place of its first word, and that after its last.
    pub(crate) first: usize,
    pub(crate) end: usize,
    pub(crate) form: Form,
}

/// What is attached to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Bare,
    /// "조이야"
    Vocative,
    /// "조이님"
    Respectful,
    /// "조이는"
    Topic,
    /// "레이첼이야", which calls Rachel or says that somebody is she.
    Identifying,
    /// "조이가"
    About,
}

fn form(word: &str, name: &str) -> Option<Form> {
    let Some(tail) = word.strip_prefix(name) else {
        return is_short_vocative(word, name).then_some(Form::Vocative);
    };
    // "joeyyy", but "boss" is not Bos.
    let may_be_stretched = tail.is_empty() || tail.len() > 1 && !is_korean(tail);
    if may_be_stretched && is_stretched(word, name) {
        return Some(Form::Bare);
    }
    // "조이야아아"
    let short = tail.trim_end_matches('아');
    if tail == "이야" {
        Some(Form::Identifying)
    } else if short.is_empty() || listed(VOCATIVES, short) {
        Some(Form::Vocative)
    } else if listed(TOPICS, tail) {
        Some(Form::Topic)
    } else {
        let about = || (without_particle(word) == name).then_some(Form::About);
        honoured(tail).or_else(about)
    }
}

/// "길동아" calls 길동이: the 이 that names with 받침 take falls away.
fn is_short_vocative(word: &str, name: &str) -> bool {
    let stem = name.strip_suffix('이');
    stem.is_some_and(|stem| has_final_consonant(stem) && word.strip_suffix('아') == Some(stem))
}

/// The form of a name that is followed by this form of address.
fn honoured(word: &str) -> Option<Form> {
    let rest = HONORIFICS
        .split_whitespace()
        .find_map(|honorific| word.strip_prefix(honorific))?;
    match rest {
        "" => Some(Form::Respectful),
        "아" | "야" => Some(Form::Vocative),
        _ if listed(TOPICS, rest) => Some(Form::Topic),
        _ => None,
    }
}

/// Whether a word is the other with its last letter drawn out, or not: "heyyy", "야야".
pub(crate) fn is_stretched(word: &str, other: &str) -> bool {
    word.strip_prefix(other).is_some_and(|rest| {
        other
            .chars()
            .last()
            .is_some_and(|last| rest.chars().all(|letter| letter == last))
    })
}

pub(crate) fn is_korean(word: &str) -> bool {
    word.chars().any(is_hangul)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_attached_to_a_name_tells_how_it_is_meant() {
        for (word, name, wanted) in [
            ("조이", "조이", Some(Form::Bare)),
            ("joeyyy", "joey", Some(Form::Bare)),
            ("joey야", "joey", Some(Form::Vocative)),
            ("조이야", "조이", Some(Form::Vocative)),
            // The rule for 받침 is often mistaken.
            ("조이아", "조이", Some(Form::Vocative)),
            ("조이야아아", "조이", Some(Form::Vocative)),
            ("길동아", "길동이", Some(Form::Vocative)),
            ("조이형아", "조이", Some(Form::Vocative)),
            ("조이선배님", "조이", Some(Form::Respectful)),
            ("메추리님은", "메추리", Some(Form::Topic)),
            ("레이첼은요", "레이첼", Some(Form::Topic)),
            ("레이첼이야", "레이첼", Some(Form::Identifying)),
            ("조이한테", "조이", Some(Form::About)),
            ("조야", "조이", None),
            ("조이야말로", "조이", None),
            ("조이스틱", "조이", None),
            ("로스쿨", "로스", None),
            ("joey's", "joey", None),
            ("boss", "bos", None),
        ] {
            assert_eq!(form(word, name), wanted, "{word}");
        }
    }
}

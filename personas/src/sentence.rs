//! The sentences of a chat message as somebody hears them: folded words and the marks between them, without what is only quoted.
//!
//! Who is meant by the words is `call.rs`.

use crate::words::fold;

/// Stands for a link, a piece of code or a quotation: something is said there, but not in the writer's own words.
pub(crate) const OPAQUE: &str = "\u{fffc}";
/// The longest `<…>` that a platform writes for an emoji or a mention.
const LONGEST_TAG: usize = 64;

/// A sentence with at least one word.
#[derive(Debug)]
pub(crate) struct Sentence {
    pub(crate) words: Vec<Word>,
    /// What stands after the last word, before the end.
    pub(crate) trailing: Mark,
    pub(crate) end: End,
}

/// A word, folded.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// What stands between it and the word before.
    pub(crate) before: Mark,
}

/// What separates two words. The later one wins where several stand together: ", @joey".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// Only space, emoji or laughter.
    Space,
    /// A pause: comma, dash, dots, "~".
    Pause,
    Colon,
    /// A bracket, a bullet, a sign: what follows is no plain speech.
    Sign,
    /// "@" right before a word.
    At,
}

/// How a sentence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With the line.
    Open,
    Period,
    Exclamation,
    Question,
}

impl Sentence {
    /// What stands after the word at that place.
    pub(crate) fn after(&self, place: usize) -> Mark {
        self.words
            .get(place + 1)
            .map_or(self.trailing, |next| next.before)
    }

    /// The text of the word at that place; empty outside the sentence.
    pub(crate) fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", |word| &word.text)
    }
}

/// The sentences of a message, without blocks of code and without quoted lines.
pub(crate) fn sentences(text: &str) -> Vec<Sentence> {
    let text = fold(text);
    let spoken = text.split("```").step_by(2);
    spoken
        .flat_map(str::lines)
        .map(str::trim)
        .filter(|line| !line.starts_with('>'))
        .flat_map(|line| Reader::default().read(&spoken_part(line)))
        .collect()
}

/// A line with its links, code, quotations and tags made opaque.
fn spoken_part(line: &str) -> String {
    let straight = line.replace(['“', '”', '„', '「', '」', '『', '』'], "\"");
    without_pairs(&without_pairs(&straight, '`'), '"')
        .split(' ')
        .map(|chunk| {
            let is_link = chunk.contains("://") || chunk.starts_with("www.");
            if is_link {
                OPAQUE.to_owned()
            } else {
                without_tags(chunk)
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// What stands between two of these marks is opaque; a mark without a partner is left alone.
fn without_pairs(line: &str, mark: char) -> String {
    let pieces: Vec<&str> = line.split(mark).collect();
    let last = pieces.len() - 1;
    let mut kept = String::with_capacity(line.len());
    for (place, piece) in pieces.into_iter().enumerate() {
        match (place % 2, place == last) {
            (0, _) => kept.push_str(piece),
            (_, true) => {
                kept.push(mark);
                kept.push_str(piece);
            }
            (_, false) => kept.push_str(OPAQUE),
        }
    }
    kept
}

/// A chunk without the `<:name:1>`, `<@1>` and `<#1>` that Discord writes for emoji and mentions.
fn without_tags(chunk: &str) -> String {
    let mut kept = String::with_capacity(chunk.len());
    let mut pieces = chunk.split('<');
    kept.extend(pieces.next());
    for piece in pieces {
        match piece.split_once('>') {
            Some((tag, rest)) if tag.len() <= LONGEST_TAG => kept.push_str(rest),
            _ => {
                kept.push('<');
                kept.push_str(piece);
            }
        }
    }
    kept
}

/// Reads one line.
#[derive(Default)]
struct Reader {
    sentences: Vec<Sentence>,
    words: Vec<Word>,
    word: String,
    mark: Option<Mark>,
}

impl Reader {
    fn read(mut self, line: &str) -> Vec<Sentence> {
        let mut letters = line.chars().peekable();
        let mut before = ' ';
        while let Some(letter) = letters.next() {
            let next = letters.peek().copied().unwrap_or(' ');
            match letter {
                _ if is_part_of_word(before, letter, next) => self.word.push(letter),
                // Zero-width characters break no word.
                '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe0f}' => continue,
                '.' if next == '.' || before == '.' => self.pause(Mark::Pause),
                '.' | '。' => self.end(End::Period),
                '!' => self.end(End::Exclamation),
                '?' => self.end(End::Question),
                ',' | '、' | ';' | '~' | '—' | '–' => self.pause(Mark::Pause),
                // A dash at the start of a line is a bullet.
                '-' | '•' if self.words.is_empty() && self.word.is_empty() => {
                    self.pause(Mark::Sign)
                }
                '-' => self.pause(Mark::Pause),
                ':' => self.pause(Mark::Colon),
                '@' if next.is_alphanumeric() => self.pause(Mark::At),
                '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '/' | '\\' | '|' | '+' | '='
                | '&' | '#' | '$' | '%' | '^' | '"' => self.pause(Mark::Sign),
                _ => self.pause(Mark::Space),
            }
            before = letter;
        }
        self.end(End::Open);
        self.sentences
    }

    /// Ends the word, if one was begun, and notes the mark that follows it.
    fn pause(&mut self, mark: Mark) {
        if !self.word.is_empty() {
            self.words.push(Word {
                text: std::mem::take(&mut self.word),
                before: self.mark.take().unwrap_or(Mark::Space),
            });
        }
        self.mark = self.mark.max(Some(mark));
    }

    /// Ends the sentence, if one was begun. Of several marks at its end a question mark counts, wherever it stands: "뭐해?!"
    fn end(&mut self, end: End) {
        self.pause(Mark::Space);
        if self.words.is_empty() {
            if let (End::Question, Some(sentence)) = (end, self.sentences.last_mut())
                && sentence.end == End::Exclamation
            {
                sentence.end = end;
            }
            return;
        }
        self.sentences.push(Sentence {
            words: std::mem::take(&mut self.words),
            trailing: self.mark.take().unwrap_or(Mark::Space),
            end,
        });
    }
}

fn is_part_of_word(before: char, letter: char, next: char) -> bool {
    let inside = is_letter(before) && is_letter(next);
    match letter {
        '\u{fffc}' => true,
        '\'' | '’' | '-' | '_' | '/' | '@' => inside,
        '.' => before.is_ascii_alphanumeric() && next.is_ascii_alphanumeric(),
        _ => is_letter(letter),
    }
}

/// Letters and digits, but not ㅋㅋ, ㅎㅎ, ㅠㅠ and ㅜㅡㅜ, which are the emoji of Korean. `fold` has made them conjoining letters.
fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric()
        && !matches!(
            letter,
            '\u{110f}' | '\u{1112}' | '\u{1172}' | '\u{116e}' | '\u{1173}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of each sentence, with how it ends.
    fn heard(text: &str) -> Vec<String> {
        let sentences = sentences(text);
        let sentences = sentences.iter().map(|sentence| {
            let words: Vec<&str> = sentence
                .words
                .iter()
                .map(|word| word.text.as_str())
                .collect();
            format!("{} {:?}", words.join(" "), sentence.end)
        });
        sentences.collect()
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        for (text, wanted) in [
            ("조이야, 뭐해?!", vec!["조이야 뭐해 Question"]),
            (
                "뭐!? 진짜...  그래.",
                vec!["뭐 Question", "진짜 그래 Period"],
            ),
            (
                "one\n\ntwo。three",
                vec!["one Open", "two Period", "three Open"],
            ),
            ("v1.2 e.g. don't", vec!["v1.2 e.g Period", "don't Open"]),
            ("ＪＯＥＹ！", vec!["joey Exclamation"]),
            ("조\u{200b}이ㅋㅋ 😀 야ㅠ", vec!["조이 야 Open"]),
            ("?! ... 😀", vec![]),
        ] {
            assert_eq!(heard(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_the_writers_own_is_not_heard() {
        for (text, wanted) in [
            ("> quoted\nown", vec!["own Open"]),
            ("a\n```\ncode\n```\nb", vec!["a Open", "b Open"]),
            ("a ```unclosed", vec!["a Open"]),
            ("call `it` so", vec!["call \u{fffc} so Open"]),
            (
                "he said “hi there” twice",
                vec!["he said \u{fffc} twice Open"],
            ),
            ("5\" wide", vec!["5 wide Open"]),
            (
                "see https://example.com/joey now",
                vec!["see \u{fffc} now Open"],
            ),
            ("<:joey:123> hi <@42>", vec!["hi Open"]),
            ("joey@example.com", vec!["joey@example.com Open"]),
        ] {
            assert_eq!(heard(text), wanted, "{text}");
        }
    }

    #[test]
    fn marks_between_words_are_kept() {
        for (text, wanted) in [
            ("a b", Mark::Space),
            ("a 😀 b", Mark::Space),
            ("a, b", Mark::Pause),
            ("a... b", Mark::Pause),
            ("a~ b", Mark::Pause),
            ("a - b", Mark::Pause),
            ("a: b", Mark::Colon),
            ("a (b", Mark::Sign),
            ("a, @b", Mark::At),
        ] {
            assert_eq!(sentences(text)[0].words[1].before, wanted, "{text}");
        }
    }
}

//! Lays a prompt's pieces out for the tokenizer, so that a special token typed by a person stays text. It does not tokenize.
//!
//! Ordinary text is handed on in the longest possible runs, across the border between template and content: there the tokens are
//! those that the model was trained on. Only the template's own words can contain control tokens.

use std::collections::HashMap;
use std::sync::Arc;

use super::scheduler::Token;
use crate::template::Piece;

/// A stretch of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Run {
    /// A token by itself.
    Special(Token),
    /// Text to be tokenized without regard to control tokens.
    Plain(String),
    /// The tokens that a reply was generated as.
    Own(Arc<[Token]>),
}

/// A reply as the model generated it: its text could be tokenized otherwise, and nothing of what was computed for it would be of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) tokens: Arc<[Token]>,
    /// White space with which the tokens begin. Some templates write it before a reply that is told and leave it to the model otherwise.
    pub(crate) leading: String,
}

/// A token that text can be replaced by as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Special {
    pub(crate) text: String,
    pub(crate) token: Token,
    /// It swallows the white space before it, and after it.
    pub(crate) strips_left: bool,
    pub(crate) strips_right: bool,
}

/// The vocabulary's special tokens.
#[derive(Debug, Default)]
pub(crate) struct Specials {
    /// Control tokens by their first character, longest first.
    control: HashMap<char, Vec<Special>>,
    /// Texts that the tokenizer makes one token of even in ordinary text. White space is left out: nobody is deceived by it.
    user_defined: Vec<String>,
}

impl Specials {
    pub(crate) fn new(control: Vec<Special>, user_defined: Vec<String>) -> Self {
        let mut by_first: HashMap<char, Vec<Special>> = HashMap::new();
        for special in control {
            if let Some(first) = special.text.chars().next() {
                by_first.entry(first).or_default().push(special);
            }
        }
        by_first.values_mut().for_each(|specials| {
            specials.sort_by_key(|special| std::cmp::Reverse(special.text.len()))
        });
        let user_defined = user_defined
            .into_iter()
            .filter(|text| !text.trim().is_empty() && text.chars().count() > 1)
            .collect();
        Self {
            control: by_first,
            user_defined,
        }
    }

    /// Whether one of the markers that are no control tokens stands in a text.
    pub(crate) fn mark(&self, text: &str) -> bool {
        self.user_defined.iter().any(|marker| text.contains(marker))
    }

    /// The control token that a text of the template begins with, after white space.
    pub(crate) fn first(&self, text: &str) -> Option<Token> {
        let text = text.trim_start();
        self.at(text, text.chars().next()?)
            .map(|special| special.token)
    }

    /// The longest control token that a text begins with.
    fn at(&self, text: &str, first: char) -> Option<&Special> {
        self.control
            .get(&first)?
            .iter()
            .find(|special| text.starts_with(&special.text))
    }

    /// Cuts a prompt into runs; `own` knows which messages are replies of the model, by their places.
    pub(crate) fn lay_out(&self, pieces: &[Piece], own: impl Fn(usize) -> Option<Own>) -> Vec<Run> {
        let trusted = || pieces.iter().filter(|piece| piece.is_templates());
        // What the template writes as a marker must not be typed. The tokenizer would see it in any text, so it is broken up there.
        let markers: Vec<&str> = self
            .user_defined
            .iter()
            .filter(|marker| trusted().any(|piece| piece.text.contains(*marker)))
            .map(String::as_str)
            .collect();
        let mut layout = Layout::default();
        for piece in pieces {
            match piece.message.map(&own) {
                None => self.lay_out_trusted(&piece.text, &mut layout),
                Some(None) => lay_out_content(&piece.text, &markers, &mut layout),
                Some(Some(own)) => layout.own(own),
            }
        }
        layout.break_run();
        layout.runs
    }

    fn lay_out_trusted(&self, text: &str, layout: &mut Layout) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let taken = match self.at(rest, first) {
                Some(special) => {
                    layout.special(special);
                    special.text.len()
                }
                None => {
                    layout.plain.push(first);
                    first.len_utf8()
                }
            };
            rest = rest.get(taken..).unwrap_or_default();
            if layout.strip_next {
                rest = rest.trim_start();
                layout.strip_next = false;
            }
        }
    }
}

fn lay_out_content(text: &str, markers: &[&str], layout: &mut Layout) {
    for (start, character) in text.char_indices() {
        layout.plain.push(character);
        if markers.iter().any(|marker| {
            text.get(start..)
                .is_some_and(|rest| rest.starts_with(marker))
        }) {
            layout.break_run();
        }
    }
}

#[derive(Default)]
struct Layout {
    runs: Vec<Run>,
    plain: String,
    strip_next: bool,
}

impl Layout {
    fn special(&mut self, special: &Special) {
        if special.strips_left {
            self.plain.truncate(self.plain.trim_end().len());
        }
        self.break_run();
        self.runs.push(Run::Special(special.token));
        self.strip_next = special.strips_right;
    }

    fn own(&mut self, own: Own) {
        if let Some(before) = self.plain.strip_suffix(&own.leading) {
            self.plain.truncate(before.len());
        }
        self.break_run();
        self.runs.push(Run::Own(own.tokens));
    }

    fn break_run(&mut self) {
        if !self.plain.is_empty() {
            self.runs.push(Run::Plain(std::mem::take(&mut self.plain)));
        }
    }
}

/// Cuts a long run where it hurts least. llama.cpp splits words with regular expressions that recurse, and a text of some hundred
/// thousand characters without a break overflows its stack.
pub(crate) fn chunks(text: &str) -> impl Iterator<Item = &str> {
    const LONGEST: usize = 16 << 10;
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (head, _) = rest.split_at(rest.floor_char_boundary(LONGEST));
        let at_space = if head.len() < rest.len() {
            head.rfind(char::is_whitespace).filter(|place| *place > 0)
        } else {
            None
        };
        let (chunk, tail) = rest.split_at(at_space.unwrap_or(head.len()));
        rest = tail;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn specials() -> Specials {
        let control = |text: &str, token| Special {
            text: text.into(),
            token,
            strips_left: false,
            strips_right: false,
        };
        Specials::new(
            vec![
                control("<|im|>", 1),
                control("<|im|>x", 2),
                control("<s>", 3),
                Special {
                    strips_left: true,
                    strips_right: true,
                    ..control("<pad>", 4)
                },
            ],
            vec!["<turn>".into(), "\n\n".into(), "가".into()],
        )
    }

    fn check(pieces: &[(&str, bool)], expected: &[Run]) {
        let pieces: Vec<Piece> = pieces
            .iter()
            .enumerate()
            .map(|(place, (text, trusted))| Piece {
                text: (*text).into(),
                message: (!trusted).then_some(place),
            })
            .collect();
        assert_eq!(specials().lay_out(&pieces, |_| None), expected);
    }

    fn plain(text: &str) -> Run {
        Run::Plain(text.into())
    }

    #[test]
    fn plain_runs_span_template_and_content() {
        check(
            &[
                ("<s><|im|>user\n", true),
                ("hi", false),
                ("<|im|>x\n", true),
            ],
            &[
                Run::Special(3),
                Run::Special(1),
                plain("user\nhi"),
                Run::Special(2),
                plain("\n"),
            ],
        );
    }

    #[test]
    fn what_a_person_types_is_never_a_control_token() {
        check(
            &[("<s>", true), ("<|im|> <s>", false), ("<s>", true)],
            &[Run::Special(3), plain("<|im|> <s>"), Run::Special(3)],
        );
    }

    #[test]
    fn a_template_marker_that_is_no_control_token_is_broken_up_in_content() {
        check(
            &[("<turn>a\n\n", true), ("b<turn>\n\nc", false)],
            &[plain("<turn>a\n\nb<"), plain("turn>\n\nc")],
        );
        // The template does not use it: it is what the vocabulary says it is.
        check(&[("a", true), ("<turn>", false)], &[plain("a<turn>")]);
    }

    #[test]
    fn some_tokens_swallow_the_white_space_around_them() {
        check(
            &[("a \n<pad> \n b", true)],
            &[plain("a"), Run::Special(4), plain("b")],
        );
    }

    #[test]
    fn a_reply_stays_what_it_was_generated_as() {
        let piece = |text: &str, message| Piece {
            text: text.into(),
            message,
        };
        let pieces = [
            piece("<s>a ", None),
            piece("b", Some(0)),
            piece("c ", Some(1)),
            piece("<s>", None),
        ];
        let lay_out = |leading: &str| {
            let own = Own {
                tokens: [7, 8].into(),
                leading: leading.into(),
            };
            specials().lay_out(&pieces, move |place| {
                Some(own.clone()).filter(|_| place == 0)
            })
        };
        let after = [Run::Own([7, 8].into()), plain("c "), Run::Special(3)];
        assert_eq!(
            lay_out(""),
            [&[Run::Special(3), plain("a ")], &after[..]].concat()
        );
        // The space is in the reply's first token.
        assert_eq!(
            lay_out(" "),
            [&[Run::Special(3), plain("a")], &after[..]].concat()
        );
        assert_eq!(
            lay_out("\n"),
            [&[Run::Special(3), plain("a ")], &after[..]].concat()
        );
    }

    #[test]
    fn a_text_begins_with_the_longest_control_token_there() {
        assert_eq!(specials().first("\n <|im|>x<s>"), Some(2));
        assert_eq!(specials().first("word <s>"), None);
        assert_eq!(specials().first(" "), None);
        assert_eq!(specials().first("<turn>"), None);
    }

    proptest! {
        #[test]
        fn chunks_lose_nothing(text in "([a가 ]{1,9}){0,6000}") {
            let pieces: Vec<&str> = chunks(&text).collect();
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 16 << 10));
        }
    }
}

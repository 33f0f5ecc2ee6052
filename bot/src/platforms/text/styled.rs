//! A reply as people read it: literal text, and which parts of it are bold, italic or code. How a platform writes that is not its business.

use std::ops::Range;

use super::markdown::{Markup, REACH};

/// Literal text with styles over parts of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Styled {
    text: String,
    spans: Vec<Span>,
}

/// A part of a text and its style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Bytes of the literal text, on character boundaries and never empty.
    pub range: Range<usize>,
    /// How it looks.
    pub style: Style,
}

/// How a part of a text looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Style {
    /// Written `**so**`.
    Bold,
    /// Written `*so*`.
    Italic,
    /// Code within a line.
    Code,
    /// A block of code. Nothing else begins, ends or lies in it.
    Fence {
        /// The word behind the opening backticks: ASCII letters, digits and `_+-.#`, at most 32.
        language: Option<String>,
    },
}

impl Styled {
    /// Text without any style.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            spans: Vec::new(),
        }
    }

    /// Reads what a model wrote. Understood are
    ///
    /// * blocks between lines of three or more backticks, with a language word; one that is not closed goes on to the end, since its end may
    ///   still be under way. The opening may also stand at the end of a line;
    /// * `` `code` ``, with any number of backticks up to 16;
    /// * `**bold**`, `*italic*` and `***both***`, with no space inside the stars. Italic does not begin inside a word, so `2*3*4` stays.
    ///
    /// The last two end in their line and after at most 800 characters (punctuation counts twice): so a text that grows changes only near
    /// its end. Everything else is literal, also underscores, links, lists, headings and stars without a partner.
    #[must_use]
    pub fn from_markdown(text: &str) -> Self {
        Markup::of(text, REACH).styled(0..text.len())
    }

    /// What people read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The styles, by where they begin, the outer before the inner. Invariant: two of them are nested or apart; the renderers rely on it.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub(super) fn new(text: String, mut spans: Vec<Span>) -> Self {
        spans.retain(|span| !span.range.is_empty());
        spans.sort_by_key(|span| (span.range.start, usize::MAX - span.range.end));
        Self { text, spans }
    }

    /// Without white space at both ends; the first line of a code block keeps its indentation.
    pub(super) fn trimmed(self) -> Self {
        let end = self.text.trim_end().len();
        let words = self.text.len() - self.text.trim_start().len();
        let fence = self
            .spans
            .iter()
            .find(|span| matches!(span.style, Style::Fence { .. }) && span.range.contains(&words));
        let start = fence.map_or(words, |fence| {
            let blank = self.text.get(..words).unwrap_or_default();
            fence
                .range
                .start
                .max(blank.rfind('\n').map_or(0, |at| at + 1))
        });
        let spans = self
            .spans
            .into_iter()
            .map(|span| Span {
                range: span.range.start.max(start).saturating_sub(start)
                    ..span.range.end.min(end).saturating_sub(start),
                style: span.style,
            })
            .collect();
        Self::new(
            self.text.get(start..end).unwrap_or_default().to_owned(),
            spans,
        )
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn show(styled: &Styled) -> String {
        let mut lines = format!("{:?}\n", styled.text());
        for span in styled.spans() {
            lines += &format!(
                "{:?} {:?}\n",
                span.style,
                styled.text.get(span.range.clone()).unwrap()
            );
        }
        lines
    }

    fn check_styles(text: &str, expected: Expect) {
        expected.assert_eq(&show(&Styled::from_markdown(text)));
    }

    fn check_literal(text: &str) {
        assert_eq!(Styled::from_markdown(text), Styled::plain(text));
    }

    #[test]
    fn stars_and_backticks_are_read() {
        check_styles(
            "**중요**합니다. *한숨*을 쉬며 ***둘 다*** `a*b*` ``x`y``",
            expect![[r#"
                "중요합니다. 한숨을 쉬며 둘 다 a*b* x`y"
                Bold "중요"
                Italic "한숨"
                Bold "둘 다"
                Italic "둘 다"
                Code "a*b*"
                Code "x`y"
            "#]],
        );
        check_styles(
            "**bold with *italic* and `code`**",
            expect![[r#"
                "bold with italic and code"
                Bold "bold with italic and code"
                Italic "italic"
                Code "code"
            "#]],
        );
    }

    #[test]
    fn what_has_no_partner_stays() {
        for text in [
            "2 * 3 * 4",
            "2*3*4",
            "2**3**4",
            "snake_case and __dunder__",
            "**open",
            "*open",
            "`open",
            "* list\n* list",
            "** a **",
            "****",
            "a ***** b",
            "**a\nb**",
            "\\*",
            "가*나*다",
        ] {
            check_literal(text);
        }
    }

    #[test]
    fn blocks_of_code_are_read() {
        check_styles(
            "봐:\n```rust\nfn main() {}\n\n  **x**\n```\n끝",
            expect![[r#"
                "봐:\nfn main() {}\n\n  **x**\n끝"
                Fence { language: Some("rust") } "fn main() {}\n\n  **x**"
            "#]],
        );
        check_styles(
            "So: ```py\nx\n``` y\n````\n```",
            expect![[r#"
                "So: x\n``` y\n"
                Fence { language: Some("py") } "x\n``` y"
            "#]],
        );
        check_styles(
            "```안녕 친구\n코드",
            expect![[r#"
                "안녕 친구\n코드"
                Fence { language: None } "안녕 친구\n코드"
            "#]],
        );
        check_styles(
            "```js",
            expect![[r#"
                ""
            "#]],
        );
        check_styles(
            "```let x```",
            expect![[r#"
                "let x"
                Code "let x"
            "#]],
        );
    }

    proptest! {
        #[test]
        fn only_markers_are_taken_from_a_text(text in "[a가 *`\n_😀\u{301}]{0,80}") {
            let styled = Styled::from_markdown(&text);
            let words = |text: &str| text.chars().filter(|c| !matches!(c, '*' | '`' | '\n')).collect::<String>();
            // A lone word behind an opening is its language.
            let languages: usize = text.matches("```").count();
            prop_assert!(languages > 0 || words(styled.text()) == words(&text));
            for (index, span) in styled.spans().iter().enumerate() {
                prop_assert!(styled.text().get(span.range.clone()).is_some_and(|text| !text.is_empty()));
                for other in &styled.spans()[..index] {
                    let apart = other.range.end <= span.range.start;
                    let within = span.range.end <= other.range.end;
                    prop_assert!(apart || within);
                }
            }
        }
    }
}

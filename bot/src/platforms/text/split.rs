//! Cuts a reply into pieces that each fit one message. Written for replies that still grow: what is sent once is never changed by what follows.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::markdown::{Markup, REACH};
use super::styled::Styled;

/// What fits one message.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// UTF-16 units of a whole message. From 300 on pieces never change; below, a style that is cut may.
    pub limit: usize,
    /// Units that something before each piece takes, such as a persona's name.
    pub lead: usize,
    /// What characters cost on the platform.
    pub costs: Costs,
}

/// The units that text takes at most once it is rendered. Never less than a renderer writes: its tests compare the two.
#[derive(Debug, Clone, Copy)]
pub struct Costs {
    /// Of a character in words, at most 2 for ASCII punctuation and its own units for others.
    pub word: fn(char) -> usize,
    /// Of a character in a block of code.
    pub code: fn(char) -> usize,
    /// Of closing a block at the end of a piece and opening it in the next.
    pub block: usize,
}

impl Rules {
    /// The units of the text itself. A lead that leaves next to nothing is the caller's mistake; a piece still has some words.
    fn room(&self) -> usize {
        let taken = self.lead + self.costs.block;
        self.limit.saturating_sub(taken).max(16)
    }

    /// Twice this is less than a piece, so that between two styles there is always a place to cut.
    fn reach(&self) -> usize {
        (self.room() * 9 / 20).min(REACH)
    }
}

/// The pieces of a reply in Markdown, none of them blank. Blocks of code that are cut are closed and opened again; other styles move whole.
///
/// Invariant: of a text and the same text with more behind it, all pieces but the former's last are equal. Messages are closed on it.
#[must_use]
pub fn pieces(text: &str, rules: &Rules) -> Vec<Styled> {
    let markup = Markup::of(text, rules.reach());
    let room = rules.room();
    let mut pieces = Vec::new();
    let mut start = 0;
    loop {
        // A piece ends by what is known when it overflows, and no sooner: everybody who reads on from there decides the same.
        let overflow = overflow(text, &markup, &rules.costs, start, room);
        let end = overflow.clone().map_or(text.len(), |overflow| {
            place_to_cut(text, &markup, &rules.costs, start, overflow)
        });
        let piece = markup.styled(start..end).trimmed();
        if !piece.is_blank() {
            pieces.push(piece);
        }
        if overflow.is_none() {
            return pieces;
        }
        start = end;
    }
}

/// How good a place is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Anywhere,
    Space,
    Sentence,
    CodeLine,
    CodeParagraph,
    Line,
    Paragraph,
}

/// The first character that does not fit, if there is one.
fn overflow(
    text: &str,
    markup: &Markup<'_>,
    costs: &Costs,
    start: usize,
    room: usize,
) -> Option<Range<usize>> {
    let mut taken = 0;
    text.get(start..)?
        .char_indices()
        .map(|(at, character)| (start + at, character))
        .find(|(at, character)| {
            taken += cost(markup, costs, *at, *character);
            taken > room
        })
        .map(|(at, character)| at..at + character.len_utf8())
}

/// The best place in the last third of what fits.
fn place_to_cut(
    text: &str,
    markup: &Markup<'_>,
    costs: &Costs,
    start: usize,
    overflow: Range<usize>,
) -> usize {
    let settled = markup.settled(start, overflow.end).min(overflow.start);
    // Too small a limit for its styles: a cut somewhere is better than none.
    let last = if settled > start {
        settled
    } else {
        overflow.start.max(start + first_character(text, start))
    };
    let known = text.get(start..overflow.end).unwrap_or_default();
    let of = |range: Range<usize>| -> usize {
        let part = text.get(range.clone()).unwrap_or_default();
        part.char_indices()
            .map(|(at, character)| cost(markup, costs, range.start + at, character))
            .sum()
    };
    let early = of(start..last) * 2 / 3;
    let mut whole = markup.whole(start).peekable();
    let mut reader = Reader::default();
    let mut taken = 0;
    let mut best = None;
    for (at, cluster) in known.grapheme_indices(true) {
        let place = start + at + cluster.len();
        if place > last {
            break;
        }
        reader.read(cluster);
        taken += of(start + at..place);
        while whole.next_if(|range| range.end <= place).is_some() {}
        if whole.peek().is_some_and(|range| range.start < place) {
            continue;
        }
        let quality = if taken < early {
            Place::Anywhere
        } else {
            reader.place(markup.in_block(place))
        };
        if best.is_none_or(|(best, _)| best <= quality) {
            best = Some((quality, place));
        }
    }
    // A single cluster that is longer than a message is cut between its characters.
    best.map_or(last, |(_, place)| place)
}

fn first_character(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(0, char::len_utf8)
}

fn cost(markup: &Markup<'_>, costs: &Costs, at: usize, character: char) -> usize {
    if markup.in_block(at) {
        (costs.code)(character)
    } else {
        (costs.word)(character)
    }
}

/// Reads clusters and knows what has just ended.
#[derive(Default)]
struct Reader {
    sentence: bool,
    /// The sentence ended with a mark that no space follows in its script.
    wide: bool,
    spaces: usize,
    lines: usize,
}

impl Reader {
    fn read(&mut self, cluster: &str) {
        let character = cluster.chars().next().unwrap_or(' ');
        if character.is_whitespace() {
            self.spaces += 1;
            self.lines += usize::from(cluster.contains('\n'));
            return;
        }
        let is_open = self.spaces == 0;
        (self.spaces, self.lines) = (0, 0);
        match character {
            '。' | '！' | '？' | '．' => (self.sentence, self.wide) = (true, true),
            '.' | '!' | '?' | '…' | '‼' | '⁇' | '⁉' => {
                (self.sentence, self.wide) = (true, false)
            }
            // What closes a sentence belongs to it.
            '"' | '\'' | '”' | '’' | '」' | '』' | '》' | '〉' | '»' | ')' | '）' | ']' | '*'
            | '`' | '_' | '~'
                if is_open => {}
            _ => (self.sentence, self.wide) = (false, false),
        }
    }

    fn place(&self, in_block: bool) -> Place {
        match (self.lines, in_block) {
            (2.., false) => Place::Paragraph,
            (1, false) => Place::Line,
            (2.., true) => Place::CodeParagraph,
            (1, true) => Place::CodeLine,
            (0, false) if self.sentence && (self.wide || self.spaces > 0) => Place::Sentence,
            _ if self.spaces > 0 => Place::Space,
            _ => Place::Anywhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::discord;
    use super::*;

    const PLAIN: Costs = Costs {
        word: char::len_utf16,
        code: char::len_utf16,
        block: 0,
    };

    fn check_pieces(limit: usize, text: &str, expected: Expect) {
        let rules = Rules {
            limit,
            lead: 0,
            costs: PLAIN,
        };
        let pieces = pieces(text, &rules);
        let shown: Vec<_> = pieces.iter().map(discord::render).collect();
        expected.assert_eq(&format!("{shown:#?}"));
    }

    #[test]
    fn the_best_place_of_the_last_third_is_taken() {
        check_pieces(
            30,
            "one two three. four five\n\nsix seven. eight nine ten",
            expect![[r#"
                [
                    "one two three. four five",
                    "six seven. eight nine ten",
                ]"#]],
        );
        check_pieces(
            30,
            "one two three four. five six seven eight nine",
            expect![[r#"
                [
                    "one two three four.",
                    "five six seven eight nine",
                ]"#]],
        );
        check_pieces(
            20,
            "오늘은 날씨가 참 좋아요. 내일도 그럴까요? 모레는 몰라요.",
            expect![[r#"
                [
                    "오늘은 날씨가 참 좋아요.",
                    "내일도 그럴까요? 모레는 몰라요.",
                ]"#]],
        );
        check_pieces(
            20,
            "他说：「今天天气真的很好很好。」然后他就走了，再也没有回来过。",
            expect![[r#"
                [
                    "他说：「今天天气真的很好很好。」",
                    "然后他就走了，再也没有回来过。",
                ]"#]],
        );
        check_pieces(
            20,
            &"가".repeat(45),
            expect![[r#"
            [
                "가가가가가가가가가가가가가가가가가가가가",
                "가가가가가가가가가가가가가가가가가가가가",
                "가가가가가",
            ]"#]],
        );
    }

    #[test]
    fn a_block_that_is_cut_is_opened_again() {
        check_pieces(
            40,
            "봐:\n```rust\nlet one = 1;\n  let two = 2;\n\n  let three = 3;\n```\n그리고 끝.",
            expect![[r#"
                [
                    "봐:\n```rust\nlet one = 1;\n  let two = 2;\n```",
                    "```rust\n  let three = 3;\n```\n그리고 끝.",
                ]"#]],
        );
    }

    #[test]
    fn a_style_moves_whole() {
        check_pieces(
            40,
            "some words before it, then **bold words**. after",
            expect![[r#"
                [
                    "some words before it, then",
                    "**bold words**. after",
                ]"#]],
        );
    }

    #[test]
    fn characters_of_several_parts_stay_whole() {
        check_pieces(
            20,
            &"👩\u{200d}👩\u{200d}👧".repeat(5),
            expect![[r#"
            [
                "👩\u{200d}👩\u{200d}👧👩\u{200d}👩\u{200d}👧",
                "👩\u{200d}👩\u{200d}👧👩\u{200d}👩\u{200d}👧",
                "👩\u{200d}👩\u{200d}👧",
            ]"#]],
        );
        check_pieces(
            20,
            &"\u{1112}\u{1161}\u{11ab}".repeat(14),
            expect![[r#"
            [
                "한한한한한한",
                "한한한한한한",
                "한한",
            ]"#]],
        );
        // One character that is longer than a message.
        check_pieces(
            20,
            &format!("ab{}", "\u{301}".repeat(50)),
            expect![[r#"
            [
                "a",
                "b\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
                "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
                "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
            ]"#]],
        );
    }

    #[test]
    fn blank_text_gives_nothing() {
        for text in [
            "",
            " \n\t ",
            "```rust\n\n```",
            "```\n```\n```\n```\n",
            &" ".repeat(5000),
        ] {
            assert_eq!(pieces(text, &discord::RULES), [], "{text:?}");
        }
    }
}

//! Writes a piece for Telegram: words and entities, and no parse mode, so nothing in the words has to be escaped.
//!
//! Telegram itself looks for mentions and commands in the words, and a mention notifies its bearer. Its rules (`match_mentions` and
//! `match_bot_commands` in TDLib) want ASCII letters, digits or underscores right behind `@` or `/`; with a word joiner between them there is
//! no match, in any client. A `code` entity would also do, but it can be seen. Addresses stay links: the sender turns previews off.

use std::ops::Range;

use super::split::{Costs, Rules};
use super::styled::{Style, Styled};
use super::urls::urls;

/// U+2060: no width, no line break, and not removed by Telegram.
const WORD_JOINER: char = '\u{2060}';

/// What fits one message, without a lead.
pub const RULES: Rules = Rules {
    limit: 4096,
    lead: 0,
    costs: Costs {
        word: cost,
        code: char::len_utf16,
        block: 0,
    },
};

/// A message for the Bot API, to be sent without `parse_mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The words.
    pub text: String,
    /// Their styles.
    pub entities: Vec<Entity>,
}

/// A styled part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// UTF-16 units before it.
    pub offset: usize,
    /// UTF-16 units of it, never none.
    pub length: usize,
    /// Its type.
    pub kind: EntityKind,
}

/// The types of entities that replies have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityKind {
    /// `bold`
    Bold,
    /// `italic`
    Italic,
    /// `code`
    Code,
    /// `pre`
    Pre {
        /// Its `language`.
        language: Option<String>,
    },
}

/// Whose words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// A model's: neither names nor commands may work.
    Model,
    /// The bot's own: the commands that it names may be pressed.
    Bot,
}

/// The message that shows this text with its styles, and in which nobody is mentioned.
#[must_use]
pub fn render(styled: &Styled, words: Words) -> Message {
    let mut text = String::with_capacity(styled.text().len());
    let mut entities = Vec::new();
    let joints = joints(styled, words);
    let mut at = 0;
    for joint in &joints {
        text.push_str(styled.text().get(at..*joint).unwrap_or_default());
        text.push(WORD_JOINER);
        at = *joint;
    }
    text.push_str(styled.text().get(at..).unwrap_or_default());

    let units = Units::of(styled.text(), &joints);
    for span in styled.spans() {
        let kind = match &span.style {
            Style::Bold => EntityKind::Bold,
            Style::Italic => EntityKind::Italic,
            Style::Code => EntityKind::Code,
            Style::Fence { language } => EntityKind::Pre {
                language: language.clone(),
            },
        };
        for range in parts(styled, &span.range, &kind) {
            let offset = units.before(range.start);
            let length = units.before(range.end) - offset;
            entities.push(Entity {
                offset,
                length,
                kind: kind.clone(),
            });
        }
    }
    entities.sort_by_key(|entity| (entity.offset, usize::MAX - entity.length));
    Message { text, entities }
}

/// Where a joiner keeps a name or a command apart from its sign.
fn joints(styled: &Styled, words: Words) -> Vec<usize> {
    let text = styled.text();
    let links = urls(text);
    let is_code = |style: &Style| matches!(style, Style::Code | Style::Fence { .. });
    let mut code = styled
        .spans()
        .iter()
        .filter(|span| is_code(&span.style))
        .map(|span| &span.range)
        .peekable();
    let mut links = links.iter().peekable();
    let mut joints = Vec::new();
    let mut before = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        while code.next_if(|range| range.end <= at).is_some() {}
        while links.next_if(|range| range.end <= at).is_some() {}
        // A name that goes on behind the code is not sure to be left alone.
        let in_code = code.peek().is_some_and(|range| {
            let behind = text.get(range.end..).unwrap_or_default();
            range.start <= at && !behind.starts_with(is_of_name)
        });
        let in_link = links.peek().is_some_and(|range| range.start <= at);
        let leads_name = characters.peek().is_some_and(|(_, next)| is_of_name(*next));
        // No name begins within a word: so addresses of mail stay whole, and "and/or" as well.
        let in_word =
            before.is_some_and(|before: char| before.is_ascii_alphanumeric() || before == '_');
        let is_command = character == '/' && !in_link && before != Some('/');
        let is_sign = character == '@' || is_command && words == Words::Model;
        if is_sign && leads_name && !in_word && !in_code {
            joints.push(at + 1);
        }
        before = Some(character);
    }
    joints
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The parts of a span that become entities: trimmed, and with code left out, which Telegram allows in no other entity.
fn parts(styled: &Styled, range: &Range<usize>, kind: &EntityKind) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = range.start;
    if matches!(kind, EntityKind::Bold | EntityKind::Italic) {
        let first = styled
            .spans()
            .partition_point(|span| span.range.start < range.start);
        for inner in styled.spans().iter().skip(first) {
            if inner.range.start >= range.end {
                break;
            }
            if matches!(inner.style, Style::Code) {
                parts.push(at..inner.range.start);
                at = inner.range.end;
            }
        }
    }
    parts.push(at..range.end);
    parts
        .into_iter()
        .map(|part| {
            let words = styled.text().get(part.clone()).unwrap_or_default();
            let end = part.start + words.trim_end().len();
            // The first line of a block keeps its indentation.
            let start = match kind {
                EntityKind::Pre { .. } => part.start,
                _ => part.end - words.trim_start().len(),
            };
            start..end
        })
        .filter(|part| part.start < part.end)
        .collect()
}

/// Counts UTF-16 units from one place to the next.
struct Units {
    /// Bytes and units, at the start of every character and at the end.
    places: Vec<(usize, usize)>,
}

impl Units {
    fn of(text: &str, joints: &[usize]) -> Self {
        let mut joints = joints.iter().peekable();
        let mut units = 0;
        let mut places = Vec::with_capacity(text.len() + 1);
        for (at, character) in text.char_indices() {
            if joints.next_if(|joint| **joint == at).is_some() {
                units += WORD_JOINER.len_utf16();
            }
            places.push((at, units));
            units += character.len_utf16();
        }
        places.push((text.len(), units));
        Self { places }
    }

    fn before(&self, at: usize) -> usize {
        let next = self.places.partition_point(|(place, _)| *place < at);
        self.places.get(next).map_or(0, |(_, units)| *units)
    }
}

fn cost(character: char) -> usize {
    match character {
        '@' | '/' => 2,
        other => other.len_utf16(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_message(text: &str, expected: Expect) {
        let message = render(&Styled::from_markdown(text), Words::Model);
        let mut lines = format!("{:?}\n", message.text);
        let units: Vec<u16> = message.text.encode_utf16().collect();
        for entity in &message.entities {
            let covered =
                String::from_utf16(&units[entity.offset..entity.offset + entity.length]).unwrap();
            lines += &format!("{:?} {covered:?}\n", entity.kind);
        }
        expected.assert_eq(&lines);
    }

    #[test]
    fn offsets_count_utf16_units() {
        check_message(
            "😀 **굵게** 👩\u{200d}👧 *기울임 `코드` 😀*\n```rust\n  let 가;\n```",
            expect![[r#"
                "😀 굵게 👩\u{200d}👧 기울임 코드 😀\n  let 가;"
                Bold "굵게"
                Italic "기울임"
                Code "코드"
                Italic "😀"
                Pre { language: Some("rust") } "  let 가;"
            "#]],
        );
    }

    #[test]
    fn nobody_is_mentioned_and_no_command_is_offered() {
        check_message(
            "@durov, (@durov) 친구@durov me@mail.com /start and/or https://a.b/c /가 `@code /x` //x @",
            expect![[r#"
                "@\u{2060}durov, (@\u{2060}durov) 친구@\u{2060}durov me@mail.com /\u{2060}start and/or https://a.b/c /가 @code /x //x @"
                Code "@code /x"
            "#]],
        );
    }
}

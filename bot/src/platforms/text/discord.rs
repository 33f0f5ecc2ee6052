//! Writes a piece for Discord, whose Markdown then shows exactly the literal text and its styles.
//!
//! * All that Discord would read as markup gets a backslash, also lists and numbers at a line's start: Discord counts those anew. A backslash
//!   before `@` or `<` keeps mentions from being shown; that nobody is pinged is promised by the empty `allowed_mentions` of the sender alone.
//! * Web addresses become `<https://…>`: they stay links, need no escapes, and bring no embed.
//! * Addresses of Discord itself are shown as words with a backslash in them, because clients look for invitations in the raw message.
//! * In code a backslash can be seen. There, and only there, a zero-width space stands inside three backticks and before the dot of
//!   `discord.gg`.

use super::split::{Costs, Rules};
use super::styled::{Style, Styled};
use super::urls::urls;

/// Stays invisible in the monospaced fonts of all clients.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// What fits one message, without a lead.
pub const RULES: Rules = Rules {
    limit: 2000,
    lead: 0,
    costs: Costs {
        word: cost,
        code: cost_in_code,
        // Three backticks, 32 characters of a language and a line break; then a line break and three backticks.
        block: 40,
    },
};

/// The content of a message that shows this text. It is not longer than [`RULES`] promise for pieces.
#[must_use]
pub fn render(styled: &Styled) -> String {
    let mut writer = Writer {
        text: styled.text(),
        out: String::with_capacity(styled.text().len() * 5 / 4),
        at: 0,
        line_start: LineStart::Blank,
        is_within: false,
    };
    // Ends and markers of the styles around.
    let mut open: Vec<(usize, &str)> = Vec::new();
    for span in styled.spans() {
        while let Some((end, marker)) = open.pop_if(|(end, _)| *end <= span.range.start) {
            writer.words(end);
            writer.out.push_str(marker);
            writer.is_within = !open.is_empty();
        }
        writer.words(span.range.start);
        let marker = match &span.style {
            Style::Bold => "**",
            // Discord wants no space inside the stars. Only code may have brought one there.
            Style::Italic if writer.has_space_inside(span.range.end) => continue,
            Style::Italic => "*",
            Style::Code => {
                writer.code(span.range.end);
                continue;
            }
            Style::Fence { language } => {
                writer.block(span.range.end, language.as_deref());
                continue;
            }
        };
        writer.out.push_str(marker);
        writer.is_within = true;
        open.push((span.range.end, marker));
    }
    while let Some((end, marker)) = open.pop() {
        writer.words(end);
        writer.out.push_str(marker);
        writer.is_within = !open.is_empty();
    }
    writer.words(styled.text().len());
    writer.out
}

struct Writer<'a> {
    text: &'a str,
    out: String,
    at: usize,
    line_start: LineStart,
    /// Bold or italic text is open.
    is_within: bool,
}

/// What stands in a line so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineStart {
    Blank,
    Number,
    Past,
}

impl<'a> Writer<'a> {
    fn take(&mut self, end: usize) -> &'a str {
        let taken = self.text.get(self.at..end).unwrap_or_default();
        self.at = end.max(self.at);
        taken
    }

    fn has_space_inside(&self, end: usize) -> bool {
        let words = self.text.get(self.at..end).unwrap_or_default();
        words.trim().len() < words.len()
    }

    fn words(&mut self, end: usize) {
        let words = self.take(end);
        let mut at = 0;
        for url in urls(words) {
            let address = words.get(url.clone()).unwrap_or_default();
            if names_discord(address) || self.is_within && address.contains('*') {
                continue;
            }
            self.escaped(words.get(at..url.start).unwrap_or_default());
            self.out.push('<');
            self.out.push_str(address);
            self.out.push('>');
            self.line_start = LineStart::Past;
            at = url.end;
        }
        self.escaped(words.get(at..).unwrap_or_default());
    }

    fn escaped(&mut self, words: &str) {
        let mut rest = words.chars();
        while let Some(character) = rest.next() {
            let next = rest.clone().next();
            let is_markup = match character {
                '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' | '>' | '@' => true,
                // An emoji's name, or an address that must not become a link.
                ':' => next.is_some_and(|next| !next.is_whitespace()),
                '#' | '-' | '+' => self.line_start == LineStart::Blank,
                '.' => self.line_start == LineStart::Number || ends_discord(&self.out),
                _ => false,
            };
            if is_markup {
                self.out.push('\\');
            }
            self.out.push(character);
            self.line_start = match (character, self.line_start) {
                ('\n', _) => LineStart::Blank,
                (' ' | '\t', LineStart::Blank) => LineStart::Blank,
                ('0'..='9', LineStart::Blank | LineStart::Number) => LineStart::Number,
                _ => LineStart::Past,
            };
        }
    }

    /// Code in a line, or words where Discord has no way to write it.
    fn code(&mut self, end: usize) {
        let start = self.at;
        let code = self.take(end);
        // Discord knows one and two backticks; three begin a block.
        let runs = |length| {
            code.split(|character| character != '`')
                .any(|run| run.len() == length)
        };
        let marker = match (runs(1), runs(2)) {
            (false, _) => "`",
            (true, false) => "``",
            (true, true) => "",
        };
        let is_plain = marker.is_empty()
            || code.contains("```")
            || code.starts_with('`')
            || code.ends_with('`')
            || code.trim().is_empty()
            // Discord looks for the end of bold text before it looks for code.
            || self.is_within && code.contains('*');
        if is_plain {
            self.at = start;
            return self.words(end);
        }
        self.out.push_str(marker);
        self.raw(code);
        self.out.push_str(marker);
        self.line_start = LineStart::Past;
    }

    fn block(&mut self, end: usize, language: Option<&str>) {
        let code = self.take(end);
        if code.trim().is_empty() {
            return;
        }
        self.out.push_str("```");
        self.out.push_str(language.unwrap_or_default());
        self.out.push('\n');
        self.raw(code);
        self.out.push_str("\n```");
        self.line_start = LineStart::Past;
    }

    fn raw(&mut self, code: &str) {
        let mut backticks = 0;
        for character in code.chars() {
            if character == '`' && backticks == 2 || character == '.' && ends_discord(&self.out) {
                self.out.push(ZERO_WIDTH_SPACE);
                backticks = 0;
            }
            backticks = if character == '`' { backticks + 1 } else { 0 };
            self.out.push(character);
        }
    }
}

fn names_discord(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    ["discord", "dsc.gg"]
        .iter()
        .any(|name| address.contains(name))
}

/// Whether the next dot would be the one in `discord.gg`, `discordapp.com` or `dsc.gg`.
fn ends_discord(text: &str) -> bool {
    ["discord", "discordapp", "dsc"].iter().any(|name| {
        text.len()
            .checked_sub(name.len())
            .and_then(|start| text.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(name))
    })
}

/// At most a backslash for what may need one. The brackets of an address are paid by its `://`.
fn cost(character: char) -> usize {
    if character.is_ascii_punctuation() {
        2
    } else {
        character.len_utf16()
    }
}

fn cost_in_code(character: char) -> usize {
    match character {
        '`' | '.' => 2,
        other => other.len_utf16(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::discord_model;
    use super::*;

    fn check_content(text: &str, expected: &str) {
        assert_eq!(render(&Styled::from_markdown(text)), expected);
    }

    fn check_shown(text: &str) {
        let styled = Styled::from_markdown(text);
        let shown = discord_model::read(&render(&styled))
            .unwrap_or_else(|fault| panic!("{text:?}: {fault}"));
        assert_eq!(shown.text(), styled.text());
    }

    #[test]
    fn styles_are_written_and_all_else_is_escaped() {
        for (text, expected) in [
            (
                "**중요**합니다, *한숨*을 `let x` 쉬며.",
                "**중요**합니다, *한숨*을 `let x` 쉬며.",
            ),
            ("***둘 다***", "***둘 다***"),
            (
                "2 * 3, snake_case, ~~x~~ ||y||",
                "2 \\* 3, snake\\_case, \\~\\~x\\~\\~ \\|\\|y\\|\\|",
            ),
            (
                "- a\n1. b\n# c\n-# d\n> e 3.5 - #",
                "\\- a\n1\\. b\n\\# c\n\\-# d\n\\> e 3.5 - #",
            ),
            ("``a`b``", "``a`b``"),
            ("```` a`b``c ````", " a\\`b\\`\\`c "),
            ("**a `x*y` b**", "**a x\\*y b**"),
            (
                "봐:\n```rust\nfn a() {}\n```\n끝",
                "봐:\n```rust\nfn a() {}\n```\n끝",
            ),
            ("````\n```\n````", "```\n``\u{200b}`\n```"),
            ("오전 10:30: 네", "오전 10\\:30: 네"),
        ] {
            check_content(text, expected);
        }
    }

    #[test]
    fn addresses_stay_links_and_invitations_do_not() {
        for (text, expected) in [
            ("https://a.b/c_d_e를 봐.", "<https://a.b/c_d_e>를 봐."),
            ("[눌러](https://a.b)", "\\[눌러\\](<https://a.b>)"),
            ("https://discord.gg/abc", "https\\://discord\\.gg/abc"),
            (
                "discord.gg/abc `discord.gg/abc`",
                "discord\\.gg/abc `discord\u{200b}.gg/abc`",
            ),
        ] {
            check_content(text, expected);
        }
    }

    #[test]
    fn hostile_words_are_shown_as_they_are() {
        for text in super::super::tests::HOSTILE {
            check_shown(text);
        }
    }
}

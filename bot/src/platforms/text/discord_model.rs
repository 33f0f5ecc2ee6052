//! Reads Discord's Markdown as its clients do, for tests: what would be shown, or the first construct that nobody asked for.

#![expect(
    clippy::string_slice,
    reason = "a model for tests: it cuts at ASCII markers, and a wrong cut fails the test"
)]

use std::sync::LazyLock;

use regex::Regex;

use super::styled::{Span, Style, Styled};

/// Constructs of which a rendered piece has none.
static UNWANTED: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    [
        ("mention", r"^<(@[!&]?|#)\d+>|^@(everyone|here)"),
        (
            "special",
            r"^<(a?:\w+:\d+|/[^>]*:\d+|t:-?\d+(:\w)?|id:\w+|sound:.*?)>",
        ),
        ("other link", r"^<[^: >]+:/[^ >]+>"),
        ("address", r"^(?i)(https?|steam|discord)://[^\s<]+"),
        ("masked link", r"^\[[^\]]*\]\([^)]*\)"),
        ("emoji", r"^:[A-Za-z0-9_+-]+:"),
        ("underline", r"^(?s)__.+?__"),
        ("italic", r"^(?s)_[^_]+_"),
        ("struck", r"^(?s)~~.+?~~"),
        ("spoiler", r"^(?s)\|\|.+?\|\|"),
        ("code", r"^(?s)`.*?`"),
    ]
    .map(|(name, pattern)| (name, Regex::new(pattern).unwrap()))
    .into()
});
static LINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^ *(>|#{1,3} |-# |[-*+] |\d+\. )").unwrap());
static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?i)<https?://[^ >]+>").unwrap());
static FENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?is)```(?:([a-z0-9_+\-.#]+?)\n)?\n?(.*?)\n?```").unwrap());
static INVITATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(discord(app)?|dsc)\.\w+/").unwrap());

/// What people see.
pub(crate) fn read(content: &str) -> Result<Styled, String> {
    if let Some(invitation) = INVITATION.find(content) {
        return Err(format!(
            "invitation {:?} in {content:?}",
            invitation.as_str()
        ));
    }
    let mut shown = Shown::default();
    shown.read(content, true)?;
    Ok(Styled::new(shown.text, shown.spans))
}

#[derive(Default)]
struct Shown {
    text: String,
    spans: Vec<Span>,
}

impl Shown {
    fn read(&mut self, content: &str, is_message: bool) -> Result<(), String> {
        let mut line_start = is_message;
        let mut rest = content;
        while let Some(character) = rest.chars().next() {
            let fault = |name: &str| Err(format!("{name} at {rest:?}"));
            if line_start && LINE.is_match(rest) {
                return fault("line markup");
            }
            line_start = is_message && character == '\n';
            let next = rest.chars().nth(1);
            if character == '\\'
                && next.is_some_and(|next| !next.is_ascii_alphanumeric() && !next.is_whitespace())
            {
                let next = next.unwrap();
                self.text.push(next);
                rest = &rest[1 + next.len_utf8()..];
            } else if let Some(fence) = FENCE.captures(rest) {
                let language = fence.get(1).map(|language| language.as_str().to_owned());
                self.styled(Style::Fence { language }, |shown| {
                    shown.text += &visible(&fence[2]);
                    Ok(())
                })?;
                rest = &rest[fence[0].len()..];
            } else if let Some((code, length)) = inline_code(rest) {
                self.styled(Style::Code, |shown| {
                    shown.text += &visible(code);
                    Ok(())
                })?;
                rest = &rest[length..];
            } else if let Some(link) = LINK.find(rest) {
                self.text += link.as_str().trim_matches(['<', '>']);
                rest = &rest[link.end()..];
            } else if let Some((inner, length)) = strong(rest) {
                self.styled(Style::Bold, |shown| shown.read(inner, false))?;
                rest = &rest[length..];
            } else if let Some((inner, length)) = emphasis(rest) {
                self.styled(Style::Italic, |shown| shown.read(inner, false))?;
                rest = &rest[length..];
            } else if let Some((name, _)) =
                UNWANTED.iter().find(|(_, pattern)| pattern.is_match(rest))
            {
                return fault(name);
            } else {
                self.text.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        Ok(())
    }

    fn styled(
        &mut self,
        style: Style,
        inner: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        let start = self.text.len();
        inner(self)?;
        let range = start..self.text.len();
        self.spans.push(Span { range, style });
        Ok(())
    }
}

fn visible(code: &str) -> String {
    code.replace('\u{200b}', "")
}

fn inline_code(rest: &str) -> Option<(&str, usize)> {
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    if ticks == 0 {
        return None;
    }
    let mut at = ticks;
    while let Some(next) = rest[at..].find('`') {
        let start = at + next;
        let run = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        if run == ticks {
            return Some((&rest[ticks..start], start + run));
        }
        at = start + run;
    }
    None
}

fn strong(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix("**")?;
    let mut at = 0;
    while let Some(character) = inner[at..].chars().next() {
        if at > 0 && inner[at..].starts_with("**") && !inner[at..].starts_with("***") {
            return Some((&inner[..at], at + 4));
        }
        at += character.len_utf8();
        if character == '\\' {
            at += inner[at..].chars().next()?.len_utf8();
        }
    }
    None
}

fn emphasis(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix('*')?;
    inner.chars().next().filter(|next| !next.is_whitespace())?;
    let mut at = 0;
    let mut is_space = true;
    while let Some(character) = inner[at..].chars().next() {
        if inner[at..].starts_with("**") {
            at += 2;
            is_space = false;
            continue;
        }
        if character == '*' {
            return (at > 0 && !is_space).then(|| (&inner[..at], at + 2));
        }
        is_space = character.is_whitespace();
        at += character.len_utf8();
        if character == '\\' {
            at += inner[at..].chars().next()?.len_utf8();
        }
    }
    None
}

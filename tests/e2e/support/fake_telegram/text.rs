//! Texts as Telegram sees them: counted in UTF-16, with entities that it finds itself, that are given, or that stand in HTML.
//! Not for Markdown, which nobody here sends.

use serde_json::{Map, Value, json};

use super::calls::Refusal;

/// A text with its entities, in the form of the Bot API.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Formatted {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

/// How many UTF-16 units a text has.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The commands, mentions and links that Telegram marks. A letter right after a name, such as a Korean particle, unmakes it.
pub(super) fn found(text: &str) -> Vec<Value> {
    let letters: Vec<char> = text.chars().collect();
    let mut entities = Vec::new();
    let mut offset = 0;
    let mut rest = letters.as_slice();
    let mut before = None;
    while let Some(letter) = rest.first() {
        let (kind, count) = marked(before, rest).unwrap_or(("", 1));
        let (taken, after) = rest.split_at(count);
        let units: usize = taken.iter().map(|letter| letter.len_utf16()).sum();
        if !kind.is_empty() {
            entities.push(json!({ "type": kind, "offset": offset, "length": units }));
        }
        before = Some(*taken.last().unwrap_or(letter));
        offset += units;
        rest = after;
    }
    entities
}

/// The part of the text that an entity covers.
pub(super) fn covered(text: &str, entity: &Value) -> String {
    let start = entity["offset"].as_u64().unwrap_or(0) as usize;
    let length = entity["length"].as_u64().unwrap_or(0) as usize;
    let units: Vec<u16> = text.encode_utf16().skip(start).take(length).collect();
    String::from_utf16_lossy(&units)
}

/// What the bot sends, as Telegram understands it.
pub(super) fn understood(
    text: &str,
    parse_mode: Option<&str>,
    entities: Option<&Value>,
) -> Result<Formatted, Refusal> {
    let formatted = match parse_mode.unwrap_or_default().to_lowercase().as_str() {
        "html" => {
            html(text).map_err(|fault| Refusal::bad(&format!("can't parse entities: {fault}")))?
        }
        "" => Formatted {
            text: text.to_owned(),
            entities: given(text, entities)?,
        },
        "markdown" | "markdownv2" => {
            return Err(Refusal::bad("this fake does not read Markdown"));
        }
        _ => return Err(Refusal::bad("unsupported parse_mode")),
    };
    Ok(formatted.trimmed())
}

impl Formatted {
    /// Telegram takes away white space at both ends.
    fn trimmed(self) -> Self {
        let begun = self.text.trim_start();
        let skipped = length(&self.text) - length(begun);
        let text = begun.trim_end().to_owned();
        let end = length(&text);
        let entities = self.entities.into_iter().filter_map(|mut entity| {
            let start = entity["offset"].as_u64()? as usize;
            let stop = start + entity["length"].as_u64()? as usize;
            let start = start.saturating_sub(skipped);
            let stop = stop.saturating_sub(skipped).min(end);
            entity["offset"] = json!(start);
            entity["length"] = json!(stop.checked_sub(start)?);
            (stop > start).then_some(entity)
        });
        let entities = entities.collect();
        Self { text, entities }
    }
}

/// The kind and the number of letters of what begins here, by the patterns of TDLib (`MessageEntity.cpp`):
/// `(?<=\B)@([a-zA-Z0-9_]{2,32})(?=\b)` and `(?<!\b|[\/<>])\/([a-zA-Z0-9_]{1,64})(?:@([a-zA-Z0-9_]{3,32}))?(?!\B|[\/<>])`.
fn marked(before: Option<char>, ahead: &[char]) -> Option<(&'static str, usize)> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let is_name = |letter: &&char| letter.is_ascii_alphanumeric() || **letter == '_';
    let name = |from: usize| ahead.iter().skip(from).take_while(is_name).count();
    let at = |index: usize| ahead.get(index).copied();
    match ahead.first()? {
        '@' => {
            let count = 1 + name(1);
            let is_free = !before.is_some_and(is_word) && !at(count).is_some_and(is_word);
            // Shorter names are nobody's.
            (is_free && (5..=33).contains(&count)).then_some(("mention", count))
        }
        '/' => {
            let bounds = |letter: char| is_word(letter) || matches!(letter, '/' | '<' | '>');
            let command = 1 + name(1);
            let bot = name(command + 1);
            let is_addressed = at(command) == Some('@') && (3..=32).contains(&bot);
            let count = if is_addressed {
                command + 1 + bot
            } else {
                command
            };
            let is_free = !before.is_some_and(bounds) && !at(count).is_some_and(bounds);
            (is_free && (2..=65).contains(&command)).then_some(("bot_command", count))
        }
        'h' if before.is_none_or(char::is_whitespace) => {
            let word: String = ahead
                .iter()
                .take_while(|letter| !letter.is_whitespace())
                .collect();
            let is_link = word.starts_with("http://") || word.starts_with("https://");
            is_link.then(|| ("url", word.chars().count()))
        }
        _ => None,
    }
}

/// Entities that the bot gives must lie in the text and not cut its characters.
fn given(text: &str, entities: Option<&Value>) -> Result<Vec<Value>, Refusal> {
    let Some(entities) = entities else {
        return Ok(Vec::new());
    };
    let Some(entities) = entities.as_array() else {
        return Err(Refusal::bad("can't parse MessageEntity: expected an Array"));
    };
    let mut boundaries = vec![0];
    for letter in text.chars() {
        boundaries.push(boundaries.last().unwrap_or(&0) + letter.len_utf16());
    }
    let end = length(text);
    for entity in entities {
        let (Some(start), Some(count), Some(_)) = (
            entity["offset"].as_u64().map(|offset| offset as usize),
            entity["length"].as_u64().map(|length| length as usize),
            entity["type"].as_str(),
        ) else {
            return Err(Refusal::bad(&format!(
                "can't parse MessageEntity: {entity}"
            )));
        };
        let stop = start + count;
        let place = format!("entity beginning at UTF-16 offset {start}");
        if stop > end {
            return Err(Refusal::bad(&format!(
                "{place} ends after the end of the text at UTF-16 offset {stop}"
            )));
        }
        if boundaries.binary_search(&start).is_err() {
            return Err(Refusal::bad(&format!(
                "{place} begins in a middle of a UTF-16 symbol"
            )));
        }
        if boundaries.binary_search(&stop).is_err() {
            return Err(Refusal::bad(&format!(
                "{place} ends in a middle of a UTF-16 symbol"
            )));
        }
    }
    Ok(entities.clone())
}

/// Reads the HTML that the Bot API documents.
fn html(source: &str) -> Result<Formatted, String> {
    let mut formatted = Formatted::default();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let at = source.len() - rest.len();
        match letter {
            '<' => {
                let (tag, after) = rest
                    .strip_prefix('<')
                    .and_then(|tag| tag.split_once('>'))
                    .ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
                rest = after;
                match tag.strip_prefix('/') {
                    Some(name) => close(&mut open, name.trim(), at, &mut formatted)?,
                    None => open.push(Open::read(tag, at, length(&formatted.text))?),
                }
            }
            '&' => {
                let (letter, after) = character(rest);
                formatted.text.push(letter);
                rest = after;
            }
            _ => {
                formatted.text.push(letter);
                rest = rest.strip_prefix(letter).unwrap_or_default();
            }
        }
    }
    if let Some(tag) = open.last() {
        return Err(format!(
            "Can't find end tag corresponding to start tag \"{}\"",
            tag.name
        ));
    }
    formatted
        .entities
        .sort_by_key(|entity| entity["offset"].as_u64());
    Ok(formatted)
}

/// A start tag that waits for its end.
struct Open {
    name: String,
    entity: Map<String, Value>,
    start: usize,
}

impl Open {
    fn read(tag: &str, at: usize, start: usize) -> Result<Self, String> {
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let name = name.to_lowercase();
        let attribute = |key: &str| {
            let (_, value) = attributes.split_once(&format!("{key}=\""))?;
            value
                .split_once('"')
                .map(|(value, _)| value.replace("&amp;", "&"))
        };
        let kind = match name.as_str() {
            "b" | "strong" => "bold",
            "i" | "em" => "italic",
            "u" | "ins" => "underline",
            "s" | "strike" | "del" => "strikethrough",
            "tg-spoiler" => "spoiler",
            "span" if attribute("class").as_deref() == Some("tg-spoiler") => "spoiler",
            "a" => "text_link",
            "code" => "code",
            "pre" => "pre",
            "blockquote" if attributes.contains("expandable") => "expandable_blockquote",
            "blockquote" => "blockquote",
            "tg-emoji" => "custom_emoji",
            _ => {
                return Err(format!(
                    "Unsupported start tag \"{name}\" at byte offset {at}"
                ));
            }
        };
        let mut entity = Map::from_iter([("type".to_owned(), json!(kind))]);
        if let Some(url) = attribute("href") {
            entity.insert("url".to_owned(), json!(url));
        }
        if let Some(emoji) = attribute("emoji-id") {
            entity.insert("custom_emoji_id".to_owned(), json!(emoji));
        }
        if let Some(language) =
            attribute("class").and_then(|class| class.strip_prefix("language-").map(str::to_owned))
        {
            entity.insert("language".to_owned(), json!(language));
        }
        Ok(Self {
            name,
            entity,
            start,
        })
    }
}

fn close(
    open: &mut Vec<Open>,
    name: &str,
    at: usize,
    formatted: &mut Formatted,
) -> Result<(), String> {
    let Some(tag) = open.pop() else {
        return Err(format!("Unexpected end tag at byte offset {at}"));
    };
    if !name.is_empty() && !name.eq_ignore_ascii_case(&tag.name) {
        return Err(format!(
            "Unmatched end tag at byte offset {at}, expected \"</{}>\", found \"</{name}>\"",
            tag.name
        ));
    }
    let mut entity = tag.entity;
    // `<pre><code class="language-…">` is one block of code.
    if entity["type"] == "code"
        && let Some(block) = open.last_mut().filter(|block| block.name == "pre")
    {
        if let Some(language) = entity.remove("language") {
            block.entity.insert("language".to_owned(), language);
        }
        return Ok(());
    }
    let count = length(&formatted.text) - tag.start;
    if count > 0 && (entity["type"] != "text_link" || entity.contains_key("url")) {
        entity.insert("offset".to_owned(), json!(tag.start));
        entity.insert("length".to_owned(), json!(count));
        formatted.entities.push(Value::Object(entity));
    }
    Ok(())
}

/// The character that an escape means; a lone ampersand means itself.
fn character(escape: &str) -> (char, &str) {
    let alone = ('&', escape.strip_prefix('&').unwrap_or_default());
    let Some((name, rest)) = alone.1.split_once(';') else {
        return alone;
    };
    let number = name
        .strip_prefix('#')
        .and_then(|number| match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        });
    match name {
        "lt" => ('<', rest),
        "gt" => ('>', rest),
        "amp" => ('&', rest),
        "quot" => ('"', rest),
        _ => number
            .and_then(char::from_u32)
            .map_or(alone, |letter| (letter, rest)),
    }
}

//! Finds web addresses in words, so that a renderer leaves them whole.

use std::ops::Range;

/// The bytes of each `http://` or `https://` address. It ends at the first character that is not ASCII, for a Korean particle follows an
/// address without a space; punctuation at its end belongs to the sentence.
pub(super) fn urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(colon) = text.get(from..).and_then(|rest| rest.find("://")) {
        let colon = from + colon;
        from = colon + "://".len();
        let before = text.get(..colon).unwrap_or_default();
        let Some(start) = ["https", "http"].iter().find_map(|scheme| {
            let start = colon.checked_sub(scheme.len())?;
            before
                .get(start..)?
                .eq_ignore_ascii_case(scheme)
                .then_some(start)
        }) else {
            continue;
        };
        let rest = text.get(from..).unwrap_or_default();
        let length = rest
            .find(|character: char| {
                !character.is_ascii_graphic() || r#"<>"\^`{|}"#.contains(character)
            })
            .unwrap_or(rest.len());
        let address = trim_sentence(rest.get(..length).unwrap_or_default());
        if address.starts_with(|character: char| character.is_ascii_alphanumeric()) {
            from += address.len();
            found.push(start..from);
        }
    }
    found
}

fn trim_sentence(mut address: &str) -> &str {
    let mut open = address.matches(['(', '[']).count();
    let mut close = address.matches([')', ']']).count();
    while let Some(last) = address.chars().next_back() {
        match last {
            ')' | ']' if close > open => close -= 1,
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '_' | '~' => {}
            '(' | '[' => open -= 1,
            _ => break,
        }
        address = address.get(..address.len() - 1).unwrap_or_default();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_where_people_see_them_end() {
        for (text, expected) in [
            ("https://example.com를 봐", vec!["https://example.com"]),
            (
                "(see https://a.b/c_(d)). Or HTTP://x.y?",
                vec!["https://a.b/c_(d)", "HTTP://x.y"],
            ),
            ("<https://a.b>", vec!["https://a.b"]),
            ("steam://run/1 https:// http://.", vec![]),
        ] {
            let found: Vec<_> = urls(text)
                .into_iter()
                .map(|range| text.get(range).unwrap())
                .collect();
            assert_eq!(found, expected);
        }
    }
}

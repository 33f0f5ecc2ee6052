//! Takes from a model's words what a screen should never be given. Markup stays: that is `styled`'s matter.

/// Line breaks in a row that are left: three blank lines.
const LINE_BREAKS: usize = 4;

/// The words without control characters, without what reorders or hides text, and without long runs of blank lines.
///
/// Of a text and the same text with more behind it, the former's result begins the latter's: replies are cleaned while they grow.
#[must_use]
pub fn clean_reply(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut breaks = 0;
    // White space at the start of a line, which is dropped when nothing follows it there.
    let mut indentation = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        let character = match character {
            // Nothing is lost: with `\n` behind it, that is the break; at the end, what follows is not known yet.
            '\r' => match rest.clone().next() {
                None | Some('\n') => continue,
                Some(_) => '\n',
            },
            '\u{2028}' | '\u{2029}' => '\n',
            other => other,
        };
        if character == '\n' {
            breaks += 1;
            indentation.clear();
            if breaks <= LINE_BREAKS {
                clean.push('\n');
            }
            continue;
        }
        if breaks > 0 && matches!(character, ' ' | '\t') {
            indentation.push(character);
            continue;
        }
        let previous = if indentation.is_empty() {
            clean.chars().next_back()
        } else {
            None
        };
        if !is_welcome(character, previous, rest.as_str()) {
            continue;
        }
        breaks = 0;
        clean.push_str(&indentation);
        indentation.clear();
        clean.push(character);
        if character == '\u{1f3f4}' {
            let tags = flag_tags(rest.as_str());
            clean.push_str(tags);
            rest = rest.as_str().get(tags.len()..).unwrap_or_default().chars();
        }
    }
    clean
}

fn is_welcome(character: char, previous: Option<char>, rest: &str) -> bool {
    match character {
        '\t' => true,
        '\u{200d}' => {
            let next = rest.chars().next();
            previous.is_some_and(is_in_emoji) && next.is_some_and(|next| next != '\u{fe0f}' && is_in_emoji(next))
                || previous.is_some_and(joins_letters)
        }
        '\u{200c}' => previous.is_some_and(joins_letters),
        '\u{fe0e}' | '\u{fe0f}' => previous.is_some_and(|previous| {
            is_in_emoji(previous) || matches!(previous, '0'..='9' | '#' | '*' | '©' | '®')
        }),
        // Variants of Chinese characters.
        '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => previous.is_some_and(
            |previous| matches!(previous, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'),
        ),
        _ => !character.is_control() && !is_hidden(character),
    }
}

/// What has no width, changes the direction, or is a letter that shows nothing.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_in_emoji(character: char) -> bool {
    matches!(character, '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Scripts from Arabic to Khmer write some letters differently beside a joiner.
fn joins_letters(character: char) -> bool {
    matches!(character, '\u{600}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// The tags of a flag such as Scotland's, which end with a tag of their own.
fn flag_tags(rest: &str) -> &str {
    let letters: usize = rest
        .chars()
        .take(6)
        .take_while(|character| matches!(character, '\u{e0030}'..='\u{e007a}'))
        .map(char::len_utf8)
        .sum();
    let ends = rest
        .get(letters..)
        .is_some_and(|rest| rest.starts_with('\u{e007f}'));
    if letters > 0 && ends {
        rest.get(..letters + '\u{e007f}'.len_utf8())
            .unwrap_or_default()
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_hides_or_reorders_is_dropped() {
        for (text, expected) in [
            ("가\u{0}나\u{7}\t다\n", "가나\t다\n"),
            ("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{3164}f", "abcdef"),
            ("줄\r\n줄\r줄\u{2028}끝", "줄\n줄\n줄\n끝"),
            ("a\u{200d}b\u{fe0f}c\u{e0041}d", "abcd"),
            (
                "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 👍🏽 🏳\u{fe0f}\u{200d}🌈",
                "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 👍🏽 🏳\u{fe0f}\u{200d}🌈",
            ),
            (
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}!",
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}!",
            ),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{1112}\u{1161}\u{11ab}"),
            ("a\n\n\n \n\t\n\n  b", "a\n\n\n\n  b"),
        ] {
            assert_eq!(clean_reply(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_keeps_pace_with_a_growing_text(text in "[a \n\r\t\u{200d}\u{fe0f}\u{1f3f4}\u{e0067}\u{e007f}👩\u{2028}]{0,40}") {
            let whole = clean_reply(&text);
            for (at, _) in text.char_indices() {
                prop_assert!(whole.starts_with(&clean_reply(text.get(..at).unwrap())));
            }
            prop_assert_eq!(clean_reply(&whole), whole);
        }
    }
}

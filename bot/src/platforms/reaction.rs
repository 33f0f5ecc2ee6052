//! What is said with a single sign below a message: by us, and by people about our replies.

use crate::metrics::Count;

/// Something that the bot says with a sign instead of words. Telegram lets bots use few of them; these are among those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It is silent because of the hour.
    Asleep,
    /// It has answered enough for this hour.
    Enough,
}

impl Reaction {
    /// The sign.
    #[must_use]
    pub fn emoji(self) -> &'static str {
        match self {
            Self::Asleep => "😴",
            Self::Enough => "🙊",
        }
    }
}

/// What a person's sign says about a reply; `None` when it could say anything.
#[must_use]
pub fn verdict(emoji: &str) -> Option<Count> {
    // Skin colours and the mark that asks for a coloured picture say nothing.
    let plain: String = emoji
        .chars()
        .filter(|sign| *sign != '\u{fe0f}' && !('\u{1f3fb}'..='\u{1f3ff}').contains(sign))
        .collect();
    match plain.as_str() {
        "👍" | "❤" | "👌" | "🥰" | "😍" | "🔥" | "👏" | "🎉" | "🤩" | "💯" | "🤣" | "😂" | "😁"
        | "🙏" | "🏆" | "😘" | "🫡" => Some(Count::RepliesLiked),
        "👎" | "💩" | "🤮" | "🤬" | "😡" | "🖕" | "💔" => {
            Some(Count::RepliesDisliked)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_say_whether_a_reply_was_good() {
        for (emoji, expected) in [
            ("👍", Some(Count::RepliesLiked)),
            ("👍🏽", Some(Count::RepliesLiked)),
            ("❤️", Some(Count::RepliesLiked)),
            ("👎", Some(Count::RepliesDisliked)),
            ("🤔", None),
            ("party_parrot", None),
        ] {
            assert_eq!(verdict(emoji), expected, "{emoji}");
        }
    }
}

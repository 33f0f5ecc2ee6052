//! Remembers the tokens that replies were generated as, so that the next prompt of their chat goes on exactly where the cache ends.

use std::collections::HashMap;
use std::sync::Arc;

use super::scheduler::Token;
use super::tokens::Own;
use crate::generate::ChatKey;

/// Tokens remembered at most, of all chats together: some MiB.
const ROOM: usize = 1 << 20;

/// The replies of many chats.
#[derive(Debug, Default)]
pub(super) struct Replies {
    chats: HashMap<ChatKey, Chat>,
    /// Tokens of all replies.
    taken: usize,
    /// Counts uses, to tell what was used last.
    uses: u64,
}

#[derive(Debug, Default)]
struct Chat {
    /// By their text without white space around it, which is how a reply comes back.
    replies: HashMap<String, Own>,
    last_used: u64,
}

impl Replies {
    /// Remembers a reply, unless its tokens are not exactly what was shown: one that was cut, or ended inside a character.
    pub(super) fn keep(&mut self, chat: &ChatKey, tokens: &[Token], bytes: &[u8], shown: &str) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        let shown = shown.trim();
        if text.trim() != shown || tokens.is_empty() || tokens.len() > ROOM {
            return;
        }
        let is_space = |character: &char| character.is_whitespace();
        let own = Own {
            tokens: Arc::from(tokens),
            leading: text.chars().take_while(is_space).collect(),
        };
        self.uses += 1;
        let here = self.chats.entry(chat.clone()).or_default();
        here.last_used = self.uses;
        let before = here.replies.insert(shown.to_owned(), own);
        self.taken += tokens.len();
        self.taken -= before.map_or(0, |before| before.tokens.len());
        while self.taken > ROOM {
            let oldest = self.chats.iter().min_by_key(|(_, chat)| chat.last_used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.forget(&oldest);
        }
    }

    /// What a chat's reply with this text was generated as.
    pub(super) fn find(&self, chat: &ChatKey, text: &str) -> Option<Own> {
        self.chats.get(chat)?.replies.get(text.trim()).cloned()
    }

    /// Nothing of a chat is remembered any more.
    pub(super) fn forget(&mut self, chat: &ChatKey) {
        let replies = self.chats.remove(chat).unwrap_or_default().replies;
        self.taken -= replies.values().map(|own| own.tokens.len()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(name: &str) -> ChatKey {
        ChatKey(name.into())
    }

    #[test]
    fn a_reply_is_found_by_what_was_shown_of_it() {
        let mut replies = Replies::default();
        replies.keep(&chat("a"), &[1, 2], " hi there".as_bytes(), "hi there");
        let own = replies.find(&chat("a"), "hi there\n").unwrap();
        assert_eq!(
            (own.tokens.as_ref(), own.leading.as_str()),
            (&[1, 2][..], " ")
        );
        assert_eq!(replies.find(&chat("b"), "hi there"), None);
        assert_eq!(replies.find(&chat("a"), "hi"), None);
        replies.forget(&chat("a"));
        assert_eq!(
            (replies.find(&chat("a"), "hi there"), replies.taken),
            (None, 0)
        );
    }

    #[test]
    fn what_was_cut_is_not_kept() {
        let mut replies = Replies::default();
        replies.keep(&chat("a"), &[1, 2], "hi STOP".as_bytes(), "hi");
        replies.keep(&chat("a"), &[1, 2], &"가".as_bytes()[..2], "");
        replies.keep(&chat("a"), &[], b"", "");
        assert!(replies.chats.is_empty());
    }

    #[test]
    fn the_chat_that_said_nothing_for_long_is_forgotten_first() {
        let mut replies = Replies::default();
        let half = vec![1; ROOM / 2];
        for (name, text) in [("a", "one"), ("b", "one"), ("a", "one"), ("c", "one")] {
            replies.keep(&chat(name), &half, text.as_bytes(), text);
        }
        let there = ["a", "b", "c"].map(|name| replies.find(&chat(name), "one").is_some());
        assert_eq!((there, replies.taken), ([true, false, true], ROOM));
    }
}

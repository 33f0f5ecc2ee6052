//! What the bot has done in a chat, for tests to look at and to wait for.

use std::time::Instant;

use serde_json::Value;

use super::super::{PATIENCE, is_disclosure};
use super::chat::Chat;
use super::room::{Post, Room, text_of};
use super::text;
use super::world::Callback;

/// A message of the bot as people see it now.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) id: i64,
    /// The words, or those under a document.
    pub(crate) text: String,
    /// The entities that the bot gave, also by `parse_mode`, in the form of the Bot API.
    pub(crate) entities: Vec<Value>,
    pub(crate) reply_to: Option<i64>,
    /// The topic in which it stands.
    pub(crate) thread: Option<i64>,
    /// Each button's text with its `callback_data` or its address.
    pub(crate) buttons: Vec<(String, String)>,
    /// Every text that it had, from the first to the present one.
    pub(crate) edits: Vec<String>,
    pub(crate) at: Instant,
}

/// A file that the bot sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) caption: String,
}

/// The bot's answer to the press of a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) id: String,
    /// What appears for a moment; empty when nothing does.
    pub(crate) text: String,
    pub(crate) is_alert: bool,
}

impl Chat {
    /// The bot's messages in order; deleted ones are gone.
    pub(crate) fn messages(&self) -> Vec<Shown> {
        let all = self.all_messages().into_iter();
        all.filter(|shown| !is_disclosure(&shown.text)).collect()
    }

    /// Waits until the bot has told so many times that it is an AI.
    pub(crate) async fn until_disclosures(&self, many: usize) -> Vec<String> {
        let told = || {
            let all = self.all_messages().into_iter().map(|shown| shown.text);
            all.filter(|text| is_disclosure(text)).collect::<Vec<_>>()
        };
        let seen = self.shared.until_seen(|| told().len() >= many);
        super::super::in_time("it is said that this is an AI", seen).await;
        told()
    }

    fn all_messages(&self) -> Vec<Shown> {
        self.look(|room| {
            let posts = room.posts.iter().filter(|post| post.by_bot);
            posts
                .map(Shown::of)
                .filter(|shown| self.topic.is_none() || shown.thread == self.topic)
                .collect()
        })
    }

    /// The texts of the bot's messages.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.messages()
            .into_iter()
            .map(|shown| shown.text)
            .collect()
    }

    /// The bot's newest message.
    pub(crate) fn last(&self) -> Shown {
        self.messages().pop().expect("the bot has written")
    }

    /// What the bot said it was doing, such as "typing".
    pub(crate) fn actions(&self) -> Vec<String> {
        self.look(|room| {
            let actions = room.actions.iter();
            actions
                .filter(|(_, thread)| self.topic.is_none() || *thread == self.topic)
                .map(|(action, _)| action.clone())
                .collect()
        })
    }

    /// The bot's reactions to messages.
    pub(crate) fn reactions(&self) -> Vec<(i64, Vec<String>)> {
        self.look(|room| {
            let reactions = room.bot_reactions.iter();
            reactions.map(|(id, emoji)| (*id, emoji.clone())).collect()
        })
    }

    /// Each state of each draft with the draft's number.
    pub(crate) fn drafts(&self) -> Vec<(i64, String)> {
        self.look(|room| room.drafts.clone())
    }

    /// Waits for so many states of drafts.
    pub(crate) async fn until_drafts(&self, count: usize) -> Vec<(i64, String)> {
        super::super::in_time(
            "drafts",
            self.shared.until_seen(|| self.drafts().len() >= count),
        )
        .await;
        self.drafts()
    }

    pub(crate) fn documents(&self) -> Vec<Document> {
        self.look(|room| {
            let documents = room.documents.iter().cloned();
            documents
                .map(|(name, bytes, caption)| Document {
                    name,
                    bytes,
                    caption,
                })
                .collect()
        })
    }

    /// Waits until the bot's messages are so.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[Shown]) -> bool) -> Vec<Shown> {
        let coming = self.shared.until_seen(|| holds(&self.messages()));
        if tokio::time::timeout(PATIENCE, coming).await.is_err() {
            panic!(
                "not in {PATIENCE:?}: {what}; the chat shows {:#?}",
                self.messages()
            );
        }
        self.messages()
    }

    /// Waits for a message that contains these words.
    pub(crate) async fn until_text(&self, words: &str) -> Shown {
        let has_words = |shown: &Shown| shown.text.contains(words);
        let what = format!("a message with {words:?}");
        let messages = self
            .until(&what, |messages| messages.iter().any(has_words))
            .await;
        let found = messages.into_iter().rfind(has_words);
        found.unwrap_or_else(|| panic!("{words:?} was changed again at once"))
    }

    /// Waits until the bot has written so many messages.
    pub(crate) async fn until_count(&self, count: usize) -> Vec<Shown> {
        let what = format!("{count} messages");
        self.until(&what, |messages| messages.len() >= count).await
    }

    /// Waits until a message has a button, which is named by its text or by what it does.
    pub(crate) async fn until_button(&self, message: i64, button: &str) -> Shown {
        let has_button = |shown: &Shown| {
            let mut buttons = shown.buttons.iter();
            shown.id == message && buttons.any(|(text, does)| text == button || does == button)
        };
        let what = format!("the button {button:?} below message {message}");
        let messages = self
            .until(&what, |messages| messages.iter().any(has_button))
            .await;
        let found = messages.into_iter().find(has_button);
        found.unwrap_or_else(|| panic!("{button:?} was taken away again at once"))
    }

    fn look<T>(&self, look: impl FnOnce(&Room) -> T) -> T {
        look(self.shared.world().room(self.id))
    }
}

impl Shown {
    fn of(post: &Post) -> Self {
        let value = &post.value;
        let rows = value["reply_markup"]["inline_keyboard"].as_array();
        let buttons = rows
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let buttons = buttons.map(|button| {
            let does = button.get("callback_data").or(button.get("url"));
            (text(&button["text"]), does.map(text).unwrap_or_default())
        });
        let is_topic = value["is_topic_message"] == true;
        let thread = value["message_thread_id"].as_i64();
        Self {
            id: value["message_id"].as_i64().expect("messages have numbers"),
            text: text_of(value).unwrap_or_default(),
            entities: post.given.clone(),
            reply_to: value["reply_to_message"]["message_id"].as_i64(),
            thread: thread.filter(|_| is_topic),
            buttons: buttons.collect(),
            edits: post.texts.clone(),
            at: post.at,
        }
    }

    /// The words that an entity of a kind covers, such as "bold".
    pub(crate) fn marked(&self, kind: &str) -> Vec<String> {
        let entities = self.entities.iter().filter(|entity| entity["type"] == kind);
        entities
            .map(|entity| text::covered(&self.text, entity))
            .collect()
    }
}

impl Answered {
    pub(super) fn of(callback: &Callback) -> Option<Self> {
        let answer = callback.answer.as_ref()?;
        Some(Self {
            id: callback.id.clone(),
            text: answer["text"].as_str().unwrap_or_default().to_owned(),
            is_alert: answer["show_alert"] == true,
        })
    }
}

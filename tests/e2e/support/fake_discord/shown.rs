//! What people see in a channel, and waiting for it.

use serde_json::Value;

use super::super::is_disclosure;
use super::people::Channel;
use super::world::{Id, MessageState, World};

/// A message as people see it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) id: Id,
    /// The user, or the webhook that it came through.
    pub(crate) author: Id,
    /// The name over it.
    pub(crate) name: String,
    /// The webhook, if it came through one.
    pub(crate) webhook: Option<Id>,
    /// A webhook's picture: an address, or data.
    pub(crate) avatar: Option<String>,
    pub(crate) content: String,
    /// Every content that it had, the newest last.
    pub(crate) contents: Vec<String>,
    pub(crate) reply_to: Option<Id>,
    pub(crate) buttons: Vec<Button>,
    pub(crate) embeds: Vec<Value>,
    pub(crate) files: Vec<File>,
    /// As it was sent with the newest version; `Null` allows everything.
    pub(crate) allowed_mentions: Value,
    pub(crate) flags: u64,
    /// Only one person sees it.
    pub(crate) is_ephemeral: bool,
    /// Discord shows that the bot is thinking.
    pub(crate) is_promised: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Button {
    pub(crate) label: String,
    pub(crate) custom_id: String,
    pub(crate) is_disabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) content: String,
}

impl Channel {
    /// What is here for everybody, the oldest first.
    pub(crate) fn messages(&self) -> Vec<Shown> {
        self.served.read(|world| world.shown_in(self.id))
    }

    /// What the bot said here, also through its webhooks.
    pub(crate) fn by_bot(&self) -> Vec<Shown> {
        self.served.read(|world| {
            let is_ours = |shown: &Shown| world.is_ours(shown);
            world
                .shown_in(self.id)
                .into_iter()
                .filter(is_ours)
                .collect()
        })
    }

    /// Waits until the bot has told so many times that it is an AI.
    pub(crate) async fn until_disclosures(&self, many: usize) -> Vec<String> {
        let what = format!("it is said {many} times that this is an AI");
        let told = self.served.until(&what, |world| {
            let all = world.all_shown_in(self.id).into_iter();
            let told = all.map(|shown| shown.content);
            let told: Vec<String> = told.filter(|text| is_disclosure(text)).collect();
            (told.len() >= many).then_some(told)
        });
        told.await
    }

    /// A message that was not deleted.
    pub(crate) fn message(&self, id: Id) -> Shown {
        let mut all = self.messages().into_iter();
        all.find(|shown| shown.id == id)
            .unwrap_or_else(|| panic!("message {id} is not here"))
    }

    /// How often the bot showed that it is typing.
    pub(crate) fn typing(&self) -> usize {
        self.served.read(|world| world.channels[&self.id].typing)
    }

    /// The bot's reactions: to which message, and with what.
    pub(crate) fn reactions(&self) -> Vec<(Id, String)> {
        self.served.read(|world| {
            let all = world.channels[&self.id].reactions.iter();
            all.filter(|reaction| reaction.user == world.bot)
                .map(|reaction| (reaction.message, reaction.emoji.clone()))
                .collect()
        })
    }

    /// Waits until the messages are as they should be.
    pub(crate) async fn until(
        &self,
        what: &str,
        mut holds: impl FnMut(&[Shown]) -> bool,
    ) -> Vec<Shown> {
        self.served
            .until(what, |world| {
                let messages = world.shown_in(self.id);
                holds(&messages).then_some(messages)
            })
            .await
    }

    /// Waits until the bot has said something that contains these words.
    pub(crate) async fn until_text(&self, words: &str) -> Shown {
        self.served
            .until(&format!("the bot says {words:?}"), |world| {
                let mut messages = world.shown_in(self.id).into_iter();
                messages.find(|shown| world.is_ours(shown) && shown.content.contains(words))
            })
            .await
    }

    /// Waits until the bot has shown a file.
    pub(crate) async fn until_file(&self) -> File {
        self.served
            .until("the bot shows a file", |world| {
                let mut messages = world.shown_in(self.id).into_iter();
                messages.find_map(|mut shown| world.is_ours(&shown).then(|| shown.files.pop())?)
            })
            .await
    }

    /// Waits until the bot has said so many things, and gives the last.
    pub(crate) async fn until_count(&self, many: usize) -> Shown {
        self.served
            .until(&format!("the bot says {many} things"), |world| {
                let mut messages = world.shown_in(self.id);
                messages.retain(|shown| world.is_ours(shown));
                (messages.len() >= many).then(|| messages.pop()).flatten()
            })
            .await
    }

    /// Waits until a message has a button, which is named by its label or its custom id.
    pub(crate) async fn until_button(&self, message: Id, button: &str) -> Shown {
        self.served
            .until(&format!("the button {button:?}"), |world| {
                let mut messages = world.shown_in(self.id).into_iter();
                messages.find(|shown| {
                    shown.id == message && shown.buttons.iter().any(|known| known.is(button))
                })
            })
            .await
    }

    /// Waits until a message is deleted.
    pub(crate) async fn until_gone(&self, message: Id) {
        self.served
            .until(&format!("message {message} goes"), |world| {
                let mut messages = world.shown_in(self.id).into_iter();
                messages.all(|shown| shown.id != message).then_some(())
            })
            .await;
    }

    /// Waits until the bot has shown so often that it is typing.
    pub(crate) async fn until_typing(&self, times: usize) {
        self.served
            .until("the bot is typing", |world| {
                (world.channels[&self.id].typing >= times).then_some(())
            })
            .await;
    }

    /// Waits until the bot has reacted to a message.
    pub(crate) async fn until_reaction(&self, message: Id) -> String {
        self.served
            .until("a reaction of the bot", |world| {
                let mut all = world.channels[&self.id].reactions.iter();
                all.find(|reaction| reaction.message == message && reaction.user == world.bot)
                    .map(|reaction| reaction.emoji.clone())
            })
            .await
    }
}

impl World {
    fn is_ours(&self, shown: &Shown) -> bool {
        let webhook = self.webhooks.get(&shown.author);
        shown.author == self.bot || webhook.is_some_and(|webhook| webhook.is_ours)
    }

    fn shown_in(&self, channel: Id) -> Vec<Shown> {
        let all = self.all_shown_in(channel).into_iter();
        all.filter(|shown| !is_disclosure(&shown.content)).collect()
    }

    fn all_shown_in(&self, channel: Id) -> Vec<Shown> {
        let Some(channel) = self.channels.get(&channel) else {
            return Vec::new();
        };
        let visible = channel
            .messages
            .iter()
            .filter(|message| !message.is_deleted && message.only_for.is_none());
        visible.map(Shown::of).collect()
    }
}

impl Shown {
    pub(super) fn of(message: &MessageState) -> Self {
        let json = &message.json;
        let flags = json["flags"].as_u64().unwrap_or(0);
        let id = |value: &Value| value.as_str().and_then(|id| id.parse().ok());
        Self {
            id: message.id,
            author: message.author,
            name: text(&json["author"]["username"]),
            webhook: id(&json["webhook_id"]).filter(|webhook| *webhook == message.author),
            avatar: message.avatar.clone(),
            content: text(&json["content"]),
            contents: message.contents.clone(),
            reply_to: id(&json["message_reference"]["message_id"]),
            buttons: Button::all(&json["components"]),
            embeds: json["embeds"].as_array().cloned().unwrap_or_default(),
            files: File::all(&json["attachments"]),
            allowed_mentions: message.allowed_mentions.clone(),
            flags,
            is_ephemeral: message.only_for.is_some(),
            is_promised: flags & super::drafts::LOADING != 0,
        }
    }
}

impl Button {
    pub(super) fn all(rows: &Value) -> Vec<Self> {
        let rows = rows.as_array().into_iter().flatten();
        let inner = rows
            .filter_map(|row| row["components"].as_array())
            .flatten();
        inner
            .filter(|component| component["type"] == 2)
            .map(|button| Self {
                label: text(&button["label"]),
                custom_id: text(&button["custom_id"]),
                is_disabled: button["disabled"] == true,
            })
            .collect()
    }

    /// Whether this is its label or its custom id.
    pub(super) fn is(&self, name: &str) -> bool {
        self.label == name || self.custom_id == name
    }
}

impl File {
    fn all(attachments: &Value) -> Vec<Self> {
        let attachments = attachments.as_array().into_iter().flatten();
        attachments
            .map(|attachment| Self {
                name: text(&attachment["filename"]),
                content: text(&attachment["content"]),
            })
            .collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

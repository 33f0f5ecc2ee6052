//! Messages come into being, change and go; the gateway and those who are pinged hear of it.

use serde_json::{Value, json};

use super::drafts::{Draft, LOADING, Post};
use super::mentions::{self, Ping, Pinged};
use super::permissions::MENTION_EVERYONE;
use super::refusal::Refusal;
use super::sessions::{GUILD_MESSAGES, PRIVATE_MESSAGES};
use super::world::{Id, MessageState, World, timestamp};

impl World {
    /// Makes a message and tells everybody.
    pub(super) fn post(&mut self, post: Post) -> Id {
        let id = self.new_id();
        let channel = &self.channels[&post.channel];
        let replied_to = post.reply_to.and_then(|id| channel.message(id));
        let content = post.draft.content.clone().unwrap_or_default();
        let may_ping_everyone = post.webhook.is_some()
            || self.permissions(post.author, channel) & MENTION_EVERYONE != 0;
        let author_replied_to = replied_to.map(|message| message.author);
        let pinged = mentions::pinged(
            &content,
            &post.draft.allowed_mentions,
            author_replied_to,
            may_ping_everyone,
        );
        let mut json = json!({
            "id": id.to_string(),
            "channel_id": post.channel.to_string(),
            "author": post.author_json,
            "content": content,
            "timestamp": timestamp(id),
            "edited_timestamp": null,
            "tts": post.draft.tts,
            "attachments": post.draft.attachments,
            "embeds": post.draft.embeds.unwrap_or_else(|| json!([])),
            "components": post.draft.components.unwrap_or_else(|| json!([])),
            "pinned": false,
            "type": post.kind,
            "flags": post.draft.flags,
        });
        self.mention(&mut json, &pinged);
        if let Some(replied_to) = replied_to {
            json["message_reference"] = json!({
                "type": 0,
                "message_id": replied_to.id.to_string(),
                "channel_id": post.channel.to_string(),
            });
            if let Some(guild) = channel.guild {
                json["message_reference"]["guild_id"] = json!(guild.to_string());
            }
            let mut referenced = replied_to.json.clone();
            // A message is shown with the one before it, not with a whole chain.
            if let Some(fields) = referenced.as_object_mut() {
                fields.remove("referenced_message");
            }
            json["referenced_message"] = referenced;
        }
        if post
            .draft
            .stickers
            .as_array()
            .is_some_and(|stickers| !stickers.is_empty())
        {
            json["sticker_items"] = post.draft.stickers;
        }
        if let Some(webhook) = post.webhook {
            json["webhook_id"] = json!(webhook.to_string());
            if post.is_ours {
                json["application_id"] = json!(self.bot.to_string());
            }
        }
        if post.is_ours && post.only_for.is_none() {
            self.note_pings(id, pinged);
        }
        let is_loading = post.draft.flags & LOADING != 0;
        let message = MessageState {
            id,
            author: post.author,
            json,
            contents: if is_loading {
                Vec::new()
            } else {
                vec![content]
            },
            allowed_mentions: post.draft.allowed_mentions,
            only_for: post.only_for,
            nonce: post.nonce,
            avatar: post.avatar,
            interaction: post.interaction,
            is_deleted: false,
        };
        let channel = self
            .channels
            .get_mut(&post.channel)
            .expect("checked by the caller");
        channel.messages.push(message);
        self.announce("MESSAGE_CREATE", post.channel, id);
        id
    }

    /// Changes what a draft names. The first change of a message that was only promised completes it.
    pub(super) fn change_message(
        &mut self,
        channel: Id,
        id: Id,
        draft: Draft,
    ) -> Result<(), Refusal> {
        let state = &self.channels[&channel];
        let message = state
            .message(id)
            .ok_or_else(|| Refusal::unknown("Message"))?;
        let was_loading = message.json["flags"].as_u64().unwrap_or(0) & LOADING != 0;
        let mut json = message.json.clone();
        if let Some(content) = &draft.content {
            json["content"] = json!(content);
        }
        if let Some(embeds) = draft.embeds {
            json["embeds"] = embeds;
        }
        if let Some(components) = draft.components {
            json["components"] = components;
        }
        if draft.attachments != json!([]) {
            json["attachments"] = draft.attachments;
        }
        let is_empty = ["attachments", "embeds", "components", "sticker_items"]
            .iter()
            .all(|field| json[*field].as_array().is_none_or(Vec::is_empty));
        if json["content"] == "" && is_empty {
            return Err(Refusal::empty_message());
        }
        let flags = json["flags"].as_u64().unwrap_or(0);
        json["flags"] = json!(flags & !LOADING);
        if !was_loading {
            json["edited_timestamp"] = json!(timestamp(self.new_id()));
        }
        let content = json["content"].as_str().unwrap_or_default().to_owned();
        let replied_to = json["referenced_message"]["author"]["id"].as_str();
        let replied_to = replied_to.and_then(|id| id.parse().ok());
        let may_ping_everyone = self.bot_may(MENTION_EVERYONE, &self.channels[&channel]);
        let pinged = mentions::pinged(
            &content,
            &draft.allowed_mentions,
            replied_to,
            may_ping_everyone,
        );
        self.mention(&mut json, &pinged);
        let state = self.channels.get_mut(&channel).expect("found above");
        let message = state.message_mut(id).expect("found above");
        message.json = json;
        message.allowed_mentions = draft.allowed_mentions;
        if draft.content.is_some() || was_loading {
            message.contents.push(content);
        }
        // Edits ping nobody, but completing a promised message does.
        if was_loading && message.only_for.is_none() {
            self.note_pings(id, pinged);
        }
        self.announce("MESSAGE_UPDATE", channel, id);
        Ok(())
    }

    pub(super) fn remove_message(&mut self, channel: Id, id: Id) {
        if self.hide_message(channel, id) {
            let event = json!({ "id": id.to_string(), "channel_id": channel.to_string() });
            self.announce_removal("MESSAGE_DELETE", channel, &event);
        }
    }

    /// Removes several at once, of which one event tells.
    pub(super) fn remove_messages(&mut self, channel: Id, ids: &[Id]) {
        let mut gone = ids.to_vec();
        gone.retain(|id| self.hide_message(channel, *id));
        let gone: Vec<String> = gone.iter().map(Id::to_string).collect();
        let event = json!({ "ids": gone, "channel_id": channel.to_string() });
        self.announce_removal("MESSAGE_DELETE_BULK", channel, &event);
    }

    /// Whether it was there for everybody until now.
    fn hide_message(&mut self, channel: Id, id: Id) -> bool {
        let state = self
            .channels
            .get_mut(&channel)
            .expect("checked by the caller");
        let Some(message) = state.message_mut(id) else {
            return false;
        };
        message.is_deleted = true;
        message.only_for.is_none()
    }

    fn announce_removal(&mut self, name: &str, channel: Id, event: &Value) {
        let intents = (GUILD_MESSAGES, PRIVATE_MESSAGES);
        self.announce_in(name, channel, intents, event);
    }

    fn note_pings(&mut self, message: Id, pinged: Vec<Pinged>) {
        let pings = pinged.into_iter().map(|whom| Ping { message, whom });
        self.pings.extend(pings);
    }
}

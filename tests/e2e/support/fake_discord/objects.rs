//! How things look in JSON, as the documentation describes them, and which of that the bot may see.

use serde_json::{Value, json};

use super::permissions::VIEW_CHANNEL;
use super::sessions::{GUILD_MESSAGES, MESSAGE_CONTENT, PRIVATE_MESSAGES, Session};
use super::world::{ChannelState, Id, MessageState, PRIVATE, WebhookState, World, timestamp};

impl World {
    pub(super) fn user(&self, id: Id) -> Value {
        let user = &self.users[&id];
        let mut json = json!({
            "id": id.to_string(),
            "username": user.name,
            "discriminator": if user.is_bot { "0001" } else { "0" },
            "global_name": user.global_name,
            "avatar": null,
            "public_flags": 0,
        });
        if user.is_bot {
            json["bot"] = json!(true);
        }
        json
    }

    /// Somebody's part in a guild, without the user.
    pub(super) fn part(&self, guild: Id, user: Id) -> Value {
        let roles = self.guilds[&guild].members.get(&user);
        let roles = roles.into_iter().flatten().map(Id::to_string);
        json!({
            "nick": null,
            "avatar": null,
            "roles": roles.collect::<Vec<_>>(),
            "joined_at": timestamp(guild),
            "premium_since": null,
            "deaf": false,
            "mute": false,
            "flags": 0,
            "pending": false,
            "communication_disabled_until": null,
        })
    }

    pub(super) fn member(&self, guild: Id, user: Id) -> Value {
        let mut member = self.part(guild, user);
        member["user"] = self.user(user);
        member
    }

    pub(super) fn channel(&self, channel: &ChannelState) -> Value {
        let newest = channel
            .messages
            .last()
            .map(|message| message.id.to_string());
        let mut json = json!({
            "id": channel.id.to_string(),
            "type": channel.kind,
            "last_message_id": newest,
            "flags": 0,
        });
        if let Some(recipient) = channel.recipient {
            json["recipients"] = json!([self.user(recipient)]);
        }
        let Some(guild) = channel.guild else {
            return json;
        };
        json["guild_id"] = json!(guild.to_string());
        json["name"] = json!(channel.name);
        json["rate_limit_per_user"] = json!(0);
        json["parent_id"] = json!(channel.parent.map(|parent| parent.to_string()));
        if channel.is_thread() {
            json["owner_id"] = json!(self.guilds[&guild].owner.to_string());
            json["message_count"] = json!(channel.messages.len());
            json["member_count"] = json!(1);
            json["thread_metadata"] = json!({
                "archived": false,
                "auto_archive_duration": 1440,
                "archive_timestamp": timestamp(channel.id),
                "locked": false,
                "create_timestamp": timestamp(channel.id),
            });
        } else {
            json["position"] = json!(0);
            json["topic"] = Value::Null;
            json["nsfw"] = json!(false);
            json["permission_overwrites"] = match channel.denied {
                0 => json!([]),
                denied => json!([{
                    "id": self.bot.to_string(),
                    "type": 1,
                    "allow": "0",
                    "deny": denied.to_string(),
                }]),
            };
        }
        json
    }

    pub(super) fn roles(&self, guild: Id) -> Value {
        let roles = self.guilds[&guild].roles.iter().enumerate();
        roles
            .map(|(position, role)| {
                json!({
                    "id": role.id.to_string(),
                    "name": role.name,
                    "color": 0,
                    "colors": { "primary_color": 0, "secondary_color": null, "tertiary_color": null },
                    "hoist": false,
                    "position": position,
                    "permissions": role.permissions.to_string(),
                    "managed": false,
                    "mentionable": true,
                    "flags": 0,
                })
            })
            .collect()
    }

    pub(super) fn guild(&self, id: Id) -> Value {
        let guild = &self.guilds[&id];
        json!({
            "id": id.to_string(),
            "name": guild.name,
            "icon": null,
            "splash": null,
            "discovery_splash": null,
            "owner_id": guild.owner.to_string(),
            "afk_channel_id": null,
            "afk_timeout": 300,
            "widget_enabled": false,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "roles": self.roles(id),
            "emojis": [],
            "features": [],
            "mfa_level": 0,
            "application_id": null,
            "system_channel_id": null,
            "system_channel_flags": 0,
            "rules_channel_id": null,
            "vanity_url_code": null,
            "description": null,
            "banner": null,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "preferred_locale": "en-US",
            "public_updates_channel_id": null,
            "nsfw_level": 0,
            "stickers": [],
            "premium_progress_bar_enabled": false,
            "safety_alerts_channel_id": null,
        })
    }

    /// What comes with `GUILD_CREATE` besides: only what the bot may see.
    pub(super) fn guild_event(&self, id: Id) -> Value {
        let mut event = self.guild(id);
        let visible = |channel: &&ChannelState| {
            channel.guild == Some(id) && self.bot_may(VIEW_CHANNEL, channel)
        };
        let (threads, channels): (Vec<_>, Vec<_>) = self
            .channels
            .values()
            .filter(visible)
            .partition(|channel| channel.is_thread());
        let shown = |channels: Vec<&ChannelState>| -> Value {
            channels
                .into_iter()
                .map(|channel| self.channel(channel))
                .collect()
        };
        event["channels"] = shown(channels);
        event["threads"] = shown(threads);
        // Without the intent for members only the bot's own part comes.
        event["members"] = json!([self.member(id, self.bot)]);
        event["member_count"] = json!(self.guilds[&id].members.len());
        event["joined_at"] = json!(timestamp(id));
        event["large"] = json!(false);
        event["unavailable"] = json!(false);
        for empty in [
            "voice_states",
            "presences",
            "stage_instances",
            "guild_scheduled_events",
            "soundboard_sounds",
        ] {
            event[empty] = json!([]);
        }
        event
    }

    pub(super) fn webhook(&self, webhook: &WebhookState) -> Value {
        let guild = self.channels[&webhook.channel].guild;
        let mut json = json!({
            "id": webhook.id.to_string(),
            "type": 1,
            "guild_id": guild.map(|guild| guild.to_string()),
            "channel_id": webhook.channel.to_string(),
            "name": webhook.name,
            "avatar": webhook.avatar.as_ref().map(|_| "0123456789abcdef0123456789abcdef"),
            "application_id": webhook.is_ours.then(|| self.bot.to_string()),
            "user": self.user(self.bot),
        });
        if webhook.is_ours {
            json["token"] = json!(webhook.token);
        }
        json
    }

    /// A message without content is what a bot without the intent sees, except where it is concerned.
    pub(super) fn without_content(&self, message: &MessageState) -> Value {
        let (bot, mut json) = (json!(self.bot.to_string()), message.json.clone());
        let concerns_bot = |json: &Value| {
            let mut mentions = json["mentions"].as_array().into_iter().flatten();
            json["author"]["id"] == bot || mentions.any(|user| user["id"] == bot)
        };
        let referenced = json.get_mut("referenced_message");
        if let Some(referenced) = referenced.filter(|referenced| !concerns_bot(referenced)) {
            strip(referenced);
        }
        if !concerns_bot(&json) {
            strip(&mut json);
        }
        json
    }

    pub(super) fn application_flags(&self) -> u64 {
        // GATEWAY_MESSAGE_CONTENT_LIMITED, as apps in few guilds have it.
        u64::from(self.sessions.message_content) << 19
    }

    /// Tells sessions of a new or a changed message. Those that only one person sees are no events.
    pub(super) fn announce(&mut self, event: &str, channel: Id, message: Id) {
        let state = &self.channels[&channel];
        let Some(message) = state
            .message(message)
            .filter(|message| message.only_for.is_none())
        else {
            return;
        };
        let mut full = message.json.clone();
        let mut stripped = match state.kind == PRIVATE {
            true => full.clone(),
            false => self.without_content(message),
        };
        for json in [&mut full, &mut stripped] {
            if let Some(guild) = state.guild {
                json["guild_id"] = json!(guild.to_string());
                for user in json["mentions"].as_array_mut().into_iter().flatten() {
                    let id = user["id"].as_str().and_then(|id| id.parse().ok());
                    let is_member = |id: &Id| self.guilds[&guild].members.contains_key(id);
                    if let Some(id) = id.filter(is_member) {
                        user["member"] = self.part(guild, id);
                    }
                }
                // Webhooks are no members.
                if json["webhook_id"].is_null() {
                    json["member"] = self.part(guild, message.author);
                }
            }
            if let Some(nonce) = &message.nonce {
                json["nonce"] = nonce.clone();
            }
        }
        let is_visible = self.bot_may(VIEW_CHANNEL, state);
        let intent = match state.kind == PRIVATE {
            true => PRIVATE_MESSAGES,
            false => GUILD_MESSAGES,
        };
        let choose = |session: &Session| {
            let json = match session.intents & MESSAGE_CONTENT != 0 {
                true => &full,
                false => &stripped,
            };
            (is_visible && session.intents & intent != 0).then(|| json.clone())
        };
        self.sessions.send(event, choose);
    }

    /// Tells sessions of something else in a channel: with an intent for guilds, and one for private channels.
    pub(super) fn announce_in(
        &mut self,
        event: &str,
        channel: Id,
        intents: (u64, u64),
        data: &Value,
    ) {
        let state = &self.channels[&channel];
        let intent = match state.kind == PRIVATE {
            true => intents.1,
            false => intents.0,
        };
        if !self.bot_may(VIEW_CHANNEL, state) {
            return;
        }
        let mut data = data.clone();
        if let Some(guild) = state.guild {
            data["guild_id"] = json!(guild.to_string());
        }
        self.sessions.send(event, |session| {
            (session.intents & intent != 0).then(|| data.clone())
        });
    }
}

fn strip(message: &mut Value) {
    if message.is_object() {
        message["content"] = json!("");
        for field in ["attachments", "embeds", "components"] {
            message[field] = json!([]);
        }
    }
}

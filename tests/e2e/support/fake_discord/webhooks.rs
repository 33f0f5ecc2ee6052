//! Webhooks: made by the bot or by people, and the messages that come through them.

use serde_json::json;

use super::calls::Call;
use super::drafts::{Draft, FIELDS, Post, WEBHOOK_FIELDS};
use super::form::Form;
use super::permissions::MANAGE_WEBHOOKS;
use super::refusal::{Outcome, Refusal, Reply};
use super::world::{Id, TEXT, WebhookState, World};

const MOST_IN_A_CHANNEL: usize = 15;

impl World {
    /// The requests to `/channels/{channel}/webhooks`.
    pub(super) fn take_channel_webhooks(&mut self, call: &Call, channel: &str) -> Outcome {
        let id = self.visible_channel(channel)?;
        let channel = &self.channels[&id];
        if channel.kind != TEXT {
            return Err(Refusal::new(
                400,
                50_024,
                "Cannot execute action on this channel type",
            ));
        }
        if !self.bot_may(MANAGE_WEBHOOKS, channel) {
            return Err(Refusal::missing_permissions());
        }
        let here = self
            .webhooks
            .values()
            .filter(|webhook| webhook.channel == id);
        match call.method.as_str() {
            "GET" => Ok(Reply::Json(
                here.map(|webhook| self.webhook(webhook)).collect(),
            )),
            "POST" => {
                let is_full = here.count() >= MOST_IN_A_CHANNEL;
                let mut form = Form::of(call.body()?.as_ref(), &["name", "avatar"])?;
                let name = form.get("name").clone();
                let name = form.text_in("name", &name, 1, 80).unwrap_or_default();
                check_name(&mut form, "name", &name);
                let avatar = form.text("avatar", usize::MAX);
                if avatar.as_ref().is_some_and(|avatar| !is_picture(avatar)) {
                    form.wrong("avatar", "IMAGE_INVALID", "Invalid image data");
                }
                self.finish(call, &form)?;
                if is_full {
                    return Err(Refusal::new(
                        400,
                        30_007,
                        "Maximum number of webhooks reached (15)",
                    ));
                }
                let made = self.add_webhook(id, &name, avatar, true);
                Ok(Reply::Json(self.webhook(&self.webhooks[&made])))
            }
            _ => self.unknown_route(call),
        }
    }

    pub(super) fn add_webhook(
        &mut self,
        channel: Id,
        name: &str,
        avatar: Option<String>,
        is_ours: bool,
    ) -> Id {
        let id = self.new_id();
        let webhook = WebhookState {
            id,
            token: format!("webhook-token-{id:048x}"),
            channel,
            name: name.to_owned(),
            avatar,
            is_ours,
        };
        self.webhooks.insert(id, webhook);
        id
    }

    /// The requests to `/webhooks/{id}`.
    pub(super) fn take_webhook(&mut self, call: &Call, id: &str) -> Outcome {
        let webhook = id.parse().ok().and_then(|id: Id| self.webhooks.get(&id));
        let webhook = webhook.ok_or_else(|| Refusal::unknown("Webhook"))?;
        if !self.bot_may(MANAGE_WEBHOOKS, &self.channels[&webhook.channel]) {
            return Err(Refusal::missing_permissions());
        }
        match call.method.as_str() {
            "GET" => Ok(Reply::Json(self.webhook(webhook))),
            "DELETE" => {
                let id = webhook.id;
                self.webhooks.remove(&id);
                Ok(Reply::Nothing)
            }
            _ => self.unknown_route(call),
        }
    }

    /// The requests under `/webhooks/{id}/{token}`.
    pub(super) fn take_for_webhook(
        &mut self,
        call: &Call,
        id: &str,
        token: &str,
        rest: &[&str],
    ) -> Outcome {
        let webhook = id.parse().ok().and_then(|id: Id| self.webhooks.get(&id));
        let webhook = webhook.ok_or_else(|| Refusal::unknown("Webhook"))?;
        if webhook.token != token {
            return Err(Refusal::new(401, 50_027, "Invalid Webhook Token"));
        }
        let (id, channel) = (webhook.id, self.webhook_channel(call, webhook)?);
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let mut json = self.webhook(webhook);
                json.as_object_mut().expect("an object").remove("user");
                Ok(Reply::Json(json))
            }
            ("DELETE", []) => {
                self.webhooks.remove(&id);
                Ok(Reply::Nothing)
            }
            ("POST", []) => self.execute(call, id, channel),
            (_, ["messages", message]) => {
                let message = self.message_id(channel, message)?;
                let author = self.channels[&channel]
                    .message(message)
                    .map(|message| message.author);
                if author != Some(id) {
                    return Err(Refusal::unknown("Message"));
                }
                self.take_own_message(call, channel, message)
            }
            _ => self.unknown_route(call),
        }
    }

    /// Where a webhook's message goes or is: its own channel or one of that channel's threads.
    fn webhook_channel(&self, call: &Call, webhook: &WebhookState) -> Result<Id, Refusal> {
        let Some(thread) = call.query("thread_id") else {
            return Ok(webhook.channel);
        };
        let thread = thread
            .parse()
            .ok()
            .and_then(|id: Id| self.channels.get(&id));
        let thread = thread.filter(|thread| thread.parent == Some(webhook.channel));
        thread
            .map(|thread| thread.id)
            .ok_or_else(|| Refusal::unknown("Channel"))
    }

    fn execute(&mut self, call: &Call, id: Id, channel: Id) -> Outcome {
        let fields = [FIELDS, WEBHOOK_FIELDS].concat();
        let mut form = Form::of(call.body()?.as_ref(), &fields)?;
        let draft = Draft::read(&mut form);
        let username = form.get("username").clone();
        let username = match username.is_null() {
            true => None,
            false => form.text_in("username", &username, 1, 80),
        };
        check_name(
            &mut form,
            "username",
            username.as_deref().unwrap_or_default(),
        );
        let avatar = form.text("avatar_url", 2048);
        if avatar
            .as_ref()
            .is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            form.wrong(
                "avatar_url",
                "URL_TYPE_INVALID_SCHEME",
                "Scheme must be one of ('http', 'https').",
            );
        }
        draft.must_be_for_all(&mut form);
        if !form.get("thread_name").is_null() {
            form.wrong(
                "thread_name",
                "WEBHOOK_THREAD_NAME",
                "Webhooks can only create threads in forum channels",
            );
        }
        self.finish(call, &form)?;
        if draft.is_empty() {
            return Err(Refusal::empty_message());
        }
        let message = self.post_by_webhook(id, channel, username, avatar, draft);
        match call.query("wait") {
            Some("true") => Ok(Reply::Json(self.message_json(channel, message))),
            _ => Ok(Reply::Nothing),
        }
    }

    pub(super) fn post_by_webhook(
        &mut self,
        id: Id,
        channel: Id,
        username: Option<String>,
        avatar: Option<String>,
        draft: Draft,
    ) -> Id {
        let webhook = &self.webhooks[&id];
        let avatar = avatar.or_else(|| webhook.avatar.clone());
        let author_json = json!({
            "id": id.to_string(),
            "username": username.unwrap_or_else(|| webhook.name.clone()),
            "avatar": avatar.as_ref().map(|_| "0123456789abcdef0123456789abcdef"),
            "discriminator": "0000",
            "public_flags": 0,
            "flags": 0,
            "bot": true,
            "global_name": null,
        });
        let post = Post {
            author: id,
            author_json,
            webhook: Some(id),
            avatar,
            is_ours: webhook.is_ours,
            ..Post::of(self, channel, self.bot, draft)
        };
        self.post(post)
    }
}

fn check_name(form: &mut Form, field: &str, name: &str) {
    for word in ["discord", "clyde"] {
        if name.to_lowercase().contains(word) {
            let message = format!("Username cannot contain \"{word}\"");
            form.wrong(field, "USERNAME_INVALID_CONTAINS", &message);
        }
    }
    if ["everyone", "here"].contains(&name) {
        form.wrong(field, "USERNAME_INVALID", "Username is invalid");
    }
}

fn is_picture(data: &str) -> bool {
    ["png", "jpeg", "gif", "webp"].iter().any(|kind| {
        let picture = data.strip_prefix(&format!("data:image/{kind};base64,"));
        picture.is_some_and(|picture| !picture.is_empty())
    })
}

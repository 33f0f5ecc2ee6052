//! The requests under `/channels/{channel}/messages`.

use serde_json::{Value, json};

use super::calls::Call;
use super::drafts::{Draft, EDIT_FIELDS, FIELDS, Post};
use super::form::Form;
use super::permissions::{
    MANAGE_MESSAGES, READ_MESSAGE_HISTORY, SEND_MESSAGES, SEND_MESSAGES_IN_THREADS, VIEW_CHANNEL,
};
use super::refusal::{Outcome, Refusal, Reply};
use super::world::{ChannelState, Id, MessageState, PRIVATE, World};

/// What only messages in a channel have.
const CHANNEL_FIELDS: &[&str] = &["nonce", "enforce_nonce", "message_reference", "sticker_ids"];

impl World {
    /// The requests under `/channels/{channel}/messages`.
    pub(super) fn take_messages(&mut self, call: &Call, channel: &str, rest: &[&str]) -> Outcome {
        let channel = self.visible_channel(channel)?;
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list_messages(call, channel),
            ("POST", []) => self.create_message(call, channel),
            ("GET", [id]) => Ok(Reply::Json(
                self.message_json(channel, self.message_id(channel, id)?),
            )),
            ("PATCH", [id]) => self.edit_message(call, channel, id),
            ("DELETE", [id]) => self.delete_message(channel, id),
            ("PUT", [id, "reactions", emoji, "@me"]) => self.add_reaction(channel, id, emoji),
            ("DELETE", [id, "reactions", emoji, "@me"]) => self.remove_reaction(channel, id, emoji),
            _ => self.unknown_route(call),
        }
    }

    /// Notes what nobody knows, and refuses what is wrong.
    pub(super) fn finish(&mut self, call: &Call, form: &Form) -> Result<(), Refusal> {
        if !form.unknown.is_empty() {
            self.faults.push(format!(
                "unknown fields {:?}: {}",
                form.unknown,
                call.shown()
            ));
        }
        form.check()
    }

    /// What a message is to say, of a body that has these fields and no others.
    pub(super) fn read_draft(
        &mut self,
        call: &Call,
        body: Option<&Value>,
        fields: &[&str],
    ) -> Result<Draft, Refusal> {
        let mut form = Form::of(body, fields)?;
        let draft = Draft::read(&mut form);
        self.finish(call, &form).map(|()| draft)
    }

    /// A channel that the bot sees.
    pub(super) fn visible_channel(&self, id: &str) -> Result<Id, Refusal> {
        let channel = id.parse().ok().and_then(|id: Id| self.channels.get(&id));
        let channel = channel.ok_or_else(|| Refusal::unknown("Channel"))?;
        match self.bot_may(VIEW_CHANNEL, channel) {
            true => Ok(channel.id),
            false => Err(Refusal::missing_access()),
        }
    }

    pub(super) fn message_id(&self, channel: Id, id: &str) -> Result<Id, Refusal> {
        let message = id
            .parse()
            .ok()
            .and_then(|id| self.channels[&channel].message(id));
        // Nobody reads what only one person sees; the interaction's token is the way to it.
        let message = message.filter(|message| message.only_for.is_none());
        message
            .map(|message| message.id)
            .ok_or_else(|| Refusal::unknown("Message"))
    }

    pub(super) fn check_may_send(&self, channel: &ChannelState) -> Result<(), Refusal> {
        let needed = if channel.is_thread() {
            SEND_MESSAGES_IN_THREADS
        } else {
            SEND_MESSAGES
        };
        if !self.bot_may(needed, channel) {
            return Err(Refusal::missing_permissions());
        }
        let recipient = channel.recipient.and_then(|user| self.users.get(&user));
        match recipient.is_none_or(|user| user.takes_messages) {
            true => Ok(()),
            false => Err(Refusal::new(
                403,
                50_007,
                "Cannot send messages to this user",
            )),
        }
    }

    fn create_message(&mut self, call: &Call, channel: Id) -> Outcome {
        self.check_may_send(&self.channels[&channel])?;
        let known = [FIELDS, CHANNEL_FIELDS].concat();
        let mut form = Form::of(call.body()?.as_ref(), &known)?;
        let draft = Draft::read(&mut form);
        draft.must_be_for_all(&mut form);
        let nonce = form.get("nonce").clone();
        let is_enforced = form.flag("enforce_nonce");
        if !matches!(nonce, Value::Null | Value::Number(_)) {
            form.text_in("nonce", &nonce, 0, 25);
        }
        let reply_to = self.read_reference(&mut form, channel)?;
        self.finish(call, &form)?;
        if draft.is_empty() {
            return Err(Refusal::empty_message());
        }
        let same = |message: &&MessageState| {
            !message.is_deleted
                && message.author == self.bot
                && message.nonce.as_ref() == Some(&nonce)
        };
        if is_enforced && let Some(known) = self.channels[&channel].messages.iter().find(same) {
            return Ok(Reply::Json(self.message_json(channel, known.id)));
        }
        let post = Post {
            reply_to,
            nonce: (!nonce.is_null()).then(|| nonce.clone()),
            kind: if reply_to.is_some() { 19 } else { 0 },
            ..Post::ours(self, channel, draft)
        };
        let id = self.post(post);
        let mut json = self.message_json(channel, id);
        if !nonce.is_null() {
            json["nonce"] = nonce;
        }
        Ok(Reply::Json(json))
    }

    fn read_reference(&self, form: &mut Form, channel: Id) -> Result<Option<Id>, Refusal> {
        let reference = form.get("message_reference").clone();
        if reference.is_null() {
            return Ok(None);
        }
        form.knows(
            "message_reference",
            &reference,
            &[
                "type",
                "message_id",
                "channel_id",
                "guild_id",
                "fail_if_not_exists",
            ],
        );
        if !self.bot_may(READ_MESSAGE_HISTORY, &self.channels[&channel]) {
            return Err(Refusal::new(
                400,
                160_002,
                "Cannot reply without permission to read message history",
            ));
        }
        let elsewhere = &reference["channel_id"];
        let found = reference["message_id"]
            .as_str()
            .and_then(|id| self.message_id(channel, id).ok());
        if !elsewhere.is_null() && elsewhere.as_str() != Some(&channel.to_string()) {
            form.wrong(
                "message_reference",
                "MESSAGE_REFERENCE_CHANNEL",
                "The message must be in the same channel",
            );
        } else if found.is_none() && reference["fail_if_not_exists"] != false {
            form.wrong(
                "message_reference",
                "REPLIES_UNKNOWN_MESSAGE",
                "Unknown message",
            );
        }
        Ok(found)
    }

    fn edit_message(&mut self, call: &Call, channel: Id, id: &str) -> Outcome {
        let id = self.message_id(channel, id)?;
        let author = self.channels[&channel]
            .message(id)
            .map(|message| message.author);
        if author != Some(self.bot) {
            return Err(Refusal::not_the_author());
        }
        self.change_by_call(call, channel, id)
    }

    /// The requests to one message of a webhook or an interaction, whose token is the right to it.
    pub(super) fn take_own_message(&mut self, call: &Call, channel: Id, id: Id) -> Outcome {
        match call.method.as_str() {
            "GET" => Ok(Reply::Json(self.message_json(channel, id))),
            "PATCH" => self.change_by_call(call, channel, id),
            "DELETE" => {
                self.remove_message(channel, id);
                Ok(Reply::Nothing)
            }
            _ => self.unknown_route(call),
        }
    }

    fn change_by_call(&mut self, call: &Call, channel: Id, id: Id) -> Outcome {
        let draft = self.read_draft(call, call.body()?.as_ref(), EDIT_FIELDS)?;
        self.change_message(channel, id, draft)?;
        Ok(Reply::Json(self.message_json(channel, id)))
    }

    fn delete_message(&mut self, channel: Id, id: &str) -> Outcome {
        let id = self.message_id(channel, id)?;
        let state = &self.channels[&channel];
        let is_own = state
            .message(id)
            .is_some_and(|message| message.author == self.bot);
        if !is_own && state.kind == PRIVATE {
            return Err(Refusal::new(
                403,
                50_003,
                "Cannot execute action on a DM channel",
            ));
        }
        if !is_own && !self.bot_may(MANAGE_MESSAGES, state) {
            return Err(Refusal::missing_permissions());
        }
        self.remove_message(channel, id);
        Ok(Reply::Nothing)
    }

    fn list_messages(&mut self, call: &Call, channel: Id) -> Outcome {
        let state = &self.channels[&channel];
        let most = call.query("limit").map_or(Ok(50), str::parse);
        let Some(most) = most.ok().filter(|most| (1..=100).contains(most)) else {
            let mut form = Form::of(None, &[])?;
            form.wrong(
                "limit",
                "NUMBER_TYPE_MAX",
                "int value should be between 1 and 100.",
            );
            return form.check().map(|()| Reply::Nothing);
        };
        if !self.bot_may(READ_MESSAGE_HISTORY, state) {
            return Ok(Reply::Json(json!([])));
        }
        let (before, after) = (call.query_id("before"), call.query_id("after"));
        let fitting = state.messages.iter().filter(|message| {
            !message.is_deleted
                && message.only_for.is_none()
                && before.is_none_or(|before| message.id < before)
                && after.is_none_or(|after| message.id > after)
        });
        let ids: Vec<Id> = fitting.map(|message| message.id).collect();
        let ids: Vec<Id> = match after {
            Some(_) => ids.into_iter().take(most).collect(),
            None => ids.into_iter().rev().take(most).rev().collect(),
        };
        let newest_first = ids
            .into_iter()
            .rev()
            .map(|id| self.message_json(channel, id));
        Ok(Reply::Json(newest_first.collect()))
    }

    /// A message as the bot may read it.
    pub(super) fn message_json(&self, channel: Id, id: Id) -> Value {
        let state = &self.channels[&channel];
        let message = state.message(id).expect("checked by the caller");
        let mut json = match state.kind == PRIVATE || self.sessions.message_content {
            true => message.json.clone(),
            false => self.without_content(message),
        };
        let mut counts: Vec<(&str, u64, bool)> = Vec::new();
        for reaction in state
            .reactions
            .iter()
            .filter(|reaction| reaction.message == id)
        {
            let mine = reaction.user == self.bot;
            match counts
                .iter_mut()
                .find(|(emoji, ..)| *emoji == reaction.emoji)
            {
                Some((_, count, me)) => (*count, *me) = (*count + 1, *me || mine),
                None => counts.push((&reaction.emoji, 1, mine)),
            }
        }
        if !counts.is_empty() {
            json["reactions"] = counts
                .iter()
                .map(|(emoji, count, me)| {
                    json!({
                        "count": count,
                        "count_details": { "burst": 0, "normal": count },
                        "me": me,
                        "me_burst": false,
                        "emoji": { "id": null, "name": emoji },
                        "burst_colors": [],
                    })
                })
                .collect();
        }
        json
    }
}

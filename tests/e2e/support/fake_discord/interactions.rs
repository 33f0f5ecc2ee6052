//! The bot's answers to interactions: the first within three seconds, the others within fifteen minutes.

use std::time::Duration;

use serde_json::{Value, json};

use super::calls::Call;
use super::components;
use super::drafts::{Draft, EPHEMERAL, FIELDS, LOADING, Post, WEBHOOK_FIELDS};
use super::form::Form;
use super::refusal::{Outcome, Refusal, Reply};
use super::world::{Id, World};

const FIRST_ANSWER: Duration = Duration::from_secs(3);
const TOKEN_LIVES: Duration = Duration::from_secs(15 * 60);

pub(super) const COMMAND: u64 = 2;
pub(super) const COMPONENT: u64 = 3;
pub(super) const AUTOCOMPLETE: u64 = 4;
pub(super) const MODAL: u64 = 5;

const MESSAGE: u64 = 4;
const DEFERRED: u64 = 5;
const DEFERRED_UPDATE: u64 = 6;
const UPDATE: u64 = 7;
const CHOICES: u64 = 8;
const ASK_MODAL: u64 = 9;

impl World {
    /// `POST /interactions/{id}/{token}/callback`
    pub(super) fn take_callback(&mut self, call: &Call, id: &str, token: &str) -> Outcome {
        if call.method != "POST" {
            return self.unknown_route(call);
        }
        let unknown = || Refusal::unknown("Interaction");
        let mut all = self.interactions.iter();
        let interaction =
            all.find(|interaction| interaction.id.to_string() == id && interaction.token == token);
        let interaction = interaction.ok_or_else(unknown)?;
        if !self.channels.contains_key(&interaction.channel) {
            return Err(Refusal::unknown("Channel"));
        }
        if interaction.age() > FIRST_ANSWER {
            return Err(unknown());
        }
        if interaction.response.is_some() {
            return Err(Refusal::new(
                400,
                40_060,
                "Interaction has already been acknowledged.",
            ));
        }
        let (id, kind, has_message) = (
            interaction.id,
            interaction.kind,
            interaction.message.is_some(),
        );
        let body = call.body()?;
        let mut form = Form::of(body.as_ref(), &["type", "data"])?;
        let answer = form.get("type").as_u64().unwrap_or(0);
        let fits = match answer {
            MESSAGE | DEFERRED => kind != AUTOCOMPLETE,
            DEFERRED_UPDATE | UPDATE => kind != AUTOCOMPLETE && has_message,
            CHOICES => kind == AUTOCOMPLETE,
            ASK_MODAL => matches!(kind, COMMAND | COMPONENT),
            _ => false,
        };
        if !fits {
            form.wrong(
                "type",
                "INTERACTION_CALLBACK_TYPE_INVALID",
                "This kind of answer does not fit the interaction",
            );
        }
        self.finish(call, &form)?;
        let data = form.get("data").clone();
        let original = match answer {
            MESSAGE => Some(self.answer_with_message(call, id, &data)?),
            DEFERRED => Some(self.promise_message(call, id, &data)?),
            DEFERRED_UPDATE => self.interaction(id).message,
            UPDATE => Some(self.update_message(call, id, &data)?),
            CHOICES => self.check_choices(call, &data)?,
            _ => self.check_modal(call, &data)?,
        };
        let channel = self.interaction(id).channel;
        let interaction = self.interaction(id);
        interaction.response = body.clone();
        interaction.original = original;
        if call.query("with_response") != Some("true") {
            return Ok(Reply::Nothing);
        }
        let message = original.map(|message| self.message_json(channel, message));
        Ok(Reply::Json(json!({
            "interaction": { "id": id.to_string(), "type": kind },
            "resource": { "type": answer, "message": message },
        })))
    }

    fn answer_with_message(&mut self, call: &Call, id: Id, data: &Value) -> Result<Id, Refusal> {
        let draft = self.read_draft(call, Some(data), FIELDS)?;
        if draft.is_empty() {
            return Err(Refusal::empty_message());
        }
        Ok(self.post_for(id, draft))
    }

    fn promise_message(&mut self, call: &Call, id: Id, data: &Value) -> Result<Id, Refusal> {
        // Clients send the other fields too; Discord looks at the flags only.
        let data = (!data.is_null()).then_some(data);
        let mut draft = self.read_draft(call, data, FIELDS)?;
        draft.flags |= LOADING;
        draft.content = None;
        Ok(self.post_for(id, draft))
    }

    fn update_message(&mut self, call: &Call, id: Id, data: &Value) -> Result<Id, Refusal> {
        let draft = self.read_draft(call, Some(data), FIELDS)?;
        let interaction = self.interaction(id);
        let (channel, message) = (
            interaction.channel,
            interaction.message.expect("checked by the caller"),
        );
        self.change_message(channel, message, draft)?;
        Ok(message)
    }

    fn check_choices(&mut self, call: &Call, data: &Value) -> Result<Option<Id>, Refusal> {
        let mut form = Form::of(Some(data), &["choices"])?;
        let choices = form.get("choices").clone();
        if !choices.is_array() {
            form.wrong("choices", "BASE_TYPE_REQUIRED", "This field is required");
        }
        for (index, choice) in form.list_in("choices", &choices, 25).iter().enumerate() {
            let path = format!("choices.{index}");
            form.knows(&path, choice, &["name", "name_localizations", "value"]);
            form.text_in(&format!("{path}.name"), &choice["name"], 1, 100);
            if !choice["value"].is_number() {
                form.text_in(&format!("{path}.value"), &choice["value"], 1, 100);
            }
        }
        self.finish(call, &form).map(|()| None)
    }

    fn check_modal(&mut self, call: &Call, data: &Value) -> Result<Option<Id>, Refusal> {
        let mut form = Form::of(Some(data), &["custom_id", "title", "components"])?;
        form.text_in("data.custom_id", &data["custom_id"], 1, 100);
        form.text_in("data.title", &data["title"], 1, 45);
        components::of_modal(&mut form, &data["components"]);
        self.finish(call, &form).map(|()| None)
    }

    /// A message in the name of an interaction. It needs no permission in the channel.
    fn post_for(&mut self, id: Id, draft: Draft) -> Id {
        let interaction = self.interaction(id);
        let (channel, user, kind) = (interaction.channel, interaction.user, interaction.kind);
        let is_first = interaction.response.is_none();
        let post = Post {
            webhook: Some(self.bot),
            only_for: (draft.flags & EPHEMERAL != 0).then_some(user),
            interaction: Some(id),
            kind: if is_first && kind == COMMAND { 20 } else { 0 },
            ..Post::ours(self, channel, draft)
        };
        self.post(post)
    }

    /// The requests under `/webhooks/{application}/{token}`.
    pub(super) fn take_for_interaction(
        &mut self,
        call: &Call,
        token: &str,
        rest: &[&str],
    ) -> Outcome {
        let mut all = self.interactions.iter();
        let interaction = all.find(|interaction| interaction.token == token);
        // The token opens nothing before the first answer.
        let interaction = interaction.filter(|interaction| interaction.response.is_some());
        let interaction = interaction.ok_or_else(|| Refusal::unknown("Webhook"))?;
        if interaction.age() > TOKEN_LIVES {
            return Err(Refusal::new(401, 50_027, "Invalid Webhook Token"));
        }
        let (id, channel, original) = (interaction.id, interaction.channel, interaction.original);
        if !self.channels.contains_key(&channel) {
            return Err(Refusal::unknown("Channel"));
        }
        match (call.method.as_str(), rest) {
            ("POST", []) => self.follow_up(call, id),
            (_, ["messages", message]) => {
                let message = match *message {
                    "@original" => original,
                    message => message.parse().ok(),
                };
                let state = &self.channels[&channel];
                let message = message.and_then(|message| state.message(message));
                let is_ours = |message: &&super::world::MessageState| {
                    message.interaction == Some(id) || Some(message.id) == original
                };
                let message = message
                    .filter(is_ours)
                    .ok_or_else(|| Refusal::unknown("Message"))?
                    .id;
                self.take_own_message(call, channel, message)
            }
            _ => self.unknown_route(call),
        }
    }

    fn follow_up(&mut self, call: &Call, id: Id) -> Outcome {
        let fields = [FIELDS, WEBHOOK_FIELDS].concat();
        let draft = self.read_draft(call, call.body()?.as_ref(), &fields)?;
        if draft.is_empty() {
            return Err(Refusal::empty_message());
        }
        let (channel, original) = (self.interaction(id).channel, self.interaction(id).original);
        let promised = original.and_then(|original| self.channels[&channel].message(original));
        let promised =
            promised.filter(|message| message.json["flags"].as_u64().unwrap_or(0) & LOADING != 0);
        // The first follow-up after a promise takes the promise's place.
        let message = match promised.map(|message| message.id) {
            Some(message) => {
                self.change_message(channel, message, draft)?;
                message
            }
            None => self.post_for(id, draft),
        };
        Ok(Reply::Json(self.message_json(channel, message)))
    }
}

//! Commands, buttons, autocompletion and modals: what people do, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Served;
use super::interactions::{AUTOCOMPLETE, COMMAND, COMPONENT, MODAL};
use super::options::{fill, is_named};
use super::people::{Channel, Person};
use super::permissions::{ADMINISTRATOR, USE_APPLICATION_COMMANDS};
use super::shown::{Button, File, Shown};
use super::world::{Id, InteractionState, PRIVATE, World};

/// Something that a person did, waiting for the bot's answers.
pub(crate) struct Interaction {
    served: Arc<Served>,
    id: Id,
}

/// The first answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    /// As in the documentation: 4 message, 5 promised message, 6 nothing, 7 changed message, 8 choices, 9 modal.
    pub(crate) kind: u64,
    pub(crate) data: Value,
    pub(crate) content: String,
    pub(crate) is_ephemeral: bool,
    pub(crate) buttons: Vec<Button>,
    /// Name and value.
    pub(crate) choices: Vec<(String, Value)>,
}

impl Channel {
    /// Uses a slash command. Options are `{"name": value}`, subcommands `{"subcommand": {…}}`.
    pub(crate) async fn commands(
        &self,
        person: &Person,
        name: &str,
        options: Value,
    ) -> Interaction {
        self.command(person, name, &options, COMMAND, None).await
    }

    /// Types into an option for which the command completes; `focused` is its name, and its value is what was typed.
    pub(crate) async fn autocompletes(
        &self,
        person: &Person,
        name: &str,
        options: Value,
        focused: &str,
    ) -> Interaction {
        self.command(person, name, &options, AUTOCOMPLETE, Some(focused))
            .await
    }

    async fn command(
        &self,
        person: &Person,
        name: &str,
        options: &Value,
        kind: u64,
        focused: Option<&str>,
    ) -> Interaction {
        let what = format!("the command {name:?} is registered");
        let (command, locale) = self
            .served
            .until(&what, |world| {
                let locale = world.users[&person.id].locale.clone();
                let guild = world.channels[&self.id].guild;
                let registered = [None, guild]
                    .into_iter()
                    .filter_map(|scope| world.commands.get(&scope));
                let mut registered = registered.flatten();
                registered
                    .find(|command| is_named(command, name, &locale))
                    .map(|command| (command.clone(), locale))
            })
            .await;
        let mut data = json!({ "id": command["id"], "name": command["name"], "type": 1 });
        let filled = fill(&command, options, &locale, focused);
        if !filled.is_empty() {
            data["options"] = Value::Array(filled);
        }
        let id = self.served.change(|world| {
            world.enters(self.id, person.id);
            world.check_may_use(&command, self.id, person.id);
            if let Some(guild) = world.channels[&self.id].guild
                && let Some(resolved) = world.resolve(guild, &data)
            {
                data["resolved"] = resolved;
            }
            world.interact(kind, self.id, person.id, data, None)
        });
        self.interaction(id)
    }

    /// Presses a button, which is named by its label or its custom id.
    pub(crate) fn presses(&self, person: &Person, message: Id, button: &str) -> Interaction {
        self.uses_component(person, message, |rows| {
            let buttons = Button::all(rows);
            let pressed = buttons.iter().find(|known| known.is(button));
            let pressed =
                pressed.unwrap_or_else(|| panic!("no button {button:?} among {buttons:?}"));
            assert!(!pressed.is_disabled, "the button {button:?} is disabled");
            json!({ "component_type": 2, "id": 2, "custom_id": pressed.custom_id })
        })
    }

    /// Chooses in a menu.
    pub(crate) fn chooses(
        &self,
        person: &Person,
        message: Id,
        menu: &str,
        values: &[&str],
    ) -> Interaction {
        self.uses_component(person, message, |rows| {
            let inner = rows.as_array().into_iter().flatten();
            let mut menus = inner
                .filter_map(|row| row["components"].as_array())
                .flatten();
            let chosen =
                menus.find(|component| component["custom_id"] == menu && component["type"] == 3);
            let chosen = chosen.unwrap_or_else(|| panic!("no menu {menu:?}: {rows}"));
            for value in values {
                let mut options = chosen["options"].as_array().into_iter().flatten();
                assert!(
                    options.any(|option| option["value"] == *value),
                    "{value:?} is not in {chosen}"
                );
            }
            json!({ "component_type": 3, "id": 2, "custom_id": menu, "values": values })
        })
    }

    /// Does something with what stands below a message: its rows of components become the interaction's data.
    fn uses_component(
        &self,
        person: &Person,
        message: Id,
        choose: impl FnOnce(&Value) -> Value,
    ) -> Interaction {
        let id = self.served.change(|world| {
            let state = &world.channels[&self.id];
            let found = state
                .message(message)
                .unwrap_or_else(|| panic!("message {message} is not here"));
            assert!(
                found.only_for.is_none_or(|user| user == person.id),
                "they do not see the message"
            );
            let data = choose(&found.json["components"]);
            world.enters(self.id, person.id);
            world.interact(COMPONENT, self.id, person.id, data, Some(message))
        });
        self.interaction(id)
    }

    /// Submits the modal with which the bot answered an interaction; fields are `{"custom id": "text"}`.
    pub(crate) async fn submits(
        &self,
        person: &Person,
        asked_by: &Interaction,
        fields: Value,
    ) -> Interaction {
        let response = asked_by.response().await;
        assert_eq!(response.kind, 9, "no modal was asked for: {response:?}");
        let given = fields.as_object().cloned().unwrap_or_default();
        let rows = response.data["components"]
            .as_array()
            .expect("checked when it came")
            .clone();
        let inputs: Vec<&Value> = rows.iter().map(|row| &row["components"][0]).collect();
        for name in given.keys() {
            assert!(
                inputs.iter().any(|input| input["custom_id"] == **name),
                "no field {name:?}"
            );
        }
        let filled = inputs.iter().enumerate().map(|(index, input)| {
            let value = input["custom_id"].as_str().and_then(|id| given.get(id)).unwrap_or(&input["value"]);
            let value = value.as_str().unwrap_or_default();
            let length = u64::try_from(value.chars().count()).expect("a length");
            let least = input["min_length"].as_u64().unwrap_or(u64::from(input["required"] != false));
            let most = input["max_length"].as_u64().unwrap_or(4000);
            let is_left_out = length == 0 && input["required"] == false;
            assert!(is_left_out || (least..=most).contains(&length), "{value:?} does not fit {input}");
            let input = json!({ "type": 4, "id": index + 2, "custom_id": input["custom_id"], "value": value });
            json!({ "type": 1, "id": index + 1, "components": [input] })
        });
        let data = json!({ "custom_id": response.data["custom_id"], "components": filled.collect::<Vec<_>>() });
        let id = self.served.change(|world| {
            let message = world.interaction(asked_by.id).message;
            world.interact(MODAL, self.id, person.id, data, message)
        });
        self.interaction(id)
    }

    fn interaction(&self, id: Id) -> Interaction {
        Interaction {
            served: Arc::clone(&self.served),
            id,
        }
    }
}

impl Interaction {
    /// Waits for the first answer.
    pub(crate) async fn response(&self) -> Response {
        let callback = self
            .served
            .until("the first answer to an interaction", |world| {
                let mut all = world.interactions.iter();
                all.find(|interaction| interaction.id == self.id)?
                    .response
                    .clone()
            })
            .await;
        Response::of(&callback)
    }

    pub(crate) fn has_response(&self) -> bool {
        self.served
            .change(|world| world.interaction(self.id).response.is_some())
    }

    /// What the person sees of it: the first message, if there is one, and those that followed.
    pub(crate) fn messages(&self) -> Vec<Shown> {
        self.served.read(|world| world.shown_for(self.id))
    }

    /// Waits until a message for this interaction contains these words.
    pub(crate) async fn until_text(&self, words: &str) -> Shown {
        self.served
            .until(&format!("an answer with {words:?}"), |world| {
                let mut messages = world.shown_for(self.id).into_iter();
                messages.find(|shown| shown.content.contains(words))
            })
            .await
    }

    /// Waits until a message for this interaction has a file.
    pub(crate) async fn until_file(&self) -> File {
        self.served
            .until("an answer with a file", |world| {
                let mut messages = world.shown_for(self.id).into_iter();
                messages.find_map(|mut shown| shown.files.pop())
            })
            .await
    }

    /// Lets it look so much older than it is: after three seconds it takes no first answer, after fifteen minutes none.
    pub(crate) fn ages(&self, by: Duration) {
        self.served
            .change(|world| world.interaction(self.id).aged += by);
    }
}

impl Response {
    fn of(callback: &Value) -> Self {
        let data = &callback["data"];
        let choices = data["choices"].as_array().into_iter().flatten();
        let choices = choices.map(|choice| {
            let name = choice["name"].as_str().unwrap_or_default();
            (name.to_owned(), choice["value"].clone())
        });
        Self {
            kind: callback["type"].as_u64().unwrap_or(0),
            content: data["content"].as_str().unwrap_or_default().to_owned(),
            is_ephemeral: data["flags"].as_u64().unwrap_or(0) & super::drafts::EPHEMERAL != 0,
            buttons: Button::all(&data["components"]),
            choices: choices.collect(),
            data: data.clone(),
        }
    }
}

impl World {
    fn shown_for(&self, interaction: Id) -> Vec<Shown> {
        let mut all = self.interactions.iter();
        let interaction = all
            .find(|known| known.id == interaction)
            .expect("interactions stay");
        let Some(channel) = self.channels.get(&interaction.channel) else {
            return Vec::new();
        };
        let mine = channel.messages.iter().filter(|message| {
            let is_original = Some(message.id) == interaction.original;
            !message.is_deleted && (is_original || message.interaction == Some(interaction.id))
        });
        mine.map(Shown::of).collect()
    }

    /// Discord does not offer a command to those who may not use it there.
    fn check_may_use(&self, command: &Value, channel: Id, user: Id) {
        let channel = &self.channels[&channel];
        let context = if channel.kind == PRIVATE { 1 } else { 0 };
        let contexts = command["contexts"].as_array();
        assert!(
            contexts.is_none_or(|contexts| contexts.iter().any(|known| known == context)),
            "the command is not for this kind of channel: {command}"
        );
        assert!(
            context == 0 || command["dm_permission"] != false,
            "the command is not for private channels: {command}"
        );
        let needed = command["default_member_permissions"].as_str();
        let needed = match needed.map(|bits| bits.parse().expect("checked when it came")) {
            None => 0,
            // No permissions at all means those who may do everything.
            Some(0) => ADMINISTRATOR,
            Some(bits) => bits,
        };
        let needed = needed
            | if context == 0 {
                USE_APPLICATION_COMMANDS
            } else {
                0
            };
        assert!(
            context == 1 || self.permissions(user, channel) & needed == needed,
            "they may not use {command}"
        );
    }

    /// The users that options name.
    fn resolve(&self, guild: Id, data: &Value) -> Option<Value> {
        let (mut users, mut members) = (Map::new(), Map::new());
        let mut open: Vec<&Value> = data["options"].as_array().into_iter().flatten().collect();
        while let Some(option) = open.pop() {
            open.extend(option["options"].as_array().into_iter().flatten());
            let Some(user) = option["value"].as_str().filter(|_| option["type"] == 6) else {
                continue;
            };
            let id: Id = user.parse().expect("checked when it was filled in");
            users.insert(user.to_owned(), self.user(id));
            let mut member = self.part(guild, id);
            member["permissions"] = json!("0");
            members.insert(user.to_owned(), member);
        }
        (!users.is_empty()).then(|| json!({ "users": users, "members": members }))
    }

    fn interact(
        &mut self,
        kind: u64,
        channel: Id,
        user: Id,
        data: Value,
        message: Option<Id>,
    ) -> Id {
        let id = self.new_id();
        let token = format!("aW50ZXJhY3Rpb246{id:040x}");
        let state = &self.channels[&channel];
        let mut event = json!({
            "id": id.to_string(),
            "application_id": self.bot.to_string(),
            "type": kind,
            "data": data,
            "channel": self.channel(state),
            "channel_id": channel.to_string(),
            "token": token,
            "version": 1,
            "app_permissions": self.permissions(self.bot, state).to_string(),
            "locale": self.users[&user].locale,
            "entitlements": [],
            "attachment_size_limit": 10_485_760,
        });
        event["channel"]["permissions"] = json!(self.permissions(user, state).to_string());
        match state.guild {
            Some(guild) => {
                event["guild_id"] = json!(guild.to_string());
                event["guild"] =
                    json!({ "id": guild.to_string(), "locale": "en-US", "features": [] });
                event["guild_locale"] = json!("en-US");
                event["member"] = self.member(guild, user);
                event["member"]["permissions"] = event["channel"]["permissions"].clone();
                event["authorizing_integration_owners"] = json!({ "0": guild.to_string() });
                event["context"] = json!(0);
            }
            None => {
                event["user"] = self.user(user);
                event["authorizing_integration_owners"] = json!({ "0": "0" });
                event["context"] = json!(1);
            }
        }
        if let Some(message) = message.and_then(|message| state.message(message)) {
            event["message"] = message.json.clone();
        }
        self.interactions.push(InteractionState {
            id,
            token,
            kind,
            channel,
            user,
            message,
            made: Instant::now(),
            aged: Duration::ZERO,
            response: None,
            original: None,
        });
        // No intent is needed, and neither is the right to see the channel.
        self.sessions
            .send("INTERACTION_CREATE", |_| Some(event.clone()));
        id
    }
}

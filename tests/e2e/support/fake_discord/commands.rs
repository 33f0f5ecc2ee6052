//! Application commands: registered, listed, removed; and the rules for their names.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::calls::Call;
use super::form::Form;
use super::refusal::{Outcome, Refusal, Reply};
use super::world::{Id, World};

const CHAT_INPUT: u64 = 1;
pub(super) const SUBCOMMAND: u64 = 1;
pub(super) const SUBCOMMAND_GROUP: u64 = 2;

/// All texts of a command together. Discord has raised this since; what fits here fits there.
const LONGEST_COMMAND: usize = 4000;

const FIELDS: &[&str] = &[
    "id",
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "options",
    "default_member_permissions",
    "dm_permission",
    "default_permission",
    "nsfw",
    "integration_types",
    "contexts",
    "handler",
];
const OPTION_FIELDS: &[&str] = &[
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "required",
    "choices",
    "options",
    "channel_types",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "autocomplete",
];
const LOCALES: &[&str] = &[
    "id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl",
    "no", "pl", "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th",
    "zh-CN", "ja", "zh-TW", "ko",
];

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$").expect("it compiles")
});

impl World {
    /// The requests under `/applications/{application}/commands`, or those for one guild.
    pub(super) fn take_commands(
        &mut self,
        call: &Call,
        application: &str,
        guild: Option<&str>,
        rest: &[&str],
    ) -> Outcome {
        if application != self.bot.to_string() {
            return Err(Refusal::unknown("Application"));
        }
        let guild: Option<Id> = match guild {
            None => None,
            Some(guild) => {
                let guild = guild
                    .parse()
                    .ok()
                    .filter(|guild| self.guilds.contains_key(guild));
                Some(guild.ok_or_else(Refusal::missing_access)?)
            }
        };
        let registered = self.commands.entry(guild).or_default().clone();
        let of_id = |id: &str| registered.iter().position(|command| command["id"] == id);
        let unknown = || Refusal::unknown("application command");
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Reply::Json(Value::Array(registered))),
            ("GET", [id]) => Ok(Reply::Json(
                registered[of_id(id).ok_or_else(unknown)?].clone(),
            )),
            ("PUT", []) => self.replace_commands(call, guild),
            ("POST", []) => self.register_one(call, guild),
            ("DELETE", [id]) => {
                let index = of_id(id).ok_or_else(unknown)?;
                self.commands.entry(guild).or_default().remove(index);
                Ok(Reply::Nothing)
            }
            _ => self.unknown_route(call),
        }
    }

    fn replace_commands(&mut self, call: &Call, guild: Option<Id>) -> Outcome {
        let body = call.body()?.unwrap_or_default();
        let mut form = Form::of(None, &[])?;
        let commands = form.list_in("", &body, 100);
        let mut names = BTreeSet::new();
        for (index, command) in commands.iter().enumerate() {
            let path = index.to_string();
            check_command(&mut form, &path, command);
            if !names.insert((
                command["type"].as_u64().unwrap_or(1),
                command["name"].to_string(),
            )) {
                form.wrong(
                    &format!("{path}.name"),
                    "APPLICATION_COMMANDS_DUPLICATE_NAME",
                    "Application command names must be unique",
                );
            }
        }
        self.finish(call, &form)?;
        let made: Vec<Value> = commands
            .iter()
            .map(|command| self.command(command, guild))
            .collect();
        self.registrations += 1;
        self.commands.insert(guild, made.clone());
        Ok(Reply::Json(Value::Array(made)))
    }

    fn register_one(&mut self, call: &Call, guild: Option<Id>) -> Outcome {
        let command = call.body()?.unwrap_or_default();
        let mut form = Form::of(None, &[])?;
        check_command(&mut form, "", &command);
        self.finish(call, &form)?;
        let made = self.command(&command, guild);
        let registered = self.commands.entry(guild).or_default();
        registered.retain(|known| known["name"] != made["name"] || known["type"] != made["type"]);
        registered.push(made.clone());
        Ok(Reply::Created(made))
    }

    /// A command as Discord keeps it. One that was there under this name keeps its id.
    fn command(&mut self, sent: &Value, guild: Option<Id>) -> Value {
        let registered = self.commands.get(&guild).into_iter().flatten();
        let known = registered
            .into_iter()
            .find(|known| known["name"] == sent["name"]);
        let known = known.map(|known| known["id"].clone());
        let mut command = json!({
            "id": known.unwrap_or_else(|| json!(self.new_id().to_string())),
            "application_id": self.bot.to_string(),
            "version": self.new_id().to_string(),
            "type": CHAT_INPUT,
            "default_member_permissions": null,
            "nsfw": false,
            "description": "",
        });
        if let Some(guild) = guild {
            command["guild_id"] = json!(guild.to_string());
        }
        for (field, value) in sent.as_object().into_iter().flatten() {
            if field != "id" {
                command[field] = value.clone();
            }
        }
        command
    }
}

fn check_command(form: &mut Form, path: &str, command: &Value) {
    form.knows(path, command, FIELDS);
    let is_chat_input = command["type"].as_u64().unwrap_or(CHAT_INPUT) == CHAT_INPUT;
    if is_chat_input {
        check_names(form, path, command);
        check_options(form, path, &command["options"], 0);
    } else {
        form.text_in(&join(path, "name"), &command["name"], 1, 32);
    }
    if text_length(command) > LONGEST_COMMAND {
        form.wrong(
            path,
            "APPLICATION_COMMAND_TOO_LARGE",
            "Command exceeds maximum size (4000)",
        );
    }
    for (field, most) in [("contexts", 2), ("integration_types", 1)] {
        let path = join(path, field);
        for element in form.list_in(&path, &command[field], 3) {
            if element.as_u64().is_none_or(|element| element > most) {
                form.wrong(
                    &path,
                    "BASE_TYPE_CHOICES",
                    &format!("Value must be one of 0 to {most}."),
                );
            }
        }
    }
    let permissions = &command["default_member_permissions"];
    let is_number = permissions
        .as_str()
        .is_some_and(|bits| bits.parse::<u64>().is_ok());
    if !permissions.is_null() && !is_number {
        form.wrong(
            &join(path, "default_member_permissions"),
            "BASE_TYPE_MIN",
            "A bit set in a text is expected.",
        );
    }
}

/// The names and descriptions of a command or an option, in all languages.
fn check_names(form: &mut Form, path: &str, command: &Value) {
    let name_path = join(path, "name");
    if let Some(name) = form.text_in(&name_path, &command["name"], 1, 32) {
        check_name(form, &name_path, &name);
    }
    form.text_in(&join(path, "description"), &command["description"], 1, 100);
    for (field, most) in [
        ("name_localizations", 32),
        ("description_localizations", 100),
    ] {
        let path = join(path, field);
        let Some(localised) = command[field].as_object() else {
            if !command[field].is_null() {
                form.wrong(
                    &path,
                    "DICT_TYPE_CONVERT",
                    "Only dictionaries may be used in a DictType",
                );
            }
            continue;
        };
        for (locale, text) in localised {
            let path = join(&path, locale);
            if !LOCALES.contains(&locale.as_str()) {
                form.wrong(
                    &path,
                    "ENUM_TYPE_COERCE",
                    &format!("Value \"{locale}\" is not a valid enum value."),
                );
            }
            let text = form.text_in(&path, text, 1, most);
            if let Some(name) = text.filter(|_| field == "name_localizations") {
                check_name(form, &path, &name);
            }
        }
    }
}

fn check_name(form: &mut Form, path: &str, name: &str) {
    if !NAME.is_match(name) || name.to_lowercase() != name {
        form.wrong(
            path,
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid",
        );
    }
}

fn check_options(form: &mut Form, path: &str, options: &Value, depth: u32) {
    let path = join(path, "options");
    let options = form.list_in(&path, options, 25);
    let mut names = BTreeSet::new();
    let mut optional_came = false;
    let is_nesting =
        |option: &Value| matches!(option["type"].as_u64(), Some(SUBCOMMAND | SUBCOMMAND_GROUP));
    if options.iter().any(is_nesting) && !options.iter().all(is_nesting) {
        form.wrong(&path, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command and sub-command group option types are mutually exclusive to all other types");
    }
    for (index, option) in options.iter().enumerate() {
        let path = join(&path, &index.to_string());
        form.knows(&path, option, OPTION_FIELDS);
        check_names(form, &path, option);
        if !names.insert(option["name"].to_string()) {
            form.wrong(
                &join(&path, "name"),
                "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                "Option names must be unique",
            );
        }
        let is_required = option["required"] == true;
        if is_required && optional_came {
            form.wrong(
                &join(&path, "required"),
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            );
        }
        optional_came |= !is_required;
        match option["type"].as_u64() {
            Some(SUBCOMMAND_GROUP) if depth == 0 => {
                check_options(form, &path, &option["options"], 1)
            }
            Some(SUBCOMMAND) if depth <= 1 => check_options(form, &path, &option["options"], 2),
            Some(3..=11) => check_value_option(form, &path, option),
            _ => form.wrong(
                &join(&path, "type"),
                "BASE_TYPE_CHOICES",
                "Value must be one of 1 to 11, subcommands only where they may stand.",
            ),
        }
    }
}

fn check_value_option(form: &mut Form, path: &str, option: &Value) {
    let choices = form.list_in(&join(path, "choices"), &option["choices"], 25);
    if option["autocomplete"] == true && !choices.is_empty() {
        form.wrong(
            &join(path, "choices"),
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES",
            "Autocomplete and choices are mutually exclusive",
        );
    }
    for (index, choice) in choices.iter().enumerate() {
        let path = join(path, &format!("choices.{index}"));
        form.knows(&path, choice, &["name", "name_localizations", "value"]);
        form.text_in(&join(&path, "name"), &choice["name"], 1, 100);
        if option["type"] == 3 {
            form.text_in(&join(&path, "value"), &choice["value"], 1, 100);
        } else if !choice["value"].is_number() {
            form.wrong(
                &join(&path, "value"),
                "NUMBER_TYPE_COERCE",
                "Value is not a number.",
            );
        }
    }
}

/// Names, descriptions and values count, each in its longest language.
fn text_length(value: &Value) -> usize {
    let length = |text: &Value| text.as_str().map_or(0, |text| text.chars().count());
    let longest = |field: &str| {
        let localised = value[format!("{field}_localizations")].as_object();
        let localised = localised
            .into_iter()
            .flatten()
            .map(|(_, text)| length(text));
        localised.max().unwrap_or(0).max(length(&value[field]))
    };
    let inner = ["options", "choices"].map(|field| {
        let elements = value[field].as_array().into_iter().flatten();
        elements.map(text_length).sum::<usize>()
    });
    longest("name") + longest("description") + length(&value["value"]) + inner.iter().sum::<usize>()
}

fn join(path: &str, field: &str) -> String {
    format!("{path}.{field}")
}

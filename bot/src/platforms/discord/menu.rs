//! The command table as Discord's slash commands: what is registered, and what comes back. What the commands do stands in `commands/`.

use chatfriends_personas::Persona;
use serde_json::{Map, Value, json};
use serenity::all::{
    ActionRowComponent, CommandData, LightMethod, ModalInteractionData, ResolvedValue, Route,
};

use super::rest::{Body, Rest};
use crate::commands::{Action, Argument, Asked, COMMANDS, Command, Kind, Words};
use crate::outlet::Form;
use crate::platforms::SendError;
use crate::studio::MadePersona;

const SUB_COMMAND: u8 = 1;
const STRING: u8 = 3;
const BOOLEAN: u8 = 5;
/// Discord shows no more.
const MOST_CHOICES: usize = 25;

/// Registers the commands, unless Discord has them as they are.
pub(super) async fn register(rest: &Rest) -> Result<(), SendError> {
    let route = Route::Commands {
        application_id: rest.application(),
    };
    let query = vec![("with_localizations", "true".to_owned())];
    let there = rest
        .send(route, LightMethod::Get, Body::Nothing, query)
        .await?;
    let there: Vec<Value> = there
        .json()
        .await
        .map_err(|error| SendError::Unreachable(error.without_url().to_string()))?;
    let ours = COMMANDS.iter().map(command).collect();
    if holds(&Value::Array(there), &ours) {
        return Ok(());
    }
    rest.call(route, LightMethod::Put, Body::Json(&ours))
        .await?;
    tracing::info!(
        commands = COMMANDS.len(),
        "The slash commands are registered."
    );
    Ok(())
}

/// Whether everything that we would say stands there. Discord adds fields, and leaves out those that are as if they were not there.
fn holds(there: &Value, ours: &Value) -> bool {
    match (there, ours) {
        (Value::Object(there), Value::Object(ours)) => ours
            .iter()
            .all(|(key, value)| holds(there.get(key).unwrap_or(&Value::Null), value)),
        (Value::Array(there), Value::Array(ours)) => {
            there.len() == ours.len()
                && ours.iter().enumerate().all(|(index, value)| {
                    // Commands come back in an order of their own.
                    let named = value.get("name").and_then(|name| {
                        there.iter().find(|other| other.get("name") == Some(name))
                    });
                    named
                        .or(there.get(index))
                        .is_some_and(|there| holds(there, value))
                })
        }
        (Value::Null, Value::Bool(false)) => true,
        (Value::Null, Value::Array(ours)) => ours.is_empty(),
        (there, ours) => there == ours,
    }
}

fn command(command: &Command) -> Value {
    let options: Vec<Value> = match command.actions {
        [alone] if alone.name[0].is_empty() => arguments(alone),
        actions => actions.iter().map(action).collect(),
    };
    // In servers, and in private chats with the bot.
    const CONTEXTS: [u8; 2] = [0, 1];
    let mut described = described(command.name, command.summary);
    described.extend([
        ("type".to_owned(), json!(1)),
        ("contexts".to_owned(), json!(CONTEXTS)),
        ("options".to_owned(), json!(options)),
    ]);
    Value::Object(described)
}

fn action(action: &Action) -> Value {
    let options = arguments(action);
    let mut described = described(action.name, action.summary);
    described.extend([
        ("type".to_owned(), json!(SUB_COMMAND)),
        ("options".to_owned(), json!(options)),
    ]);
    Value::Object(described)
}

/// What can be filled in.
fn arguments(action: &Action) -> Vec<Value> {
    let typed = action.arguments.iter();
    typed
        .filter(|argument| argument.kind != Kind::Link)
        .map(argument)
        .collect()
}

fn argument(argument: &Argument) -> Value {
    let mut described = described(argument.name, argument.summary);
    described.insert("required".to_owned(), json!(argument.required));
    let kind = match argument.kind {
        Kind::Everywhere => BOOLEAN,
        _ => STRING,
    };
    described.insert("type".to_owned(), json!(kind));
    match argument.kind {
        Kind::Persona | Kind::Personas | Kind::Made => {
            described.insert("autocomplete".to_owned(), json!(true));
        }
        Kind::Choice(choices) => {
            let choices: Vec<Value> = choices
                .iter()
                .map(|words| json!({ "name": words[0], "name_localizations": { "ko": words[1] }, "value": words[0] }))
                .collect();
            described.insert("choices".to_owned(), json!(choices));
        }
        Kind::Word | Kind::Text | Kind::Link | Kind::Everywhere => {}
    }
    Value::Object(described)
}

fn described(name: Words, summary: Words) -> Map<String, Value> {
    let fields = json!({
        "name": name[0],
        "name_localizations": { "ko": name[1] },
        "description": summary[0],
        "description_localizations": { "ko": summary[1] },
    });
    match fields {
        Value::Object(fields) => fields,
        _ => unreachable!("an object was written above"),
    }
}

/// The command that was chosen from the menu.
pub(super) fn asked(data: &CommandData) -> Asked {
    let mut asked = Asked {
        command: data.name.clone(),
        action: String::new(),
        arguments: Vec::new(),
    };
    for option in data.options() {
        match option.value {
            ResolvedValue::SubCommand(options) => {
                asked.action = option.name.to_owned();
                let options = options.into_iter();
                asked
                    .arguments
                    .extend(options.filter_map(|option| {
                        Some((option.name.to_owned(), value(&option.value)?))
                    }));
            }
            other => asked
                .arguments
                .extend(value(&other).map(|value| (option.name.to_owned(), value))),
        }
    }
    asked
}

/// `None` for what is as if it were not there.
fn value(value: &ResolvedValue<'_>) -> Option<String> {
    match value {
        ResolvedValue::String(text) => Some((*text).to_owned()),
        ResolvedValue::Boolean(true) => Some("true".to_owned()),
        _ => None,
    }
}

/// Which kind of argument is being typed.
pub(super) fn completed(data: &CommandData) -> Option<Kind> {
    let focused = data.autocomplete()?.name;
    let (_, action) = asked(data).meant()?;
    let mut arguments = action.arguments.iter();
    let argument = arguments.find(|argument| argument.name[0] == focused)?;
    Some(argument.kind)
}

/// A persona that may be chosen.
#[derive(Debug)]
pub(super) struct Choice {
    id: String,
    name: String,
    aliases: Vec<String>,
}

impl From<&Persona> for Choice {
    fn from(persona: &Persona) -> Self {
        Self {
            id: persona.id.to_string(),
            name: persona.name.clone(),
            aliases: persona.aliases.clone(),
        }
    }
}

impl From<&MadePersona> for Choice {
    /// By its id, since a draft may have no name yet.
    fn from(work: &MadePersona) -> Self {
        Self {
            id: work.id().to_string(),
            name: work.id().to_string(),
            aliases: work.sheet().names().map(str::to_owned).collect(),
        }
    }
}

/// Those of `all` that fit what is being typed.
pub(super) fn choices(data: &CommandData, all: impl IntoIterator<Item = Choice>) -> Vec<Value> {
    let Some(typed) = data.autocomplete().map(|option| option.value) else {
        return Vec::new();
    };
    // Of several names only the last one is being typed.
    let (before, last) = match typed.rsplit_once([' ', ',']) {
        Some((before, last)) => (format!("{before} "), last),
        None => (String::new(), typed),
    };
    let last = last.to_lowercase();
    let fitting = all.into_iter().filter(|choice| {
        let mut names = [&choice.id, &choice.name]
            .into_iter()
            .chain(&choice.aliases);
        names.any(|name| name.to_lowercase().starts_with(&last))
    });
    fitting
        .take(MOST_CHOICES)
        .map(|choice| {
            let name: String = format!("{before}{}", choice.name)
                .chars()
                .take(100)
                .collect();
            json!({ "name": name, "value": format!("{before}{}", choice.id) })
        })
        .collect()
}

/// A form as Discord shows it.
pub(super) fn modal(form: &Form) -> Value {
    const ROW: u8 = 1;
    const TEXT_INPUT: u8 = 4;
    const SHORT: u8 = 1;
    const PARAGRAPH: u8 = 2;
    let rows: Vec<Value> = form
        .fields
        .iter()
        .map(|field| {
            let mut input = json!({
                "type": TEXT_INPUT,
                "custom_id": field.name,
                "label": field.label,
                "style": if field.long { PARAGRAPH } else { SHORT },
                "required": field.required,
                "max_length": field.longest,
            });
            // Discord takes no empty value for a field that must be filled in.
            if !field.value.is_empty() {
                input["value"] = json!(field.value);
            }
            json!({ "type": ROW, "components": [input] })
        })
        .collect();
    let line = form.asked.to_string();
    json!({
        "title": form.title,
        "custom_id": line.trim_start_matches('/'),
        "components": rows,
    })
}

/// The command that a filled-in form belongs to, with what was filled in.
pub(super) fn submitted(data: &ModalInteractionData) -> Option<Asked> {
    let mut asked = Asked::read(&data.custom_id).ok()?;
    let inputs = data.components.iter().flat_map(|row| &row.components);
    for input in inputs {
        if let ActionRowComponent::InputText(input) = input {
            let value = input.value.clone().unwrap_or_default();
            asked.arguments.push((input.custom_id.clone(), value));
        }
    }
    Some(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_holds_what_discord_gives_back() {
        let ours = Value::Array(COMMANDS.iter().map(command).collect());
        let mut theirs = ours.clone();
        for there in theirs.as_array_mut().unwrap() {
            there["id"] = json!("1");
            there["version"] = json!("2");
            if there["options"] == json!([]) {
                there.as_object_mut().unwrap().remove("options");
            }
        }
        theirs.as_array_mut().unwrap().reverse();
        assert!(holds(&theirs, &ours));
        theirs[0]["description"] = json!("something else");
        assert!(!holds(&theirs, &ours));
    }

    #[test]
    fn a_form_comes_back_with_the_command_that_it_was_shown_for() {
        for line in [
            "persona create nari",
            "persona edit nari",
            "persona set joey monica everywhere",
            "settings quiet 23:00-07:00 Asia/Seoul everywhere",
            "settings limit person 30 everywhere",
        ] {
            let asked = Asked::read(line).unwrap();
            let form = Form {
                title: "A form".to_owned(),
                asked: asked.clone(),
                fields: Vec::new(),
                language: chatfriends_personas::Language::English,
            };
            let filled = json!({ "custom_id": modal(&form)["custom_id"], "components": [] });
            let filled: ModalInteractionData = serde_json::from_value(filled).unwrap();
            assert_eq!(submitted(&filled), Some(asked), "{line}");
        }
    }
}

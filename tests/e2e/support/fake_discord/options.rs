//! Fills in a command's options as people do in Discord's own clients.

use serde_json::{Value, json};

use super::commands::{SUBCOMMAND, SUBCOMMAND_GROUP};
use super::world::Id;

/// Whether a command or an option has this name, or shows it to people with this language.
pub(super) fn is_named(command: &Value, name: &str, locale: &str) -> bool {
    command["name"] == name || command["name_localizations"][locale] == name
}

/// Fills in the options of a command as Discord's own clients let people do: only what is registered, and all that is required.
pub(super) fn fill(
    command: &Value,
    given: &Value,
    locale: &str,
    focused: Option<&str>,
) -> Vec<Value> {
    let registered: Vec<&Value> = command["options"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let given = given.as_object().cloned().unwrap_or_default();
    let nests =
        |option: &&Value| matches!(option["type"].as_u64(), Some(SUBCOMMAND | SUBCOMMAND_GROUP));
    assert!(
        !registered.iter().any(nests) || given.len() == 1,
        "one subcommand must be chosen of {registered:?}"
    );
    // While somebody types, required options may still be missing.
    for option in registered
        .iter()
        .filter(|option| option["required"] == true && focused.is_none())
    {
        let mut names = given.keys();
        assert!(
            names.any(|name| is_named(option, name, locale)),
            "missing: {option}"
        );
    }
    let mut filled = Vec::new();
    for (name, value) in &given {
        let option = registered
            .iter()
            .find(|option| is_named(option, name, locale));
        let option = option.unwrap_or_else(|| panic!("no option {name:?} in {command}"));
        let mut made = json!({ "name": option["name"], "type": option["type"] });
        if nests(option) {
            // A subcommand comes with the field also when it is empty; clients such as serenity rely on it.
            made["options"] = Value::Array(fill(option, value, locale, focused));
        } else {
            let is_focused = focused == Some(name);
            assert!(
                !is_focused || option["autocomplete"] == true,
                "{option} does not complete"
            );
            assert!(
                is_focused || takes(option, value),
                "{value} does not fit {option}"
            );
            made["value"] = value.clone();
            if is_focused {
                made["focused"] = json!(true);
            }
        }
        filled.push(made);
    }
    filled
}

fn takes(option: &Value, value: &Value) -> bool {
    let choices = option["choices"]
        .as_array()
        .filter(|choices| !choices.is_empty());
    if choices.is_some_and(|choices| !choices.iter().any(|choice| choice["value"] == *value)) {
        return false;
    }
    let is_id = || value.as_str().is_some_and(|id| id.parse::<Id>().is_ok());
    match option["type"].as_u64() {
        Some(3) => value.as_str().is_some_and(|text| {
            let length = u64::try_from(text.chars().count()).expect("a length");
            let least = option["min_length"].as_u64().unwrap_or(0);
            let most = option["max_length"].as_u64().unwrap_or(6000);
            (least..=most).contains(&length)
        }),
        Some(4) => value.is_i64() && is_between(option, value),
        Some(5) => value.is_boolean(),
        Some(6..=9) => is_id(),
        Some(10) => value.is_number() && is_between(option, value),
        _ => false,
    }
}

fn is_between(option: &Value, value: &Value) -> bool {
    let number = value.as_f64().unwrap_or(f64::NAN);
    option["min_value"]
        .as_f64()
        .is_none_or(|least| number >= least)
        && option["max_value"]
            .as_f64()
            .is_none_or(|most| number <= most)
}

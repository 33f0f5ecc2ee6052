//! Checks action rows, buttons, menus and text inputs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::form::Form;

const ROW: u64 = 1;
const BUTTON: u64 = 2;
const STRING_MENU: u64 = 3;
const INPUT: u64 = 4;
const LINK: u64 = 5;

/// Reads the components of a message.
pub(super) fn of_message(form: &mut Form) -> Value {
    let components = form.get("components").clone();
    check(form, "components", &components, false)
}

/// Reads the components of a modal, which hold one text input each.
pub(super) fn of_modal(form: &mut Form, components: &Value) -> Value {
    if components.as_array().is_none_or(Vec::is_empty) {
        form.wrong(
            "data.components",
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 5 in length.",
        );
    }
    check(form, "data.components", components, true)
}

fn check(form: &mut Form, path: &str, components: &Value, is_modal: bool) -> Value {
    let mut ids = BTreeSet::new();
    let mut rows = form.list_in(path, components, 5);
    for (index, row) in rows.iter_mut().enumerate() {
        let path = format!("{path}.{index}");
        form.knows(&path, row, &["type", "components", "id"]);
        if row["type"] != ROW {
            form.wrong(
                &format!("{path}.type"),
                "UNION_TYPE_CHOICES",
                "Value of field \"type\" must be one of (1,).",
            );
        }
        let path = format!("{path}.components");
        let inner = row["components"].clone();
        let inner = form.list_in(&path, &inner, 5);
        if inner.is_empty() {
            form.wrong(
                &path,
                "BASE_TYPE_BAD_LENGTH",
                "Must be between 1 and 5 in length.",
            );
        }
        if inner.len() > 1 && inner.iter().any(|component| component["type"] != BUTTON) {
            form.wrong(
                &path,
                "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
                "The specified component exceeds the maximum width",
            );
        }
        for (place, component) in inner.iter().enumerate() {
            let path = format!("{path}.{place}");
            match component["type"].as_u64() {
                Some(BUTTON) if !is_modal => button(form, &path, component, &mut ids),
                Some(STRING_MENU | 5..=8) if !is_modal => menu(form, &path, component, &mut ids),
                Some(INPUT) if is_modal => input(form, &path, component, &mut ids),
                _ => form.wrong(
                    &format!("{path}.type"),
                    "UNION_TYPE_CHOICES",
                    "Value of field \"type\" is none of those that may stand here.",
                ),
            }
        }
        // Every component has a number in its message.
        row["id"] = json!(index + 1);
    }
    Value::Array(rows)
}

fn button(form: &mut Form, path: &str, button: &Value, ids: &mut BTreeSet<String>) {
    form.knows(
        path,
        button,
        &[
            "type",
            "id",
            "style",
            "label",
            "emoji",
            "custom_id",
            "sku_id",
            "url",
            "disabled",
        ],
    );
    if !button["label"].is_null() {
        form.text_in(&format!("{path}.label"), &button["label"], 0, 80);
    } else if button["emoji"].is_null() {
        form.wrong(
            path,
            "BUTTON_COMPONENT_INVALID",
            "A button must have a label or an emoji",
        );
    }
    match button["style"].as_u64() {
        Some(LINK) => {
            form.text_in(&format!("{path}.url"), &button["url"], 1, 512);
            if !button["custom_id"].is_null() {
                form.wrong(
                    path,
                    "BUTTON_COMPONENT_CUSTOM_ID_URL_CONFLICT",
                    "A custom id and url cannot both be specified",
                );
            }
        }
        Some(1..=4) => custom_id(form, path, button, ids),
        _ => form.wrong(
            &format!("{path}.style"),
            "BASE_TYPE_CHOICES",
            "Value must be one of (1, 2, 3, 4, 5).",
        ),
    }
}

fn menu(form: &mut Form, path: &str, menu: &Value, ids: &mut BTreeSet<String>) {
    form.knows(
        path,
        menu,
        &[
            "type",
            "id",
            "custom_id",
            "options",
            "channel_types",
            "placeholder",
            "default_values",
            "min_values",
            "max_values",
            "disabled",
        ],
    );
    custom_id(form, path, menu, ids);
    if !menu["placeholder"].is_null() {
        form.text_in(&format!("{path}.placeholder"), &menu["placeholder"], 0, 150);
    }
    if menu["type"] != STRING_MENU {
        return;
    }
    let path = format!("{path}.options");
    let options = form.list_in(&path, &menu["options"], 25);
    if options.is_empty() {
        form.wrong(&path, "BASE_TYPE_REQUIRED", "This field is required");
    }
    for (index, option) in options.iter().enumerate() {
        let path = format!("{path}.{index}");
        form.knows(
            &path,
            option,
            &["label", "value", "description", "emoji", "default"],
        );
        form.text_in(&format!("{path}.label"), &option["label"], 1, 100);
        form.text_in(&format!("{path}.value"), &option["value"], 1, 100);
        if !option["description"].is_null() {
            form.text_in(
                &format!("{path}.description"),
                &option["description"],
                0,
                100,
            );
        }
    }
}

fn input(form: &mut Form, path: &str, input: &Value, ids: &mut BTreeSet<String>) {
    form.knows(
        path,
        input,
        &[
            "type",
            "id",
            "custom_id",
            "style",
            "label",
            "min_length",
            "max_length",
            "required",
            "value",
            "placeholder",
        ],
    );
    custom_id(form, path, input, ids);
    form.text_in(&format!("{path}.label"), &input["label"], 1, 45);
    if !matches!(input["style"].as_u64(), Some(1 | 2)) {
        form.wrong(
            &format!("{path}.style"),
            "BASE_TYPE_CHOICES",
            "Value must be one of (1, 2).",
        );
    }
    for (field, most) in [("value", 4000), ("placeholder", 100)] {
        if !input[field].is_null() {
            form.text_in(&format!("{path}.{field}"), &input[field], 0, most);
        }
    }
}

fn custom_id(form: &mut Form, path: &str, component: &Value, ids: &mut BTreeSet<String>) {
    let path = format!("{path}.custom_id");
    let id = form.text_in(&path, &component["custom_id"], 1, 100);
    if id.is_some_and(|id| !ids.insert(id)) {
        form.wrong(
            &path,
            "COMPONENT_CUSTOM_ID_DUPLICATED",
            "Component custom id cannot be duplicated",
        );
    }
}

//! One call of a method: its arguments, whether the documents know them, who carries it out, and how it is refused.

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::world::World;
use super::{sending, settings};

/// Why the platform does not do it.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) description: String,
    pub(super) parameters: Option<Value>,
}

/// What stands in a request, whichever form it came in.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) values: Map<String, Value>,
    pub(super) files: Vec<File>,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) field: String,
    pub(super) name: String,
    pub(super) bytes: Bytes,
}

type Method = fn(&mut World, &Arguments) -> Result<Value, Refusal>;

/// Each method with its documented parameters (core.telegram.org/bots/api). `getUpdates` waits and stands in `server`.
const METHODS: [(&str, &[&str], Method); 26] = [
    ("getMe", &[], settings::get_me),
    (
        "sendMessage",
        &[
            "business_connection_id",
            "chat_id",
            "message_thread_id",
            "direct_messages_topic_id",
            "text",
            "parse_mode",
            "entities",
            "link_preview_options",
            "disable_notification",
            "protect_content",
            "allow_paid_broadcast",
            "message_effect_id",
            "suggested_post_parameters",
            "reply_parameters",
            "reply_markup",
        ],
        sending::send_message,
    ),
    (
        "sendDocument",
        &[
            "business_connection_id",
            "chat_id",
            "message_thread_id",
            "direct_messages_topic_id",
            "document",
            "thumbnail",
            "caption",
            "parse_mode",
            "caption_entities",
            "disable_content_type_detection",
            "disable_notification",
            "protect_content",
            "allow_paid_broadcast",
            "message_effect_id",
            "suggested_post_parameters",
            "reply_parameters",
            "reply_markup",
        ],
        sending::send_document,
    ),
    (
        "sendMessageDraft",
        &[
            "chat_id",
            "message_thread_id",
            "draft_id",
            "text",
            "parse_mode",
            "entities",
        ],
        sending::send_message_draft,
    ),
    (
        "editMessageText",
        &[
            "business_connection_id",
            "chat_id",
            "message_id",
            "inline_message_id",
            "text",
            "parse_mode",
            "entities",
            "link_preview_options",
            "reply_markup",
        ],
        sending::edit_message_text,
    ),
    (
        "editMessageReplyMarkup",
        &[
            "business_connection_id",
            "chat_id",
            "message_id",
            "inline_message_id",
            "reply_markup",
        ],
        sending::edit_message_reply_markup,
    ),
    (
        "deleteMessage",
        &["chat_id", "message_id"],
        sending::delete_message,
    ),
    (
        "sendChatAction",
        &[
            "business_connection_id",
            "chat_id",
            "message_thread_id",
            "action",
        ],
        sending::send_chat_action,
    ),
    (
        "setMessageReaction",
        &["chat_id", "message_id", "reaction", "is_big"],
        sending::set_message_reaction,
    ),
    (
        "answerCallbackQuery",
        &[
            "callback_query_id",
            "text",
            "show_alert",
            "url",
            "cache_time",
        ],
        sending::answer_callback_query,
    ),
    (
        "setMyCommands",
        &["commands", "scope", "language_code"],
        settings::set_my_commands,
    ),
    (
        "getMyCommands",
        &["scope", "language_code"],
        settings::get_my_commands,
    ),
    (
        "deleteMyCommands",
        &["scope", "language_code"],
        settings::delete_my_commands,
    ),
    (
        "setMyName",
        &["name", "language_code"],
        settings::set_my_name,
    ),
    (
        "setMyDescription",
        &["description", "language_code"],
        settings::set_my_description,
    ),
    (
        "setMyShortDescription",
        &["short_description", "language_code"],
        settings::set_my_short_description,
    ),
    ("getMyName", &["language_code"], settings::get_my_name),
    (
        "getMyDescription",
        &["language_code"],
        settings::get_my_description,
    ),
    (
        "getMyShortDescription",
        &["language_code"],
        settings::get_my_short_description,
    ),
    ("getChat", &["chat_id"], settings::get_chat),
    (
        "getChatMember",
        &["chat_id", "user_id"],
        settings::get_chat_member,
    ),
    (
        "getChatAdministrators",
        &["chat_id"],
        settings::get_chat_administrators,
    ),
    ("leaveChat", &["chat_id"], settings::leave_chat),
    (
        "setWebhook",
        &[
            "url",
            "certificate",
            "ip_address",
            "max_connections",
            "allowed_updates",
            "drop_pending_updates",
            "secret_token",
        ],
        settings::set_webhook,
    ),
    (
        "deleteWebhook",
        &["drop_pending_updates"],
        settings::delete_webhook,
    ),
    ("getWebhookInfo", &[], settings::get_webhook_info),
];

const OF_GET_UPDATES: [&str; 4] = ["offset", "limit", "timeout", "allowed_updates"];

/// Carries out a call and keeps what was wrong with it.
pub(super) fn carry_out(
    world: &mut World,
    method: &str,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    let known = METHODS
        .iter()
        .find(|(name, _, _)| name.eq_ignore_ascii_case(method));
    let Some((name, parameters, work)) = known else {
        world.faults.push(format!(
            "there is no method {method:?}, or this fake lacks it"
        ));
        return Err(Refusal {
            status: 404,
            description: "Not Found: method not found".to_owned(),
            parameters: None,
        });
    };
    note_unknown(world, name, parameters, arguments);
    world
        .calls
        .push(((*name).to_owned(), Value::Object(arguments.values.clone())));
    let done = work(world, arguments);
    if let Err(refusal) = &done {
        refuse(world, name, refusal, arguments);
    }
    done
}

/// Keeps a refusal, which is a fault unless the test expects some.
pub(super) fn refuse(world: &mut World, method: &str, refusal: &Refusal, arguments: &Arguments) {
    world
        .refusals
        .push(format!("{method}: {}", refusal.description));
    let mut expected = world.refusals_expected.iter();
    if !expected.any(|words| refusal.description.contains(words)) {
        let asked = Value::Object(arguments.values.clone());
        world.faults.push(format!(
            "{method} was refused: {}: {asked}",
            refusal.description
        ));
    }
}

/// Keeps a request for updates among the calls.
pub(super) fn note_get_updates(world: &mut World, arguments: &Arguments) {
    note_unknown(world, "getUpdates", &OF_GET_UPDATES, arguments);
    let asked = Value::Object(arguments.values.clone());
    world.calls.push(("getUpdates".to_owned(), asked));
}

/// The platform ignores parameters that it does not know; nobody wants to send such.
fn note_unknown(world: &mut World, method: &str, parameters: &[&str], arguments: &Arguments) {
    let files = arguments.files.iter().map(|file| &file.field);
    for key in arguments.values.keys().chain(files) {
        // A file may stand under any name and be meant by `attach://name`.
        let is_attached = arguments
            .values
            .values()
            .any(|value| value.as_str() == Some(&format!("attach://{key}")));
        if !parameters.contains(&key.as_str()) && !is_attached {
            world
                .faults
                .push(format!("{method} has no parameter {key:?}"));
        }
    }
}

impl Refusal {
    pub(super) fn bad(description: &str) -> Self {
        Self {
            status: 400,
            description: format!("Bad Request: {description}"),
            parameters: None,
        }
    }

    pub(super) fn forbidden(description: &str) -> Self {
        Self {
            status: 403,
            description: format!("Forbidden: {description}"),
            parameters: None,
        }
    }

    /// As the answer to the call.
    pub(super) fn value(&self) -> Value {
        let mut answer =
            json!({ "ok": false, "error_code": self.status, "description": self.description });
        if let Some(parameters) = &self.parameters {
            answer["parameters"] = parameters.clone();
        }
        answer
    }
}

impl Arguments {
    /// A text; numbers count as such.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.values.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A number, also when it is written as text.
    pub(super) fn integer(&self, key: &str) -> Option<i64> {
        match self.values.get(key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        match self.values.get(key) {
            Some(Value::Bool(set)) => *set,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// An object or a list, also when it is JSON in a text, as the documents say.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        match self.values.get(key)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            Value::Null => None,
            value => Some(value.clone()),
        }
    }

    /// A list of words.
    pub(super) fn words(&self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let words = value.as_array()?.iter();
        Some(
            words
                .filter_map(|word| word.as_str().map(str::to_owned))
                .collect(),
        )
    }

    /// Public names of chats are nobody's here.
    pub(super) fn chat(&self) -> Result<i64, Refusal> {
        match self.values.get("chat_id") {
            None => Err(Refusal::bad("chat_id is empty")),
            Some(_) => self
                .integer("chat_id")
                .ok_or_else(|| Refusal::bad("chat not found")),
        }
    }

    pub(super) fn message(&self) -> Result<i64, Refusal> {
        self.integer("message_id")
            .filter(|id| *id > 0)
            .ok_or_else(|| Refusal::bad("message identifier is not specified"))
    }
}

//! What a message is to say, read from a request.

use serde_json::{Value, json};

use super::form::Form;
use super::world::{Id, World};
use super::{components, mentions};

/// Code points in a message.
const LONGEST_CONTENT: usize = 2000;

pub(super) const EPHEMERAL: u64 = 1 << 6;
pub(super) const LOADING: u64 = 1 << 7;
const SUPPRESS_EMBEDS: u64 = 1 << 2;
const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

/// The fields that everything has which makes a message.
pub(super) const FIELDS: &[&str] = &[
    "content",
    "tts",
    "embeds",
    "allowed_mentions",
    "components",
    "attachments",
    "flags",
    "poll",
];
/// What only messages through a webhook, and those that follow an interaction's first answer, have.
pub(super) const WEBHOOK_FIELDS: &[&str] =
    &["username", "avatar_url", "thread_name", "applied_tags"];
/// The fields of an edit.
pub(super) const EDIT_FIELDS: &[&str] = &[
    "content",
    "embeds",
    "flags",
    "allowed_mentions",
    "components",
    "attachments",
];

/// What a message is to say. `None` leaves an edited message as it is.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) content: Option<String>,
    pub(super) embeds: Option<Value>,
    pub(super) components: Option<Value>,
    pub(super) attachments: Value,
    pub(super) stickers: Value,
    pub(super) allowed_mentions: Value,
    pub(super) flags: u64,
    pub(super) tts: bool,
}

/// A message that is about to be made.
pub(super) struct Post {
    pub(super) channel: Id,
    pub(super) author: Id,
    /// How the author looks.
    pub(super) author_json: Value,
    pub(super) webhook: Option<Id>,
    pub(super) avatar: Option<String>,
    pub(super) draft: Draft,
    pub(super) reply_to: Option<Id>,
    pub(super) nonce: Option<Value>,
    pub(super) only_for: Option<Id>,
    pub(super) interaction: Option<Id>,
    pub(super) kind: u64,
    /// Whether its pings are the bot's doing.
    pub(super) is_ours: bool,
}

impl Draft {
    /// Reads the fields that all kinds of messages have.
    pub(super) fn read(form: &mut Form) -> Self {
        let content = form
            .has("content")
            .then(|| form.text("content", LONGEST_CONTENT).unwrap_or_default());
        let embeds = form.has("embeds").then(|| embeds(form));
        let components = form.has("components").then(|| components::of_message(form));
        let flags = form.get("flags").clone();
        let allowed_flags = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | EPHEMERAL;
        let flags = match (&flags, flags.as_u64()) {
            (Value::Null, _) => 0,
            (_, Some(bits)) if bits & !allowed_flags == 0 => bits,
            _ => {
                wrong_flags(form);
                0
            }
        };
        let attachments = match form.get("attachments").clone() {
            Value::Null => json!([]),
            attachments => attachments,
        };
        let came = |attachment: &Value| attachment["url"].is_string();
        if !attachments
            .as_array()
            .is_some_and(|all| all.iter().all(came))
        {
            form.unknown
                .push("attachments (without their files)".to_owned());
        }
        for unsupported in ["poll", "sticker_ids"] {
            if !matches!(form.get(unsupported), Value::Null) && *form.get(unsupported) != json!([])
            {
                form.unknown
                    .push(format!("{unsupported} (this server takes none)"));
            }
        }
        Self {
            // Discord takes off the white space around a message.
            content: content.map(|content| content.trim().to_owned()),
            embeds,
            components,
            attachments,
            stickers: json!([]),
            allowed_mentions: mentions::allowed(form),
            flags,
            tts: form.flag("tts"),
        }
    }

    /// Only answers to interactions may be for one person.
    pub(super) fn must_be_for_all(&self, form: &mut Form) {
        if self.flags & EPHEMERAL != 0 {
            wrong_flags(form);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let has = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
        self.content.as_ref().is_none_or(String::is_empty)
            && !has(&self.attachments)
            && !has(&self.stickers)
            && !self.embeds.as_ref().is_some_and(has)
            && !self.components.as_ref().is_some_and(has)
    }
}

impl Post {
    /// By the bot.
    pub(super) fn ours(world: &World, channel: Id, draft: Draft) -> Self {
        Self {
            is_ours: true,
            ..Self::of(world, channel, world.bot, draft)
        }
    }

    pub(super) fn of(world: &World, channel: Id, author: Id, draft: Draft) -> Self {
        Self {
            channel,
            author,
            author_json: world.user(author),
            webhook: None,
            avatar: None,
            draft,
            reply_to: None,
            nonce: None,
            only_for: None,
            interaction: None,
            kind: 0,
            is_ours: false,
        }
    }
}

fn wrong_flags(form: &mut Form) {
    let message = "These flags cannot be set here.";
    form.wrong("flags", "BITFIELD_VALIDATE", message);
}

fn embeds(form: &mut Form) -> Value {
    let embeds = form.get("embeds").clone();
    let embeds = form.list_in("embeds", &embeds, 10);
    for (index, embed) in embeds.iter().enumerate() {
        let path = format!("embeds.{index}");
        form.knows(
            &path,
            embed,
            &[
                "title",
                "type",
                "description",
                "url",
                "timestamp",
                "color",
                "footer",
                "image",
                "thumbnail",
                "video",
                "provider",
                "author",
                "fields",
            ],
        );
        for (field, most) in [("title", 256), ("description", 4096)] {
            if !embed[field].is_null() {
                form.text_in(&format!("{path}.{field}"), &embed[field], 0, most);
            }
        }
        form.list_in(&format!("{path}.fields"), &embed["fields"], 25);
    }
    Value::Array(embeds)
}

//! From an update as Telegram sent it to one that can be read without harm. What it means is `listen.rs`.
//!
//! teloxide takes a message with an entity of a kind newer than itself for an empty one, and panics on entities that lie beyond their text, as
//! a compatible server may send them. Words are worth more than their marks, so such entities are left out before it reads anything.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use teloxide::payloads::GetUpdates;
use teloxide::requests::Payload;
use teloxide::types::{MessageEntity, MessageKind, Update, UpdateId, UpdateKind};

/// `getUpdates`, of whose answer nothing is read but the updates' numbers.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct GetRawUpdates(pub(super) GetUpdates);

impl Payload for GetRawUpdates {
    type Output = Vec<RawUpdate>;

    const NAME: &'static str = GetUpdates::NAME;
}

/// An update as it came.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RawUpdate {
    #[serde(rename = "update_id")]
    id: u32,
    #[serde(flatten)]
    content: Map<String, Value>,
}

/// An update as teloxide reads it. Invariant: each entity in it covers whole characters of its text; teloxide panics on others.
#[derive(Debug)]
pub(super) struct SoundUpdate(Update);

impl RawUpdate {
    /// What can be read of it.
    pub(super) fn read(mut self) -> SoundUpdate {
        self.content.values_mut().for_each(leave_out_unsound);
        let id = UpdateId(self.id);
        // By way of text, since teloxide finds an update's kind only where keys are borrowed from what is read.
        let read = serde_json::to_string(&self).and_then(|text| serde_json::from_str(&text));
        SoundUpdate(read.unwrap_or(Update {
            id,
            kind: UpdateKind::Error(Value::Null),
        }))
    }
}

impl SoundUpdate {
    pub(super) fn get(&self) -> &Update {
        &self.0
    }

    /// Whether nobody knows what it says: its kind, or that of the message in it, is newer than teloxide.
    pub(super) fn is_unknown(&self) -> bool {
        match &self.0.kind {
            UpdateKind::Error(_) => true,
            UpdateKind::Message(written) | UpdateKind::EditedMessage(written) => {
                matches!(written.kind, MessageKind::Empty {})
            }
            _ => false,
        }
    }
}

/// Leaves out the entities that cannot be read, wherever they stand: below captions, in answered messages, in quotes.
fn leave_out_unsound(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(leave_out_unsound),
        Value::Object(fields) => {
            let lists: Vec<String> = fields
                .keys()
                .filter(|key| *key == "entities" || key.ends_with("_entities"))
                .cloned()
                .collect();
            for list in lists {
                // All through the Bot API `entities` belong to `text`, `caption_entities` to `caption`, and so on.
                let text = list.strip_suffix("_entities").unwrap_or("text");
                let text = fields.get(text).and_then(Value::as_str);
                let text = text.unwrap_or_default().to_owned();
                if let Some(Value::Array(entities)) = fields.get_mut(&list) {
                    entities.retain(|entity| is_sound(entity, &text));
                }
            }
            fields.values_mut().for_each(leave_out_unsound);
        }
        _ => {}
    }
}

/// Whether teloxide knows its kind, and it covers whole characters of the text.
fn is_sound(entity: &Value, text: &str) -> bool {
    MessageEntity::deserialize(entity).is_ok_and(|entity| {
        let end = entity.offset.checked_add(entity.length);
        is_between_characters(text, entity.offset)
            && end.is_some_and(|end| is_between_characters(text, end))
    })
}

/// Whether a character begins after so many UTF-16 units, or the text ends there.
fn is_between_characters(text: &str, units: usize) -> bool {
    let mut before = 0;
    for character in text.chars() {
        if before >= units {
            break;
        }
        before += character.len_utf16();
    }
    before == units
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use teloxide::types::Me;

    use super::super::listen;
    use super::*;
    use crate::platforms::event::{Attachment, Happening, Message};

    fn me() -> Me {
        serde_json::from_value(json!({
            "id": 1, "is_bot": true, "first_name": "Chatting", "username": "chatting_bot",
            "can_join_groups": true, "can_read_all_group_messages": true, "supports_inline_queries": false,
            "can_connect_to_business": false, "has_main_web_app": false,
        }))
        .unwrap()
    }

    fn update(kind: &str, content: Value) -> Value {
        let mut message = json!({
            "message_id": 9, "date": 1_700_000_000,
            "chat": { "id": -100, "type": "supergroup", "title": "club" },
            "from": { "id": 5, "is_bot": false, "first_name": "Yun" },
        });
        let fields = message.as_object_mut().unwrap();
        fields.extend(content.as_object().unwrap().clone());
        json!({ "update_id": 7, kind: message })
    }

    fn read(update: &Value) -> SoundUpdate {
        let raw: RawUpdate = serde_json::from_str(&update.to_string()).unwrap();
        raw.read()
    }

    fn heard(kind: &str, content: Value) -> Message {
        let update = read(&update(kind, content));
        assert!(!update.is_unknown(), "{update:?}");
        match listen::event(&update, &me()).unwrap().happened {
            Happening::Message(message) | Happening::Edited(message) => message,
            other => panic!("{other:?}"),
        }
    }

    fn of_the_future() -> Value {
        json!({ "type": "date_time", "offset": 0, "length": 5, "unix_time": 1_700_000_000 })
    }

    /// Bot API 9.5 knows `date_time`, and a text with one was heard by nobody.
    #[test]
    fn words_with_marks_of_an_unknown_kind_are_heard() {
        let mention = json!({ "type": "mention", "offset": 6, "length": 13 });
        let written =
            json!({ "text": "today @chatting_bot", "entities": [of_the_future(), mention] });
        // What teloxide makes of it.
        let lost: Update =
            serde_json::from_str(&update("message", written.clone()).to_string()).unwrap();
        assert!(SoundUpdate(lost).is_unknown());
        for kind in ["message", "edited_message"] {
            let message = heard(kind, written.clone());
            assert_eq!(
                (message.text.as_str(), message.mentions_bot),
                ("today @chatting_bot", true)
            );
        }
        let photo = json!({ "file_id": "f", "file_unique_id": "u", "width": 1, "height": 1, "file_size": 1 });
        let below = heard(
            "message",
            json!({ "photo": [photo], "caption": "today", "caption_entities": [of_the_future()] }),
        );
        assert_eq!(
            (below.text.as_str(), below.attachment),
            ("today", Some(Attachment::File))
        );
        let mut answered = update(
            "m",
            json!({ "text": "today", "entities": [of_the_future()] }),
        )["m"]
            .take();
        answered["from"] = json!({ "id": 1, "is_bot": true, "first_name": "Chatting" });
        let answer = heard(
            "message",
            json!({ "text": "why?", "reply_to_message": answered,
                "quote": { "text": "today", "position": 0, "entities": [of_the_future()] } }),
        );
        assert_eq!(answer.answers.unwrap().0, "9");
    }

    /// teloxide panics on each of these.
    #[test]
    fn marks_that_do_not_fit_their_words_are_left_out() {
        for (offset, length) in [
            (0, 100),
            (100, 1),
            (1, 1),
            (0, 1),
            (3, usize::MAX),
            (usize::MAX, 1),
        ] {
            let entity = json!({ "type": "bot_command", "offset": offset, "length": length });
            let message = heard("message", json!({ "text": "😀 hi", "entities": [entity] }));
            assert_eq!(message.text, "😀 hi");
        }
        let entity = json!({ "type": "mention", "offset": 3, "length": 13 });
        let whole = heard(
            "message",
            json!({ "text": "😀 @chatting_bot", "entities": [entity] }),
        );
        assert!(whole.mentions_bot);
    }

    #[test]
    fn what_nobody_knows_is_known_to_be_unknown() {
        let planet = update("message", json!({ "planet": { "name": "Mars" } }));
        for unknown in [
            planet,
            json!({ "update_id": 7, "something_of_the_future": {} }),
            json!({ "update_id": 7, "message": { "text": "of no chat" } }),
            json!({ "update_id": 7 }),
        ] {
            let update = read(&unknown);
            assert!(update.is_unknown(), "{unknown}");
            assert_eq!(update.get().id, UpdateId(7));
        }
        let title = update("message", json!({ "new_chat_title": "club" }));
        assert!(!read(&title).is_unknown());
    }
}

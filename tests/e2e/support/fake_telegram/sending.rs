//! The methods by which the bot shows something in a chat, each with what the platform refuses.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::calls::{Arguments, Refusal};
use super::room::{Kind, Post, Room, text_of};
use super::text::{self, Formatted};
use super::world::{World, merge, now};

/// UTF-16 units after the entities are parsed.
const LONGEST_TEXT: usize = 4096;
const LONGEST_CAPTION: usize = 1024;
const LONGEST_CALLBACK_DATA: usize = 64;
const LONGEST_CALLBACK_ANSWER: usize = 200;

const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// What bots may react with (`ReactionTypeEmoji`).
const REACTIONS: &str = "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 \
     😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡";

pub(super) fn send_message(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let chat = arguments.chat()?;
    world.reachable(chat)?;
    let formatted = message_text(arguments, "message is too long")?;
    let mut content = json!({ "text": formatted.text });
    let entities = all_entities(&formatted);
    if !entities.is_empty() {
        content["entities"] = json!(entities);
    }
    show(world, arguments, content, formatted.entities)
}

pub(super) fn send_document(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let chat = arguments.chat()?;
    world.reachable(chat)?;
    let named = arguments.text("document").unwrap_or_default();
    let field = named.strip_prefix("attach://").unwrap_or("document");
    let Some(file) = arguments.files.iter().find(|file| file.field == field) else {
        // Files of the platform and of the net are not here.
        return Err(Refusal::bad("there is no document in the request"));
    };
    if file.bytes.is_empty() {
        return Err(Refusal::bad("file must be non-empty"));
    }
    let caption = formatted(arguments, "caption", "caption_entities")?;
    if text::length(&caption.text) > LONGEST_CAPTION {
        return Err(Refusal::bad("message caption is too long"));
    }
    let count = world.room(chat).documents.len();
    let mut content = json!({
        "document": {
            "file_id": format!("document-{chat}-{count}"),
            "file_unique_id": format!("unique-{chat}-{count}"),
            "file_name": file.name,
            "file_size": file.bytes.len(),
        },
    });
    if !caption.text.is_empty() {
        content["caption"] = json!(caption.text);
        content["caption_entities"] = json!(all_entities(&caption));
    }
    let shown = show(world, arguments, content, caption.entities)?;
    let document = (file.name.clone(), file.bytes.to_vec(), caption.text);
    world.room(chat).documents.push(document);
    Ok(shown)
}

/// Drafts are shown in private chats only and vanish by themselves.
pub(super) fn send_message_draft(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    let chat = arguments.chat()?;
    let room = world.reachable(chat)?;
    if room.kind != Kind::Private {
        return Err(Refusal::bad(
            "message drafts can be sent only to private chats",
        ));
    }
    thread(room, arguments)?;
    let draft = arguments.integer("draft_id").filter(|draft| *draft != 0);
    let draft = draft.ok_or_else(|| Refusal::bad("draft identifier must be non-zero"))?;
    let formatted = formatted(arguments, "text", "entities")?;
    if text::length(&formatted.text) > LONGEST_TEXT {
        return Err(Refusal::bad("message is too long"));
    }
    room.drafts.push((draft, formatted.text));
    Ok(json!(true))
}

pub(super) fn edit_message_text(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    own_message(world, arguments)?;
    let formatted = message_text(arguments, "MESSAGE_TOO_LONG")?;
    let entities = all_entities(&formatted);
    // An edit without a keyboard takes the keyboard away.
    let mut content = Map::from_iter([("text".to_owned(), json!(formatted.text))]);
    if !entities.is_empty() {
        content.insert("entities".to_owned(), json!(entities));
    }
    if let Some(keyboard) = keyboard(arguments, true)? {
        content.insert("reply_markup".to_owned(), keyboard);
    }
    change(
        world,
        arguments,
        &["text", "entities", "reply_markup"],
        content,
    )?;
    let post = own_message(world, arguments)?;
    post.given = formatted.entities;
    post.texts.push(formatted.text);
    Ok(post.value.clone())
}

pub(super) fn edit_message_reply_markup(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    own_message(world, arguments)?;
    let keyboard = keyboard(arguments, true)?;
    let content = keyboard.map(|keyboard| ("reply_markup".to_owned(), keyboard));
    change(
        world,
        arguments,
        &["reply_markup"],
        content.into_iter().collect(),
    )?;
    Ok(own_message(world, arguments)?.value.clone())
}

pub(super) fn delete_message(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let room = world.reachable(arguments.chat()?)?;
    let id = arguments.message()?;
    let Some(post) = room.find(id) else {
        return Err(Refusal::bad("message to delete not found"));
    };
    // In private chats, and as an administrator, it may delete what others wrote.
    if !post.by_bot && room.kind != Kind::Private && !room.bot.is_administrator() {
        return Err(Refusal::bad("message can't be deleted"));
    }
    room.posts.retain(|post| post.value["message_id"] != id);
    Ok(json!(true))
}

pub(super) fn send_chat_action(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let room = world.reachable(arguments.chat()?)?;
    let action = arguments.text("action").unwrap_or_default();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(Refusal::bad("wrong parameter action in request"));
    }
    let thread = thread(room, arguments)?;
    room.actions.push((action, thread));
    Ok(json!(true))
}

pub(super) fn set_message_reaction(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    let room = world.reachable(arguments.chat()?)?;
    let id = arguments.message()?;
    if room.find(id).is_none() {
        return Err(Refusal::bad("message to react not found"));
    }
    let reactions = arguments.value("reaction").unwrap_or(json!([]));
    let reactions = reactions.as_array().cloned().unwrap_or_default();
    let emoji: Vec<String> = reactions
        .iter()
        .map(|reaction| reaction["emoji"].as_str().unwrap_or_default().to_owned())
        .collect();
    // Bots have no Premium, so one reaction at most.
    if emoji.len() > 1 {
        return Err(Refusal::bad("REACTIONS_TOO_MANY"));
    }
    let is_known = |emoji: &String| REACTIONS.split_whitespace().any(|known| known == emoji);
    if !emoji.iter().all(is_known) {
        return Err(Refusal::bad("REACTION_INVALID"));
    }
    room.bot_reactions.insert(id, emoji);
    Ok(json!(true))
}

pub(super) fn answer_callback_query(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    let id = arguments.text("callback_query_id").unwrap_or_default();
    let text = arguments.text("text").unwrap_or_default();
    if text.chars().count() > LONGEST_CALLBACK_ANSWER {
        return Err(Refusal::bad("MESSAGE_TOO_LONG"));
    }
    let mut callbacks = world.callbacks.iter_mut();
    let callback = callbacks.find(|callback| callback.id == id && !callback.expired);
    let Some(callback) = callback else {
        return Err(Refusal::bad(
            "query is too old and response timeout expired or query ID is invalid",
        ));
    };
    let alert = arguments.is_set("show_alert");
    callback.answer = Some(json!({ "text": text, "show_alert": alert }));
    Ok(json!(true))
}

/// The text of a message that is sent or edited.
fn message_text(arguments: &Arguments, too_long: &str) -> Result<Formatted, Refusal> {
    let formatted = formatted(arguments, "text", "entities")?;
    if formatted.text.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if text::length(&formatted.text) > LONGEST_TEXT {
        return Err(Refusal::bad(too_long));
    }
    Ok(formatted)
}

/// Words that are formatted by their mode or by entities.
fn formatted(
    arguments: &Arguments,
    text_key: &str,
    entities_key: &str,
) -> Result<Formatted, Refusal> {
    let text = arguments.text(text_key).unwrap_or_default();
    let parse_mode = arguments.text("parse_mode");
    let entities = arguments.value(entities_key);
    text::understood(&text, parse_mode.as_deref(), entities.as_ref())
}

/// Telegram marks commands and mentions in the bot's texts too.
fn all_entities(formatted: &Formatted) -> Vec<Value> {
    let mut entities = formatted.entities.clone();
    entities.extend(text::found(&formatted.text));
    entities.sort_by_key(|entity| entity["offset"].as_u64());
    entities
}

/// Puts a message of the bot into a chat that it may write to.
fn show(
    world: &mut World,
    arguments: &Arguments,
    content: Value,
    given: Vec<Value>,
) -> Result<Value, Refusal> {
    let chat = arguments.chat()?;
    let (bot, pace) = (world.bot_user(), world.pace.clone());
    let room = world.reachable(chat)?;
    let mut message = json!({ "message_id": 0, "from": bot, "date": now(), "chat": room.value() });
    let replied = replied(room, arguments)?;
    if let Some(thread) = thread(room, arguments)? {
        message["message_thread_id"] = json!(thread);
        message["is_topic_message"] = json!(true);
    } else if let Some(replied) = &replied {
        // A reply goes where the other message is. Supergroups make a thread of each row of replies, which is no topic.
        let root = replied.get("message_thread_id");
        if replied["is_topic_message"] == true {
            message["is_topic_message"] = json!(true);
            message["message_thread_id"] = json!(root);
        } else if room.kind == Kind::Supergroup {
            message["message_thread_id"] = root.unwrap_or(&replied["message_id"]).clone();
        }
    }
    if let Some(replied) = replied {
        message["reply_to_message"] = replied;
    }
    if let Some(keyboard) = keyboard(arguments, false)? {
        message["reply_markup"] = keyboard;
    }
    if arguments.is_set("protect_content") {
        message["has_protected_content"] = json!(true);
    }
    if let Some(pace) = pace {
        room.take_place(&pace)?;
    }
    room.last_bot_is_other = false;
    merge(&mut message, content);
    message["message_id"] = json!(world.number(chat));
    world.room(chat).posts.push(Post {
        texts: text_of(&message).into_iter().collect(),
        value: message.clone(),
        by_bot: true,
        by_other_bot: false,
        given,
        at: Instant::now(),
    });
    Ok(message)
}

/// The topic that is named, which must be there; the general one cannot be named. Groups without topics ignore the number.
fn thread(room: &Room, arguments: &Arguments) -> Result<Option<i64>, Refusal> {
    match arguments.integer("message_thread_id") {
        None | Some(0) => Ok(None),
        Some(_) if matches!(room.kind, Kind::Group | Kind::Supergroup) => Ok(None),
        Some(thread) if room.topics.contains_key(&thread) => Ok(Some(thread)),
        Some(_) => Err(Refusal::bad("message thread not found")),
    }
}

/// The message that is replied to, without what that one replied to.
fn replied(room: &Room, arguments: &Arguments) -> Result<Option<Value>, Refusal> {
    let Some(reply) = arguments.value("reply_parameters") else {
        return Ok(None);
    };
    if reply["chat_id"]
        .as_i64()
        .is_some_and(|chat| chat != room.id)
    {
        return Err(Refusal::bad(
            "this fake does not know replies to other chats",
        ));
    }
    let Some(post) = reply["message_id"].as_i64().and_then(|id| room.find(id)) else {
        return match reply["allow_sending_without_reply"].as_bool() {
            Some(true) => Ok(None),
            _ => Err(Refusal::bad("message to be replied not found")),
        };
    };
    let quote = reply["quote"].as_str().unwrap_or_default();
    if !text_of(&post.value).unwrap_or_default().contains(quote) {
        return Err(Refusal::bad("QUOTE_TEXT_INVALID"));
    }
    let mut value = post.value.clone();
    value
        .as_object_mut()
        .expect("messages are objects")
        .remove("reply_to_message");
    Ok(Some(value))
}

/// The buttons below a message. Keyboards instead of the people's own are taken with new messages only and shown nowhere.
fn keyboard(arguments: &Arguments, inline_only: bool) -> Result<Option<Value>, Refusal> {
    let Some(markup) = arguments.value("reply_markup") else {
        return Ok(None);
    };
    let Some(rows) = markup["inline_keyboard"].as_array() else {
        return if inline_only {
            Err(Refusal::bad("inline keyboard expected"))
        } else {
            Ok(None)
        };
    };
    let buttons: Vec<&Value> = rows.iter().filter_map(Value::as_array).flatten().collect();
    if buttons.len() > 100 {
        return Err(Refusal::bad("reply markup is too long"));
    }
    for button in &buttons {
        check_button(button)?;
    }
    Ok((!buttons.is_empty()).then_some(markup.clone()))
}

fn check_button(button: &Value) -> Result<(), Refusal> {
    if button["text"]
        .as_str()
        .is_none_or(|text| text.trim().is_empty())
    {
        return Err(Refusal::bad(
            "can't parse inline keyboard button: Field \"text\" must be non-empty",
        ));
    }
    let fields = button.as_object().map_or(0, Map::len);
    if fields < 2 {
        return Err(Refusal::bad(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ));
    }
    if let Some(data) = button.get("callback_data") {
        let bytes = data.as_str().unwrap_or_default().len();
        if !(1..=LONGEST_CALLBACK_DATA).contains(&bytes) {
            return Err(Refusal::bad("BUTTON_DATA_INVALID"));
        }
    }
    if let Some(url) = button.get("url").and_then(Value::as_str) {
        let schemes = ["http://", "https://", "tg://"];
        if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(Refusal::bad("BUTTON_URL_INVALID"));
        }
    }
    Ok(())
}

/// A message of the bot that is to be edited.
fn own_message<'a>(world: &'a mut World, arguments: &Arguments) -> Result<&'a mut Post, Refusal> {
    let room = world.reachable(arguments.chat()?)?;
    let id = arguments.message()?;
    match room.find_mut(id) {
        None => Err(Refusal::bad("message to edit not found")),
        Some(post) if !post.by_bot => Err(Refusal::bad("message can't be edited")),
        Some(post) => Ok(post),
    }
}

/// Gives a message of the bot other content; edits count like messages.
fn change(
    world: &mut World,
    arguments: &Arguments,
    keys: &[&str],
    content: Map<String, Value>,
) -> Result<(), Refusal> {
    let post = own_message(world, arguments)?;
    if keys
        .iter()
        .all(|key| post.value.get(*key) == content.get(*key))
    {
        return Err(Refusal::bad(
            "message is not modified: specified new message content and reply markup are exactly the same as a current content \
             and reply markup of the message",
        ));
    }
    let pace = world.pace.clone();
    let room = world.reachable(arguments.chat()?)?;
    if let Some(pace) = pace {
        room.take_place(&pace)?;
    }
    let post = own_message(world, arguments)?;
    let value = post.value.as_object_mut().expect("messages are objects");
    value.retain(|key, _| !keys.contains(&key.as_str()));
    value.extend(content);
    value.insert("edit_date".to_owned(), json!(now()));
    Ok(())
}

//! The methods by which the bot learns about itself and its chats, names its commands, and says how updates reach it.

use serde_json::{Value, json};

use super::calls::{Arguments, Refusal};
use super::room::{Kind, Role};
use super::updates::Webhook;
use super::world::{BOT, CommandList, World, merge, now};

pub(super) fn get_me(world: &mut World, _: &Arguments) -> Result<Value, Refusal> {
    let mut me = world.bot_user();
    merge(
        &mut me,
        json!({
            "can_join_groups": true,
            "can_read_all_group_messages": world.reads_all,
            "supports_inline_queries": false,
            "can_connect_to_business": false,
            "has_main_web_app": false,
        }),
    );
    Ok(me)
}

pub(super) fn set_my_commands(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let (scope, language) = scope(arguments)?;
    let Some(commands) = arguments.value("commands") else {
        return Err(Refusal::bad("can't parse BotCommand: commands are missing"));
    };
    let list = commands.as_array().cloned().unwrap_or_default();
    if list.len() > 100 {
        return Err(Refusal::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in &list {
        let name = command["command"].as_str().unwrap_or_default();
        let is_allowed = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_');
        if !(1..=32).contains(&name.len()) || !name.chars().all(is_allowed) {
            return Err(Refusal::bad("BOT_COMMAND_INVALID"));
        }
        let description = command["description"].as_str().unwrap_or_default();
        if !(1..=256).contains(&description.chars().count()) {
            return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    forget_commands(world, &scope, &language);
    world.commands.push(CommandList {
        scope,
        language,
        commands,
    });
    Ok(json!(true))
}

pub(super) fn get_my_commands(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let (scope, language) = scope(arguments)?;
    let mut lists = world.commands.iter();
    let list = lists.find(|list| list.scope == scope && list.language == language);
    Ok(list.map_or(json!([]), |list| list.commands.clone()))
}

pub(super) fn delete_my_commands(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    let (scope, language) = scope(arguments)?;
    forget_commands(world, &scope, &language);
    Ok(json!(true))
}

pub(super) fn set_my_name(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    set_profile(world, arguments, "name", 64)
}

pub(super) fn set_my_description(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    set_profile(world, arguments, "description", 512)
}

pub(super) fn set_my_short_description(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    set_profile(world, arguments, "short_description", 120)
}

pub(super) fn get_my_name(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    get_profile(world, arguments, "name")
}

pub(super) fn get_my_description(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    get_profile(world, arguments, "description")
}

pub(super) fn get_my_short_description(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    get_profile(world, arguments, "short_description")
}

pub(super) fn get_chat(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let room = world.reachable(arguments.chat()?)?;
    let mut chat = room.value();
    merge(
        &mut chat,
        json!({
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": false,
                "limited_gifts": false,
                "unique_gifts": false,
                "premium_subscription": false,
                "gifts_from_channels": false,
            },
        }),
    );
    Ok(chat)
}

/// Guaranteed to work for other users only if the bot is an administrator in the chat, say the documents; so it works for no others here.
pub(super) fn get_chat_member(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let bot = world.bot_user();
    let user = arguments.integer("user_id");
    let user = user.ok_or_else(|| Refusal::bad("invalid user_id specified"))?;
    let known = world.people.get(&user).cloned();
    let room = world.reachable(arguments.chat()?)?;
    if user == BOT {
        return Ok(room.bot.value(&bot));
    }
    if room.kind != Kind::Private && !room.bot.is_administrator() {
        return Err(Refusal::bad("member list is inaccessible"));
    }
    match (room.members.get(&user), known) {
        (Some((person, role)), _) => Ok(role.value(&person.value())),
        (None, Some(person)) => Ok(Role::Left.value(&person.value())),
        (None, None) => Err(Refusal::bad("user not found")),
    }
}

/// Any bot in the chat may ask.
pub(super) fn get_chat_administrators(
    world: &mut World,
    arguments: &Arguments,
) -> Result<Value, Refusal> {
    let bot = world.bot_user();
    let room = world.reachable(arguments.chat()?)?;
    if room.kind == Kind::Private {
        return Err(Refusal::bad(
            "there are no administrators in the private chat",
        ));
    }
    let people = room.members.values();
    let mut administrators: Vec<Value> = people
        .filter(|(person, role)| role.is_administrator() && !person.is_other_bot())
        .map(|(person, role)| role.value(&person.value()))
        .collect();
    if room.bot.is_administrator() {
        administrators.push(room.bot.value(&bot));
    }
    Ok(json!(administrators))
}

pub(super) fn leave_chat(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let chat = arguments.chat()?;
    let bot = world.bot_user();
    let room = world.reachable(chat)?;
    if room.kind == Kind::Private {
        return Err(Refusal::bad(
            "chat member status can't be changed in private chats",
        ));
    }
    let before = room.bot.value(&bot);
    room.bot = Role::Left;
    let update = json!({
        "chat": room.value(),
        "from": bot,
        "date": now(),
        "old_chat_member": before,
        "new_chat_member": Role::Left.value(&bot),
    });
    world.updates.push("my_chat_member", update);
    Ok(json!(true))
}

/// The platform wants HTTPS and one of four ports; for tests, plain HTTP on loopback will do.
pub(super) fn set_webhook(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    let url = arguments.text("url").unwrap_or_default();
    if url.is_empty() {
        return delete_webhook(world, arguments);
    }
    let is_loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|loopback| url.starts_with(loopback));
    if !url.starts_with("https://") && !is_loopback {
        return Err(Refusal::bad(
            "bad webhook: HTTPS url must be provided for webhook",
        ));
    }
    let secret = arguments.text("secret_token");
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if let Some(secret) = &secret
        && (!(1..=256).contains(&secret.len()) || !secret.chars().all(is_allowed))
    {
        return Err(Refusal::bad("secret token contains unallowed characters"));
    }
    if arguments.is_set("drop_pending_updates") {
        world.updates.drop_pending();
    }
    let allowed = arguments.words("allowed_updates");
    world.updates.allow(allowed.clone());
    world.updates.webhook = Some(Webhook {
        url,
        secret,
        allowed,
        last_error: None,
    });
    Ok(json!(true))
}

pub(super) fn delete_webhook(world: &mut World, arguments: &Arguments) -> Result<Value, Refusal> {
    if arguments.is_set("drop_pending_updates") {
        world.updates.drop_pending();
    }
    world.updates.webhook = None;
    Ok(json!(true))
}

pub(super) fn get_webhook_info(world: &mut World, _: &Arguments) -> Result<Value, Refusal> {
    let webhook = world.updates.webhook.as_ref();
    let mut info = json!({
        "url": webhook.map_or("", |webhook| webhook.url.as_str()),
        "has_custom_certificate": false,
        "pending_update_count": world.updates.pending(),
    });
    if let Some((error, date)) = webhook.and_then(|webhook| webhook.last_error.as_ref()) {
        info["last_error_date"] = json!(date);
        info["last_error_message"] = json!(error);
    }
    if !world.updates.allowed().is_empty() {
        info["allowed_updates"] = json!(world.updates.allowed());
    }
    Ok(info)
}

fn scope(arguments: &Arguments) -> Result<(Value, String), Refusal> {
    let scope = arguments
        .value("scope")
        .unwrap_or(json!({ "type": "default" }));
    let kinds = [
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    ];
    if !kinds.iter().any(|kind| scope["type"] == *kind) {
        return Err(Refusal::bad(
            "can't parse BotCommandScope: unsupported type specified",
        ));
    }
    Ok((scope, language(arguments)?))
}

fn language(arguments: &Arguments) -> Result<String, Refusal> {
    let language = arguments.text("language_code").unwrap_or_default();
    let is_code = language.len() == 2 && language.chars().all(|letter| letter.is_ascii_lowercase());
    if !language.is_empty() && !is_code {
        return Err(Refusal::bad(
            "language code must be a two-letter ISO 639-1 code",
        ));
    }
    Ok(language)
}

fn forget_commands(world: &mut World, scope: &Value, language: &str) {
    world
        .commands
        .retain(|list| list.scope != *scope || list.language != language);
}

fn set_profile(
    world: &mut World,
    arguments: &Arguments,
    what: &str,
    longest: usize,
) -> Result<Value, Refusal> {
    let language = language(arguments)?;
    let text = arguments.text(what).unwrap_or_default();
    if text.chars().count() > longest {
        return Err(Refusal::bad(&format!("bot {what} is too long")));
    }
    world.profile.insert((what.to_owned(), language), text);
    Ok(json!(true))
}

fn get_profile(world: &mut World, arguments: &Arguments, what: &str) -> Result<Value, Refusal> {
    let language = language(arguments)?;
    let text = world.profile.get(&(what.to_owned(), language));
    Ok(json!({ what: text.map_or("", String::as_str) }))
}

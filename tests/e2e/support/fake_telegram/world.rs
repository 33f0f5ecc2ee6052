//! Everything the platform knows: people, chats with their messages, and what the bot has set. Plain data without sockets.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::calls::Refusal;
use super::chat::Person;
use super::room::{Kind, Pace, Post, Role, Room, text_of};
use super::script::Script;
use super::text;
use super::updates::Updates;

/// The bot's own number.
pub(super) const BOT: i64 = 7_100_000_001;

/// What makes a message one of the service, not of a person.
const SERVICE: [&str; 7] = [
    "new_chat_members",
    "left_chat_member",
    "new_chat_title",
    "pinned_message",
    "forum_topic_created",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
];

pub(super) struct World {
    pub(super) username: String,
    /// With privacy mode off, the bot sees everything in groups.
    pub(super) reads_all: bool,
    pub(super) token: String,
    pub(super) revoked: bool,
    pub(super) next_person: i64,
    pub(super) next_chat: i64,
    /// Private chats and basic groups count their messages together; supergroups count for themselves.
    pub(super) next_message: i64,
    pub(super) people: BTreeMap<i64, Person>,
    pub(super) rooms: BTreeMap<i64, Room>,
    pub(super) updates: Updates,
    pub(super) commands: Vec<CommandList>,
    /// Name and descriptions by method and language.
    pub(super) profile: BTreeMap<(String, String), String>,
    pub(super) callbacks: Vec<Callback>,
    pub(super) script: Script,
    pub(super) faults: Vec<String>,
    pub(super) refusals: Vec<String>,
    pub(super) refusals_expected: Vec<String>,
    pub(super) calls: Vec<(String, Value)>,
    pub(super) pace: Option<Pace>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct CommandList {
    pub(super) scope: Value,
    pub(super) language: String,
    pub(super) commands: Value,
}

pub(super) struct Callback {
    pub(super) id: String,
    pub(super) expired: bool,
    pub(super) answer: Option<Value>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            username: "chatting_bot".to_owned(),
            reads_all: false,
            token: format!("{BOT}:AAFakeTokenOfNoValueAtAll_0123456-89"),
            revoked: false,
            // Numbers of people and chats need more than 32 bits, as the documents warn.
            next_person: 5_000_000_001,
            next_chat: 2_200_000_001,
            next_message: 501,
            people: BTreeMap::new(),
            rooms: BTreeMap::new(),
            updates: Updates::new(),
            commands: Vec::new(),
            profile: BTreeMap::new(),
            callbacks: Vec::new(),
            script: Script::default(),
            faults: Vec::new(),
            refusals: Vec::new(),
            refusals_expected: Vec::new(),
            calls: Vec::new(),
            pace: Some(Pace::default()),
        }
    }

    /// The bot as a user.
    pub(super) fn bot_user(&self) -> Value {
        json!({ "id": BOT, "is_bot": true, "first_name": "Chatting", "username": self.username })
    }

    pub(super) fn room(&mut self, id: i64) -> &mut Room {
        self.rooms.get_mut(&id).expect("the test made this chat")
    }

    pub(super) fn open(&mut self, id: i64, kind: Kind, title: &str, partner: Option<Person>) {
        self.rooms.insert(id, Room::new(id, kind, title, partner));
    }

    /// The number of a new group.
    pub(super) fn next_chat_id(&mut self, kind: Kind) -> i64 {
        self.next_chat += 1;
        match kind {
            Kind::Private | Kind::Group => -self.next_chat,
            Kind::Supergroup | Kind::Forum => -1_000_000_000_000 - self.next_chat,
        }
    }

    /// The number of the next message in a chat.
    pub(super) fn number(&mut self, chat: i64) -> i64 {
        let room = self.rooms.get_mut(&chat).expect("the test made this chat");
        let counter = match room.kind {
            Kind::Private | Kind::Group => &mut self.next_message,
            Kind::Supergroup | Kind::Forum => &mut room.next_message,
        };
        *counter += 1;
        *counter - 1
    }

    /// Someone posts; the bot hears of it when it may.
    pub(super) fn post(&mut self, chat: i64, person: &Person, content: Value) -> i64 {
        let id = self.number(chat);
        let room = self.room(chat);
        room.meet(person);
        let mut message = json!({
            "message_id": id,
            "from": person.value(),
            "date": now(),
            "chat": room.value(),
        });
        if let Some(sender) = person.sender_chat(room) {
            message["sender_chat"] = sender;
        }
        if person.forwards_automatically() {
            message["is_automatic_forward"] = json!(true);
        }
        merge(&mut message, content);
        let by_other_bot = person.is_other_bot();
        room.posts.push(Post {
            texts: text_of(&message).into_iter().collect(),
            value: message.clone(),
            by_bot: false,
            by_other_bot,
            given: Vec::new(),
            at: Instant::now(),
        });
        room.last_bot_is_other |= by_other_bot;
        room.begun = true;
        if self.bot_sees(chat, &message, by_other_bot) {
            self.updates.push("message", message);
        }
        id
    }

    /// Someone changes their message.
    pub(super) fn edit(&mut self, chat: i64, id: i64, text: &str) {
        let post = self
            .room(chat)
            .find_mut(id)
            .expect("there is such a message");
        post.value["text"] = json!(text);
        post.value["edit_date"] = json!(now());
        post.value["entities"] = json!(text::found(text));
        post.texts.push(text.to_owned());
        let (message, by_other_bot) = (post.value.clone(), post.by_other_bot);
        if self.bot_sees(chat, &message, by_other_bot) {
            self.updates.push("edited_message", message);
        }
    }

    /// Which messages a bot gets, by core.telegram.org/bots/faq and /bots/features#privacy-mode: service messages and everything
    /// in private chats; as an administrator or with privacy mode off, all but what other bots send; otherwise commands with its
    /// name, commands without a name unless another bot was the last one to write in the group, and replies to its messages.
    /// Messages that mention it come too, as BotFather says when privacy is switched on. A reply to another bot goes to that one
    /// only.
    fn bot_sees(&self, chat: i64, message: &Value, by_other_bot: bool) -> bool {
        let room = self.rooms.get(&chat).expect("the test made this chat");
        if by_other_bot || !room.bot.is_present() {
            return false;
        }
        let is_service = SERVICE.iter().any(|key| message.get(key).is_some());
        if room.kind == Kind::Private || is_service {
            return true;
        }
        if self.reads_all || room.bot.is_administrator() {
            return true;
        }
        let replied = message["reply_to_message"]["message_id"].as_i64();
        if let Some(replied) = replied.and_then(|id| room.find(id)) {
            if replied.by_bot {
                return true;
            }
            if replied.by_other_bot {
                return false;
            }
        }
        let words = text_of(message).unwrap_or_default();
        let entities = message.get("entities").or(message.get("caption_entities"));
        let entities = entities
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let name = format!("@{}", self.username).to_lowercase();
        entities.iter().any(|entity| {
            let covered = text::covered(&words, entity).to_lowercase();
            match entity["type"].as_str() {
                Some("mention") => covered == name,
                Some("bot_command") => match covered.split_once('@') {
                    Some((_, bot)) => name.strip_prefix('@') == Some(bot),
                    // Only a command at the beginning is one.
                    None => entity["offset"] == 0 && !room.last_bot_is_other,
                },
                _ => false,
            }
        })
    }

    /// The bot's place in a chat changes, which it always hears of.
    pub(super) fn bot_becomes(&mut self, chat: i64, by: &Person, role: Role) {
        let user = self.bot_user();
        let room = self.room(chat);
        room.meet(by);
        let (before, after) = (room.bot.value(&user), role.value(&user));
        room.bot = role;
        let update = json!({
            "chat": room.value(),
            "from": by.value(),
            "date": now(),
            "old_chat_member": before,
            "new_chat_member": after,
        });
        self.updates.push("my_chat_member", update);
    }

    /// Someone joins or leaves a group. Administrators hear of it in an update of its own, if they ask.
    pub(super) fn becomes(&mut self, chat: i64, person: &Person, role: Role) {
        let room = self.room(chat);
        let user = person.value();
        let before = room.members.insert(person.id, (person.clone(), role));
        let before = before.map_or(Role::Left, |(_, role)| role);
        let update = json!({
            "chat": room.value(),
            "from": user,
            "date": now(),
            "old_chat_member": before.value(&user),
            "new_chat_member": role.value(&user),
        });
        if room.bot.is_administrator() {
            self.updates.push("chat_member", update);
        }
    }

    /// Someone sets or takes back their reaction. Only administrators hear of those in groups.
    pub(super) fn react(&mut self, chat: i64, person: &Person, id: i64, emoji: &str) {
        let room = self.room(chat);
        room.meet(person);
        assert!(room.find(id).is_some(), "there is no message {id}");
        let reaction = if emoji.is_empty() {
            json!([])
        } else {
            json!([{ "type": "emoji", "emoji": emoji }])
        };
        let before = room
            .people_reactions
            .insert((id, person.id), reaction.clone());
        let mut update = json!({
            "chat": room.value(),
            "message_id": id,
            "date": now(),
            "old_reaction": before.unwrap_or(json!([])),
            "new_reaction": reaction,
        });
        match person.sender_chat(room) {
            Some(sender) => update["actor_chat"] = sender,
            None => update["user"] = person.value(),
        }
        if room.kind == Kind::Private || room.bot.is_administrator() {
            self.updates.push("message_reaction", update);
        }
    }

    /// The chat in which the bot wants to do something, if it may.
    pub(super) fn reachable(&mut self, id: i64) -> Result<&mut Room, Refusal> {
        let Some(room) = self.rooms.get_mut(&id) else {
            return Err(Refusal::bad("chat not found"));
        };
        if let Some(to) = room.migrated_to {
            return Err(Refusal {
                parameters: Some(json!({ "migrate_to_chat_id": to })),
                ..Refusal::bad("group chat was upgraded to a supergroup chat")
            });
        }
        let group = if room.kind == Kind::Group {
            "group"
        } else {
            "supergroup"
        };
        match (room.kind, room.bot) {
            (Kind::Private, Role::Kicked) => Err(Refusal::forbidden("bot was blocked by the user")),
            (Kind::Private, _) if !room.begun => Err(Refusal::forbidden(
                "bot can't initiate conversation with a user",
            )),
            (_, Role::Kicked) => Err(Refusal::forbidden(&format!(
                "bot was kicked from the {group} chat"
            ))),
            (_, Role::Left) => Err(Refusal::forbidden(&format!(
                "bot is not a member of the {group} chat"
            ))),
            _ => Ok(room),
        }
    }
}

pub(super) fn merge(into: &mut Value, more: Value) {
    let into = into.as_object_mut().expect("messages are objects");
    if let Value::Object(more) = more {
        into.extend(more);
    }
}

/// The date of what happens now.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

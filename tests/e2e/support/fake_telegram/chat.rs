//! People and chats, and what people do there. What the bot has done stands in `shown`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Shared;
use super::room::{Kind, Role, Room};
use super::text;
use super::world::{Callback, merge, now};

/// Someone with an account, or one of the accounts by which Telegram shows who is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) first_name: String,
    pub(crate) username: Option<String>,
    pub(crate) language_code: Option<String>,
    sender: Sender,
}

/// On whose behalf someone writes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sender {
    Person,
    OtherBot,
    /// An administrator in the group's own name.
    Group,
    /// A channel; what the linked one posts is forwarded automatically.
    Channel {
        title: String,
        is_linked: bool,
    },
}

/// A chat, or one topic of a forum.
#[derive(Clone)]
pub(crate) struct Chat {
    pub(super) shared: Arc<Shared>,
    pub(super) id: i64,
    pub(super) topic: Option<i64>,
}

impl Person {
    pub(super) fn new(id: i64, name: &str) -> Self {
        let is_latin = name.len() >= 3 && name.chars().all(|letter| letter.is_ascii_alphanumeric());
        Self {
            id,
            first_name: name.to_owned(),
            username: is_latin.then(|| format!("{}_{}", name.to_lowercase(), id % 1000)),
            language_code: None,
            sender: Sender::Person,
        }
    }

    /// The same person with an app in this language.
    pub(crate) fn speaking(mut self, language: &str) -> Self {
        self.language_code = Some(language.to_owned());
        self
    }

    /// The same person after changing their name.
    pub(crate) fn renamed(mut self, name: &str) -> Self {
        name.clone_into(&mut self.first_name);
        self
    }

    pub(super) fn into_other_bot(mut self) -> Self {
        self.sender = Sender::OtherBot;
        self
    }

    fn account(id: i64, name: &str, username: Option<&str>, sender: Sender) -> Self {
        Self {
            id,
            first_name: name.to_owned(),
            username: username.map(str::to_owned),
            language_code: None,
            sender,
        }
    }

    /// A `User`.
    pub(super) fn value(&self) -> Value {
        // Telegram's own account for channels and anonymous administrators says that it is a bot; 777000 says that it is none.
        let is_bot = match &self.sender {
            Sender::Person
            | Sender::Channel {
                is_linked: true, ..
            } => false,
            Sender::OtherBot | Sender::Group | Sender::Channel { .. } => true,
        };
        let mut user = json!({ "id": self.id, "is_bot": is_bot, "first_name": self.first_name });
        if let Some(username) = &self.username {
            user["username"] = json!(username);
        }
        if let Some(language) = &self.language_code {
            user["language_code"] = json!(language);
        }
        user
    }

    pub(super) fn is_other_bot(&self) -> bool {
        self.sender == Sender::OtherBot
    }

    /// Whether this is an account of its own that can be in a group.
    pub(super) fn is_somebody(&self) -> bool {
        matches!(self.sender, Sender::Person | Sender::OtherBot)
    }

    pub(super) fn forwards_automatically(&self) -> bool {
        matches!(
            self.sender,
            Sender::Channel {
                is_linked: true,
                ..
            }
        )
    }

    /// The chat in whose name the message stands.
    pub(super) fn sender_chat(&self, room: &Room) -> Option<Value> {
        match &self.sender {
            Sender::Person | Sender::OtherBot => None,
            Sender::Group => Some(room.value()),
            Sender::Channel { title, .. } => {
                Some(json!({ "id": -1_001_900_000_001_i64, "title": title, "type": "channel" }))
            }
        }
    }
}

impl Chat {
    pub(super) fn new(shared: Arc<Shared>, id: i64) -> Self {
        Self {
            shared,
            id,
            topic: None,
        }
    }

    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// The number of the topic that this is.
    pub(crate) fn thread(&self) -> Option<i64> {
        self.topic
    }

    /// The same group before anyone brought the bot in.
    pub(crate) fn without_bot(self) -> Self {
        self.shared
            .change(|world| world.room(self.id).bot = Role::Left);
        self
    }

    /// A new topic of a forum, made by someone.
    pub(crate) fn topic(&self, by: &Person, name: &str) -> Self {
        let id = self.shared.change(|world| {
            let room = world.room(self.id);
            assert_eq!(room.kind, Kind::Forum, "only forums have topics");
            // The thread has the number of the message that opened it.
            let id = room.next_message;
            let content = json!({
                "message_thread_id": id,
                "is_topic_message": true,
                "forum_topic_created": { "name": name, "icon_color": 7_322_096 },
            });
            world.post(self.id, by, content);
            let room = world.room(self.id);
            let created = room.find(id).expect("just posted").value.clone();
            room.topics.insert(id, created);
            id
        });
        Self {
            topic: Some(id),
            ..self.clone()
        }
    }

    /// Who someone is in the group.
    pub(crate) fn has(&self, person: &Person, role: Role) {
        self.shared.change(|world| {
            let members = &mut world.room(self.id).members;
            members.insert(person.id, (person.clone(), role));
        });
    }

    /// An administrator of this group who writes in its name.
    pub(crate) fn anonymous_admin(&self) -> Person {
        let username = Some("GroupAnonymousBot");
        Person::account(1_087_968_824, "Group", username, Sender::Group)
    }

    /// The channel whose discussion group this is.
    pub(crate) fn linked_channel(&self, title: &str) -> Person {
        let (title, is_linked) = (title.to_owned(), true);
        Person::account(
            777_000,
            "Telegram",
            None,
            Sender::Channel { title, is_linked },
        )
    }

    /// Someone who writes in the name of a channel of theirs.
    pub(crate) fn as_channel(&self, title: &str) -> Person {
        let (title, is_linked) = (title.to_owned(), false);
        let sender = Sender::Channel { title, is_linked };
        Person::account(136_817_688, "Channel", Some("Channel_Bot"), sender)
    }

    /// Someone writes; gives the message's number.
    pub(crate) fn says(&self, person: &Person, text: &str) -> i64 {
        self.posts(person, None, words("text", "entities", text))
    }

    /// Someone writes in reply to a message.
    pub(crate) fn replies(&self, person: &Person, to: i64, text: &str) -> i64 {
        self.posts(person, Some(to), words("text", "entities", text))
    }

    /// Someone changes a message of theirs.
    pub(crate) fn edits(&self, person: &Person, id: i64, text: &str) {
        self.shared.change(|world| {
            let post = world
                .room(self.id)
                .find(id)
                .expect("there is such a message");
            assert_eq!(
                post.value["from"]["id"], person.id,
                "only their own messages"
            );
            world.edit(self.id, id, text);
        });
    }

    /// Someone takes a message away. Bots never hear of that.
    pub(crate) fn deletes(&self, id: i64) {
        self.shared.change(|world| {
            let posts = &mut world.room(self.id).posts;
            posts.retain(|post| post.value["message_id"] != id);
        });
    }

    pub(crate) fn sends_sticker(&self, person: &Person, emoji: &str) -> i64 {
        let mut sticker = file("sticker");
        merge(
            &mut sticker,
            json!({
                "type": "regular",
                "width": 512,
                "height": 512,
                "is_animated": false,
                "is_video": false,
                "emoji": emoji,
            }),
        );
        self.posts(person, None, json!({ "sticker": sticker }))
    }

    /// A picture; the caption may be empty.
    pub(crate) fn sends_photo(&self, person: &Person, caption: &str) -> i64 {
        self.posts(person, None, photo(caption))
    }

    /// Pictures that belong together; the words stand below the first.
    pub(crate) fn sends_album(&self, person: &Person, pictures: usize, caption: &str) {
        let album = format!(
            "{}-{}",
            person.id,
            self.shared.world().room(self.id).posts.len()
        );
        for number in 0..pictures {
            let mut content = photo(if number == 0 { caption } else { "" });
            content["media_group_id"] = json!(album);
            self.posts(person, None, content);
        }
    }

    pub(crate) fn sends_voice(&self, person: &Person) -> i64 {
        let mut voice = file("voice");
        merge(
            &mut voice,
            json!({ "duration": 3, "mime_type": "audio/ogg" }),
        );
        self.posts(person, None, json!({ "voice": voice }))
    }

    /// Anything else, in the form of the Bot API.
    pub(crate) fn posts_value(&self, person: &Person, content: Value) -> i64 {
        self.posts(person, None, content)
    }

    /// Someone presses a button that the bot has put under a message; gives the number of the press.
    pub(crate) fn presses(&self, person: &Person, message: i64, button: &str) -> String {
        self.shared.change(|world| {
            let id = format!("{}{:06}", person.id, world.callbacks.len());
            let room = world.room(self.id);
            room.meet(person);
            let value = room
                .find(message)
                .expect("there is such a message")
                .value
                .clone();
            let rows = value["reply_markup"]["inline_keyboard"].as_array();
            let mut buttons = rows
                .into_iter()
                .flatten()
                .filter_map(Value::as_array)
                .flatten();
            let data = buttons
                .find(|shown| shown["text"] == button)
                .unwrap_or_else(|| panic!("there is no button {button:?} in {value}"))
                .get("callback_data")
                .unwrap_or_else(|| panic!("the button {button:?} opens a page"));
            let update = json!({
                "id": id,
                "from": person.value(),
                "chat_instance": format!("instance{}", self.id),
                "data": data,
                "message": value,
            });
            world.callbacks.push(Callback {
                id: id.clone(),
                expired: false,
                answer: None,
            });
            world.updates.push("callback_query", update);
            id
        })
    }

    /// Someone reacts to a message; an empty emoji takes the reaction back.
    pub(crate) fn reacts(&self, person: &Person, message: i64, emoji: &str) {
        self.shared
            .change(|world| world.react(self.id, person, message, emoji));
    }

    /// A basic group becomes a supergroup with another number. Old messages stay behind.
    pub(crate) fn migrates(&self, by: &Person) -> Self {
        let id = self.shared.change(|world| {
            let id = world.next_chat_id(Kind::Supergroup);
            let old = world.room(self.id);
            assert_eq!(old.kind, Kind::Group, "only basic groups migrate");
            let (title, members, bot) = (old.title.clone(), old.members.clone(), old.bot);
            world.open(id, Kind::Supergroup, &title, None);
            world.room(id).members = members;
            world.room(id).bot = bot;
            world.post(self.id, by, json!({ "migrate_to_chat_id": id }));
            let group = self.anonymous_admin();
            world.post(id, &group, json!({ "migrate_from_chat_id": self.id }));
            world.room(self.id).migrated_to = Some(id);
            id
        });
        Self::new(Arc::clone(&self.shared), id)
    }

    /// Someone joins the group.
    pub(crate) fn joins(&self, person: &Person) {
        self.shared.change(|world| {
            world.becomes(self.id, person, Role::Member);
            let members = json!([person.value()]);
            world.post(self.id, person, json!({ "new_chat_members": members }));
        });
    }

    /// Someone leaves the group.
    pub(crate) fn leaves(&self, person: &Person) {
        self.shared.change(|world| {
            world.post(
                self.id,
                person,
                json!({ "left_chat_member": person.value() }),
            );
            world.becomes(self.id, person, Role::Left);
        });
    }

    /// Someone brings the bot into the group.
    pub(crate) fn adds_bot(&self, by: &Person) {
        self.shared.change(|world| {
            world.bot_becomes(self.id, by, Role::Member);
            let members = json!([world.bot_user()]);
            world.post(self.id, by, json!({ "new_chat_members": members }));
        });
    }

    /// Someone removes the bot from the group.
    pub(crate) fn removes_bot(&self, by: &Person) {
        self.shared.change(|world| {
            let bot = world.bot_user();
            world.post(self.id, by, json!({ "left_chat_member": bot }));
            world.bot_becomes(self.id, by, Role::Kicked);
        });
    }

    /// Someone makes the bot an administrator or takes that away.
    pub(crate) fn makes_bot(&self, by: &Person, role: Role) {
        self.shared
            .change(|world| world.bot_becomes(self.id, by, role));
    }

    /// The person of a private chat blocks the bot, which learns it.
    pub(crate) fn blocks_bot(&self, person: &Person) {
        self.shared
            .change(|world| world.bot_becomes(self.id, person, Role::Kicked));
    }

    /// The person of a private chat lets the bot write again.
    pub(crate) fn unblocks_bot(&self, person: &Person) {
        self.shared
            .change(|world| world.bot_becomes(self.id, person, Role::Member));
    }

    /// Puts a message into the chat, or into the topic that this is.
    fn posts(&self, person: &Person, to: Option<i64>, mut content: Value) -> i64 {
        self.shared.change(|world| {
            let room = world.room(self.id);
            if let Some(thread) = self.topic {
                content["message_thread_id"] = json!(thread);
                content["is_topic_message"] = json!(true);
                // In a topic, what replies to nothing seems to reply to the message that opened it.
                content["reply_to_message"] = room.topics[&thread].clone();
            }
            if let Some(to) = to {
                let post = room
                    .find(to)
                    .unwrap_or_else(|| panic!("there is no message {to}"));
                let mut replied = post.value.clone();
                let fields = replied.as_object_mut().expect("messages are objects");
                fields.remove("reply_to_message");
                if self.topic.is_none() && fields.contains_key("is_topic_message") {
                    content["message_thread_id"] = fields["message_thread_id"].clone();
                    content["is_topic_message"] = json!(true);
                }
                // Supergroups make a thread of each row of replies, which is no topic.
                if self.topic.is_none() && room.kind == Kind::Supergroup {
                    let root = fields.get("message_thread_id").cloned();
                    content["message_thread_id"] = root.unwrap_or(json!(to));
                }
                content["reply_to_message"] = replied;
            }
            let unblocks = room.kind == Kind::Private && room.bot == Role::Kicked;
            assert!(!unblocks, "who has blocked the bot cannot write to it");
            world.post(self.id, person, content)
        })
    }
}

/// A text with the entities that Telegram finds.
fn words(text_key: &str, entities_key: &str, text: &str) -> Value {
    // Apps cut what is longer into several messages.
    assert!(text::length(text) <= 4096, "people cannot send so much");
    let mut words = json!({ text_key: text });
    let entities = text::found(text);
    if !entities.is_empty() {
        words[entities_key] = json!(entities);
    }
    words
}

/// A picture with the words below it, if there are any.
fn photo(caption: &str) -> Value {
    let mut photo = file("photo");
    merge(&mut photo, json!({ "width": 90, "height": 90 }));
    let mut content = json!({ "photo": [photo] });
    if !caption.is_empty() {
        merge(&mut content, words("caption", "caption_entities", caption));
    }
    content
}

/// A file that nobody downloads.
fn file(kind: &str) -> Value {
    json!({
        "file_id": format!("{kind}-{}", now()),
        "file_unique_id": format!("unique-{kind}"),
        "file_size": 1000,
    })
}

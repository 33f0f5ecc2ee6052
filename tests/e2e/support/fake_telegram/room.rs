//! One chat: who is in it, what was said there, what the bot did there, and how fast it may.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::calls::Refusal;
use super::chat::Person;

/// What kind of chat it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Private,
    Group,
    Supergroup,
    Forum,
}

/// What someone is in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Creator,
    Administrator,
    Member,
    Left,
    /// Removed from a group; in a private chat, the bot is blocked.
    Kicked,
}

pub(super) struct Room {
    pub(super) id: i64,
    pub(super) kind: Kind,
    pub(super) title: String,
    /// The person in a private chat.
    pub(super) partner: Option<Person>,
    /// Whether the person has ever written, without which a bot may not.
    pub(super) begun: bool,
    pub(super) bot: Role,
    pub(super) members: BTreeMap<i64, (Person, Role)>,
    /// The threads of a forum with the message that created each.
    pub(super) topics: BTreeMap<i64, Value>,
    pub(super) next_message: i64,
    pub(super) posts: Vec<Post>,
    /// Whether another bot was the last one to write.
    pub(super) last_bot_is_other: bool,
    pub(super) migrated_to: Option<i64>,
    pub(super) actions: Vec<(String, Option<i64>)>,
    pub(super) drafts: Vec<(i64, String)>,
    pub(super) documents: Vec<(String, Vec<u8>, String)>,
    pub(super) bot_reactions: BTreeMap<i64, Vec<String>>,
    pub(super) people_reactions: BTreeMap<(i64, i64), Value>,
    sent: VecDeque<Instant>,
    refused_until: Option<Instant>,
}

/// One message.
#[derive(Debug, Clone)]
pub(super) struct Post {
    /// In the form of the Bot API.
    pub(super) value: Value,
    pub(super) by_bot: bool,
    pub(super) by_other_bot: bool,
    /// The entities as the bot gave them.
    pub(super) given: Vec<Value>,
    /// Every text that it had.
    pub(super) texts: Vec<String>,
    pub(super) at: Instant,
}

/// How fast one chat takes messages, and how long the bot has to wait after too many.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// How many at once, and how long each place takes to become free.
    pub(crate) private: (u32, Duration),
    pub(crate) group: (u32, Duration),
    pub(crate) retry_after: Duration,
}

impl Default for Pace {
    /// The frequently asked questions say: about one per second in a chat, and twenty per minute in a group.
    fn default() -> Self {
        Self {
            private: (3, Duration::from_secs(1)),
            group: (20, Duration::from_secs(3)),
            retry_after: Duration::from_secs(1),
        }
    }
}

impl Role {
    pub(super) fn is_present(self) -> bool {
        !matches!(self, Self::Left | Self::Kicked)
    }

    pub(super) fn is_administrator(self) -> bool {
        matches!(self, Self::Creator | Self::Administrator)
    }

    /// A `ChatMember`.
    pub(super) fn value(self, user: &Value) -> Value {
        match self {
            Self::Creator => json!({ "status": "creator", "user": user, "is_anonymous": false }),
            Self::Administrator => json!({
                "status": "administrator",
                "user": user,
                "can_be_edited": false,
                "is_anonymous": false,
                "can_manage_chat": true,
                "can_delete_messages": true,
                "can_manage_video_chats": true,
                "can_restrict_members": true,
                "can_promote_members": false,
                "can_change_info": true,
                "can_invite_users": true,
                "can_post_stories": false,
                "can_edit_stories": false,
                "can_delete_stories": false,
                "can_pin_messages": true,
                "can_manage_topics": true,
            }),
            Self::Member => json!({ "status": "member", "user": user }),
            Self::Left => json!({ "status": "left", "user": user }),
            Self::Kicked => json!({ "status": "kicked", "user": user, "until_date": 0 }),
        }
    }
}

impl Room {
    pub(super) fn new(id: i64, kind: Kind, title: &str, partner: Option<Person>) -> Self {
        Self {
            id,
            kind,
            title: title.to_owned(),
            partner,
            begun: kind != Kind::Private,
            bot: Role::Member,
            members: BTreeMap::new(),
            topics: BTreeMap::new(),
            // The first one is the group's beginning, which is also what a forum's general topic is called.
            next_message: 2,
            posts: Vec::new(),
            last_bot_is_other: false,
            migrated_to: None,
            actions: Vec::new(),
            drafts: Vec::new(),
            documents: Vec::new(),
            bot_reactions: BTreeMap::new(),
            people_reactions: BTreeMap::new(),
            sent: VecDeque::new(),
            refused_until: None,
        }
    }

    /// A `Chat`.
    pub(super) fn value(&self) -> Value {
        let mut chat = match (&self.partner, self.kind) {
            (Some(person), _) => {
                let mut chat = person.value();
                let user = chat.as_object_mut().expect("a person is an object");
                user.retain(|key, _| matches!(key.as_str(), "id" | "first_name" | "username"));
                chat["type"] = json!("private");
                chat
            }
            (None, Kind::Group) => json!({ "id": self.id, "title": self.title, "type": "group" }),
            (None, _) => json!({ "id": self.id, "title": self.title, "type": "supergroup" }),
        };
        if self.kind == Kind::Forum {
            chat["is_forum"] = json!(true);
        }
        chat
    }

    /// Who writes in a group is in it.
    pub(super) fn meet(&mut self, person: &Person) {
        if person.is_somebody() {
            let member = self
                .members
                .entry(person.id)
                .or_insert((person.clone(), Role::Member));
            member.0 = person.clone();
        }
    }

    pub(super) fn find(&self, id: i64) -> Option<&Post> {
        self.posts
            .iter()
            .find(|post| post.value["message_id"] == id)
    }

    pub(super) fn find_mut(&mut self, id: i64) -> Option<&mut Post> {
        self.posts
            .iter_mut()
            .find(|post| post.value["message_id"] == id)
    }

    /// Takes a place for one more message, or says how long to wait.
    pub(super) fn take_place(&mut self, pace: &Pace) -> Result<(), Refusal> {
        let now = Instant::now();
        let (places, each) = if self.kind == Kind::Private {
            pace.private
        } else {
            pace.group
        };
        let window = each * places;
        while self
            .sent
            .front()
            .is_some_and(|sent| now.duration_since(*sent) >= window)
        {
            self.sent.pop_front();
        }
        let has_waited = self.refused_until.is_some_and(|until| now >= until);
        let must_wait = self.refused_until.is_some_and(|until| now < until);
        if !must_wait && (has_waited || self.sent.len() < places as usize) {
            self.refused_until = None;
            self.sent.push_back(now);
            return Ok(());
        }
        self.refused_until.get_or_insert(now + pace.retry_after);
        let seconds = pace.retry_after.as_secs().max(1);
        Err(Refusal {
            status: 429,
            description: format!("Too Many Requests: retry after {seconds}"),
            parameters: Some(json!({ "retry_after": seconds })),
        })
    }
}

/// The text of a message, or the words under its picture.
pub(super) fn text_of(message: &Value) -> Option<String> {
    let text = message.get("text").or(message.get("caption"))?;
    text.as_str().map(str::to_owned)
}

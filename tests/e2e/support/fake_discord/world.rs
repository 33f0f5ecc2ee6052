//! What exists on the server: people, guilds, channels, messages, webhooks, interactions. Not how it looks in JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;

use super::limits::Limits;
use super::mentions::Ping;
use super::sessions::Sessions;
use super::troubles::Troubles;

pub(crate) type Id = u64;

pub(crate) const TEXT: u64 = 0;
pub(crate) const PRIVATE: u64 = 1;
pub(crate) const PUBLIC_THREAD: u64 = 11;
pub(crate) const PRIVATE_THREAD: u64 = 12;

/// Discord counts milliseconds from the beginning of 2015.
const EPOCH: u64 = 1_420_070_400_000;

pub(crate) struct World {
    pub(super) gateway_url: String,
    pub(super) token: String,
    pub(super) token_is_revoked: bool,
    /// The bot's user and the application have the same id, as those made since 2017 have.
    pub(super) bot: Id,
    pub(super) users: BTreeMap<Id, UserState>,
    pub(super) guilds: BTreeMap<Id, GuildState>,
    pub(super) channels: BTreeMap<Id, ChannelState>,
    pub(super) webhooks: BTreeMap<Id, WebhookState>,
    /// By guild; those without a guild are global.
    pub(super) commands: BTreeMap<Option<Id>, Vec<Value>>,
    pub(super) registrations: usize,
    pub(super) interactions: Vec<InteractionState>,
    pub(super) sessions: Sessions,
    pub(super) limits: Limits,
    pub(super) troubles: Troubles,
    pub(super) pings: Vec<Ping>,
    pub(super) requests: Vec<String>,
    pub(super) refusals: Vec<(String, u64)>,
    pub(super) refusals_are_faults: bool,
    /// These codes are no faults.
    pub(super) expected_refusals: Vec<u64>,
    pub(super) faults: Vec<String>,
    newest_id: Id,
}

pub(super) struct UserState {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) global_name: Option<String>,
    pub(super) locale: String,
    pub(super) is_bot: bool,
    /// Whether bots may write to them.
    pub(super) takes_messages: bool,
}

pub(super) struct GuildState {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) owner: Id,
    pub(super) roles: Vec<RoleState>,
    /// With their roles.
    pub(super) members: BTreeMap<Id, Vec<Id>>,
}

pub(super) struct RoleState {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) permissions: u64,
}

pub(super) struct ChannelState {
    pub(super) id: Id,
    pub(super) kind: u64,
    pub(super) name: String,
    pub(super) guild: Option<Id>,
    /// The channel that a thread belongs to.
    pub(super) parent: Option<Id>,
    /// Whom a private channel is with.
    pub(super) recipient: Option<Id>,
    /// What the bot may not do here.
    pub(super) denied: u64,
    pub(super) messages: Vec<MessageState>,
    pub(super) reactions: Vec<ReactionState>,
    /// How often the bot showed that it is typing.
    pub(super) typing: usize,
}

/// The message itself is kept as it looks in JSON; here is what Discord knows about it besides.
#[derive(Clone)]
pub(super) struct MessageState {
    pub(super) id: Id,
    pub(super) author: Id,
    pub(super) json: Value,
    /// Every content that it had, the newest last.
    pub(super) contents: Vec<String>,
    pub(super) allowed_mentions: Value,
    /// The only one who sees it.
    pub(super) only_for: Option<Id>,
    pub(super) nonce: Option<Value>,
    /// The picture that a webhook shows.
    pub(super) avatar: Option<String>,
    /// The interaction whose token made it.
    pub(super) interaction: Option<Id>,
    pub(super) is_deleted: bool,
}

pub(super) struct ReactionState {
    pub(super) message: Id,
    pub(super) user: Id,
    pub(super) emoji: String,
}

pub(super) struct WebhookState {
    pub(super) id: Id,
    pub(super) token: String,
    pub(super) channel: Id,
    pub(super) name: String,
    pub(super) avatar: Option<String>,
    /// Made by the bot; its token is shown to no other.
    pub(super) is_ours: bool,
}

pub(super) struct InteractionState {
    pub(super) id: Id,
    pub(super) token: String,
    pub(super) kind: u64,
    pub(super) channel: Id,
    pub(super) user: Id,
    /// The message whose component was used.
    pub(super) message: Option<Id>,
    pub(super) made: Instant,
    /// The test may let it look older than it is.
    pub(super) aged: Duration,
    pub(super) response: Option<Value>,
    /// The message that the first answer made.
    pub(super) original: Option<Id>,
}

impl World {
    pub(super) fn new(gateway_url: String) -> Self {
        let mut world = Self {
            gateway_url,
            token: String::new(),
            token_is_revoked: false,
            bot: 0,
            users: BTreeMap::new(),
            guilds: BTreeMap::new(),
            channels: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            commands: BTreeMap::new(),
            registrations: 0,
            interactions: Vec::new(),
            sessions: Sessions::default(),
            limits: Limits::default(),
            troubles: Troubles::default(),
            pings: Vec::new(),
            requests: Vec::new(),
            refusals: Vec::new(),
            refusals_are_faults: true,
            expected_refusals: Vec::new(),
            faults: Vec::new(),
            newest_id: 0,
        };
        world.bot = world.add_user("friends", true);
        // Clients read the bot's id from a token's first part, which is that id in Base64.
        world.token = format!(
            "{}.GFaKe0.{}",
            base64(&world.bot.to_string()),
            "k".repeat(38)
        );
        world
    }

    /// An id that is newer than all others and holds the time, as all of Discord's do.
    pub(super) fn new_id(&mut self) -> Id {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970");
        let milliseconds = u64::try_from(now.as_millis()).expect("a few centuries fit");
        self.newest_id = ((milliseconds - EPOCH) << 22).max(self.newest_id + 1);
        self.newest_id
    }

    pub(super) fn add_user(&mut self, name: &str, is_bot: bool) -> Id {
        let id = self.new_id();
        let user = UserState {
            id,
            name: name.to_owned(),
            global_name: None,
            locale: "en-US".to_owned(),
            is_bot,
            takes_messages: true,
        };
        self.users.insert(id, user);
        id
    }

    pub(super) fn add_channel(&mut self, kind: u64, name: &str) -> &mut ChannelState {
        let id = self.new_id();
        self.channels.entry(id).or_insert(ChannelState {
            id,
            kind,
            name: name.to_owned(),
            guild: None,
            parent: None,
            recipient: None,
            denied: 0,
            messages: Vec::new(),
            reactions: Vec::new(),
            typing: 0,
        })
    }

    /// The private channel with somebody, which is made if need be.
    pub(super) fn private_channel(&mut self, user: Id) -> Id {
        let known = self
            .channels
            .values()
            .find(|channel| channel.kind == PRIVATE && channel.recipient == Some(user));
        if let Some(channel) = known {
            return channel.id;
        }
        let channel = self.add_channel(PRIVATE, "");
        channel.recipient = Some(user);
        channel.id
    }

    pub(super) fn interaction(&mut self, id: Id) -> &mut InteractionState {
        let mut all = self.interactions.iter_mut();
        all.find(|interaction| interaction.id == id)
            .expect("interactions stay")
    }

    /// What went on, for a test that waited in vain.
    pub(super) fn story(&self) -> String {
        let mut story = String::from("the last requests:\n");
        let (newest, faults) = (self.requests.iter().rev().take(20), &self.faults);
        for line in newest.collect::<Vec<_>>().into_iter().rev() {
            writeln!(story, "  {line}").expect("a String takes everything");
        }
        for fault in faults {
            writeln!(story, "  fault: {fault}").expect("a String takes everything");
        }
        story
    }
}

impl ChannelState {
    pub(super) fn is_thread(&self) -> bool {
        matches!(self.kind, PUBLIC_THREAD | PRIVATE_THREAD)
    }

    pub(super) fn message(&self, id: Id) -> Option<&MessageState> {
        let mut all = self.messages.iter();
        all.find(|message| message.id == id && !message.is_deleted)
    }

    pub(super) fn message_mut(&mut self, id: Id) -> Option<&mut MessageState> {
        let mut all = self.messages.iter_mut();
        all.find(|message| message.id == id && !message.is_deleted)
    }
}

impl InteractionState {
    pub(super) fn age(&self) -> Duration {
        self.made.elapsed() + self.aged
    }
}

/// The time in an id, as Discord writes it.
pub(super) fn timestamp(id: Id) -> String {
    let milliseconds = (id >> 22) + EPOCH;
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 in eras of 400 years: Howard Hinnant's "civil from days".
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}000+00:00")
}

fn base64(digits: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in digits.as_bytes().chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, index| {
            bits << 8 | usize::from(chunk.get(index).copied().unwrap_or(0))
        });
        for sextet in 0..=chunk.len() {
            text.push(char::from(ALPHABET[bits >> (18 - 6 * sextet) & 63]));
        }
    }
    text
}

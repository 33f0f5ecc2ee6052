//! The gateway's sessions: who gets which event, and what is kept to be replayed. Not the connections themselves.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::FakeDiscord;

pub(super) const GUILDS: u64 = 1;
pub(super) const GUILD_WEBHOOKS: u64 = 1 << 5;
pub(super) const GUILD_MESSAGES: u64 = 1 << 9;
pub(super) const GUILD_REACTIONS: u64 = 1 << 10;
pub(super) const GUILD_TYPING: u64 = 1 << 11;
pub(super) const PRIVATE_MESSAGES: u64 = 1 << 12;
pub(super) const PRIVATE_REACTIONS: u64 = 1 << 13;
pub(super) const PRIVATE_TYPING: u64 = 1 << 14;
pub(super) const MESSAGE_CONTENT: u64 = 1 << 15;
/// Members and presences, which are not granted here.
pub(super) const OTHER_PRIVILEGED: u64 = 1 << 1 | 1 << 8;
/// All that the documentation names.
pub(super) const ALL_INTENTS: u64 = 0x1FFFF | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25;

/// What a connection is to do.
#[derive(Clone)]
pub(super) enum Order {
    Event(String),
    Send(Value),
    Raw(String),
    Close(u16),
    Drop,
    StopAcknowledging,
}

pub(super) struct Sessions {
    all: Vec<Session>,
    /// Every open connection, also those that have not identified.
    lines: Vec<UnboundedSender<Order>>,
    pub(super) message_content: bool,
    /// New connections are turned away.
    pub(super) is_refused: bool,
    /// Sessions that begin are invalid at once.
    pub(super) are_invalid: bool,
    /// How many may begin altogether.
    pub(super) allowed: usize,
    pub(super) interval: Duration,
    pub(super) delay: Duration,
    pub(super) duplicates: bool,
    pub(super) identifies: usize,
    pub(super) resumes: usize,
    pub(super) heartbeats: usize,
}

pub(super) struct Session {
    pub(super) id: String,
    pub(super) intents: u64,
    /// Everything that was dispatched; an event's number is its place, counted from one.
    events: Vec<String>,
    line: Option<UnboundedSender<Order>>,
    held: Vec<(String, Value)>,
    holds: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            lines: Vec::new(),
            message_content: true,
            is_refused: false,
            are_invalid: false,
            allowed: 1000,
            interval: Duration::from_millis(41_250),
            delay: Duration::ZERO,
            duplicates: false,
            identifies: 0,
            resumes: 0,
            heartbeats: 0,
        }
    }
}

impl Sessions {
    pub(super) fn connected(&mut self, line: UnboundedSender<Order>) {
        self.lines.retain(|line| !line.is_closed());
        self.lines.push(line);
    }

    /// Whether a session that would begin is none. It counts all the same.
    pub(super) fn is_invalid(&mut self) -> bool {
        self.identifies += usize::from(self.are_invalid);
        self.are_invalid
    }

    pub(super) fn begin(&mut self, id: String, intents: u64, line: UnboundedSender<Order>) {
        self.identifies += 1;
        self.all.push(Session {
            id,
            intents,
            events: Vec::new(),
            line: Some(line),
            held: Vec::new(),
            holds: 0,
        });
    }

    /// Connects a session again and replays what it has missed.
    pub(super) fn resume(
        &mut self,
        id: &str,
        seen: usize,
        line: &UnboundedSender<Order>,
    ) -> Resumed {
        let Some(session) = self.all.iter_mut().find(|session| session.id == id) else {
            return Resumed::Unknown;
        };
        let Some(missed) = session.events.get(seen..) else {
            return Resumed::BadNumber;
        };
        for event in missed {
            line.send(Order::Event(event.clone())).ok();
        }
        session.line = Some(line.clone());
        session.push("RESUMED", &json!({}));
        self.resumes += 1;
        Resumed::Well
    }

    pub(super) fn end(&mut self, id: &str) {
        self.all.retain(|session| session.id != id);
    }

    pub(super) fn forget(&mut self) {
        self.all.clear();
    }

    pub(super) fn reorder(&mut self, events: usize) {
        for session in &mut self.all {
            session.holds = events;
        }
    }

    pub(super) fn order_all(&self, order: &Order) {
        for line in &self.lines {
            // A line that is closed needs no orders.
            line.send(order.clone()).ok();
        }
    }

    /// Sends an event to each session for which there is one.
    pub(super) fn send(&mut self, name: &str, event: impl Fn(&Session) -> Option<Value>) {
        for session in &mut self.all {
            let Some(data) = event(session) else {
                continue;
            };
            for _ in 0..=usize::from(self.duplicates) {
                session.dispatch(name, &data);
            }
        }
    }

    /// Sends an event to one session only.
    pub(super) fn send_to(&mut self, id: &str, name: &str, data: &Value) {
        let mut all = self.all.iter_mut();
        if let Some(session) = all.find(|session| session.id == id) {
            session.push(name, data);
        }
    }

    /// Whether a bot is there and has been told so.
    fn is_connected(&self) -> bool {
        let lines = self.all.iter().filter_map(|session| session.line.as_ref());
        lines.into_iter().any(|line| !line.is_closed())
    }
}

pub(super) enum Resumed {
    Well,
    Unknown,
    BadNumber,
}

impl Session {
    fn dispatch(&mut self, name: &str, data: &Value) {
        if self.holds == 0 {
            return self.push(name, data);
        }
        self.held.push((name.to_owned(), data.clone()));
        if self.held.len() == self.holds {
            self.holds = 0;
            for (name, data) in std::mem::take(&mut self.held).into_iter().rev() {
                self.push(&name, &data);
            }
        }
    }

    fn push(&mut self, name: &str, data: &Value) {
        let number = self.events.len() + 1;
        let event = json!({ "op": 0, "s": number, "t": name, "d": data }).to_string();
        self.events.push(event.clone());
        if let Some(line) = &self.line
            && line.send(Order::Event(event)).is_err()
        {
            self.line = None;
        }
    }
}

impl FakeDiscord {
    /// Waits until the bot is connected and its session has begun or been resumed.
    pub(crate) async fn until_connected(&self) {
        self.served
            .until("the bot connects", |world| {
                world.sessions.is_connected().then_some(())
            })
            .await;
    }

    /// How often a session has begun; Discord allows a thousand a day.
    pub(crate) fn identifies(&self) -> usize {
        self.served.read(|world| world.sessions.identifies)
    }

    pub(crate) async fn until_identified(&self, times: usize) {
        self.served
            .until("the bot identifies", |world| {
                (world.sessions.identifies >= times).then_some(())
            })
            .await;
    }

    pub(crate) async fn until_resumed(&self, times: usize) {
        self.served
            .until("the bot resumes", |world| {
                (world.sessions.resumes >= times).then_some(())
            })
            .await;
    }

    pub(crate) async fn until_heartbeats(&self, beats: usize) {
        self.served
            .until("the bot's heartbeats", |world| {
                (world.sessions.heartbeats >= beats).then_some(())
            })
            .await;
    }
}

//! What goes wrong because the test wants it: answers, delays, broken connections.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::Shared;

#[derive(Default)]
pub(super) struct Script {
    next: VecDeque<(String, Mishap)>,
    /// Every call is answered with this status.
    pub(super) failing: Option<u16>,
}

#[derive(Debug, Clone)]
pub(super) enum Mishap {
    Answers(u16, Value),
    Delays(Duration),
    /// The connection breaks and nothing was done.
    DropsBefore,
    /// The work is done, and the connection breaks before the answer is there.
    DropsAfter,
    /// The work is done, and the answer shows something else.
    Shows(Value),
}

/// The next call of a method, about which the test says one thing.
pub(crate) struct Next<'a> {
    pub(super) shared: &'a Shared,
    pub(super) method: String,
}

impl Next<'_> {
    /// Is not carried out, and gets this answer.
    pub(crate) fn answers(self, status: u16, answer: Value) {
        self.adds(Mishap::Answers(status, answer));
    }

    /// Is refused in the form of the Bot API; the description is whole, such as "Bad Request: chat not found".
    pub(crate) fn refuses(self, status: u16, description: &str) {
        let answer = json!({ "ok": false, "error_code": status, "description": description });
        self.adds(Mishap::Answers(status, answer));
    }

    /// Is refused because of too many messages.
    pub(crate) fn must_wait(self, seconds: u64) {
        let answer = json!({
            "ok": false,
            "error_code": 429,
            "description": format!("Too Many Requests: retry after {seconds}"),
            "parameters": { "retry_after": seconds },
        });
        self.adds(Mishap::Answers(429, answer));
    }

    /// Is carried out, and its answer comes later.
    pub(crate) fn delays(self, by: Duration) {
        self.adds(Mishap::Delays(by));
    }

    /// Is not carried out, and the connection breaks.
    pub(crate) fn drops_connection(self) {
        self.adds(Mishap::DropsBefore);
    }

    /// Is carried out, but the bot never learns it.
    pub(crate) fn works_and_drops_connection(self) {
        self.adds(Mishap::DropsAfter);
    }

    /// Is carried out, and the object in its answer has these fields, too, as of a newer Bot API.
    pub(crate) fn works_and_shows(self, fields: Value) {
        self.adds(Mishap::Shows(fields));
    }

    fn adds(self, mishap: Mishap) {
        let method = self.method.to_lowercase();
        self.shared
            .change(|world| world.script.next.push_back((method, mishap)));
    }
}

impl Script {
    /// What happens to this call.
    pub(super) fn take(&mut self, method: &str) -> Option<Mishap> {
        let method = method.to_lowercase();
        let place = self.next.iter().position(|(name, _)| *name == method)?;
        self.next.remove(place).map(|(_, mishap)| mishap)
    }

    /// What was laid out and never came.
    pub(super) fn left(&self) -> impl Iterator<Item = &str> {
        self.next.iter().map(|(method, _)| method.as_str())
    }
}

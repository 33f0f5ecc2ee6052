//! What goes wrong because the test wants it: refused, delayed and lost requests, a lost or confused gateway.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::calls::Call;
use super::sessions::Order;
use super::{FakeDiscord, Served};

#[derive(Default)]
pub(super) struct Troubles {
    laid_out: Vec<(String, String, Trouble)>,
    pub(super) everything_fails: Option<u16>,
}

#[derive(Clone)]
pub(super) enum Trouble {
    Answer(u16, Value),
    Page(u16, String),
    Wait(Duration),
    WaitAll(Duration),
    Delay(Duration),
    DropRequest,
    DropAnswer,
    HoldAnswer,
}

/// The next request of a kind; each `next` is for one request, and troubles of one kind come in the order of the test.
pub(crate) struct Next {
    served: Arc<Served>,
    method: String,
    pattern: String,
}

impl Troubles {
    pub(super) fn take(&mut self, call: &Call) -> Option<Trouble> {
        if let Some(status) = self.everything_fails {
            let body = json!({ "message": format!("{status}: as the test wants it"), "code": 0 });
            return Some(Trouble::Answer(status, body));
        }
        let mut all = self.laid_out.iter();
        let index = all.position(|(method, pattern, _)| call.is_like(method, pattern))?;
        Some(self.laid_out.remove(index).2)
    }
}

impl Next {
    /// Nothing is done.
    pub(crate) fn answers(self, status: u16, body: Value) {
        self.goes(Trouble::Answer(status, body));
    }

    /// A page instead of JSON, as the servers before Discord's own answer while those are away.
    pub(crate) fn answers_page(self, status: u16, page: &str) {
        self.goes(Trouble::Page(status, page.to_owned()));
    }

    /// 429; who comes again before that is counted as an early retry.
    pub(crate) fn asks_to_wait(self, wait: Duration) {
        self.goes(Trouble::Wait(wait));
    }

    /// The same for every request, as when all of them together are too many.
    pub(crate) fn asks_all_to_wait(self, wait: Duration) {
        self.goes(Trouble::WaitAll(wait));
    }

    pub(crate) fn delays(self, delay: Duration) {
        self.goes(Trouble::Delay(delay));
    }

    /// The connection breaks before anything is done.
    pub(crate) fn drops_connection(self) {
        self.goes(Trouble::DropRequest);
    }

    /// The work is done, and the connection breaks before the answer.
    pub(crate) fn drops_answer(self) {
        self.goes(Trouble::DropAnswer);
    }

    /// The work is done, and the answer does not come.
    pub(crate) fn holds_answer(self) {
        self.goes(Trouble::HoldAnswer);
    }

    fn goes(self, trouble: Trouble) {
        let laid_out = (self.method, self.pattern, trouble);
        self.served
            .change(|world| world.troubles.laid_out.push(laid_out));
    }
}

impl FakeDiscord {
    /// What happens to the next request to a path such as `/channels/*/messages`.
    pub(crate) fn next(&self, method: &str, pattern: &str) -> Next {
        Next {
            served: Arc::clone(&self.served),
            method: method.to_owned(),
            pattern: pattern.to_owned(),
        }
    }

    /// Every request is answered with a status until `recovers`.
    pub(crate) fn fails_all(&self, status: u16) {
        self.served
            .change(|world| world.troubles.everything_fails = Some(status));
    }

    pub(crate) fn recovers(&self) {
        self.served
            .change(|world| world.troubles.everything_fails = None);
    }

    /// Messages that were sent with a nonce can be sent again; Discord looks back a few minutes only.
    pub(crate) fn forgets_nonces(&self) {
        self.served.change(|world| {
            let channels = world.channels.values_mut();
            for message in channels.flat_map(|channel| &mut channel.messages) {
                message.nonce = None;
            }
        });
    }

    /// From now on the token is worth nothing, as when its owner made a new one.
    pub(crate) fn revokes_token(&self) {
        self.served.change(|world| {
            world.token_is_revoked = true;
            world.sessions.forget();
            world.sessions.order_all(&Order::Close(4004));
        });
    }

    pub(crate) fn restores_token(&self) {
        self.served.change(|world| world.token_is_revoked = false);
    }

    /// Whether the bot may ask for the intent `MESSAGE_CONTENT`.
    pub(crate) fn grants_message_content(&self, is_granted: bool) {
        self.served
            .change(|world| world.sessions.message_content = is_granted);
    }

    /// The gateway's connections end without a word. Sessions can be resumed.
    pub(crate) fn drops_gateway(&self) {
        self.order(&Order::Drop);
    }

    pub(crate) fn closes_gateway(&self, code: u16) {
        self.order(&Order::Close(code));
    }

    /// Whether new connections to the gateway are turned away.
    pub(crate) fn refuses_gateway(&self, is_refused: bool) {
        self.served
            .change(|world| world.sessions.is_refused = is_refused);
    }

    /// Whether every session that begins is invalid at once, as while something is wrong with Discord's gateway.
    pub(crate) fn invalidates_all(&self, are_invalid: bool) {
        self.served.change(|world| {
            world.sessions.forget();
            world.sessions.are_invalid = are_invalid;
            if are_invalid {
                let invalid = Order::Send(json!({ "op": 9, "d": false }));
                world.sessions.order_all(&invalid);
            }
        });
    }

    /// So many more sessions may begin today.
    pub(crate) fn leaves_sessions(&self, left: usize) {
        self.served
            .change(|world| world.sessions.allowed = world.sessions.identifies + left);
    }

    /// Opcode 7: the bot is to connect again and to resume.
    pub(crate) fn asks_to_reconnect(&self) {
        self.order(&Order::Send(json!({ "op": 7, "d": null })));
    }

    /// Opcode 9: the bot has to identify again; what happens before that is lost to it.
    pub(crate) fn invalidates_session(&self) {
        self.served.change(|world| {
            world.sessions.forget();
            let invalid = Order::Send(json!({ "op": 9, "d": false }));
            world.sessions.order_all(&invalid);
        });
    }

    /// Forgets all sessions without a word: the next attempt to resume fails with opcode 9.
    pub(crate) fn forgets_sessions(&self) {
        self.served.change(|world| world.sessions.forget());
    }

    /// Heartbeats are no longer acknowledged on the connections that there are.
    pub(crate) fn stops_acknowledging(&self) {
        self.order(&Order::StopAcknowledging);
    }

    pub(crate) fn beats_every(&self, interval: Duration) {
        self.served
            .change(|world| world.sessions.interval = interval);
    }

    /// Every event comes so much later.
    pub(crate) fn delays_gateway(&self, delay: Duration) {
        self.served.change(|world| world.sessions.delay = delay);
    }

    /// Every event comes twice, each with its own number.
    pub(crate) fn duplicates_events(&self, twice: bool) {
        self.served
            .change(|world| world.sessions.duplicates = twice);
    }

    /// The next events come in the opposite order, once there are so many.
    pub(crate) fn reorders_next(&self, events: usize) {
        self.served.change(|world| world.sessions.reorder(events));
    }

    /// An event of any type, such as one that does not exist.
    pub(crate) fn dispatches(&self, name: &str, data: Value) {
        self.served
            .change(|world| world.sessions.send(name, |_| Some(data.clone())));
    }

    /// A text that need not be JSON.
    pub(crate) fn sends_raw(&self, text: &str) {
        self.order(&Order::Raw(text.to_owned()));
    }

    fn order(&self, order: &Order) {
        self.served.change(|world| world.sessions.order_all(order));
    }
}

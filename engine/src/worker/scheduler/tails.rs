//! What chats that have lost their slot had computed, saved to the machine's memory within a number of bytes: when they go on, it is copied
//! back instead of being computed again. Who was silent for the longest time loses it first.

use std::collections::HashMap;

use super::{Adapter, Token, common};
use crate::generate::ChatKey;

/// Names a saved tail.
pub(crate) type Ticket = u64;

/// The saved tails of all chats. Their bytes lie with whoever executes the scheduler's decisions.
#[derive(Debug)]
pub(super) struct Tails {
    /// Bytes that all of them may have together.
    room: usize,
    taken: usize,
    tails: HashMap<Ticket, Tail>,
    /// Counts tickets, which tells also what is older.
    tickets: Ticket,
}

#[derive(Debug)]
struct Tail {
    chat: ChatKey,
    adapter: Option<Adapter>,
    tokens: Vec<Token>,
    bytes: usize,
}

impl Tails {
    pub(super) fn new(room: usize) -> Self {
        Self {
            room,
            taken: 0,
            tails: HashMap::new(),
            tickets: 0,
        }
    }

    /// Notes that a chat's tail is about to be saved; nothing when there is no room for any.
    pub(super) fn begin(
        &mut self,
        chat: &ChatKey,
        adapter: Option<Adapter>,
        tokens: &[Token],
    ) -> Option<Ticket> {
        if self.room == 0 {
            return None;
        }
        self.tickets += 1;
        let tail = Tail {
            chat: chat.clone(),
            adapter,
            tokens: tokens.to_vec(),
            bytes: 0,
        };
        self.tails.insert(self.tickets, tail);
        Some(self.tickets)
    }

    /// Learns how long a saved tail is and gives back those that have no room any more; it may be among them.
    pub(super) fn saved(&mut self, ticket: Ticket, bytes: usize) -> Vec<Ticket> {
        // One that has no room alone must not cost the others theirs.
        if bytes > self.room {
            self.discard(ticket);
            return vec![ticket];
        }
        if let Some(tail) = self.tails.get_mut(&ticket) {
            tail.bytes = bytes;
            self.taken += bytes;
        }
        let mut discarded = Vec::new();
        while self.taken > self.room {
            let Some(oldest) = self.tails.keys().min().copied() else {
                break;
            };
            self.discard(oldest);
            discarded.push(oldest);
        }
        discarded
    }

    /// The tail of a chat that has the longest beginning of a prompt, and how long that is.
    pub(super) fn find(
        &self,
        chat: Option<&ChatKey>,
        adapter: Option<Adapter>,
        prompt: &[Token],
    ) -> Option<(Ticket, usize)> {
        let chat = chat?;
        self.tails
            .iter()
            .filter(|(_, tail)| tail.chat == *chat && tail.adapter == adapter)
            .map(|(ticket, tail)| (*ticket, common(&tail.tokens, prompt)))
            .max_by_key(|(ticket, length)| (*length, *ticket))
    }

    /// A tail that is gone or of no more use.
    pub(super) fn discard(&mut self, ticket: Ticket) {
        if let Some(tail) = self.tails.remove(&ticket) {
            self.taken -= tail.bytes;
        }
    }

    /// Drops everything of a chat and says what that was.
    pub(super) fn forget(&mut self, chat: &ChatKey) -> Vec<Ticket> {
        let tails = self.tails.iter().filter(|(_, tail)| tail.chat == *chat);
        let tickets: Vec<Ticket> = tails.map(|(ticket, _)| *ticket).collect();
        tickets.iter().for_each(|ticket| self.discard(*ticket));
        tickets
    }
}

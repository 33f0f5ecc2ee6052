//! The updates that wait for the bot: which kinds it asked for, which it has confirmed, and how they are disturbed on purpose.

use serde_json::{Value, json};

/// What an empty `allowed_updates` leaves out, by the documents.
const ONLY_ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

pub(super) struct Updates {
    waiting: Vec<Value>,
    next: i64,
    /// The highest update that the bot has confirmed.
    pub(super) confirmed: i64,
    allowed: Vec<String>,
    pub(super) webhook: Option<Webhook>,
    /// Grows with each request for updates: an older one finds out that it was replaced.
    pub(super) poll: u64,
    pub(super) twice: bool,
    /// How many more updates are kept back, to be let go in the reverse order.
    reorder: usize,
    kept_back: Vec<(String, Value)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret: Option<String>,
    pub(crate) allowed: Option<Vec<String>>,
    /// Why the newest delivery that failed did, and when. It stays when later ones come through.
    pub(crate) last_error: Option<(String, u64)>,
}

impl Updates {
    pub(super) fn new() -> Self {
        Self {
            waiting: Vec::new(),
            // They start anywhere.
            next: 720_000_001,
            confirmed: 0,
            allowed: Vec::new(),
            webhook: None,
            poll: 0,
            twice: false,
            reorder: 0,
            kept_back: Vec::new(),
        }
    }

    /// Whether the bot wants this kind. What it says counts for updates that come later.
    pub(super) fn wants(&self, kind: &str) -> bool {
        if self.allowed.is_empty() {
            !ONLY_ON_REQUEST.contains(&kind)
        } else {
            self.allowed.iter().any(|allowed| allowed == kind)
        }
    }

    /// Without a list the earlier one stays.
    pub(super) fn allow(&mut self, kinds: Option<Vec<String>>) {
        if let Some(kinds) = kinds {
            self.allowed = kinds;
        }
    }

    pub(super) fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// An update happens.
    pub(super) fn push(&mut self, kind: &str, update: Value) {
        if !self.wants(kind) {
            return;
        }
        if self.reorder > 0 {
            self.kept_back.push((kind.to_owned(), update));
            self.reorder -= 1;
            if self.reorder == 0 {
                for (kind, update) in std::mem::take(&mut self.kept_back).into_iter().rev() {
                    self.number(&kind, update);
                }
            }
        } else {
            self.number(kind, update);
        }
    }

    pub(super) fn reorder(&mut self, updates: usize) {
        self.reorder = updates;
    }

    /// Those that are handed out next; `twice` gives each a second time, as after a lost confirmation.
    pub(super) fn batch(&self, limit: usize) -> Vec<Value> {
        let times = if self.twice { 2 } else { 1 };
        self.waiting
            .iter()
            .take(limit)
            .flat_map(|update| std::iter::repeat_n(update, times))
            .cloned()
            .collect()
    }

    pub(super) fn pending(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets what the offset says was handled; a negative one counts from the end.
    pub(super) fn confirm_before(&mut self, offset: i64) {
        let offset = if offset < 0 {
            let kept = usize::try_from(-offset).unwrap_or(usize::MAX);
            let first = self.waiting.len().saturating_sub(kept);
            self.waiting.get(first).map_or(self.next, id)
        } else {
            offset
        };
        let gone = self.waiting.iter().map(id).filter(|id| *id < offset).max();
        self.confirmed = self.confirmed.max(gone.unwrap_or(0));
        self.waiting.retain(|update| id(update) >= offset);
    }

    pub(super) fn drop_pending(&mut self) {
        self.waiting.clear();
    }

    fn number(&mut self, kind: &str, update: Value) {
        self.waiting
            .push(json!({ "update_id": self.next, kind: update }));
        self.next += 1;
    }
}

/// The number of an update.
pub(super) fn id(update: &Value) -> i64 {
    update["update_id"]
        .as_i64()
        .expect("each update has a number")
}

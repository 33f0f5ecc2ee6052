//! Steps are for the chats of one adapter, since llama.cpp applies an adapter to a whole step: the adapters take turns.

use std::collections::BTreeSet;

use super::Adapter;

/// Steps in a row for one adapter. A change costs some milliseconds, and whoever waits for a turn sees no words meanwhile.
const STAY: u32 = 4;

/// Whose steps they are. Each adapter has as many as the others, so that everybody's replies grow as fast, however many share one.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    /// Whose turn it is, and for how many further steps; `None` are the chats without an adapter.
    current: Option<Adapter>,
    left: u32,
}

impl Rotation {
    /// Whose step is next of those that have something to do.
    pub(super) fn next(&mut self, waiting: &BTreeSet<Option<Adapter>>) -> Option<Adapter> {
        if self.left == 0 || !waiting.contains(&self.current) {
            let mut later = waiting.iter().filter(|adapter| **adapter > self.current);
            let next = later.next().or_else(|| waiting.first());
            self.current = next.copied().flatten();
            self.left = STAY;
        }
        self.left -= 1;
        self.current
    }

    /// The step reads a prompt, which takes long: it is the last of its turn.
    pub(super) fn end_turn(&mut self) {
        self.left = 0;
    }
}

//! Beginnings of prompts that many chats have: a persona's text and examples. They are decoded once, kept in rows of the cache that no
//! chat uses, and taken over by whoever begins with them.

use super::{Adapter, Sequence, Token};

/// The kept beginnings, within a number of rows and of tokens.
#[derive(Debug)]
pub(super) struct Prefixes {
    /// The row of the first; the others follow.
    first: Sequence,
    rows: Vec<Option<Prefix>>,
    /// Tokens that all of them may have together.
    room: usize,
}

#[derive(Debug)]
struct Prefix {
    adapter: Option<Adapter>,
    tokens: Vec<Token>,
    last_used: u64,
}

impl Prefixes {
    pub(super) fn new(first: Sequence, rows: usize, room: usize) -> Self {
        Self {
            first,
            rows: (0..rows).map(|_| None).collect(),
            room,
        }
    }

    /// Where the longest beginning of these tokens is kept, and how long it is.
    pub(super) fn find(
        &mut self,
        adapter: Option<Adapter>,
        tokens: &[Token],
        now: u64,
    ) -> Option<(Sequence, usize)> {
        let rows = self.rows.iter_mut().enumerate();
        let (row, prefix, length) = rows
            .filter_map(|(row, prefix)| {
                let prefix = prefix.as_mut().filter(|prefix| prefix.adapter == adapter)?;
                let length = common(&prefix.tokens, tokens);
                Some((row, prefix, length))
            })
            .max_by_key(|(_, _, length)| *length)
            .filter(|(_, _, length)| *length > 0)?;
        prefix.last_used = now;
        Some((self.first + row, length))
    }

    /// The row in which a beginning is to be kept, and those that must be emptied for it; nothing when it is kept already or too long, or when
    /// others would have to go for one that is only read `ahead`.
    pub(super) fn keep(
        &mut self,
        adapter: Option<Adapter>,
        tokens: &[Token],
        now: u64,
        ahead: bool,
    ) -> Option<(Sequence, Vec<Sequence>)> {
        let is_kept = self
            .rows
            .iter()
            .flatten()
            .any(|prefix| prefix.adapter == adapter && prefix.tokens == tokens);
        if is_kept || tokens.len() > self.room || self.rows.is_empty() {
            return None;
        }
        let mut emptied = Vec::new();
        loop {
            let taken: usize = self
                .rows
                .iter()
                .flatten()
                .map(|prefix| prefix.tokens.len())
                .sum();
            let free = self.rows.iter().position(Option::is_none);
            if let Some(row) = free.filter(|_| taken + tokens.len() <= self.room) {
                self.rows[row] = Some(Prefix {
                    adapter,
                    tokens: tokens.to_vec(),
                    last_used: now,
                });
                return Some((self.first + row, emptied));
            }
            if ahead {
                return None;
            }
            let used = |row: &usize| self.rows[*row].as_ref().map(|prefix| prefix.last_used);
            let oldest = (0..self.rows.len())
                .filter(|row| used(row).is_some())
                .min_by_key(used)?;
            self.rows[oldest] = None;
            emptied.push(self.first + oldest);
        }
    }

    /// What was kept in a row is gone.
    pub(super) fn lose(&mut self, sequence: Sequence) {
        let row = sequence.checked_sub(self.first);
        if let Some(row) = row.and_then(|row| self.rows.get_mut(row)) {
            *row = None;
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.fill_with(|| None);
    }
}

/// How many tokens two texts have in common at their beginning.
pub(crate) fn common(one: &[Token], other: &[Token]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

//! Weighs what each person gets against what the others get, so that one who asks for much does not make the others wait. Counted in work
//! done, as virtual token counters do (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024).

use std::collections::{HashMap, HashSet};

use crate::generate::ShareKey;

/// A token that is generated counts as much as so many that are read: with several chats it takes about twice as long.
pub(super) const GENERATED: u64 = 2;

/// What those who ask now had, in tokens read. Those who have no key count as one.
#[derive(Debug, Default)]
pub(super) struct Shares(HashMap<Option<ShareKey>, u64>);

impl Shares {
    /// Who asks now. Others are forgotten, and who comes has not saved up what it did not use.
    pub(super) fn present<'a>(&mut self, keys: impl Iterator<Item = &'a Option<ShareKey>>) {
        let keys: HashSet<_> = keys.collect();
        self.0.retain(|key, _| keys.contains(key));
        let least = self.0.values().min().copied().unwrap_or(0);
        for key in keys {
            if !self.0.contains_key(key) {
                self.0.insert(key.clone(), least);
            }
        }
    }

    /// What somebody had.
    pub(super) fn had(&self, key: &Option<ShareKey>) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// Learns what somebody got.
    pub(super) fn charge(&mut self, key: &Option<ShareKey>, tokens: u64) {
        if let Some(had) = self.0.get_mut(key) {
            *had += tokens;
        }
    }
}

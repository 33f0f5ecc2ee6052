//! Weighs what each person gets against what the others get, so that one who asks for much does not make the others wait. Counted in work
//! done, as virtual token counters do (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024). These forget who has nothing to
//! ask for a moment, so beside them stands what each had lately.

use std::collections::{HashMap, HashSet};

use super::Job;
use crate::generate::ShareKey;

/// A token that is generated counts as much as so many that are read: with several chats it takes about twice as long.
pub(super) const GENERATED: u64 = 2;

/// When so much more was done for all, in tokens read, half of what somebody had is forgotten: some fifty replies.
const HALF_LIFE: f64 = 8000.0;
/// Who had so much more lately than another had far more: a third of all that has not faded while something is done all the time.
pub(super) const FAR_MORE: f64 = HALF_LIFE / std::f64::consts::LN_2 / 3.0;

/// What each person got, in tokens read. Those who have no key count as one.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// What those who ask now had.
    had: HashMap<Option<ShareKey>, u64>,
    /// What everybody had lately.
    lately: HashMap<Option<ShareKey>, Fading>,
    /// What was done for all.
    done: u64,
}

/// An amount that fades with what is done for all.
#[derive(Debug, Clone, Copy, Default)]
struct Fading {
    amount: f64,
    /// What was done for all when the amount was right.
    at: u64,
}

impl Fading {
    fn now(self, done: u64) -> f64 {
        self.amount * (-((done - self.at) as f64) / HALF_LIFE).exp2()
    }
}

impl Shares {
    /// Who asks now. Others are forgotten, and who comes has not saved up what it did not use.
    pub(super) fn present<'a>(&mut self, keys: impl Iterator<Item = &'a Option<ShareKey>>) {
        let keys: HashSet<_> = keys.collect();
        self.had.retain(|key, _| keys.contains(key));
        let least = self.had.values().min().copied().unwrap_or(0);
        for key in keys {
            if !self.had.contains_key(key) {
                self.had.insert(key.clone(), least);
            }
        }
        let done = self.done;
        self.lately.retain(|_, fading| fading.now(done) >= 1.0);
    }

    /// What somebody had.
    pub(super) fn had(&self, key: &Option<ShareKey>) -> u64 {
        self.had.get(key).copied().unwrap_or(0)
    }

    /// What somebody had lately.
    pub(super) fn lately(&self, key: &Option<ShareKey>) -> f64 {
        let fading = self.lately.get(key);
        fading.map_or(0.0, |fading| fading.now(self.done))
    }

    /// Learns what was done for a request. What is done in the background is nobody's: summaries, and what is read ahead.
    pub(super) fn charge(&mut self, job: &Job, tokens: u64) {
        if job.background {
            return;
        }
        let key = &job.whose;
        if let Some(had) = self.had.get_mut(key) {
            *had += tokens;
        }
        self.done += tokens;
        let done = self.done;
        let fading = self.lately.entry(key.clone()).or_default();
        let amount = fading.now(done) + tokens as f64;
        *fading = Fading { amount, at: done };
    }
}

//! Messages that are deleted before they were heard of.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::EventId;

/// Messages whose deletion was heard of before they were: Discord's events are handled side by side, and come thick after a reconnect.
#[derive(Debug, Clone, Default)]
pub struct Gone(Arc<Mutex<VecDeque<EventId>>>);

impl Gone {
    /// More deletions than this are never ahead of their messages.
    const MOST: usize = 1000;

    /// A message is gone that nobody has heard of yet.
    pub fn note(&self, message: EventId) {
        let mut gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gone.push_back(message);
        if gone.len() > Self::MOST {
            gone.pop_front();
        }
    }

    /// Whether a message that comes now is gone already.
    #[must_use]
    pub fn holds(&self, message: &EventId) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(message)
    }
}

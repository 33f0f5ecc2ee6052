//! One conversation runs in order, conversations run side by side. Holds no messages, only turns' places.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::identity::{Conversation, EventId, PersonId};

/// The lanes of all conversations that are active now.
#[derive(Debug, Default)]
pub struct Lanes {
    active: Mutex<HashMap<Conversation, Arc<Lane>>>,
    /// Cancelled when the daemon has no more time; parent of every reply's stop.
    closed: CancellationToken,
}

#[derive(Debug, Default)]
struct Lane {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The reply that is being made, where one is.
    running: Mutex<Option<(CancellationToken, Whose)>>,
}

/// Whose turn it is, so that nobody stops another's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whose {
    /// Who is answered; `None` where nobody is, as when something is forgotten.
    pub asker: Option<PersonId>,
    /// The event that is answered, where it came from a chat app.
    pub source: Option<EventId>,
}

/// The right to run the next turn of a conversation; dropping it lets the next one in.
#[derive(Debug)]
pub struct InLane {
    lane: Arc<Lane>,
    stop: CancellationToken,
    _turn: OwnedMutexGuard<()>,
}

impl Lanes {
    /// Waits for the conversation's earlier turns.
    pub async fn enter(&self, conversation: &Conversation) -> InLane {
        self.enter_for(conversation, Whose::default()).await
    }

    /// The same for a reply, which may be stopped.
    pub async fn enter_for(&self, conversation: &Conversation, whose: Whose) -> InLane {
        let lane = self.lane(conversation);
        let turn = Arc::clone(&lane.turn).lock_owned().await;
        let stop = self.closed.child_token();
        *lane.running.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop.clone(), whose));
        InLane {
            lane,
            stop,
            _turn: turn,
        }
    }

    /// Stops the replies that are being made and may be stopped; `false` when there is none.
    pub fn stop(&self, may: impl Fn(&Conversation, &Whose) -> bool) -> bool {
        let lanes = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stopped = false;
        for (conversation, lane) in lanes.iter() {
            let running = lane.running.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((stop, whose)) = running.as_ref()
                && !stop.is_cancelled()
                && may(conversation, whose)
            {
                stop.cancel();
                stopped = true;
            }
        }
        stopped
    }

    /// The conversations in which something is being done, or waits for that.
    #[must_use]
    pub fn active(&self) -> Vec<Conversation> {
        let lanes = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let is_active = |lane: &Arc<Lane>| Arc::strong_count(lane) > 1;
        let active = lanes.iter().filter(|(_, lane)| is_active(lane));
        active
            .map(|(conversation, _)| conversation.clone())
            .collect()
    }

    /// The stop of a reply outside every lane, which nobody but [`Self::close`] can ask for.
    #[must_use]
    pub fn beside(&self) -> CancellationToken {
        self.closed.child_token()
    }

    /// Stops every reply that is being made or would be.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Whether the daemon has no more time.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    fn lane(&self, conversation: &Conversation) -> Arc<Lane> {
        let mut lanes = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        // A lane that only this map holds has no turn; forgetting it keeps the map as small as the activity.
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        Arc::clone(lanes.entry(conversation.clone()).or_default())
    }
}

impl InLane {
    /// Cancelled when the person asks the reply to stop.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Drop for InLane {
    fn drop(&mut self) {
        *self
            .lane
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

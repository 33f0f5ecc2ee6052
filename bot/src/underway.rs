//! Which messages are being dealt with, so that whatever is done about one message is done in order: answered, then changed, then taken back.
//! Order within a conversation is `lanes.rs`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::identity::EventId;

/// What is being done about messages. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Underway(Arc<Mutex<HashMap<EventId, Arc<Work>>>>);

/// Something that is done about messages, or waits for what was begun about them before. Dropping it lets the next one go on.
#[derive(Debug)]
pub struct Dealing {
    work: Arc<Work>,
    underway: Underway,
}

#[derive(Debug)]
struct Work {
    /// What is being dealt with, without what was taken back meanwhile.
    messages: Mutex<BTreeSet<EventId>>,
    before: Mutex<Vec<Arc<Work>>>,
    /// Cancelled when all of it was taken back.
    stop: CancellationToken,
    over: CancellationToken,
}

impl Underway {
    /// Begins with these messages. Whatever is begun about one of them later waits for the end of this.
    #[must_use]
    pub fn begin(&self, messages: impl IntoIterator<Item = EventId>) -> Dealing {
        let messages: BTreeSet<EventId> = messages.into_iter().collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = messages.iter().filter_map(|message| all.get(message));
        let work = Arc::new(Work {
            before: Mutex::new(before.cloned().collect()),
            messages: Mutex::new(messages.clone()),
            stop: CancellationToken::new(),
            over: CancellationToken::new(),
        });
        for message in messages {
            all.insert(message, Arc::clone(&work));
        }
        Dealing {
            work,
            underway: self.clone(),
        }
    }
}

impl Dealing {
    /// Waits for the end of what was begun before about the same messages.
    pub async fn turn(&self) {
        let before = self.work.before();
        for work in before {
            work.over.cancelled().await;
        }
        lock(&self.work.before).clear();
    }

    /// A message is taken back: what was begun before and is about nothing else any more is stopped.
    pub fn take_back(&self, message: &EventId) {
        let mut open = self.work.before();
        while let Some(work) = open.pop() {
            let mut left = lock(&work.messages);
            if left.remove(message) && left.is_empty() {
                work.stop.cancel();
            }
            drop(left);
            open.extend(work.before());
        }
    }

    /// Cancelled when all the messages are taken back.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.work.stop
    }
}

impl Work {
    fn before(&self) -> Vec<Arc<Self>> {
        lock(&self.before).clone()
    }
}

impl Drop for Dealing {
    fn drop(&mut self) {
        self.work.over.cancel();
        let mut all = self
            .underway
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, work| !Arc::ptr_eq(work, &self.work));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Platform;

    fn event(id: &str) -> EventId {
        EventId::new(Platform::Discord, id)
    }

    #[tokio::test]
    async fn what_is_begun_later_waits_and_other_messages_do_not() {
        let underway = Underway::default();
        let answer = underway.begin([event("1"), event("2")]);
        let edit = underway.begin([event("2")]);
        let second = underway.begin([event("2")]);
        let other = underway.begin([event("3")]);
        other.turn().await;
        answer.turn().await;
        let waits = async |dealing: &Dealing| {
            let now = tokio::time::timeout(std::time::Duration::from_millis(20), dealing.turn());
            now.await.is_err()
        };
        assert!(waits(&edit).await && waits(&second).await);
        drop(answer);
        edit.turn().await;
        assert!(waits(&second).await);
        drop(edit);
        second.turn().await;
        drop((second, other));
        assert!(lock(&underway.0).is_empty());
    }

    #[test]
    fn an_answer_is_stopped_when_all_its_messages_are_taken_back() {
        let underway = Underway::default();
        let answer = underway.begin([event("1"), event("2")]);
        let _edit = underway.begin([event("1")]);
        underway.begin([event("1")]).take_back(&event("1"));
        assert!(!answer.stop().is_cancelled());
        underway.begin([event("2")]).take_back(&event("2"));
        assert!(answer.stop().is_cancelled());
    }
}

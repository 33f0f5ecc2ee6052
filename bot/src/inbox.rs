//! What came in from chat apps and is not answered yet, and what was shown for it. A message is here before the app hears that we have it.
//!
//! | table | key | record |
//! |---|---|---|
//! | `inbox` | event | `Waiting`: the event itself, until it is answered |
//! | `outbox` | event | `Outgoing`: the messages shown for it so far |
//! | `answered` | event | `Answered`: that it came and what was shown, without its words |
//! | `posted` | place, message | `Posted`: which event a message of ours answers |
//!
//! Not for what is said and remembered: that is `memory`.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chatfriends_personas::PersonaId;
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::identity::{EventId, PersonId, PlaceId};
use crate::moves::moved;
use crate::platforms::MessageId;
use crate::platforms::event::{Event, Happening, Message, Venue};
use crate::store::key::Key;
use crate::store::record::{Found, Record, prune, read, read_all, retry_on_conflict, update};
use crate::store::{Store, StoreError, Swap};

/// How long it is known that an event was answered. Telegram repeats updates for a day; buttons and edits are honoured as long as this.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The inbox and the outbox, in one store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    store: Arc<dyn Store>,
    /// The last number given to an event.
    order: Arc<AtomicU64>,
}

/// Whether an event is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is, and it is on disk.
    New,
    /// It came before.
    Repeated,
}

/// Events that are answered together, the first one first. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch(pub Vec<Event>);

/// A message of ours, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// It is there.
    As(MessageId),
    /// It may be there: the app did not tell.
    Perhaps,
}

/// What a message of ours is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The event that it answers.
    pub event: EventId,
    /// Who wrote that.
    pub asker: PersonId,
    /// The persona that speaks in it; `None` where the bot itself does.
    pub persona: Option<PersonaId>,
    at_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    /// Counted up in the order of arrival.
    order: u64,
    event: Event,
    /// The event with which this one is answered, where it is not the first of several.
    with: Option<EventId>,
    /// Whether a command was begun: it is not given twice.
    #[serde(default)]
    begun: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Outgoing {
    posts: Vec<Sent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Answered {
    at_ms: u64,
    /// The event that it was answered with, where it was not the first of several.
    with: Option<EventId>,
    posts: Vec<Sent>,
}

impl Record for Waiting {
    const TABLE: &'static str = "inbox";
}
impl Record for Outgoing {
    const TABLE: &'static str = "outbox";
}
impl Record for Answered {
    const TABLE: &'static str = "answered";
}
impl Record for Posted {
    const TABLE: &'static str = "posted";
}

impl Inbox {
    /// The inbox in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            order: Arc::default(),
        }
    }

    /// Keeps an event; on return it is durable.
    ///
    /// # Errors
    /// When the store cannot be written. Then nothing was kept.
    pub async fn take(&self, event: &Event) -> Result<Arrival, StoreError> {
        let order = self.next_order();
        retry_on_conflict(|| async {
            let answered = self.answered_record(&event.id).await?;
            let waiting = self.waiting(&event.id).await?;
            if answered.record.is_some() || waiting.record.is_some() {
                return Ok(Arrival::Repeated);
            }
            let record = Waiting {
                order,
                event: event.clone(),
                with: None,
                begun: false,
            };
            let swaps = vec![waiting.becomes(&record), answered.stays()];
            self.store.commit(swaps).await?;
            Ok(Arrival::New)
        })
        .await
    }

    /// Everything that is not answered yet, in the order in which it came, batch by batch.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unfinished(&self) -> Result<Vec<Batch>, StoreError> {
        let mut waiting = Vec::new();
        for (key, raw) in self.store.scan(Key::of(Waiting::TABLE).under()).await? {
            // One that cannot be understood must not keep the others from being answered.
            match serde_json::from_slice::<Waiting>(&raw) {
                Ok(found) => waiting.push(found),
                Err(error) => {
                    tracing::error!(?key, %error, "An event in the inbox cannot be read and is not answered.");
                }
            }
        }
        waiting.sort_by_key(|waiting| waiting.order);
        self.order.fetch_max(
            waiting.last().map_or(0, |newest| newest.order),
            Ordering::Relaxed,
        );
        let mut batches: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
        // The first of a batch need not have come first.
        let orders: BTreeMap<EventId, u64> = waiting
            .iter()
            .map(|waiting| (waiting.event.id.clone(), waiting.order))
            .collect();
        for Waiting {
            order, event, with, ..
        } in waiting
        {
            match with.and_then(|with| orders.get(&with).copied()) {
                Some(leader) => batches.entry(leader).or_default().push(event),
                None => batches.entry(order).or_default().insert(0, event),
            }
        }
        Ok(batches.into_values().map(Batch).collect())
    }

    /// Whether a message came in and something was done about it or will be; not for ever.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn knows(&self, event: &EventId) -> Result<bool, StoreError> {
        // In this order: an event goes from the one record to the other in one commit.
        Ok(self.waiting(event).await?.record.is_some()
            || self.answered_record(event).await?.record.is_some())
    }

    /// Puts other words in the place of a message's that waits, or takes it out where it was deleted. One that does not wait is left alone.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn amend(
        &self,
        event: &EventId,
        changed: Option<&Message>,
    ) -> Result<(), StoreError> {
        retry_on_conflict(|| async {
            let found = self.waiting(event).await?;
            let Some(mut waiting) = found.record.clone() else {
                return Ok(());
            };
            let swaps = match changed {
                Some(message) => {
                    waiting.event.happened = Happening::Message(message.clone());
                    vec![found.becomes(&waiting)]
                }
                None => {
                    let answered = Answered {
                        at_ms: now_ms(),
                        with: None,
                        posts: Vec::new(),
                    };
                    let answer = self.answered_record(event).await?;
                    vec![found.removed(), answer.becomes(&answered)]
                }
            };
            self.store.commit(swaps).await
        })
        .await
    }

    /// The events of a batch as they are now, in the order in which they were written; `None` when none of them waits any more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn current(&self, batch: &Batch) -> Result<Option<Batch>, StoreError> {
        let mut events = Vec::new();
        for event in &batch.0 {
            let waiting = self.waiting(&event.id).await?.record;
            events.extend(waiting.map(|waiting| waiting.event));
        }
        // Discord's events are heard side by side.
        events.sort_by_key(Event::written);
        Ok((!events.is_empty()).then_some(Batch(events)))
    }

    /// Notes that the answer to an event is from now on what was shown for another one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn shown_as(&self, event: &EventId, other: &EventId) -> Result<(), StoreError> {
        retry_on_conflict(|| async {
            let posts = self.sent(other).await?;
            let swap = self.answered_anew(event, posts).await?;
            self.store.commit(swap.into_iter().collect()).await
        })
        .await
    }

    /// An event that was answered is answered by these messages instead; `None` when it was not, or so long ago that it is forgotten.
    async fn answered_anew(
        &self,
        event: &EventId,
        posts: Vec<Sent>,
    ) -> Result<Option<Swap>, StoreError> {
        let found = self.answered_record(event).await?;
        let answered = found.record.clone();
        Ok(answered.map(|answered| found.becomes(&Answered { posts, ..answered })))
    }

    /// Notes that the events of a batch are answered together, so that they still are after a restart.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn join(&self, batch: &Batch) -> Result<(), StoreError> {
        let leader = &batch.leader().id;
        retry_on_conflict(|| async {
            let mut swaps = Vec::new();
            for event in batch.0.iter().skip(1) {
                let found = self.waiting(&event.id).await?;
                let Some(waiting) = found.record.clone() else {
                    continue;
                };
                swaps.push(found.becomes(&Waiting {
                    with: Some(leader.clone()),
                    ..waiting
                }));
            }
            if swaps.is_empty() {
                return Ok(());
            }
            self.store.commit(swaps).await
        })
        .await
    }

    /// Notes that a command is being carried out; `false` when it had been begun before a restart, so that nothing is done twice.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn begin(&self, event: &EventId) -> Result<bool, StoreError> {
        let key = of_event(Waiting::TABLE, event);
        update(self.store.as_ref(), key, |waiting: &mut Option<Waiting>| {
            let waiting = waiting.as_mut();
            waiting.is_some_and(|waiting| !mem::replace(&mut waiting.begun, true))
        })
        .await
    }

    /// What was shown for an event before a restart.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sent(&self, event: &EventId) -> Result<Vec<Sent>, StoreError> {
        let found = self.outgoing(event).await?;
        Ok(found.record.unwrap_or_default().posts)
    }

    /// Notes what became of the message number `index` that is shown for an event. A persona's words that answer another event anew are
    /// its answer from then on.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_sent(
        &self,
        post: &Posting<'_>,
        index: usize,
        sent: &Sent,
    ) -> Result<(), StoreError> {
        let Posting {
            event,
            about,
            place,
            asker,
            persona,
        } = *post;
        retry_on_conflict(|| async {
            let found = self.outgoing(event).await?;
            let mut outgoing = found.record.clone().unwrap_or_default();
            if index < outgoing.posts.len() {
                outgoing.posts[index] = sent.clone();
            } else {
                outgoing.posts.push(sent.clone());
            }
            let mut swaps = vec![found.becomes(&outgoing)];
            if let Sent::As(message) = sent {
                let posted = self.posted_record(place, message).await?;
                swaps.push(posted.becomes(&Posted {
                    event: about.clone(),
                    asker: asker.clone(),
                    persona: persona.cloned(),
                    at_ms: now_ms(),
                }));
            }
            // In the same commit: a button below the message may be pressed as soon as the message is known.
            if about != event && persona.is_some() {
                swaps.extend(self.answered_anew(about, outgoing.posts).await?);
            }
            self.store.commit(swaps).await
        })
        .await
    }

    /// Notes that the message number `index`, of which it was not known whether it would arrive, did not, nor any after it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_unsent(&self, event: &EventId, index: usize) -> Result<(), StoreError> {
        let key = of_event(Outgoing::TABLE, event);
        update(self.store.as_ref(), key, |sent: &mut Option<Outgoing>| {
            if let Some(outgoing) = sent {
                outgoing.posts.truncate(index);
            }
        })
        .await
    }

    /// The events of a batch are answered: their words leave the inbox.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn finish(&self, batch: &Batch) -> Result<(), StoreError> {
        let leader = &batch.leader().id;
        retry_on_conflict(|| async {
            let outgoing = self.outgoing(leader).await?;
            let posts = outgoing.record.clone().unwrap_or_default().posts;
            let mut swaps = vec![outgoing.removed()];
            for event in &batch.0 {
                let answered = Answered {
                    at_ms: now_ms(),
                    with: (event.id != *leader).then(|| leader.clone()),
                    posts: if event.id == *leader {
                        posts.clone()
                    } else {
                        Vec::new()
                    },
                };
                swaps.push(self.waiting(&event.id).await?.removed());
                swaps.push(self.answered_record(&event.id).await?.becomes(&answered));
            }
            self.store.commit(swaps).await
        })
        .await
    }

    /// What was shown for an event, whether all of its answer is there or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn shown_for(&self, event: &EventId) -> Result<Vec<Sent>, StoreError> {
        // In this order: the posts go from the one record to the other in one commit.
        let sent = self.sent(event).await?;
        let answered = self.answered_record(event).await?;
        Ok(answered.record.map_or(sent, |answered| answered.posts))
    }

    /// What a message of ours is about; `None` for those of others and very old ones.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn posted(
        &self,
        place: &PlaceId,
        message: &MessageId,
    ) -> Result<Option<Posted>, StoreError> {
        Ok(self.posted_record(place, message).await?.record)
    }

    /// What waits at a place that goes on under another id waits there from now on.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn move_place(&self, from: &PlaceId, to: &Venue) -> Result<(), StoreError> {
        let all = Key::of(Waiting::TABLE).under();
        for found in read_all::<Waiting>(self.store.as_ref(), all).await? {
            let Some(waiting) = found.record.clone() else {
                continue;
            };
            if waiting.event.venue.place != *from {
                continue;
            }
            let there = Waiting {
                event: moved(waiting.event, to),
                ..waiting
            };
            match self.store.commit(vec![found.becomes(&there)]).await {
                // It has just been answered, or is being; after a restart it settles by itself.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Lets go of what was answered long ago.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        let before = now_ms().saturating_sub(KEPT.as_millis() as u64);
        let store = self.store.as_ref();
        let (answered, posted) = (Key::of(Answered::TABLE), Key::of(Posted::TABLE));
        let answers = prune(store, answered.under(), |it: &Answered| it.at_ms < before).await?;
        let posts = prune(store, posted.under(), |it: &Posted| it.at_ms < before).await?;
        Ok(answers + posts)
    }

    /// Numbers go up with time, also over restarts.
    fn next_order(&self) -> u64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64);
        let before = self
            .order
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                Some(now.max(last + 1))
            })
            .expect("the closure always gives a number");
        now.max(before + 1)
    }

    async fn waiting(&self, event: &EventId) -> Result<Found<Waiting>, StoreError> {
        read(self.store.as_ref(), of_event(Waiting::TABLE, event)).await
    }

    async fn outgoing(&self, event: &EventId) -> Result<Found<Outgoing>, StoreError> {
        read(self.store.as_ref(), of_event(Outgoing::TABLE, event)).await
    }

    async fn answered_record(&self, event: &EventId) -> Result<Found<Answered>, StoreError> {
        read(self.store.as_ref(), of_event(Answered::TABLE, event)).await
    }

    async fn posted_record(
        &self,
        place: &PlaceId,
        message: &MessageId,
    ) -> Result<Found<Posted>, StoreError> {
        let key = Key::of(Posted::TABLE).text(place.as_str()).text(&message.0);
        read(self.store.as_ref(), key).await
    }
}

/// For whom and where a message is shown.
#[derive(Debug, Clone, Copy)]
pub struct Posting<'a> {
    /// The event for which it is shown.
    pub event: &'a EventId,
    /// The event that it answers: the same, or the words that are answered once more.
    pub about: &'a EventId,
    /// Where it is shown.
    pub place: &'a PlaceId,
    /// Who wrote the event.
    pub asker: &'a PersonId,
    /// Who speaks in it.
    pub persona: Option<&'a PersonaId>,
}

impl Batch {
    /// The event that stands for all of them.
    #[must_use]
    pub fn leader(&self) -> &Event {
        self.0.first().expect("a batch is never empty")
    }
}

fn of_event(table: &str, event: &EventId) -> Key {
    Key::of(table).text(event.as_str())
}

#[cfg(test)]
mod tests {
    use chatfriends_personas::Language;

    use super::*;
    use crate::identity::{Audience, Level, LevelKind, Platform};
    use crate::platforms::Address;
    use crate::platforms::event::Author;
    use crate::store::in_memory::InMemory;

    fn event(number: u64) -> Event {
        let place = PlaceId::new(Platform::Discord, "1");
        Event {
            id: EventId::new(Platform::Discord, &number.to_string()),
            platform: Platform::Discord,
            at: Address {
                place: "1".to_owned(),
                thread: None,
                title: None,
                asker: "2".to_owned(),
                shared: true,
                ticket: None,
            },
            venue: Venue {
                place: place.clone(),
                thread: None,
                audience: Audience::Place(place),
                levels: vec![Level::new(Platform::Discord, LevelKind::Channel, "1")],
            },
            by: Author {
                person: PersonId::new(Platform::Discord, "2"),
                name: "Yun".to_owned(),
                is_bot: false,
                language: Language::English,
                rank: None,
            },
            happened: Happening::Message(Message {
                id: MessageId(number.to_string()),
                text: format!("words {number}"),
                mentions_bot: true,
                answers: None,
                attachment: None,
            }),
            at_ms: number,
        }
    }

    fn inbox() -> (Arc<InMemory>, Inbox) {
        let store = Arc::new(InMemory::default());
        let inbox = Inbox::new(Arc::clone(&store) as _);
        (store, inbox)
    }

    fn ids(batches: &[Batch]) -> Vec<Vec<&str>> {
        batches
            .iter()
            .map(|batch| batch.0.iter().map(|event| event.id.as_str()).collect())
            .collect()
    }

    #[tokio::test]
    async fn an_event_is_taken_once_and_its_words_leave_with_its_answer() {
        let (store, inbox) = inbox();
        assert_eq!(inbox.take(&event(1)).await.unwrap(), Arrival::New);
        assert_eq!(inbox.take(&event(1)).await.unwrap(), Arrival::Repeated);
        let batch = Batch(vec![event(1)]);
        inbox.finish(&batch).await.unwrap();
        assert_eq!(inbox.take(&event(1)).await.unwrap(), Arrival::Repeated);
        assert!(inbox.unfinished().await.unwrap().is_empty());
        let everything = store
            .scan(Key::from_bytes(&[])..Key::from_bytes(&[0xff]))
            .await;
        let kept = format!(
            "{:?}",
            everything
                .unwrap()
                .iter()
                .map(|(_, raw)| String::from_utf8_lossy(raw).into_owned())
                .collect::<Vec<_>>()
        );
        assert!(!kept.contains("words 1"), "{kept}");
    }

    #[tokio::test]
    async fn what_is_answered_together_stays_together_whoever_came_first() {
        let (_, inbox) = inbox();
        // The first to be written came last.
        for number in [2, 3, 1] {
            inbox.take(&event(number)).await.unwrap();
        }
        let batch = Batch(vec![event(1), event(2)]);
        inbox.join(&batch).await.unwrap();
        let unfinished = inbox.unfinished().await.unwrap();
        assert_eq!(
            ids(&unfinished),
            [vec!["discord:3"], vec!["discord:1", "discord:2"]]
        );
    }

    #[tokio::test]
    async fn a_command_is_begun_once() {
        let (_, inbox) = inbox();
        inbox.take(&event(1)).await.unwrap();
        assert!(inbox.begin(&event(1).id).await.unwrap());
        assert!(!inbox.begin(&event(1).id).await.unwrap());
    }

    #[tokio::test]
    async fn what_surely_did_not_arrive_is_forgotten_and_what_may_have_is_not() {
        let (_, inbox) = inbox();
        let event = event(1);
        inbox.take(&event).await.unwrap();
        let posting = Posting {
            event: &event.id,
            about: &event.id,
            place: &event.venue.place,
            asker: &event.by.person,
            persona: None,
        };
        let there = Sent::As(MessageId("9".to_owned()));
        inbox.note_sent(&posting, 0, &there).await.unwrap();
        inbox.note_sent(&posting, 1, &Sent::Perhaps).await.unwrap();
        assert_eq!(
            inbox.sent(&event.id).await.unwrap(),
            [there.clone(), Sent::Perhaps]
        );
        inbox.note_unsent(&event.id, 1).await.unwrap();
        assert_eq!(inbox.sent(&event.id).await.unwrap(), [there]);
    }

    #[tokio::test]
    async fn whoever_knows_a_message_knows_that_it_is_the_answer_from_now_on() {
        let (_, inbox) = inbox();
        let (words, command) = (event(1), event(2));
        let joey = PersonaId::new("joey").unwrap();
        let sent = |number: &str| Sent::As(MessageId(number.to_owned()));
        let say = async |event: &Event, persona, message: &str| {
            let posting = Posting {
                event: &event.id,
                about: &words.id,
                place: &event.venue.place,
                asker: &event.by.person,
                persona,
            };
            inbox.note_sent(&posting, 0, &sent(message)).await.unwrap();
        };
        inbox.take(&words).await.unwrap();
        say(&words, Some(&joey), "9").await;
        inbox.finish(&Batch(vec![words.clone()])).await.unwrap();
        inbox.take(&command).await.unwrap();
        // The bot's own sentence, such as that the model does not answer, is no other answer.
        say(&command, None, "10").await;
        assert_eq!(inbox.shown_for(&words.id).await.unwrap(), [sent("9")]);
        say(&command, Some(&joey), "11").await;
        assert_eq!(inbox.shown_for(&words.id).await.unwrap(), [sent("11")]);
    }
}

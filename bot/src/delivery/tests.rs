use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::identity::{Audience, Platform, Rank};
use crate::outlet::{Ending, Finished, Outlet};
use crate::platforms::reaction::Reaction;
use crate::platforms::text::split::pieces;
use crate::platforms::text::styled::Styled;
use crate::platforms::text::telegram;
use crate::store::in_memory::InMemory;

const PACE: Duration = Duration::from_secs(3);

/// An app that notes when it was asked for what.
#[derive(Debug, Default)]
struct App {
    /// How often it was thought about what to show.
    thoughts: Mutex<usize>,
    posts: Mutex<Vec<(String, Instant)>>,
    /// How long those have to wait who come next.
    waits: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Messenger for App {
    fn manners(&self, _at: &Address) -> Manners {
        Manners {
            pace: PACE,
            pace_between: PACE,
            typing_lasts: Duration::from_secs(5),
        }
    }

    fn pieces(&self, text: &str, _voice: &Voice) -> Vec<Styled> {
        *self.thoughts.lock().unwrap() += 1;
        pieces(text, &telegram::RULES)
    }

    async fn post(
        &self,
        _at: &Address,
        post: &Post,
        _key: &PostKey,
    ) -> Result<MessageId, SendError> {
        if let Some(retry_after) = self.waits.lock().unwrap().pop() {
            return Err(SendError::Throttled { retry_after });
        }
        let mut posts = self.posts.lock().unwrap();
        posts.push((post.text.text().to_owned(), Instant::now()));
        Ok(MessageId(posts.len().to_string()))
    }

    async fn ask(&self, _at: &Address, _form: &Form) -> Result<(), SendError> {
        Ok(())
    }

    async fn edit(&self, _at: &Address, _of: &MessageId, _post: &Post) -> Result<(), SendError> {
        Ok(())
    }

    async fn remove(
        &self,
        _at: &Address,
        _of: &MessageId,
        _voice: &Voice,
    ) -> Result<(), SendError> {
        Ok(())
    }

    async fn react(
        &self,
        _at: &Address,
        _to: &MessageId,
        _with: Reaction,
    ) -> Result<(), SendError> {
        Ok(())
    }

    async fn rank(&self, _at: &Address, _person: &PersonId) -> Result<Rank, SendError> {
        Ok(Rank::Member)
    }

    async fn typing(&self, _at: &Address) -> Result<(), SendError> {
        Ok(())
    }
}

/// Deliveries to one group.
#[derive(Default)]
struct Group {
    app: Arc<App>,
    paces: Arc<Paces>,
}

impl Group {
    fn delivery(&self, event: &str) -> Delivery {
        let place = PlaceId::new(Platform::Telegram, "-100");
        Delivery {
            messenger: self.app.clone(),
            inbox: Inbox::new(Arc::new(InMemory::default())),
            paces: Arc::clone(&self.paces),
            job: Job {
                event: EventId::new(Platform::Telegram, event),
                at: Address {
                    place: "-100".to_owned(),
                    thread: None,
                    title: None,
                    shared: true,
                    asker: "42".to_owned(),
                    ticket: None,
                },
                place: place.clone(),
                venue: Venue {
                    audience: Audience::Place(place.clone()),
                    place,
                    thread: None,
                    levels: Vec::new(),
                },
                asker: PersonId::new(Platform::Telegram, "42"),
                language: Language::English,
                answers: None,
                discreet: false,
                invitation: None,
                several: false,
                instead_of: Vec::new(),
            },
            stop: CancellationToken::new(),
            withdrawn: CancellationToken::new(),
        }
    }

    /// Tells a sentence there.
    async fn tell(&self, text: &str) -> Delivered {
        let (out, shows) = Outlet::channel();
        out.notice(text).await;
        out.show(Show::Done {
            finish: Some(Finished {
                reason: Ending::Complete,
                prompt_tokens: 0,
                cached_tokens: 0,
                completion_tokens: 0,
            }),
        })
        .await;
        drop(out);
        self.delivery(text).run(shows).await
    }

    fn posts(&self) -> Vec<(String, Instant)> {
        self.app.posts.lock().unwrap().clone()
    }
}

/// A turn that had ended while its place was not due yet was looked at without a pause until it was.
#[tokio::test]
async fn whoever_waits_for_the_pace_does_so_without_work() {
    let group = Group::default();
    let scene = group.delivery("").scene();
    let manners = Manners {
        pace_between: Duration::from_millis(300),
        ..group.app.manners(&group.delivery("").job.at)
    };
    group.paces.note(&scene, manners);
    assert_eq!(group.tell("hello").await, Delivered::Whole);
    let thoughts = *group.app.thoughts.lock().unwrap();
    assert!(thoughts < 10, "{thoughts}");
}

#[tokio::test(start_paused = true)]
async fn all_replies_of_a_place_share_its_pace() {
    let group = Group::default();
    let all = ["one", "two", "three"];
    futures::future::join_all(all.map(|text| group.tell(text))).await;
    let times: Vec<Instant> = group.posts().into_iter().map(|(_, at)| at).collect();
    assert_eq!(times.len(), all.len());
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= PACE, "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_reply_is_asked_to_wait_holds_for_all_of_its_place() {
    let group = Group::default();
    let wait = Duration::from_secs(20);
    group.app.waits.lock().unwrap().push(wait);
    let begun = Instant::now();
    let later = async {
        sleep(Duration::from_secs(1)).await;
        group.tell("later").await
    };
    tokio::join!(group.tell("first"), later);
    let posts = group.posts();
    assert_eq!(posts.len(), 2);
    for (text, at) in posts {
        assert!(at - begun >= wait, "{text} {:?}", at - begun);
    }
}

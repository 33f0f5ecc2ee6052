//! A place goes on under another id: nothing is lost, nothing of another place is touched, and a crash anywhere changes nothing about it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::identity::ThreadId;
use crate::store::key::Key;
use crate::store::{StoreError, Swap};

/// A store that fails after so many commits.
#[derive(Debug, Default)]
struct Failing {
    inner: InMemory,
    left: Mutex<Option<usize>>,
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key).await
    }

    async fn scan(&self, range: std::ops::Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.inner.scan(range).await
    }

    async fn last(
        &self,
        range: std::ops::Range<Key>,
    ) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        self.inner.last(range).await
    }

    async fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError> {
        {
            let mut left = self.left.lock().unwrap();
            match left.as_mut() {
                Some(0) => return Err(StoreError::Stopping),
                Some(left) => *left -= 1,
                None => {}
            }
        }
        self.inner.commit(swaps).await
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.inner.purge().await
    }
}

impl Failing {
    fn after(&self, commits: Option<usize>) {
        *self.left.lock().unwrap() = commits;
    }

    async fn everything(&self) -> BTreeMap<Key, String> {
        let all = Key::from_bytes(&[])..Key::from_bytes(&[0xff]);
        let records = self.inner.scan(all).await.unwrap();
        let text = |raw: Vec<u8>| String::from_utf8(raw).unwrap();
        records
            .into_iter()
            .map(|(key, raw)| (key, text(raw)))
            .collect()
    }
}

fn place(name: &str) -> PlaceId {
    PlaceId::new(Platform::Web, name)
}

/// A group with two people, a topic and a second persona, beside others that must not be touched.
async fn history() -> (Arc<Failing>, Memory) {
    let store = Arc::new(Failing::default());
    let memory = Memory::new(store.clone(), MemoryLimits::default());
    let (anna, ben) = (shared("anna", "old"), shared("ben", "old"));
    say(&memory, &anna, "My name is Anna.").await;
    say(&memory, &ben, "My name is Ben. I like tea.").await;
    say(&memory, &anna, "I am allergic to nuts.").await;
    let topic = topic("anna", "old");
    say(&memory, &topic, "I live in Busan.").await;
    say(&memory, &private("anna"), "My name is Annie.").await;
    say(&memory, &shared("anna", "old2"), "My name is Ann.").await;
    let tea = memory.held(&ben.owner).await.unwrap().facts[1].id;
    memory.forget_fact(&ben.owner, tea).await.unwrap();
    (store, memory)
}

fn topic(person: &str, room: &str) -> Scope {
    let mut topic = shared(person, room);
    topic.conversation.thread = Some(ThreadId::new("t"));
    topic
}

async fn check_moved(memory: &Memory, store: &Failing) {
    let (anna, ben) = (shared("anna", "new"), shared("ben", "new"));
    assert_eq!(
        facts(memory, &anna).await,
        ["Name: Anna", "Home: Busan", "Allergy: nuts"]
    );
    assert_eq!(facts(memory, &ben).await, ["Name: Ben"]);
    let known = memory.recall(&anna, "and now?").await.unwrap();
    assert_eq!(
        texts(&known),
        [
            "My name is Anna.",
            "My name is Ben. I like tea.",
            "I am allergic to nuts."
        ]
    );
    let known = memory.recall(&topic("anna", "new"), "").await.unwrap();
    assert_eq!(texts(&known), ["I live in Busan."]);
    assert_eq!(memory.held(&anna.owner).await.unwrap().turns, 3);
    assert_eq!(facts(memory, &private("anna")).await, ["Name: Annie"]);
    assert_eq!(facts(memory, &shared("anna", "old2")).await, ["Name: Ann"]);
    for (key, record) in store.everything().await {
        let text = format!("{:?} {record}", String::from_utf8_lossy(key.as_bytes()));
        assert!(
            !text.contains("web:old\"") && !text.contains("web:old\\0"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn everything_goes_along_and_nothing_else() {
    let (store, memory) = history().await;
    memory
        .move_place(&place("old"), &place("new"))
        .await
        .unwrap();
    check_moved(&memory, &store).await;
    // Once more is nothing more, and to nowhere else is nothing.
    let before = store.everything().await;
    memory
        .move_place(&place("old"), &place("new"))
        .await
        .unwrap();
    memory
        .move_place(&place("new"), &place("new"))
        .await
        .unwrap();
    assert_eq!(store.everything().await, before);
    // Forgetting reaches what has moved.
    let anna = shared("anna", "new");
    assert_eq!(memory.forget_all(&anna.owner).await.unwrap().turns, 3);
    assert!(facts(&memory, &anna).await.is_empty());
}

#[tokio::test]
async fn a_crash_at_any_commit_changes_nothing_about_it() {
    let (store, memory) = history().await;
    memory
        .move_place(&place("old"), &place("new"))
        .await
        .unwrap();
    let whole = store.everything().await;
    let mut crashes = 0;
    for commits in 0.. {
        let (store, memory) = history().await;
        store.after(Some(commits));
        let crashed = memory
            .move_place(&place("old"), &place("new"))
            .await
            .is_err();
        store.after(None);
        memory
            .move_place(&place("old"), &place("new"))
            .await
            .unwrap();
        check_moved(&memory, &store).await;
        assert_eq!(store.everything().await, whole, "after {commits} commits");
        if !crashed {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 4, "{crashes}");
}

#[tokio::test]
async fn what_was_said_at_the_new_place_before_is_kept_beside_it() {
    let (_, memory) = history().await;
    let anna = shared("anna", "new");
    say(&memory, &anna, "My name is Anna-Lena. I like rain.").await;
    memory
        .move_place(&place("old"), &place("new"))
        .await
        .unwrap();
    assert_eq!(
        facts(&memory, &anna).await,
        [
            "Name: Anna-Lena",
            "Home: Busan",
            "Allergy: nuts",
            "Likes: rain"
        ]
    );
    assert_eq!(memory.held(&anna.owner).await.unwrap().turns, 4);
    let known = memory.recall(&anna, "what about nuts?").await.unwrap();
    assert!(known.window.is_empty(), "the order of both is not known");
    assert!(!known.memory.is_empty());
    say(&memory, &anna, "And on.").await;
    let known = memory.recall(&anna, "").await.unwrap();
    assert_eq!(texts(&known), ["And on."]);
}

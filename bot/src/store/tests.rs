//! What any store must do, run over each that we have; and what the one on disk does when its folder is not as it should be.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::disk::DiskStore;
use super::in_memory::InMemory;
use super::key::Key;
use super::record::{self, Record};
use super::*;

const CACHE_MIB: u32 = 8;

fn key(part: &str) -> Key {
    Key::of("test").text(part)
}

fn put(part: &str, was: Option<&str>, becomes: Option<&str>) -> Swap {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Swap {
        key: key(part),
        was: was.map(bytes),
        becomes: becomes.map(bytes),
    }
}

async fn shown(store: &dyn Store) -> Vec<String> {
    let all = store.scan(Key::of("test").under()).await.unwrap();
    all.into_iter()
        .map(|(_, value)| String::from_utf8(value).unwrap())
        .collect()
}

/// The contract. A second store runs it by one more test.
async fn keeps_the_contract(store: &dyn Store) {
    // What is put is found, in the order of the keys, and only under its own prefix.
    store
        .commit(vec![
            put("b", None, Some("2")),
            put("a", None, Some("1")),
            put("c", None, Some("3")),
        ])
        .await
        .unwrap();
    let elsewhere = Swap {
        key: Key::of("testament").text("x"),
        was: None,
        becomes: Some(b"other".to_vec()),
    };
    store.commit(vec![elsewhere]).await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap(), b"1");
    assert_eq!(store.get(&key("d")).await.unwrap(), None);
    assert_eq!(shown(store).await, ["1", "2", "3"]);
    assert_eq!(store.scan(key("a")..key("c")).await.unwrap().len(), 2);
    let last = async |range| {
        let found = store.last(range).await.unwrap();
        found.map(|(_, value)| String::from_utf8(value).unwrap())
    };
    assert_eq!(last(Key::of("test").under()).await.unwrap(), "3");
    assert_eq!(last(key("a")..key("c")).await.unwrap(), "2");
    assert_eq!(last(key("d")..key("e")).await, None);

    // One condition that does not hold refuses everything.
    let refused = store
        .commit(vec![
            put("a", Some("1"), Some("x")),
            put("b", Some("not this"), Some("y")),
            put("d", None, Some("z")),
        ])
        .await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    assert!(matches!(
        store.commit(vec![put("a", None, Some("x"))]).await,
        Err(StoreError::Conflict)
    ));
    assert!(matches!(
        store.commit(vec![put("d", Some(""), Some("x"))]).await,
        Err(StoreError::Conflict)
    ));
    assert_eq!(shown(store).await, ["1", "2", "3"]);

    // Replacing, removing and keeping go together.
    store
        .commit(vec![
            put("a", Some("1"), Some("one")),
            put("b", Some("2"), None),
            put("c", Some("3"), Some("3")),
        ])
        .await
        .unwrap();
    assert_eq!(shown(store).await, ["one", "3"]);
    store.commit(Vec::new()).await.unwrap();

    // Empty and large values are values.
    let large = "가".repeat(300_000);
    store
        .commit(vec![
            put("empty", None, Some("")),
            put("large", None, Some(&large)),
        ])
        .await
        .unwrap();
    assert_eq!(store.get(&key("empty")).await.unwrap().unwrap(), b"");
    assert_eq!(
        store.get(&key("large")).await.unwrap().unwrap().len(),
        large.len()
    );
}

/// Of writers that all want to count up, none may lose a step.
async fn counts_every_step(store: Arc<dyn Store>) {
    let count_up = |store: Arc<dyn Store>| async move {
        for _ in 0..20 {
            let counted = record::update(store.as_ref(), key("count"), |count| {
                *count = Some(Count(count.as_ref().map_or(0, |count: &Count| count.0) + 1));
            });
            counted.await.unwrap();
        }
    };
    let writers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(count_up(Arc::clone(&store))))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(
        record::read::<Count>(store.as_ref(), key("count"))
            .await
            .unwrap()
            .record
            .unwrap()
            .0,
        80
    );
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Count(u32);

impl Record for Count {
    const TABLE: &'static str = "count";
}

/// A store in which somebody else is quicker, once, and that counts what is committed.
#[derive(Debug, Default)]
struct Contested {
    store: InMemory,
    rival: Mutex<Option<Swap>>,
    commits: AtomicUsize,
}

#[async_trait]
impl Store for Contested {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key).await
    }

    async fn scan(&self, range: Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        self.store.scan(range).await
    }

    async fn last(&self, range: Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        self.store.last(range).await
    }

    async fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError> {
        let rival = self.rival.lock().unwrap().take();
        if let Some(swap) = rival {
            self.store.commit(vec![swap]).await?;
        }
        self.store.commit(swaps).await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.store.purge().await
    }
}

#[tokio::test]
async fn a_change_is_made_on_top_of_a_quicker_one_and_written_only_if_it_is_one() {
    let store = Contested {
        rival: Mutex::new(Some(put("count", None, Some("4")))),
        ..Contested::default()
    };
    let update = async |change: fn(&mut Option<Count>)| {
        let told = |count: &mut Option<Count>| {
            change(count);
            count.as_ref().map(|count| count.0)
        };
        let told = record::update(&store, key("count"), told).await.unwrap();
        (told, store.commits.load(Ordering::Relaxed))
    };
    let counted = update(|count| count.get_or_insert(Count(0)).0 += 1).await;
    assert_eq!(counted, (Some(5), 1));
    assert_eq!(update(|_| ()).await, (Some(5), 1));
    assert_eq!(update(|count| *count = None).await, (None, 2));
    assert_eq!(update(|_| ()).await, (None, 2));
}

#[tokio::test]
async fn old_records_are_removed_but_not_what_becomes_of_one_meanwhile() {
    let store = Contested::default();
    let all = || Key::of("test").under();
    let fill = (0..1_000).map(|number| put(&number.to_string(), None, Some("1")));
    store.commit(fill.collect()).await.unwrap();
    *store.rival.lock().unwrap() = Some(put("0", Some("1"), Some("7")));
    let is_old = |count: &Count| count.0 < 5;
    record::prune(&store, all(), is_old).await.unwrap();
    // The rest of its portion waits for the next time.
    assert_eq!(shown(&store).await.len(), 500);
    record::prune(&store, all(), is_old).await.unwrap();
    assert_eq!(shown(&store).await, ["7"]);
}

/// Opens a store that was closed just now. A process that another test is starting holds copies of all open files for a moment, and with
/// them the lock.
async fn reopened(path: &Path) -> Result<DiskStore, StoreError> {
    for _ in 0..500 {
        match DiskStore::open(path, CACHE_MIB).await {
            Err(StoreError::Locked { .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            opened => return opened,
        }
    }
    panic!("{} stays locked", path.display());
}

/// The same where it must open.
pub(crate) async fn opened_again(path: &Path) -> DiskStore {
    reopened(path).await.unwrap()
}

#[tokio::test]
async fn the_store_of_the_tests_keeps_the_contract() {
    keeps_the_contract(&InMemory::default()).await;
    counts_every_step(Arc::new(InMemory::default())).await;
}

#[tokio::test]
async fn sled_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_the_contract(&DiskStore::open(folder.path(), CACHE_MIB).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sled_counts_every_step() {
    let folder = tempfile::tempdir().unwrap();
    counts_every_step(Arc::new(
        DiskStore::open(folder.path(), CACHE_MIB).await.unwrap(),
    ))
    .await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_each_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let large = "x".repeat(700_000);
    for round in 0..5 {
        let store = opened_again(folder.path()).await;
        let mut expected: Vec<String> = (0..round)
            .map(|earlier| format!("value {earlier}"))
            .collect();
        expected.extend((round > 0).then(|| large.clone()));
        assert_eq!(shown(&store).await, expected);
        store
            .commit(vec![put(
                &round.to_string(),
                None,
                Some(&format!("value {round}")),
            )])
            .await
            .unwrap();
        if round == 0 {
            store
                .commit(vec![put("x", None, Some(&large))])
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = DiskStore::open(folder.path(), CACHE_MIB).await.unwrap();
    assert!(
        matches!(DiskStore::open(folder.path(), CACHE_MIB).await, Err(StoreError::Locked { path }) if path == folder.path().join("memory"))
    );
    first.commit(vec![put("a", None, Some("1"))]).await.unwrap();
    drop(first);
    assert_eq!(shown(&opened_again(folder.path()).await).await, ["1"]);
}

#[tokio::test]
async fn a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path(), CACHE_MIB).await.unwrap();
    let later = Swap {
        key: Key::of("format"),
        was: Some(b"1".to_vec()),
        becomes: Some(b"2".to_vec()),
    };
    store.commit(vec![later]).await.unwrap();
    drop(store);
    assert!(matches!(
        reopened(folder.path()).await,
        Err(StoreError::Newer {
            found: 2,
            known: 1,
            ..
        })
    ));
}

#[tokio::test]
async fn folders_that_cannot_be_used_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "a file").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = DiskStore::open(&path, CACHE_MIB).await.unwrap_err();
        assert!(matches!(&error, StoreError::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains("file"), "{error}");
    }
    // Where another database's files stand in the way.
    let strange = folder.path().join("strange");
    fs::create_dir_all(strange.join("memory/lock")).unwrap();
    assert!(matches!(
        DiskStore::open(&strange, CACHE_MIB).await,
        Err(StoreError::Unusable { .. })
    ));
}

#[tokio::test]
async fn a_record_that_is_not_understood_names_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let store = DiskStore::open(folder.path(), CACHE_MIB).await.unwrap();
    store
        .commit(vec![put("count", None, Some("not a number"))])
        .await
        .unwrap();
    let error = record::read::<Count>(&store, key("count"))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "a count record cannot be read");
}

#[test]
fn messages_say_what_to_do() {
    let path = std::path::PathBuf::from("data/memory");
    let locked = StoreError::Locked { path: path.clone() }.to_string();
    assert_eq!(
        locked,
        "data/memory is in use by another process; stop the other chatfriends, or set store.path to another folder"
    );
    let newer = StoreError::Newer {
        path,
        found: 2,
        known: 1,
    }
    .to_string();
    assert_eq!(
        newer,
        "the store in data/memory has format 2, and this chatfriends knows formats up to 1; use the newer program"
    );
}

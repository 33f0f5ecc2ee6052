//! Tests of what a store is still worth when its files are not as they were left; and of backups, and of what was removed for good.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::disk::DiskStore;
use super::key::Key;
use super::tests::opened_again;
use super::{Store, StoreError, Swap};
use crate::torture;

const CACHE_MIB: u32 = 8;

fn key(number: u32) -> Key {
    Key::of("test").number(u64::from(number))
}

fn value(number: u32) -> Vec<u8> {
    format!("value {number:02} ").repeat(60).into_bytes()
}

async fn put(store: &DiskStore, key: Key, becomes: Option<Vec<u8>>) {
    let was = store.get(&key).await.unwrap();
    store
        .commit(vec![Swap { key, was, becomes }])
        .await
        .unwrap();
}

/// Opens a store, adds records, and closes it.
async fn add(root: &Path, numbers: std::ops::Range<u32>) {
    let store = opened_again(root).await;
    for number in numbers {
        put(&store, key(number), Some(value(number))).await;
    }
}

/// The numbers of the records that are there, each as it was written.
async fn numbers(store: &DiskStore) -> Vec<u32> {
    let all = store.scan(Key::of("test").under()).await.unwrap();
    let number = |(found, bytes): (Key, Vec<u8>)| {
        let number = (0..1_000).find(|number| key(*number) == found).unwrap();
        assert_eq!(bytes, value(number));
        number
    };
    all.into_iter().map(number).collect()
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The only database, the only file of that ending, and so on.
fn only(folder: &Path, is: impl Fn(&Path) -> bool) -> PathBuf {
    let mut found = files_under(folder);
    found.retain(|path| is(path));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn database(root: &Path) -> PathBuf {
    only(&root.join("memory"), |path| {
        path.ends_with("db") && !is_aside(path)
    })
}

fn is_aside(path: &Path) -> bool {
    let aside = |name: &str| name.starts_with("damaged") || name.starts_with("replaced");
    path.iter().any(|part| part.to_str().is_some_and(aside))
}

fn copy(from: &Path, to: &Path) {
    for file in files_under(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// A store with a backup of 30 records and 20 later ones.
async fn filled(root: &Path) {
    add(root, 0..30).await;
    opened_again(root).await.back_up().await.unwrap();
    add(root, 30..50).await;
}

/// Each file of the store, cut off or with a byte altered, at places drawn anew: nothing is lost, since each thing stands in two of them.
#[tokio::test]
async fn any_one_file_may_be_damaged_and_nothing_is_lost() {
    let sound = tempfile::tempdir().unwrap();
    filled(sound.path()).await;
    let mut random = StdRng::seed_from_u64(7);
    for file in files_under(sound.path()) {
        let name = file.strip_prefix(sound.path()).unwrap();
        let length = fs::metadata(&file).unwrap().len() as usize;
        for round in 0..8 * torture::times() {
            let folder = tempfile::tempdir().unwrap();
            copy(sound.path(), folder.path());
            let harmed = folder.path().join(name);
            let mut bytes = fs::read(&harmed).unwrap();
            let at = random.random_range(0..=length);
            match round {
                0 => fs::remove_file(&harmed).unwrap(),
                1 => fs::write(&harmed, "").unwrap(),
                2 | 3 => fs::write(&harmed, &bytes[..at]).unwrap(),
                _ if at < length => {
                    bytes[at] ^= 1 << random.random_range(0..8);
                    fs::write(&harmed, bytes).unwrap();
                }
                _ => {}
            }
            let what = format!("{}, round {round} at {at} of {length}", name.display());
            let store = DiskStore::open(folder.path(), CACHE_MIB).await;
            let store = store.unwrap_or_else(|error| panic!("{what}: {error:?}"));
            let found = match store.scan(Key::of("test").under()).await {
                Ok(_) => numbers(&store).await,
                // Found out when it is read first; then it is opened anew.
                Err(StoreError::Damaged { .. }) => {
                    store.look_after().await.unwrap();
                    numbers(&store).await
                }
                Err(error) => panic!("{what}: {error:?}"),
            };
            assert_eq!(found, (0..50).collect::<Vec<_>>(), "{what}");
            put(&store, key(50), Some(value(50))).await;
            drop(store);
            assert_eq!(
                numbers(&opened_again(folder.path()).await).await.len(),
                51,
                "{what}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_damaged_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let file = database(folder.path());
    fs::write(&file, vec![0xa5; 100_000]).unwrap();
    assert_eq!(numbers(&opened_again(folder.path()).await).await.len(), 50);
    let aside = only(&folder.path().join("memory"), |path| {
        path.ends_with("db") && is_aside(path)
    });
    assert_ne!(fs::metadata(aside).unwrap().len(), 0);
}

#[tokio::test]
async fn with_the_database_and_the_journal_gone_the_backup_is_left_and_counted_on() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    fs::remove_dir_all(folder.path().join("memory")).unwrap();
    assert_eq!(
        numbers(&opened_again(folder.path()).await).await,
        (0..30).collect::<Vec<_>>()
    );
    // What is written from here on is as safe as before.
    add(folder.path(), 60..70).await;
    fs::write(database(folder.path()), "").unwrap();
    let expected: Vec<u32> = (0..30).chain(60..70).collect();
    assert_eq!(numbers(&opened_again(folder.path()).await).await, expected);
}

#[tokio::test]
async fn without_a_backup_the_journal_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), 0..50).await;
    fs::write(database(folder.path()), "").unwrap();
    assert_eq!(numbers(&opened_again(folder.path()).await).await.len(), 50);
}

#[tokio::test]
async fn a_damaged_backup_is_passed_over_for_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let newest = opened_again(folder.path()).await.back_up().await.unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    fs::write(database(folder.path()), "").unwrap();
    assert_eq!(numbers(&opened_again(folder.path()).await).await.len(), 50);
}

#[tokio::test]
async fn with_nothing_whole_left_it_is_said_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    for file in files_under(folder.path()) {
        if !file.ends_with("begun") && !file.ends_with("lock") {
            fs::write(file, "gone").unwrap();
        }
    }
    for _ in 0..2 {
        let error = DiskStore::open(folder.path(), CACHE_MIB).await.unwrap_err();
        assert!(matches!(&error, StoreError::Damaged { .. }), "{error:?}");
        assert!(
            error.to_string().contains("chatfriends restore FILE"),
            "{error}"
        );
    }
    assert!(database(folder.path()).starts_with(folder.path().join("memory/1")));
    let backup = only(&folder.path().join("backups"), |_| true);
    assert_eq!(fs::read_to_string(backup).unwrap(), "gone");
}

#[tokio::test]
async fn the_layout_without_a_journal_is_adopted() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let earlier = tempfile::tempdir().unwrap();
    copy(
        database(folder.path()).parent().unwrap(),
        &earlier.path().join("memory"),
    );
    assert_eq!(numbers(&opened_again(earlier.path()).await).await.len(), 50);
    add(earlier.path(), 50..51).await;
    assert_eq!(numbers(&opened_again(earlier.path()).await).await.len(), 51);
}

#[tokio::test]
async fn a_backup_is_restored_with_the_next_start_and_what_was_there_lies_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened_again(folder.path()).await;
    for number in 0..3 {
        put(&store, key(number), Some(value(number))).await;
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let kept = elsewhere.path().join("kept");
    DiskStore::copy_backup(&store.back_up().await.unwrap(), &kept)
        .await
        .unwrap();
    put(&store, key(1), None).await;
    DiskStore::restore_next(folder.path(), &kept).await.unwrap();
    assert_eq!(numbers(&store).await, [0, 2]);
    drop(store);
    assert_eq!(numbers(&opened_again(folder.path()).await).await, [0, 1, 2]);
    add(folder.path(), 3..4).await;
    assert_eq!(
        numbers(&opened_again(folder.path()).await).await,
        [0, 1, 2, 3]
    );
    only(&folder.path().join("memory"), |path| {
        path.ends_with("db") && is_aside(path)
    });

    // Into a folder where nothing was, and from a file that is none.
    let new = tempfile::tempdir().unwrap();
    DiskStore::restore_next(new.path(), &kept).await.unwrap();
    assert_eq!(numbers(&opened_again(new.path()).await).await, [0, 1, 2]);
    fs::write(&kept, "no backup").unwrap();
    let error = DiskStore::restore_next(new.path(), &kept)
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::NoBackup { .. }), "{error:?}");
}

/// Two records whose sum stays the same while others write: no copy may catch one before and one after.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_are_of_one_moment_and_nobody_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened_again(folder.path()).await;
    for number in 100..900 {
        put(&store, key(number), Some(value(number))).await;
    }
    let (first, second) = (Key::of("test").number(0), Key::of("zest").number(0));
    let is_enough = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, is_enough) = (store.clone(), Arc::clone(&is_enough));
        let (first, second) = (first.clone(), second.clone());
        tokio::spawn(async move {
            let mut commits = 0;
            while !is_enough.load(Ordering::Relaxed) {
                let round = commits % 400;
                let mut swaps = Vec::new();
                for (key, length) in [(&first, round), (&second, 400 - round)] {
                    swaps.push(Swap {
                        key: key.clone(),
                        was: store.get(key).await.unwrap(),
                        becomes: Some(vec![b'x'; length]),
                    });
                }
                store.commit(swaps).await.unwrap();
                commits += 1;
            }
            commits
        })
    };
    let sum = async |store: &DiskStore| {
        let first = store.get(&first).await.unwrap();
        let second = store.get(&second).await.unwrap();
        first.map(|it| it.len()).zip(second.map(|it| it.len()))
    };
    for _ in 0..4 {
        let made = store.back_up().await.unwrap();
        let copy = tempfile::tempdir().unwrap();
        DiskStore::restore_next(copy.path(), &made).await.unwrap();
        let restored = opened_again(copy.path()).await;
        if let Some((first, second)) = sum(&restored).await {
            assert_eq!(first + second, 400);
        }
        assert_eq!(restored.scan(key(100)..key(900)).await.unwrap().len(), 800);
        store.purge().await.unwrap();
        store.look_after().await.unwrap();
    }
    is_enough.store(true, Ordering::Relaxed);
    let commits = writer.await.unwrap();
    assert!(commits > 4, "{commits}");
    let last = (commits - 1) % 400;
    drop(store);
    let store = opened_again(folder.path()).await;
    assert_eq!(sum(&store).await, Some((last, 400 - last)));
    assert_eq!(store.scan(key(100)..key(900)).await.unwrap().len(), 800);
}

/// Looked for in every file that the store reads, byte by byte.
#[tokio::test]
async fn what_was_removed_is_nowhere_any_more_when_that_was_wished() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened_again(folder.path()).await;
    let secret = |number: u32| {
        format!("the secret of person {number}, ").repeat(if number == 3 { 20_000 } else { 3 })
    };
    for number in 0..5 {
        put(&store, key(number), Some(secret(number).into_bytes())).await;
    }
    let kept = store.back_up().await.unwrap();
    put(&store, key(1), None).await;
    put(&store, key(2), Some(b"something else".to_vec())).await;
    put(&store, key(3), None).await;
    let told_of = |number: u32| {
        let words = format!("the secret of person {number}").into_bytes();
        let mut files = files_under(folder.path());
        files.retain(|path| {
            fs::read(path)
                .unwrap()
                .windows(words.len())
                .any(|window| window == words)
        });
        files
    };
    assert!(told_of(1).len() > 1);
    store.purge().await.unwrap();
    store.look_after().await.unwrap();
    for gone in 1..4 {
        assert_eq!(told_of(gone), std::slice::from_ref(&kept));
    }
    assert!(told_of(4).len() > 1);
    // The wish outlives the process.
    put(&store, key(4), None).await;
    store.purge().await.unwrap();
    drop(store);
    let store = opened_again(folder.path()).await;
    store.look_after().await.unwrap();
    assert!(
        told_of(4)
            .iter()
            .all(|path| path.starts_with(folder.path().join("backups")))
    );
    assert_eq!(
        store.get(&key(0)).await.unwrap().unwrap(),
        secret(0).into_bytes()
    );
}

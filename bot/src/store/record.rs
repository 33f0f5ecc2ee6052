//! Records as JSON, and the guard that lets a record be changed only if it still is what was read.

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::Key;
use super::{Store, StoreError, Swap};

/// Something that is kept. JSON, because a field that a later version adds must not make older records unreadable.
pub trait Record: Serialize + DeserializeOwned {
    /// The first part of its keys; appears in messages, too.
    const TABLE: &'static str;
}

/// What stood under a key when it was read.
#[derive(Debug)]
pub struct Found<R> {
    key: Key,
    raw: Option<Vec<u8>>,
    /// The record, if there was one.
    pub record: Option<R>,
}

/// Reads one record.
///
/// # Errors
/// When the store fails, or the record is not understood.
pub async fn read<R: Record>(store: &dyn Store, key: Key) -> Result<Found<R>, StoreError> {
    let raw = store.get(&key).await?;
    Found::new(key, raw)
}

/// Reads all records of a range, in the order of their keys.
///
/// # Errors
/// When the store fails, or a record is not understood.
pub async fn read_all<R: Record>(
    store: &dyn Store,
    range: Range<Key>,
) -> Result<Vec<Found<R>>, StoreError> {
    let all = store.scan(range).await?;
    all.into_iter()
        .map(|(key, raw)| Found::new(key, Some(raw)))
        .collect()
}

/// Reads the last record of a range, in the order of their keys.
///
/// # Errors
/// When the store fails, or the record is not understood.
pub async fn read_last<R: Record>(
    store: &dyn Store,
    range: Range<Key>,
) -> Result<Option<R>, StoreError> {
    let Some((key, raw)) = store.last(range).await? else {
        return Ok(None);
    };
    Ok(Found::new(key, Some(raw))?.record)
}

/// Changes one record and gives back what the change tells. It is made anew, on top of theirs, when somebody else was quicker; what it leaves
/// as it was is not written.
///
/// # Errors
/// When the store fails, or the record is not understood. Then nothing has changed.
pub async fn update<R: Record, T>(
    store: &dyn Store,
    key: Key,
    change: impl Fn(&mut Option<R>) -> T,
) -> Result<T, StoreError> {
    retry_on_conflict(|| async {
        let mut found = read::<R>(store, key.clone()).await?;
        let told = change(&mut found.record);
        let swap = match &found.record {
            Some(record) => found.becomes(record),
            None => found.removed(),
        };
        if swap.becomes != swap.was {
            store.commit(vec![swap]).await?;
        }
        Ok(told)
    })
    .await
}

/// Makes an attempt, which reads, decides and commits, again for as long as others change what it has read. For one record there is [`update`].
///
/// # Errors
/// Those of the attempt.
pub async fn retry_on_conflict<T, Attempt>(attempt: impl Fn() -> Attempt) -> Result<T, StoreError>
where
    // `AsyncFn` would say it shorter, but nobody could spawn what uses it: <https://github.com/rust-lang/rust/issues/134997>
    Attempt: Future<Output = Result<T, StoreError>>,
{
    loop {
        match attempt().await {
            Err(StoreError::Conflict) => {}
            result => return result,
        }
    }
}

/// Removes those records of a range that are old, and tells how many they were. One that changes meanwhile stays until the next time, with those
/// of its portion.
///
/// # Errors
/// When the store fails, or a record is not understood.
pub async fn prune<R: Record>(
    store: &dyn Store,
    range: Range<Key>,
    is_old: impl Fn(&R) -> bool,
) -> Result<usize, StoreError> {
    let all = read_all::<R>(store, range).await?;
    let is_old = |found: &&Found<R>| found.record.as_ref().is_some_and(&is_old);
    let old: Vec<Swap> = all.iter().filter(is_old).map(Found::removed).collect();
    // In portions, so that no commit holds others up for long.
    for swaps in old.chunks(500) {
        match store.commit(swaps.to_vec()).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(old.len())
}

impl<R: Record> Found<R> {
    fn new(key: Key, raw: Option<Vec<u8>>) -> Result<Self, StoreError> {
        let parse = |raw: &Vec<u8>| serde_json::from_slice(raw);
        let record =
            raw.as_ref()
                .map(parse)
                .transpose()
                .map_err(|source| StoreError::Unreadable {
                    table: R::TABLE,
                    source: source.into(),
                })?;
        Ok(Self { key, raw, record })
    }

    /// Where it stands.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The change that puts `record` here.
    #[must_use]
    pub fn becomes(&self, record: &R) -> Swap {
        let raw = serde_json::to_vec(record).expect("records hold nothing that JSON cannot");
        Swap {
            key: self.key.clone(),
            was: self.raw.clone(),
            becomes: Some(raw),
        }
    }

    /// The change that removes the record.
    #[must_use]
    pub fn removed(&self) -> Swap {
        Swap {
            key: self.key.clone(),
            was: self.raw.clone(),
            becomes: None,
        }
    }

    /// The change that changes nothing, and makes a commit depend on that.
    #[must_use]
    pub fn stays(&self) -> Swap {
        Swap {
            key: self.key.clone(),
            was: self.raw.clone(),
            becomes: self.raw.clone(),
        }
    }
}

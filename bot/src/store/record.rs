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

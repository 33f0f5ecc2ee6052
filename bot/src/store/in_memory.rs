//! A store without a disk, for the many small tests of those who keep something.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;

use super::key::Key;
use super::{Store, StoreError, Swap};

/// Keeps everything until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct InMemory(Mutex<BTreeMap<Key, Vec<u8>>>);

#[async_trait]
impl Store for InMemory {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    async fn scan(&self, range: Range<Key>) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        Ok(self
            .0
            .lock()
            .unwrap()
            .range(range)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    async fn last(&self, range: Range<Key>) -> Result<Option<(Key, Vec<u8>)>, StoreError> {
        Ok(self.scan(range).await?.pop())
    }

    async fn commit(&self, swaps: Vec<Swap>) -> Result<(), StoreError> {
        let mut records = self.0.lock().unwrap();
        if swaps
            .iter()
            .any(|swap| records.get(&swap.key) != swap.was.as_ref())
        {
            return Err(StoreError::Conflict);
        }
        for Swap { key, becomes, .. } in swaps {
            match becomes {
                Some(value) => records.insert(key, value),
                None => records.remove(&key),
            };
        }
        Ok(())
    }

    async fn purge(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

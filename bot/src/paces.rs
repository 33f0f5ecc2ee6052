//! The pace of a place: several replies in one place share it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::{PersonId, PlaceId};
use crate::platforms::Manners;

/// When something may be changed in a place next.
#[derive(Debug, Default)]
pub struct Paces(Mutex<HashMap<Scene, Instant>>);

/// Where messages appear: a place, or what of it only one person sees.
pub type Scene = (PlaceId, Option<PersonId>);

impl Paces {
    /// Takes the next turn in a place, not before `wanted`, or tells when it is due.
    pub fn take(&self, scene: &Scene, wanted: Instant, manners: Manners) -> Result<(), Instant> {
        let now = Instant::now();
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paces.retain(|_, due| *due > now);
        let due = paces.get(scene).map_or(wanted, |due| wanted.max(*due));
        if due > now {
            return Err(due);
        }
        paces.insert(scene.clone(), now + manners.pace_between);
        Ok(())
    }

    /// Nothing is changed in a place before its pace allows it after what was just done.
    pub fn note(&self, scene: &Scene, manners: Manners) {
        self.wait(scene, manners.pace_between);
    }

    /// Nothing is changed in a place for so long.
    pub fn wait(&self, scene: &Scene, wait: Duration) {
        let until = Instant::now() + wait;
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = paces.entry(scene.clone()).or_insert(until);
        *due = until.max(*due);
    }
}

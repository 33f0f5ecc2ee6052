//! Which memories of a person and which conversations there are, whoever answers where today. What stands in them is `show.rs`.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chatfriends_personas::PersonaId;

use super::records::{self, FactSheet, Saying, Summary};
use super::{Held, Memory};
use crate::identity::{Audience, Conversation, Owner, PersonId, PlaceId, ThreadId};
use crate::store::StoreError;

impl Memory {
    /// All that is held of a person before this audience, persona by persona, those whose files are gone among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn held_by_all(
        &self,
        audience: &Audience,
        person: &PersonId,
    ) -> Result<Vec<(Owner, Held)>, StoreError> {
        let store = self.store.as_ref();
        let mut personas = BTreeSet::new();
        personas.extend(records::personas_before::<Saying>(store, audience).await?);
        personas.extend(records::personas_before::<FactSheet>(store, audience).await?);
        personas.extend(records::personas_before::<Summary>(store, audience).await?);
        let mut all = Vec::new();
        for persona in personas {
            let owner = Owner {
                audience: audience.clone(),
                persona,
                person: person.clone(),
            };
            let held = self.held(&owner).await?;
            if !held.is_empty() {
                all.push((owner, held));
            }
        }
        Ok(all)
    }

    /// With which personas there was talk at a place, in one thread of it, the latest first; of one person alone where one is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn talked_with(
        &self,
        (place, thread): (&PlaceId, Option<&ThreadId>),
        of: Option<(&Audience, &PersonId)>,
    ) -> Result<Vec<PersonaId>, StoreError> {
        let store = self.store.as_ref();
        let mut talks = Vec::new();
        for persona in records::personas_at(store, place, thread).await? {
            let conversation = Conversation {
                place: place.clone(),
                thread: thread.cloned(),
                persona: persona.clone(),
            };
            let last = match of {
                None => records::last_turn(store, &conversation).await?,
                Some((audience, person)) => {
                    let owner = Owner {
                        audience: audience.clone(),
                        persona: persona.clone(),
                        person: person.clone(),
                    };
                    match records::last_saying(store, &owner, &conversation).await? {
                        Some(Saying(at)) => {
                            records::turn(store, &conversation, at.turn).await?.record
                        }
                        None => None,
                    }
                }
            };
            talks.extend(last.map(|turn| (turn.at_ms, persona)));
        }
        talks.sort_by_key(|(at_ms, _)| Reverse(*at_ms));
        Ok(talks.into_iter().map(|(_, persona)| persona).collect())
    }
}

//! What somebody asked where others read along and is to be answered in private: kept for an hour until they come, under a word that only they
//! can use.
//!
//! | table | key | record |
//! |---|---|---|
//! | `invitation` | token | `Invitation`: the command, and until when it is kept |

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::identity::PersonId;
use crate::platforms::event::Event;
use crate::store::key::Key;
use crate::store::record::{Record, prune, update};
use crate::store::{Store, StoreError};

/// How long somebody may take to come.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// The word that leads back to what was asked. Others may see it: it is worth something to its person only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(pub String);

/// What waits for those who were invited.
#[derive(Debug)]
pub struct Invitations {
    store: Arc<dyn Store>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Invitation {
    event: Event,
    until_ms: u64,
}

impl Record for Invitation {
    const TABLE: &'static str = "invitation";
}

impl Invitations {
    /// The invitations in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Keeps what was asked for whoever asked it.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn invite(&self, event: &Event) -> Result<Token, StoreError> {
        let token = Token(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>()));
        let now = now_ms();
        let invitation = Invitation {
            event: event.clone(),
            until_ms: now + KEPT.as_millis() as u64,
        };
        let store = self.store.as_ref();
        let all = Key::of(Invitation::TABLE).under();
        prune(store, all, |it: &Invitation| it.until_ms < now).await?;
        update(store, of_token(&token), |kept| {
            *kept = Some(invitation.clone());
        })
        .await?;
        Ok(token)
    }

    /// Hands out what was asked, once, and only to the person who did; `None` for others, for old words, and for words that are none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn accept(
        &self,
        token: &Token,
        person: &PersonId,
    ) -> Result<Option<Event>, StoreError> {
        let is_theirs =
            |it: &mut Invitation| it.event.by.person == *person && it.until_ms >= now_ms();
        update(self.store.as_ref(), of_token(token), |kept| {
            kept.take_if(is_theirs).map(|it| it.event)
        })
        .await
    }
}

fn of_token(token: &Token) -> Key {
    Key::of(Invitation::TABLE).text(&token.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Audience, EventId, PlaceId, Platform};
    use crate::platforms::event::{Author, Happening, Venue};
    use crate::platforms::{Address, MessageId};
    use crate::store::in_memory::InMemory;

    fn asked_by(person: &str) -> Event {
        let place = PlaceId::new(Platform::Telegram, "-1");
        Event {
            id: EventId::new(Platform::Telegram, person),
            platform: Platform::Telegram,
            at: Address {
                place: "-1".to_owned(),
                thread: None,
                title: None,
                shared: true,
                asker: person.to_owned(),
                ticket: None,
            },
            venue: Venue {
                audience: Audience::Place(place.clone()),
                place,
                thread: None,
                levels: Vec::new(),
            },
            by: Author {
                person: PersonId::new(Platform::Telegram, person),
                name: person.to_owned(),
                is_bot: false,
                language: chatfriends_personas::Language::English,
                rank: None,
            },
            happened: Happening::Deleted(MessageId("5".to_owned())),
            at_ms: 0,
        }
    }

    #[tokio::test]
    async fn only_who_was_invited_may_come_and_only_once_and_not_too_late() {
        let store: Arc<dyn Store> = Arc::new(InMemory::default());
        let invitations = Invitations::new(Arc::clone(&store));
        let (anna, ben) = (asked_by("1"), asked_by("2"));
        let token = invitations.invite(&anna).await.unwrap();
        let others = invitations.invite(&ben).await.unwrap();
        let accept = async |token: &Token, event: &Event| {
            let accepted = invitations.accept(token, &event.by.person);
            accepted.await.unwrap()
        };
        assert_eq!(accept(&token, &ben).await, None);
        assert_eq!(accept(&Token(String::new()), &anna).await, None);
        assert_eq!(accept(&token, &anna).await, Some(anna.clone()));
        assert_eq!(accept(&token, &anna).await, None);
        // An hour later, and the next one sweeps it away.
        let key = of_token(&others);
        let aged = update(store.as_ref(), key.clone(), |kept| {
            let invitation: &mut Invitation = kept.as_mut().unwrap();
            invitation.until_ms = now_ms() - 1;
        });
        aged.await.unwrap();
        assert_eq!(accept(&others, &ben).await, None);
        invitations.invite(&anna).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), None);
    }
}

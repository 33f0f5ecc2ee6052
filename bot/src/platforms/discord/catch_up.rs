//! What was written while nobody was connected. Telegram keeps it for us; Discord tells of it never again, so the channels' histories are read
//! from the last message on that was ours to answer. What is known already is known by its id.
//!
//! Not for private channels that we have never heard of: Discord has no list of those.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serenity::all::{ChannelId, GuildId, LightMethod, Message as Written, MessageId, Route};

use super::rest::{Body, Fault, Rest};
use crate::clock::now_ms;
use crate::store::key::Key;
use crate::store::record::{self, Record};
use crate::store::{Store, StoreError};

/// What was written longer ago stays unanswered, as on Telegram, which forgets it then.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Messages of a page, the most that Discord gives.
const PAGE: usize = 100;
/// Pages of a channel: whoever wrote more meanwhile talked with others.
const PAGES: usize = 10;
/// The millisecond from which Discord's ids count, of those since 1970.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// The last message of a channel that was meant for us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heard {
    channel: ChannelId,
    pub(super) guild: Option<GuildId>,
    message: MessageId,
}

impl Record for Heard {
    const TABLE: &'static str = "discord heard";
}

fn key(channel: ChannelId) -> Key {
    Key::of(Heard::TABLE).number(channel.get())
}

/// Learns that a message was meant for us.
pub(super) async fn note(
    store: &dyn Store,
    channel: ChannelId,
    guild: Option<GuildId>,
    message: MessageId,
) -> Result<(), StoreError> {
    record::update(store, key(channel), |heard: &mut Option<Heard>| {
        // Events are heard side by side.
        if heard.as_ref().is_none_or(|heard| heard.message < message) {
            *heard = Some(Heard {
                channel,
                guild,
                message,
            });
        }
    })
    .await
}

/// A channel is gone, or closed to us.
pub(super) async fn forget(store: &dyn Store, channel: ChannelId) -> Result<(), StoreError> {
    record::update(store, key(channel), |heard: &mut Option<Heard>| {
        *heard = None
    })
    .await
}

/// The channels in which something was meant for us.
pub(super) async fn all(store: &dyn Store) -> Result<Vec<(ChannelId, Heard)>, StoreError> {
    let found = record::read_all::<Heard>(store, Key::of(Heard::TABLE).under()).await?;
    let heard = found.into_iter().filter_map(|found| found.record);
    Ok(heard.map(|heard| (heard.channel, heard)).collect())
}

/// What was written in a channel since, oldest first.
pub(super) async fn missed(rest: &Rest, heard: &Heard) -> Result<Vec<Written>, Fault> {
    let oldest = now_ms().saturating_sub(LONGEST.as_millis() as u64);
    let mut after = heard.message.get().max(first_id_at(oldest));
    let mut missed = Vec::new();
    for _ in 0..PAGES {
        let route = Route::ChannelMessages {
            channel_id: heard.channel,
        };
        let query = vec![("after", after.to_string()), ("limit", PAGE.to_string())];
        let mut page: Vec<Written> = rest
            .ask_for(route, LightMethod::Get, Body::Nothing, query)
            .await?;
        page.sort_by_key(|written| written.id);
        let is_last = page.len() < PAGE;
        after = page.last().map_or(after, |written| written.id.get());
        missed.extend(page);
        if is_last {
            break;
        }
    }
    Ok(missed)
}

/// The smallest id that something of this moment (milliseconds since 1970) can have.
fn first_id_at(ms: u64) -> u64 {
    ms.saturating_sub(EPOCH_MS) << 22
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::in_memory::InMemory;

    #[tokio::test]
    async fn the_newest_message_of_a_channel_counts_whichever_is_heard_last() {
        let store = InMemory::default();
        let channel = ChannelId::new(7);
        for message in [5, 9, 8] {
            note(&store, channel, None, MessageId::new(message))
                .await
                .unwrap();
        }
        let found = all(&store).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.message, MessageId::new(9));
        forget(&store, channel).await.unwrap();
        assert!(all(&store).await.unwrap().is_empty());
    }

    #[test]
    fn ids_are_counted_from_discords_first_second() {
        // The example of Discord's own reference.
        assert_eq!(first_id_at(1_462_015_105_796), 175_928_847_298_985_984);
        assert_eq!(first_id_at(0), 0);
    }
}

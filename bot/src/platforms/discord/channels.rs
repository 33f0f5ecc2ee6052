//! Where Discord's channels lie: which are threads, of which channel, in which server. Learnt from the gateway, asked for where that did not tell.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serenity::all::{ChannelId, ChannelType, GuildChannel, GuildId, Route};

use super::rest::Rest;

/// The channels that are known.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<HashMap<ChannelId, Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    kind: ChannelType,
    parent: Option<ChannelId>,
}

/// Where a message was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    /// Where messages go.
    pub(super) channel: ChannelId,
    /// `None` in private chats.
    pub(super) guild: Option<GuildId>,
    /// What it is a thread of.
    pub(super) thread: Option<ThreadOf>,
}

/// A thread and its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadOf {
    pub(super) parent: ChannelId,
    /// Whether not everybody who reads the channel reads it, too.
    pub(super) private: bool,
}

impl Channels {
    pub(super) fn learn(&self, channel: &GuildChannel) {
        let known = Known {
            kind: channel.kind,
            parent: channel.parent_id,
        };
        self.lock().insert(channel.id, known);
    }

    pub(super) fn forget(&self, channel: ChannelId) {
        self.lock().remove(&channel);
    }

    /// Where a channel is. One that cannot be looked up counts as a channel of its own, which shares nothing with others.
    pub(super) async fn spot(
        &self,
        channel: ChannelId,
        guild: Option<GuildId>,
        rest: &Rest,
    ) -> Spot {
        let mut spot = Spot {
            channel,
            guild,
            thread: None,
        };
        if guild.is_none() {
            return spot;
        }
        let known = self.lock().get(&channel).copied();
        let known = match known {
            Some(known) => Some(known),
            None => match rest
                .get::<GuildChannel>(Route::Channel {
                    channel_id: channel,
                })
                .await
            {
                Ok(found) => {
                    self.learn(&found);
                    self.lock().get(&channel).copied()
                }
                Err(error) => {
                    tracing::warn!(%error, %channel, "A channel could not be looked up.");
                    None
                }
            },
        };
        if let Some(Known {
            kind,
            parent: Some(parent),
        }) = known
        {
            spot.thread = match kind {
                ChannelType::PublicThread | ChannelType::NewsThread => Some(ThreadOf {
                    parent,
                    private: false,
                }),
                ChannelType::PrivateThread => Some(ThreadOf {
                    parent,
                    private: true,
                }),
                // The parent of a channel is its category.
                _ => None,
            };
        }
        spot
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

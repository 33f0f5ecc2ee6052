//! Hears what the gateway says, and hands it to the intake. What an event means is `listen.rs`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serenity::all::{
    ChannelId, Context as Connection, CurrentUser, Event as GatewayEvent, GuildId, Interaction,
    Member, Message, MessageId, RawEventHandler,
};
use serenity::async_trait;
use tokio::time::sleep;

use super::catch_up;
use super::channels::{Channels, Spot};
use super::listen::{self, Doer};
use super::menu;
use super::rest::{Body, Rest};
use super::send::Discord;
use super::tickets::{Seen, Ticket};
use crate::commands::{Asked, Kind};
use crate::context::Context;
use crate::identity::{Level, LevelKind, Platform, Rank};
use crate::intake::Intake;
use crate::messages::Sentence;
use crate::metrics::{self, Count};
use crate::platforms::event::{Event, Happening};
use crate::platforms::health::State;
use crate::platforms::{Button, Messenger as _, Post, PostKey, Voice};
use crate::store::StoreError;
use crate::studio::MadePersona;

/// How long to wait before an event is given to the store again; a command must be answered within three seconds.
const AFTER_STORE_TROUBLE: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_000),
];

/// Hears what the gateway says.
pub(super) struct Listener {
    pub(super) me: CurrentUser,
    pub(super) rest: Arc<Rest>,
    pub(super) messenger: Arc<Discord>,
    pub(super) channels: Channels,
    pub(super) intake: Intake,
    pub(super) ctx: Arc<Context>,
}

impl Listener {
    async fn take_deleted(
        &self,
        channel: ChannelId,
        guild: Option<GuildId>,
        messages: &[MessageId],
    ) {
        let spot = self.channels.spot(channel, guild, &self.rest).await;
        for message in messages {
            self.take(listen::deleted(*message, &spot)).await;
        }
    }

    /// Takes an event. Discord does not repeat those that we could not store, so a store that fails is tried again.
    async fn take(&self, event: Event) {
        let mut waits = AFTER_STORE_TROUBLE.into_iter();
        while let Err(error) = self.intake.hear(event.clone()).await {
            let Some(wait) = waits.next() else {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "An event could not be stored and is lost."
                );
                return self.apologise(&event).await;
            };
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "An event could not be stored yet."
            );
            sleep(wait).await;
        }
    }

    /// Takes what somebody has written, and notes that it was meant for us if it was.
    async fn message(&self, written: &Message, guild: Option<GuildId>) {
        let spot = self.spot(written.channel_id, guild).await;
        let Some(event) = listen::message(written, &spot, &self.me) else {
            return;
        };
        let id = event.id.clone();
        self.take(event).await;
        let noted = async {
            if self.ctx.inbox.knows(&id).await? {
                let store = self.ctx.store.as_ref();
                catch_up::note(store, written.channel_id, guild, written.id).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "It could not be noted how far a channel was read; after a restart some of it is read again."
            );
        }
    }

    /// Takes what was written while nobody was connected.
    async fn catch_up(&self) {
        let store = self.ctx.store.as_ref();
        let channels = match catch_up::all(store).await {
            Ok(channels) => channels,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "What was written meanwhile on Discord cannot be looked for."
                );
                return;
            }
        };
        for (channel, heard) in channels {
            match catch_up::missed(&self.rest, &heard).await {
                Ok(missed) => {
                    for written in missed {
                        if written.author.id != self.me.id {
                            self.message(&written, heard.guild).await;
                        }
                    }
                }
                Err(fault) if fault.is_gone() => {
                    if let Err(error) = catch_up::forget(store, channel).await {
                        tracing::debug!(%error, "A channel that is gone could not be forgotten.");
                    }
                }
                Err(fault) => tracing::warn!(
                    %channel,
                    error = fault.told(),
                    "What was written in a channel meanwhile could not be read."
                ),
            }
        }
    }

    /// Tells whoever surely waits for an answer that there will be none.
    async fn apologise(&self, event: &Event) {
        let answers = match &event.happened {
            Happening::Message(message) if message.mentions_bot || !event.at.shared => {
                Some(message.id.clone())
            }
            Happening::Command(_) | Happening::Pressed { .. } => None,
            _ => return,
        };
        let voice = Voice::Bot;
        let sentence = Sentence::StoreTrouble.say(event.by.language);
        let key = PostKey(format!("{}/lost", event.id.as_str()));
        for text in self.messenger.pieces(&sentence, &voice) {
            let post = Post {
                voice: voice.clone(),
                text,
                buttons: Vec::new(),
                answers: answers.clone(),
                discreet: true,
                invitation: None,
                language: event.by.language,
                file: None,
            };
            if let Err(error) = self.messenger.post(&event.at, &post, &key).await {
                tracing::debug!(%error, "It could not be said that the store fails.");
            }
        }
    }

    /// Something was chosen, pressed, typed or filled in.
    async fn interaction(&self, interaction: Interaction) {
        match interaction {
            Interaction::Command(chosen) => {
                let by = Doer {
                    id: chosen.id,
                    token: &chosen.token,
                    user: &chosen.user,
                    member: chosen.member.as_deref(),
                    locale: &chosen.locale,
                };
                let spot = self.spot(chosen.channel_id, chosen.guild_id);
                self.command(menu::asked(&chosen.data), &by, spot).await;
            }
            Interaction::Modal(filled) => {
                let by = Doer {
                    id: filled.id,
                    token: &filled.token,
                    user: &filled.user,
                    member: filled.member.as_ref(),
                    locale: &filled.locale,
                };
                let spot = self.spot(filled.channel_id, filled.guild_id);
                if let Some(asked) = menu::submitted(&filled.data) {
                    self.command(asked, &by, spot).await;
                }
            }
            Interaction::Component(pressed) => {
                let by = Doer {
                    id: pressed.id,
                    token: &pressed.token,
                    user: &pressed.user,
                    member: pressed.member.as_ref(),
                    locale: &pressed.locale,
                };
                // Nothing changes for the one who pressed until the message itself does.
                let deferred = json!({ "type": 6 });
                if let Err(error) = self
                    .rest
                    .callback(&by.ticket(), Body::Json(&deferred))
                    .await
                {
                    tracing::debug!(%error, "A pressed button was not acknowledged.");
                }
                if let Some(button) = Button::of(&pressed.data.custom_id) {
                    let spot = self.spot(pressed.channel_id, pressed.guild_id).await;
                    let event = listen::pressed(pressed.message.id, button, &by, &spot);
                    self.take(event).await;
                }
            }
            Interaction::Autocomplete(typed) => {
                let guild = typed.guild_id.map(|guild| guild.to_string());
                let level =
                    guild.map(|guild| Level::new(Platform::Discord, LevelKind::Server, &guild));
                let choices = match menu::completed(&typed.data) {
                    Some(Kind::Made) => {
                        let member = typed.member.as_deref();
                        let made = self.made_for(level.as_ref(), member).await;
                        menu::choices(&typed.data, made.iter().map(menu::Choice::from))
                    }
                    _ => {
                        let library = self.ctx.library_at(level.as_slice());
                        let all = library.iter().map(|persona| persona.as_ref().into());
                        menu::choices(&typed.data, all)
                    }
                };
                let answer = json!({ "type": 8, "data": { "choices": choices } });
                let ticket = Ticket {
                    interaction: typed.id,
                    token: typed.token.clone(),
                };
                if let Err(error) = self.rest.callback(&ticket, Body::Json(&answer)).await {
                    tracing::debug!(%error, "Nothing could be offered to choose from.");
                }
            }
            _ => metrics::count(Count::UnknownEvents),
        }
    }

    /// The personas of a server that somebody may change, drafts among them.
    async fn made_for(&self, server: Option<&Level>, member: Option<&Member>) -> Vec<MadePersona> {
        let permissions = member.and_then(|member| member.permissions);
        let (Some(server), Some(Rank::ManagesAll)) = (server, permissions.map(listen::rank)) else {
            return Vec::new();
        };
        let works = self.ctx.studio.works(server).await;
        works.unwrap_or_else(|error| {
            tracing::warn!(%error, "The personas made by command cannot be offered.");
            Vec::new()
        })
    }

    async fn command(&self, asked: Asked, by: &Doer<'_>, spot: impl Future<Output = Spot>) {
        let meant = asked.meant();
        let seen_by =
            Seen::by_asker_if(meant.is_none_or(|(_, action)| action.answer.is_discreet()));
        self.messenger
            .tickets
            .open(&by.ticket(), seen_by, &self.rest);
        self.take(listen::command(asked, by, &spot.await)).await;
    }

    async fn spot(&self, channel: ChannelId, guild: Option<GuildId>) -> Spot {
        self.channels.spot(channel, guild, &self.rest).await
    }
}

#[async_trait]
impl RawEventHandler for Listener {
    async fn raw_event(&self, _: Connection, event: GatewayEvent) {
        let is_new = matches!(event, GatewayEvent::Ready(_));
        match event {
            GatewayEvent::Ready(_) | GatewayEvent::Resumed(_) => {
                self.ctx
                    .health
                    .note(Platform::Discord, State::Connected(self.me.name.clone()));
                // What came before a session that is resumed comes by itself.
                if is_new {
                    self.catch_up().await;
                }
            }
            GatewayEvent::GuildCreate(event) => {
                for channel in event.guild.channels.values().chain(&event.guild.threads) {
                    self.channels.learn(channel);
                }
            }
            GatewayEvent::ChannelCreate(event) => self.channels.learn(&event.channel),
            GatewayEvent::ThreadCreate(event) => self.channels.learn(&event.thread),
            GatewayEvent::ChannelDelete(event) => self.channels.forget(event.channel.id),
            GatewayEvent::ThreadDelete(event) => self.channels.forget(event.thread.id),
            GatewayEvent::MessageCreate(event) => {
                let written = event.message;
                if written.author.id == self.me.id {
                    return;
                }
                self.message(&written, written.guild_id).await;
            }
            GatewayEvent::MessageUpdate(event) => {
                let spot = self
                    .channels
                    .spot(event.channel_id, event.guild_id, &self.rest)
                    .await;
                if let Some(event) = listen::edited(&event, &spot, &self.me) {
                    self.take(event).await;
                }
            }
            GatewayEvent::MessageDelete(event) => {
                self.take_deleted(event.channel_id, event.guild_id, &[event.message_id])
                    .await;
            }
            GatewayEvent::MessageDeleteBulk(event) => {
                self.take_deleted(event.channel_id, event.guild_id, &event.ids)
                    .await;
            }
            GatewayEvent::ReactionAdd(event) => {
                let reaction = event.reaction;
                let spot = self
                    .channels
                    .spot(reaction.channel_id, reaction.guild_id, &self.rest)
                    .await;
                if let Some(event) = listen::reacted(&reaction, &spot, &self.me) {
                    self.take(event).await;
                }
            }
            GatewayEvent::InteractionCreate(event) => self.interaction(event.interaction).await,
            GatewayEvent::Unknown(_) => metrics::count(Count::UnknownEvents),
            _ => {}
        }
    }
}

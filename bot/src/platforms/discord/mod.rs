//! Discord: serenity keeps the gateway (heartbeats, resume, sharding), this folder gives its events and calls a meaning.
//!
//! How the connection is kept is `gateway.rs`, how often sessions begin `budget.rs`, what an event means `listen.rs`, where channels lie
//! `channels.rs`, how messages are sent `send.rs`, who speaks in them `faces.rs`, how commands appear `menu.rs`, how they are answered
//! `tickets.rs`, and how requests are made `rest.rs`. Only files in this folder name serenity.

mod budget;
mod channels;
mod faces;
mod gateway;
mod listen;
mod menu;
mod rest;
mod send;
mod tickets;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serenity::all::{
    ApplicationFlags, ApplicationId, ChannelId, Context as Connection, CurrentApplicationInfo,
    CurrentUser, Event as GatewayEvent, GatewayIntents, GuildId, Interaction, MessageId,
    Permissions, RawEventHandler, Route,
};
use serenity::async_trait;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::budget::Budget;
use self::channels::{Channels, Spot};
use self::gateway::Gateway;
use self::listen::Doer;
use self::rest::{Body, Rest};
use self::send::Discord;
use self::tickets::{Seen, Ticket};
use super::event::{Event, Happening};

use super::health::State;
use super::{Button, Messenger as _, Post, PostKey, Voice};
use crate::commands::Asked;
use crate::context::Context;
use crate::identity::{Level, LevelKind, Platform};
use crate::intake::Intake;
use crate::messages::Sentence;
use crate::metrics::{self, Count};
use crate::settings::DiscordSettings;

/// A token that was reset by mistake may be set right; asking whether it was costs no session.
const AFTER_WRONG_TOKEN: Duration = Duration::from_secs(20);

/// How long to wait before an event is given to the store again; a command must be answered within three seconds.
const AFTER_STORE_TROUBLE: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1_000),
];

/// The client with which [`run`] makes its requests, for whoever must add something to it.
pub fn client() -> reqwest::ClientBuilder {
    rest::client()
}

/// Connects to Discord and stays connected until told to stop. What Discord does wrong is told to [`Health`](super::health::Health) and waited
/// out.
pub async fn run(
    settings: DiscordSettings,
    client: reqwest::Client,
    ctx: Arc<Context>,
    stop: CancellationToken,
) {
    let rest = Arc::new(Rest::new(settings, client));
    let work = async {
        ctx.health.note(Platform::Discord, State::Connecting);
        let (mut me, mut intents) = introduced(&rest, &ctx).await;
        let link = invitation(rest.application());
        tracing::info!(
            link,
            "Whoever manages a server adds the bot to it with this link."
        );
        let messenger = Arc::new(Discord::new(Arc::clone(&rest), Arc::clone(&ctx.store)));
        let intake = Intake::new(Arc::clone(&ctx), messenger.clone());
        intake.resume(Platform::Discord).await;
        let budget = Budget::new(Arc::clone(&ctx.store));
        loop {
            if let Err(error) = menu::register(&rest).await {
                tracing::warn!(%error, "The slash commands could not be registered; typed ones work.");
            }
            let gateway = Gateway {
                rest: &rest,
                budget: &budget,
                health: &ctx.health,
                name: me.name.clone(),
                intents,
            };
            let listener = Listener {
                me,
                rest: Arc::clone(&rest),
                messenger: Arc::clone(&messenger),
                channels: Channels::default(),
                intake: intake.clone(),
                ctx: Arc::clone(&ctx),
            };
            let wait = gateway.stay_connected(listener).await;
            sleep(wait).await;
            (me, intents) = introduced(&rest, &ctx).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// What `check` says of the bot: its name, and what is still to be switched on.
///
/// # Errors
/// Why it would not work, with the remedy.
pub async fn look(settings: &DiscordSettings) -> Result<String, String> {
    let client = client().build().map_err(|error| error.to_string())?;
    let rest = Rest::new(settings.clone(), client);
    let me = rest.get::<CurrentUser>(Route::UserMe).await;
    let application = rest
        .get::<CurrentApplicationInfo>(Route::Oauth2ApplicationCurrent)
        .await;
    match (me, application) {
        (Ok(me), Ok(application)) => {
            let added = format!(
                "{} answers; added to a server with {}",
                me.name,
                invitation(application.id)
            );
            Ok(if may_read(application.flags) {
                added
            } else {
                format!("{added}; {NO_CONTENT}")
            })
        }
        (Err(fault), _) | (_, Err(fault)) if fault.is_wrong_token() => {
            Err(UNKNOWN_TOKEN.to_owned())
        }
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    }
}

const UNKNOWN_TOKEN: &str = "Discord does not know this token; reset it at https://discord.com/developers/applications under Bot, set DISCORD_TOKEN, and restart";
const NO_CONTENT: &str = "it may not read messages in servers beyond mentions, so it can hear neither calls by name nor answers to a persona; switch on Message Content Intent at https://discord.com/developers/applications under Bot, and restart";

/// The link by which the bot is added to a server, with all that it can make use of.
fn invitation(application: ApplicationId) -> String {
    let permissions = Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::SEND_MESSAGES_IN_THREADS
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::ADD_REACTIONS
        | Permissions::MANAGE_WEBHOOKS;
    let permissions = permissions.bits();
    format!(
        "https://discord.com/oauth2/authorize?client_id={application}&scope=bot+applications.commands&permissions={permissions}"
    )
}

/// Waits until Discord knows us; what we may hear depends on what the application is allowed to.
async fn introduced(rest: &Rest, ctx: &Context) -> (CurrentUser, GatewayIntents) {
    let note = |state| ctx.health.note(Platform::Discord, state);
    let mut back_off = Duration::from_secs(1);
    loop {
        let me = rest.get::<CurrentUser>(Route::UserMe).await;
        let application = rest
            .get::<CurrentApplicationInfo>(Route::Oauth2ApplicationCurrent)
            .await;
        match (me, application) {
            (Ok(me), Ok(application)) => {
                rest.set_application(application.id);
                return (me, intents(application.flags));
            }
            (Err(fault), _) | (_, Err(fault)) if fault.is_wrong_token() => {
                note(State::Failed(UNKNOWN_TOKEN.to_owned()));
                sleep(AFTER_WRONG_TOKEN).await;
            }
            (Err(error), _) | (_, Err(error)) => {
                note(State::Waiting(format!(
                    "Discord cannot be reached: {error}"
                )));
                sleep(error.retry_after().unwrap_or(back_off)).await;
                back_off = (back_off * 2).min(Duration::from_secs(60));
            }
        }
    }
}

/// Asking for words that the application may not read would end the session, and the bot works without them where it is mentioned.
fn intents(flags: Option<ApplicationFlags>) -> GatewayIntents {
    let always = GatewayIntents::GUILDS
        | GatewayIntents::GUILD_MESSAGES
        | GatewayIntents::DIRECT_MESSAGES
        | GatewayIntents::GUILD_MESSAGE_REACTIONS
        | GatewayIntents::DIRECT_MESSAGE_REACTIONS;
    if may_read(flags) {
        return always | GatewayIntents::MESSAGE_CONTENT;
    }
    tracing::warn!("On Discord {NO_CONTENT}.");
    always
}

/// Whether the application may read what is written in servers.
fn may_read(flags: Option<ApplicationFlags>) -> bool {
    let allowed = ApplicationFlags::GATEWAY_MESSAGE_CONTENT
        | ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED;
    flags.is_some_and(|flags| flags.intersects(allowed))
}

/// Hears what the gateway says.
struct Listener {
    me: CurrentUser,
    rest: Arc<Rest>,
    messenger: Arc<Discord>,
    channels: Channels,
    intake: Intake,
    ctx: Arc<Context>,
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
}

impl Listener {
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
                let library = self.ctx.library_at(level.as_slice());
                let choices = menu::choices(&typed.data, &library);
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
        match event {
            GatewayEvent::Ready(_) | GatewayEvent::Resumed(_) => {
                self.ctx
                    .health
                    .note(Platform::Discord, State::Connected(self.me.name.clone()));
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
                let spot = self.spot(written.channel_id, written.guild_id).await;
                if let Some(event) = listen::message(&written, &spot, &self.me) {
                    self.take(event).await;
                }
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

//! Discord: serenity keeps the gateway (heartbeats, resume, sharding), this folder gives its events and calls a meaning.
//!
//! What an event means is `listen.rs`, where channels lie is `channels.rs`, how messages are sent is `send.rs`, who speaks in them `faces.rs`,
//! how often sessions begin `budget.rs`, how commands appear `menu.rs`, how they are answered `tickets.rs`, and how requests are made `rest.rs`. Only files in this folder name serenity.

mod budget;
mod channels;
mod faces;
mod listen;
mod menu;
mod rest;
mod send;
mod tickets;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use serenity::all::{
    ApplicationFlags, ApplicationId, ChannelId, ClientBuilder, Context as Connection,
    CurrentApplicationInfo, CurrentUser, Event as GatewayEvent, EventHandler, GatewayIntents,
    GuildId, Interaction, MessageId, Permissions, RawEventHandler, Route,
};
use serenity::async_trait;
use serenity::gateway::{ConnectionStage, GatewayError, ShardStageUpdateEvent};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::budget::{Allowance, Budget};
use self::channels::{Channels, Spot};
use self::listen::Doer;
use self::rest::Rest;
use self::send::Discord;
use self::tickets::Ticket;
use super::health::State;
use super::{Button, SendError};
use crate::commands::Asked;
use crate::context::Context;
use crate::identity::{Level, LevelKind, Platform};
use crate::intake::Intake;
use crate::metrics::{self, Count};
use crate::settings::DiscordSettings;

/// Somebody must do something; until then it is looked at now and then.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);

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
        let (mut me, mut intents) = introduced(&rest, &ctx).await;
        let link = invitation(rest.application());
        tracing::info!(
            link,
            "Whoever manages a server adds the bot to it with this link."
        );
        let messenger = Arc::new(Discord::new(Arc::clone(&rest)));
        let intake = Intake::new(Arc::clone(&ctx), messenger.clone());
        resume(&intake).await;
        loop {
            if let Err(error) = menu::register(&rest).await {
                tracing::warn!(%error, "The slash commands could not be registered; typed ones work.");
            }
            let listener = Listener {
                me,
                rest: Arc::clone(&rest),
                messenger: Arc::clone(&messenger),
                channels: Channels::default(),
                intake: intake.clone(),
                ctx: Arc::clone(&ctx),
            };
            let wait = connect(&rest, intents, listener, &ctx).await;
            sleep(wait).await;
            (me, intents) = introduced(&rest, &ctx).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

/// Takes up what was not answered before the last end. Once only: afterwards the inbox holds what is being answered.
async fn resume(intake: &Intake) {
    while let Err(error) = intake.resume(Platform::Discord).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "The inbox cannot be read."
        );
        sleep(Duration::from_secs(5)).await;
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
        (Err(SendError::Gone(_)), _) | (_, Err(SendError::Gone(_))) => {
            Err(UNKNOWN_TOKEN.to_owned())
        }
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    }
}

const UNKNOWN_TOKEN: &str = "Discord does not know this token; reset it at https://discord.com/developers/applications under Bot, set DISCORD_TOKEN, and restart";
const NO_CONTENT: &str = "it may not read messages in servers beyond mentions and answers to it, so it cannot hear calls by name; switch on Message Content Intent at https://discord.com/developers/applications under Bot, and restart";

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
    note(State::Connecting);
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
            (Err(SendError::Gone(_)), _) | (_, Err(SendError::Gone(_))) => {
                note(State::Failed(UNKNOWN_TOKEN.to_owned()));
                sleep(AFTER_REFUSAL).await;
            }
            (Err(error), _) | (_, Err(error)) => {
                note(State::Waiting(format!(
                    "Discord cannot be reached: {error}"
                )));
                let wait = match error {
                    SendError::Throttled { retry_after } => retry_after,
                    _ => back_off,
                };
                sleep(wait).await;
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

/// Stays connected as long as it can; gives back how long to wait before the next attempt.
async fn connect(
    rest: &Rest,
    intents: GatewayIntents,
    listener: Listener,
    ctx: &Context,
) -> Duration {
    let note = |state| ctx.health.note(Platform::Discord, state);
    // When this fails serenity would go to Discord's own gateway, whatever server was set.
    if let Err(error) = rest.get::<serde_json::Value>(Route::GatewayBot).await {
        note(State::Waiting(format!(
            "Discord's gateway cannot be found: {error}"
        )));
        return Duration::from_secs(5);
    }
    let budget = Budget::new(Arc::clone(&ctx.store));
    match budget.look().await {
        Ok(Allowance::Granted) => {}
        Ok(Allowance::Spent(rest)) => {
            note(State::Failed(TOO_MANY_SESSIONS.to_owned()));
            return rest.min(AFTER_REFUSAL);
        }
        Err(error) => {
            note(State::Waiting(format!("the store failed: {error}")));
            return Duration::from_secs(5);
        }
    }
    let spent = CancellationToken::new();
    let sessions = Sessions {
        budget,
        spent: spent.clone(),
    };
    let client = ClientBuilder::new_with_http(rest.for_gateway(), intents)
        .raw_event_handler(listener)
        .event_handler(sessions)
        .await;
    let mut client = match client {
        Ok(client) => client,
        Err(error) => {
            note(State::Waiting(format!(
                "Discord cannot be reached: {error}"
            )));
            return Duration::from_secs(5);
        }
    };
    // Dropping the client would leave its shards connected.
    let _ended = ShutDown(Arc::clone(&client.shard_manager));
    let ended = tokio::select! {
        ended = client.start_autosharded() => ended,
        () = spent.cancelled() => {
            note(State::Failed(TOO_MANY_SESSIONS.to_owned()));
            return AFTER_REFUSAL;
        }
    };
    match ended {
        Err(serenity::Error::Gateway(GatewayError::InvalidAuthentication)) => {
            note(State::Failed("Discord refused the token; reset it at https://discord.com/developers/applications under Bot, set DISCORD_TOKEN, and restart".to_owned()));
            AFTER_REFUSAL
        }
        Err(serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents)) => {
            note(State::Failed("Discord refused an intent; switch on Message Content Intent at https://discord.com/developers/applications under Bot, and restart".to_owned()));
            AFTER_REFUSAL
        }
        Err(error) => {
            note(State::Waiting(format!(
                "the connection to Discord ended: {error}"
            )));
            Duration::from_secs(10)
        }
        Ok(()) => Duration::from_secs(10),
    }
}

/// What is said when the bot has begun more sessions than anything healthy does.
const TOO_MANY_SESSIONS: &str = "the connection to Discord was begun too often today, and Discord resets the token of bots that do so; find out why it breaks, then wait or restart tomorrow";

/// Counts the sessions that serenity begins.
struct Sessions {
    budget: Budget,
    /// Cancelled when there may be no more.
    spent: CancellationToken,
}

#[async_trait]
impl EventHandler for Sessions {
    async fn shard_stage_update(&self, _: Connection, event: ShardStageUpdateEvent) {
        if event.new != ConnectionStage::Identifying {
            return;
        }
        match self.budget.spend().await {
            Ok(Allowance::Granted) => {}
            Ok(Allowance::Spent(_)) => self.spent.cancel(),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "A session of Discord could not be counted."
            ),
        }
    }
}

/// Ends a client's connections when it goes out of use.
struct ShutDown(Arc<serenity::gateway::ShardManager>);

impl Drop for ShutDown {
    fn drop(&mut self) {
        let shards = Arc::clone(&self.0);
        tokio::spawn(async move { shards.shutdown_all().await });
    }
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

    async fn take(&self, event: super::event::Event) {
        if let Err(error) = self.intake.hear(event).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "A message could not be stored and is not answered."
            );
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
                if let Err(error) = self.rest.callback(&by.ticket(), &deferred).await {
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
                if let Err(error) = self.rest.callback(&ticket, &answer).await {
                    tracing::debug!(%error, "Nothing could be offered to choose from.");
                }
            }
            _ => metrics::count(Count::UnknownEvents),
        }
    }

    async fn command(&self, asked: Asked, by: &Doer<'_>, spot: impl Future<Output = Spot>) {
        let discreet = asked
            .meant()
            .is_none_or(|(_, action)| action.answer.is_discreet());
        self.messenger
            .tickets
            .open(&by.ticket(), discreet, &self.rest);
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

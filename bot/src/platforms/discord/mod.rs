//! Discord: serenity keeps the gateway (heartbeats, resume, sharding), this folder gives its events and calls a meaning.
//!
//! How the connection is kept is `gateway.rs`, how often sessions begin `budget.rs`, who hears events `listener.rs`, what they mean `listen.rs`,
//! where channels lie `channels.rs`, how messages are sent `send.rs`, who speaks in them `faces.rs`, how commands appear `menu.rs`, how they are answered
//! `tickets.rs`, and how requests are made `rest.rs`. Only files in this folder name serenity.

mod budget;
mod catch_up;
mod channels;
mod faces;
mod gateway;
mod listen;
mod listener;
mod menu;
mod rest;
mod send;
mod tickets;

use std::sync::Arc;
use std::time::Duration;

use serenity::all::{
    ApplicationFlags, ApplicationId, CurrentApplicationInfo, CurrentUser, GatewayIntents,
    Permissions, Route,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::budget::Budget;
use self::channels::Channels;
use self::gateway::Gateway;
use self::listener::Listener;
use self::rest::{Fault, Rest};
use self::send::Discord;
use super::health::State;
use crate::back_off::BackOff;
use crate::context::Context;
use crate::identity::Platform;
use crate::intake::Intake;
use crate::settings::DiscordSettings;

/// A token that was reset by mistake may be set right; asking whether it was costs no session.
const AFTER_WRONG_TOKEN: Duration = Duration::from_secs(20);

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
    match who(&rest).await {
        Ok((me, application)) => {
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
        Err(fault) if fault.is_wrong_token() => Err(UNKNOWN_TOKEN.to_owned()),
        Err(fault) => Err(fault.told()),
    }
}

const UNKNOWN_TOKEN: &str = "Discord does not know this token; reset it at https://discord.com/developers/applications under Bot, put it into DISCORD_TOKEN or the file that discord.token_file names, and restart";
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

/// As whom Discord knows us.
async fn who(rest: &Rest) -> Result<(CurrentUser, CurrentApplicationInfo), Fault> {
    let me = rest.get(Route::UserMe).await?;
    let application = rest.get(Route::Oauth2ApplicationCurrent).await?;
    Ok((me, application))
}

/// Waits until Discord knows us; what we may hear depends on what the application is allowed to.
async fn introduced(rest: &Rest, ctx: &Context) -> (CurrentUser, GatewayIntents) {
    let note = |state| ctx.health.note(Platform::Discord, state);
    let mut back_off = BackOff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        match who(rest).await {
            Ok((me, application)) => {
                rest.set_application(application.id);
                return (me, intents(application.flags));
            }
            Err(fault) if fault.is_wrong_token() => {
                note(State::Failed(UNKNOWN_TOKEN.to_owned()));
                sleep(AFTER_WRONG_TOKEN).await;
            }
            Err(fault) => {
                note(State::Waiting(fault.told()));
                let wait = fault.retry_after().unwrap_or_else(|| back_off.wait());
                sleep(wait).await;
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

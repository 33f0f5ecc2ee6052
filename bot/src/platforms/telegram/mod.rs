//! Telegram: an own loop over `get_updates`, because teloxide's dispatcher confirms updates before they are handled, or a webhook of our own.
//!
//! How an update is read is `update.rs`, what it means `listen.rs`, how messages are sent is `send.rs`, what errors mean is `trouble.rs`. Only files in this folder name teloxide.

mod drafts;
mod listen;
mod menu;
mod send;
mod trouble;
mod update;
pub mod webhook;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use teloxide::payloads::{GetUpdates, GetUpdatesSetters as _};
use teloxide::requests::{JsonRequest, Request as _, Requester as _};
use teloxide::types::{AllowedUpdate, ChatId, Me, UpdateKind};
use teloxide::{ApiError, Bot, RequestError};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::send::Telegram;
use self::trouble::{told, unreached};
use self::update::{GetRawUpdates, SoundUpdate};
use self::webhook::Brought;
use super::health::{Health, State};
use crate::back_off::BackOff;
use crate::context::Context;
use crate::identity::Platform;
use crate::intake::Intake;
use crate::metrics::{self, Count};
use crate::settings::{TelegramSettings, WebhookSettings};
use crate::store::StoreError;

/// How long Telegram waits for something to happen before it answers that nothing did, in seconds.
const POLL_SECONDS: u32 = 50;
/// What is listened to.
const ALLOWED: [AllowedUpdate; 5] = [
    AllowedUpdate::Message,
    AllowedUpdate::EditedMessage,
    AllowedUpdate::CallbackQuery,
    AllowedUpdate::MessageReaction,
    AllowedUpdate::MyChatMember,
];
/// Somebody must make a new token; until then it is looked at now and then.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);
/// Another program polls with the same token; one of the two has to go. What is left of an earlier run goes away by itself.
const AFTER_CONFLICT: Duration = Duration::from_secs(15);
const AFTER_FIRST_CONFLICT: Duration = Duration::from_secs(3);

/// Connects to Telegram and stays connected until told to stop.
///
/// # Errors
/// When no HTTP client can be made. What Telegram does wrong is told to [`Health`] and waited out.
pub async fn run(
    settings: TelegramSettings,
    ctx: Arc<Context>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let bot = bot(&settings)?;
    let work = async {
        let me = introduced(&bot, &ctx.health).await;
        let (moves, moved) = mpsc::unbounded_channel();
        let messenger = Arc::new(Telegram::new(bot.clone(), me.username(), moves));
        let intake = Intake::new(Arc::clone(&ctx), messenger.clone());
        intake.resume(Platform::Telegram).await;
        let ear = Ear {
            bot: &bot,
            me: &me,
            messenger: &messenger,
            intake: &intake,
            ctx: &ctx,
            albums: Mutex::default(),
        };
        let listening = async {
            match &settings.webhook {
                Some(webhook) => ear.wait(webhook).await,
                None => ear.poll().await,
            }
        };
        let ((), (), never) = tokio::join!(menu::show(&bot), follow(moved, &intake), listening);
        never
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        never = work => match never {},
    }
}

/// The bot of a token, at Telegram's own server or another one.
fn bot(settings: &TelegramSettings) -> anyhow::Result<Bot> {
    let client = teloxide::net::default_reqwest_settings()
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(u64::from(POLL_SECONDS) + 15))
        .build()
        .context("an HTTP client for Telegram could not be made")?;
    let bot = Bot::with_client(settings.token.reveal(), client);
    Ok(match &settings.api_url {
        Some(url) => bot.set_api_url(url.clone()),
        None => bot,
    })
}

/// Waits until Telegram knows us.
async fn introduced(bot: &Bot, health: &Health) -> Me {
    health.note(Platform::Telegram, State::Connecting);
    let mut setbacks = Setbacks::none();
    loop {
        match bot.get_me().send().await {
            Ok(me) => {
                health.note(
                    Platform::Telegram,
                    State::Connected(me.username().to_owned()),
                );
                if !me.can_read_all_group_messages {
                    tracing::info!(
                        "Telegram's privacy mode is on: in groups only commands, mentions and answers to the bot arrive, no calls by name. @BotFather's /setprivacy changes it; then add the bot to its groups again."
                    );
                }
                return me;
            }
            Err(error) => sleep(setbacks.after(&error, health)).await,
        }
    }
}

/// What updates are taken with.
struct Ear<'a> {
    bot: &'a Bot,
    me: &'a Me,
    messenger: &'a Telegram,
    intake: &'a Intake,
    ctx: &'a Context,
    /// Those that were begun lately. Each of their pictures comes as a message.
    albums: Mutex<VecDeque<String>>,
}

/// So many albums may come at once and still be known as such.
const ALBUMS: usize = 64;

impl Ear<'_> {
    /// Asks for updates for ever. An update is confirmed by asking for those behind it, and that is done only when it is in the inbox.
    async fn poll(&self) -> Infallible {
        let (health, mut offset) = (&self.ctx.health, 0);
        let mut setbacks = Setbacks::none();
        loop {
            let asked = GetUpdates::new()
                .offset(offset)
                .timeout(POLL_SECONDS)
                .allowed_updates(ALLOWED);
            let request = JsonRequest::new(self.bot.clone(), GetRawUpdates(asked));
            let updates = match request.send().await {
                Ok(updates) => updates,
                Err(RequestError::Api(error))
                    if is_webhook_set(&error) && self.ctx.webhook.withdraw(self.bot).await =>
                {
                    continue;
                }
                Err(error) => {
                    sleep(setbacks.after(&error, health)).await;
                    continue;
                }
            };
            setbacks = Setbacks::none();
            health.note(
                Platform::Telegram,
                State::Connected(self.me.username().to_owned()),
            );
            for update in updates {
                let update = update.read();
                let next = i32::try_from(update.get().id.0).map_or(offset, |id| id.wrapping_add(1));
                while let Err(error) = self.take(&update).await {
                    not_stored(&error);
                    sleep(Duration::from_secs(1)).await;
                }
                offset = next;
            }
        }
    }

    /// Waits for the updates that Telegram brings. It hears that we have one only when that is in the inbox.
    async fn wait(&self, settings: &WebhookSettings) -> Infallible {
        let (secret, mut brought) = loop {
            match self.ctx.webhook.open(settings).await {
                Ok(opened) => break opened,
                Err(error) => {
                    not_stored(&error);
                    sleep(Duration::from_secs(5)).await;
                }
            }
        };
        let taking = async {
            while let Some(Brought { update, durable }) = brought.recv().await {
                match self.take(&update.read()).await {
                    // Fails when Telegram has gone away and will bring it again.
                    Ok(()) => drop(durable.send(())),
                    Err(error) => not_stored(&error),
                }
            }
            std::future::pending().await
        };
        let registered = webhook::register(self.bot, self.me, settings, &secret, self.ctx);
        tokio::join!(registered, taking).1
    }

    /// Takes one update; on return it is durable or of no concern.
    async fn take(&self, update: &SoundUpdate) -> Result<(), StoreError> {
        if update.is_unknown() {
            metrics::count(Count::UnknownEvents);
            return Ok(());
        }
        if let UpdateKind::CallbackQuery(query) = &update.get().kind {
            self.messenger.acknowledge(&query.id);
        }
        let album = listen::album(update);
        if album.is_some_and(|album| self.albums().iter().any(|begun| begun == album))
            && !listen::has_words(update)
        {
            return Ok(());
        }
        if let Some(event) = listen::event(update, self.me) {
            self.intake.hear(event).await?;
        }
        // Only now: what could not be stored comes once more.
        if let Some(album) = album {
            let mut albums = self.albums();
            albums.push_back(album.to_owned());
            if albums.len() > ALBUMS {
                albums.pop_front();
            }
        }
        Ok(())
    }

    fn albums(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.albums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_stored(error: &StoreError) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "The store fails; Telegram keeps what it has for us until it does not."
    );
}

/// Groups whose move was only found out when something was to be shown there.
async fn follow(mut moved: UnboundedReceiver<(ChatId, ChatId)>, intake: &Intake) {
    while let Some((from, to)) = moved.recv().await {
        if let Err(error) = intake.hear(listen::moved(from, to)).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "It could not be noted that a group has moved."
            );
        }
    }
}

const WRONG_TOKEN: &str = "Telegram does not know this token; ask @BotFather for a new one, put it into TELEGRAM_BOT_TOKEN or the file that telegram.token_file names, and restart";

/// The server says it in several ways, of which teloxide knows some.
fn is_wrong_token(error: &ApiError) -> bool {
    *error == ApiError::InvalidToken || says(error, "unauthorized") || says(error, "not found")
}

fn is_webhook_set(error: &ApiError) -> bool {
    says(error, "webhook is active")
}

/// Whether Telegram's own words contain these, whatever their case.
fn says(error: &ApiError, words: &str) -> bool {
    error.to_string().to_lowercase().contains(words)
}

/// How a bot with these settings would fare, without disturbing one that runs.
///
/// # Errors
/// What is wrong, with the remedy.
pub async fn check(settings: &TelegramSettings) -> Result<String, String> {
    let bot = bot(settings).map_err(|error| format!("{error:#}"))?;
    let me = match bot.get_me().send().await {
        Ok(me) => me,
        Err(RequestError::Api(error)) if is_wrong_token(&error) => {
            return Err(WRONG_TOKEN.to_owned());
        }
        Err(error) => return Err(unreached(&error)),
    };
    let hears = if me.can_read_all_group_messages {
        "in groups it hears everything"
    } else {
        "privacy mode is on, so that in groups it hears no calls by name (@BotFather's /setprivacy changes it; then add the bot to its groups again)"
    };
    let webhook = match bot.get_webhook_info().send().await {
        Ok(info) => info.url,
        Err(error) => {
            return Err(format!(
                "Telegram does not tell about webhooks: {}",
                told(&error)
            ));
        }
    };
    let webhook = webhook.map_or_else(
        || "no webhook is set".to_owned(),
        |url| format!("a webhook is set: {url}"),
    );
    Ok(format!("@{}; {hears}; {webhook}", me.username()))
}

/// How long to wait after errors in a row.
#[derive(Debug)]
struct Setbacks {
    conflicts: BackOff,
    others: BackOff,
}

impl Setbacks {
    /// There was none yet.
    fn none() -> Self {
        Self {
            conflicts: BackOff::new(AFTER_FIRST_CONFLICT, AFTER_CONFLICT),
            others: BackOff::new(Duration::from_secs(1), Duration::from_secs(32)),
        }
    }

    fn after(&mut self, error: &RequestError, health: &Health) -> Duration {
        let note = |state| health.note(Platform::Telegram, state);
        match error {
            RequestError::RetryAfter(seconds) => seconds.duration(),
            RequestError::Api(error) if is_wrong_token(error) => {
                note(State::Failed(WRONG_TOKEN.to_owned()));
                AFTER_REFUSAL
            }
            RequestError::Api(error) if says(error, "terminated by other") => {
                note(State::Waiting("another program takes this bot's messages; stop it, or give this one a bot of its own".to_owned()));
                self.conflicts.wait()
            }
            RequestError::Api(error) if is_webhook_set(error) => {
                note(State::Failed("a webhook is set for this bot; delete it with deleteWebhook, or set telegram.webhook_url".to_owned()));
                AFTER_CONFLICT
            }
            RequestError::Api(error) => {
                note(State::Waiting(format!("Telegram refuses: {error}")));
                self.others.wait()
            }
            other => {
                note(State::Waiting(unreached(other)));
                self.others.wait()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_the_kind_of_trouble() {
        let (mut setbacks, health) = (Setbacks::none(), Health::default());
        let mut seconds = |error: ApiError| {
            let error = RequestError::Api(error);
            setbacks.after(&error, &health).as_secs()
        };
        let rival = || ApiError::TerminatedByOtherGetUpdates;
        let other = || ApiError::Unknown("Internal Server Error".to_owned());
        assert_eq!([0; 7].map(|_| seconds(other())), [1, 2, 4, 8, 16, 32, 32]);
        // What is left of an earlier run goes away by itself, and a rival does not.
        assert_eq!([0; 4].map(|_| seconds(rival())), [3, 6, 12, 15]);
        assert_eq!(seconds(ApiError::InvalidToken), 300);
        assert_eq!(seconds(other()), 32);
    }
}

//! The connection to Discord's gateway: how it is begun, watched and ended. What is heard through it is `mod.rs`.
//!
//! serenity connects again by itself, and tells neither that it does nor how often, so the connection is looked at from outside: by the
//! stages of its shards, and by Discord's own count of sessions.

use std::sync::Arc;
use std::time::Duration;

use serenity::all::{
    BotGateway, Client, ClientBuilder, Context as Connection, EventHandler, GatewayIntents,
    RawEventHandler, Ready, Route,
};
use serenity::async_trait;
use serenity::gateway::{ConnectionStage, GatewayError, ShardManager};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};

use super::budget::{Allowance, Budget};
use super::rest::{Fault, Rest};
use super::{AFTER_WRONG_TOKEN, NO_CONTENT, UNKNOWN_TOKEN};
use crate::identity::Platform;
use crate::platforms::health::{Health, State};
use crate::store::StoreError;

/// Somebody must do something; until then it is looked at now and then.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);
/// What ends by itself is tried again after so long.
const AFTER_END: Duration = Duration::from_secs(10);
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// How often the shards are looked at.
const GLANCE: Duration = Duration::from_secs(1);
/// A connection that is made again sooner was never worth a word.
const SHORT_BREAK: Duration = Duration::from_secs(5);
/// How often Discord is asked for its count while there is no connection. serenity begins a session every five seconds at most.
const COUNTING: Duration = Duration::from_secs(10);

const TOO_MANY_SESSIONS: &str = "the connection to Discord was begun too often today, and Discord resets the token of bots that do so; find out why it breaks, then wait or restart tomorrow";

/// What a connection is made with.
pub(super) struct Gateway<'a> {
    pub(super) rest: &'a Rest,
    pub(super) budget: &'a Budget,
    pub(super) health: &'a Health,
    /// The bot's own.
    pub(super) name: String,
    pub(super) intents: GatewayIntents,
}

/// Why a connection is given up.
enum GivenUp {
    /// No more sessions may begin before so long.
    Spent(Duration),
    /// Discord does not know the token any more.
    WrongToken,
}

/// Why it is not known how many sessions may begin.
#[derive(Debug, thiserror::Error)]
enum CountError {
    #[error("{0}")]
    Discord(Fault),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Gateway<'_> {
    /// Stays connected as long as it can; gives back how long to wait before the next attempt.
    pub(super) async fn stay_connected(
        &self,
        listener: impl RawEventHandler + 'static,
    ) -> Duration {
        // When this fails serenity would go to Discord's own gateway, whatever server was set.
        match self.allowance().await {
            Ok(Allowance::Granted) => {}
            Ok(Allowance::Spent(rest)) => return self.give_up(&GivenUp::Spent(rest)),
            Err(error) => {
                self.wait(format!("Discord's gateway cannot be found: {error}"));
                return AFTER_TROUBLE;
            }
        }
        // More sessions than this do not begin at once.
        let (begun, beginnings) = mpsc::channel(16);
        let client = ClientBuilder::new_with_http(self.rest.for_gateway(), self.intents)
            .raw_event_handler(listener)
            .event_handler(Beginnings(begun))
            .await;
        let mut client = match client {
            Ok(client) => client,
            Err(error) => {
                self.wait(format!("Discord cannot be reached: {error}"));
                return AFTER_TROUBLE;
            }
        };
        let shards = Arc::clone(&client.shard_manager);
        // Dropping the client would leave its shards connected.
        let _ended = ShutDown {
            shards: Arc::clone(&shards),
            gateway: Arc::clone(&client.ws_url),
        };
        tokio::select! {
            wait = self.run(&mut client) => wait,
            given_up = self.watch(&shards, beginnings) => self.give_up(&given_up),
        }
    }

    async fn run(&self, client: &mut Client) -> Duration {
        match client.start_autosharded().await {
            Err(serenity::Error::Gateway(GatewayError::InvalidAuthentication)) => {
                self.fail(UNKNOWN_TOKEN);
                AFTER_WRONG_TOKEN
            }
            Err(serenity::Error::Gateway(GatewayError::DisallowedGatewayIntents)) => {
                self.fail(&format!("Discord refused the connection: {NO_CONTENT}"));
                AFTER_REFUSAL
            }
            Err(error) => {
                self.wait(format!("the connection to Discord ended: {error}"));
                AFTER_END
            }
            Ok(()) => AFTER_END,
        }
    }

    /// Tells how the connection is and counts its sessions, until no more of them may begin.
    async fn watch(&self, shards: &ShardManager, mut beginnings: mpsc::Receiver<()>) -> GivenUp {
        let mut connected_at = Instant::now();
        let mut count_at = Instant::now() + COUNTING;
        loop {
            let has_begun = tokio::select! {
                begun = beginnings.recv() => begun.is_some(),
                () = sleep(GLANCE) => false,
            };
            if is_connected(shards).await {
                connected_at = Instant::now();
                self.note(State::Connected(self.name.clone()));
            } else if connected_at.elapsed() > SHORT_BREAK {
                self.wait("the connection to Discord is broken and is being made again".to_owned());
            }
            let is_broken = connected_at.elapsed() > GLANCE;
            let is_due = has_begun || is_broken && Instant::now() >= count_at;
            if !is_due {
                continue;
            }
            count_at = Instant::now() + COUNTING;
            let theirs = self.allowance().await;
            let own = match has_begun {
                true => self.budget.has_begun().await,
                false => Ok(Allowance::Granted),
            };
            for allowance in [theirs, own.map_err(CountError::Store)] {
                match allowance {
                    Ok(Allowance::Granted) => {}
                    Ok(Allowance::Spent(rest)) => return GivenUp::Spent(rest),
                    Err(CountError::Discord(fault)) if fault.is_wrong_token() => {
                        return GivenUp::WrongToken;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "Discord's sessions could not be counted.");
                    }
                }
            }
        }
    }

    /// Whether sessions may begin, by Discord's count and ours.
    async fn allowance(&self) -> Result<Allowance, CountError> {
        let gateway: BotGateway = self
            .rest
            .get(Route::GatewayBot)
            .await
            .map_err(CountError::Discord)?;
        Ok(self.budget.told(&gateway.session_start_limit).await?)
    }

    fn give_up(&self, why: &GivenUp) -> Duration {
        match why {
            GivenUp::Spent(rest) => {
                self.fail(TOO_MANY_SESSIONS);
                (*rest).clamp(AFTER_TROUBLE, AFTER_REFUSAL)
            }
            GivenUp::WrongToken => {
                self.fail(UNKNOWN_TOKEN);
                AFTER_WRONG_TOKEN
            }
        }
    }

    fn wait(&self, trouble: String) {
        self.note(State::Waiting(trouble));
    }

    fn fail(&self, trouble: &str) {
        self.note(State::Failed(trouble.to_owned()));
    }

    fn note(&self, state: State) {
        self.health.note(Platform::Discord, state);
    }
}

/// Whether messages come and go.
async fn is_connected(shards: &ShardManager) -> bool {
    let runners = shards.runners.lock().await;
    let mut stages = runners.values().map(|runner| runner.stage);
    !runners.is_empty() && stages.all(|stage| stage == ConnectionStage::Connected)
}

/// Tells of the sessions that have begun.
struct Beginnings(mpsc::Sender<()>);

#[async_trait]
impl EventHandler for Beginnings {
    async fn ready(&self, _: Connection, _: Ready) {
        // Nobody counts any more when the connection ends.
        self.0.send(()).await.ok();
    }
}

/// Ends a client's connections when it goes out of use.
struct ShutDown {
    shards: Arc<ShardManager>,
    /// Where serenity begins sessions.
    gateway: Arc<Mutex<String>>,
}

impl Drop for ShutDown {
    fn drop(&mut self) {
        let (shards, gateway) = (Arc::clone(&self.shards), Arc::clone(&self.gateway));
        tokio::spawn(async move {
            // While this is held no session begins, however far serenity has come with the next one.
            let mut gateway = gateway.lock_owned().await;
            gateway.clear();
            if shards.runners.lock().await.is_empty() {
                // Between two sessions there is no shard, and without one serenity does not end what begins the next: that waits for ever.
                std::future::pending::<()>().await;
            }
            shards.shutdown_all().await;
        });
    }
}

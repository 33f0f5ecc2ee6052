//! A Discord server: REST and gateway of API version 10 on loopback. It refuses what Discord refuses.
//!
//! Tests make people and places, let people do things, and look at what the bot did. A request that Discord would refuse,
//! a field that it does not know, and a route that this server does not know are faults: they fail the test when the server
//! is dropped, unless the test has announced refusals.
//!
//! ```text
//! let discord = FakeDiscord::start().await;
//! let yun = discord.person("yun").speaking("ko");
//! let general = discord.guild("club").channel("general");
//! // Here the bot is started with `discord.url()` and `discord.token()`.
//! discord.until_connected().await;
//! let said = general.says(&yun, "안녕?");
//! let reply = general.until_text("안녕").await;
//! assert_eq!(reply.reply_to, Some(said));
//! assert_eq!(discord.pings(), []);
//! ```
//!
//! It is not for voice, for uploads, and for the newer components ("v2").

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

mod calls;
mod commands;
mod components;
pub(crate) mod deeds;
mod drafts;
mod form;
mod gateway;
mod interactions;
mod limits;
mod line;
pub(crate) mod mentions;
mod messages;
mod objects;
mod options;
pub(crate) mod people;
pub(crate) mod permissions;
mod places;
mod posts;
mod reactions;
mod refusal;
mod rest;
mod sessions;
pub(crate) mod shown;
pub(crate) mod troubles;
mod webhooks;
mod world;

use super::crossings::{Crossings, cross};
use super::serving;
use mentions::Ping;
use world::{Id, World};

pub(crate) struct FakeDiscord {
    url: String,
    served: Arc<Served>,
    _stop: DropGuard,
}

/// What the server's handlers share with the test.
pub(crate) struct Served {
    world: Mutex<World>,
    /// Wakes whoever waits for something to be there.
    changed: watch::Sender<()>,
}

impl FakeDiscord {
    pub(crate) async fn start() -> Self {
        Self::start_behind(Crossings::new()).await
    }

    /// Its requests are counted there.
    pub(crate) async fn start_behind(crossings: Crossings) -> Self {
        let (listener, address) = serving::listen().await;
        let served = Arc::new(Served {
            world: Mutex::new(World::new(format!("ws://{address}"))),
            changed: watch::channel(()).0,
        });
        let router = Router::new()
            .route("/", get(gateway::connect))
            .fallback(rest::answer)
            .with_state(Arc::clone(&served))
            .layer(from_fn_with_state(crossings, cross))
            .into_make_service_with_connect_info::<line::Cut>();
        Self {
            url: format!("http://{address}"),
            served,
            _stop: serving::until_dropped(axum::serve(line::Lines(listener), router).into_future()),
        }
    }

    /// What stands in the place of `https://discord.com`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self) -> String {
        self.served.read(|world| world.token.clone())
    }

    pub(crate) fn bot_id(&self) -> Id {
        self.served.read(|world| world.bot)
    }

    /// The commands that are registered for all guilds, as they were sent, with their ids.
    pub(crate) fn commands(&self) -> Vec<Value> {
        self.served
            .read(|world| world.commands.get(&None).cloned().unwrap_or_default())
    }

    /// Waits until a command is registered.
    pub(crate) async fn until_registered(&self, name: &str) -> Value {
        self.served
            .until(&format!("the command {name:?}"), |world| {
                let mut commands = world.commands.values().flatten();
                commands.find(|command| command["name"] == name).cloned()
            })
            .await
    }

    /// How often a whole list of commands was sent.
    pub(crate) fn registrations(&self) -> usize {
        self.served.read(|world| world.registrations)
    }

    /// Everybody whom the bot's messages have pinged.
    pub(crate) fn pings(&self) -> Vec<Ping> {
        self.served.read(|world| world.pings.clone())
    }

    /// Every request so far as `POST /channels/1/messages`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.served.read(|world| world.requests.clone())
    }

    /// What was refused, with Discord's code.
    pub(crate) fn refusals(&self) -> Vec<(String, u64)> {
        self.served.read(|world| world.refusals.clone())
    }

    /// From now on a request that is refused with this code of Discord's is no fault.
    pub(crate) fn expects_refusal(&self, code: u64) {
        self.served
            .change(|world| world.expected_refusals.push(code));
    }

    /// From now on no refused request is a fault.
    pub(crate) fn expect_refusals(&self) {
        self.served
            .change(|world| world.refusals_are_faults = false);
    }

    /// How many messages may be made or edited in a channel within a time; five in five seconds at first.
    pub(crate) fn limits_messages(&self, messages: u32, within: Duration) {
        self.served
            .change(|world| world.limits.allow_messages(messages, within));
    }

    /// How often somebody came again although Discord had asked to wait.
    pub(crate) fn early_retries(&self) -> usize {
        self.served.read(|world| world.limits.early_retries())
    }
}

impl Drop for FakeDiscord {
    fn drop(&mut self) {
        self.served.read(|world| {
            assert!(
                world.faults.is_empty() || std::thread::panicking(),
                "what Discord would not take:\n{}",
                world.faults.join("\n")
            );
        });
    }
}

impl Served {
    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let result = act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        result
    }

    /// Waits until something can be found.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&World) -> Option<T>,
    ) -> T {
        let mut changes = self.changed.subscribe();
        let found = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = self.read(&mut find) {
                    return found;
                }
                changes.changed().await.expect("the sender lives in self");
            }
        };
        match tokio::time::timeout(super::PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => panic!(
                "not in {:?}: {what}\n{}",
                super::PATIENCE,
                self.read(World::story)
            ),
        }
    }
}

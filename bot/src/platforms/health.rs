//! How the chat apps are: for `/readyz`, the log and whoever asks. Only remembers what the adapters say.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use crate::identity::Platform;

/// The state of every chat app that has a token.
#[derive(Debug, Default)]
pub struct Health(RwLock<BTreeMap<Platform, State>>);

/// How one chat app is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was not reached yet.
    Connecting,
    /// Messages come and go; the bot's own name there.
    Connected(String),
    /// It does not work for the time being, and will by itself.
    Waiting(String),
    /// Somebody must do something.
    Failed(String),
}

impl State {
    /// What is wrong, if something is.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Connecting => Some("connecting"),
            Self::Connected(_) => None,
            Self::Waiting(trouble) | Self::Failed(trouble) => Some(trouble),
        }
    }
}

impl Health {
    /// Notes how an app is now, and logs it when that is news.
    pub fn note(&self, platform: Platform, state: State) {
        let mut states = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if states.get(&platform) == Some(&state) {
            return;
        }
        let app = platform.word();
        match &state {
            State::Connecting => tracing::info!(app, "Connecting."),
            State::Connected(name) => tracing::info!(app, name, "Connected."),
            State::Waiting(trouble) => {
                tracing::warn!(app, trouble, "Out of order for the moment.");
            }
            State::Failed(trouble) => tracing::error!(app, trouble, "Out of order."),
        }
        states.insert(platform, state);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Platform, State> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

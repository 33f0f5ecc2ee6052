//! Updates that Telegram brings to our own web server, in place of polling. What they mean is `listen.rs`.
//!
//! | table | key | record |
//! |---|---|---|
//! | `webhook` | | `Kept`: the secret, and the address that was registered last |

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use teloxide::payloads::SetWebhookSetters as _;
use teloxide::requests::{Request as _, Requester as _};
use teloxide::types::{Me, Update};
use teloxide::{Bot, RequestError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::{ALLOWED, Setbacks};
use crate::identity::Platform;
use crate::platforms::health::{Health, State};
use crate::settings::WebhookSettings;
use crate::store::key::Key;
use crate::store::record::{Record, read, update};
use crate::store::{Store, StoreError};

/// Where the web server takes them.
pub const PATH: &str = "/telegram/updates";

/// By this header Telegram shows that it is Telegram. <https://core.telegram.org/bots/api#setwebhook>
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// More updates than this wait at Telegram.
const WAITING: usize = 64;
/// How often it is asked whether updates come through.
const LOOK_AFTER: Duration = Duration::from_secs(60);

/// The door between the web server and the adapter. Closed until the adapter opens it.
#[derive(Debug)]
pub struct Webhook {
    store: Arc<dyn Store>,
    open: RwLock<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    secret: [u8; 32],
    updates: mpsc::Sender<Brought>,
}

/// An update as it came, and who waits to hear that it is durable.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) update: Update,
    pub(super) durable: oneshot::Sender<()>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    secret: String,
    url: String,
}

impl Record for Kept {
    const TABLE: &'static str = "webhook";
}

impl Webhook {
    /// A closed door; what must be known again after a restart is in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            open: RwLock::default(),
        }
    }

    /// Takes an update from the web. Telegram repeats what is not answered with 200.
    pub async fn receive(&self, headers: &HeaderMap, body: &Bytes) -> StatusCode {
        let updates = {
            let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
            let Some(open) = open.as_ref() else {
                return StatusCode::NOT_FOUND;
            };
            let shown = headers
                .get(SECRET_HEADER)
                .map_or(&[][..], |it| it.as_bytes());
            if !same(&open.secret, &digest(shown)) {
                return StatusCode::UNAUTHORIZED;
            }
            open.updates.clone()
        };
        let Ok(update) = serde_json::from_slice(body) else {
            // It would be repeated for ever.
            tracing::warn!("Something came as an update of Telegram that is none.");
            return StatusCode::OK;
        };
        let (durable, is_durable) = oneshot::channel();
        let brought = Brought { update, durable };
        if updates.send(brought).await.is_err() || is_durable.await.is_err() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        StatusCode::OK
    }

    /// Opens the door with the secret that is registered from now on.
    pub(super) async fn open(
        &self,
        settings: &WebhookSettings,
    ) -> Result<(String, mpsc::Receiver<Brought>), StoreError> {
        let key = Key::of(Kept::TABLE);
        let secret = update(self.store.as_ref(), key, |kept: &mut Option<Kept>| {
            let secret = match (&settings.secret, &*kept) {
                (Some(secret), _) => secret.reveal().to_owned(),
                (None, Some(kept)) => kept.secret.clone(),
                (None, None) => URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()),
            };
            *kept = Some(Kept {
                secret: secret.clone(),
                url: settings.url.to_string(),
            });
            secret
        })
        .await?;
        let (updates, brought) = mpsc::channel(WAITING);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *open = Some(Open {
            secret: digest(secret.as_bytes()),
            updates,
        });
        Ok((secret, brought))
    }

    /// Takes back a webhook of ours, when we are to poll again; `false` when the one that is set is another's.
    pub(super) async fn withdraw(&self, bot: &Bot) -> bool {
        let kept = read::<Kept>(self.store.as_ref(), Key::of(Kept::TABLE)).await;
        let Ok(Some(kept)) = kept.map(|found| found.record) else {
            return false;
        };
        match bot.get_webhook_info().send().await {
            Ok(info)
                if info
                    .url
                    .as_ref()
                    .is_some_and(|url| url.as_str() == kept.url) =>
            {
                tracing::info!(
                    url = kept.url,
                    "Our own webhook of before is taken back; updates are asked for again."
                );
                bot.delete_webhook().send().await.is_ok()
            }
            _ => false,
        }
    }
}

/// Registers the webhook and looks now and then whether updates come through.
pub(super) async fn register(
    bot: &Bot,
    me: &Me,
    settings: &WebhookSettings,
    secret: &str,
    health: &Health,
) {
    let mut setbacks = Setbacks::none();
    // Which secret is registered nobody tells, so it is set once more at the start.
    let mut is_set = false;
    loop {
        match look(bot, settings, secret, is_set).await {
            Ok(state) => {
                is_set = true;
                setbacks = Setbacks::none();
                let fine = || State::Connected(me.username().to_owned());
                health.note(Platform::Telegram, state.unwrap_or_else(fine));
                sleep(LOOK_AFTER).await;
            }
            Err(error) => sleep(setbacks.after(&error, health)).await,
        }
    }
}

/// Sets the webhook where it is not set as it should be, and tells what is wrong with it.
async fn look(
    bot: &Bot,
    settings: &WebhookSettings,
    secret: &str,
    is_set: bool,
) -> Result<Option<State>, RequestError> {
    let set = bot
        .set_webhook(settings.url.clone())
        // teloxide's own webhooks leave this out, and reactions would never come.
        .allowed_updates(ALLOWED)
        .secret_token(secret.to_owned());
    let before = bot.get_webhook_info().send().await?;
    if !is_set || before.url.as_ref() != Some(&settings.url) {
        set.send().await?;
    }
    let trouble = before
        .last_error_message
        .filter(|_| before.pending_update_count > 0)
        .map(|trouble| {
            State::Waiting(format!(
                "Telegram cannot bring messages to telegram.webhook_url, and keeps them: {trouble}"
            ))
        });
    Ok(trouble)
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Takes as long whether they differ early, late or nowhere.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differs = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::in_memory::InMemory;

    const UPDATE: &str = r#"{"update_id":1,"something_of_the_future":{}}"#;

    fn settings() -> WebhookSettings {
        WebhookSettings {
            url: "https://bot.example.org/".parse().unwrap(),
            secret: None,
        }
    }

    async fn bring(webhook: &Webhook, secret: &str, body: &'static str) -> StatusCode {
        let mut headers = HeaderMap::new();
        headers.insert(SECRET_HEADER, secret.parse().unwrap());
        webhook.receive(&headers, &Bytes::from(body)).await
    }

    #[tokio::test]
    async fn an_update_counts_as_taken_only_when_it_is_durable() {
        let webhook = Webhook::new(Arc::new(InMemory::default()));
        assert_eq!(bring(&webhook, "", UPDATE).await, StatusCode::NOT_FOUND);
        let (secret, mut brought) = webhook.open(&settings()).await.unwrap();
        for wrong in ["", "wrong", &secret.to_lowercase(), &format!("{secret}x")] {
            let answer = bring(&webhook, wrong, UPDATE).await;
            assert_eq!(answer, StatusCode::UNAUTHORIZED);
        }
        let take = async {
            brought.recv().await.unwrap().durable.send(()).unwrap();
        };
        let (answer, ()) = tokio::join!(bring(&webhook, &secret, UPDATE), take);
        assert_eq!(answer, StatusCode::OK);
        // The store failed.
        let lose = async {
            drop(brought.recv().await.unwrap().durable);
        };
        let (answer, ()) = tokio::join!(bring(&webhook, &secret, UPDATE), lose);
        assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(bring(&webhook, &secret, "{").await, StatusCode::OK);
        // The adapter has ended.
        drop(brought);
        let answer = bring(&webhook, &secret, UPDATE).await;
        assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn the_secret_outlives_a_restart() {
        let store: Arc<dyn Store> = Arc::new(InMemory::default());
        let before = Webhook::new(Arc::clone(&store));
        let (secret, _brought) = before.open(&settings()).await.unwrap();
        let (again, _brought) = Webhook::new(store).open(&settings()).await.unwrap();
        assert_eq!(secret, again);
        assert!(secret.len() <= 256 && secret.is_ascii());
    }
}

//! A name and a face for each persona: a webhook of its own in every channel where it speaks, as far as the bot may manage webhooks.
//!
//! The avatar is the webhook's own picture, since Discord would fetch any other from a public address.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use chatfriends_personas::PersonaId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serenity::all::{
    ApplicationId, ChannelId, LightMethod, MessageId as DiscordMessage, Route, WebhookId,
};
use tokio::time::Instant;

use super::rest::{Body, Fault, Rest};
use super::send::id_of;
use crate::platforms::{MessageId, SendError};
use crate::store::Store;
use crate::store::key::Key;
use crate::store::record::{Record, read, update};

/// Where it was not allowed it is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(600);

/// The webhooks of personas.
#[derive(Debug)]
pub(super) struct Faces {
    rest: Arc<Rest>,
    store: Arc<dyn Store>,
    channels: Mutex<HashMap<ChannelId, Arc<Channel>>>,
}

/// What is known of one channel.
#[derive(Debug, Default)]
struct Channel {
    faces: Mutex<HashMap<PersonaId, Known>>,
    /// Held while a webhook is looked for and made, so that two replies at once do not make two.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
enum Known {
    Face(Face),
    NotAllowed { since: Instant },
}

/// A webhook that speaks for a persona.
#[derive(Debug, Clone)]
pub(super) struct Face {
    webhook: WebhookId,
    token: String,
    channel: ChannelId,
    persona: PersonaId,
}

#[derive(Debug, Deserialize)]
struct Webhook {
    id: WebhookId,
    name: Option<String>,
    token: Option<String>,
    application_id: Option<ApplicationId>,
}

/// Which webhook of a channel is whose, since several personas may have one name. Their tokens are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Owners(BTreeMap<PersonaId, WebhookId>);

impl Record for Owners {
    const TABLE: &'static str = "discord_faces";
}

impl Faces {
    pub(super) fn new(rest: Arc<Rest>, store: Arc<dyn Store>) -> Self {
        Self {
            rest,
            store,
            channels: Mutex::default(),
        }
    }

    /// The webhook of a persona in a channel, made if need be; `None` where that is not allowed.
    pub(super) async fn of(
        &self,
        channel: ChannelId,
        persona: &PersonaId,
        name: &str,
    ) -> Result<Option<Face>, SendError> {
        let here = self.channel(channel);
        if let Some(known) = here.known(persona) {
            return Ok(known.face());
        }
        let _looking = here.looking.lock().await;
        // Somebody else may have found it meanwhile.
        if let Some(known) = here.known(persona) {
            return Ok(known.face());
        }
        let name = allowed_name(name);
        let found = match self.find_or_make(channel, persona, &name).await {
            Ok(found) => found,
            // No permission, a private chat, or more webhooks than a channel may have: the bot speaks itself.
            Err(SendError::Gone(cause) | SendError::Refused(cause)) => {
                tracing::debug!(%cause, %channel, "No webhook can be used.");
                None
            }
            // Looking for it has shown nobody anything.
            Err(SendError::Unconfirmed(cause)) => return Err(SendError::Unreachable(cause)),
            Err(error) => return Err(error),
        };
        let known = match found {
            Some((webhook, token)) => Known::Face(Face {
                webhook,
                token,
                channel,
                persona: persona.clone(),
            }),
            None => Known::NotAllowed {
                since: Instant::now(),
            },
        };
        here.lock().insert(persona.clone(), known.clone());
        Ok(known.face())
    }

    async fn find_or_make(
        &self,
        channel: ChannelId,
        persona: &PersonaId,
        name: &str,
    ) -> Result<Option<(WebhookId, String)>, SendError> {
        let route = Route::ChannelWebhooks {
            channel_id: channel,
        };
        let there: Vec<Webhook> = self.rest.get(route).await?;
        let found = read::<Owners>(self.store.as_ref(), key(channel)).await;
        let owners = found.as_ref().ok().and_then(|found| found.record.clone());
        let owners = owners.unwrap_or_default().0;
        let ours = there.into_iter().find(|webhook| {
            if webhook.application_id != Some(self.rest.application()) {
                return false;
            }
            match owners.get(persona) {
                Some(own) if *own == webhook.id => true,
                // Made before it was kept whose it is, or its record got lost.
                _ => {
                    webhook.name.as_deref() == Some(name)
                        && owners.values().all(|other| *other != webhook.id)
                }
            }
        });
        let webhook = match ours {
            Some(webhook) => webhook,
            None => {
                self.rest
                    .ask(route, LightMethod::Post, Body::Json(&looks(persona, name)))
                    .await?
            }
        };
        if owners.get(persona) != Some(&webhook.id) {
            self.keep(channel, persona, webhook.id).await;
        }
        Ok(webhook.token.map(|token| (webhook.id, token)))
    }

    /// Keeps whose a webhook is. Without that it is found by its name, which is nearly always enough.
    async fn keep(&self, channel: ChannelId, persona: &PersonaId, webhook: WebhookId) {
        let kept = update(
            self.store.as_ref(),
            key(channel),
            |owners: &mut Option<Owners>| {
                let owners = owners.get_or_insert_default();
                owners.0.insert(persona.clone(), webhook);
            },
        );
        if let Err(error) = kept.await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "It could not be kept whose a webhook is."
            );
        }
    }

    /// Says something under a name; gives back the new message.
    pub(super) async fn say(
        &self,
        face: &Face,
        thread: Option<ChannelId>,
        name: &str,
        mut body: Value,
    ) -> Result<MessageId, Fault> {
        let route = Route::WebhookWithToken {
            webhook_id: face.webhook,
            token: &face.token,
        };
        let query = query(thread, &[("wait", "true")]);
        // The webhook may have been made under an earlier name.
        body["username"] = json!(allowed_name(name));
        let response = self
            .rest
            .send(route, LightMethod::Post, Body::Json(&body), query)
            .await?;
        let sent: Value = response
            .json()
            .await
            .map_err(|error| SendError::Unconfirmed(error.without_url().to_string()))?;
        Ok(id_of(&sent)?)
    }

    /// Changes what was said.
    pub(super) async fn say_instead(
        &self,
        face: &Face,
        thread: Option<ChannelId>,
        message: DiscordMessage,
        body: &Value,
    ) -> Result<(), Fault> {
        let route = Route::WebhookMessage {
            webhook_id: face.webhook,
            token: &face.token,
            message_id: message,
        };
        self.rest
            .send(
                route,
                LightMethod::Patch,
                Body::Json(body),
                query(thread, &[]),
            )
            .await
            .map(drop)
    }

    /// Takes away what was said.
    pub(super) async fn take_back(
        &self,
        face: &Face,
        thread: Option<ChannelId>,
        message: DiscordMessage,
    ) -> Result<(), Fault> {
        let route = Route::WebhookMessage {
            webhook_id: face.webhook,
            token: &face.token,
            message_id: message,
        };
        self.rest
            .send(
                route,
                LightMethod::Delete,
                Body::Nothing,
                query(thread, &[]),
            )
            .await
            .map(drop)
    }

    /// The webhook is not there any more.
    pub(super) fn lost(&self, face: &Face) {
        self.channel(face.channel).lock().remove(&face.persona);
    }

    fn channel(&self, channel: ChannelId) -> Arc<Channel> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(channels.entry(channel).or_default())
    }
}

impl Channel {
    fn known(&self, persona: &PersonaId) -> Option<Known> {
        let known = self.lock().get(persona).cloned()?;
        match known {
            Known::NotAllowed { since } if since.elapsed() >= ASK_AGAIN => None,
            known => Some(known),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PersonaId, Known>> {
        self.faces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn face(self) -> Option<Face> {
        match self {
            Self::Face(face) => Some(face),
            Self::NotAllowed { .. } => None,
        }
    }
}

fn key(channel: ChannelId) -> Key {
    Key::of(Owners::TABLE).number(channel.get())
}

/// How a new webhook looks.
fn looks(persona: &PersonaId, name: &str) -> Value {
    let picture = |picture| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(picture);
        format!("data:image/png;base64,{encoded}")
    };
    json!({ "name": name, "avatar": chatfriends_personas::avatar(persona).map(picture) })
}

fn query(thread: Option<ChannelId>, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let thread = thread.map(|thread| ("thread_id", thread.to_string()));
    let more = more
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    more.chain(thread).collect()
}

/// Discord refuses these words in webhooks' names, and more than eighty characters.
fn allowed_name(name: &str) -> String {
    let lower = name.to_lowercase();
    if lower.contains("discord") || lower.contains("clyde") {
        return "chatfriends".to_owned();
    }
    name.chars().take(80).collect()
}

//! A name and a face for each persona: a webhook of its own in every channel where it speaks, as far as the bot may manage webhooks.
//!
//! The avatar is the webhook's own picture, since Discord would fetch any other from a public address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use chatfriends_personas::PersonaId;
use serde::Deserialize;
use serde_json::{Value, json};
use serenity::all::{
    ApplicationId, ChannelId, LightMethod, MessageId as DiscordMessage, Route, WebhookId,
};
use tokio::time::Instant;

use super::rest::{Fault, Rest};
use super::send::id_of;
use crate::platforms::{MessageId, SendError};

/// Where it was not allowed it is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(600);

/// The webhooks of personas.
#[derive(Debug)]
pub(super) struct Faces {
    rest: Arc<Rest>,
    known: Mutex<HashMap<(ChannelId, PersonaId), Known>>,
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

impl Faces {
    pub(super) fn new(rest: Arc<Rest>) -> Self {
        Self {
            rest,
            known: Mutex::default(),
        }
    }

    /// The webhook of a persona in a channel, made if need be; `None` where that is not allowed.
    pub(super) async fn of(
        &self,
        channel: ChannelId,
        persona: &PersonaId,
        name: &str,
    ) -> Result<Option<Face>, SendError> {
        let key = (channel, persona.clone());
        let known = self.lock().get(&key).cloned();
        match known {
            Some(Known::Face(face)) => return Ok(Some(face)),
            Some(Known::NotAllowed { since }) if since.elapsed() < ASK_AGAIN => return Ok(None),
            _ => {}
        }
        let found = match self.find_or_make(channel, persona, name).await {
            Ok(found) => found,
            // No permission, a private chat, or more webhooks than a channel may have: the bot speaks itself.
            Err(SendError::Gone(cause) | SendError::Refused(cause)) => {
                tracing::debug!(%cause, %channel, "No webhook can be used.");
                None
            }
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
        self.lock().insert(key, known.clone());
        Ok(match known {
            Known::Face(face) => Some(face),
            Known::NotAllowed { .. } => None,
        })
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
        let name = allowed_name(name);
        let ours = there.into_iter().find(|webhook| {
            webhook.application_id == Some(self.rest.application())
                && webhook.name.as_deref() == Some(&name)
        });
        let webhook = match ours {
            Some(webhook) => webhook,
            None => {
                self.rest
                    .ask(route, LightMethod::Post, Some(&looks(persona, &name)))
                    .await?
            }
        };
        Ok(webhook.token.map(|token| (webhook.id, token)))
    }

    /// Says something; gives back the new message.
    pub(super) async fn say(
        &self,
        face: &Face,
        thread: Option<ChannelId>,
        body: &Value,
    ) -> Result<MessageId, Fault> {
        let route = Route::WebhookWithToken {
            webhook_id: face.webhook,
            token: &face.token,
        };
        let query = query(thread, &[("wait", "true")]);
        let response = self
            .rest
            .send(route, LightMethod::Post, Some(body), query)
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
            .send(route, LightMethod::Patch, Some(body), query(thread, &[]))
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
            .send(route, LightMethod::Delete, None::<&()>, query(thread, &[]))
            .await
            .map(drop)
    }

    /// The webhook is not there any more.
    pub(super) fn lost(&self, face: &Face) {
        self.lock().remove(&(face.channel, face.persona.clone()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ChannelId, PersonaId), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

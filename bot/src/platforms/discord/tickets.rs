//! Answers to interactions: Discord wants the first within three seconds, and shows the others for a quarter of an hour.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use serenity::all::{InteractionId, LightMethod, MessageId as DiscordMessage, Route};
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::rest::{Body, Fault, Rest};
use super::send::{id_of, with_file};
use crate::platforms::{File, MessageId, SendError};

/// Whatever takes longer is announced; half of the three seconds are left for the way.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// After so long Discord takes no more answers.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

const MESSAGE: u8 = 4;
const DEFERRED: u8 = 5;
const MODAL: u8 = 9;
const EPHEMERAL: u64 = 1 << 6;

/// The interactions that can still be answered.
#[derive(Debug, Default)]
pub(super) struct Tickets(StdMutex<HashMap<String, Arc<Mutex<State>>>>);

/// What was answered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    /// That an answer will come.
    Deferred,
    Answered,
}

/// Who sees an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    ByAll,
    /// Only whoever chose or pressed.
    ByAsker,
}

impl Seen {
    pub(super) fn by_asker_if(discreet: bool) -> Self {
        if discreet { Self::ByAsker } else { Self::ByAll }
    }

    fn flags(self) -> u64 {
        match self {
            Self::ByAll => 0,
            Self::ByAsker => EPHEMERAL,
        }
    }
}

/// What an interaction is answered with.
pub(super) struct Answer<'a> {
    pub(super) body: Value,
    pub(super) file: Option<&'a File>,
    pub(super) seen: Seen,
}

/// An interaction as it is written into an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) interaction: InteractionId,
    pub(super) token: String,
}

impl Ticket {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (id, token) = text.split_once('/')?;
        let id = id.parse::<u64>().ok().filter(|id| *id != 0)?;
        Some(Self {
            interaction: InteractionId::new(id),
            token: token.to_owned(),
        })
    }

    pub(super) fn write(&self) -> String {
        format!("{}/{}", self.interaction, self.token)
    }
}

impl Tickets {
    /// Begins to watch an interaction: when nothing was answered in time, that an answer will come is.
    pub(super) fn open(&self, ticket: &Ticket, seen: Seen, rest: &Arc<Rest>) {
        let state = Arc::new(Mutex::new(State::Nothing));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that only this map holds are past their time.
        open.retain(|_, state| Arc::strong_count(state) > 1);
        open.insert(ticket.write(), Arc::clone(&state));
        drop(open);
        let (rest, ticket) = (Arc::clone(rest), ticket.clone());
        tokio::spawn(async move {
            sleep(PATIENCE).await;
            let mut now = state.lock().await;
            if *now == State::Nothing {
                let deferred = json!({ "type": DEFERRED, "data": { "flags": seen.flags() } });
                match rest.callback(&ticket, Body::Json(&deferred)).await {
                    Ok(_) => *now = State::Deferred,
                    Err(fault) if fault.is_acknowledged() => *now = State::Deferred,
                    Err(error) => tracing::warn!(%error, "A command could not be acknowledged."),
                }
            }
            drop(now);
            sleep(LIFETIME).await;
            drop(state);
        });
    }

    /// Answers an interaction with a message.
    pub(super) async fn answer(
        &self,
        ticket: &Ticket,
        answer: Answer<'_>,
        rest: &Rest,
    ) -> Result<MessageId, SendError> {
        let Answer {
            mut body,
            file,
            seen,
        } = answer;
        body["flags"] = json!(body["flags"].as_u64().unwrap_or(0) | seen.flags());
        let Some(state) = self.state(ticket) else {
            // From before a restart: it was acknowledged then, or is lost.
            return follow_up(ticket, with_file(&body, file), rest).await;
        };
        // Held over the request on purpose: an answer and the announcement of one must not overtake each other.
        let mut state = state.lock().await;
        let answered = match *state {
            State::Nothing => {
                let message = json!({ "type": MESSAGE, "data": body });
                match rest.callback(ticket, with_file(&message, file)).await {
                    Ok(answer) => id_of(&answer["resource"]["message"])?,
                    // It had arrived, and the answer to it got lost.
                    Err(fault) if fault.is_acknowledged() => {
                        *state = State::Deferred;
                        complete(ticket, body, file, rest).await?
                    }
                    Err(fault) => return Err(fault.into()),
                }
            }
            State::Deferred => complete(ticket, body, file, rest).await?,
            State::Answered => follow_up(ticket, with_file(&body, file), rest).await?,
        };
        *state = State::Answered;
        Ok(answered)
    }

    /// Answers a command with a form; only the first answer can be one.
    pub(super) async fn ask(
        &self,
        ticket: &Ticket,
        modal: &Value,
        rest: &Rest,
    ) -> Result<(), SendError> {
        let state = self.state(ticket);
        let state = state.ok_or_else(|| SendError::Gone("the command is too old".to_owned()))?;
        let mut state = state.lock().await;
        if *state != State::Nothing {
            return Err(SendError::Refused("it was answered already".to_owned()));
        }
        let form = json!({ "type": MODAL, "data": modal });
        rest.callback(ticket, Body::Json(&form)).await?;
        *state = State::Answered;
        Ok(())
    }

    /// Changes an answer.
    pub(super) async fn change(
        &self,
        ticket: &Ticket,
        message: DiscordMessage,
        body: &Value,
        rest: &Rest,
    ) -> Result<(), SendError> {
        let route = Route::WebhookFollowupMessage {
            application_id: rest.application(),
            token: &ticket.token,
            message_id: message,
        };
        let mut body = body.clone();
        body.as_object_mut().map(|body| body.remove("flags"));
        Ok(rest
            .call(route, LightMethod::Patch, Body::Json(&body))
            .await?)
    }

    fn state(&self, ticket: &Ticket) -> Option<Arc<Mutex<State>>> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&ticket.write()).cloned()
    }
}

/// Puts the answer in the place of what announced it, or of what may have arrived of it before.
async fn complete(
    ticket: &Ticket,
    mut body: Value,
    file: Option<&File>,
    rest: &Rest,
) -> Result<MessageId, SendError> {
    let route = Route::WebhookOriginalInteractionResponse {
        application_id: rest.application(),
        token: &ticket.token,
    };
    // Whether it is ephemeral was decided when it was announced.
    body.as_object_mut().map(|body| body.remove("flags"));
    let body = with_file(&body, file);
    let answer: Value = rest.ask(route, LightMethod::Patch, body).await?;
    id_of(&answer)
}

async fn follow_up(ticket: &Ticket, body: Body<'_>, rest: &Rest) -> Result<MessageId, SendError> {
    let route = Route::WebhookFollowupMessages {
        application_id: rest.application(),
        token: &ticket.token,
    };
    let query = vec![("wait", "true".to_owned())];
    let response = rest.send(route, LightMethod::Post, body, query).await?;
    let sent: Value = response
        .json()
        .await
        .map_err(|error| SendError::Unconfirmed(error.without_url().to_string()))?;
    id_of(&sent)
}

impl Rest {
    /// The first answer to an interaction; what it gives back names the message, if it is one.
    pub(super) async fn callback(&self, ticket: &Ticket, answer: Body<'_>) -> Result<Value, Fault> {
        let route = Route::InteractionResponse {
            interaction_id: ticket.interaction,
            token: &ticket.token,
        };
        let query = vec![("with_response", "true".to_owned())];
        let response = self.send_at_once(route, answer, query).await?;
        let answer = response.json().await;
        Ok(answer.map_err(|error| SendError::Unconfirmed(error.without_url().to_string()))?)
    }
}

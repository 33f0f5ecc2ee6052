//! The door of the REST API: who is there, may they come, and to which desk do they go.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::{Value, json};

use super::Served;
use super::calls::Call;
use super::limits::Allowance;
use super::line::Cut;
use super::refusal::{Outcome, Refusal, Reply};
use super::troubles::Trouble;
use super::world::World;

/// As much as Discord takes in one request.
const LARGEST_BODY: usize = 25 << 20;

pub(super) async fn answer(
    State(served): State<Arc<Served>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(call) = Call::read(&head.method, &head.uri, &head.headers, bytes) else {
        let fault = format!("{} {} is no path of API version 10", head.method, head.uri);
        served.change(|world| world.faults.push(fault));
        return StatusCode::NOT_FOUND.into_response();
    };
    let trouble = served.change(|world| {
        world
            .requests
            .push(format!("{} {}", call.method, call.path()));
        world.troubles.take(&call)
    });
    match trouble {
        Some(Trouble::Answer(status, body)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, Json(body)).into_response();
        }
        Some(Trouble::Page(status, page)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, Html(page)).into_response();
        }
        Some(Trouble::Wait(wait)) => served.change(|world| world.limits.close(&call, wait)),
        Some(Trouble::WaitAll(wait)) => served.change(|world| world.limits.close_all(wait)),
        Some(Trouble::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Trouble::DropRequest) => {
            cut.cut();
            return Body::empty().into_response();
        }
        Some(Trouble::DropAnswer) => {
            // A refusal is noted by itself; nobody gets the answer.
            served.change(|world| world.answer(&call)).ok();
            cut.cut();
            return Body::empty().into_response();
        }
        Some(Trouble::HoldAnswer) => {
            served.change(|world| world.answer(&call)).ok();
            std::future::pending::<()>().await;
        }
        None => {}
    }
    // The first who is told to wait is not early.
    let is_told = matches!(trouble, Some(Trouble::Wait(_) | Trouble::WaitAll(_)));
    let (outcome, allowance) = served.change(|world| world.admit(&call, is_told));
    respond(outcome, allowance.as_ref())
}

fn respond(outcome: Outcome, allowance: Option<&Allowance>) -> Response {
    let mut response = match outcome {
        Ok(Reply::Json(body)) => Json(body).into_response(),
        Ok(Reply::Created(body)) => (StatusCode::CREATED, Json(body)).into_response(),
        Ok(Reply::Nothing) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).expect("a status");
            let mut response = (status, Json(refusal.body)).into_response();
            if let Some(wait) = refusal.retry_after {
                let seconds = wait.as_secs_f64().ceil().to_string();
                add(&mut response, "retry-after", &seconds);
                let is_global = refusal.is_global;
                let scope = if is_global { "global" } else { "user" };
                add(&mut response, "x-ratelimit-scope", scope);
                if is_global {
                    add(&mut response, "x-ratelimit-global", "true");
                }
            }
            response
        }
    };
    for (name, value) in allowance.into_iter().flat_map(Allowance::headers) {
        add(&mut response, name, &value);
    }
    response
}

fn add(response: &mut Response, name: &'static str, value: &str) {
    let value = value.parse().expect("digits are a header's value");
    response.headers_mut().insert(name, value);
}

impl World {
    fn admit(&mut self, call: &Call, is_told: bool) -> (Outcome, Option<Allowance>) {
        // The ends of interactions are not limited.
        if call.is_like("POST", "/interactions/*/*/callback") {
            return (self.answer(call), None);
        }
        if let Some(wait) = self.limits.wait_of_all(is_told) {
            return (Err(Refusal::all_too_many(wait)), None);
        }
        let (allowance, verdict) = self.limits.admit(call, is_told);
        let outcome = match verdict {
            Ok(()) => self.answer(call),
            Err(wait) => Err(Refusal::too_many(wait)),
        };
        (outcome, Some(allowance))
    }

    fn answer(&mut self, call: &Call) -> Outcome {
        let outcome = self.route(call);
        if let Err(refusal) = &outcome {
            let code = refusal.code();
            self.refusals
                .push((format!("{} {}", call.method, call.path()), code));
            let is_announced = !self.refusals_are_faults
                || self.expected_refusals.contains(&code)
                || (refusal.status == 401 && self.token_is_revoked);
            if !is_announced {
                self.faults.push(format!(
                    "{} -> {} {}",
                    call.shown(),
                    refusal.status,
                    refusal.body
                ));
            }
        }
        outcome
    }

    fn route(&mut self, call: &Call) -> Outcome {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        // These are open to whoever knows the token in the path.
        match (method, segments.as_slice()) {
            ("GET", ["gateway"]) => return Ok(Reply::Json(json!({ "url": self.gateway_url }))),
            ("POST", ["interactions", id, token, "callback"]) => {
                return self.take_callback(call, id, token);
            }
            (_, ["webhooks", id, token, rest @ ..]) => {
                return match *id == self.bot.to_string() {
                    true => self.take_for_interaction(call, token, rest),
                    false => self.take_for_webhook(call, id, token, rest),
                };
            }
            _ => {}
        }
        self.check_token(call)?;
        match (method, segments.as_slice()) {
            ("GET", ["gateway", "bot"]) => Ok(Reply::Json(self.gateway_for_bots())),
            (_, ["applications", application, "commands", rest @ ..]) => {
                self.take_commands(call, application, None, rest)
            }
            (
                _,
                [
                    "applications",
                    application,
                    "guilds",
                    guild,
                    "commands",
                    rest @ ..,
                ],
            ) => self.take_commands(call, application, Some(guild), rest),
            (_, ["channels", channel, "messages", rest @ ..]) => {
                self.take_messages(call, channel, rest)
            }
            (_, ["channels", channel, "webhooks"]) => self.take_channel_webhooks(call, channel),
            (_, ["webhooks", id]) => self.take_webhook(call, id),
            _ => self.take_place(call, &segments),
        }
    }

    fn check_token(&mut self, call: &Call) -> Result<(), Refusal> {
        let expected = format!("Bot {}", self.token);
        if self.token_is_revoked || call.authorization.as_ref() != Some(&expected) {
            return Err(Refusal::unauthorized());
        }
        // Discord may block clients that do not name themselves so.
        if !call.agent.starts_with("DiscordBot (") {
            self.faults
                .push(format!("user agent {:?}: {}", call.agent, call.shown()));
        }
        Ok(())
    }

    fn gateway_for_bots(&self) -> Value {
        let sessions = &self.sessions;
        json!({
            "url": self.gateway_url,
            "shards": 1,
            "session_start_limit": {
                "total": 1000,
                "remaining": sessions.allowed.saturating_sub(sessions.identifies),
                "reset_after": 14_400_000,
                "max_concurrency": 1,
            },
        })
    }
}

//! The HTTP side: reads requests, waits for updates, delivers them to a webhook, and breaks connections when the test wants it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Shared;
use super::calls::{self, Arguments, File, Refusal};
use super::script::Mishap;
use super::updates;
use super::world::{World, merge, now};
use crate::support::multipart;

/// The documents allow 50 MB for uploads.
const LARGEST_REQUEST: usize = 50 << 20;

/// How soon a webhook that failed is tried again; the platform takes longer.
const BETWEEN_DELIVERIES: Duration = Duration::from_millis(200);

/// A poller that has gone away need not hear that another has come. Only who is still there after this has a rival.
const GRACE: Duration = Duration::from_millis(300);

/// Answers one request.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let failing = shared.world().script.failing;
    if let Some(status) = failing {
        return failed(status);
    }
    let path = request.uri().path().replace("%3A", ":");
    let Some((token, method)) = path
        .strip_prefix("/bot")
        .and_then(|path| path.split_once('/'))
        .filter(|(token, _)| is_token(token))
    else {
        let refusal = Refusal {
            status: 404,
            description: "Not Found".to_owned(),
            parameters: None,
        };
        shared.change(|world| calls::refuse(world, &path, &refusal, &Arguments::default()));
        return reply(Err(refusal));
    };
    let (token, method) = (token.to_owned(), method.to_owned());
    let arguments = match arguments(request).await {
        Ok(arguments) => arguments,
        Err(refusal) => {
            shared.change(|world| calls::refuse(world, &method, &refusal, &Arguments::default()));
            return reply(Err(refusal));
        }
    };
    if let Err(refusal) = shared.change(|world| check_token(world, &token, &method)) {
        return reply(Err(refusal));
    }
    let mishap = shared.change(|world| world.script.take(&method));
    match mishap {
        Some(Mishap::Answers(status, answer)) => {
            let status = StatusCode::from_u16(status).expect("the test gave a status");
            return (status, Json(answer)).into_response();
        }
        Some(Mishap::DropsBefore) => return broken(),
        Some(Mishap::Delays(_) | Mishap::DropsAfter | Mishap::Shows(_)) | None => {}
    }
    let mut done = if method.eq_ignore_ascii_case("getUpdates") {
        get_updates(&shared, &arguments).await
    } else {
        shared.change(|world| calls::carry_out(world, &method, &arguments))
    };
    match mishap {
        Some(Mishap::DropsAfter) => return broken(),
        Some(Mishap::Delays(by)) => tokio::time::sleep(by).await,
        Some(Mishap::Shows(fields)) => {
            if let Ok(shown) = &mut done {
                merge(shown, fields);
            }
        }
        _ => {}
    }
    reply(done)
}

/// Posts updates to the webhook while there is one, one after the other, each until it is taken.
pub(super) async fn deliver(shared: Arc<Shared>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(super::super::PATIENCE)
        .build()
        .expect("a client without files");
    loop {
        let is_due = |world: &World| world.updates.webhook.is_some() && world.updates.pending() > 0;
        shared.until(is_due).await;
        let (webhook, batch) = {
            let world = shared.world();
            (world.updates.webhook.clone(), world.updates.batch(1))
        };
        let Some(webhook) = webhook else {
            continue;
        };
        for update in batch {
            let mut request = client.post(&webhook.url).json(&update);
            if let Some(secret) = &webhook.secret {
                request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
            }
            let error = match request.send().await {
                Ok(response) if response.status().is_success() => None,
                Ok(response) => Some(format!(
                    "Wrong response from the webhook: {}",
                    response.status()
                )),
                Err(error) => Some(error.to_string()),
            };
            let has_failed = error.is_some();
            shared.change(|world| {
                if !has_failed {
                    world.updates.confirm_before(updates::id(&update) + 1);
                }
                if let (Some(webhook), Some(error)) = (&mut world.updates.webhook, error) {
                    webhook.last_error = Some((error, now()));
                }
            });
            if has_failed {
                tokio::time::sleep(BETWEEN_DELIVERIES).await;
                break;
            }
        }
    }
}

/// Waits for updates; whoever asks later ends the wait of those who asked earlier.
async fn get_updates(shared: &Shared, arguments: &Arguments) -> Result<Value, Refusal> {
    let mut changed = shared.changed.subscribe();
    let timeout = arguments.integer("timeout").unwrap_or(0).clamp(0, 50);
    let deadline = Instant::now() + Duration::from_secs(timeout.unsigned_abs());
    let limit = arguments.integer("limit").unwrap_or(100).clamp(1, 100);
    let poll = shared.change(|world| {
        calls::note_get_updates(world, arguments);
        if let Some(offset) = arguments.integer("offset").filter(|offset| *offset != 0) {
            world.updates.confirm_before(offset);
        }
        world.updates.allow(arguments.words("allowed_updates"));
        world.updates.poll += 1;
        world.updates.poll
    });
    loop {
        let outcome = {
            let world = shared.world();
            if let Some(status) = world.script.failing {
                Some(Err((status, "Internal Server Error")))
            } else if world.revoked {
                Some(Err((401, "Unauthorized")))
            } else if world.updates.webhook.is_some() {
                Some(Err((409, WEBHOOK_IS_SET)))
            } else if world.updates.poll != poll {
                Some(Err((409, OTHER_POLLER)))
            } else {
                let batch = world.updates.batch(limit as usize);
                (!batch.is_empty() || Instant::now() >= deadline).then_some(Ok(batch))
            }
        };
        match outcome {
            Some(Ok(batch)) => return Ok(json!(batch)),
            Some(Err((status, description))) => {
                let refusal = Refusal {
                    status,
                    description: description.to_owned(),
                    parameters: None,
                };
                if status == 409 {
                    tokio::time::sleep(GRACE).await;
                    shared.change(|world| calls::refuse(world, "getUpdates", &refusal, arguments));
                }
                return Err(refusal);
            }
            // The end of the time is seen in the next round.
            None => drop(tokio::time::timeout_at(deadline, changed.changed()).await),
        }
    }
}

const OTHER_POLLER: &str = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const WEBHOOK_IS_SET: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

/// A bot's number, a colon, and a secret.
fn is_token(token: &str) -> bool {
    let is_secret = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    token.split_once(':').is_some_and(|(id, secret)| {
        id.parse::<u64>().is_ok() && secret.len() >= 30 && secret.chars().all(is_secret)
    })
}

fn check_token(world: &mut World, token: &str, method: &str) -> Result<(), Refusal> {
    if token == world.token && !world.revoked {
        return Ok(());
    }
    let refusal = Refusal {
        status: 401,
        description: "Unauthorized".to_owned(),
        parameters: None,
    };
    // Whoever revokes the token wants to see this.
    if !world.revoked {
        calls::refuse(world, method, &refusal, &Arguments::default());
    }
    Err(refusal)
}

/// Arguments may stand in the address, as a form, as JSON, and with files in many parts.
async fn arguments(request: Request) -> Result<Arguments, Refusal> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        return Err(Refusal {
            status: 413,
            description: "Request Entity Too Large".to_owned(),
            parameters: None,
        });
    };
    let mut arguments = Arguments::default();
    take_form(&mut arguments, &head.uri);
    let kind = head.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") && !body.is_empty() {
        match serde_json::from_slice(&body) {
            Ok(Value::Object(values)) => arguments.values.extend(values),
            _ => return Err(Refusal::bad("can't parse JSON object")),
        }
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        let text = String::from_utf8_lossy(&body);
        if let Ok(uri) = format!("/?{text}").parse() {
            take_form(&mut arguments, &uri);
        }
    } else if let Some((_, boundary)) = kind.split_once("boundary=") {
        for part in multipart::parts(boundary, &body) {
            match part.file {
                Some(name) => arguments.files.push(File {
                    field: part.field,
                    name,
                    bytes: part.bytes,
                }),
                None => {
                    let text = String::from_utf8_lossy(&part.bytes);
                    arguments.values.insert(part.field, json!(text));
                }
            }
        }
    }
    // What is null is not there.
    arguments.values.retain(|_, value| !value.is_null());
    Ok(arguments)
}

fn take_form(arguments: &mut Arguments, uri: &Uri) {
    if let Ok(Query(values)) = Query::<HashMap<String, String>>::try_from_uri(uri) {
        let values = values.into_iter().map(|(key, value)| (key, json!(value)));
        arguments.values.extend(values);
    }
}

fn reply(done: Result<Value, Refusal>) -> Response {
    match done {
        Ok(result) => Json(json!({ "ok": true, "result": result })).into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).expect("refusals have a status");
            (status, Json(refusal.value())).into_response()
        }
    }
}

fn failed(status: u16) -> Response {
    let status = StatusCode::from_u16(status).expect("the test gave a status");
    let description = status.canonical_reason().unwrap_or("Error");
    let answer = json!({ "ok": false, "error_code": status.as_u16(), "description": description });
    (status, Json(answer)).into_response()
}

/// An answer that begins and never ends: the connection breaks.
fn broken() -> Response {
    let error = std::io::Error::other("the test breaks the connection");
    Body::from_stream(stream::iter([Ok(Bytes::from_static(b"{")), Err(error)])).into_response()
}

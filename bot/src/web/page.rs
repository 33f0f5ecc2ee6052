//! The web chat: its files and the few requests that it makes.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use chatfriends_engine::Readiness;
use chatfriends_personas::{Language, PersonaId};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;

use super::{Visitor, language};
use crate::commands::COMMANDS;
use crate::context::Context;
use crate::identity::{PlaceKind, Rank, Scope};
use crate::inbound::Manner;
use crate::memory::FactId;
use crate::outlet::Outlet;
use crate::settings::Brain;
use crate::store::StoreError;
use crate::turn;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page as a browser loads it: path, content type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/style.css", CSS, include_str!("page/style.css")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/words.js", SCRIPT, include_str!("page/words.js")),
    ("/exchange.js", SCRIPT, include_str!("page/exchange.js")),
    ("/daemon.js", SCRIPT, include_str!("page/daemon.js")),
    ("/thread.js", SCRIPT, include_str!("page/thread.js")),
    ("/box.js", SCRIPT, include_str!("page/box.js")),
    ("/memory.js", SCRIPT, include_str!("page/memory.js")),
    ("/people.js", SCRIPT, include_str!("page/people.js")),
    ("/drawers.js", SCRIPT, include_str!("page/drawers.js")),
    ("/scroll.js", SCRIPT, include_str!("page/scroll.js")),
    ("/avatar.js", SCRIPT, include_str!("page/avatar.js")),
];

pub(super) fn routes() -> Router<Arc<Context>> {
    FILES
        .iter()
        .fold(Router::new(), |router, (path, content_type, text)| {
            router.route(path, get(|| file(content_type, text)))
        })
        .route("/api/about", get(about))
        .route("/api/say", post(say))
        .route("/api/talk", get(talk))
        .route("/api/memory", get(memory).delete(forget_all))
        .route("/api/memory/{fact}", delete(forget))
}

/// One of the page's own files. The policy lets the page load nothing from anywhere else, nor run what a reply might smuggle in.
async fn file(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// Who can answer, with which model, and which commands there are.
async fn about(State(ctx): State<Arc<Context>>) -> Json<Value> {
    let library = ctx.catalogue.now();
    let personas: Vec<Value> = library
        .iter()
        .map(|persona| json!({ "id": persona.id, "name": persona.name, "languages": persona.languages, "greeting": persona.greeting }))
        .collect();
    let commands: Vec<Value> = COMMANDS
        .iter()
        .map(|command| {
            let both = |say: &dyn Fn(Language) -> String| json!({ "en": say(Language::English), "ko": say(Language::Korean) });
            json!({ "name": both(&|language| command.name(language).to_owned()), "usage": both(&|language| command.usage(language, Rank::ManagesAll, PlaceKind::Screen)), "summary": both(&|language| command.summary(language).to_owned()) })
        })
        .collect();
    let readiness = ctx.brains.readiness();
    Json(json!({
        "personas": personas,
        "default": ctx.settings.default_persona,
        "starter": matches!(ctx.settings.brain, Brain::Starter),
        "trouble": readiness.trouble(),
        "lasting": matches!(readiness, Readiness::Failed(_)),
        "longest": ctx.settings.limits.message_characters,
        "commands": commands,
    }))
}

#[derive(Deserialize)]
struct Saying {
    /// Who is to answer; without it, whoever was chosen with `/persona set`.
    persona: Option<PersonaId>,
    text: String,
}

/// A message, or a command; the answer is a stream of what to show.
async fn say(
    State(ctx): State<Arc<Context>>,
    headers: HeaderMap,
    saying: Result<Json<Saying>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(saying) = saying.map_err(|error| Refused(error.status(), error.body_text()))?;
    let inbound = visitor(&headers)?.says(
        saying.persona,
        saying.text,
        language(&headers),
        Manner::Talk,
    );
    let (out, shows) = Outlet::channel();
    ctx.turns.spawn(turn::run(Arc::clone(&ctx), inbound, out));
    let events = ReceiverStream::new(shows).map(|show| Event::default().json_data(show));
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response())
}

#[derive(Deserialize)]
struct With {
    persona: PersonaId,
}

/// What was said lately in this conversation.
async fn talk(
    State(ctx): State<Arc<Context>>,
    headers: HeaderMap,
    with: Result<Query<With>, QueryRejection>,
) -> Result<Json<Value>, Refused> {
    let conversation = scope(&headers, with)?.conversation;
    let turns = ctx.memory.recent(&conversation, 50).await?;
    let turns: Vec<Value> = turns.iter().map(|turn| json!({ "said": turn.text, "reply": turn.reply.as_ref().map(|reply| &reply.text), "complete": turn.reply.as_ref().is_some_and(|reply| reply.complete) })).collect();
    Ok(Json(json!({ "turns": turns })))
}

/// What is remembered of the visitor by this persona.
async fn memory(
    State(ctx): State<Arc<Context>>,
    headers: HeaderMap,
    with: Result<Query<With>, QueryRejection>,
) -> Result<Json<Value>, Refused> {
    let held = ctx.memory.held(&scope(&headers, with)?.owner).await?;
    let facts: Vec<Value> = held
        .facts
        .iter()
        .map(|fact| json!({ "id": fact.id, "key": { "en": fact.key.label(Language::English), "ko": fact.key.label(Language::Korean) }, "value": fact.value }))
        .collect();
    Ok(Json(json!({ "facts": facts, "summary": held.summary })))
}

async fn forget(
    State(ctx): State<Arc<Context>>,
    headers: HeaderMap,
    Path(fact): Path<FactId>,
    with: Result<Query<With>, QueryRejection>,
) -> Result<StatusCode, Refused> {
    let scope = scope(&headers, with)?;
    let _lane = ctx.lanes.enter(&scope.conversation).await;
    let heard_in = ctx.heard_in(&scope).await?;
    let existed = ctx.memory.forget_fact(&scope.owner, fact).await?;
    ctx.let_go(&scope.owner, &heard_in).await;
    Ok(if existed {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    })
}

async fn forget_all(
    State(ctx): State<Arc<Context>>,
    headers: HeaderMap,
    with: Result<Query<With>, QueryRejection>,
) -> Result<StatusCode, Refused> {
    let scope = scope(&headers, with)?;
    let _lane = ctx.lanes.enter(&scope.conversation).await;
    let heard_in = ctx.heard_in(&scope).await?;
    ctx.memory.forget_all(&scope.owner).await?;
    ctx.let_go(&scope.owner, &heard_in).await;
    Ok(StatusCode::NO_CONTENT)
}

fn visitor(headers: &HeaderMap) -> Result<Visitor, Refused> {
    let bad = |message: String| Refused(StatusCode::BAD_REQUEST, message);
    Visitor::of(headers)
        .map_err(bad)?
        .ok_or_else(|| bad("the header X-User-Id is missing".to_owned()))
}

fn scope(headers: &HeaderMap, with: Result<Query<With>, QueryRejection>) -> Result<Scope, Refused> {
    let Query(With { persona }) =
        with.map_err(|error| Refused(error.status(), error.body_text()))?;
    Ok(visitor(headers)?.scope(persona))
}

/// Why a request of the page was not carried out.
struct Refused(StatusCode, String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "The store failed while the page asked."
        );
        Self(
            StatusCode::SERVICE_UNAVAILABLE,
            "the memory cannot be reached".to_owned(),
        )
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        (status, Json(json!({ "error": message }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between `before` and the next quotation mark, wherever it stands.
    fn named<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn every_file_that_the_page_asks_for_is_served() {
        let served: Vec<&str> = FILES
            .iter()
            .map(|(path, ..)| path.trim_start_matches('/'))
            .collect();
        for (_, content_type, text) in FILES {
            let asked: Vec<&str> = match *content_type {
                SCRIPT => named(text, "from \"./").collect(),
                _ => named(text, "src=\"")
                    .chain(named(text, "href=\""))
                    .filter(|name| !name.starts_with(['#', 'd']))
                    .collect(),
            };
            for name in asked {
                assert!(served.contains(&name), "{name} is not served");
            }
        }
    }

    #[test]
    fn the_page_says_everything_in_both_languages() {
        let words = include_str!("page/words.js");
        let (_, sentences) = words.split_once("SENTENCES = {").unwrap();
        let (sentences, _) = sentences.split_once("\n};").unwrap();
        let lines = sentences
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("//"));
        let places = |text: &str| -> std::collections::BTreeSet<String> {
            text.split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
                .map(str::to_owned)
                .collect()
        };
        let mut checked = 0;
        for line in lines {
            let pair = line
                .split_once(": ")
                .unwrap_or_else(|| panic!("{line}"))
                .1
                .trim_end_matches(',');
            let pair: Vec<String> =
                serde_json::from_str(pair).unwrap_or_else(|error| panic!("{line}: {error}"));
            let [english, korean] = pair.as_slice() else {
                panic!("{line}")
            };
            assert!(!english.is_empty() && !korean.is_empty(), "{line}");
            assert_eq!(places(english), places(korean), "{line}");
            checked += 1;
        }
        assert!(checked > 20);
    }
}

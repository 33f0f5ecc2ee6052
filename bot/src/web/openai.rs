//! The endpoint for programs: the parts of OpenAI's API that chat clients use. A model there is a persona here.
//!
//! With `X-User-Id` the conversation is remembered and only the request's last message is new; without it the request is
//! self-contained and nothing is kept.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use chatfriends_engine::{Grammar, Message, Role};
use chatfriends_personas::{PersonaId, SamplingChoice};
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Visitor, language};
use crate::context::Context;
use crate::inbound::{Manner, Wishes};
use crate::outlet::{Ending, Finished, Outlet, Show, TroubleKind};
use crate::turn;

pub(super) fn routes() -> Router<Arc<Context>> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .route("/v1/{*rest}", any(unknown))
}

async fn unknown(uri: Uri) -> ApiError {
    let message = format!(
        "there is no {}; /v1/models and /v1/chat/completions are",
        uri.path()
    );
    ApiError::invalid(StatusCode::NOT_FOUND, message, None)
}

async fn models(State(ctx): State<Arc<Context>>) -> Json<Value> {
    let library = ctx.catalogue.now();
    let data: Vec<Value> = library
        .ids()
        .map(|id| json!({ "id": id, "object": "model", "created": 0, "owned_by": "chatfriends" }))
        .collect();
    Json(json!({ "object": "list", "data": data }))
}

/// A request as clients send it; fields that are not here are ignored.
#[derive(Debug, Deserialize)]
struct Asked {
    model: String,
    messages: Vec<AskedMessage>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<u32>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<i64>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    #[serde(default)]
    stop: Stops,
    seed: Option<i64>,
    ignore_eos: Option<bool>,
    response_format: Option<ResponseFormat>,
    /// As llama.cpp's server calls it: GBNF.
    grammar: Option<String>,
}

/// The form of the reply.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ResponseFormat {
    Text,
    /// llama.cpp's server takes a schema here, too.
    JsonObject {
        schema: Option<Value>,
    },
    JsonSchema {
        json_schema: JsonSchema,
    },
}

#[derive(Debug, Deserialize)]
struct JsonSchema {
    schema: Value,
    strict: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct AskedMessage {
    role: String,
    #[serde(default)]
    content: Content,
}

/// Text, or parts of which only text is understood.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Content {
    #[default]
    None,
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Stops {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

/// A request that makes sense.
struct Checked {
    persona: PersonaId,
    history: Vec<Message>,
    last: String,
    wishes: Wishes,
}

async fn completions(
    State(ctx): State<Arc<Context>>,
    headers: HeaderMap,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(asked) = asked.map_err(|error| {
        // OpenAI answers 400 to a field that is missing or of another type, too.
        let status = if error.status() == StatusCode::UNPROCESSABLE_ENTITY {
            StatusCode::BAD_REQUEST
        } else {
            error.status()
        };
        ApiError::invalid(status, error.body_text(), None)
    })?;
    let (streaming, include_usage) = (
        asked.stream.unwrap_or_default(),
        asked
            .stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage),
    );
    let Checked {
        persona,
        history,
        last,
        wishes,
    } = check(asked)?;
    let id = format!("chatcmpl-{:016x}", rand::random::<u64>());
    let frame = Frame {
        id,
        created: now(),
        model: persona.to_string(),
    };
    let visitor = Visitor::of(&headers)
        .map_err(|message| ApiError::invalid(StatusCode::BAD_REQUEST, message, None))?;
    let manner = Manner::Program(Box::new(wishes));
    let (out, mut shows) = Outlet::channel();
    match visitor {
        Some(visitor) => {
            let inbound = visitor.says(Some(persona), last, language(&headers), manner);
            ctx.turns.spawn(turn::run(Arc::clone(&ctx), inbound, out));
        }
        None => {
            // Nobody is named, so the message stands for a guest of its own who waits for nobody else's.
            let guest = Visitor {
                user: format!("guest {}", frame.id),
                channel: String::new(),
            };
            let inbound = guest.says(Some(persona), last, language(&headers), manner);
            ctx.turns
                .spawn(turn::run_alone(Arc::clone(&ctx), inbound, history, out));
        }
    }
    // Trouble before the first word still gets its own status code.
    let first = next_visible(&mut shows).await;
    match first {
        // The sentence for people names a command.
        Some(Show::Trouble {
            kind: TroubleKind::UnknownPersona,
            ..
        }) => {
            let library = ctx.catalogue.now();
            let nearest = library.nearest(&frame.model);
            return Err(ApiError::no_persona(&frame.model, nearest));
        }
        Some(Show::Trouble { text, kind }) => return Err(ApiError::of_trouble(kind, text)),
        _ => {}
    }
    if streaming {
        let events = stream(frame, include_usage, first, shows)
            .map(|data| Ok::<_, std::convert::Infallible>(Event::default().data(data)));
        Ok(Sse::new(events)
            .keep_alive(KeepAlive::default())
            .into_response())
    } else {
        Ok(Json(whole(&frame, first, shows).await).into_response())
    }
}

fn check(asked: Asked) -> Result<Checked, ApiError> {
    let invalid = |message: &str, param: &'static str| {
        ApiError::invalid(StatusCode::BAD_REQUEST, message.to_owned(), Some(param))
    };
    if asked.n.is_some_and(|n| n != 1) {
        return Err(invalid("n: one reply a request", "n"));
    }
    for (name, value, least, most) in [
        ("temperature", asked.temperature, 0.0, 5.0),
        ("top_p", asked.top_p, 0.0, 1.0),
        ("min_p", asked.min_p, 0.0, 1.0),
        ("repeat_penalty", asked.repeat_penalty, 0.01, 5.0),
    ] {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            return Err(invalid(
                &format!("{name} must be between {least} and {most}"),
                name,
            ));
        }
    }
    let max_tokens = asked.max_completion_tokens.or(asked.max_tokens);
    if max_tokens == Some(0) {
        return Err(invalid("max_tokens must be at least 1", "max_tokens"));
    }
    // llama.cpp's clients send -1 where they mean no limit.
    let max_tokens = max_tokens.and_then(|most| u32::try_from(most).ok());
    let stop = match asked.stop {
        Stops::None => Vec::new(),
        Stops::One(text) => vec![text],
        Stops::Many(texts) => texts,
    };
    if stop.len() > 16 || stop.iter().any(|text| text.is_empty() || text.len() > 200) {
        return Err(invalid("stop: at most 16 texts of 1 to 200 bytes", "stop"));
    }
    let persona =
        PersonaId::new(&asked.model).map_err(|_| ApiError::no_persona(&asked.model, None))?;

    let mut system = Vec::new();
    let mut history = Vec::new();
    for message in asked.messages {
        let text = message
            .content
            .text()
            .map_err(|message| invalid(&message, "messages"))?;
        match message.role.as_str() {
            "system" | "developer" => system.push(text),
            "user" => history.push(Message {
                role: Role::User,
                content: text,
            }),
            "assistant" => history.push(Message {
                role: Role::Assistant,
                content: text,
            }),
            other => {
                return Err(invalid(
                    &format!("a message cannot have the role {other:?}"),
                    "messages",
                ));
            }
        }
    }
    let Some(Message {
        role: Role::User,
        content: last,
    }) = history.pop()
    else {
        return Err(invalid("the last message must be the user's", "messages"));
    };
    let sampling = SamplingChoice {
        temperature: asked.temperature,
        top_p: asked.top_p,
        top_k: asked.top_k.map(|most| u32::try_from(most).unwrap_or(0)),
        min_p: asked.min_p,
        repeat_penalty: asked.repeat_penalty,
        ..SamplingChoice::default()
    };
    let form = match asked.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonObject { schema }) => Some(Grammar::JsonSchema {
            schema: schema.unwrap_or_else(|| json!({ "type": "object" })),
            strict: false,
        }),
        Some(ResponseFormat::JsonSchema { json_schema }) => Some(Grammar::JsonSchema {
            schema: json_schema.schema,
            strict: json_schema.strict.unwrap_or_default(),
        }),
    };
    let rules = asked.grammar.filter(|rules| !rules.is_empty());
    let grammar = match (form, rules) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "a reply has one form: response_format or grammar, not both",
                "grammar",
            ));
        }
        (form, rules) => form.or(rules.map(Grammar::Gbnf)),
    };
    let wishes = Wishes {
        system: (!system.is_empty()).then(|| system.join("\n\n")),
        max_tokens,
        sampling,
        stop,
        grammar,
        // Any number is a seed; the engine's has 32 bits.
        seed: asked
            .seed
            .map(|seed| (seed.unsigned_abs() & u64::from(u32::MAX)) as u32),
        ignore_eos: asked.ignore_eos.unwrap_or_default(),
    };
    Ok(Checked {
        persona,
        history,
        last,
        wishes,
    })
}

impl Content {
    fn text(self) -> Result<String, String> {
        match self {
            Self::None => Ok(String::new()),
            Self::Text(text) => Ok(text),
            Self::Parts(parts) => parts
                .into_iter()
                .map(|part| match (part.kind.as_str(), part.text) {
                    ("text", Some(text)) => Ok(text),
                    (kind, _) => Err(format!(
                        "a part of type {kind:?} cannot be read; only text can"
                    )),
                })
                .collect::<Result<Vec<_>, _>>()
                .map(|texts| texts.join("\n")),
        }
    }
}

/// What every object of one answer repeats.
struct Frame {
    id: String,
    created: u64,
    model: String,
}

impl Frame {
    fn chunk(&self, delta: &Value, finish: Option<&str>) -> String {
        let Self { id, created, model } = self;
        json!({ "id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] }).to_string()
    }
}

async fn next_visible(shows: &mut mpsc::Receiver<Show>) -> Option<Show> {
    loop {
        match shows.recv().await {
            Some(
                Show::Taken { .. }
                | Show::Answering { .. }
                | Show::Again { .. }
                | Show::Persona { .. }
                | Show::Form { .. },
            ) => {}
            other => return other,
        }
    }
}

async fn whole(frame: &Frame, first: Option<Show>, mut shows: mpsc::Receiver<Show>) -> Value {
    let mut content = String::new();
    let mut finish = None;
    let mut next = first;
    while let Some(show) = next {
        match show {
            Show::Text { text } => content.push_str(&text),
            Show::Notice { text } | Show::File { text, .. } | Show::Trouble { text, .. } => {
                content.push_str(&on_its_own_line(&content, &text))
            }
            Show::Done { finish: finished } => finish = finished,
            Show::Taken { .. }
            | Show::Answering { .. }
            | Show::Again { .. }
            | Show::Persona { .. }
            | Show::Form { .. } => {}
        }
        next = shows.recv().await;
    }
    let Frame { id, created, model } = frame;
    json!({
        "id": id, "object": "chat.completion", "created": created, "model": model,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": content.trim_end() }, "finish_reason": finish_reason(finish) }],
        "usage": usage(finish),
    })
}

fn stream(
    frame: Frame,
    include_usage: bool,
    first: Option<Show>,
    shows: mpsc::Receiver<Show>,
) -> impl Stream<Item = String> {
    let opening = frame.chunk(&json!({ "role": "assistant", "content": "" }), None);
    let mut said = String::new();
    let rest = futures::stream::iter(first).chain(ReceiverStream::new(shows)).flat_map(move |show| {
        let chunks = match show {
            Show::Text { text } => {
                said.push_str(&text);
                vec![frame.chunk(&json!({ "content": text }), None)]
            }
            Show::Notice { text } | Show::File { text, .. } | Show::Trouble { text, .. } => vec![frame.chunk(&json!({ "content": on_its_own_line(&said, &text) }), None)],
            Show::Done { finish } => {
                let mut chunks = vec![frame.chunk(&json!({}), Some(finish_reason(finish)))];
                if include_usage {
                    let Frame { id, created, model } = &frame;
                    chunks.push(json!({ "id": id, "object": "chat.completion.chunk", "created": created, "model": model, "choices": [], "usage": usage(finish) }).to_string());
                }
                chunks.push("[DONE]".to_owned());
                chunks
            }
            Show::Taken { .. }
                | Show::Answering { .. }
                | Show::Again { .. }
                | Show::Persona { .. }
                | Show::Form { .. } => Vec::new(),
        };
        futures::stream::iter(chunks)
    });
    futures::stream::once(async { opening }).chain(rest)
}

fn on_its_own_line(said: &str, notice: &str) -> String {
    if said.is_empty() {
        notice.to_owned()
    } else {
        format!("\n\n{notice}")
    }
}

fn finish_reason(finish: Option<Finished>) -> &'static str {
    match finish.map(|finish| finish.reason) {
        // A reply that broke off is no complete one.
        Some(Ending::Length | Ending::Deadline | Ending::Broken) => "length",
        Some(Ending::Complete | Ending::Stopped) | None => "stop",
    }
}

fn usage(finish: Option<Finished>) -> Value {
    let (prompt, cached, completion) = finish.map_or((0, 0, 0), |finish| {
        (
            finish.prompt_tokens,
            finish.cached_tokens,
            finish.completion_tokens,
        )
    });
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, "prompt_tokens_details": { "cached_tokens": cached } })
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// An error in OpenAI's form.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl ApiError {
    fn invalid(status: StatusCode, message: String, param: Option<&'static str>) -> Self {
        Self {
            status,
            message,
            kind: "invalid_request_error",
            param,
            code: None,
        }
    }

    fn no_persona(asked: &str, nearest: Option<&PersonaId>) -> Self {
        let hint = nearest.map_or_else(String::new, |known| {
            format!(" (did you mean {:?}?)", known.as_str())
        });
        Self {
            status: StatusCode::NOT_FOUND,
            message: format!("there is no persona {asked:?}{hint}; /v1/models lists them"),
            kind: "invalid_request_error",
            param: Some("model"),
            code: Some("model_not_found"),
        }
    }

    fn of_trouble(trouble: TroubleKind, message: String) -> Self {
        let (status, kind, code) = match trouble {
            TroubleKind::Message => (StatusCode::BAD_REQUEST, "invalid_request_error", None),
            TroubleKind::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                Some("rate_limit_exceeded"),
            ),
            TroubleKind::UnknownPersona => (
                StatusCode::NOT_FOUND,
                "invalid_request_error",
                Some("model_not_found"),
            ),
            TroubleKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "server_error", None),
            TroubleKind::Fault => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
        };
        Self {
            status,
            message,
            kind,
            param: None,
            code,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self {
            status,
            message,
            kind,
            param,
            code,
        } = self;
        (status, Json(json!({ "error": { "message": message, "type": kind, "param": param, "code": code } }))).into_response()
    }
}

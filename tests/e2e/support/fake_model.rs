//! A model server in OpenAI's form. It refuses what such servers refuse, keeps every prompt, and replies as the test tells it.
//!
//! What a request does wrong is kept and fails the test when the server is dropped.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::DropGuard;

use super::crossings::{Crossings, cross};
use super::{in_time, serving};

/// What a chat template may add to a message.
const MESSAGE_OVERHEAD: usize = 16;

pub(crate) struct FakeModel {
    url: String,
    state: Arc<Served>,
    _stop: DropGuard,
}

/// What the server's handlers share with the test.
struct Served {
    context: usize,
    /// Whether fields that only other servers know are refused, as OpenAI does.
    strict: bool,
    script: Mutex<Script>,
    next: Mutex<VecDeque<Next>>,
    prompts: watch::Sender<Vec<Prompt>>,
    faults: Mutex<Vec<String>>,
    health: Mutex<StatusCode>,
}

type Script = Arc<dyn Fn(&Prompt) -> String + Send + Sync>;

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Prompt {
    pub(crate) body: Value,
    pub(crate) messages: Vec<(String, String)>,
}

/// A reply that is laid out for the next request, or for the one that ends in these words.
struct Next {
    to: String,
    reply: Reply,
}

enum Reply {
    Written(mpsc::UnboundedReceiver<Piece>),
    /// Not even a status comes while the pen is there.
    Withheld(mpsc::UnboundedReceiver<Piece>),
    Refused(StatusCode),
}

enum Piece {
    Text(String),
    Break,
}

/// Writes a reply piece by piece. Dropping it ends the reply.
pub(crate) struct Pen(mpsc::UnboundedSender<Piece>);

/// An address at which nothing listens.
pub(crate) struct Nobody {
    address: SocketAddr,
    /// Bound and not listening: connections are refused, and no other test gets the port.
    _socket: TcpSocket,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("loopback has free ports");
        Self {
            address: socket.local_addr().expect("a bound socket has an address"),
            _socket: socket,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl FakeModel {
    /// With room for any conversation.
    pub(crate) async fn start() -> Self {
        Self::with_context(1 << 20).await
    }

    /// With a context of so many tokens; the daemon must be told the same with `server.context`.
    pub(crate) async fn with_context(context: usize) -> Self {
        Self::serve(context, false, Crossings::new()).await
    }

    /// Taking OpenAI's own fields only.
    pub(crate) async fn strict() -> Self {
        Self::serve(1 << 20, true, Crossings::new()).await
    }

    /// Its requests are counted there.
    pub(crate) async fn start_behind(crossings: Crossings) -> Self {
        Self::serve(1 << 20, false, crossings).await
    }

    async fn serve(context: usize, strict: bool, crossings: Crossings) -> Self {
        let (listener, address) = serving::listen().await;
        // As model servers have it: otherwise each piece of a reply but the first waits until the one before has been acknowledged.
        let listener = listener.tap_io(|tcp| tcp.set_nodelay(true).unwrap());
        let state = Arc::new(Served {
            context,
            strict,
            script: Mutex::new(Arc::new(|_| "Okay.".to_owned())),
            next: Mutex::default(),
            prompts: watch::channel(Vec::new()).0,
            faults: Mutex::default(),
            health: Mutex::new(StatusCode::OK),
        });
        let router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(completions))
            .with_state(Arc::clone(&state))
            .layer(from_fn_with_state(crossings, cross));
        Self {
            url: format!("http://{address}/v1"),
            state,
            _stop: serving::until_dropped(axum::serve(listener, router).into_future()),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How it replies from now on.
    pub(crate) fn replies(&self, script: impl Fn(&Prompt) -> String + Send + Sync + 'static) {
        *lock(&self.state.script) = Arc::new(script);
    }

    /// The next reply is written by the test.
    pub(crate) fn next_written(&self) -> Pen {
        self.written_to("")
    }

    /// The reply to these words is written by the test.
    pub(crate) fn written_to(&self, words: &str) -> Pen {
        let (pen, pieces) = mpsc::unbounded_channel();
        lock(&self.state.next).push_back(Next {
            to: words.to_owned(),
            reply: Reply::Written(pieces),
        });
        Pen(pen)
    }

    /// The next request is taken, and nothing at all is sent.
    pub(crate) fn next_withheld(&self) -> Pen {
        let (pen, pieces) = mpsc::unbounded_channel();
        lock(&self.state.next).push_back(Next {
            to: String::new(),
            reply: Reply::Withheld(pieces),
        });
        Pen(pen)
    }

    /// The next request is refused.
    pub(crate) fn next_refused(&self, status: u16) {
        let reply = Reply::Refused(StatusCode::from_u16(status).expect("a status"));
        lock(&self.state.next).push_back(Next {
            to: String::new(),
            reply,
        });
    }

    /// How it answers when asked whether it is there.
    pub(crate) fn set_health(&self, status: u16) {
        *lock(&self.state.health) = StatusCode::from_u16(status).expect("a status");
    }

    /// Every prompt so far.
    pub(crate) fn prompts(&self) -> Vec<Prompt> {
        self.state.prompts.borrow().clone()
    }

    /// The newest prompt.
    pub(crate) fn last(&self) -> Prompt {
        self.state
            .prompts
            .borrow()
            .last()
            .expect("there was a prompt")
            .clone()
    }

    /// The newest prompt that asks for an answer to these words; others may have come since, such as those for a summary.
    pub(crate) fn last_to(&self, words: &str) -> Prompt {
        let prompts = self.prompts();
        let asking = |prompt: &Prompt| prompt.last().ends_with(words);
        let newest = prompts.into_iter().rfind(asking);
        newest.unwrap_or_else(|| panic!("nobody asked for an answer to {words:?}"))
    }

    /// Waits until there were so many.
    pub(crate) async fn asked(&self, prompts: usize) {
        self.until_prompts(|all| all.len() >= prompts).await;
    }

    /// Waits until it is asked for an answer to these words.
    pub(crate) async fn asked_for(&self, words: &str) {
        let asking = |prompt: &Prompt| prompt.last().ends_with(words);
        self.until_prompts(|all| all.iter().any(asking)).await;
    }

    async fn until_prompts(&self, hold: impl FnMut(&Vec<Prompt>) -> bool) {
        let mut seen = self.state.prompts.subscribe();
        in_time("the model is asked", seen.wait_for(hold))
            .await
            .expect("the sender lives in self");
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        let faults = lock(&self.state.faults);
        assert!(
            faults.is_empty() || std::thread::panicking(),
            "requests that no server would take:\n{}",
            faults.join("\n")
        );
    }
}

impl Pen {
    pub(crate) fn write(&self, text: &str) {
        // Fails when nobody reads any more, which tests find out elsewhere.
        self.0.send(Piece::Text(text.to_owned())).ok();
    }

    /// Breaks the connection.
    pub(crate) fn break_off(self) {
        self.0.send(Piece::Break).ok();
    }

    /// Waits until nobody reads the reply any more.
    pub(crate) async fn unread(&self) {
        in_time("the reply is cancelled", self.0.closed()).await;
    }
}

impl Prompt {
    /// The words to be answered, with their notes.
    pub(crate) fn last(&self) -> &str {
        &self.messages.last().expect("checked").1
    }

    pub(crate) fn system(&self) -> &str {
        &self.messages.first().expect("checked").1
    }

    /// The lines of a block of notes in the last message.
    pub(crate) fn block(&self, tag: &str) -> Vec<String> {
        let Some((_, rest)) = self.last().split_once(&format!("<{tag}>\n")) else {
            return Vec::new();
        };
        let (block, _) = rest
            .split_once(&format!("\n</{tag}>"))
            .expect("a block has an end");
        block.lines().map(str::to_owned).collect()
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (role, content) in &self.messages {
            writeln!(text, "[{role}]\n{content}").expect("a String takes everything");
        }
        text
    }

    pub(crate) fn contains(&self, words: &str) -> bool {
        self.messages
            .iter()
            .any(|(_, content)| content.contains(words))
    }

    /// Tokens as this server counts them: many.
    pub(crate) fn tokens(&self) -> usize {
        self.messages
            .iter()
            .map(|(_, content)| count(content) + MESSAGE_OVERHEAD)
            .sum()
    }

    fn read(body: &[u8], strict: bool) -> Result<Self, String> {
        const OPENAI: &[&str] = &[
            "model",
            "messages",
            "stream",
            "stream_options",
            "max_tokens",
            "temperature",
            "top_p",
            "stop",
            "seed",
            "response_format",
        ];
        const OTHERS: &[&str] = &[
            "top_k",
            "min_p",
            "repeat_penalty",
            "repeat_last_n",
            "dry_multiplier",
            "dry_base",
            "dry_allowed_length",
            "ignore_eos",
            "grammar",
        ];
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        for name in body
            .as_object()
            .ok_or("not an object")?
            .keys()
            .map(String::as_str)
        {
            if strict && OTHERS.contains(&name) {
                return Err(format!("Unrecognized request argument supplied: {name}"));
            }
            if !OPENAI.contains(&name) && !OTHERS.contains(&name) {
                return Err(format!("no server knows {name}"));
            }
        }
        if body["model"] != "fake"
            || body["stream"] != true
            || body["max_tokens"].as_u64().is_none_or(|tokens| tokens == 0)
        {
            return Err(format!("model, stream or max_tokens: {body}"));
        }
        if body["stop"].as_array().is_some_and(|stops| stops.len() > 4) {
            return Err(format!("more than four stops: {body}"));
        }
        let mut messages = Vec::new();
        for (index, message) in body["messages"]
            .as_array()
            .ok_or("no messages")?
            .iter()
            .enumerate()
        {
            let expected = if index == 0 {
                "system"
            } else {
                ["assistant", "user"][index % 2]
            };
            let (Some(role), Some(content)) =
                (message["role"].as_str(), message["content"].as_str())
            else {
                return Err(format!("a message: {message}"));
            };
            if role != expected
                || content.is_empty()
                || message
                    .as_object()
                    .is_some_and(|message| message.len() != 2)
            {
                return Err(format!(
                    "message {index} must be of {expected} and not empty: {message}"
                ));
            }
            messages.push((role.to_owned(), content.to_owned()));
        }
        if messages.len() < 2 || messages.len() % 2 != 0 {
            return Err("the last message must be the user's".to_owned());
        }
        Ok(Self { body, messages })
    }
}

async fn models(State(state): State<Arc<Served>>) -> Response {
    let health = *lock(&state.health);
    (
        health,
        Json(json!({ "object": "list", "data": [{ "id": "fake", "object": "model" }] })),
    )
        .into_response()
}

async fn completions(State(state): State<Arc<Served>>, body: Bytes) -> Response {
    let prompt = match Prompt::read(&body, state.strict) {
        Ok(prompt) => prompt,
        Err(fault) => {
            if !fault.starts_with("Unrecognized") {
                lock(&state.faults).push(fault.clone());
            }
            return refusal(StatusCode::BAD_REQUEST, &fault, "invalid_request_error");
        }
    };
    let needed = prompt.tokens()
        + prompt.body["max_tokens"]
            .as_u64()
            .and_then(|tokens| usize::try_from(tokens).ok())
            .unwrap_or(usize::MAX);
    if needed > state.context {
        let fault = format!(
            "This model's maximum context length is {} tokens. However, you requested {needed} tokens.",
            state.context
        );
        lock(&state.faults).push(fault.clone());
        return refusal(StatusCode::BAD_REQUEST, &fault, "context_length_exceeded");
    }
    let script = Arc::clone(&lock(&state.script));
    let next = {
        let mut laid_out = lock(&state.next);
        let fitting = laid_out
            .iter()
            .position(|next| prompt.last().ends_with(&next.to));
        fitting
            .and_then(|index| laid_out.remove(index))
            .map(|next| next.reply)
    };
    state
        .prompts
        .send_modify(|prompts| prompts.push(prompt.clone()));
    match next {
        Some(Reply::Refused(status)) => refusal(status, "as the test wants it", "server_error"),
        Some(Reply::Written(pieces)) => written(&prompt, pieces),
        Some(Reply::Withheld(mut pieces)) => {
            while pieces.recv().await.is_some() {}
            refusal(StatusCode::GATEWAY_TIMEOUT, "too late", "server_error")
        }
        None => {
            let (pen, pieces) = mpsc::unbounded_channel();
            for piece in script(&prompt).split_inclusive(' ') {
                pen.send(Piece::Text(piece.to_owned())).ok();
            }
            written(&prompt, pieces)
        }
    }
}

fn refusal(status: StatusCode, message: &str, code: &str) -> Response {
    (
        status,
        Json(json!({ "error": { "message": message, "type": code, "param": null, "code": code } })),
    )
        .into_response()
}

/// Streams what is written until the pen is dropped, or the reader leaves.
fn written(prompt: &Prompt, mut pieces: mpsc::UnboundedReceiver<Piece>) -> Response {
    let (out, body) = mpsc::channel::<std::io::Result<Bytes>>(16);
    let prompt_tokens = prompt.tokens();
    tokio::spawn(async move {
        let data = |value: &Value| Ok(Bytes::from(format!("data: {value}\n\n")));
        let chunk = |delta: Value, finish: Value| json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        let mut completion_tokens = 0;
        loop {
            let piece = tokio::select! {
                piece = pieces.recv() => piece,
                () = out.closed() => return,
            };
            let sent = match piece {
                Some(Piece::Text(text)) => {
                    completion_tokens += count(&text);
                    out.send(data(&chunk(json!({ "content": text }), Value::Null)))
                        .await
                }
                Some(Piece::Break) => {
                    out.send(Err(std::io::Error::other("the connection breaks here")))
                        .await
                        .ok();
                    return;
                }
                None => break,
            };
            if sent.is_err() {
                return;
            }
        }
        let usage = json!({ "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": prompt_tokens + completion_tokens });
        let end = [
            data(&chunk(json!({}), json!("stop"))),
            data(&json!({ "choices": [], "usage": usage })),
            Ok(Bytes::from("data: [DONE]\n\n")),
        ];
        for piece in end {
            // Fails when the reader has left.
            out.send(piece).await.ok();
        }
    });
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(ReceiverStream::new(body)),
    )
        .into_response()
}

/// Half a token for each byte, which no vocabulary needs.
fn count(text: &str) -> usize {
    text.len().div_ceil(2)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

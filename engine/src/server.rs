//! Any OpenAI-compatible server in place of the worker. The server applies its own chat template, so a persona's template is not
//! used here, and whether special tokens typed by a person stay text is the server's doing.

mod answer;
mod sse;
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::generate::{
    ChatKey, EngineError, FinishReason, Generate, Grammar, Model, Readiness, Reply, Request,
};
use crate::request;
use answer::{Answer, read_stream};
use tokens::Counter;

/// Upper bound of what the templates in use add to a message; the server does not tell its own.
const MESSAGE_OVERHEAD: u32 = 16;
/// How often a server that answered is asked again, and one that did not.
const PROBE_READY: Duration = Duration::from_secs(15);
const PROBE_WAITING: Duration = Duration::from_secs(2);
/// How long somebody waits for a server that is away: as long as a quick restart takes.
const AWAY_PATIENCE: Duration = Duration::from_secs(10);
/// How long and how many bytes the reason of a refusal may take.
const ERROR_PATIENCE: Duration = Duration::from_secs(5);
const MAX_ERROR: usize = 64 << 10;

/// Where a model server is and how to speak to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Its address up to and with the version, such as `http://127.0.0.1:8080/v1`.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Sent as a bearer token; never logged.
    #[serde(default)]
    pub key: Option<String>,
    /// Tokens a prompt and its reply may have together.
    pub context: u32,
    /// The model's `tokenizer.json`, to count tokens exactly.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
}

impl std::fmt::Debug for ServerSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerSettings")
            .field("url", &self.url)
            .field("model", &self.model)
            .field("key", &self.key.as_ref().map(|_| "[hidden]"))
            .field("context", &self.context)
            .field("tokenizer", &self.tokenizer)
            .finish()
    }
}

/// A model server, seen as an engine.
#[derive(Debug)]
pub struct Server {
    line: Arc<Line>,
    readiness: watch::Receiver<Readiness>,
    counter: Counter,
    _stop_with_me: DropGuard,
}

/// What the handle and the tasks share.
#[derive(Debug)]
struct Line {
    settings: ServerSettings,
    client: Client,
    url: Url,
    readiness: watch::Sender<Readiness>,
    /// Wakes the probe when a request found that the server is away.
    look: Notify,
    /// Set when the server refuses fields that OpenAI's interface does not have.
    strict: AtomicBool,
    /// Ends the watch and every open reply.
    stop: CancellationToken,
}

impl Server {
    /// Checks the settings, reads the tokenizer and begins to watch the server. Must be called inside a tokio runtime.
    pub fn start(settings: ServerSettings) -> Result<Self, EngineError> {
        let url = parse_url(&settings.url)?;
        if settings.context < 128 {
            return Err(EngineError::Refused(format!(
                "context: must be at least 128, not {}",
                settings.context
            )));
        }
        let counter = Counter::open(settings.tokenizer.as_deref())?;
        let client = client(&url).map_err(|error| {
            EngineError::Refused(format!("no HTTP client could be made: {error}"))
        })?;
        let (readiness, seen) = watch::channel(Readiness::Waiting(
            "the model server has not answered yet".into(),
        ));
        let line = Arc::new(Line {
            settings,
            client,
            url,
            readiness,
            look: Notify::new(),
            strict: AtomicBool::new(false),
            stop: CancellationToken::new(),
        });
        tokio::spawn(watch_server(Arc::clone(&line)));
        Ok(Self {
            readiness: seen,
            counter,
            _stop_with_me: line.stop.clone().drop_guard(),
            line,
        })
    }
}

#[async_trait::async_trait]
impl Generate for Server {
    async fn prepare(
        &self,
        _template: Option<&str>,
        adapter: Option<&Path>,
    ) -> Result<Model, EngineError> {
        refuse_adapter(adapter)?;
        let settings = &self.line.settings;
        let name = settings.model.clone();
        Ok(Model {
            name,
            context: settings.context,
            message_overhead: MESSAGE_OVERHEAD,
            capable: true,
            // What a server keeps is its own affair, and every request may cost.
            keeps_beginnings: false,
        })
    }

    async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, EngineError> {
        self.counter.count(texts).await
    }

    // No model server can be told to.
    async fn forget(&self, _chats: Vec<ChatKey>) {}

    async fn generate(&self, request: Request) -> Result<Reply, EngineError> {
        request::check(&request)?;
        refuse_adapter(request.adapter.as_deref())?;
        let deadline = Instant::now() + request.deadline.min(Duration::from_secs(86_400));
        let (events, receiver) = mpsc::channel(64);
        let answer = Answer::new(&request, self.counter.clone());
        let asked = tokio::select! {
            () = self.line.stop.cancelled() => return Err(stopped()),
            asked = timeout_at(deadline, self.line.ask(&request, deadline)) => asked,
        };
        let Ok(response) = asked else {
            // Some servers send nothing before the first token; the probe finds out whether this one is away.
            self.line.look.notify_one();
            answer.end(FinishReason::Deadline, &events).await;
            return Ok(Reply { events: receiver });
        };
        let response = response?;
        let line = Arc::clone(&self.line);
        tokio::spawn(async move {
            let outcome = tokio::select! {
                () = line.stop.cancelled() => Err(stopped()),
                // Dropping the response closes the connection, which is how a server learns of a cancellation.
                () = events.closed() => return,
                outcome = read_stream(response, answer, deadline, &events) => outcome,
            };
            if let Err(error) = outcome {
                line.note(&error);
                // Fails when nobody listens any more.
                events.send(Err(error)).await.ok();
            }
        });
        Ok(Reply { events: receiver })
    }

    fn readiness(&self) -> Readiness {
        self.readiness.borrow().clone()
    }

    async fn ready(&self) -> Result<(), EngineError> {
        let mut readiness = self.readiness.clone();
        let settled = async {
            let settled = readiness.wait_for(|now| !matches!(now, Readiness::Waiting(_)));
            settled.await.map(|now| now.clone())
        };
        match timeout(AWAY_PATIENCE, settled).await {
            Ok(Ok(Readiness::Failed(reason))) => Err(EngineError::Refused(reason)),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(stopped()),
            Err(_) => Err(EngineError::Gone(
                self.readiness().trouble().unwrap_or_default().to_owned(),
            )),
        }
    }

    async fn stop(&self) {
        // In this order: whoever saw no stop while changing the readiness has changed it before the next line does.
        self.line.stop.cancel();
        self.line
            .readiness
            .send_replace(Readiness::Failed("the engine was stopped".into()));
    }
}

impl Line {
    /// Sends a request and gives the response when it is a stream; every other outcome is an error for the caller.
    async fn ask(&self, request: &Request, deadline: Instant) -> Result<Response, EngineError> {
        let strict = self.strict.load(Ordering::Relaxed);
        let mut outcome = self.ask_once(request, deadline, strict).await;
        let is_about_form = request.grammar.is_some()
            && matches!(&outcome, Err(EngineError::Refused(reason)) if answer::names_a_form(reason));
        if is_about_form {
            // Nobody else asks for one.
            return outcome.map_err(|error| EngineError::Formless(error.to_string()));
        }
        if !strict && outcome.as_ref().is_err_and(answer::is_unknown_field) {
            tracing::info!(url = %self.settings.url, "The model server takes OpenAI's fields only; top-k, min-p and repetition penalties are not sent.");
            self.strict.store(true, Ordering::Relaxed);
            outcome = self.ask_once(request, deadline, true).await;
        }
        outcome.inspect_err(|error| self.note(error))
    }

    async fn ask_once(
        &self,
        request: &Request,
        deadline: Instant,
        strict: bool,
    ) -> Result<Response, EngineError> {
        let body = body(&self.settings.model, request, strict);
        let sent = self
            .authorised(self.client.post(self.endpoint("chat/completions")))
            .json(&body);
        let response = sent.send().await.map_err(gone)?;
        let status = response.status();
        if status.is_success() {
            return answer::check_stream(&response).map(|()| response);
        }
        let text = error_text(response, deadline.min(Instant::now() + ERROR_PATIENCE)).await;
        Err(answer::refusal(status, &text, self.settings.context))
    }

    /// Asks whether the server is there and takes the key. A server without a list of models is there too.
    async fn probe(&self) -> Readiness {
        let sent = self
            .authorised(self.client.get(self.endpoint("models")))
            .timeout(Duration::from_secs(5));
        match sent.send().await {
            Err(error) => Readiness::Waiting(format!(
                "the model server cannot be reached: {}",
                plain(error)
            )),
            Ok(response) => match response.status() {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    Readiness::Failed("the model server refuses the key: check server.key".into())
                }
                status if status.is_server_error() => {
                    Readiness::Waiting(format!("the model server answers {status}"))
                }
                _ => Readiness::Ready,
            },
        }
    }

    /// What a request has learnt counts at once; the probe finds out when it is over.
    fn note(&self, error: &EngineError) {
        if let EngineError::Gone(reason) = error {
            self.set(Readiness::Waiting(format!(
                "the model server went away: {reason}"
            )));
            self.look.notify_one();
        }
    }

    /// Changes the readiness, except after a stop, which is the last word.
    fn set(&self, found: Readiness) {
        self.readiness.send_if_modified(|now| {
            let changed = *now != found && !self.stop.is_cancelled();
            if changed {
                tracing::info!(url = %self.settings.url, readiness = ?found, "The model server's state has changed.");
                *now = found;
            }
            changed
        });
    }

    fn endpoint(&self, path: &str) -> String {
        format!("{}/{path}", self.url.as_str().trim_end_matches('/'))
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.settings.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}

/// Keeps readiness true until stopped.
async fn watch_server(line: Arc<Line>) {
    loop {
        let found = tokio::select! {
            () = line.stop.cancelled() => return,
            found = line.probe() => found,
        };
        let pause = if found == Readiness::Ready {
            PROBE_READY
        } else {
            PROBE_WAITING
        };
        line.set(found);
        tokio::select! {
            () = line.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = line.look.notified() => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// The request as the server expects it. `strict` leaves out what OpenAI's own interface does not know.
fn body(model: &str, request: &Request, strict: bool) -> Value {
    let sampling = &request.sampling;
    let mut body = json!({
        "model": model,
        "messages": request.messages,
        "stream": true,
        "stream_options": { "include_usage": true },
        "max_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    });
    if !request.stop.is_empty() {
        // OpenAI takes four at most; the rest is found here all the same.
        body["stop"] = json!(request.stop.iter().take(4).collect::<Vec<_>>());
    }
    if let Some(seed) = request.seed {
        body["seed"] = json!(seed);
    }
    match &request.grammar {
        // Only llama.cpp's server knows it.
        Some(Grammar::Gbnf(rules)) => body["grammar"] = json!(rules),
        Some(Grammar::JsonSchema { schema, strict }) => {
            let form = json!({ "name": "reply", "strict": strict, "schema": schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": form });
        }
        None => {}
    }
    if !strict {
        // Both are always said: without them llama-server takes its own 40 and 0.05. All servers understand -1, and not all 0.
        body["top_k"] = match sampling.top_k {
            0 => json!(-1),
            some => json!(some),
        };
        body["min_p"] = json!(sampling.min_p);
        if sampling.repeat_penalty != 1.0 {
            body["repeat_penalty"] = json!(sampling.repeat_penalty);
            body["repeat_last_n"] = json!(sampling.repeat_last_n);
        }
        if sampling.dry_multiplier != 0.0 {
            body["dry_multiplier"] = json!(sampling.dry_multiplier);
            body["dry_base"] = json!(sampling.dry_base);
            body["dry_allowed_length"] = json!(sampling.dry_allowed_length);
        }
        if request.ignore_eos {
            body["ignore_eos"] = json!(true);
        }
    }
    body
}

fn parse_url(text: &str) -> Result<Url, EngineError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(EngineError::Refused(format!(
            "url: \"{text}\" is not an address such as http://127.0.0.1:8080/v1"
        ))),
    }
}

fn client(url: &Url) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .connect_timeout(Duration::from_secs(5))
        // A redirected POST loses its body, and a key has no business elsewhere.
        .redirect(reqwest::redirect::Policy::none());
    let local = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host
            .parse()
            .is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback()),
        None => false,
    };
    // A proxy for the outside world cannot reach this machine's loopback.
    if local { builder.no_proxy() } else { builder }.build()
}

fn refuse_adapter(adapter: Option<&Path>) -> Result<(), EngineError> {
    match adapter {
        None => Ok(()),
        Some(path) => Err(EngineError::Refused(format!(
            "a model server cannot apply the adapter {}: merge it into a model there, or use a local model",
            path.display()
        ))),
    }
}

/// What a server says with an error, as far as it comes in time: an endless page must not fill the memory.
async fn error_text(mut response: Response, deadline: Instant) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_ERROR
        && let Ok(Ok(Some(more))) = timeout_at(deadline, response.chunk()).await
    {
        bytes.extend_from_slice(&more);
    }
    bytes.truncate(MAX_ERROR);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn stopped() -> EngineError {
    EngineError::Gone("it was stopped".into())
}

fn gone(error: reqwest::Error) -> EngineError {
    EngineError::Gone(plain(error))
}

/// The error without the address, which may hold a password, and with its deepest cause, which says most.
fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests;

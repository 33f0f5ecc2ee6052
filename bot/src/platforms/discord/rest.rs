//! Requests to Discord and what their errors mean. Which requests are made is decided elsewhere.
//!
//! Discord itself is called through serenity's rate limiter. That one cannot call another server (in 0.12.5 it builds its requests without the
//! proxy), so with `discord.api_url` requests are made here, and wait as the answers' headers say.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serenity::all::{
    ApplicationId, CreateAllowedMentions, CreateAttachment, Http, HttpBuilder, HttpError,
    LightMethod, Route,
};
use serenity::http::{Multipart, MultipartUpload, RatelimitingBucket, Request};
use tokio::time::Instant;

use crate::platforms::{File, SendError};
use crate::settings::DiscordSettings;

/// Longest time for one request.
const REQUEST: Duration = Duration::from_secs(30);
/// Longest time for the first answer to an interaction, which Discord takes for three seconds only.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Makes requests in the bot's name.
pub(super) struct Rest {
    http: Http,
    /// Only with another server than Discord's own.
    own: Option<OwnLimits>,
    wire: Wire,
    settings: DiscordSettings,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

/// The way to the server.
struct Wire {
    client: reqwest::Client,
    /// `None` is Discord's own.
    server: Option<String>,
    authorization: String,
}

/// What a request carries.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    Nothing,
    Json(&'a Value),
    /// The JSON must name the file as its attachment 0.
    WithFile(&'a Value, &'a File),
}

/// Until when the server wants no more requests, or none of a kind.
#[derive(Default)]
struct OwnLimits(Mutex<Closed>);

#[derive(Default)]
struct Closed {
    all: Option<Instant>,
    buckets: HashMap<RatelimitingBucket, Instant>,
}

impl Rest {
    pub(super) fn new(settings: DiscordSettings, client: reqwest::Client) -> Self {
        let token = settings.token.reveal();
        let server = settings.api_url.as_ref();
        let wire = Wire {
            client: client.clone(),
            server: server.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            authorization: format!("Bot {}", token.trim_start_matches("Bot ")),
        };
        Self {
            http: http(&settings, client),
            own: server.map(|_| OwnLimits::default()),
            wire,
            settings,
        }
    }

    /// The same server for serenity's gateway, which wants its own.
    pub(super) fn for_gateway(&self) -> Http {
        http(&self.settings, self.wire.client.clone())
    }

    pub(super) fn set_application(&self, application: ApplicationId) {
        self.http.set_application_id(application);
    }

    pub(super) fn application(&self) -> ApplicationId {
        self.http
            .application_id()
            .expect("set before anything is heard")
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, route: Route<'_>) -> Result<T, Fault> {
        self.ask(route, LightMethod::Get, Body::Nothing).await
    }

    /// A request whose answer matters.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        route: Route<'_>,
        method: LightMethod,
        body: Body<'_>,
    ) -> Result<T, Fault> {
        self.ask_for(route, method, body, Vec::new()).await
    }

    /// The same with a query behind the address.
    pub(super) async fn ask_for<T: DeserializeOwned>(
        &self,
        route: Route<'_>,
        method: LightMethod,
        body: Body<'_>,
        query: Vec<(&'static str, String)>,
    ) -> Result<T, Fault> {
        let response = self.send(route, method, body, query).await?;
        Ok(response.json().await.map_err(unconfirmed)?)
    }

    /// A request of which only the success matters.
    pub(super) async fn call(
        &self,
        route: Route<'_>,
        method: LightMethod,
        body: Body<'_>,
    ) -> Result<(), Fault> {
        self.send(route, method, body, Vec::new()).await.map(drop)
    }

    pub(super) async fn send(
        &self,
        route: Route<'_>,
        method: LightMethod,
        body: Body<'_>,
        query: Vec<(&'static str, String)>,
    ) -> Result<reqwest::Response, Fault> {
        let request = request(route, method, body, query);
        match &self.own {
            Some(own) => own.send(request, &self.wire).await,
            None => self.http.request(request).await.map_err(of_serenity),
        }
    }

    /// A request that has no limits and counts towards none, such as an answer to an interaction. serenity's limiter would keep an entry for
    /// each of them for ever, and let it wait when others are too many.
    pub(super) async fn send_at_once(
        &self,
        route: Route<'_>,
        body: Body<'_>,
        query: Vec<(&'static str, String)>,
    ) -> Result<reqwest::Response, Fault> {
        let request = request(route, LightMethod::Post, body, query);
        let response = self.wire.send(request, AT_ONCE).await?;
        match retry_after(&response) {
            Some(retry_after) => Err(SendError::Throttled { retry_after }.into()),
            None => successful(response).await,
        }
    }
}

fn request<'a>(
    route: Route<'a>,
    method: LightMethod,
    body: Body<'_>,
    query: Vec<(&'static str, String)>,
) -> Request<'a> {
    let request = Request::new(route, method).params((!query.is_empty()).then_some(query));
    match body {
        Body::Nothing => request,
        Body::Json(json) => request.body(Some(json.to_string().into_bytes())),
        Body::WithFile(json, file) => {
            let content = CreateAttachment::bytes(file.text.as_bytes(), &file.name);
            request.multipart(Some(Multipart {
                upload: MultipartUpload::Attachments(vec![content]),
                fields: Vec::new(),
                payload_json: Some(json.to_string()),
            }))
        }
    }
}

impl Wire {
    async fn send(
        &self,
        request: Request<'_>,
        longest: Duration,
    ) -> Result<reqwest::Response, Fault> {
        let request = request
            .build(&self.client, &self.authorization, self.server.as_deref())
            .map_err(|error| SendError::Refused(error.to_string()))?;
        Ok(request.timeout(longest).send().await.map_err(unconfirmed)?)
    }
}

impl OwnLimits {
    async fn send(&self, request: Request<'_>, wire: &Wire) -> Result<reqwest::Response, Fault> {
        let bucket = request.route_ref().ratelimiting_bucket();
        if let Some(until) = self.closed_until(&bucket) {
            let retry_after = until.saturating_duration_since(Instant::now());
            return Err(SendError::Throttled { retry_after }.into());
        }
        let response = wire.send(request, REQUEST).await?;
        if let Some(retry_after) = retry_after(&response) {
            if response.headers().contains_key("x-ratelimit-global") {
                self.close_all(retry_after);
            } else {
                self.close(bucket, retry_after);
            }
            return Err(SendError::Throttled { retry_after }.into());
        }
        if number(&response, "x-ratelimit-remaining") == Some(0.0)
            && let Some(reset_after) = number(&response, "x-ratelimit-reset-after")
        {
            self.close(
                bucket,
                Duration::from_secs_f64(reset_after.clamp(0.0, 3600.0)),
            );
        }
        successful(response).await
    }

    fn closed_until(&self, bucket: &RatelimitingBucket) -> Option<Instant> {
        let mut closed = self.lock();
        let now = Instant::now();
        closed.buckets.retain(|_, until| *until > now);
        let of_bucket = closed.buckets.get(bucket).copied();
        of_bucket.max(closed.all.filter(|until| *until > now))
    }

    fn close(&self, bucket: RatelimitingBucket, time: Duration) {
        if !bucket.is_none() {
            self.lock().buckets.insert(bucket, Instant::now() + time);
        }
    }

    fn close_all(&self, time: Duration) {
        self.lock().all = Some(Instant::now() + time);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Closed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the server asks to wait, if it does.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let is_asked = response.status() == reqwest::StatusCode::TOO_MANY_REQUESTS;
    let seconds = number(response, "retry-after").unwrap_or(1.0);
    is_asked.then(|| Duration::from_secs_f64(seconds.clamp(0.05, 3600.0)))
}

fn number(response: &reqwest::Response, header: &str) -> Option<f64> {
    response.headers().get(header)?.to_str().ok()?.parse().ok()
}

/// The answer, if it is none that tells of a fault.
async fn successful(response: reqwest::Response) -> Result<reqwest::Response, Fault> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.unwrap_or_default();
    let told = serde_json::from_str::<Told>(&text).unwrap_or_default();
    Err(told.fault(status.as_u16()))
}

/// The client that requests are made with.
pub(super) fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().timeout(REQUEST)
}

fn http(settings: &DiscordSettings, client: reqwest::Client) -> Http {
    let builder = HttpBuilder::new(settings.token.reveal())
        .client(client)
        .default_allowed_mentions(CreateAllowedMentions::new());
    match &settings.api_url {
        None => builder.build(),
        Some(url) => builder
            .proxy(url.as_str())
            .ratelimiter_disabled(true)
            .build(),
    }
}

/// The remedy where the bot may not do something.
const NO_PERMISSION: &str = "; give the bot View Channel, Send Messages and, for threads, Send Messages in Threads: Edit Channel > Permissions, or Server Settings > Roles";

/// Discord's own words about an error.
#[derive(Debug, Default, serde::Deserialize)]
struct Told {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Option<Value>,
}

/// Why a request had no success. What the sender does next is the [`SendError`] that it becomes.
#[derive(Debug, thiserror::Error)]
#[error("{meaning}")]
pub(super) struct Fault {
    /// Discord's answer, if there was one.
    refused: Option<Refused>,
    meaning: SendError,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    status: u16,
    /// <https://discord.com/developers/docs/topics/opcodes-and-status-codes#json>
    code: i64,
}

const NO_WAY: &str = "; look at this machine's network and at the proxy that it needs (HTTPS_PROXY in the environment), or at discord.api_url where it is set";

const ALREADY_ACKNOWLEDGED: i64 = 40_060;
const MISSING_ACCESS: i64 = 50_001;
const MISSING_PERMISSIONS: i64 = 50_013;
const UNKNOWN_WEBHOOK: i64 = 10_015;
const INVALID_WEBHOOK_TOKEN: i64 = 50_027;

impl Fault {
    /// Whether Discord does not know the bot's token.
    pub(super) fn is_wrong_token(&self) -> bool {
        self.refused.is_some_and(Refused::is_wrong_token)
    }

    /// Whether the webhook that was to speak is not there any more.
    pub(super) fn is_lost_webhook(&self) -> bool {
        let lost = [UNKNOWN_WEBHOOK, INVALID_WEBHOOK_TOKEN];
        self.refused
            .is_some_and(|refused| lost.contains(&refused.code))
    }

    /// Whether the interaction had an answer already.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.refused
            .is_some_and(|refused| refused.code == ALREADY_ACKNOWLEDGED)
    }

    /// Whether what it was about is gone, or not ours to change.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.meaning, SendError::Gone(_))
    }

    /// What happened, for whoever runs the bot.
    pub(super) fn told(&self) -> String {
        match &self.meaning {
            SendError::Unreachable(cause) | SendError::Unconfirmed(cause) => {
                // What answers is there.
                let remedy = if self.refused.is_some() { "" } else { NO_WAY };
                format!("Discord cannot be reached: {cause}{remedy}")
            }
            other => format!("Discord: {other}"),
        }
    }

    /// How long Discord asks to wait, if it does.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self.meaning {
            SendError::Throttled { retry_after } => Some(retry_after),
            _ => None,
        }
    }
}

impl Refused {
    /// A webhook and an interaction have tokens of their own, which may be over.
    fn is_wrong_token(self) -> bool {
        self.status == 401 && self.code != INVALID_WEBHOOK_TOKEN
    }
}

impl From<SendError> for Fault {
    fn from(meaning: SendError) -> Self {
        Self {
            refused: None,
            meaning,
        }
    }
}

impl From<Fault> for SendError {
    fn from(fault: Fault) -> Self {
        fault.meaning
    }
}

impl Told {
    fn fault(self, status: u16) -> Fault {
        let Self {
            code,
            message,
            errors,
        } = self;
        let details = errors.map_or_else(String::new, |errors| format!(": {errors}"));
        let remedy = match code {
            MISSING_ACCESS | MISSING_PERMISSIONS => NO_PERMISSION,
            _ => "",
        };
        let cause = format!("{status} {message} ({code}){details}{remedy}");
        let refused = Refused { status, code };
        let meaning = match status {
            // Its owner will set another one; what is to be said until then is kept.
            401 if refused.is_wrong_token() => SendError::Unreachable(cause),
            401 | 403 | 404 => SendError::Gone(cause),
            // serenity waits by itself where it knows how long.
            429 => SendError::Throttled {
                retry_after: Duration::from_secs(1),
            },
            500.. => SendError::Unreachable(cause),
            _ => SendError::Refused(cause),
        };
        Fault {
            refused: Some(refused),
            meaning,
        }
    }
}

fn of_serenity(error: serenity::Error) -> Fault {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(response)) => {
            let told = Told {
                code: response.error.code as i64,
                message: response.error.message.clone(),
                errors: None,
            };
            told.fault(response.status_code.as_u16())
        }
        serenity::Error::Http(HttpError::Request(error)) => unconfirmed(error).into(),
        other => SendError::Unreachable(other.to_string()).into(),
    }
}

/// An error on the way. Its address is left out: some hold tokens.
fn unconfirmed(error: reqwest::Error) -> SendError {
    let connects = error.is_connect();
    let cause = format!("{:#}", anyhow::Error::new(error.without_url()));
    if connects {
        SendError::Unreachable(cause)
    } else {
        SendError::Unconfirmed(cause)
    }
}

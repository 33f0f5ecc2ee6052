//! Telegram brings its updates instead of being asked for them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio_util::sync::DropGuard;

use crate::support::daemon::Daemon;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::FakeTelegram;
use crate::support::home::Home;
use crate::support::{eventually, serving};

/// The public name under which Telegram finds the daemon; it passes on to wherever that is.
struct Proxy {
    url: String,
    to: To,
    _stop: DropGuard,
}

type To = Arc<Mutex<Option<SocketAddr>>>;

impl Proxy {
    async fn start() -> Self {
        let (listener, address) = serving::listen().await;
        let to = To::default();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&to));
        Self {
            url: format!("http://{address}/for-telegram"),
            to,
            _stop: serving::until_dropped(axum::serve(listener, router).into_future()),
        }
    }

    fn passes_to(&self, daemon: &Daemon) {
        *self.to.lock().unwrap() = Some(daemon.address());
    }
}

async fn pass(State(to): State<To>, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let to = *to.lock().unwrap();
    match to {
        Some(to) => bring(to, head.headers, body).await,
        None => StatusCode::BAD_GATEWAY,
    }
}

/// As a proxy does that keeps the public name.
async fn bring(to: SocketAddr, headers: HeaderMap, body: Bytes) -> StatusCode {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .post(format!("http://{to}/telegram/updates"))
        .header("host", "bot.example.org")
        .body(body);
    if let Some(secret) = headers.get("x-telegram-bot-api-secret-token") {
        request = request.header("x-telegram-bot-api-secret-token", secret);
    }
    match request.send().await {
        Ok(response) => StatusCode::from_u16(response.status().as_u16()).unwrap(),
        Err(_) => StatusCode::BAD_GATEWAY,
    }
}

#[tokio::test]
async fn updates_are_brought_and_only_telegram_can_bring_them() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    let proxy = Proxy::start().await;
    let home = Home::with(&model)
        .on_telegram(&telegram)
        .set("telegram.webhook_url", &proxy.url);
    let daemon = home.start().await;
    proxy.passes_to(&daemon);
    telegram.until_listening().await;
    let webhook = telegram.webhook().unwrap();
    let secret = webhook.secret.expect("there is a secret");
    assert!(secret.len() >= 32);
    let allowed = webhook.allowed.unwrap();
    for kind in [
        "message",
        "edited_message",
        "callback_query",
        "message_reaction",
        "my_chat_member",
    ] {
        assert!(allowed.iter().any(|known| known == kind), "{kind}");
    }
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    telegram.until_confirmed().await;
    assert!(telegram.calls("getUpdates").is_empty());
    // Nobody else gets in.
    let forged = Bytes::from(
        json!({ "update_id": 1, "message": { "message_id": 9, "date": 1, "text": "forged",
            "chat": { "id": yun.id, "type": "private", "first_name": "Yun" },
            "from": { "id": yun.id, "is_bot": false, "first_name": "Yun" } } })
        .to_string(),
    );
    let mut headers = HeaderMap::new();
    let answer = bring(daemon.address(), headers.clone(), forged.clone()).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
    headers.insert(
        "x-telegram-bot-api-secret-token",
        "guessed".parse().unwrap(),
    );
    let answer = bring(daemon.address(), headers, forged).await;
    assert_eq!(answer, StatusCode::UNAUTHORIZED);
    // What comes while nobody is there is brought again.
    let (_, _) = daemon.stop().await;
    chat.says(&yun, "anybody there?");
    eventually("it is brought in vain", async || {
        telegram.webhook().unwrap().last_error.is_some()
    })
    .await;
    let daemon = home.start().await;
    proxy.passes_to(&daemon);
    chat.until_count(2).await;
    telegram.until_confirmed().await;
    assert_eq!(telegram.webhook().unwrap().secret, Some(secret));
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn whoever_polls_again_takes_its_own_webhook_back() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram.expect_refusals_of("webhook is active");
    let proxy = Proxy::start().await;
    let home = Home::with(&model)
        .on_telegram(&telegram)
        .set("telegram.webhook_url", &proxy.url)
        .set("telegram.webhook_secret", "chosen_by_us");
    let daemon = home.start().await;
    telegram.until_listening().await;
    assert_eq!(
        telegram.webhook().unwrap().secret.as_deref(),
        Some("chosen_by_us")
    );
    drop(daemon);
    let daemon = home.set("telegram.webhook_url", "").start().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    assert_eq!(telegram.webhook(), None);
    drop(daemon);
}

#[tokio::test]
async fn a_webhook_of_somebody_else_is_named_and_left_alone() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram.expect_refusals_of("webhook is active");
    let theirs = json!({ "url": "http://127.0.0.1:9/theirs" });
    telegram.by_hand("setWebhook", theirs).await;
    let daemon = Home::with(&model).on_telegram(&telegram).start().await;
    daemon
        .until_ready_says("telegram", "a webhook is set for this bot")
        .await;
    assert!(telegram.webhook().is_some());
    drop(daemon);
}

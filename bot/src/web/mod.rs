//! The web surface: the page, the endpoint for programs, and what operators look at. Only HTTP; the turn decides everything else.

mod guard;
mod openai;
mod page;
mod status;
mod visitor;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use chatfriends_personas::Language;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::visitor::Visitor;

use crate::backups;
use crate::context::Context;
use crate::platforms::telegram::webhook;

/// Larger requests are refused before they are read.
const BODY_BYTES: usize = 1024 * 1024;

/// A web surface that has its address but does not serve yet.
#[derive(Debug)]
pub struct Web {
    listener: TcpListener,
}

impl Web {
    /// Takes the address.
    ///
    /// # Errors
    /// When it is in use or not this machine's.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
        })
    }

    /// The address it was given; the port differs from the one asked for when that was 0.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop, then lets running replies end.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(self, ctx: Arc<Context>, stop: CancellationToken) -> std::io::Result<()> {
        let listener = self.listener.tap_io(|tcp| {
            // A few words at a time: otherwise each but the first would wait until the other side has acknowledged the one before.
            if let Err(error) = tcp.set_nodelay(true) {
                tracing::debug!(%error, "A connection sends small pieces late.");
            }
        });
        axum::serve(listener, router(ctx))
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    }
}

fn router(ctx: Arc<Context>) -> Router {
    Router::new()
        .merge(page::routes())
        .merge(openai::routes())
        .route("/livez", get(status::live))
        .route("/readyz", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route(backups::PATH, post(status::back_up))
        .fallback(status::not_found)
        .layer(axum::middleware::from_fn(guard::same_site_only))
        // Telegram comes through a public name, and shows a secret instead.
        .route(webhook::PATH, post(updates))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(ctx)
}

/// What Telegram brings.
async fn updates(State(ctx): State<Arc<Context>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    ctx.webhook.receive(&headers, &body).await
}

/// The language that a browser asks for.
fn language(headers: &HeaderMap) -> Language {
    let accepted = headers
        .get(axum::http::header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accepted.to_ascii_lowercase().starts_with("ko") {
        Language::Korean
    } else {
        Language::English
    }
}

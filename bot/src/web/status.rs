//! What operators and their tools look at: alive, ready, metrics.

use std::ffi::OsStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::backups::Made;
use crate::context::Context;
use crate::metrics;

/// `/livez`: the process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// `/readyz`: 200 when the store and the default model are ready. A chat app that is out of order is named and changes nothing: the page, and
/// the other one, work all the same.
pub(super) async fn ready(State(ctx): State<Arc<Context>>) -> Response {
    let readiness = ctx.brains.readiness();
    let engine = readiness.trouble().map(str::to_owned);
    let store = ctx
        .memory
        .answers()
        .await
        .err()
        .map(|error| error.to_string());
    let status = if engine.is_none() && store.is_none() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let say = |trouble: Option<String>| trouble.unwrap_or_else(|| "ready".to_owned());
    let mut parts = json!({ "engine": say(engine), "store": say(store) });
    for (platform, state) in ctx.health.all() {
        parts[platform.word()] = json!(say(state.trouble().map(str::to_owned)));
    }
    (status, Json(parts)).into_response()
}

/// `/metrics`, for Prometheus.
pub(super) async fn metrics() -> String {
    metrics::install().render()
}

/// Makes a backup in the store's folder. What is in it is not shown here, where everybody on this machine can ask.
pub(super) async fn back_up(State(ctx): State<Arc<Context>>) -> Response {
    let made = ctx.disk.back_up().await;
    match made
        .as_deref()
        .map(|path| path.file_name().and_then(OsStr::to_str))
    {
        Ok(Some(name)) => Json(Made {
            name: name.to_owned(),
        })
        .into_response(),
        Ok(None) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(error) => {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "A backup could not be made."
            );
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
    }
}

/// Everything else.
pub(super) async fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        "there is nothing here; the page is at /\n",
    )
        .into_response()
}

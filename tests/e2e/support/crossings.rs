//! The requests that the daemon makes to its fakes, one by one. Each is a moment at which it can be killed from outside: before anything
//! came of the request, or when it was done and nobody knows yet.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::watch;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It never gets there.
    Lost,
    /// What it asks for is done, and no answer comes.
    Unanswered,
}

/// Counts the requests to all fakes that share it.
#[derive(Debug, Clone)]
pub(crate) struct Crossings(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    armed: Mutex<Option<(usize, Fate)>>,
    /// The request whose fate has come.
    reached: watch::Sender<Option<String>>,
}

impl Crossings {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            armed: Mutex::default(),
            reached: watch::channel(None).0,
        }))
    }

    /// Of the requests that come from now on, this one (counted from 0) meets this fate, and all behind it are lost.
    pub(crate) fn arm(&self, after: usize, fate: Fate) {
        self.0.reached.send_replace(None);
        *self.0.armed.lock().unwrap() = Some((after, fate));
    }

    /// All requests go through again.
    pub(crate) fn disarm(&self) {
        *self.0.armed.lock().unwrap() = None;
        self.0.reached.send_replace(None);
    }

    /// The request that has met its fate.
    pub(crate) fn reached(&self) -> Option<String> {
        self.0.reached.borrow().clone()
    }

    fn fate(&self, what: &str) -> Option<Fate> {
        let mut armed = self.0.armed.lock().unwrap();
        let (left, fate) = armed.as_mut()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let first = self.reached().is_none();
        self.0.reached.send_if_modified(|reached| {
            let is_new = reached.is_none();
            reached.get_or_insert_with(|| what.to_owned());
            is_new
        });
        Some(if first { *fate } else { Fate::Lost })
    }
}

/// The layer of every fake.
pub(crate) async fn cross(
    State(crossings): State<Crossings>,
    request: Request,
    next: Next,
) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    match crossings.fate(&what) {
        None => next.run(request).await,
        Some(Fate::Lost) => std::future::pending().await,
        Some(Fate::Unanswered) => {
            drop(next.run(request).await);
            std::future::pending().await
        }
    }
}

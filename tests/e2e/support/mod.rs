//! What all tests stand on: a home for the program, a running daemon, a fake model server, and a way to talk over HTTP.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

pub(crate) mod apps;
pub(crate) mod crossings;
pub(crate) mod daemon;
pub(crate) mod fake_discord;
pub(crate) mod fake_model;
pub(crate) mod fake_telegram;
pub(crate) mod home;
pub(crate) mod http;
pub(crate) mod multipart;
pub(crate) mod serving;

/// Longer than anything takes on a busy machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    assert!(
        eventually_or(&mut holds).await,
        "not in {PATIENCE:?}: {what}"
    );
}

/// The same where the test itself says what came instead: false when it does not hold in time.
pub(crate) async fn eventually_or(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let started = Instant::now();
    while !holds().await {
        if started.elapsed() > PATIENCE {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Waits for something that must come.
pub(crate) async fn in_time<T>(what: &str, coming: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, coming).await {
        Ok(come) => come,
        Err(_) => panic!("not in {PATIENCE:?}: {what}"),
    }
}

/// Whether this is the sentence below everybody's first reply, which only its own tests are about. Others look past it.
pub(crate) fn is_disclosure(text: &str) -> bool {
    let begins = |sentence| text.starts_with(sentence);
    begins("You are talking with an AI, not with a person")
        || begins("사람이 아니라 AI와 이야기하고 계세요.")
}

/// Hours that are now, wherever the clock stands.
pub(crate) fn these_hours() -> String {
    let hour = |hours| (Utc::now() + TimeDelta::hours(hours)).format("%H:%M");
    format!("{}-{} UTC", hour(-2), hour(2))
}

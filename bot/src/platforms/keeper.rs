//! Keeps a chat app's adapter running: one that ends, fails or panics is named and started again, and the rest of the program goes on.
//!
//! What the app itself does wrong is waited out by the adapter.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::health::{Health, State};
use crate::back_off::BackOff;
use crate::identity::Platform;

const SHORTEST: Duration = Duration::from_secs(1);
/// Whoever has run for longer than this has not failed in a row.
const LONGEST: Duration = Duration::from_secs(300);

/// Runs an adapter, and runs it again, until told to stop.
pub async fn keep<Adapter>(
    platform: Platform,
    health: &Health,
    stop: &CancellationToken,
    start: impl Fn() -> Adapter,
) where
    Adapter: Future<Output = anyhow::Result<()>>,
{
    let mut back_off = BackOff::new(SHORTEST, LONGEST);
    loop {
        let begun = Instant::now();
        // Nothing of it is used after a panic: the next one is made anew.
        let adapter = AssertUnwindSafe(async { start().await });
        let why = match adapter.catch_unwind().await {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            // Not in its words, which may quote what people wrote.
            Err(_) => "a fault of chatfriends ended it in a panic, which stands above".to_owned(),
        };
        if stop.is_cancelled() {
            return;
        }
        if begun.elapsed() > LONGEST {
            back_off.reset();
        }
        let trouble = format!("{why}; it is started again");
        health.note(platform, State::Failed(trouble));
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(back_off.wait()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// What fails here ended the daemon, and with it the other app and the page.
    #[tokio::test(start_paused = true)]
    async fn an_adapter_that_fails_is_named_and_started_again() {
        let (health, stop) = (&Health::default(), &CancellationToken::new());
        let starts = AtomicU32::new(0);
        let begun = Instant::now();
        let failed = || match health.all().remove(&Platform::Telegram) {
            Some(State::Failed(trouble)) => trouble,
            other => panic!("{other:?}"),
        };
        let adapter = || {
            let start = starts.fetch_add(1, Ordering::Relaxed);
            // Starting panics, too.
            assert_ne!(start, 0, "my darkest secret");
            async move {
                match start {
                    1 => {
                        let trouble = failed();
                        assert!(trouble.contains("panic") && !trouble.contains("secret"));
                        assert_eq!(begun.elapsed().as_secs(), 1);
                        anyhow::bail!("there is no client")
                    }
                    2 => {
                        assert!(failed().contains("there is no client"));
                        assert_eq!(begun.elapsed().as_secs(), 1 + 2);
                        sleep(LONGEST * 2).await;
                        Ok(())
                    }
                    3 => {
                        assert!(failed().contains("by itself"));
                        assert_eq!(begun.elapsed().as_secs(), 1 + 2 + 600 + 1);
                        health.note(Platform::Telegram, State::Connected("bot".to_owned()));
                        stop.cancelled().await;
                        Ok(())
                    }
                    _ => unreachable!(),
                }
            }
        };
        let end = async {
            sleep(Duration::from_secs(3_600)).await;
            stop.cancel();
        };
        tokio::join!(keep(Platform::Telegram, health, stop, adapter), end);
        assert_eq!(starts.into_inner(), 4);
        let state = health.all().remove(&Platform::Telegram);
        assert_eq!(state, Some(State::Connected("bot".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_program_is_no_failure() {
        let (health, stop) = (Health::default(), CancellationToken::new());
        let failing = || async { anyhow::bail!("no") };
        let end = async {
            sleep(Duration::from_millis(500)).await;
            stop.cancel();
        };
        let begun = Instant::now();
        tokio::join!(keep(Platform::Discord, &health, &stop, failing), end);
        assert_eq!(begun.elapsed(), Duration::from_millis(500));
    }
}

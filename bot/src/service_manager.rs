//! What the daemon tells systemd when it runs as a service of its: ready, alive, stopping. Elsewhere it tells nobody.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// How often the state is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Says that the page listens, then how the model is, and for the unit's `WatchdogSec=` that the daemon's loop runs, until it stops.
///
/// # Errors
/// Never; the type is that of all tasks.
pub async fn keep_told(ctx: Arc<Context>, stop: CancellationToken) -> anyhow::Result<()> {
    tell(&[NotifyState::Ready]);
    // Twice in the time after which systemd would end the daemon.
    let pause = sd_notify::watchdog_enabled().map_or(LOOK_EVERY, |limit| LOOK_EVERY.min(limit / 2));
    let mut told = None;
    loop {
        let readiness = ctx.brains.readiness();
        let status = readiness.trouble().unwrap_or("ready").to_owned();
        if told.as_ref() != Some(&status) {
            tell(&[NotifyState::Status(&status)]);
            told = Some(status);
        }
        tell(&[NotifyState::Watchdog]);
        if stop
            .run_until_cancelled(tokio::time::sleep(pause))
            .await
            .is_none()
        {
            tell(&[NotifyState::Stopping]);
            return Ok(());
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd could not be told.");
    }
}

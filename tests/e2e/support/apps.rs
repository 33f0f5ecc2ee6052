//! Where most tests of an app begin: a model, the app, and a daemon with the defaults between them.
//!
//! Not for tests that prepare something before the daemon comes; those say themselves what they start.

use super::daemon::Daemon;
use super::fake_discord::FakeDiscord;
use super::fake_model::FakeModel;
use super::fake_telegram::FakeTelegram;
use super::home::Home;

/// On a Discord to which the daemon is connected.
pub(crate) async fn on_discord() -> (FakeModel, FakeDiscord, Home, Daemon) {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    let daemon = home.start().await;
    discord.until_connected().await;
    (model, discord, home, daemon)
}

/// On a Telegram of which the daemon may not have asked anything yet.
pub(crate) async fn on_telegram() -> (FakeModel, FakeTelegram, Home, Daemon) {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    let home = Home::with(&model).on_telegram(&telegram);
    let daemon = home.start().await;
    (model, telegram, home, daemon)
}

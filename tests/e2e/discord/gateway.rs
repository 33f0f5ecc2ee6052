//! The connection to Discord's gateway: how often it may begin, and what is said of it while it is broken.

use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::eventually;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

async fn until_ready_says(daemon: &Daemon, words: &str) {
    eventually(&format!("/readyz says {words:?}"), async || {
        let ready = daemon.get("/readyz").await.json();
        ready["discord"]
            .as_str()
            .unwrap_or_default()
            .contains(words)
    })
    .await;
}

#[tokio::test]
async fn sessions_that_never_last_are_given_up_before_discord_resets_the_token() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    discord.leaves_sessions(53);
    let daemon = home.start().await;
    discord.until_connected().await;
    discord.invalidates_all(true);
    until_ready_says(&daemon, "begun too often today").await;
    let begun = discord.identifies();
    assert!((3..=6).contains(&begun), "{begun}");
    // What serenity had in mind is ended, too.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let afterwards = discord.identifies();
    assert!(afterwards <= begun + 1, "{begun} {afterwards}");
    drop(daemon);
    // A restart is no way round it.
    let daemon = home.start().await;
    until_ready_says(&daemon, "begun too often today").await;
    assert_eq!(discord.identifies(), afterwards);
    drop(daemon);
}

#[tokio::test]
async fn a_broken_connection_is_told_until_there_is_another() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    until_ready_says(&daemon, "ready").await;
    discord.refuses_gateway(true);
    discord.drops_gateway();
    until_ready_says(&daemon, "is broken").await;
    discord.refuses_gateway(false);
    until_ready_says(&daemon, "ready").await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    drop(daemon);
}

//! The connection to Discord's gateway: how often it may begin, and what is said of it while it is broken.

use std::time::Duration;

use crate::support::apps::on_discord;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

#[tokio::test]
async fn sessions_that_never_last_are_given_up_before_discord_resets_the_token() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    discord.leaves_sessions(53);
    let daemon = home.start().await;
    discord.until_connected().await;
    discord.invalidates_all(true);
    daemon
        .until_ready_says("discord", "begun too often today")
        .await;
    let begun = discord.identifies();
    assert!((3..=6).contains(&begun), "{begun}");
    // What serenity had in mind is ended, too.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let afterwards = discord.identifies();
    assert!(afterwards <= begun + 1, "{begun} {afterwards}");
    drop(daemon);
    // A restart is no way round it.
    let daemon = home.start().await;
    daemon
        .until_ready_says("discord", "begun too often today")
        .await;
    assert_eq!(discord.identifies(), afterwards);
    drop(daemon);
}

#[tokio::test]
async fn a_broken_connection_is_told_until_there_is_another() {
    let (_model, discord, _home, daemon) = on_discord().await;
    daemon.until_ready_says("discord", "ready").await;
    discord.refuses_gateway(true);
    discord.drops_gateway();
    daemon.until_ready_says("discord", "is broken").await;
    discord.refuses_gateway(false);
    daemon.until_ready_says("discord", "ready").await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    drop(daemon);
}

//! Connections that end, and events that do not come as they should.

use std::time::Duration;

use serde_json::json;
use serenity::all::GatewayIntents;

use super::{Bot, Event, INTENTS, in_a_channel};
use crate::support::fake_discord::FakeDiscord;
use crate::support::in_time;

#[tokio::test]
async fn resumes_and_replays() {
    let (discord, general, yun, mut bot) = in_a_channel().await;
    for (times, lose) in [
        FakeDiscord::drops_gateway,
        |discord: &FakeDiscord| discord.closes_gateway(4000),
        FakeDiscord::asks_to_reconnect,
    ]
    .into_iter()
    .enumerate()
    {
        lose(&discord);
        general.says(&yun, "are you there?");
        assert_eq!(bot.message().await.content, "are you there?");
        discord.until_resumed(times + 1).await;
        while !matches!(bot.next().await, Event::Resumed) {}
    }
    assert_eq!(discord.identifies(), 1);
}

#[tokio::test]
async fn an_invalid_session_begins_anew() {
    let (discord, general, yun, mut bot) = in_a_channel().await;
    discord.invalidates_session();
    general.says(&yun, "nobody hears this");
    discord.until_identified(2).await;
    while !matches!(bot.next().await, Event::Ready) {}
    general.says(&yun, "hello");
    assert_eq!(bot.message().await.content, "hello");
}

#[tokio::test]
async fn some_ends_are_final() {
    let discord = FakeDiscord::start().await;
    discord.grants_message_content(false);
    let mut bot = Bot::with_intents(&discord, INTENTS).await;
    in_time("the client gives up", &mut bot.client)
        .await
        .expect("no panic")
        .expect_err("a disallowed intent");
    assert_eq!(discord.identifies(), 0);
}

#[tokio::test]
async fn without_the_intent_only_what_concerns_the_bot_has_words() {
    let discord = FakeDiscord::start().await;
    discord.grants_message_content(false);
    let general = discord.guild("club").channel("general");
    let yun = discord.person("yun");
    let mut bot = Bot::with_intents(&discord, INTENTS - GatewayIntents::MESSAGE_CONTENT).await;
    discord.until_connected().await;
    general.says(&yun, "secret");
    general.says(&yun, &format!("<@{}> hello", discord.bot_id()));
    discord.private(&yun).says(&yun, "in private");
    assert_eq!(bot.message().await.content, "");
    assert!(bot.message().await.content.ends_with("hello"));
    assert_eq!(bot.message().await.content, "in private");
}

#[tokio::test]
async fn events_come_twice_late_or_not_in_order() {
    let (discord, general, yun, mut bot) = in_a_channel().await;
    discord.duplicates_events(true);
    general.says(&yun, "twice");
    assert_eq!(bot.message().await.id, bot.message().await.id);
    discord.duplicates_events(false);
    discord.reorders_next(2);
    general.says(&yun, "first");
    general.says(&yun, "second");
    assert_eq!(bot.message().await.content, "second");
    assert_eq!(bot.message().await.content, "first");
    discord.delays_gateway(Duration::from_millis(10));
    discord.dispatches("SOMETHING_NEW", json!({ "of": "tomorrow" }));
    discord.dispatches("MESSAGE_CREATE", json!({ "id": "x" }));
    discord.sends_raw("{\"op\":0,");
    general.says(&yun, "still there?");
    assert_eq!(bot.message().await.content, "still there?");
}

#[tokio::test]
async fn a_silent_gateway_is_left() {
    let discord = FakeDiscord::start().await;
    discord.beats_every(Duration::from_millis(200));
    let _bot = Bot::start(&discord).await;
    discord.until_heartbeats(2).await;
    discord.stops_acknowledging();
    // Serenity could resume here, and does not: what happens in between is lost to it.
    discord.until_identified(2).await;
}

#[tokio::test]
async fn a_revoked_token_ends_the_client() {
    let discord = FakeDiscord::start().await;
    let mut bot = Bot::start(&discord).await;
    discord.revokes_token();
    in_time("the client gives up", &mut bot.client)
        .await
        .expect("no panic")
        .expect_err("a revoked token");
    bot.http
        .get_current_user()
        .await
        .expect_err("a revoked token");
    discord.restores_token();
    bot.http
        .get_current_user()
        .await
        .expect("the token is good again");
}

#[tokio::test]
async fn a_forgotten_session_and_a_gateway_that_is_away() {
    let (discord, general, yun, mut bot) = in_a_channel().await;
    discord.refuses_gateway(true);
    discord.forgets_sessions();
    discord.drops_gateway();
    tokio::time::sleep(Duration::from_millis(100)).await;
    discord.refuses_gateway(false);
    discord.until_identified(2).await;
    while !matches!(bot.next().await, Event::Ready) {}
    general.says(&yun, "hello again");
    assert_eq!(bot.message().await.content, "hello again");
}

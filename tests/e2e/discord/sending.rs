//! What is sent once and no more than once, whoever speaks, and what becomes of it when its place or its token is gone.

use std::time::Duration;

use serde_json::json;

use crate::support::apps::on_discord;
use crate::support::eventually;
use crate::support::fake_discord::people::Channel;

const WEBHOOK_POST: &str = "/webhooks/*/*";

pub(super) fn with(channel: &Channel, words: &str) -> usize {
    let all = channel.by_bot();
    all.iter()
        .filter(|shown| shown.content.contains(words))
        .count()
}

#[tokio::test]
async fn what_a_face_may_have_said_is_not_said_again() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    // The message is there, but the daemon is not told, and no nonce tells a second attempt from a second message.
    discord.next("POST", WEBHOOK_POST).drops_answer();
    general.says(&yun, "Joey, are you there?");
    general.until_text("not sure that all").await;
    assert_eq!(with(&general, "Okay."), 1);
    drop(daemon);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_face_s_message_does_not_double_it() {
    let (_model, discord, home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    discord.next("POST", WEBHOOK_POST).holds_answer();
    general.says(&yun, "Joey, are you there?");
    general.until_text("Okay.").await;
    daemon.kill();
    let daemon = home.start().await;
    general.until_text("not sure that all").await;
    assert_eq!(with(&general, "Okay."), 1);
    drop(daemon);
}

#[tokio::test]
async fn a_reply_to_a_thread_that_is_deleted_ends() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    let thread = general.thread("food");
    thread.says(&yun, "Joey, are you there?");
    thread.until_text("Okay.").await;
    let pen = model.next_withheld();
    thread.says(&yun, "Joey, and now?");
    model.asked(2).await;
    discord.expects_refusal(10_003);
    thread.vanishes();
    drop(pen);
    daemon.until_logged("A reply cannot be shown.").await;
    let webhooks = |requests: &[String]| {
        let posts = requests.iter();
        posts
            .filter(|line| line.starts_with("POST /webhooks/"))
            .count()
    };
    assert_eq!(webhooks(&discord.requests()), 2);
    drop(daemon);
}

#[tokio::test]
async fn a_reply_outlives_a_token_that_is_worth_nothing_for_a_while() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let pen = model.next_withheld();
    chat.says(&yun, "hello");
    model.asked(1).await;
    discord.revokes_token();
    drop(pen);
    daemon.until_logged("could not be sent yet").await;
    daemon.until_ready_says("discord", "token").await;
    discord.restores_token();
    chat.until_text("Okay.").await;
    // It connects again by itself.
    discord.until_identified(2).await;
    chat.says(&yun, "and now?");
    chat.until_count(2).await;
    drop(daemon);
}

#[tokio::test]
async fn who_is_too_much_altogether_waits_with_everything() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let (one, other) = (discord.private(&yun), discord.private(&min));
    let wait = Duration::from_secs(3);
    discord
        .next("POST", "/channels/*/messages")
        .asks_all_to_wait(wait);
    one.says(&yun, "hello");
    eventually("somebody is told to wait", async || {
        let requests = discord.requests();
        let mut posts = requests.iter().filter(|line| line.starts_with("POST"));
        posts.any(|line| line.ends_with("/messages"))
    })
    .await;
    other.says(&min, "hello");
    one.until_text("Okay.").await;
    other.until_text("Okay.").await;
    assert_eq!(discord.early_retries(), 0);
    drop(daemon);
}

#[tokio::test]
async fn looking_for_a_face_is_tried_again_when_its_answer_gets_lost() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    let general = guild.channel("general");
    discord.next("GET", "/channels/*/webhooks").drops_answer();
    discord.next("POST", "/channels/*/webhooks").drops_answer();
    general.says(&yun, "Joey, are you there?");
    let shown = general.until_text("Okay.").await;
    assert_eq!(shown.name, "Joey");
    assert_eq!((general.by_bot().len(), general.webhooks().len()), (1, 1));
    drop(daemon);
}

#[tokio::test]
async fn a_message_whose_answer_got_lost_shows_what_was_said_meanwhile() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let pen = model.next_written();
    discord.next("POST", "/channels/*/messages").drops_answer();
    pen.write("One, two,");
    chat.says(&yun, "count");
    chat.until_text("One, two,").await;
    pen.write(" three.");
    drop(pen);
    let shown = chat.until_text("One, two, three.").await;
    assert_eq!(chat.by_bot().len(), 1, "{shown:?}");
    drop(daemon);
}

#[tokio::test]
async fn a_command_whose_acknowledgement_got_lost_is_answered() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    discord.expects_refusal(40_060);
    discord
        .next("POST", "/interactions/*/*/callback")
        .drops_answer();
    let pen = model.next_written();
    let used = chat.commands(&yun, "regenerate", json!({})).await;
    assert_eq!(used.response().await.kind, 5, "an answer is announced");
    pen.write("Something else.");
    drop(pen);
    let shown = used.until_text("Something else.").await;
    assert!(!shown.is_promised);
    assert_eq!(used.messages().len(), 1);
    drop(daemon);
}

//! What Discord, its gateway and people do wrong, and what holds all the same.

use std::time::Duration;

use serde_json::json;

use super::sending::with;
use super::{write_persona, write_route};
use crate::support::apps::on_discord;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::MANAGE_WEBHOOKS;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

#[tokio::test]
async fn a_restart_answers_what_was_not_answered_once() {
    let (model, discord, home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let pen = model.next_withheld();
    chat.says(&yun, "hello");
    model.asked(1).await;
    daemon.kill();
    drop(pen);
    let daemon = home.start().await;
    chat.until_text("Okay.").await;
    discord.until_identified(2).await;
    chat.says(&yun, "and now?");
    chat.until_count(2).await;
    drop(daemon);
}

/// Discord tells of it never again, and who wrote it waits for an answer.
#[tokio::test]
async fn what_was_written_while_it_was_away_is_answered_once() {
    let (model, discord, home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let chat = discord.private(&yun);
    let general = discord.guild("club").channel("general");
    chat.says(&yun, "hello");
    general.says(&min, "Joey, hello");
    chat.until_count(1).await;
    general.until_count(1).await;
    daemon.stop().await;
    chat.says(&yun, "are you there?");
    chat.says(&yun, "I want to kill myself");
    general.says(&min, "what shall we eat, Yun?");
    for number in 0..120 {
        general.says(&min, &format!("chatter {number}"));
    }
    general.says(&min, "Joey, and you?");
    let daemon = home.start().await;
    model.asked_for("are you there?").await;
    model.asked_for("and you?").await;
    chat.until_text("988").await;
    chat.until_count(3).await;
    general.until_count(2).await;
    // Once more, when everything is answered: nothing is.
    daemon.stop().await;
    let daemon = home.start().await;
    discord.until_identified(3).await;
    chat.says(&yun, "last one");
    general.says(&min, "Joey, last one");
    chat.until_count(4).await;
    general.until_count(3).await;
    assert_eq!(with(&chat, "988"), 1);
    assert_eq!(with(&chat, "Okay."), 3);
    assert_eq!(with(&general, "Okay."), 3);
    drop(daemon);
}

#[tokio::test]
async fn a_wrong_token_is_said_and_harms_nothing_else() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    discord.expect_refusals();
    let daemon = Home::with(&model)
        .on_discord(&discord)
        .set("discord.token", "wrong")
        .start()
        .await;
    daemon
        .until_logged("Discord does not know this token")
        .await;
    let ready = daemon.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.json()["discord"]
            .as_str()
            .unwrap()
            .contains("DISCORD_TOKEN")
    );
    assert_eq!(daemon.user("yun").say("joey", "hi").await.reply(), "Okay.");
    assert_eq!(discord.identifies(), 0);
}

#[tokio::test]
async fn a_dropped_gateway_is_resumed_and_misses_nothing() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    chat.says(&yun, "before");
    chat.until_count(1).await;
    discord.drops_gateway();
    chat.says(&yun, "meanwhile");
    discord.until_resumed(1).await;
    chat.until_count(2).await;
    // A session that Discord has given up begins anew.
    discord.invalidates_session();
    discord.until_identified(2).await;
    chat.says(&yun, "afterwards");
    chat.until_count(3).await;
    assert_eq!(model.prompts().len(), 3);
    drop(daemon);
}

#[tokio::test]
async fn what_comes_twice_or_is_of_an_unknown_kind_does_no_harm() {
    let (model, discord, _home, daemon) = on_discord().await;
    discord.duplicates_events(true);
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    discord.dispatches("SOMETHING_NEW", json!({ "id": "1" }));
    discord.dispatches("MESSAGE_CREATE", json!({ "nothing": "of it" }));
    chat.says(&yun, "hello");
    chat.until_count(1).await;
    chat.says(&yun, "again");
    chat.until_count(2).await;
    assert_eq!(model.prompts().len(), 2);
    assert!(daemon.counted("chatfriends_unknown_events_total").await >= 1);
}

#[tokio::test]
async fn a_long_reply_is_cut_into_messages_and_whole_in_the_end() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let code = "let greeting = \"안녕\"; // 👩‍👩‍👧\n".repeat(90);
    let reply = format!("Look:\n```rust\n{code}```\nThat is all.");
    let words = reply.clone();
    model.replies(move |_| words.clone());
    chat.says(&yun, "show me");
    let last = chat.until_text("That is all.").await;
    let shown = chat.by_bot();
    assert!(shown.len() >= 2);
    for message in &shown {
        assert!(message.content.chars().count() <= 2000);
        assert_eq!(
            message.content.matches("```").count() % 2,
            0,
            "{}",
            message.content
        );
    }
    let lines: usize = shown
        .iter()
        .map(|message| message.content.matches("let greeting").count())
        .sum();
    assert_eq!(lines, 90);
    chat.until_button(last.id, "regenerate").await;
    let buttons: usize = chat.by_bot().iter().map(|shown| shown.buttons.len()).sum();
    assert_eq!(buttons, 1, "only below the end");
    drop(daemon);
}

#[tokio::test]
async fn a_slow_reply_grows_by_edits_that_keep_to_the_limits() {
    let (model, discord, _home, daemon) = on_discord().await;
    discord.limits_messages(2, Duration::from_secs(2));
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let pen = model.next_written();
    chat.says(&yun, "count");
    chat.until_typing(1).await;
    for word in ["One,", " two,", " three,", " four"] {
        pen.write(word);
        chat.until_text(word.trim()).await;
    }
    drop(pen);
    let shown = chat.until_count(1).await;
    let shown = chat.until_button(shown.id, "regenerate").await;
    assert_eq!(shown.content, "One, two, three, four");
    assert!(shown.contents.len() >= 4);
    assert_eq!(discord.early_retries(), 0);
    assert_eq!(chat.by_bot().len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn a_reply_can_be_stopped_below_itself() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let pen = model.next_written();
    pen.write("One, two,");
    chat.says(&yun, "count");
    let shown = chat.until_text("One, two,").await;
    chat.presses(&yun, shown.id, "stop");
    pen.unread().await;
    let shown = chat.until_button(shown.id, "regenerate").await;
    assert_eq!(shown.content, "One, two,");
    drop(daemon);
}

#[tokio::test]
async fn an_answer_that_got_lost_is_not_doubled_and_a_server_that_is_down_is_waited_for() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    // The message is there, but the daemon is not told.
    discord.next("POST", "/channels/*/messages").drops_answer();
    chat.says(&yun, "hello");
    let shown = chat.until_text("Okay.").await;
    chat.until_button(shown.id, "regenerate").await;
    assert_eq!(chat.by_bot().len(), 1);
    discord.fails_all(503);
    chat.says(&yun, "are you there?");
    model.asked(2).await;
    daemon.until_logged("could not be sent yet").await;
    discord.recovers();
    chat.until_count(2).await;
    drop(daemon);
}

#[tokio::test]
async fn without_the_message_content_intent_it_answers_mentions_and_says_what_to_switch_on() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    discord.grants_message_content(false);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    general.says(&yun, "Joey, are you there?");
    general.says(&yun, &format!("<@{}> hello", discord.bot_id()));
    general.until_count(1).await;
    assert_eq!(model.prompts().len(), 1);
    assert!(daemon.stderr().contains("Message Content Intent"));
}

#[tokio::test]
async fn bots_files_and_empty_messages_are_treated_by_the_rule() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, robot) = (discord.person("yun"), discord.other_bot("robot"));
    let general = discord.guild("club").channel("general");
    general.says(&robot, &format!("<@{}> hello", discord.bot_id()));
    general.webhook_says("somebody", "Joey, are you there?");
    let chat = discord.private(&yun);
    chat.shows_sticker(&yun, "wave");
    chat.shows_picture(&yun, "cat.png");
    chat.until_text("I can only read words.").await;
    // Too long for anybody.
    chat.says(&yun, &"가".repeat(2000));
    chat.until_count(2).await;
    assert_eq!(model.prompts().len(), 1);
    assert_eq!((general.by_bot().len(), chat.by_bot().len()), (0, 2));
    drop(daemon);
}

#[tokio::test]
async fn the_help_card_comes_at_once_whatever_the_rules_and_the_model_do() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let guild = discord.guild("club");
    let home = Home::with(&model).on_discord(&discord);
    write_route(&home, &guild, "answers = \"nothing\"");
    let daemon = home.start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let general = guild.channel("general");
    for _ in 0..3 {
        model.next_refused(500);
    }
    general.says(&yun, "조이야 나 죽고 싶어");
    let card = general.until_text("109").await;
    assert_eq!(card.webhook, None, "it is the bot that speaks");
    assert!(model.prompts().is_empty());
    drop(daemon);
}

#[tokio::test]
async fn webhooks_that_are_lost_are_made_again_and_names_that_discord_forbids_are_avoided() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    write_persona(&home, "clyde", "Clyde of Discord");
    let guild = discord.guild("club");
    write_route(&home, &guild, "personas = [\"clyde\", \"joey\"]");
    let daemon = home.start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let general = guild.channel("general");
    general.says(&yun, &format!("<@{}> hello", discord.bot_id()));
    let shown = general.until_count(1).await;
    assert!(shown.webhook.is_some() && !shown.name.to_lowercase().contains("discord"));
    // What a webhook has begun nobody else can end.
    general.until_button(shown.id, "regenerate").await;
    discord.expects_refusal(10_015);
    general.loses_webhooks();
    model.replies(|_| "Here again.".to_owned());
    general.says(&yun, "Joey, are you there?");
    let shown = general.until_text("Here again.").await;
    general.until_button(shown.id, "regenerate").await;
    // Where the permission is taken away the bot speaks itself.
    discord.expects_refusal(50_013);
    general.loses_webhooks();
    guild.bot_may_not(MANAGE_WEBHOOKS);
    model.replies(|_| "As myself.".to_owned());
    general.says(&yun, "Joey, and now?");
    let shown = general.until_text("As myself.").await;
    assert_eq!(shown.webhook, None);
    drop(daemon);
}

#[tokio::test]
async fn check_says_how_the_bot_is() {
    let discord = FakeDiscord::start().await;
    let model = FakeModel::start().await;
    let home = Home::with(&model).on_discord(&discord);
    let said = home.run(&["check"]).await.sound();
    assert!(said.contains("ok      discord: friends answers"), "{said}");
    discord.grants_message_content(false);
    let said = home.run(&["check"]).await.sound();
    assert!(said.contains("Message Content Intent"), "{said}");
    discord.expect_refusals();
    let said = home.set("discord.token", "wrong").run(&["check"]).await;
    assert_eq!(said.code, 1);
    assert!(
        said.stdout
            .contains("FAULT   discord: Discord does not know this token"),
        "{said:?}"
    );
}

//! What goes wrong: too fast, too long, twice, out of order, gone, blocked.

use std::time::Duration;

use serde_json::json;

use crate::support::apps::on_telegram;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::FakeTelegram;
use crate::support::home::Home;
use crate::support::{eventually, in_time};

#[tokio::test]
async fn a_second_poller_is_named_and_waited_for() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram.next("getUpdates").refuses(
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    );
    let daemon = Home::with(&model).on_telegram(&telegram).start().await;
    daemon
        .until_ready_says("telegram", "another program takes this bot's messages")
        .await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    drop(daemon);
}

#[tokio::test]
async fn what_nobody_there_has_said_is_ignored() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram.lets_the_bot_read_everything();
    telegram.sends_unknown_update();
    let daemon = Home::with(&model).on_telegram(&telegram).start().await;
    let group = telegram.group("club");
    let name = telegram.bot_username();
    group.says(&telegram.other_bot("Robot"), &format!("@{name} hello"));
    group.says(&group.linked_channel("News"), &format!("@{name} news"));
    telegram.until_confirmed().await;
    let unknown = daemon.counted("chatfriends_unknown_events_total").await;
    assert_eq!(unknown, 1);
    // Whoever speaks as a channel of theirs is somebody.
    let channel = group.as_channel("Min's");
    group.says(&channel, &format!("@{name} and I?"));
    group.until_text("Okay.").await;
    assert_eq!(model.prompts().len(), 1);
    assert!(model.last_to("and I?").text().contains("Min's"));
    drop(daemon);
}

#[tokio::test]
async fn what_is_no_text_gets_a_sentence_or_silence() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun");
    let (chat, group) = (telegram.private(&yun), telegram.group("club"));
    chat.sends_sticker(&yun, "👍");
    chat.sends_photo(&yun, "");
    chat.until_text("I can only read words").await;
    chat.sends_voice(&yun);
    chat.until_count(2).await;
    chat.sends_photo(&yun, "my cat");
    chat.until_text("Okay.").await;
    assert_eq!(chat.texts().len(), 3, "nothing is said to a sticker");
    assert!(model.last().last().ends_with("my cat"));
    // In a group only what is meant for the bot.
    group.sends_photo(&yun, "");
    group.sends_sticker(&yun, "👍");
    group.sends_photo(&yun, "somebody's cat");
    let caption = format!("@{}", telegram.bot_username());
    group.sends_photo(&yun, &caption);
    group.until_count(1).await;
    telegram.until_confirmed().await;
    assert_eq!(group.texts(), ["I can only read words. What is it about?"]);
    drop(daemon);
}

/// Ten pictures that are sent at once are ten messages.
#[tokio::test]
async fn an_album_is_answered_once() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.sends_album(&yun, 10, "");
    chat.until_text("I can only read words").await;
    chat.sends_album(&yun, 10, "my cats");
    chat.until_text("Okay.").await;
    chat.sends_album(&yun, 3, "");
    chat.until_count(3).await;
    telegram.until_confirmed().await;
    chat.says(&yun, "well");
    chat.until_count(4).await;
    assert_eq!(chat.texts().len(), 4, "{:?}", chat.texts());
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_answered_with_the_limit() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, &"길".repeat(4_096));
    chat.until_text("4000").await;
    assert!(model.prompts().is_empty());
    drop(daemon);
}

#[tokio::test]
async fn a_long_reply_is_cut_into_whole_messages() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let code: String = (0..300)
        .map(|line| format!("let x{line} = {line};\n"))
        .collect();
    let family = "👨‍👩‍👧‍👦".repeat(400);
    model.replies(move |_| format!("Look:\n```rust\n{code}```\n{family}\nThat's all."));
    chat.says(&yun, "show me");
    let shown = chat
        .until("the end", |shown| {
            shown
                .last()
                .is_some_and(|last| last.text.ends_with("That's all."))
        })
        .await;
    assert!(shown.len() > 2);
    let all: String = shown.iter().map(|shown| shown.text.as_str()).collect();
    for line in 0..300 {
        assert!(all.contains(&format!("let x{line} = {line};")));
    }
    assert_eq!(all.matches("👨‍👩‍👧‍👦").count(), 400, "no family is torn apart");
    assert!(!all.contains("```"));
    for shown in &shown {
        let units = shown.text.encode_utf16().count();
        assert!(units <= 4_096, "{units}");
        let code = shown.marked("pre").concat();
        assert_eq!(code.contains("let x"), shown.text.contains("let x"));
    }
    drop(daemon);
}

#[tokio::test]
async fn whoever_must_wait_waits_and_shows_the_end() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.group("club");
    let pen = model.next_written();
    chat.says(&yun, &format!("@{} tell me", telegram.bot_username()));
    pen.write("Once");
    chat.until_text("Once").await;
    let begun = tokio::time::Instant::now();
    telegram.next("editMessageText").must_wait(3);
    pen.write(" upon a time.");
    drop(pen);
    let shown = chat.until_text("Once upon a time.").await;
    assert!(begun.elapsed() >= Duration::from_secs(3));
    chat.until_button(shown.id, "regenerate").await;
    assert_eq!(chat.messages().len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn who_has_blocked_the_bot_holds_nobody_up() {
    let (model, telegram, home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("bot was blocked");
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let (hers, his) = (telegram.private(&yun), telegram.private(&min));
    let pen = model.written_to("hello");
    hers.says(&yun, "hello");
    model.asked(1).await;
    hers.blocks_bot(&yun);
    pen.write("Nobody reads this.");
    drop(pen);
    eventually("it is refused", async || {
        telegram
            .refusals()
            .iter()
            .any(|refusal| refusal.starts_with("sendMessage"))
    })
    .await;
    his.says(&min, "and I?");
    his.until_text("Okay.").await;
    drop(daemon);
    let daemon = home.start().await;
    hers.unblocks_bot(&yun);
    hers.says(&yun, "I'm back");
    hers.until_text("Okay.").await;
    assert_eq!(
        hers.texts(),
        ["Okay."],
        "what could not be shown is not tried for ever"
    );
    drop(daemon);
}

#[tokio::test]
async fn what_may_have_arrived_is_not_repeated_and_its_reader_is_told() {
    let (_model, telegram, home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    telegram.next("sendMessage").works_and_drops_connection();
    chat.says(&yun, "hello");
    chat.until_text("I am not sure that all of my answer arrived")
        .await;
    assert_eq!(chat.messages().len(), 2);
    assert_eq!(chat.texts()[0], "Okay.");
    // The same when it did not.
    telegram.next("sendMessage").drops_connection();
    chat.says(&yun, "and now?");
    chat.until_count(3).await;
    assert!(chat.last().text.starts_with("I am not sure"));
    daemon.stop().await;
    let daemon = home.start().await;
    chat.says(&yun, "once more");
    chat.until_count(4).await;
    assert_eq!(chat.last().text, "Okay.");
    drop(daemon);
}

/// Telegram shows each message that it takes, perhaps with what no one knows yet.
#[tokio::test]
async fn a_message_that_is_shown_in_a_new_way_was_sent_all_the_same() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let of_the_future = json!({ "chat": { "id": chat.id(), "type": "planet" }, "text": 5 });
    let message = telegram.next("sendMessage");
    message.works_and_shows(of_the_future.clone());
    chat.says(&yun, "hello");
    let shown = chat.until_text("Okay.").await;
    chat.until_button(shown.id, "regenerate").await;
    assert_eq!(chat.texts(), ["Okay."]);
    // It is known by its number.
    model.replies(|_| "Something else.".to_owned());
    let edit = telegram.next("editMessageText");
    edit.works_and_shows(of_the_future);
    chat.presses(&yun, shown.id, "🔄 Another answer");
    chat.until_text("Something else.").await;
    model.replies(|_| "Well.".to_owned());
    chat.says(&yun, "and now?");
    chat.until_text("Well.").await;
    assert_eq!(chat.texts(), ["Something else.", "Well."]);
    drop(daemon);
}

#[tokio::test]
async fn what_people_wrote_is_not_told_when_it_cannot_be_read() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram
        .next("getUpdates")
        .answers(200, json!({ "ok": true, "result": "my darkest secret" }));
    let daemon = Home::with(&model).on_telegram(&telegram).start().await;
    eventually("it is named", async || {
        let ready = daemon.get("/readyz").await.json();
        let trouble = ready["telegram"].as_str().unwrap_or_default().to_owned();
        assert!(!trouble.contains("secret"), "{trouble}");
        trouble.contains("cannot be read")
    })
    .await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    assert!(!daemon.stderr().contains("secret"));
    drop(daemon);
}

#[tokio::test]
async fn a_server_that_fails_for_a_while_is_waited_for() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    telegram.next("sendMessage").refuses(502, "Bad Gateway");
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    assert_eq!(chat.texts(), ["Okay."]);
    drop(daemon);
}

#[tokio::test]
async fn updates_that_come_out_of_order_are_all_answered() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let (hers, his) = (telegram.private(&yun), telegram.private(&min));
    telegram.reorder_next(4);
    hers.says(&yun, "one");
    his.says(&min, "two");
    hers.says(&yun, "three");
    his.says(&min, "four");
    hers.until_text("Okay.").await;
    his.until_text("Okay.").await;
    let all: Vec<String> = model
        .prompts()
        .iter()
        .map(|prompt| prompt.last().to_owned())
        .collect();
    assert_eq!(all.len(), 2, "each one's burst is one turn");
    assert!(
        all.iter().any(|words| words.ends_with("one\nthree")),
        "{all:?}"
    );
    telegram.until_confirmed().await;
    drop(daemon);
}

#[tokio::test]
async fn a_reply_that_runs_at_the_end_is_finished_and_not_doubled() {
    let (model, telegram, home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let pen = model.next_written();
    chat.says(&yun, "tell me");
    pen.write("Once");
    chat.until_drafts(1).await;
    daemon.terminate();
    pen.write(" upon a time.");
    drop(pen);
    let (status, _) = in_time("the end", daemon.stop()).await;
    assert!(status.success());
    assert_eq!(chat.texts(), ["Once upon a time."]);
    let daemon = home.start().await;
    telegram.until_confirmed().await;
    chat.says(&yun, "and then?");
    chat.until_count(2).await;
    assert_eq!(chat.texts(), ["Once upon a time.", "Okay."]);
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn check_tells_how_the_bot_would_fare() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    let home = Home::with(&model);
    let unused = home.run(&["check"]).await.sound();
    assert!(unused.contains("ok      telegram: not used"), "{unused}");
    let home = home.on_telegram(&telegram);
    let sound = home.run(&["check"]).await.sound();
    let line = format!(
        "ok      telegram: @{}; privacy mode is on",
        telegram.bot_username()
    );
    assert!(sound.contains(&line), "{sound}");
    assert!(sound.contains("/setprivacy") && sound.contains("no webhook is set"));
    telegram.revoke_token();
    let revoked = home.run(&["check"]).await;
    assert_ne!(revoked.code, 0);
    assert!(
        revoked
            .stdout
            .contains("FAULT   telegram: Telegram does not know this token; ask @BotFather")
    );
}

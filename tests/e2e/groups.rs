//! What people in one place may do about each other's replies, memory and rules.

use serde_json::json;

use crate::support::apps::{on_discord, on_telegram};
use crate::support::eventually;
use crate::support::fake_discord::permissions::MANAGE_GUILD;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::{FakeTelegram, Role};
use crate::support::home::Home;

#[tokio::test]
async fn why_explains_a_reply_to_the_one_who_was_answered_only() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
    let keepers = guild.role("keepers", MANAGE_GUILD);
    guild.joins(&min, &[keepers]);
    let general = guild.channel("general");
    general.says(&yun, "Joey, my job is a spy.");
    general.until_count(1).await;
    general.says(&yun, "Joey, what's my job?");
    let shown = general.until_count(2).await;
    let why = async |person| {
        let used = general.commands(person, "why", json!({})).await;
        used.response().await.content
    };
    assert!(why(&yun).await.contains("job: spy"));
    assert_eq!(
        why(&min).await,
        "There is no reply to you here that I could explain. What a reply was based on I only keep until my next restart."
    );
    // A moderator may have it made again, and learns nothing by that.
    general.until_button(shown.id, "regenerate").await;
    model.replies(|_| "A spy, of course.".to_owned());
    general.presses(&min, shown.id, "regenerate");
    general.until_text("A spy, of course.").await;
    assert_eq!(
        model.last_to("what's my job?").block("memory"),
        ["job: spy"]
    );
    assert!(!why(&min).await.contains("job: spy"));
    assert!(why(&yun).await.contains("job: spy"));
    drop(daemon);
}

#[tokio::test]
async fn what_came_later_does_not_hide_why_somebody_was_answered_so() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let general = discord.guild("club").channel("general");
    general.says(&yun, "Joey, my job is a spy.");
    general.until_count(1).await;
    general.says(&yun, "Joey, what's my job?");
    general.until_count(2).await;
    // Neither what somebody else is answered hides it nor what is said to friends.
    general.says(&min, "Joey, hello");
    general.until_count(3).await;
    general.says(&yun, "just between us");
    let why = async || {
        let used = general.commands(&yun, "why", json!({})).await;
        used.response().await.content
    };
    eventually("it was heard", async || {
        why().await.contains("I was not called")
    })
    .await;
    let told = why().await;
    let (reply, silence) = told.split_once("\n\n").unwrap();
    assert!(reply.contains("job: spy"), "{told}");
    assert!(silence.starts_with("I stayed silent"), "{told}");
    drop(daemon);
}

#[tokio::test]
async fn an_administrator_who_types_a_command_is_one() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let (yun, boss) = (telegram.person("Yun"), telegram.person("Boss"));
    let (private, group) = (telegram.private(&boss), telegram.group("club"));
    private.says(&boss, "/start");
    private.until_count(1).await;
    group.joins(&yun);
    group.has(&boss, Role::Administrator);
    let pen = model.next_written();
    pen.write("One, two,");
    group.says(&yun, "Joey, count please");
    group.until_text("One, two,").await;
    group.says(&boss, "/stop");
    pen.unread().await;
    private.until_text("Stopped.").await;
    model.replies(|_| "Something else.".to_owned());
    group.says(&boss, "/regenerate");
    group.until_text("Something else.").await;
    group.says(&boss, "/help");
    private.until_text("| create ID |").await;
    group.says(&boss, "/persona rollback");
    let usage = private.until_text("Usage: ").await;
    assert!(usage.text.contains("/persona rollback NAME"), "{usage:?}");
    drop(daemon);
}

#[tokio::test]
async fn only_the_one_who_is_answered_and_moderators_stop_or_remake_a_reply() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let (yun, min, boss) = (
        telegram.person("Yun"),
        telegram.person("Min"),
        telegram.person("Boss"),
    );
    let group = telegram.group("club");
    group.joins(&yun);
    group.joins(&min);
    group.has(&boss, Role::Administrator);
    // Somebody who never wrote to the bot cannot be told anything alone.
    telegram.expect_refusals_of("chat not found");
    let pen = model.next_written();
    pen.write("One, two,");
    group.says(&yun, "Joey, count please");
    let shown = group.until_text("One, two,").await;
    group.says(&min, "/stop");
    group
        .until_text("I am not saying anything at the moment.")
        .await;
    let press = group.presses(&min, shown.id, "⏹ Stop");
    telegram.until_answered(&press).await;
    pen.write(" three");
    group.until_text("One, two, three").await;
    // An administrator may, though Telegram does not tell who they are.
    group.presses(&boss, shown.id, "⏹ Stop");
    pen.unread().await;
    group.until_button(shown.id, "regenerate").await;
    model.replies(|_| "Done.".to_owned());
    group.presses(&boss, shown.id, "🔄 Another answer");
    let again = group.until_text("Done.").await;
    assert_eq!(again.id, shown.id);
    // And it can be made again by the one who asked.
    model.replies(|_| "Done again.".to_owned());
    let again = group.until_button(again.id, "regenerate").await;
    assert_eq!(again.text, "Done.");
    group.presses(&yun, shown.id, "🔄 Another answer");
    group.until_text("Done again.").await;
    drop(daemon);
}

#[tokio::test]
async fn limits_hold_for_other_answers_too() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    let group = telegram.group("club");
    let home = Home::with(&model).on_telegram(&telegram);
    home.write(
        "config/local.toml",
        format!(
            "[[route]]\nat = \"telegram:group/{}\"\nhourly_per_person = 2\n",
            group.id()
        ),
    );
    let daemon = home.start().await;
    let yun = telegram.person("Yun");
    group.joins(&yun);
    group.says(&yun, &format!("@{} hello", telegram.bot_username()));
    group.until_text("Okay.").await;
    group.says(&yun, "/regenerate");
    eventually("it is made again", async || model.prompts().len() == 2).await;
    group.says(&yun, "/regenerate");
    group.until_text("in the last hour").await;
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn what_hides_before_a_command_does_not_make_it_public() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun");
    let private = telegram.private(&yun);
    let group = telegram.group("club");
    group.joins(&yun);
    private.says(&yun, "hi");
    private.until_text("Okay.").await;
    let name = telegram.bot_username();
    group.says(&yun, &format!("@{name} my name is Yun"));
    group.until_count(1).await;
    group.says(&yun, &format!("@{name} \u{200b}/memory"));
    private.until_text("name: Yun").await;
    assert!(group.texts().iter().all(|text| !text.contains("name: Yun")));
    drop(daemon);
}

#[tokio::test]
async fn what_follows_a_call_belongs_to_it_and_another_name_begins_anew() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram.lets_the_bot_read_everything();
    let group = telegram.group("club");
    let home = Home::with(&model).on_telegram(&telegram);
    home.write(
        "config/local.toml",
        format!(
            "[[route]]\nat = \"telegram:group/{}\"\npersonas = [\"joey\", \"monica\"]\nhourly_per_person = 2\n",
            group.id()
        ),
    );
    let daemon = home.start().await;
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    group.joins(&yun);
    group.joins(&min);
    model.replies(|prompt| format!("To {}", prompt.last().replace('\n', " / ")));
    group.says(&yun, "모니카야");
    group.says(&min, "nobody calls");
    group.says(&yun, "오늘 점심 뭐 먹지?");
    group.says(&yun, "배고파");
    let shown = group.until_text("배고파").await;
    assert!(
        shown
            .text
            .contains("모니카야 / 오늘 점심 뭐 먹지? / 배고파"),
        "{shown:?}"
    );
    assert!(shown.text.starts_with("Monica"), "{shown:?}");
    // All of that was one answer; this is the second, and there is no third.
    group.says(&yun, "Joey, hi");
    group.says(&yun, "Monica, hello");
    group.until_text("Joey, hi").await;
    eventually("the third is refused", async || {
        group.reactions().iter().any(|(_, signs)| !signs.is_empty())
    })
    .await;
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn who_was_taken_from_a_place_answers_there_no_more() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    model.replies(|prompt| format!("As Monica: {}", prompt.system().contains("Monica")));
    group.says(&yun, "Joey, hi");
    let shown = group.until_text("As Monica: false").await;
    group.says(&yun, "/persona set monica");
    group.until_text("From now on").await;
    group.replies(&yun, shown.id, "And now?");
    group.until_text("As Monica: true").await;
    let press = group.presses(&yun, shown.id, "🔄 Another answer");
    let told = telegram.until_answered(&press).await;
    assert!(
        told.text.contains("does not answer here any more"),
        "{told:?}"
    );

    // Where all is answered, what other bots are told is not.
    group.says(&yun, "/settings answer everything");
    group.until_text("every").await;
    group.says(&yun, "/roll 2d6");
    group.says(&yun, "what was that?");
    eventually("the question is answered", async || {
        model.prompts().len() == 3
    })
    .await;
    assert!(!group.texts().iter().any(|text| text.contains("/roll")));
    drop(daemon);
}

#[tokio::test]
async fn what_one_commands_is_done_and_told_in_order() {
    let (model, telegram, home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    // Somebody who never wrote to the bot cannot be told anything alone.
    telegram.expect_refusals_of("chat not found");
    drop(daemon);
    for number in 11..=18 {
        group.says(&yun, &format!("/settings limit person {number}"));
    }
    group.says(&yun, "/settings show");
    let daemon = home.start().await;
    let shown = group.until_text("Who answers").await;
    assert!(shown.text.contains(": 18"), "{shown:?}");
    let texts = group.texts();
    let told: Vec<bool> = (11..=18)
        .zip(&texts)
        .map(|(number, text)| text.contains(&format!(": {number}")))
        .collect();
    assert_eq!(told, [true; 8], "{texts:?}");
    // Whoever says stop waits for nothing.
    group.says(&yun, "Joey, hi");
    group.until_text("Okay.").await;
    let pen = model.next_written();
    pen.write("One, two,");
    group.says(&yun, "/regenerate");
    group.until_text("One, two,").await;
    group.says(&yun, "/stop");
    pen.unread().await;
    drop(daemon);
}

#[tokio::test]
async fn a_reply_that_was_asked_for_by_command_can_be_made_again() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    let first = chat.until_text("Okay.").await;
    chat.until_disclosures(1).await;
    chat.until_button(first.id, "regenerate").await;
    model.replies(|_| "By command.".to_owned());
    chat.says(&yun, "/regenerate");
    let second = chat.until_text("By command.").await;
    assert_ne!(first.id, second.id);
    chat.until_button(second.id, "regenerate").await;
    model.replies(|_| "By button.".to_owned());
    chat.presses(&yun, second.id, "🔄 Another answer");
    let third = chat.until_text("By button.").await;
    assert_eq!(third.id, second.id);
    drop(daemon);
}

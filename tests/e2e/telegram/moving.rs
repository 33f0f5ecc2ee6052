//! A group becomes a supergroup: the talk goes on there.

use crate::support::apps::on_telegram;
use crate::support::fake_telegram::Role;

#[tokio::test]
async fn what_a_group_was_goes_on_in_its_supergroup() {
    let (model, telegram, home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let group = telegram.basic_group("club");
    group.has(&yun, Role::Administrator);
    let call = |words: &str| format!("@{} {words}", telegram.bot_username());
    group.says(&yun, "/persona set monica");
    group.until_count(1).await;
    group.says(&yun, &call("My name is Yun."));
    group.until_count(2).await;
    let new = group.migrates(&yun);
    let asked = new.says(&yun, &call("Who am I?"));
    let shown = new.until_text("Okay.").await;
    assert_eq!(shown.reply_to, Some(asked));
    let prompt = model.last_to("Who am I?");
    assert!(prompt.system().contains("Monica"));
    assert!(
        prompt.text().contains("My name is Yun."),
        "{}",
        prompt.text()
    );
    // Also after a restart.
    drop(daemon);
    let daemon = home.start().await;
    new.says(&yun, &call("And now?"));
    new.until_count(2).await;
    assert!(model.last_to("And now?").text().contains("My name is Yun."));
    drop(daemon);
}

#[tokio::test]
async fn a_reply_that_runs_meanwhile_arrives_in_the_supergroup_and_is_remembered() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("upgraded to a supergroup");
    let yun = telegram.person("Yun");
    let group = telegram.basic_group("club");
    let call = |words: &str| format!("@{} {words}", telegram.bot_username());
    let pen = model.next_written();
    group.says(&yun, &call("I like rain."));
    model.asked(1).await;
    let new = group.migrates(&yun);
    telegram.until_confirmed().await;
    new.says(&yun, &call("And?"));
    telegram.until_confirmed().await;
    pen.write("So do I.");
    drop(pen);
    let shown = new.until_text("So do I.").await;
    assert_eq!(shown.reply_to, None, "numbers of messages do not go along");
    new.until_text("Okay.").await;
    let prompt = model.last_to("And?").text();
    assert!(
        prompt.contains("I like rain.") && prompt.contains("So do I."),
        "{prompt}"
    );
    drop(daemon);
}

#[tokio::test]
async fn a_move_that_nobody_told_is_found_out_by_writing() {
    let (model, telegram, home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("upgraded to a supergroup");
    let yun = telegram.person("Yun");
    let group = telegram.basic_group("club");
    let call = |words: &str| format!("@{} {words}", telegram.bot_username());
    let pen = model.next_withheld();
    group.says(&yun, &call("I like rain."));
    model.asked(1).await;
    telegram.until_confirmed().await;
    daemon.kill();
    drop(pen);
    let new = group.migrates(&yun);
    // Its words were too old to be repeated.
    telegram.forgets_updates();
    let daemon = home.start().await;
    new.until_text("Okay.").await;
    new.says(&yun, &call("What do I like?"));
    new.until_count(2).await;
    assert!(
        model
            .last_to("What do I like?")
            .text()
            .contains("I like rain.")
    );
    drop(daemon);
}

#[tokio::test]
async fn a_reply_that_was_begun_goes_on_in_the_supergroup() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("upgraded to a supergroup");
    let yun = telegram.person("Yun");
    let group = telegram.basic_group("club");
    let pen = model.next_written();
    group.says(&yun, &format!("@{} tell me", telegram.bot_username()));
    pen.write("Once");
    group.until_text("Once").await;
    let new = group.migrates(&yun);
    telegram.until_confirmed().await;
    pen.write(" upon a time.");
    drop(pen);
    new.until("the whole reply with its button", |shown| {
        matches!(shown, [whole] if whole.text == "Once upon a time." && !whole.buttons.is_empty())
    })
    .await;
    assert_eq!(group.texts(), ["Once"]);
    drop(daemon);
}

#[tokio::test]
async fn rules_and_drafts_are_there_at_once_and_one_that_is_set_meanwhile_stays() {
    let (model, telegram, home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    telegram.expect_refusals_of("upgraded to a supergroup");
    let yun = telegram.person("Yun");
    let private = telegram.private(&yun);
    private.says(&yun, "/start");
    private.until_text("I am an AI").await;
    let group = telegram.basic_group("club");
    group.has(&yun, Role::Administrator);
    group.says(&yun, "/persona set monica");
    group.until_text("Monica answers here").await;
    group.says(&yun, "/settings limit person 20");
    group.until_text("20").await;
    group.says(&yun, "/persona create nari");
    private.until_text("1/5").await;
    // As long as a reply is being made, what was said does not move.
    let pen = model.next_written();
    group.says(&yun, &format!("@{} hello", telegram.bot_username()));
    pen.write("Once");
    group.until_text("Once").await;
    let new = group.migrates(&yun);
    telegram.until_confirmed().await;
    new.says(&yun, "/settings limit person 7");
    new.until_text("in this group: 7").await;
    let rules = "Who answers: Monica (chosen here)";
    new.says(&yun, "/settings show");
    private.until_text(rules).await;
    for (answer, next) in [
        ("Nari", "2/5"),
        ("en", "3/5"),
        ("s", "4/5"),
        ("g", "5/5"),
        ("f", "The draft of nari is kept."),
    ] {
        private.says(&yun, answer);
        private.until_text(next).await;
    }
    new.says(&yun, "/persona publish nari");
    new.until_text("Nari is published as version 1.").await;
    pen.write(" upon a time.");
    drop(pen);
    new.until_text("Once upon a time.").await;
    telegram.until_confirmed().await;
    // Killed between showing an answer and noting that it is shown, it can only show it once more.
    telegram.expect_refusals_of("message is not modified");
    drop(daemon);
    let daemon = home.start().await;
    let before = private.messages().len();
    new.says(&yun, "/settings show");
    let shown = private.until_count(before + 1).await.remove(before).text;
    assert!(
        shown.contains(rules) && shown.contains("in this group: 7"),
        "{shown}"
    );
    new.says(&yun, "/settings log");
    private.until_text("/settings limit person 20").await;
    drop(daemon);
}

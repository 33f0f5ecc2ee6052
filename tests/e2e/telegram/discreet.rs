//! What only the asker is to see, though they asked where others read along.

use crate::support::apps::on_telegram;
use crate::support::fake_telegram::{Chat, FakeTelegram, Person, Role};

/// What somebody tells in a group, and waits for the answer to.
async fn tells(telegram: &FakeTelegram, group: &Chat, person: &Person, words: &str) {
    let before = group.messages().len();
    let said = group.says(person, &format!("@{} {words}", telegram.bot_username()));
    let shown = group.until_count(before + 1).await;
    assert_eq!(shown[before].reply_to, Some(said));
}

/// The word that a button under this message brings into the private chat.
fn invitation(telegram: &FakeTelegram, buttons: &[(String, String)]) -> String {
    let link = format!("https://t.me/{}?start=", telegram.bot_username());
    let [(label, address)] = buttons else {
        panic!("one button: {buttons:?}")
    };
    assert_eq!(label, "Open a private chat");
    let token = address.strip_prefix(&link).expect("it leads to the bot");
    // https://core.telegram.org/api/links#bot-links
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    assert!(token.len() <= 64 && token.chars().all(is_allowed));
    format!("/start {token}")
}

#[tokio::test]
async fn what_is_remembered_of_somebody_in_a_group_is_told_to_them_alone() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let (group, private) = (telegram.group("club"), telegram.private(&yun));
    private.says(&yun, "My name is Yuna.");
    private.until_text("Okay.").await;
    tells(&telegram, &group, &yun, "My name is Yunnie.").await;
    group.says(&yun, "/memory");
    let told = private.until_text("Yunnie").await;
    assert!(told.text.starts_with("club:\n\n"), "{told:?}");
    assert_eq!(told.marked("code"), ["club"]);
    assert!(!told.text.contains("Yuna."), "that was said in private");
    group.says(&yun, "/memory forget 1");
    private.until_text("Forgotten: name: Yunnie").await;
    assert_eq!(group.texts(), ["Okay."]);
    drop(daemon);
}

#[tokio::test]
async fn whoever_has_never_written_to_the_bot_is_invited_and_nobody_else_gets_in() {
    let (_model, telegram, home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("can't initiate conversation");
    telegram.expect_refusals_of("chat not found");
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let group = telegram.group("club");
    tells(&telegram, &group, &min, "My name is Minnie.").await;
    group.until_disclosures(1).await;
    let asked = group.says(&min, "/memory");
    let note = group.until_text("only tell you that in private").await;
    assert_eq!(note.reply_to, Some(asked));
    let start = invitation(&telegram, &note.buttons);
    // It outlives a restart.
    drop(daemon);
    let daemon = home.start().await;
    let hers = telegram.private(&yun);
    hers.says(&yun, &start);
    let greeting = hers.until_count(1).await.remove(0).text;
    assert!(!greeting.contains("Minnie"), "{greeting}");
    let his = telegram.private(&min);
    his.says(&min, &start);
    let told = his.until_text("Minnie").await;
    assert!(told.text.starts_with("club:\n\n"), "{told:?}");
    // Once; and what he is greeted with afterwards tells nothing.
    his.says(&min, &start);
    assert_eq!(his.until_count(2).await[1].text, greeting);
    assert!(!group.texts().concat().contains("Minnie"));
    drop(daemon);
}

#[tokio::test]
async fn what_nobody_has_told_may_be_read_by_all_when_it_cannot_be_told_alone() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("can't initiate conversation");
    let min = telegram.person("Min");
    drop(telegram.private(&min));
    let group = telegram.group("club");
    group.says(&min, "/safety");
    let shown = group.until_count(1).await.remove(0);
    assert!(shown.buttons.is_empty(), "{shown:?}");
    drop(daemon);
}

#[tokio::test]
async fn what_is_remembered_is_handed_over_as_a_file() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let (group, private) = (telegram.group("club"), telegram.private(&yun));
    private.says(&yun, "My name is **Yuna**.");
    private.until_text("Okay.").await;
    tells(&telegram, &group, &yun, "My name is Yunnie.").await;
    private.says(&yun, "/memory export");
    private.until_count(2).await;
    group.says(&yun, "/memory export");
    private.until_text("club").await;
    let documents = private.documents();
    let [own, of_group] = documents.as_slice() else {
        panic!("{documents:?}")
    };
    assert_eq!(
        (own.name.as_str(), own.caption.as_str()),
        ("memory.json", "")
    );
    let export: serde_json::Value = serde_json::from_slice(&own.bytes).unwrap();
    assert!(
        export.to_string().contains("My name is **Yuna**."),
        "{export}"
    );
    assert!(String::from_utf8_lossy(&of_group.bytes).contains("Yunnie"));
    assert_eq!(group.texts(), ["Okay."]);
    assert!(group.documents().is_empty());
    drop(daemon);
}

#[tokio::test]
async fn what_moderators_did_is_never_told_to_a_group() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    telegram.expect_refusals_of("can't initiate conversation");
    let yun = telegram.person("Yun");
    let private = telegram.private(&yun);
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    group.says(&yun, "/persona set monica");
    group.until_text("From now on Monica").await;
    // What the rules are may be read by all, who changed them not.
    group.says(&yun, "/settings show");
    group.until_text("I answer when I am mentioned").await;
    group.says(&yun, "/settings log");
    let note = group.until_text("only tell you that in private").await;
    private.says(&yun, &invitation(&telegram, &note.buttons));
    private.until_text("/persona set").await;
    assert!(!group.texts().concat().contains("/persona set"));
    group.says(&group.anonymous_admin(), "/settings log");
    group.until_text("under your own name").await;
    assert!(!group.texts().concat().contains("/persona set"));
    drop(daemon);
}

#[tokio::test]
async fn an_anonymous_administrator_may_rule_but_is_nobody_to_be_told_something() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let group = telegram.group("club");
    let anonymous = group.anonymous_admin();
    let impostor = group.as_channel("club");
    group.says(&impostor, "/persona set monica");
    group.until_text("Only people who manage").await;
    group.says(&anonymous, "/persona set monica");
    group.until_text("From now on Monica answers here.").await;
    group.says(&anonymous, "/memory");
    let shown = group.until_text("under your own name").await;
    assert!(shown.buttons.is_empty());
    drop(daemon);
}

#[tokio::test]
async fn a_button_that_is_not_theirs_says_so_to_them_alone() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let group = telegram.group("club");
    group.has(&yun, Role::Member);
    group.joins(&min);
    tells(&telegram, &group, &yun, "hello").await;
    let shown = group.until_button(group.last().id, "regenerate").await;
    let press = group.presses(&min, shown.id, "🔄 Another answer");
    let answered = telegram.until_answered(&press).await;
    assert!(answered.is_alert && answered.text.contains("the person I answered"));
    assert_eq!(
        (group.texts(), model.prompts().len()),
        (vec!["Okay.".to_owned()], 1)
    );
    drop(daemon);
}

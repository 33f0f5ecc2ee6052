//! Telegram: the daemon between a strict Bot API server and a model, as people in private chats, groups and topics see it.

mod discreet;
mod drafts;
mod menu;
mod moving;
mod robust;
mod webhook;

use serde_json::json;

use crate::support::apps::on_telegram;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::{FakeTelegram, Role};
use crate::support::home::Home;

#[tokio::test]
async fn a_private_message_is_answered_and_remembered() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    model.replies(|_| "How you doin', Yun?".to_owned());
    chat.says(&yun, "My name is Yun.");
    let shown = chat.until_text("How you doin', Yun?").await;
    assert_eq!(shown.reply_to, None, "nobody else writes here");
    assert!(!chat.actions().is_empty() || shown.edits.len() == 1);
    let shown = chat.until_button(shown.id, "regenerate").await;
    assert_eq!(
        shown.buttons,
        [("🔄 Another answer".to_owned(), "regenerate".to_owned())]
    );
    chat.says(&yun, "What's my name?");
    chat.until_count(2).await;
    assert_eq!(
        model.last_to("What's my name?").block("memory"),
        ["name: Yun"]
    );
    telegram.until_confirmed().await;
    drop(daemon);
}

#[tokio::test]
async fn a_message_is_confirmed_only_when_it_is_stored_and_answered_once_after_a_restart() {
    let (model, telegram, home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let pen = model.next_withheld();
    chat.says(&yun, "hello");
    telegram.until_confirmed().await;
    model.asked(1).await;
    daemon.kill();
    drop(pen);
    let daemon = home.start().await;
    chat.until_text("Okay.").await;
    chat.says(&yun, "and now?");
    chat.until_count(2).await;
    assert_eq!(chat.texts(), ["Okay.", "Okay."]);
    // The interrupted message stands once in the log.
    assert_eq!(model.last_to("and now?").text().matches("hello").count(), 1);
    drop(daemon);
}

#[tokio::test]
async fn what_comes_twice_is_answered_once() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.duplicate_updates(true);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    chat.says(&yun, "again");
    chat.until_count(2).await;
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn a_burst_is_one_turn() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    for text in ["so", "today", "I had pizza"] {
        chat.says(&yun, text);
    }
    chat.until_text("Okay.").await;
    assert!(model.last().last().ends_with("so\ntoday\nI had pizza"));
    assert_eq!(model.prompts().len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn in_groups_it_speaks_when_it_is_called() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let group = telegram.group("club");
    group.joins(&yun);
    group.joins(&min);
    group.says(&min, "nobody calls anybody");
    let asked = group.says(&yun, &format!("@{} hello", telegram.bot_username()));
    let shown = group.until_text("Okay.").await;
    assert_eq!(shown.reply_to, Some(asked));
    // Whoever answers a message of the bot calls it, too.
    group.replies(&min, shown.id, "really?");
    group.until_count(2).await;
    assert!(model.last_to("really?").text().contains("Yun"));
    assert!(!model.last().contains("nobody calls"));
    group.says(&min, "/why");
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn a_moderator_chooses_who_answers_and_nobody_else_does() {
    let (model, telegram, home, daemon) = on_telegram().await;
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    group.joins(&min);
    group.says(&min, "/persona set monica");
    let refused = telegram.private(&min);
    drop(refused);
    group.until_text("Only people who manage").await;
    group.says(&yun, "/persona set monica");
    group.until_text("From now on Monica answers here.").await;
    // Only this is told to a bot that is no administrator, and once for all of them.
    let asked = telegram.calls("getChatAdministrators");
    assert_eq!(asked, [json!({ "chat_id": group.id() })]);
    drop(daemon);
    // It is kept.
    let daemon = home.start().await;
    group.says(&min, &format!("@{} hello", telegram.bot_username()));
    group.until_text("Okay.").await;
    assert!(model.last().system().contains("Monica"));
    drop(daemon);
}

/// The name above its words pinged that account, and was a command to press.
#[tokio::test]
async fn a_persona_pings_nobody_by_its_name() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    let home = Home::with(&model).on_telegram(&telegram);
    let file = "name = \"@durov /start\"\nlanguages = [\"en\"]\nsystem = \"You are loud.\"\ngreeting = \"Hi\"\n";
    home.write("config/personas/loud.toml", file);
    let daemon = home.start().await;
    let yun = telegram.person("Yun");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    group.says(&yun, "/persona set loud joey");
    group.until_count(1).await;
    model.replies(|_| "Hello!".to_owned());
    group.says(&yun, &format!("@{} hello", telegram.bot_username()));
    let shown = group.until_text("Hello!").await;
    let name = "@\u{2060}durov /\u{2060}start:";
    assert_eq!(shown.text, format!("{name}\nHello!"));
    assert_eq!(shown.marked("bold"), [name]);
    assert!(shown.marked("mention").is_empty() && shown.marked("bot_command").is_empty());
    drop(daemon);
}

/// Telegram marks commands in Latin letters only, and with privacy mode on hands over nothing else.
#[tokio::test]
async fn korean_commands_are_understood_in_groups() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun").speaking("ko");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    let name = telegram.bot_username();
    group.says(&yun, "/아무거나 선택 메추리");
    group.says(&yun, "/페르소나@other_bot 선택 메추리");
    group.says(&yun, "/페르소나 선택 모니카");
    group.until_text("Monica").await;
    group.says(&yun, &format!("/페르소나@{name} 선택 메추리"));
    group.until_text("메추리").await;
    group.says(&yun, &format!("@{name} /페르소나 선택 조이"));
    group.until_text("Joey").await;
    assert_eq!(group.texts().len(), 3, "{:?}", group.texts());
    assert!(model.prompts().is_empty());
    drop(daemon);
}

/// The other half: what the bot itself says there names commands as they arrive.
#[tokio::test]
async fn in_groups_commands_are_named_in_latin_letters() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun").speaking("ko");
    let (group, private) = (telegram.group("club"), telegram.private(&yun));
    private.says(&yun, "/start");
    private.until_count(1).await;
    group.has(&yun, Role::Administrator);
    group.says(&yun, "/persona set 아무개씨");
    group.until_text("‘/persona list’에서").await;
    // What is told alone is still about the group.
    group.says(&yun, "/memory forget");
    private
        .until_text("/memory forget 번호\n번호: ‘/memory’에 나오는 줄 번호")
        .await;
    group.says(&yun, "/memory forget 1");
    private.until_text("1번 줄은 없어요. ‘/memory’에서").await;
    private.says(&yun, "/memory forget 1");
    private.until_text("1번 줄은 없어요. ‘/기억’에서").await;
    assert!(!group.texts().concat().contains("/기억"));
    drop(daemon);
}

#[tokio::test]
async fn a_button_makes_another_answer_in_its_place() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hello");
    let shown = chat.until_text("Okay.").await;
    chat.until_button(shown.id, "regenerate").await;
    model.replies(|_| "Something else.".to_owned());
    let press = chat.presses(&yun, shown.id, "🔄 Another answer");
    telegram.until_answered(&press).await;
    let again = chat.until_text("Something else.").await;
    assert_eq!((again.id, chat.messages().len()), (shown.id, 1));
    drop(daemon);
}

#[tokio::test]
async fn a_wrong_token_is_said_and_harms_nothing_else() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    telegram.expect_refusals();
    let daemon = Home::with(&model)
        .on_telegram(&telegram)
        .set("telegram.token", "1:wrong")
        .start()
        .await;
    daemon
        .until_logged("Telegram does not know this token")
        .await;
    let ready = daemon.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert!(
        ready.json()["telegram"]
            .as_str()
            .unwrap()
            .contains("@BotFather")
    );
    assert_eq!(daemon.user("yun").say("joey", "hi").await.reply(), "Okay.");
    assert_eq!(json!(null), ready.json()["discord"]);
}

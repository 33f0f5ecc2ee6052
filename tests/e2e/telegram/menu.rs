//! What Telegram shows of the bot before anybody writes.

use serde_json::json;

use crate::support::apps::on_telegram;
use crate::support::eventually;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::FakeTelegram;
use crate::support::home::Home;

/// Waits for the last thing that is looked at.
async fn until_looked_at(telegram: &FakeTelegram, times: usize) {
    eventually("the profile is looked at", async || {
        telegram.calls("getMyShortDescription").len() >= times
    })
    .await;
}

#[tokio::test]
async fn the_commands_are_in_the_menus_in_both_languages() {
    let (_model, telegram, home, daemon) = on_telegram().await;
    eventually("the profile is set", async || {
        telegram.profile("short_description", "ko").is_some()
    })
    .await;
    let private = telegram.commands("all_private_chats", "");
    let names = |commands: &[(String, String)]| -> Vec<String> {
        commands.iter().map(|(name, _)| name.clone()).collect()
    };
    for name in [
        "help",
        "start",
        "persona",
        "settings",
        "memory",
        "regenerate",
    ] {
        assert!(names(&private).iter().any(|known| known == name), "{name}");
    }
    let korean = telegram.commands("all_private_chats", "ko");
    assert_eq!(names(&korean), names(&private));
    assert!(korean.iter().all(|(_, summary)| !summary.is_ascii()));
    let group = telegram.commands("all_group_chats", "");
    assert!(names(&group).contains(&"memory".to_owned()));
    assert!(!names(&group).contains(&"settings".to_owned()));
    assert_eq!(telegram.commands("all_chat_administrators", "ko"), korean);
    assert!(telegram.profile("description", "").unwrap().contains("AI"));
    // A restart changes nothing.
    let set = telegram.calls("setMyCommands").len();
    drop(daemon);
    let daemon = home.start().await;
    until_looked_at(&telegram, 4).await;
    assert_eq!(telegram.calls("setMyCommands").len(), set);
    assert_eq!(telegram.calls("setMyShortDescription").len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn what_its_operator_has_written_stays() {
    let (model, telegram) = (FakeModel::start().await, FakeTelegram::start().await);
    let own = json!({ "description": "The club's own bot" });
    telegram.by_hand("setMyDescription", own).await;
    let daemon = Home::with(&model).on_telegram(&telegram).start().await;
    until_looked_at(&telegram, 2).await;
    let shown = telegram.profile("description", "");
    assert_eq!(shown.as_deref(), Some("The club's own bot"));
    assert_eq!(telegram.profile("description", "ko"), None);
    drop(daemon);
}

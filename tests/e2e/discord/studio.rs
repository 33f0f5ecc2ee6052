//! Personas made by command, with Discord's own forms.

use serde_json::json;

use crate::support::apps::on_discord;
use crate::support::fake_discord::permissions::{MANAGE_CHANNELS, MANAGE_GUILD};

#[tokio::test]
async fn a_persona_is_made_in_a_form_and_answers_in_its_server_only() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
    guild.joins(&yun, &[guild.role("owners", MANAGE_GUILD)]);
    guild.joins(&min, &[guild.role("keepers", MANAGE_CHANNELS)]);
    let general = guild.channel("general");
    let command = async |action: serde_json::Value| general.commands(&yun, "persona", action).await;

    let create = json!({ "create": { "id": "nari" } });
    let refused = general.commands(&min, "persona", create.clone()).await;
    refused.until_text("whole server or group").await;
    let form = command(create).await;
    // A system text that does not do yet: nothing of what was typed is lost.
    let filled = json!({ "names": "나리, Nari", "languages": "ja", "system": "You are \"Nari\".", "greeting": "안녕!" });
    let kept = general.submits(&yun, &form, filled).await;
    let shown = kept.until_text("kept as the draft of nari").await;
    assert!(
        shown.content.contains("Languages: ko, en, or both"),
        "{}",
        shown.content
    );
    assert!(kept.response().await.is_ephemeral);
    let form = command(json!({ "edit": { "name": "nari" } })).await;
    let kept = general
        .submits(&yun, &form, json!({ "languages": "ko" }))
        .await;
    kept.until_text("of 4,096 tokens; room for about").await;

    model.replies(|prompt| format!("As {}", prompt.system()));
    let tried = command(json!({ "test": { "name": "nari", "text": "hello" } })).await;
    tried.until_text("As You are \"Nari\".").await;
    assert!(tried.response().await.is_ephemeral);
    command(json!({ "publish": { "name": "nari" } }))
        .await
        .until_text("나리 is published as version 1.")
        .await;
    command(json!({ "set": { "name": "joey nari" } }))
        .await
        .until_text("나리")
        .await;
    general.says(&min, "나리야 뭐해?");
    let shown = general.until_text("As You are").await;
    assert_eq!(shown.name, "나리");
    // A new name is seen at once.
    let form = command(json!({ "edit": { "name": "nari" } })).await;
    let kept = general
        .submits(&yun, &form, json!({ "names": "나래" }))
        .await;
    kept.until_text("of 4,096 tokens").await;
    command(json!({ "publish": { "name": "nari" } }))
        .await
        .until_text("version 2.")
        .await;
    general.says(&min, "나래야 뭐해?");
    general
        .until("the new name", |all| {
            all.iter()
                .any(|shown| shown.name == "나래" && shown.content.starts_with("As You are"))
        })
        .await;
    let log = general
        .commands(&yun, "settings", json!({ "log": {} }))
        .await;
    let log = log.until_text("/persona publish nari").await.content;
    assert!(!log.contains("You are") && !log.contains("hello"), "{log}");

    let other = discord.guild("other");
    other.joins(&yun, &[other.role("owners", MANAGE_GUILD)]);
    let elsewhere = other.channel("general");
    let list = elsewhere
        .commands(&yun, "persona", json!({ "list": {} }))
        .await;
    let list = list.until_text("joey").await.content;
    assert!(!list.contains("nari"), "{list}");
    let edit = json!({ "edit": { "name": "nari" } });
    let unknown = elsewhere.commands(&yun, "persona", edit).await;
    unknown.until_text("There is no persona nari").await;
    drop(daemon);
}

#[tokio::test]
async fn a_persona_is_changed_in_a_form_tried_out_and_taken_back() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    guild.joins(&yun, &[guild.role("owners", MANAGE_GUILD)]);
    let general = guild.channel("general");
    let command = async |action: serde_json::Value| general.commands(&yun, "persona", action).await;
    let named = |action: &str| json!({ action: { "name": "nari" } });
    model.replies(|prompt| format!("As {}", prompt.system()));

    let form = command(json!({ "create": { "id": "nari" } })).await;
    let filled = json!({ "names": "나리, Nari", "languages": "ko, en", "system": "You are the first.", "greeting": "안녕!" });
    let kept = general.submits(&yun, &form, filled).await;
    kept.until_text("The draft of nari is kept.").await;
    command(named("publish"))
        .await
        .until_text("as version 1.")
        .await;
    command(json!({ "set": { "name": "joey nari" } }))
        .await
        .until_text("나리")
        .await;

    // What is there already stands in the form.
    let form = command(named("edit")).await;
    let shown = form.response().await.data.to_string();
    assert!(shown.contains("You are the first."), "{shown}");
    let kept = general
        .submits(&yun, &form, json!({ "system": "You are the second." }))
        .await;
    kept.until_text("The draft of nari is kept.").await;
    let draft = command(named("draft")).await;
    let shown = draft.until_text("You are the second.").await;
    assert!(shown.is_ephemeral && shown.content.contains("Versions: 1"));
    let tried = command(json!({ "test": { "name": "nari", "text": "hello" } })).await;
    tried.until_text("As You are the second.").await;
    general.says(&yun, "나리야 뭐해?");
    general.until_text("As You are the first.").await;

    command(named("publish"))
        .await
        .until_text("as version 2.")
        .await;
    general.says(&yun, "나리야 지금은?");
    let shown = general.until_text("As You are the second.").await;
    assert_eq!(shown.name, "나리");
    command(named("rollback"))
        .await
        .until_text("Version 1 of 나리 answers again.")
        .await;
    model.replies(|prompt| format!("Once more as {}", prompt.system()));
    general.says(&yun, "나리야 다시?");
    general.until_text("Once more as You are the first.").await;
    drop(daemon);
}

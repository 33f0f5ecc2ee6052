//! Slash commands, and what moderators do with them.

use serde_json::{Value, json};

use super::write_route;
use crate::support::apps::on_discord;
use crate::support::eventually;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::{MANAGE_CHANNELS, MANAGE_GUILD};
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;
use crate::support::these_hours;

#[tokio::test]
async fn slash_commands_are_registered_and_answered_in_their_language() {
    let (_model, discord, home, daemon) = on_discord().await;
    discord.until_registered("persona").await;
    let yun = discord.person("yun").speaking("ko");
    let general = discord.guild("club").channel("general");
    let used = general
        .commands(&yun, "persona", json!({ "show": {} }))
        .await;
    let response = used.response().await;
    assert!(response.is_ephemeral);
    assert_eq!(
        response.content,
        "여기서는 Joey(joey) 페르소나가 답해요. (기본값)"
    );
    let typed = general
        .autocompletes(
            &yun,
            "persona",
            json!({ "set": { "name": "메추" } }),
            "name",
        )
        .await;
    let choices = typed.response().await.choices;
    assert_eq!(choices, [("메추리".to_owned(), json!("mechuri"))]);
    drop(daemon);
    // Nothing has changed, so nothing is registered again.
    let daemon = home.start().await;
    discord.until_identified(2).await;
    assert_eq!(discord.registrations(), 1);
    drop(daemon);
}

#[tokio::test]
async fn only_those_who_manage_a_channel_choose_who_answers_there() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
    let keepers = guild.role("keepers", MANAGE_CHANNELS);
    guild.joins(&yun, &[keepers]);
    let (general, kitchen) = (guild.channel("general"), guild.channel("kitchen"));
    let set = json!({ "set": { "name": "monica mechuri" } });
    let refused = general.commands(&min, "persona", set.clone()).await;
    assert!(
        refused
            .response()
            .await
            .content
            .contains("manage this channel")
    );
    let done = kitchen.commands(&yun, "persona", set.clone()).await;
    let response = done.response().await;
    assert!(!response.is_ephemeral, "everybody sees who answers now");
    assert!(response.content.contains("From now on Monica answers here"));
    // The whole server is not theirs.
    let everywhere = json!({ "set": { "name": "ross", "everywhere": true } });
    let refused = general.commands(&yun, "persona", everywhere).await;
    assert!(refused.response().await.content.contains("whole server"));

    model.replies(|prompt| format!("As {}.", prompt.system().contains("메추리")));
    kitchen.says(&min, "메추리야 점심 추천해줘");
    let shown = kitchen.until_text("As true").await;
    assert_eq!(shown.name, "메추리");
    kitchen.says(&min, "Monica, are you there?");
    let shown = kitchen.until_text("As false").await;
    assert_eq!(shown.name, "Monica");
    let log = kitchen
        .commands(&yun, "settings", json!({ "log": {} }))
        .await;
    let log = log.response().await;
    assert!(
        log.is_ephemeral && log.content.contains("persona set monica mechuri"),
        "{}",
        log.content
    );
    assert!(!log.content.contains("ross"));
    drop(daemon);
}

#[tokio::test]
async fn a_command_that_takes_long_is_acknowledged_in_time() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    chat.says(&yun, "hello");
    chat.until_text("Okay.").await;
    let pen = model.next_written();
    let used = chat.commands(&yun, "regenerate", json!({})).await;
    let response = used.response().await;
    assert_eq!(response.kind, 5, "an answer is announced");
    pen.write("Something else.");
    drop(pen);
    used.until_text("Something else.").await;
    drop(daemon);
}

#[tokio::test]
async fn the_rules_of_a_place_decide_to_what_when_and_how_much_it_answers() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let guild = discord.guild("club");
    let home = Home::with(&model).on_discord(&discord);
    write_route(&home, &guild, "personas = [\"ross\"]");
    let daemon = home.start().await;
    discord.until_connected().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let keepers = guild.role("keepers", MANAGE_GUILD);
    guild.joins(&yun, &[keepers]);
    let general = guild.channel("general");
    let set = async |options: serde_json::Value| {
        general
            .commands(&yun, "settings", options)
            .await
            .response()
            .await
            .content
    };
    let shown = set(json!({ "show": {} })).await;
    assert!(
        shown.contains("Who answers: Ross (inherited from the server)"),
        "{shown}"
    );

    set(json!({ "answer": { "what": "everything" } })).await;
    general.says(&min, "just talking");
    general.until_text("Okay.").await;
    assert!(model.last().system().contains("Ross"));

    set(json!({ "limit": { "whose": "person", "number": "1" } })).await;
    general.says(&min, "the first in this hour");
    let before = general.until_count(4).await;
    general.says(&min, "the second");
    // What people do is heard side by side.
    let why_says = async |words: &str| {
        eventually(words, async || {
            let why = general.commands(&min, "why", json!({})).await;
            why.response().await.content.contains(words)
        })
        .await;
    };
    why_says("in the last hour").await;
    set(json!({ "limit": { "whose": "person", "number": "0" } })).await;

    set(json!({ "quiet": { "hours": these_hours(), "everywhere": true } })).await;
    general.says(&min, "Ross, are you there?");
    why_says("quiet hours").await;
    let refused = set(json!({ "quiet": { "hours": "tonight" } })).await;
    assert!(refused.contains("Asia/Seoul"), "{refused}");
    set(json!({ "quiet": { "hours": "never" } })).await;

    set(json!({ "answer": { "what": "nothing" } })).await;
    general.says(&min, &format!("<@{}> hello", discord.bot_id()));
    let why = general.commands(&min, "why", json!({})).await;
    assert!(why.response().await.content.contains("switched me off"));
    assert_eq!(model.prompts().len(), 2, "{before:?}");
    drop(daemon);
}

#[tokio::test]
async fn what_is_set_for_the_whole_server_says_where_it_does_not_hold() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let sora = discord.person("sora").speaking("ko");
    let guild = discord.guild("club");
    let owners = guild.role("owners", MANAGE_GUILD);
    guild.joins(&yun, std::slice::from_ref(&owners));
    guild.joins(&sora, &[owners]);
    let general = guild.channel("general");
    let told = async |person, command: &str, options: serde_json::Value| {
        let used = general.commands(person, command, options).await;
        used.response().await.content
    };
    let check = async |command: &str, options: serde_json::Value, answer: &str| {
        assert_eq!(told(&yun, command, options).await, answer);
    };
    check(
        "persona",
        json!({ "set": { "name": "joey phoebe", "everywhere": true } }),
        "Joey answers everywhere in this server from now on.\nCalled by name, these answer, too: Phoebe.",
    )
    .await;
    check(
        "persona",
        json!({ "set": { "name": "monica" } }),
        "From now on Monica answers here.",
    )
    .await;
    let everywhere = json!({ "set": { "name": "joey", "everywhere": true } });
    check(
        "persona",
        everywhere.clone(),
        "Joey answers everywhere in this server from now on.\nThis channel keeps its own choice: Monica.",
    )
    .await;
    assert_eq!(
        told(&sora, "persona", everywhere).await,
        "이제부터 서버 전체에서 Joey 페르소나가 답해요.\n이 채널은 따로 정한 페르소나를 그대로 써요: Monica"
    );
    check(
        "persona",
        json!({ "reset": {} }),
        "From now on Joey answers here.",
    )
    .await;

    check(
        "settings",
        json!({ "answer": { "what": "everything" } }),
        "I answer every message. (chosen here)",
    )
    .await;
    check(
        "settings",
        json!({ "answer": { "what": "nothing", "everywhere": true } }),
        "I answer nothing but commands. (everywhere in this server)\nThis channel keeps its own rule: I answer every message.",
    )
    .await;
    check(
        "settings",
        json!({ "reset": { "what": "answer" } }),
        "I answer nothing but commands. (inherited from the server)",
    )
    .await;
    check(
        "settings",
        json!({ "limit": { "whose": "place", "number": "30", "everywhere": true } }),
        "Messages answered in an hour in this server altogether: 30 (everywhere in this server)",
    )
    .await;
    check(
        "settings",
        json!({ "limit": { "whose": "person", "number": "3" } }),
        "Messages of one person answered in an hour in this channel: 3 (chosen here)",
    )
    .await;
    let all = json!({ "reset": { "what": "all", "everywhere": true } });
    assert_eq!(
        told(&sora, "settings", all).await,
        "부를 때만 답해요(멘션, 답장, 이름). (기본값)\n조용한 시간: 없음 (기본값)\n한 사람이 한 시간에 받을 수 있는 답: 제한 없음 (기본값)\n이 채널은 따로 정한 대로 해요: 한 사람이 이 채널에서 한 시간에 받을 수 있는 답: 3개\n한 시간에 하는 답: 제한 없음 (기본값)"
    );
    drop(daemon);
}

#[tokio::test]
async fn hours_are_those_of_the_machine_and_what_is_wrong_with_them_is_said() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    let daemon = home.in_zone("Asia/Seoul").start().await;
    discord.until_connected().await;
    discord.until_registered("settings").await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    for (typed, answer) in [
        ("23:00-07:00", "Asia/Seoul (chosen here)"),
        ("Never", "Quiet hours: none. (chosen here)"),
        (
            "23:00-07:00 KST",
            "I do not know the time zone KST; write Asia/Seoul.",
        ),
        ("07:00-07:00", "begin and end at the same time"),
        ("tonight", "I cannot read tonight as hours."),
    ] {
        let options = json!({ "quiet": { "hours": typed } });
        let used = chat.commands(&yun, "settings", options).await;
        let shown = used.response().await.content;
        assert!(shown.contains(answer), "{typed}: {shown}");
    }
    // Alone with somebody it answers whatever they write.
    let nothing = json!({ "answer": { "what": "nothing" } });
    let used = chat.commands(&yun, "settings", nothing).await;
    let shown = used.response().await.content;
    assert!(shown.contains("works in a server or group"), "{shown}");
    drop(daemon);
}

#[tokio::test]
async fn what_only_the_asker_may_see_is_not_told_to_a_typed_command() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    guild.joins(&yun, &[guild.role("owners", MANAGE_GUILD)]);
    let general = guild.channel("general");
    let types = |words: &str| general.says(&yun, &format!("<@{}> {words}", discord.bot_id()));
    types("my name is Yun.");
    general.until_text("Okay.").await;
    types("/memory");
    general.until_text("choose the command from the menu").await;
    types("/기억");
    general
        .until_text("본인에게만 보이게 알려 드릴 수 있어요")
        .await;
    // Discord tells what somebody may do with commands from its menu only.
    types("/persona set monica");
    general.until_text("what you may do").await;
    types("/persona");
    general.until_text("You talk with Joey").await;
    types("/memori");
    general.until_text("Did you mean /memory?").await;
    let told = general.by_bot();
    assert!(
        told.iter()
            .all(|shown| !shown.content.contains("name: Yun")),
        "{told:?}"
    );
    // Where nobody else reads along nothing is kept back.
    let chat = discord.private(&yun);
    chat.says(&yun, "/memory");
    chat.until_text("I remember nothing about you here yet.")
        .await;
    drop(daemon);
}

#[tokio::test]
async fn what_is_remembered_is_handed_over_as_a_file() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    let (general, private) = (guild.channel("general"), discord.private(&yun));
    private.says(&yun, "My name is **Yuna**.");
    private.until_text("Okay.").await;
    general.says(&yun, "Joey, my name is Yunnie.");
    general.until_text("Okay.").await;

    private.says(&yun, "/memory export");
    let own = private.until_file().await;
    assert_eq!(own.name, "memory.json");
    let export: Value = serde_json::from_str(&own.content).unwrap();
    assert!(
        export.to_string().contains("My name is **Yuna**."),
        "{export}"
    );

    let used = general
        .commands(&yun, "memory", json!({ "export": {} }))
        .await;
    assert!(used.response().await.is_ephemeral);
    let of_server = used.until_file().await;
    assert!(of_server.content.contains("Yunnie") && !of_server.content.contains("Yuna"));
    assert_eq!(general.by_bot().len(), 1, "nobody else sees it");
    drop(daemon);
}

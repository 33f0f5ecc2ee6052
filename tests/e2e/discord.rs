//! Discord: the daemon between a strict server with its gateway and a model, as people in servers, threads and private chats see it.

use serde_json::json;

use crate::support::eventually;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::{MANAGE_CHANNELS, MANAGE_GUILD, MANAGE_WEBHOOKS};
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

#[tokio::test]
async fn a_private_message_is_answered_and_remembered() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    chat.says(&yun, "My name is Yun.");
    let shown = chat.until_text("Okay.").await;
    assert_eq!(shown.webhook, None, "private chats have no webhooks");
    chat.says(&yun, "What's my name?");
    chat.until_count(2).await;
    assert_eq!(
        model.last_to("What's my name?").block("memory"),
        ["name: Yun"]
    );
    drop(daemon);
}

#[tokio::test]
async fn in_servers_it_speaks_when_it_is_called_and_pings_nobody() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
    guild.joins(&yun, &[]);
    guild.joins(&min, &[]);
    guild.bot_may_not(MANAGE_WEBHOOKS);
    discord.expects_refusal(50013);
    let general = guild.channel("general");
    model.replies(|_| "@everyone look at <@1> and **this**".to_owned());
    general.says(&min, "nobody calls anybody");
    let asked = general.says(&yun, &format!("<@{}> hello", discord.bot_id()));
    let shown = general.until_text("and **this**").await;
    assert_eq!(shown.reply_to, Some(asked));
    assert_eq!(discord.pings(), []);
    general.replies(&min, shown.id, "really?");
    general.until_count(2).await;
    general.says(&yun, "Joey, are you there?");
    general.until_count(3).await;
    assert!(!model.last().contains("nobody calls"));
    drop(daemon);
}

#[tokio::test]
async fn a_persona_has_a_face_of_its_own_where_the_bot_may_give_it_one() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    guild.joins(&yun, &[]);
    let general = guild.channel("general");
    general.says(&yun, "Joey, are you there?");
    let shown = general.until_text("Okay.").await;
    assert!(shown.webhook.is_some() && shown.name == "Joey");
    assert!(shown.avatar.is_some());
    // Whoever answers the persona calls it.
    general.replies(&yun, shown.id, "really?");
    general.until_count(2).await;
    assert_eq!(general.webhooks().len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn a_restart_answers_what_was_not_answered_once() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    let daemon = home.start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let pen = model.next_withheld();
    chat.says(&yun, "hello");
    model.asked(1).await;
    daemon.kill();
    drop(pen);
    let daemon = home.start().await;
    chat.until_text("Okay.").await;
    eventually("it is connected again", async || discord.identifies() == 2).await;
    chat.says(&yun, "and now?");
    chat.until_count(2).await;
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
    eventually("the log says it", async || {
        daemon.stderr().contains("Discord does not know this token")
    })
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
async fn slash_commands_are_registered_and_answered_in_their_language() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let home = Home::with(&model).on_discord(&discord);
    let daemon = home.start().await;
    discord.until_connected().await;
    discord.until_registered("persona").await;
    let yun = discord.person("yun").speaking("ko");
    let guild = discord.guild("club");
    guild.joins(&yun, &[]);
    let general = guild.channel("general");
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
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    discord.until_registered("persona").await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
    let keepers = guild.role("keepers", MANAGE_CHANNELS);
    guild.joins(&yun, &[keepers]);
    guild.joins(&min, &[]);
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
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    discord.until_registered("regenerate").await;

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
async fn a_button_makes_another_answer_in_its_place() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
    guild.joins(&yun, &[]);
    guild.joins(&min, &[]);
    let general = guild.channel("general");
    general.says(&yun, "Joey, are you there?");
    let shown = general.until_text("Okay.").await;
    general
        .until("the button", |all| {
            all.iter().any(|shown| !shown.buttons.is_empty())
        })
        .await;
    model.replies(|_| "Something else.".to_owned());
    general.presses(&yun, shown.id, "regenerate");
    let again = general.until_text("Something else.").await;
    assert_eq!((again.id, general.by_bot().len()), (shown.id, 1));
    let pressed = general.presses(&min, shown.id, "regenerate");
    let told = pressed.until_text("for the person I answered").await;
    assert!(told.is_ephemeral);
    drop(daemon);
}

#[tokio::test]
async fn threads_follow_their_channel_and_private_ones_keep_to_themselves() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let daemon = Home::with(&model).on_discord(&discord).start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    guild.joins(&yun, &[]);
    let general = guild.channel("general");
    general.says(&yun, "Joey, my name is Yun.");
    general.until_count(1).await;
    for (thread, known) in [
        (general.thread("food"), true),
        (general.private_thread("secret"), false),
    ] {
        thread.says(&yun, "Joey, what's my name?");
        let shown = thread.until_count(1).await;
        assert_eq!(shown.name, "Joey", "the face of the channel");
        assert_eq!(
            model.last_to("what's my name?").block("memory") == ["name: Yun"],
            known
        );
    }
    drop(daemon);
}

#[tokio::test]
async fn the_rules_of_a_place_decide_to_what_when_and_how_much_it_answers() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let guild = discord.guild("club");
    let home = Home::with(&model).on_discord(&discord);
    home.write(
        "config/local.toml",
        format!(
            "[[route]]\nat = \"discord:server/{}\"\npersonas = [\"ross\"]\n",
            guild.id()
        ),
    );
    let daemon = home.start().await;
    discord.until_connected().await;
    discord.until_registered("settings").await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let keepers = guild.role("keepers", MANAGE_GUILD);
    guild.joins(&yun, &[keepers]);
    guild.joins(&min, &[]);
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
    let why = general.commands(&min, "why", json!({})).await;
    let why = why.response().await.content;
    assert!(why.contains("in the last hour"), "{why}");
    set(json!({ "limit": { "whose": "person", "number": "0" } })).await;

    // Any hours around now, wherever the clock stands.
    let now = chrono::Utc::now();
    let hour = |minutes: i64| (now + chrono::TimeDelta::minutes(minutes)).format("%H:%M");
    set(json!({ "quiet": { "hours": format!("{}-{} UTC", hour(-90), hour(90)), "everywhere": true } })).await;
    general.says(&min, "Ross, are you there?");
    let why = general.commands(&min, "why", json!({})).await;
    assert!(why.response().await.content.contains("quiet hours"));
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

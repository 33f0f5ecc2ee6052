//! Discord: the daemon between a strict server with its gateway and a model, as people in servers, threads and private chats see it.

use crate::support::eventually;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::MANAGE_WEBHOOKS;
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

//! Talking: in private, in servers and threads, by mention, answer and name; with a face for each persona.

use crate::support::apps::on_discord;
use crate::support::fake_discord::permissions::MANAGE_WEBHOOKS;

#[tokio::test]
async fn a_private_message_is_answered_and_remembered() {
    let (model, discord, _home, daemon) = on_discord().await;
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
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let guild = discord.guild("club");
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
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
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
async fn a_button_makes_another_answer_in_its_place() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let general = discord.guild("club").channel("general");
    general.says(&yun, "Joey, are you there?");
    let shown = general.until_text("Okay.").await;
    general.until_button(shown.id, "regenerate").await;
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
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
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

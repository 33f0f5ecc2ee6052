//! Whose face a message bears: one webhook for each persona of a channel, and what is said where there is none.

use std::time::Duration;

use super::{write_persona, write_route};
use crate::support::apps::on_discord;
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::permissions::MANAGE_WEBHOOKS;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

#[tokio::test]
async fn two_replies_at_once_have_one_face() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let general = discord.guild("club").channel("general");
    for _ in 0..2 {
        discord
            .next("GET", "/channels/*/webhooks")
            .delays(Duration::from_secs(1));
    }
    model.replies(|_| "The beginning of it and its very end.".to_owned());
    general.says(&yun, "Joey, are you there?");
    general.says(&min, "Joey, what do you do?");
    general
        .until("both whole", |all| {
            let whole = all.iter().filter(|shown| {
                shown.content.ends_with("its very end.") && !shown.buttons.is_empty()
            });
            whole.count() == 2
        })
        .await;
    assert_eq!(general.webhooks().len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn personas_of_one_name_do_not_share_a_face_and_keep_theirs_over_a_restart() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let guild = discord.guild("club");
    let home = Home::with(&model).on_discord(&discord);
    write_persona(&home, "clyde", "Clyde of Discord");
    write_persona(&home, "disco", "Discordia");
    write_route(&home, &guild, "personas = [\"clyde\", \"disco\"]");
    model.replies(|prompt| format!("As {}", prompt.system()));
    let daemon = home.start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    let general = guild.channel("general");
    general.says(&yun, "disco, are you there?");
    let one = general.until_text("As You are disco.").await;
    general.says(&yun, "clyde, are you there?");
    let other = general.until_text("As You are clyde.").await;
    assert!(one.webhook.is_some() && other.webhook.is_some());
    assert_ne!(one.webhook, other.webhook);
    drop(daemon);
    let daemon = home.start().await;
    discord.until_identified(2).await;
    general.says(&yun, "clyde, and now?");
    let shown = general.until_count(3).await;
    assert_eq!(shown.webhook, other.webhook);
    assert_eq!(general.webhooks().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn where_it_has_no_face_a_persona_s_name_stands_above_its_words() {
    let (model, discord) = (FakeModel::start().await, FakeDiscord::start().await);
    let guild = discord.guild("club");
    let home = Home::with(&model).on_discord(&discord);
    write_persona(&home, "star", "S*t*a*r");
    write_route(&home, &guild, "personas = [\"star\", \"joey\"]");
    let daemon = home.start().await;
    discord.until_connected().await;
    let yun = discord.person("yun");
    guild.bot_may_not(MANAGE_WEBHOOKS);
    discord.expects_refusal(50_013);
    let general = guild.channel("general");
    general.says(&yun, "Joey, are you there?");
    let shown = general.until_text("Okay.").await;
    assert_eq!(
        (shown.webhook, shown.content.as_str()),
        (None, "**Joey:**\nOkay.")
    );
    // There is room for the name, whatever is in it.
    model.replies(|_| format!("{} The end.", "Many words. ".repeat(300)));
    general.says(&yun, "star, tell me");
    general.until_text("The end.").await;
    let led = general.by_bot();
    let led: Vec<&str> = led
        .iter()
        .filter(|shown| shown.content.contains("Many words."))
        .map(|shown| shown.content.as_str())
        .collect();
    assert!(led.len() > 1);
    for content in led {
        assert!(content.starts_with("**S\\*t\\*a\\*r:**\n"), "{content}");
        assert!(content.chars().count() <= 2000);
    }
    drop(daemon);
}

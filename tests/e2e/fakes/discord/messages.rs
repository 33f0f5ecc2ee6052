//! Messages over REST, and what the gateway says of them.

use std::time::{Duration, Instant};

use serde_json::json;
use serenity::all::{
    ChannelId, CreateAllowedMentions, CreateMessage, CreateWebhook, EditMessage, ExecuteWebhook,
    GetMessages, GuildId, HttpError, Nonce, ReactionType, UserId,
};

use super::{Bot, Event, http, in_a_channel};
use crate::support::fake_discord::FakeDiscord;
use crate::support::fake_discord::mentions::{Ping, Pinged};
use crate::support::fake_discord::permissions::{MANAGE_WEBHOOKS, SEND_MESSAGES, VIEW_CHANNEL};

fn code(error: &serenity::Error) -> (u16, isize) {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(response)) => {
            (response.status_code.as_u16(), response.error.code)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn echoes_in_a_guild_a_thread_and_in_private() {
    let discord = FakeDiscord::start().await;
    let yun = discord.person("yun").shown_as("윤").speaking("ko");
    let general = discord.guild("club").channel("general");
    let thread = general.thread("topic");
    let mut bot = Bot::start(&discord).await;
    for channel in [general, thread, discord.private(&yun)] {
        let said = channel.says(&yun, "안녕?");
        let message = bot.message().await;
        assert_eq!(
            (message.id.get(), message.content.as_str()),
            (said, "안녕?")
        );
        assert_eq!(message.author.global_name.as_deref(), Some("윤"));
        assert_eq!(message.guild_id.is_none(), message.member.is_none());
        message.reply(&bot.http, "안녕!").await.expect("sent");
        let shown = channel.until_text("안녕!").await;
        assert_eq!(shown.reply_to, Some(said));
        assert!(bot.message().await.author.bot);
    }
    assert_eq!(discord.pings(), []);
}

#[tokio::test]
async fn refuses_what_discord_refuses() {
    let discord = FakeDiscord::start().await;
    discord.expect_refusals();
    discord.limits_messages(50, Duration::from_secs(1));
    let guild = discord.guild("club");
    let general = guild.channel("general");
    let yun = discord.person("yun");
    let theirs = general.says(&yun, "hi");
    let http = http(&discord).build();
    let channel = ChannelId::new(general.id());
    let send = async |channel: ChannelId, text: &str| {
        // Past serenity's own check.
        let body = json!({ "content": text });
        let sent = http.send_message(channel, Vec::new(), &body).await;
        sent.map(|message| message.id.get())
            .map_err(|error| code(&error))
    };
    assert_eq!(send(channel, &"가".repeat(2001)).await, Err((400, 50_035)));
    assert!(send(channel, &"가".repeat(2000)).await.is_ok());
    assert_eq!(send(channel, " \n").await, Err((400, 50_006)));
    assert_eq!(send(ChannelId::new(1), "x").await, Err((404, 10_003)));
    let edit = channel
        .edit_message(&http, theirs, EditMessage::new().content("x"))
        .await;
    assert_eq!(code(&edit.expect_err("not ours")), (403, 50_005));
    let unknown = channel.message(&http, 5).await;
    assert_eq!(code(&unknown.expect_err("not there")), (404, 10_008));
    guild.bot_may_not(MANAGE_WEBHOOKS);
    let webhook = channel
        .create_webhook(&http, CreateWebhook::new("mina"))
        .await;
    assert_eq!(code(&webhook.expect_err("no permission")), (403, 50_013));
    guild.bot_may(MANAGE_WEBHOOKS);
    channel
        .create_webhook(&http, CreateWebhook::new("mina"))
        .await
        .expect("allowed again");
    general.bot_may_not(SEND_MESSAGES);
    assert_eq!(send(channel, "x").await, Err((403, 50_013)));
    general.bot_may_not(VIEW_CHANNEL);
    assert_eq!(send(channel, "x").await, Err((403, 50_001)));
    let private = discord.private(&yun);
    yun.refuses_messages();
    assert_eq!(
        send(ChannelId::new(private.id()), "x").await,
        Err((403, 50_007))
    );
    discord.revokes_token();
    assert_eq!(send(channel, "x").await, Err((401, 0)));
    assert_eq!(discord.refusals().len(), 10);
    assert_eq!(
        discord.requests()[0],
        format!("POST /channels/{channel}/messages")
    );
}

#[tokio::test]
async fn a_nonce_makes_one_message() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let http = http(&discord).build();
    let send = async |text: &str| {
        let message = CreateMessage::new()
            .content(text)
            .nonce(Nonce::String("turn-1".to_owned()))
            .enforce_nonce(true);
        ChannelId::new(general.id())
            .send_message(&http, message)
            .await
    };
    discord.next("POST", "/channels/*/messages").drops_answer();
    send("once").await.expect_err("the answer was lost");
    let again = send("once").await.expect("there already");
    assert_eq!(general.messages().len(), 1);
    assert_eq!(again.id.get(), general.messages()[0].id);
    discord.forgets_nonces();
    send("twice").await.expect("sent again");
    general
        .until("two messages", |messages| messages.len() == 2)
        .await;
}

#[tokio::test]
async fn asks_to_wait_and_notices_who_does_not() {
    let discord = FakeDiscord::start().await;
    discord.limits_messages(2, Duration::from_millis(2000));
    let general = discord.guild("club").channel("general");
    let http = http(&discord).build();
    let channel = ChannelId::new(general.id());
    let began = Instant::now();
    channel.say(&http, "one").await.expect("sent");
    channel.say(&http, "two").await.expect("sent");
    let refused = channel.say(&http, "three").await.expect_err("too many");
    assert_eq!(code(&refused).0, 429);
    assert_eq!(discord.early_retries(), 0);
    channel.say(&http, "three").await.expect_err("too early");
    assert_eq!(discord.early_retries(), 1);
    tokio::time::sleep(Duration::from_millis(2010).saturating_sub(began.elapsed())).await;
    channel.say(&http, "three").await.expect("sent");
    discord
        .next("POST", "/channels/*/messages")
        .asks_to_wait(Duration::from_millis(100));
    channel.say(&http, "four").await.expect_err("asked to wait");
    assert_eq!(discord.early_retries(), 1);
    tokio::time::sleep(Duration::from_millis(110)).await;
    channel.say(&http, "four").await.expect("sent");
    assert_eq!(general.by_bot().len(), 4);
}

#[tokio::test]
async fn every_answer_tells_its_limits() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let client = reqwest::Client::builder()
        .user_agent("DiscordBot (test, 1)")
        .build()
        .expect("a client");
    let answer = client
        .post(format!(
            "{}/api/v10/channels/{}/messages",
            discord.url(),
            general.id()
        ))
        .header("authorization", format!("Bot {}", discord.token()))
        .json(&json!({ "content": "hello" }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["x-ratelimit-limit"], "5");
    assert_eq!(answer.headers()["x-ratelimit-remaining"], "4");
    assert!(answer.headers().contains_key("x-ratelimit-bucket"));
}

#[tokio::test]
async fn webhooks_speak_under_other_names() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let thread = general.thread("topic");
    let mut bot = Bot::start(&discord).await;
    let channel = ChannelId::new(general.id());
    let webhook = channel
        .create_webhook(&bot.http, CreateWebhook::new("friends"))
        .await
        .expect("made");
    let listed = channel.webhooks(&bot.http).await.expect("listed");
    assert!(listed[0].id == webhook.id && listed[0].token.is_some());
    let execute = ExecuteWebhook::new()
        .content("hi")
        .username("Mina")
        .avatar_url("https://example.org/mina.png")
        .allowed_mentions(CreateAllowedMentions::new())
        .in_thread(thread.id());
    let sent = webhook
        .execute(&bot.http, true, execute)
        .await
        .expect("sent")
        .expect("awaited");
    let shown = thread.until_text("hi").await;
    assert_eq!(shown.allowed_mentions["parse"], json!([]));
    assert_eq!((shown.flags, shown.embeds.len()), (0, 0));
    assert_eq!((shown.name.as_str(), shown.id), ("Mina", sent.id.get()));
    assert_eq!(shown.webhook, Some(webhook.id.get()));
    assert_eq!(
        shown.avatar.as_deref(),
        Some("https://example.org/mina.png")
    );
    let seen = bot.message().await;
    assert_eq!(seen.webhook_id, Some(webhook.id));
    assert!(seen.author.bot && seen.member.is_none());
    general.tells(&discord.person("yun"), 7);
    assert_eq!(
        bot.message().await.kind,
        serenity::all::MessageType::MemberJoin
    );
    general.webhook_says("rss", "news");
    assert_eq!(bot.message().await.content, "news");
    assert_eq!(general.by_bot().len(), 0);
    assert_eq!(general.webhooks(), ["friends"]);
    general.loses_webhooks();
    discord.expects_refusal(10_015);
    let gone = webhook
        .execute(&bot.http, true, ExecuteWebhook::new().content("hi"))
        .await;
    assert_eq!(code(&gone.expect_err("deleted")), (404, 10_015));
}

#[tokio::test]
async fn knows_whom_a_message_pings() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let yun = discord.person("yun");
    let said = general.says(&yun, "hi");
    let http = http(&discord).build();
    let channel = ChannelId::new(general.id());
    let text = format!("{} @everyone <@&5>", yun.mention());
    let quiet = CreateMessage::new()
        .content(&text)
        .allowed_mentions(CreateAllowedMentions::new());
    channel
        .send_message(&http, quiet.reference_message((channel, said.into())))
        .await
        .expect("sent");
    assert_eq!(discord.pings(), []);
    let body = json!({ "content": text });
    let loud = http
        .send_message(channel, Vec::new(), &body)
        .await
        .expect("sent");
    let whom: Vec<Pinged> = discord
        .pings()
        .into_iter()
        .map(|ping: Ping| ping.whom)
        .collect();
    assert_eq!(
        whom,
        [Pinged::User(yun.id()), Pinged::Everyone, Pinged::Role(5)]
    );
    assert_eq!(loud.mentions[0].id.get(), yun.id());
}

#[tokio::test]
async fn people_edit_delete_react_and_show_pictures() {
    let (_discord, general, yun, mut bot) = in_a_channel().await;
    assert!(matches!(bot.next().await, Event::Guild(name) if name == "club"));
    let said = general.says(&yun, "helo");
    general.edits(&yun, said, "hello");
    general.reacts(&yun, said, "👍");
    let reply = general.replies(&yun, said, "me again");
    general.deletes(said);
    general.shows_picture(&yun, "cat.png");
    general.shows_sticker(&yun, "Wave");
    assert_eq!(bot.message().await.id.get(), said);
    assert!(
        matches!(bot.next().await, Event::Update(event) if event.content.as_deref() == Some("hello"))
    );
    assert!(
        matches!(bot.next().await, Event::Reaction(event) if event.emoji == ReactionType::from('👍'))
    );
    let replied = bot.message().await;
    assert_eq!(
        replied.referenced_message.expect("it is there").id.get(),
        said
    );
    assert!(matches!(bot.next().await, Event::Delete(id) if id.get() == said));
    assert_eq!(bot.message().await.attachments[0].filename, "cat.png");
    assert_eq!(bot.message().await.sticker_items[0].name, "Wave");
    let channel = ChannelId::new(general.id());
    let listed = channel
        .messages(&bot.http, GetMessages::new().limit(2))
        .await
        .expect("listed");
    assert_eq!(listed.len(), 2);
    bot.http
        .create_reaction(channel, reply.into(), &ReactionType::from('🙂'))
        .await
        .expect("reacted");
    assert_eq!(general.until_reaction(reply).await, "🙂");
    channel.broadcast_typing(&bot.http).await.expect("shown");
    general.until_typing(1).await;
    assert_eq!(general.typing(), 1);
    assert_eq!(general.reactions(), [(reply, "🙂".to_owned())]);
    let mut message = channel.say(&bot.http, "a").await.expect("sent");
    message
        .edit(&bot.http, EditMessage::new().content("b"))
        .await
        .expect("edited");
    assert_eq!(general.message(message.id.get()).contents, ["a", "b"]);
    message.delete(&bot.http).await.expect("deleted");
    assert!(general.by_bot().is_empty());
    bot.http
        .get_current_application_info()
        .await
        .expect("the application");
    bot.http.get_current_user().await.expect("the bot");
    channel.to_channel(&bot.http).await.expect("the channel");
}

#[tokio::test]
#[should_panic(expected = "unknown fields")]
async fn an_unknown_field_fails_the_test() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let body = json!({ "content": "x", "contents": "y" });
    let http = http(&discord).build();
    http.send_message(ChannelId::new(general.id()), Vec::new(), &body)
        .await
        .expect("sent");
}

#[tokio::test]
async fn fails_and_recovers() {
    let discord = FakeDiscord::start().await;
    let general = discord.guild("club").channel("general");
    let http = http(&discord).build();
    let channel = ChannelId::new(general.id());
    discord.fails_all(500);
    assert_eq!(
        code(&channel.say(&http, "x").await.expect_err("failing")).0,
        500
    );
    discord.recovers();
    discord
        .next("POST", "/channels/*/messages")
        .drops_connection();
    channel.say(&http, "x").await.expect_err("dropped");
    discord
        .next("POST", "/channels/*/messages")
        .answers(502, json!({ "message": "bad gateway" }));
    channel.say(&http, "x").await.expect_err("refused");
    assert!(general.messages().is_empty());
    discord
        .next("POST", "/channels/*/messages")
        .delays(Duration::from_millis(50));
    channel.say(&http, "x").await.expect("sent");
    assert_eq!(general.messages().len(), 1);
}

#[tokio::test]
async fn others_speak_too_and_channels_go() {
    let discord = FakeDiscord::start().await;
    let guild = discord.guild("club");
    let general = guild.channel("general");
    let mut bot = Bot::start(&discord).await;
    general.says(&discord.other_bot("rival"), "beep");
    assert!(bot.message().await.author.bot);
    let secret = general.private_thread("secret");
    let said = secret.says(&guild.owner(), "https://example.org/");
    secret.types(&guild.owner());
    assert_eq!(bot.message().await.author.id.get(), guild.owner().id());
    secret.unfurls(said, "Example");
    let Event::Update(update) = bot.next().await else {
        panic!("no update");
    };
    assert!(
        update.edited_timestamp.is_none() && update.embeds.is_some_and(|embeds| embeds.len() == 1)
    );
    general.vanishes();
    discord.expect_refusals();
    let gone = ChannelId::new(secret.id()).say(&bot.http, "x").await;
    assert_eq!(code(&gone.expect_err("gone")), (404, 10_003));
    discord
        .next("GET", "/users/@me")
        .answers_page(502, "<html>Bad Gateway</html>");
    bot.http.get_current_user().await.expect_err("a page");
}

#[tokio::test]
async fn tells_about_places_and_people() {
    let discord = FakeDiscord::start().await;
    let guild = discord.guild("club");
    let general = guild.channel("general");
    let yun = discord.person("yun");
    general.says(&yun, "hi");
    let http = http(&discord).build();
    let id = GuildId::new(guild.id());
    assert_eq!(
        id.to_partial_guild(&http).await.expect("a guild").name,
        "club"
    );
    assert_eq!(id.channels(&http).await.expect("channels").len(), 1);
    assert_eq!(id.roles(&http).await.expect("roles").len(), 2);
    assert_eq!(
        id.member(&http, yun.id())
            .await
            .expect("a member")
            .user
            .name,
        "yun"
    );
    let user = UserId::new(yun.id());
    let private = user
        .create_dm_channel(&http)
        .await
        .expect("a private channel");
    assert_eq!(private.id.get(), discord.private(&yun).id());
    private.say(&http, "psst").await.expect("sent");
    assert_eq!(discord.private(&yun).messages()[0].content, "psst");
    discord.expect_refusals();
    let channel = ChannelId::new(general.id());
    for _ in 0..15 {
        channel
            .create_webhook(&http, CreateWebhook::new("xx"))
            .await
            .expect("made");
    }
    let one_more = channel
        .create_webhook(&http, CreateWebhook::new("xx"))
        .await;
    assert_eq!(code(&one_more.expect_err("full")), (400, 30_007));
    let named = channel
        .create_webhook(&http, CreateWebhook::new("Discord friends"))
        .await;
    assert_eq!(code(&named.expect_err("a forbidden name")), (400, 50_035));
    guild.removes_bot();
    let gone = channel.say(&http, "x").await;
    assert_eq!(code(&gone.expect_err("thrown out")), (403, 50_001));
}

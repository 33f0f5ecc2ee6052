//! The fake held against teloxide's own client: what it says must be what teloxide understands.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use teloxide::dispatching::{Dispatcher, UpdateFilterExt as _};
use teloxide::payloads::*;
use teloxide::requests::{Request as _, Requester as _};
use teloxide::types::*;
use teloxide::{ApiError, Bot, RequestError};

use crate::support::fake_telegram::{Document, FakeTelegram, Pace, Role, Shown};
use crate::support::{eventually, in_time, serving};

fn bot(telegram: &FakeTelegram) -> Bot {
    let client = teloxide::net::default_reqwest_settings()
        .no_proxy()
        .build()
        .unwrap();
    Bot::with_client(telegram.token(), client).set_api_url(telegram.url().parse().unwrap())
}

/// All updates that wait, which are then confirmed.
async fn updates(bot: &Bot) -> Vec<Update> {
    let updates = bot.get_updates().send().await.unwrap();
    if let Some(last) = updates.last() {
        let offset = i32::try_from(last.id.0).unwrap() + 1;
        bot.get_updates().offset(offset).send().await.unwrap();
    }
    updates
}

fn message(update: &Update) -> &Message {
    match &update.kind {
        UpdateKind::Message(message) | UpdateKind::EditedMessage(message) => message,
        other => panic!("{other:?}"),
    }
}

fn said(updates: &[Update]) -> Vec<String> {
    let texts = updates.iter().map(|update| message(update).text());
    texts
        .map(|text| text.unwrap_or_default().to_owned())
        .collect()
}

fn api_error<T: std::fmt::Debug>(result: Result<T, RequestError>) -> ApiError {
    match result {
        Err(RequestError::Api(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn echoes_in_private() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let me = bot.get_me().await.unwrap();
    assert_eq!(me.username(), telegram.bot_username());
    let yun = telegram.person("Yun").speaking("ko");
    let chat = telegram.private(&yun);
    let id = chat.says(&yun, "안녕 👋");
    let updates = updates(&bot).await;
    let heard = message(&updates[0]);
    assert_eq!(heard.text(), Some("안녕 👋"));
    assert_eq!(i64::from(heard.id.0), id);
    assert_eq!(
        heard.from.as_ref().unwrap().language_code.as_deref(),
        Some("ko")
    );
    assert!(heard.chat.is_private());
    bot.send_chat_action(heard.chat.id, ChatAction::Typing)
        .await
        .unwrap();
    bot.send_message(heard.chat.id, "안녕 <b>Yun</b> &amp; all")
        .parse_mode(ParseMode::Html)
        .reply_parameters(ReplyParameters::new(heard.id))
        .await
        .unwrap();
    let shown = chat.until_text("Yun").await;
    assert_eq!(shown.text, "안녕 Yun & all");
    assert_eq!(shown.marked("bold"), ["Yun"]);
    assert_eq!(shown.reply_to, Some(id));
    assert_eq!(chat.actions(), ["typing"]);
    assert_eq!(telegram.pending(), 0);
    assert_eq!(telegram.confirmed(), i64::from(updates[0].id.0));
}

#[tokio::test]
async fn keeps_privacy_in_groups() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let name = telegram.bot_username();
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let club = telegram.group("club");
    club.says(&yun, "nobody hears this");
    club.says(&yun, "/start");
    club.says(&yun, &format!("/start@{name}"));
    club.says(&yun, "/start@another_bot");
    club.says(&min, &format!("hi, (@{name})"));
    club.says(&min, &format!("mail@{name}"));
    // A particle makes another word of it.
    club.says(&min, &format!("@{name}아 안녕"));
    club.says(&min, &format!("안녕 @{name}!"));
    let heard = updates(&bot).await;
    let expected = [
        "/start".to_owned(),
        format!("/start@{name}"),
        format!("hi, (@{name})"),
        format!("안녕 @{name}!"),
    ];
    assert_eq!(said(&heard), expected);
    let sent = bot.send_message(ChatId(club.id()), "hello").await.unwrap();
    let reply = club.replies(&yun, sent.id.0.into(), "a reply");
    club.replies(&min, reply, "a reply to a person");
    let other = telegram.other_bot("Quiz");
    let question = club.says(&other, "what is 1 + 1?");
    club.replies(&yun, question, &format!("@{name} do you know?"));
    club.says(&yun, "/help");
    let heard = updates(&bot).await;
    assert_eq!(said(&heard), ["a reply"]);
    assert!(message(&heard[0]).thread_id.is_some());
    assert!(!message(&heard[0]).is_topic_message);
    telegram.lets_the_bot_read_everything();
    assert!(bot.get_me().await.unwrap().can_read_all_group_messages);
    club.says(&min, "everything");
    assert_eq!(said(&updates(&bot).await), ["everything"]);
}

#[tokio::test]
async fn shows_channels_and_anonymous_administrators() {
    let telegram = FakeTelegram::start().await;
    telegram.lets_the_bot_read_everything();
    let bot = bot(&telegram);
    let club = telegram.group("club");
    club.says(&club.anonymous_admin(), "from the group");
    club.says(&club.linked_channel("News"), "from the channel");
    club.says(&club.as_channel("Mine"), "from someone's channel");
    let heard = updates(&bot).await;
    let message = |index: usize| message(&heard[index]);
    assert!(message(0).from.as_ref().unwrap().is_anonymous());
    assert_eq!(message(0).sender_chat.as_ref().unwrap().id.0, club.id());
    assert!(message(1).from.as_ref().unwrap().is_telegram());
    assert!(message(1).is_automatic_forward());
    assert!(message(2).from.as_ref().unwrap().is_channel());
    assert!(message(2).sender_chat.as_ref().unwrap().is_channel());
}

#[tokio::test]
async fn delivers_until_confirmed() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "one");
    chat.says(&yun, "two");
    let first = bot.get_updates().await.unwrap();
    let again = bot.get_updates().limit(1).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(first[0], again[0]);
    let offset = i32::try_from(first[0].id.0).unwrap() + 1;
    assert_eq!(
        said(&bot.get_updates().offset(offset).await.unwrap()),
        ["two"]
    );
    assert_eq!(telegram.pending(), 1);
    assert_eq!(said(&updates(&bot).await), ["two"]);
    telegram.duplicate_updates(true);
    chat.says(&yun, "three");
    assert_eq!(said(&updates(&bot).await), ["three", "three"]);
    telegram.duplicate_updates(false);
    telegram.reorder_next(2);
    chat.says(&yun, "four");
    assert_eq!(telegram.pending(), 0);
    chat.says(&yun, "five");
    assert_eq!(said(&updates(&bot).await), ["five", "four"]);
    telegram.sends_unknown_update();
    assert!(matches!(updates(&bot).await[0].kind, UpdateKind::Error(_)));
}

#[tokio::test]
async fn waits_for_updates() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let started = Instant::now();
    assert!(bot.get_updates().timeout(1).await.unwrap().is_empty());
    assert!(started.elapsed() >= Duration::from_secs(1));
    let waiting = tokio::spawn(bot.get_updates().timeout(10).send());
    telegram.until_listening().await;
    chat.says(&yun, "now");
    let heard = in_time("the update", waiting).await.unwrap().unwrap();
    assert_eq!(said(&heard), ["now"]);
    assert!(started.elapsed() < Duration::from_secs(9));
}

#[tokio::test]
async fn ends_the_earlier_poller() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals_of("other getUpdates");
    let bot = bot(&telegram);
    let first = tokio::spawn(bot.get_updates().timeout(30).send());
    telegram.until_listening().await;
    let second = tokio::spawn(bot.get_updates().timeout(2).send());
    let first = in_time("the end of the first", first).await.unwrap();
    assert_eq!(api_error(first), ApiError::TerminatedByOtherGetUpdates);
    assert!(second.await.unwrap().unwrap().is_empty());
    assert_eq!(telegram.refusals().len(), 1);
}

#[tokio::test]
async fn forgives_a_poller_that_has_gone() {
    let telegram = FakeTelegram::start().await;
    let gone = tokio::spawn(bot(&telegram).get_updates().timeout(30).send());
    telegram.until_listening().await;
    gone.abort();
    bot(&telegram).get_updates().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(telegram.refusals().is_empty());
}

#[tokio::test]
async fn edits_and_deletes() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let id = ChatId(chat.id());
    let said_by_yun = chat.says(&yun, "hi");
    chat.edits(&yun, said_by_yun, "hello");
    assert_eq!(said(&updates(&bot).await), ["hi", "hello"]);
    let sent = bot.send_message(id, "Think…").await.unwrap();
    bot.edit_message_text(id, sent.id, "Thinking")
        .await
        .unwrap();
    let same = bot.edit_message_text(id, sent.id, "Thinking").await;
    assert_eq!(api_error(same), ApiError::MessageNotModified);
    let long = bot.edit_message_text(id, sent.id, "x".repeat(4097)).await;
    assert_eq!(api_error(long), ApiError::EditedMessageIsTooLong);
    let foreign = bot
        .edit_message_text(id, MessageId(said_by_yun as i32), "x")
        .await;
    assert_eq!(api_error(foreign), ApiError::MessageCantBeEdited);
    let missing = bot.edit_message_text(id, MessageId(99_999), "x").await;
    assert_eq!(api_error(missing), ApiError::MessageToEditNotFound);
    assert_eq!(chat.last().edits, ["Think…", "Thinking"]);
    bot.delete_message(id, sent.id).await.unwrap();
    let gone = bot.delete_message(id, sent.id).await;
    assert_eq!(api_error(gone), ApiError::MessageToDeleteNotFound);
    assert!(chat.messages().is_empty());
    assert!(telegram.take_faults().is_empty());
}

#[tokio::test]
async fn has_buttons() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "/start");
    let id = ChatId(chat.id());
    let keyboard = |data: &str| {
        let page = "https://example.org/".parse().unwrap();
        InlineKeyboardMarkup::new([[
            InlineKeyboardButton::callback("Mina", data),
            InlineKeyboardButton::url("Help", page),
        ]])
    };
    let too_much = bot
        .send_message(id, "Who?")
        .reply_markup(keyboard(&"x".repeat(65)))
        .await;
    assert_eq!(api_error(too_much), ApiError::ButtonDataInvalid);
    let sent = bot
        .send_message(id, "Who?")
        .reply_markup(keyboard("who:mina"))
        .await
        .unwrap();
    let shown = chat.last();
    assert_eq!(shown.buttons[0], ("Mina".to_owned(), "who:mina".to_owned()));
    updates(&bot).await;
    let callback = chat.presses(&yun, sent.id.0.into(), "Mina");
    let updates = updates(&bot).await;
    let UpdateKind::CallbackQuery(query) = &updates[0].kind else {
        panic!("{updates:?}");
    };
    assert_eq!(query.data.as_deref(), Some("who:mina"));
    assert_eq!(query.regular_message().unwrap().id, sent.id);
    bot.answer_callback_query(query.id.clone())
        .text("Mina it is")
        .await
        .unwrap();
    assert_eq!(telegram.until_answered(&callback).await.text, "Mina it is");
    telegram.expire_callbacks();
    let late = bot.answer_callback_query(query.id.clone()).await;
    // teloxide knows this error by an older spelling only.
    let late = api_error(late).to_string();
    assert!(late.contains("query is too old"), "{late}");
    assert_eq!(telegram.answered_callbacks().len(), 1);
    chat.presses(&yun, sent.id.0.into(), "Mina");
    assert_eq!(telegram.unanswered_callbacks(), 1);
    bot.edit_message_reply_markup(id, sent.id).await.unwrap();
    assert!(chat.last().buttons.is_empty());
    let again = bot.edit_message_reply_markup(id, sent.id).await;
    assert_eq!(api_error(again), ApiError::MessageNotModified);
}

#[tokio::test]
async fn refuses_too_many_messages() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hi");
    let id = ChatId(chat.id());
    for _ in 0..3 {
        bot.send_message(id, "quick").await.unwrap();
    }
    let refused = bot.send_message(id, "too quick").await;
    assert!(
        matches!(&refused, Err(RequestError::RetryAfter(wait)) if wait.seconds() == 1),
        "{refused:?}"
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    bot.send_message(id, "patient").await.unwrap();
    telegram.set_pace(None);
    for _ in 0..30 {
        bot.send_message(id, "free").await.unwrap();
    }
    telegram.set_pace(Some(Pace {
        private: (1, Duration::from_secs(1)),
        ..Pace::default()
    }));
    assert!(bot.send_message(id, "too quick").await.is_err());
}

#[tokio::test]
async fn refuses_wrong_texts() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    telegram.set_pace(None);
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let id = ChatId(chat.id());
    let first = api_error(bot.send_message(id, "hi").await);
    assert!(first.to_string().contains("can't initiate"), "{first:?}");
    chat.says(&yun, "hi");
    let long = "🌱".repeat(2049);
    assert_eq!(
        api_error(bot.send_message(id, long).await),
        ApiError::MessageIsTooLong
    );
    bot.send_message(id, "🌱".repeat(2048)).await.unwrap();
    assert_eq!(
        api_error(bot.send_message(id, " \n").await),
        ApiError::MessageTextIsEmpty
    );
    assert_eq!(
        api_error(bot.send_message(ChatId(77), "x").await),
        ApiError::ChatNotFound
    );
    let nothing = ReplyParameters::new(MessageId(4711));
    let reply = bot
        .send_message(id, "x")
        .reply_parameters(nothing.clone())
        .await;
    assert_eq!(api_error(reply), ApiError::MessageToReplyNotFound);
    let nothing = nothing.allow_sending_without_reply();
    bot.send_message(id, "x")
        .reply_parameters(nothing)
        .await
        .unwrap();
    for html in ["<b>x", "<x>y</x>", "x</b>", "<b><i>x</b></i>"] {
        let answer = bot.send_message(id, html).parse_mode(ParseMode::Html).await;
        assert!(
            matches!(api_error(answer), ApiError::CantParseEntities(_)),
            "{html}"
        );
    }
    for (offset, length) in [(0, 9), (1, 2), (0, 1)] {
        let entity = MessageEntity::bold(offset, length);
        let answer = bot.send_message(id, "🌱x").entities([entity]).await;
        api_error(answer);
    }
    bot.send_message(id, "🌱x")
        .entities([MessageEntity::bold(0, 2)])
        .await
        .unwrap();
    assert_eq!(chat.last().marked("bold"), ["🌱"]);
    chat.blocks_bot(&yun);
    assert_eq!(
        api_error(bot.send_message(id, "x").await),
        ApiError::BotBlocked
    );
    assert!(telegram.take_faults().is_empty());
}

#[tokio::test]
async fn keeps_faults() {
    let telegram = FakeTelegram::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |path: &str, body: Value| {
        let url = format!("{}/bot{path}", telegram.url());
        let answer = client.post(url).json(&body).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    let token = telegram.token();
    assert_eq!(
        call(&format!("{token}/getMe"), json!({ "x": 1 })).await.0,
        200
    );
    assert_eq!(call(&format!("{token}/getYou"), json!({})).await.0, 404);
    assert_eq!(call("no-token/getMe", json!({})).await.0, 404);
    let wrong = "7100000001:AAAnotherTokenOfNoValueAtAll_0123456";
    let (status, answer) = call(&format!("{wrong}/getMe"), json!({})).await;
    assert_eq!(
        (status, &answer["description"]),
        (401, &json!("Unauthorized"))
    );
    assert_eq!(
        call(&format!("{token}/sendMessage"), json!({ "chat_id": 1 }))
            .await
            .0,
        400
    );
    assert_eq!(telegram.take_faults().len(), 5);
}

#[tokio::test]
#[should_panic(expected = "sendMessage was refused: Bad Request: chat not found")]
async fn fails_the_test_that_a_fault_belongs_to() {
    let telegram = FakeTelegram::start().await;
    bot(&telegram)
        .send_message(ChatId(77), "x")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn breaks_when_told() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hi");
    let id = ChatId(chat.id());
    telegram.next("sendMessage").drops_connection();
    assert!(matches!(
        bot.send_message(id, "lost").await,
        Err(RequestError::Network(_))
    ));
    assert!(chat.messages().is_empty());
    telegram.next("sendMessage").works_and_drops_connection();
    assert!(matches!(
        bot.send_message(id, "shown").await,
        Err(RequestError::Network(_))
    ));
    assert_eq!(chat.texts(), ["shown"]);
    telegram
        .next("sendMessage")
        .refuses(403, "Forbidden: bot was blocked by the user");
    assert_eq!(
        api_error(bot.send_message(id, "x").await),
        ApiError::BotBlocked
    );
    telegram.next("sendMessage").must_wait(7);
    assert!(matches!(
        bot.send_message(id, "x").await,
        Err(RequestError::RetryAfter(_))
    ));
    telegram.next("getMe").delays(Duration::from_millis(300));
    let started = Instant::now();
    bot.get_me().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300));
    telegram.fails_all(400);
    assert!(bot.get_me().await.is_err());
    telegram.recovers();
    bot.get_me().await.unwrap();
    telegram.revoke_token();
    assert_eq!(api_error(bot.get_me().await), ApiError::InvalidToken);
}

#[tokio::test]
async fn moves_to_a_supergroup() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let old = telegram.basic_group("club");
    let new = old.migrates(&yun);
    let heard = updates(&bot).await;
    assert_eq!(message(&heard[0]).migrate_to_chat_id().unwrap().0, new.id());
    assert_eq!(
        message(&heard[1]).migrate_from_chat_id().unwrap().0,
        old.id()
    );
    let refused = bot.send_message(ChatId(old.id()), "x").await;
    assert!(
        matches!(&refused, Err(RequestError::MigrateToChatId(to)) if to.0 == new.id()),
        "{refused:?}"
    );
    bot.send_message(ChatId(new.id()), "x").await.unwrap();
}

#[tokio::test]
async fn has_topics() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    telegram.lets_the_bot_read_everything();
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let forum = telegram.forum("club");
    let food = forum.topic(&yun, "food");
    food.says(&yun, "hungry");
    forum.says(&yun, "general");
    let heard = updates(&bot).await;
    assert!(matches!(
        message(&heard[0]).kind,
        MessageKind::ForumTopicCreated(_)
    ));
    let hungry = message(&heard[1]);
    assert!(hungry.is_topic_message && hungry.reply_to_message().is_some());
    let thread = hungry.thread_id.unwrap();
    assert_eq!(Some(i64::from(thread.0.0)), food.thread());
    assert!(message(&heard[2]).thread_id.is_none());
    let id = ChatId(forum.id());
    bot.send_message(id, "rice")
        .message_thread_id(thread)
        .await
        .unwrap();
    bot.send_message(id, "hello").await.unwrap();
    bot.send_message(id, "noodles")
        .reply_parameters(ReplyParameters::new(hungry.id))
        .await
        .unwrap();
    let club = ChatId(telegram.group("no forum").id());
    let plain = bot.send_message(club, "x").message_thread_id(thread).await;
    assert!(plain.unwrap().thread_id.is_none());
    forum.replies(&yun, food.last().id, "slurp");
    assert!(message(&updates(&bot).await[0]).is_topic_message);
    assert_eq!(food.texts(), ["rice", "noodles"]);
    assert_eq!(forum.texts(), ["rice", "hello", "noodles"]);
    let general = bot
        .send_message(id, "x")
        .message_thread_id(ThreadId(MessageId(1)))
        .await;
    assert!(api_error(general).to_string().contains("thread not found"));
}

#[tokio::test]
async fn tells_reactions_to_those_who_ask() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let (chat, club) = (telegram.private(&yun), telegram.group("club"));
    let first = chat.says(&yun, "hi");
    let second = club.says(&yun, "hi");
    chat.reacts(&yun, first, "👍");
    assert_eq!(updates(&bot).await.len(), 1);
    bot.get_updates()
        .allowed_updates([AllowedUpdate::Message, AllowedUpdate::MessageReaction])
        .await
        .unwrap();
    chat.reacts(&yun, first, "🔥");
    club.reacts(&yun, second, "👍");
    club.makes_bot(&yun, Role::Administrator);
    club.reacts(&yun, second, "");
    let heard = updates(&bot).await;
    let reactions: Vec<_> = heard
        .iter()
        .map(|update| match &update.kind {
            UpdateKind::MessageReaction(reaction) => (
                reaction.chat.id.0,
                reaction.old_reaction.len(),
                reaction.new_reaction.len(),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(reactions, [(chat.id(), 1, 1), (club.id(), 1, 0)]);
    bot.set_message_reaction(ChatId(chat.id()), MessageId(first as i32))
        .reaction([ReactionType::Emoji {
            emoji: "👀".to_owned(),
        }])
        .await
        .unwrap();
    assert_eq!(chat.reactions(), [(first, vec!["👀".to_owned()])]);
}

#[tokio::test]
async fn knows_commands_and_people() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    let bot = bot(&telegram);
    let commands = [BotCommand::new("help", "도움말")];
    bot.set_my_commands(commands.clone())
        .language_code("ko")
        .await
        .unwrap();
    assert_eq!(
        telegram.commands("default", "ko"),
        [("help".to_owned(), "도움말".to_owned())]
    );
    assert_eq!(
        bot.get_my_commands().language_code("ko").await.unwrap(),
        commands
    );
    let wrong = [BotCommand::new("Help", "x")];
    api_error(bot.set_my_commands(wrong).await);
    bot.set_my_short_description()
        .short_description("friends")
        .await
        .unwrap();
    assert_eq!(
        telegram.profile("short_description", "").as_deref(),
        Some("friends")
    );
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let club = telegram.group("club").without_bot();
    club.adds_bot(&yun);
    updates(&bot).await;
    club.has(&yun, Role::Creator);
    let id = ChatId(club.id());
    let member = async |person: i64| {
        let person = UserId(person.unsigned_abs());
        bot.get_chat_member(id, person).await.unwrap().status()
    };
    assert_eq!(member(yun.id).await, ChatMemberStatus::Owner);
    assert_eq!(member(min.id).await, ChatMemberStatus::Left);
    assert_eq!(member(telegram.bot_id()).await, ChatMemberStatus::Member);
    club.makes_bot(&yun, Role::Administrator);
    assert_eq!(bot.get_chat_administrators(id).await.unwrap().len(), 2);
    assert_eq!(bot.get_chat(id).await.unwrap().title(), Some("club"));
    club.removes_bot(&yun);
    assert_eq!(
        api_error(bot.get_chat(id).await),
        ApiError::BotKickedFromSupergroup
    );
    club.adds_bot(&yun);
    bot.leave_chat(id).await.unwrap();
    let statuses: Vec<_> = updates(&bot)
        .await
        .iter()
        .filter_map(|update| match &update.kind {
            UpdateKind::MyChatMember(change) => Some(change.new_chat_member.status()),
            _ => None,
        })
        .collect();
    use ChatMemberStatus::{Administrator, Banned, Left, Member};
    assert_eq!(statuses, [Administrator, Banned, Member, Left]);
}

#[tokio::test]
async fn takes_documents_and_drafts() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.sends_photo(&yun, "look @someone_here");
    chat.sends_sticker(&yun, "😀");
    chat.sends_voice(&yun);
    let heard = updates(&bot).await;
    assert_eq!(message(&heard[0]).caption(), Some("look @someone_here"));
    assert!(message(&heard[1]).sticker().is_some());
    assert!(message(&heard[2]).voice().is_some());
    let file = InputFile::memory("내 기억\r\n--x").file_name("memory.json");
    let sent = bot
        .send_document(ChatId(chat.id()), file)
        .caption("yours")
        .reply_parameters(ReplyParameters::new(message(&heard[0]).id))
        .await
        .unwrap();
    assert_eq!(
        sent.document().unwrap().file_name.as_deref(),
        Some("memory.json")
    );
    let document = Document {
        name: "memory.json".to_owned(),
        bytes: "내 기억\r\n--x".as_bytes().to_vec(),
        caption: "yours".to_owned(),
    };
    assert_eq!(chat.documents(), [document]);
    assert!(chat.last().reply_to.is_some());
    let draft = json!({ "chat_id": chat.id(), "draft_id": 1, "text": "Hel" });
    assert_eq!(telegram.by_hand("sendMessageDraft", draft).await, true);
    assert_eq!(chat.drafts(), [(1, "Hel".to_owned())]);
}

#[tokio::test]
async fn delivers_to_a_webhook() {
    let telegram = FakeTelegram::start().await;
    telegram.expect_refusals();
    let bot = bot(&telegram);
    let got: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let kept = Arc::clone(&got);
    let hook = async move |headers: HeaderMap, axum::Json(update): axum::Json<Value>| {
        let secret = headers["x-telegram-bot-api-secret-token"].to_str().unwrap();
        let mut kept = kept.lock().unwrap();
        kept.push((secret.to_owned(), update));
        if kept.len() == 1 {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        }
    };
    let (listener, address) = serving::listen().await;
    let url = format!("http://{address}/hook");
    tokio::spawn(axum::serve(listener, Router::new().route("/hook", post(hook))).into_future());
    bot.set_webhook(url.parse().unwrap())
        .secret_token("s3cret")
        .await
        .unwrap();
    let yun = telegram.person("Yun");
    telegram.private(&yun).says(&yun, "hi");
    telegram.until_confirmed().await;
    {
        let got = got.lock().unwrap();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0], got[1]);
        assert_eq!(got[0].0, "s3cret");
        assert_eq!(got[0].1["message"]["text"], "hi");
    }
    eventually("the webhook's error is forgotten", async || {
        bot.get_webhook_info()
            .await
            .unwrap()
            .last_error_message
            .is_none()
    })
    .await;
    assert_eq!(
        bot.get_webhook_info().await.unwrap().url.unwrap().as_str(),
        url
    );
    let refused = api_error(bot.get_updates().await);
    assert!(
        refused.to_string().contains("webhook is active"),
        "{refused:?}"
    );
    bot.delete_webhook().await.unwrap();
    bot.get_updates().await.unwrap();
}

#[tokio::test]
async fn serves_a_dispatcher() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "early");
    async fn echo(bot: Bot, message: Message) -> Result<(), RequestError> {
        let text = message.text().unwrap_or_default().to_owned();
        bot.send_message(message.chat.id, text).await.map(drop)
    }
    let handler = Update::filter_message().endpoint(echo);
    let mut dispatcher = Dispatcher::builder(bot, handler).build();
    let stop = dispatcher.shutdown_token();
    let running = tokio::spawn(async move { dispatcher.dispatch().await });
    chat.until_text("early").await;
    chat.says(&yun, "late");
    chat.until_text("late").await;
    stop.shutdown().unwrap().await;
    running.await.unwrap();
    assert_eq!(telegram.pending(), 0);
    // teloxide names the kinds of updates once, and confirms with the next request whatever its handlers still do.
    let polls = telegram.calls("getUpdates");
    assert_eq!(polls[0]["allowed_updates"], json!(["message"]));
    assert!(polls[1].get("allowed_updates").is_none());
}

#[tokio::test]
async fn hears_of_people_and_other_things() {
    let telegram = FakeTelegram::start().await;
    telegram.lets_the_bot_read_everything();
    let bot = bot(&telegram);
    bot.get_updates()
        .allowed_updates([AllowedUpdate::Message, AllowedUpdate::ChatMember])
        .await
        .unwrap();
    let (yun, min) = (telegram.person("Yun"), telegram.person("민"));
    assert_eq!(min.username, None);
    let club = telegram.group("club");
    club.makes_bot(&yun, Role::Administrator);
    club.joins(&min);
    let min = min.renamed("민수");
    let location = json!({ "location": { "latitude": 37.5, "longitude": 127.0 } });
    let sent = club.posts_value(&min, location);
    club.deletes(sent);
    club.leaves(&min);
    let heard = updates(&bot).await;
    let kinds: Vec<_> = heard
        .iter()
        .map(|update| match &update.kind {
            UpdateKind::ChatMember(change) => format!("{:?}", change.new_chat_member.status()),
            UpdateKind::Message(message) if message.location().is_some() => {
                message.from.as_ref().unwrap().first_name.clone()
            }
            UpdateKind::Message(message) if message.new_chat_members().is_some() => {
                "join".to_owned()
            }
            UpdateKind::Message(message) if message.left_chat_member().is_some() => {
                "leave".to_owned()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["Member", "join", "민수", "leave", "Left"]);
}

#[tokio::test]
async fn counts_what_is_shown() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hi");
    chat.blocks_bot(&yun);
    chat.unblocks_bot(&yun);
    let id = ChatId(chat.id());
    let canned = json!({ "ok": true, "result": true });
    telegram.next("sendMessage").answers(200, canned);
    assert!(matches!(
        bot.send_message(id, "x").await,
        Err(RequestError::InvalidJson { .. })
    ));
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        for text in ["one", "two"] {
            bot.send_message(id, text).await.unwrap();
        }
    });
    let shown: Vec<Shown> = chat.until_count(2).await;
    assert!(shown[0].id < shown[1].id && shown[0].at <= shown[1].at);
    assert!(shown[0].at >= started);
    sending.await.unwrap();
    assert_eq!(telegram.webhook(), None);
}

#[tokio::test]
async fn reads_html() {
    let telegram = FakeTelegram::start().await;
    telegram.set_pace(None);
    let bot = bot(&telegram);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "hi");
    let show = async |html: &str| {
        let sent = bot.send_message(ChatId(chat.id()), html);
        sent.parse_mode(ParseMode::Html).await.unwrap();
        let shown = chat.last();
        let marked = shown.entities.iter().map(|entity| {
            let kind = entity["type"].as_str().unwrap();
            format!("{kind} {}", shown.marked(kind).join("|"))
        });
        (marked.collect::<Vec<_>>(), shown.text)
    };
    let (marked, text) = show("👋 <b>굵게 <i>기울여</i></b> &lt;x&gt; &#33;").await;
    assert_eq!(text, "👋 굵게 기울여 <x> !");
    assert_eq!(marked, ["bold 굵게 기울여", "italic 기울여"]);
    let code = "<pre><code class=\"language-rust\">fn main() {}\n</code></pre>";
    let (marked, text) = show(code).await;
    assert_eq!(
        (text.as_str(), marked),
        ("fn main() {}", vec!["pre fn main() {}".to_owned()])
    );
    assert_eq!(chat.last().entities[0]["language"], "rust");
    let (marked, _) =
        show("<blockquote>a</blockquote> <a href=\"https://x.org/?a=1&amp;b=2\">b</a>").await;
    assert_eq!(marked, ["blockquote a", "text_link b"]);
    assert_eq!(chat.last().entities[1]["url"], "https://x.org/?a=1&b=2");
}

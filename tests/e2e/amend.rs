//! Messages that are changed, deleted or reacted to: what memory, prompts and chats show afterwards, on both apps.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::apps::{on_discord, on_telegram};
use crate::support::daemon::Daemon;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::{FakeTelegram, Role};
use crate::support::home::Home;
use crate::support::{eventually, these_hours};

const NEW_WORDS: &str = "🔄 Answer the new words";
const ANOTHER: &str = "🔄 Another answer";

/// On a Telegram where nobody waits, and which knows what the daemon wants to hear of.
async fn on_quick_telegram() -> (FakeModel, FakeTelegram, Home, Daemon) {
    let (model, telegram, home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    telegram.until_listening().await;
    (model, telegram, home, daemon)
}

#[tokio::test]
async fn telegram_new_words_are_known_and_answered_in_place() {
    let (model, telegram, _home, daemon) = on_quick_telegram().await;
    let prompts = AtomicUsize::new(0);
    model.replies(move |prompt| {
        // Telegram refuses an edit that changes nothing.
        let hello = "!".repeat(prompts.fetch_add(1, Ordering::Relaxed));
        match prompt.last().contains("Min") {
            true => format!("Hello, Min!{hello}"),
            false => "Hello, you!".to_owned(),
        }
    });
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let said = chat.says(&yun, "My name is Nobody.");
    let shown = chat.until_text("Hello, you!").await;
    chat.until_button(shown.id, ANOTHER).await;
    chat.edits(&yun, said, "My name is Min.");
    let offered = chat.until_button(shown.id, NEW_WORDS).await;
    assert_eq!(
        offered.buttons,
        [(NEW_WORDS.to_owned(), "renew".to_owned())]
    );
    assert_eq!(model.prompts().len(), 1, "nothing is answered unasked");
    chat.presses(&yun, shown.id, NEW_WORDS);
    let again = chat.until_text("Hello, Min!").await;
    assert_eq!((again.id, chat.messages().len()), (shown.id, 1));
    assert!(!model.last().contains("Nobody"));
    // It is a reply like any other: yet another one can be had, more than once.
    for number in 3..5 {
        chat.until_button(shown.id, ANOTHER).await;
        chat.presses(&yun, shown.id, ANOTHER);
        model.asked(number).await;
    }
    chat.until_button(shown.id, ANOTHER).await;
    chat.says(&yun, "What's my name?");
    chat.until_count(2).await;
    let prompt = model.last_to("What's my name?");
    assert_eq!(prompt.block("memory"), ["name: Min"]);
    assert!(prompt.contains("My name is Min.") && !prompt.contains("Nobody"));
    drop(daemon);
}

#[tokio::test]
async fn telegram_a_message_that_waits_is_answered_as_it_is_now() {
    let (model, telegram, _home, daemon) = on_quick_telegram().await;
    telegram.duplicate_updates(true);
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    chat.says(&yun, "so");
    let said = chat.says(&yun, "I had pizza");
    chat.edits(&yun, said, "I had soup");
    chat.edits(&yun, said, "I had ramen");
    chat.says(&yun, "you know");
    let shown = chat.until_text("Okay.").await;
    assert!(model.last().last().ends_with("so\nI had ramen\nyou know"));
    assert_eq!(model.prompts().len(), 1);
    // Afterwards one of the three is changed; the others stay.
    chat.edits(&yun, said, "I had two\nbowls of rice");
    chat.until_button(shown.id, NEW_WORDS).await;
    chat.says(&yun, "right?");
    chat.until_count(2).await;
    let prompt = model.last_to("right?");
    assert!(prompt.contains("so\nI had two\nbowls of rice\nyou know"));
    drop(daemon);
}

#[tokio::test]
async fn telegram_a_change_during_the_reply_is_applied_after_it() {
    let (model, telegram, home, daemon) = on_quick_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let pen = model.next_written();
    let said = chat.says(&yun, "My name is Nobody.");
    pen.write("Nice to ");
    chat.until_drafts(1).await;
    chat.edits(&yun, said, "My name is Min.");
    telegram.until_confirmed().await;
    // Even when the daemon is killed in between.
    daemon.kill();
    drop(pen);
    let daemon = home.start().await;
    let shown = chat.until_text("Okay.").await;
    chat.until_button(shown.id, NEW_WORDS).await;
    chat.says(&yun, "What's my name?");
    model.asked_for("What's my name?").await;
    let prompt = model.last_to("What's my name?");
    assert_eq!(prompt.block("memory"), ["name: Min"]);
    assert!(!prompt.contains("Nobody"));
    drop(daemon);
}

#[tokio::test]
async fn telegram_an_earlier_message_is_changed_without_an_offer() {
    let (model, telegram, home, daemon) = on_quick_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let said = chat.says(&yun, "I live in Busan.");
    chat.until_disclosures(1).await;
    chat.says(&yun, "Hello again");
    chat.until_count(2).await;
    drop(daemon);
    let daemon = home.start().await;
    chat.edits(&yun, said, "I live in Seoul.");
    telegram.until_confirmed().await;
    chat.says(&yun, "and now?");
    chat.until_count(3).await;
    let prompt = model.last_to("and now?");
    assert!(prompt.contains("I live in Seoul.") && !prompt.contains("Busan"));
    chat.says(&yun, "/memory");
    chat.until_text("lives in: Seoul").await;
    assert!(
        chat.messages()
            .iter()
            .all(|shown| { shown.buttons.iter().all(|button| button.0 != NEW_WORDS) })
    );
    drop(daemon);
}

#[tokio::test]
async fn telegram_a_reply_stays_when_there_is_no_other() {
    let (model, telegram, _home, daemon) = on_quick_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let said = chat.says(&yun, "I live in Busan.");
    let shown = chat.until_text("Okay.").await;
    chat.until_button(shown.id, ANOTHER).await;
    chat.edits(&yun, said, "I live in Seoul.");
    chat.until_button(shown.id, NEW_WORDS).await;
    chat.says(&yun, "Hello again");
    chat.until_count(2).await;
    chat.presses(&yun, shown.id, NEW_WORDS);
    let all = chat.until_count(3).await;
    assert_eq!((all[0].text.as_str(), model.prompts().len()), ("Okay.", 2));
    drop(daemon);
}

#[tokio::test]
async fn telegram_a_message_becomes_a_call_by_a_change_once() {
    let (model, telegram, _home, daemon) = on_quick_telegram().await;
    telegram.lets_the_bot_read_everything();
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let group = telegram.group("club");
    group.joins(&yun);
    group.joins(&min);
    let chatter = group.says(&min, "what a day");
    group.edits(&min, chatter, "what a fine day");
    let forgotten = group.says(&yun, "are you there?");
    group.edits(&yun, forgotten, "Joey, are you there?");
    let shown = group.until_text("Okay.").await;
    assert_eq!(shown.reply_to, Some(forgotten));
    group.edits(&yun, forgotten, "Joey, are you really there?");
    group.until_button(shown.id, NEW_WORDS).await;
    assert_eq!(model.prompts().len(), 1);
    assert!(!model.last().contains("day"));
    drop(daemon);
}

#[tokio::test]
async fn telegram_words_of_distress_are_answered_and_kept_nowhere() {
    let (model, telegram, _home, daemon) = on_quick_telegram().await;
    let yun = telegram.person("Yun");
    let chat = telegram.private(&yun);
    let said = chat.says(&yun, "I live in Busan.");
    chat.until_disclosures(1).await;
    chat.edits(&yun, said, "I want to kill myself");
    chat.until_count(2).await;
    assert_eq!(daemon.counted("chatfriends_help_cards_total").await, 1);
    chat.says(&yun, "hello?");
    chat.until_count(3).await;
    let prompt = model.last_to("hello?");
    assert!(!prompt.contains("kill") && !prompt.contains("Busan"));
    drop(daemon);
}

#[tokio::test]
async fn telegram_a_cry_for_help_that_comes_by_a_change_is_answered_at_any_hour() {
    let (model, telegram, home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    group.says(&yun, &format!("/settings quiet {}", these_hours()));
    group.until_count(1).await;
    let said = group.says(&yun, "I cannot do this any more");
    telegram.until_confirmed().await;
    group.edits(&yun, said, "Joey, I want to kill myself tonight");
    group.until_text("988").await;
    assert!(model.prompts().is_empty());
    drop(daemon);
    assert!(home.stored_in("kill myself").is_empty() && !home.stored_in("telegram").is_empty());
}

#[tokio::test]
async fn telegram_a_sign_says_that_it_sleeps_and_signs_of_people_are_counted() {
    let (_model, telegram, _home, daemon) = on_quick_telegram().await;
    telegram.lets_the_bot_read_everything();
    let yun = telegram.person("Yun");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    group.makes_bot(&yun, Role::Administrator);
    group.says(&yun, "Joey, hello");
    let shown = group.until_text("Okay.").await;
    group.says(&yun, "Joey, hello again");
    group.until_count(2).await;
    for (emoji, liked, disliked) in [("👍", 1, 0), ("👎", 1, 1), ("", 1, 1), ("❤", 2, 1)] {
        group.reacts(&yun, shown.id, emoji);
        telegram.until_confirmed().await;
        eventually("it is counted", async || {
            daemon.counted("chatfriends_replies_liked_total").await == liked
                && daemon.counted("chatfriends_replies_disliked_total").await == disliked
        })
        .await;
    }
    group.says(&yun, &format!("/settings quiet {}", these_hours()));
    group.until_count(3).await;
    group.says(&yun, "good night everybody");
    let called = group.says(&yun, "Joey, are you awake?");
    eventually("it sleeps", async || {
        group.reactions() == [(called, vec!["😴".to_owned()])]
    })
    .await;
    assert_eq!(group.messages().len(), 3);
    drop(daemon);
}

#[tokio::test]
async fn discord_new_words_are_known_and_answered_in_place() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    let said = general.says(&yun, "Joey, my name is Nobody.");
    let shown = general.until_text("Okay.").await;
    general.until_button(shown.id, ANOTHER).await;
    // The preview of a link is no change of anybody's.
    general.unfurls(said, "A page");
    general.edits(&yun, said, "Joey, my name is Min.");
    general.until_button(shown.id, NEW_WORDS).await;
    general.unfurls(said, "Another page");
    model.replies(|_| "Hello, Min!".to_owned());
    general.presses(&yun, shown.id, NEW_WORDS);
    let again = general.until_text("Hello, Min!").await;
    assert_eq!(again.id, shown.id);
    assert!(model.last().last().ends_with("my name is Min."));
    assert!(!model.last().contains("Nobody"));
    assert_eq!(model.prompts().len(), 2);
    drop(daemon);
}

#[tokio::test]
async fn discord_a_deleted_message_is_forgotten_with_its_reply() {
    let (model, discord, home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let general = discord.guild("club").channel("general");
    let chat = discord.private(&yun);
    for place in [&general, &chat] {
        let others = place.says(&yun, "Joey, I love jazz.");
        place.until_count(1).await;
        let said = place.says(&yun, "Joey, my name is Yuna.");
        let shown = place.until_count(2).await;
        place.says(&yun, "Joey, hello again");
        place.until_count(3).await;
        place.deletes(said);
        place.until_gone(shown.id).await;
        assert_eq!(place.by_bot().len(), 2, "the other replies stay");
        place.says(&yun, "Joey, what's my name?");
        place.until_count(3).await;
        let prompt = model.last_to("what's my name?");
        assert!(prompt.contains("I love jazz.") && !prompt.contains("Yuna"));
        assert!(place.messages().iter().any(|shown| shown.id == others));
    }
    // What nobody had told us is nothing to us.
    let chatter = general.says(&min, "nobody calls anybody");
    general.deletes(chatter);
    chat.says(&yun, "/memory export");
    let export = chat.until_file().await.content;
    assert!(!export.contains("Yuna"), "{export}");
    drop(daemon);
    let daemon = home.start().await;
    discord.until_identified(2).await;
    chat.says(&yun, "Joey, who am I?");
    model.asked_for("who am I?").await;
    assert!(!model.last_to("who am I?").contains("Yuna"));
    drop(daemon);
}

#[tokio::test]
async fn discord_messages_that_are_deleted_at_once_are_all_forgotten() {
    let (model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let general = discord.guild("club").channel("general");
    let said = [
        (&yun, "Joey, I love jazz."),
        (&yun, "Joey, my name is Yuna."),
        (&min, "Joey, I live in Busan."),
        (&yun, "Joey, my job is a spy."),
    ];
    let (mut messages, mut replies) = (Vec::new(), Vec::new());
    for (person, words) in said {
        messages.push(general.says(person, words));
        replies.push(general.until_count(messages.len()).await.id);
    }
    let remembered = async |person| {
        let used = general
            .commands(person, "memory", json!({ "show": {} }))
            .await;
        used.response().await.content
    };
    let before = remembered(&yun).await;
    assert!(
        before.contains("name: Yuna") && before.contains("job: spy"),
        "{before}"
    );
    // What was nobody's call goes along.
    let chatter = general.says(&min, "nobody calls anybody");
    general.deletes_all(&[messages[1], chatter, messages[3]]);
    for gone in [replies[1], replies[3]] {
        general.until_gone(gone).await;
    }
    let left: Vec<_> = general.by_bot().iter().map(|shown| shown.id).collect();
    assert_eq!(left, [replies[0], replies[2]]);
    let after = remembered(&yun).await;
    assert!(!after.contains("Yuna") && !after.contains("spy"), "{after}");
    assert!(remembered(&min).await.contains("lives in: Busan"));
    general.says(&yun, "Joey, who am I?");
    general.until_count(3).await;
    let prompt = model.last_to("who am I?");
    assert!(prompt.contains("I love jazz.") && prompt.contains("I live in Busan."));
    assert!(!prompt.contains("Yuna") && !prompt.contains("spy"));
    drop(daemon);
}

#[tokio::test]
async fn discord_what_is_deleted_before_its_answer_is_not_answered() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let said = chat.says(&yun, "My name is Secret.");
    chat.deletes(said);
    chat.says(&yun, "I had pizza");
    let second = chat.says(&yun, "with Secret");
    chat.says(&yun, "and soup");
    chat.deletes(second);
    chat.until_text("Okay.").await;
    assert!(model.last().last().ends_with("I had pizza\nand soup"));
    assert_eq!(model.prompts().len(), 1);
    assert!(!model.last().contains("Secret"));
    drop(daemon);
}

#[tokio::test]
async fn discord_a_reply_to_a_deleted_message_stops_and_goes() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    let pen = model.next_written();
    let said = general.says(&yun, "Joey, my name is Secret.");
    pen.write("Well, Secret, ");
    general.until_text("Well, Secret,").await;
    // It waits behind the other, and is taken back before its turn.
    let waiting = general.says(&yun, "Joey, this is a Secret, too.");
    eventually("both are in line", async || {
        daemon.counted("chatfriends_messages_in_line").await == 2
    })
    .await;
    general.deletes(waiting);
    general.deletes(said);
    pen.unread().await;
    general
        .until("the reply goes", |all| {
            all.iter().all(|it| !it.content.contains("Secret"))
        })
        .await;
    general.says(&yun, "Joey, what's my name?");
    general.until_text("Okay.").await;
    assert_eq!(model.prompts().len(), 2);
    assert!(!model.last().contains("Secret"));
    drop(daemon);
}

#[tokio::test]
async fn discord_a_reply_goes_though_the_daemon_ends_before_it_could() {
    let (_model, discord, home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let guild = discord.guild("club");
    guild.joins(&yun, &[]);
    let general = guild.channel("general");
    let said = general.says(&yun, "Joey, my name is Secret.");
    general
        .until("the whole reply", |all| {
            all.iter().any(|shown| !shown.buttons.is_empty())
        })
        .await;
    for _ in 0..3 {
        discord
            .next("DELETE", "/webhooks/*/*/messages/*")
            .answers(503, json!({}));
    }
    general.deletes(said);
    eventually("it was tried", async || {
        daemon.stderr().contains("could not be adapted")
    })
    .await;
    daemon.kill();
    let daemon = home.start().await;
    general
        .until("the reply goes", |all| {
            all.iter().all(|shown| !shown.content.contains("Okay."))
        })
        .await;
    drop(daemon);
}

#[tokio::test]
async fn discord_one_of_several_messages_is_deleted() {
    let (model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let chat = discord.private(&yun);
    let first = chat.says(&yun, "My name is Secret.");
    let second = chat.says(&yun, "I love jazz.");
    let shown = chat.until_text("Okay.").await;
    chat.until_button(shown.id, ANOTHER).await;
    // The one that stands for both goes; the other stays, and may go, too.
    chat.deletes(first);
    chat.until_button(shown.id, NEW_WORDS).await;
    chat.says(&yun, "and?");
    chat.until_count(2).await;
    let prompt = model.last_to("and?");
    assert!(prompt.contains("I love jazz.") && !prompt.contains("Secret"));
    chat.deletes(second);
    chat.until_gone(shown.id).await;
    chat.says(&yun, "and now?");
    chat.until_count(2).await;
    assert!(!model.last_to("and now?").contains("jazz"));
    drop(daemon);
}

#[tokio::test]
async fn discord_a_sign_says_that_it_sleeps_and_signs_of_people_are_counted() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let yun = discord.person("yun");
    let general = discord.guild("club").channel("general");
    general.says(&yun, "Joey, hello");
    let shown = general.until_text("Okay.").await;
    general.says(&yun, "Joey, hello again");
    general.until_count(2).await;
    general.reacts(&yun, shown.id, "👍");
    general.reacts(&yun, shown.id, "👍");
    general.reacts(&yun, shown.id, "👎");
    eventually("they are counted", async || {
        daemon.counted("chatfriends_replies_liked_total").await == 1
            && daemon.counted("chatfriends_replies_disliked_total").await == 1
    })
    .await;
    // Whoever talks with the bot alone rules over that chat.
    let chat = discord.private(&yun);
    chat.says(&yun, &format!("/settings quiet {}", these_hours()));
    chat.until_count(1).await;
    let called = chat.says(&yun, "are you awake?");
    assert_eq!(chat.until_reaction(called).await, "😴");
    assert_eq!(chat.by_bot().len(), 1);
    drop(daemon);
}

//! What commands about oneself mean where several personas answer, or where another one answered before.

use serde_json::Value;

use crate::support::apps::on_telegram;
use crate::support::eventually;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::{Chat, FakeTelegram, Person, Role};
use crate::support::home::Home;

#[tokio::test]
async fn what_any_persona_remembers_is_shown_handed_over_and_forgotten() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("", "My name is Yun").await;
    yun.say("", "/persona set monica").await;
    yun.say("", "My job is a bartender.").await;
    yun.say("", "/persona set ross").await;
    expect_test::expect![[r"
        This is what I remember about you here:

        Joey:
        1. name: Yun
        Kept in full: 1 exchange

        Monica:
        2. job: bartender
        Kept in full: 1 exchange

        /memory forget NUMBER forgets a line, /memory forget all everything, and /memory export gives you all of it."]]
    .assert_eq(&yun.say("", "/memory").await.notice());
    assert_eq!(
        yun.say("", "/stats").await.notice(),
        "We have had 2 exchanges here, and I remember 2 things about you."
    );
    let exports: Value =
        serde_json::from_str(&yun.say("", "/memory export").await.notice()).unwrap();
    let facts: Vec<&str> = exports
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|export| export["facts"][0]["value"].as_str())
        .collect();
    assert_eq!(facts, ["Yun", "bartender"]);

    // Whoever picks a persona, as on the page, means that one alone.
    let of_monica = yun.say("monica", "/memory").await.notice();
    assert!(
        of_monica.contains("\n1. job: bartender") && !of_monica.contains("Yun"),
        "{of_monica}"
    );
    yun.say("monica", "/memory forget all").await;
    assert_eq!(yun.remembered("joey").await, ["name: Yun"]);
    yun.say("monica", "My job is a bartender.").await;

    assert_eq!(
        yun.say("", "/memory forget 2").await.notice(),
        "Forgotten: job: bartender\nThe messages in which you said it stay in our conversation until you delete everything with /memory forget all."
    );
    assert_eq!(
        [yun.remembered("joey").await, yun.remembered("monica").await],
        [vec!["name: Yun".to_owned()], Vec::new()]
    );
    assert!(
        yun.say("", "/memory forget all")
            .await
            .notice()
            .ends_with("and 2 exchanges.")
    );
    for persona in ["joey", "monica"] {
        assert!(yun.remembered(persona).await.is_empty());
        assert!(yun.talk(persona).await.is_empty());
    }
    assert_eq!(
        yun.say("", "/memory export").await.notice(),
        "I remember nothing about you here yet."
    );
}

#[tokio::test]
async fn what_a_persona_remembers_is_reached_when_it_is_gone() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let file = "config/personas/nari.toml";
    home.write(
        file,
        "name = \"Nari\"\nlanguages = [\"en\"]\nsystem = \"You are Nari.\"\ngreeting = \"Hi.\"\n",
    );
    let daemon = home.start().await;
    let yun = daemon.user("yun");
    yun.say("", "/persona set nari").await;
    yun.say("", "My name is Yun").await;
    assert_eq!(yun.remembered("nari").await, ["name: Yun"]);
    std::fs::remove_file(home.path().join(file)).unwrap();
    eventually("it is gone", async || {
        yun.say("", "/persona").await.notice().contains("Joey")
    })
    .await;
    yun.say("", "My job is a bartender.").await;
    let shown = yun.say("", "/memory").await.notice();
    assert!(shown.contains("nari:\n2. name: Yun"), "{shown}");
    yun.say("", "/memory forget all").await;
    assert!(yun.remembered("nari").await.is_empty());
}

/// A group in which Joey and Monica answer.
async fn joey_and_monica(telegram: &FakeTelegram) -> (Chat, [Person; 2]) {
    let people = ["Yun", "Min"].map(|name| telegram.person(name));
    let group = telegram.group("club");
    group.has(&people[0], Role::Administrator);
    group.joins(&people[1]);
    group.says(&people[0], "/persona set joey monica");
    group.until_text("From now on Joey").await;
    (group, people)
}

#[tokio::test]
async fn commands_mean_whoever_spoke_last() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let (group, [_, min]) = joey_and_monica(&telegram).await;
    let private = telegram.private(&min);
    private.says(&min, "/start");
    private.until_count(1).await;
    model.replies(|_| "I am Joey.".to_owned());
    group.says(&min, "Joey, hello");
    group.until_text("I am Joey.").await;

    // What is being said now is stopped, whoever says it.
    let pen = model.next_written();
    pen.write("One, two,");
    group.says(&min, "Monica, count please");
    group.until_text("One, two,").await;
    group.says(&min, "/stop");
    pen.unread().await;
    private.until_text("Stopped.").await;
    group.says(&min, "/why");
    private.until_text("Monica answered with the model").await;

    model.replies(|_| "Three, four.".to_owned());
    group.says(&min, "/regenerate");
    group.until_text("Three, four.").await;
    assert!(model.last_to("count please").system().contains("Monica"));

    // And a conversation begins anew with her alone.
    group.says(&min, "/new");
    group.until_text("A fresh start.").await;
    for (call, is_known) in [("Monica, again", false), ("Joey, again", true)] {
        model.replies(move |_| format!("To {call}."));
        group.says(&min, call);
        group.until_text(&format!("To {call}.")).await;
        let prompt = model.last_to("again");
        assert!(!prompt.contains("Three, four."), "{}", prompt.text());
        assert_eq!(prompt.contains("I am Joey."), is_known);
    }
    drop(daemon);
}

#[tokio::test]
async fn what_is_said_to_another_persona_in_a_group_is_shown_and_forgotten() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    telegram.lets_the_bot_read_everything();
    let (group, [yun, min]) = joey_and_monica(&telegram).await;
    let private = telegram.private(&min);
    private.says(&min, "/start");
    private.until_count(1).await;
    for (person, words) in [
        (&yun, "Monica, my job is a spy."),
        (&min, "Monica, my name is Minnie."),
    ] {
        model.replies(move |_| format!("You said: {words}"));
        group.says(person, words);
        group.until_text(words).await;
    }
    group.says(&min, "/memory");
    let shown = private.until_text("name: Minnie").await;
    assert!(!shown.text.contains("spy"), "{shown:?}");
    group.says(&min, "/memory forget all");
    private.until_text("Everything is forgotten").await;
    group.says(&min, "/memory");
    private.until_text("I remember nothing about you").await;
    model.replies(|_| "Who knows.".to_owned());
    group.says(&min, "Monica, who am I?");
    group.until_text("Who knows.").await;
    let prompt = model.last_to("who am I?");
    assert!(!prompt.contains("Minnie") && prompt.contains("spy"));
    drop(daemon);
}

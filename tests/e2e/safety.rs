//! The help card: at once, on every persona, whatever else is broken, and kept nowhere.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::fake_model::{FakeModel, Nobody};
use crate::support::home::Home;

const PERSONAS: [&str; 10] = [
    "campus", "chandler", "helper", "joey", "listener", "mechuri", "monica", "phoebe", "rachel",
    "ross",
];
const KOREAN: [&str; 4] = [
    "죽고 싶어",
    "너무 힘들어서 살기 싫어요",
    "자살하고 싶다",
    "그냥 사라지고 싶어",
];
const ENGLISH: [&str; 4] = [
    "I want to die",
    "I'm going to kill myself tonight",
    "I don't want to live anymore",
    "i keep cutting myself",
];
const KOREAN_LINES: [&str; 3] = ["109", "1577-0199", "1388"];
/// Sooner than any model; later than a busy machine's worst moment.
const AT_ONCE: Duration = Duration::from_secs(5);

fn assert_card(card: &str, korean: bool) {
    let lines: &[&str] = if korean { &KOREAN_LINES } else { &["988"] };
    assert!(lines.iter().all(|line| card.contains(line)), "{card}");
    assert!(
        card.contains(if korean {
            "사람의 도움"
        } else {
            "a person's help"
        }),
        "{card}"
    );
}

#[tokio::test]
async fn the_card_comes_on_every_persona_and_is_kept_nowhere() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    for persona in PERSONAS {
        for (words, korean) in KOREAN
            .map(|words| (words, true))
            .into_iter()
            .chain(ENGLISH.map(|words| (words, false)))
        {
            let shown = yun.say(persona, words).await;
            assert_card(&shown.notice(), korean);
            assert!(!shown.was_taken() && shown.reply().is_empty(), "{shown:?}");
        }
        assert!(yun.talk(persona).await.is_empty() && yun.remembered(persona).await.is_empty());
    }
    assert!(model.prompts().is_empty());
    yun.say("joey", "What did I say before?").await;
    yun.say("joey", "/why").await;
    for words in KOREAN.iter().chain(&ENGLISH) {
        assert!(!model.last().contains(words));
    }
    assert!(
        !daemon.stderr().contains("죽고") && !daemon.stderr().contains("want to die"),
        "what people wrote is not logged"
    );
}

#[tokio::test]
async fn the_card_comes_without_a_model() {
    let nobody = Nobody::new();
    let home = Home::at_server(&nobody.url()).set("limits.reply_seconds", 1);
    let daemon = home.start_without_waiting().await;
    assert_eq!(daemon.get("/readyz").await.status, 503);
    let started = Instant::now();
    assert_card(
        &daemon
            .user("yun")
            .say("listener", "죽고 싶어")
            .await
            .notice(),
        true,
    );
    assert_card(
        &daemon.user("yun").asks("joey", "I want to die").await,
        false,
    );
    assert_card(
        &daemon
            .anyone()
            .asks("no-such-persona-at-all", "I want to die")
            .await,
        false,
    );
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert!(
        daemon
            .user("yun")
            .say("joey", "hello")
            .await
            .trouble()
            .contains("waking up")
    );
    drop(daemon);
    let said = home
        .chat(&["--persona", "mechuri"], &["죽고 싶어요"])
        .await
        .sound();
    assert_card(&said, true);
}

#[tokio::test]
async fn the_card_interrupts_no_reply_and_waits_for_none() {
    let model = FakeModel::start().await;
    // Already the first message fills the line.
    let daemon = Home::with(&model)
        .set("limits.waiting_per_person", 1)
        .start()
        .await;
    let yun = daemon.user("yun");
    let pen = model.next_written();
    let mut events = yun.begin("joey", "tell me a story").await;
    events.until("taken").await;
    assert_card(&yun.say("joey", "죽고 싶어").await.notice(), true);
    pen.write("Once upon a time.");
    drop(pen);
    assert_eq!(events.rest().await.reply(), "Once upon a time.");
}

#[tokio::test]
async fn the_card_comes_also_when_the_message_is_too_long_or_hides_its_words() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    assert_card(
        &yun.say("joey", &format!("{} 죽고 싶어", "힘들어 ".repeat(1500)))
            .await
            .notice(),
        true,
    );
    assert_card(
        &yun.say("joey", &format!("I want to die. {}", "why ".repeat(1500)))
            .await
            .notice(),
        false,
    );
    assert_card(
        &yun.say("joey", "ki\u{200b}ll my\u{2060}self")
            .await
            .notice(),
        false,
    );
    // Decomposed, as some keyboards write it.
    assert_card(
        &yun.say(
            "joey",
            "\u{110c}\u{116e}\u{11a8}\u{1100}\u{1169} \u{1109}\u{1175}\u{11c1}\u{110b}\u{1165}",
        )
        .await
        .notice(),
        true,
    );
    assert!(model.prompts().is_empty());
}

#[tokio::test]
async fn programs_get_the_card_as_the_reply() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).set("safety.country", "kr").start().await;
    let body = json!({ "model": "chandler", "messages": [{ "role": "user", "content": "I want to die" }] });
    for person in [daemon.anyone(), daemon.user("yun")] {
        assert_card(&person.asks("chandler", "자 살 하 고 싶 다").await, true);
        let answer = person.completions(&body).await.json();
        let card = answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned();
        // Whoever writes English in Korea gets the Korean lines.
        assert!(
            KOREAN_LINES.iter().all(|line| card.contains(line)),
            "{card}"
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        let mut events = person.streamed(body.clone()).await;
        let mut streamed = String::new();
        while let Some(data) = events.next_data().await {
            let chunk: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
            streamed.push_str(
                chunk["choices"][0]["delta"]["content"]
                    .as_str()
                    .unwrap_or_default(),
            );
        }
        assert_eq!(streamed, card);
    }
    assert!(model.prompts().is_empty());
}

#[tokio::test]
async fn turns_of_speech_go_to_the_model() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    for words in [
        "배고파 죽겠다",
        "웃겨 죽겠네 ㅋㅋ",
        "전복죽 먹고 싶어",
        "죽고 싶지 않아",
        "숙제 다 끝내고 싶어",
        "this homework is killing me",
        "I'm dying of laughter",
        "Suicide Squad was fun",
        "my phone died",
    ] {
        let shown = daemon.user("yun").say("joey", words).await;
        assert_eq!(
            (shown.reply().as_str(), shown.notice().as_str()),
            ("Okay.", ""),
            "{words}"
        );
    }
}

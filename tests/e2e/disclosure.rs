//! That this is an AI: told with the first reply, once, in private to everybody and in a place to all.

use crate::support::apps::{on_discord, on_telegram};
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;
use crate::support::http::Person;

const ENGLISH: &str = "You are talking with an AI, not with a person";
const KOREAN: &str = "사람이 아니라 AI와 이야기하고 계세요.";

/// The notices of an answer, and whether all of them stand below the reply.
async fn told(person: &Person, persona: &str, text: &str) -> Vec<String> {
    let mut events = person.begin(persona, text).await;
    let mut told = Vec::new();
    let mut has_text = false;
    while let Some(show) = events.next_of_all().await {
        match show["show"].as_str() {
            Some("text") => {
                assert!(told.is_empty(), "it comes behind the reply");
                has_text = true;
            }
            Some("notice") => told.extend(show["text"].as_str().map(str::to_owned)),
            _ => {}
        }
    }
    assert!(has_text || text.starts_with('/'), "there is a reply");
    told
}

#[tokio::test]
async fn everybody_is_told_once_in_their_language() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let (yun, min) = (daemon.user("yun"), daemon.user("min"));
    assert!(
        told(&yun, "joey", "hello")
            .await
            .concat()
            .starts_with(ENGLISH)
    );
    assert_eq!(told(&yun, "joey", "hello again").await, [""; 0]);
    assert_eq!(told(&yun, "rachel", "and you?").await, [""; 0]);
    assert!(
        told(&min, "joey", "안녕")
            .await
            .concat()
            .starts_with(KOREAN)
    );
    // It outlives a restart, and what is forgotten is forgotten.
    drop(daemon);
    let daemon = home.start().await;
    let yun = daemon.user("yun");
    assert_eq!(told(&yun, "joey", "me again").await, [""; 0]);
    told(&yun, "joey", "/memory forget all").await;
    assert!(told(&yun, "joey", "hi").await.concat().starts_with(ENGLISH));
    // Programs show what their makers wrote.
    assert_eq!(daemon.user("suho").asks("joey", "hi").await, "Okay.");
}

#[tokio::test]
async fn the_terminal_tells_it_in_a_line_of_its_own() {
    let model = FakeModel::start().await;
    let said = Home::with(&model).chat(&[], &["hello", "hello"]).await;
    let lines: Vec<&str> = said.stdout.lines().collect();
    let [reply, told, next] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(reply == "Okay." && told.starts_with(ENGLISH) && next == "Okay.");
}

#[tokio::test]
async fn on_discord_each_place_is_told_once() {
    let (_model, discord, _home, daemon) = on_discord().await;
    let (yun, min) = (discord.person("yun"), discord.person("min"));
    let chat = discord.private(&yun);
    for words in ["hello", "안녕"] {
        let before = chat.by_bot().len();
        chat.says(&yun, words);
        chat.until_count(before + 1).await;
    }
    let guild = discord.guild("club");
    let general = guild.channel("general");
    for (person, words) in [(&yun, "Joey, hi"), (&min, "Joey, hello"), (&yun, "Joey?")] {
        let before = general.by_bot().len();
        general.says(person, words);
        general.until_count(before + 1).await;
    }
    for place in [&chat, &general] {
        let told = place.until_disclosures(1).await;
        assert!(told.len() == 1 && told[0].starts_with(ENGLISH), "{told:?}");
    }
    drop(daemon);
}

#[tokio::test]
async fn who_was_greeted_by_telegram_s_start_was_told() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
    let (greeted, not_greeted) = (telegram.private(&yun), telegram.private(&min));
    greeted.says(&yun, "/start");
    greeted.until_text("I am an AI, not a person").await;
    greeted.says(&yun, "hello");
    greeted.until_text("Okay.").await;
    not_greeted.says(&min, "hello");
    not_greeted.until_text("Okay.").await;
    not_greeted.until_disclosures(1).await;
    greeted.says(&yun, "and again");
    greeted.until_count(3).await;
    assert_eq!(greeted.until_disclosures(0).await, [""; 0]);
    drop(daemon);
}

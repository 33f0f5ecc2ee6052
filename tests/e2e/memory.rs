//! What is remembered over hundreds of turns, compactions and restarts, seen in the prompts that reach the model.

use crate::support::daemon::Daemon;
use crate::support::eventually;
use crate::support::fake_model::{FakeModel, Prompt};
use crate::support::home::Home;
use crate::support::http::Person;

/// So small that a window holds a few turns only.
const SMALL: usize = 1024;

/// A home whose model has room for a short window only.
fn small(model: &FakeModel) -> Home {
    Home::with(model).set("server.context", SMALL)
}

/// Things to talk about that tell nothing of oneself.
const SMALL_TALK: [&str; 8] = [
    "Did you see the rain this morning?",
    "The bus was late again, can you believe it?",
    "Somebody painted the old bridge green.",
    "What do you think of long films?",
    "The bakery round the corner has closed.",
    "There was a dog on a skateboard in the park!",
    "Tell me something funny about ducks.",
    "Is soup a drink or a dish?",
];
const KOREAN_SMALL_TALK: [&str; 6] = [
    "오늘 비가 정말 많이 오네",
    "버스가 또 늦게 왔어",
    "다리가 초록색으로 칠해졌더라",
    "긴 영화는 어떻게 생각해?",
    "골목 빵집이 문을 닫았대",
    "공원에 스케이트보드 타는 강아지가 있었어",
];

/// The newest block of memory that a prompt shows, wherever it stands.
fn memory_shown(prompt: &Prompt) -> Vec<String> {
    let text = prompt.text();
    let Some((_, rest)) = text.rsplit_once("<memory>\n") else {
        return Vec::new();
    };
    rest.split_once("\n</memory>")
        .expect("a block has an end")
        .0
        .lines()
        .map(str::to_owned)
        .collect()
}

async fn small_talk(person: &Person, persona: &str, lines: &[&str], turns: usize) {
    for turn in 0..turns {
        let shown = person
            .say(persona, &format!("{} ({turn})", lines[turn % lines.len()]))
            .await;
        assert_eq!(shown.trouble(), "", "turn {turn}");
    }
}

async fn compactions(daemon: &Daemon) -> u64 {
    daemon.counted("chatfriends_compactions_total").await
}

/// Tells something, talks of other things for long, restarts, and asks.
async fn check_two_hundred_turns(
    persona: &str,
    told: &[&str],
    chat: &[&str],
    asked: &str,
    expected: &[&str],
) {
    let model = FakeModel::with_context(SMALL).await;
    model.replies(|prompt| format!("I see, number {}.", prompt.messages.len()));
    let home = small(&model);
    let daemon = home.start().await;
    for line in told {
        daemon.user("yun").say(persona, line).await;
    }
    small_talk(&daemon.user("yun"), persona, chat, 200 - told.len()).await;
    assert!(
        compactions(&daemon).await > 10,
        "{}",
        compactions(&daemon).await
    );
    assert_eq!(daemon.stop().await.0.code(), Some(0));
    assert_eq!(model.prompts().len(), 200);

    let daemon = home.start().await;
    daemon.user("yun").say(persona, asked).await;
    let block = model.last().block("memory");
    for line in expected {
        assert!(
            block.iter().any(|shown| shown == line),
            "{line:?} is not in {block:?} of:\n{}",
            model.last().text()
        );
    }
}

#[tokio::test]
async fn a_name_and_a_job_after_two_hundred_turns_and_a_restart() {
    check_two_hundred_turns(
        "joey",
        &["My name is Yun", "My job is a bartender."],
        &SMALL_TALK,
        "What's my job and my name?",
        &["name: Yun", "job: bartender"],
    )
    .await;
}

#[tokio::test]
async fn a_korean_name_and_job_after_two_hundred_turns_and_a_restart() {
    check_two_hundred_turns(
        "mechuri",
        &["내 이름은 윤이야", "나는 바텐더로 일해"],
        &KOREAN_SMALL_TALK,
        "내 직업이랑 이름이 뭐야?",
        &["이름: 윤", "직업: 바텐더"],
    )
    .await;
}

/// Whatever was told comes back in the words that ask for it.
async fn check_fact(persona: &str, told: &str, asked: &str, expected: &str) {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say(persona, told).await;
    // All of the memory once, then only what is asked for.
    for _ in 0..2 {
        yun.say(persona, asked).await;
        let block = model.last().block("memory");
        assert!(
            block.iter().any(|line| line == expected),
            "{told:?}, {asked:?}: {expected:?} is not in {block:?}"
        );
    }
}

#[tokio::test]
async fn other_facts_in_other_words() {
    for (told, asked, expected) in [
        (
            "I'm Min-ji, nice to meet you!",
            "Do you remember my name?",
            "name: Min-ji",
        ),
        (
            "I work as a nurse.",
            "What do I do for a living?",
            "job: nurse",
        ),
        ("I live in Busan.", "Where do I live?", "lives in: Busan"),
        ("I really like jazz.", "What do I like?", "likes: jazz"),
        (
            "I can't stand olives.",
            "What food do I dislike?",
            "dislikes: olives",
        ),
        (
            "I'm allergic to peanuts.",
            "Can you remember what I am allergic to?",
            "allergic to: peanuts",
        ),
    ] {
        check_fact("joey", told, asked, expected).await;
    }
}

#[tokio::test]
async fn other_facts_in_korean() {
    for (told, asked, expected) in [
        ("저는 민지라고 해요.", "제 이름 기억하세요?", "이름: 민지"),
        ("난 간호사야.", "내 직업이 뭐였지?", "직업: 간호사"),
        (
            "부산에 살아요.",
            "제가 어디 사는지 아세요?",
            "사는 곳: 부산",
        ),
        (
            "나는 재즈를 좋아해.",
            "내가 뭘 좋아한다고 했지?",
            "좋아하는 것: 재즈",
        ),
        (
            "저는 오이를 싫어해요.",
            "제가 싫어하는 게 뭐였죠?",
            "싫어하는 것: 오이",
        ),
        (
            "나 땅콩 알레르기 있어.",
            "내 알레르기 기억해?",
            "알레르기: 땅콩",
        ),
    ] {
        check_fact("helper", told, asked, expected).await;
    }
}

#[tokio::test]
async fn an_allergy_comes_back_when_food_is_asked_for() {
    check_fact(
        "mechuri",
        "저는 새우 알레르기가 있어요.",
        "점심으로 뭐 먹을까요?",
        "알레르기: 새우",
    )
    .await;
}

#[tokio::test]
async fn labels_follow_the_language_of_the_message() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("helper", "My name is Yun").await;
    yun.say("helper", "내 이름이 뭐야?").await;
    assert_eq!(model.last().block("memory"), ["이름: Yun"]);
    yun.say("helper", "What's my name?").await;
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
}

#[tokio::test]
async fn a_corrected_fact_takes_the_place_of_the_old_one() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "My name is Yuna").await;
    yun.say("joey", "What's my name?").await;
    assert_eq!(model.last().block("memory"), ["name: Yuna"]);
}

#[tokio::test]
async fn earlier_words_are_recalled_when_they_have_left_the_window() {
    let model = FakeModel::with_context(SMALL).await;
    let daemon = small(&model).start().await;
    let yun = daemon.user("yun");
    yun.say(
        "joey",
        "The interview at the aquarium is on Friday at nine.",
    )
    .await;
    small_talk(&yun, "joey", &SMALL_TALK, 40).await;
    eventually("the window has moved", async || {
        compactions(&daemon).await > 3
    })
    .await;
    yun.say("joey", "When was the interview at the aquarium?")
        .await;
    let recalled = model.last().block("recall");
    assert!(
        recalled
            .iter()
            .any(|line| line.contains("aquarium is on Friday at nine")),
        "{}",
        model.last().text()
    );
}

#[tokio::test]
async fn a_forgotten_line_is_in_no_later_notes() {
    let model = FakeModel::with_context(SMALL).await;
    let daemon = small(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "My job is a bartender.").await;
    small_talk(&yun, "joey", &SMALL_TALK, 30).await;
    yun.say("joey", "/memory forget 2").await;
    let before = model.prompts().len();
    yun.say("joey", "What's my job and my name?").await;
    small_talk(&yun, "joey", &SMALL_TALK, 20).await;
    yun.say("joey", "What's my job and my name?").await;
    // The question itself holds neither.
    for prompt in model.prompts().into_iter().skip(before) {
        assert!(!prompt.contains("bartender"), "{}", prompt.text());
    }
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
    assert!(
        !yun.say("joey", "/memory")
            .await
            .notice()
            .contains("bartender")
    );
}

#[tokio::test]
async fn a_line_of_the_summary_is_forgotten_by_its_number() {
    let model = FakeModel::with_context(SMALL).await;
    let daemon = small(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "I met my uncle in Busan on Friday.").await;
    small_talk(&yun, "joey", &SMALL_TALK, 20).await;
    eventually("there is a summary", async || {
        let shown = yun.say("joey", "/memory").await.notice();
        shown.contains("my uncle")
    })
    .await;
    let shown = yun.say("joey", "/memory").await.notice();
    let line = shown.lines().find(|line| line.contains("my uncle"));
    let (number, line) = line.unwrap().split_once(". ").unwrap();
    let forget = format!("/memory forget {number}");
    let told = yun.say("joey", &forget).await.notice();
    assert_eq!(
        told.lines().next(),
        Some(format!("Forgotten: {line}").as_str())
    );
    let before = model.prompts().len();
    yun.say("joey", "Where did I meet my uncle?").await;
    small_talk(&yun, "joey", &SMALL_TALK, 20).await;
    let shown = yun.say("joey", "/memory").await.notice();
    assert!(!shown.contains("Busan"), "{shown}");
    for prompt in model.prompts().into_iter().skip(before) {
        assert!(!prompt.contains("Busan"), "{}", prompt.text());
    }
}

#[tokio::test]
async fn after_forgetting_everything_nothing_of_it_is_sent() {
    let model = FakeModel::with_context(SMALL).await;
    model.replies(|prompt| {
        format!(
            "You said: {}",
            prompt.last().lines().last().unwrap_or_default()
        )
    });
    let home = small(&model);
    let daemon = home.start().await;
    let yun = daemon.user("yun");
    for line in [
        "My name is Canary",
        "My job is a canary breeder.",
        "I like canary songs.",
        "The canary is in the kitchen.",
    ] {
        yun.say("joey", line).await;
        yun.channel("side").say("joey", line).await;
    }
    small_talk(&yun, "joey", &SMALL_TALK, 20).await;
    yun.say("joey", "/memory forget all").await;
    let before = model.prompts().len();
    for person in [yun.clone(), yun.channel("side")] {
        person
            .say("joey", "What's my name, and what is in the kitchen?")
            .await;
        small_talk(&person, "joey", &SMALL_TALK, 10).await;
    }
    assert_eq!(daemon.stop().await.0.code(), Some(0));
    let daemon = home.start().await;
    daemon
        .user("yun")
        .say("joey", "What's my name and my job?")
        .await;
    for prompt in model.prompts().into_iter().skip(before) {
        assert!(
            !prompt.text().to_lowercase().contains("canary"),
            "{}",
            prompt.text()
        );
    }
    assert!(
        !daemon
            .user("yun")
            .say("joey", "/memory")
            .await
            .notice()
            .contains("anary")
    );
}

/// How often a prompt was not the one before it, its reply, and more.
fn breaks(prompts: &[Prompt]) -> usize {
    let follows = |before: &Prompt, after: &Prompt| {
        let count = before.messages.len();
        after.messages.len() == count + 2
            && after.messages[..count] == before.messages[..]
            && after.messages[count].0 == "assistant"
    };
    prompts
        .windows(2)
        .filter(|pair| !follows(&pair[0], &pair[1]))
        .count()
}

#[tokio::test]
async fn a_prompt_only_grows_at_its_end() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model)
        .set("server.context", 65_536)
        .start()
        .await;
    model.replies(|prompt| format!("Reply {}.", prompt.messages.len()));
    let yun = daemon.user("yun");
    let lines = [
        "My name is Yun",
        "What's my name?",
        "I like jazz.",
        "1호관은 어디에 있어?",
        "I'm allergic to nuts.",
        "Where is the library?",
        "What do I like?",
        "Actually my name is Yuna.",
        "내 이름이 뭐야?",
        "<memory>",
    ];
    for line in lines.iter().cycle().take(30) {
        yun.say("campus", line).await;
    }
    assert_eq!(model.prompts().len(), 30);
    assert_eq!(breaks(&model.prompts()), 0);
    assert_eq!(compactions(&daemon).await, 0);
}

#[tokio::test]
async fn between_compactions_a_prompt_only_grows_at_its_end() {
    let model = FakeModel::with_context(2048).await;
    let daemon = Home::with(&model).set("server.context", 2048).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun").await;
    small_talk(&yun, "joey", &SMALL_TALK, 100).await;
    let (breaks, moved) = (breaks(&model.prompts()), compactions(&daemon).await);
    assert!(
        moved > 3 && breaks as u64 <= moved,
        "{breaks} breaks, {moved} compactions"
    );
    // Whatever left the window, the name is before the model's eyes.
    for prompt in model.prompts().iter().skip(1) {
        assert_eq!(memory_shown(prompt), ["name: Yun"], "{}", prompt.text());
    }
}

#[tokio::test]
async fn every_prompt_fits_whatever_is_said() {
    for context in [512, 700, 1024, 4096] {
        // The fake refuses what is too long, and fails this test when it is dropped.
        let model = FakeModel::with_context(context).await;
        let daemon = Home::with(&model)
            .set("server.context", context)
            .start()
            .await;
        model.replies(|prompt| "word ".repeat(prompt.messages.len() % 30 + 1));
        for (person, persona) in [("a", "joey"), ("b", "campus"), ("c", "mechuri")] {
            let person = daemon.user(person);
            for turn in 0..25_usize {
                let words = [
                    "hello",
                    "1호관은 어디야?",
                    "My name is Yun, I live in Busan and I like jazz.",
                    "가나다라마바사 ",
                ][turn % 4]
                    .repeat(1 + (turn * 7) % 11);
                let shown = person.say(persona, &words).await;
                assert!(
                    shown.was_taken() || shown.trouble().contains("more than I can read"),
                    "{context} {persona} {turn}: {shown:?}"
                );
            }
        }
        assert!(
            model.prompts().len() > 40,
            "{context}: {}",
            model.prompts().len()
        );
    }
}

#[tokio::test]
async fn a_capable_model_writes_the_summary_itself() {
    let model = FakeModel::with_context(SMALL).await;
    model.replies(|prompt| {
        if prompt.last().contains("Step out of your role") {
            "Yun adopted a canary.".to_owned()
        } else {
            "Okay.".to_owned()
        }
    });
    let daemon = small(&model).set("memory.summariser", "auto").start().await;
    let yun = daemon.user("yun");
    small_talk(&yun, "joey", &SMALL_TALK, 12).await;
    eventually("the window is moved", async || {
        compactions(&daemon).await > 0
    })
    .await;
    yun.say("joey", "hello").await;
    let prompt = model.last_to("hello");
    assert!(
        prompt.contains("<summary>\nYun adopted a canary.\n</summary>"),
        "{}",
        prompt.text()
    );
}

#[tokio::test]
async fn a_model_that_writes_no_summary_loses_nothing() {
    let model = FakeModel::with_context(SMALL).await;
    model.replies(|prompt| {
        if prompt.last().contains("Step out of your role") {
            " ".to_owned()
        } else {
            "Okay.".to_owned()
        }
    });
    let daemon = small(&model)
        .set("memory.summariser", "model")
        .start()
        .await;
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "I moved to the seaside last spring.").await;
    // The fake refuses requests that have grown too long.
    small_talk(&yun, "joey", &SMALL_TALK, 20).await;
    eventually("the window moves all the same", async || {
        compactions(&daemon).await > 1
    })
    .await;
    assert_eq!(yun.talk("joey").await.len(), 22);
    yun.say("joey", "What's my name?").await;
    let prompt = model.last_to("What's my name?");
    assert_eq!(memory_shown(&prompt), ["name: Yun"]);
    assert!(
        prompt.contains("<summary>") && prompt.contains("seaside"),
        "{}",
        prompt.text()
    );
}

/// A window is moved only after a reply, so messages that get none may crowd everything else out of the prompt.
#[tokio::test]
async fn long_messages_without_a_reply_neither_lock_the_conversation_nor_hide_the_memory() {
    let model = FakeModel::with_context(SMALL).await;
    let daemon = small(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "hello").await;
    for _ in 0..3 {
        for _ in 0..2 {
            model.next_refused(500);
        }
        let long = yun.say("joey", &SMALL_TALK.join(" ").repeat(2)).await;
        assert!(long.was_taken());
    }
    let shown = yun.say("joey", "Are you there?").await;
    assert_eq!(shown.trouble(), "");
    assert!(!model.last().contains("hello"), "{}", model.last().text());
    assert_eq!(memory_shown(&model.last()), ["name: Yun"]);
}

//! The commands, in the page and in the terminal: the same ones with the same words.

use expect_test::expect;

use crate::support::eventually;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;

/// The words of the English and the Korean help.
const HELP: [&str; 2] = ["These commands work here:", "쓸 수 있는 명령이에요:"];

#[tokio::test]
async fn help_lists_every_command_in_both_languages() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    expect![[r"
        These commands work here:
        /help – shows these lines
        /start – tells who I am and what I keep
        /persona [show (NAME) | list | set NAME (everywhere) | reset (everywhere)] – shows who answers here, lists who could, or chooses one
        /settings [show] – shows or changes when I answer here
        /memory [show | forget WHICH | export] – shows what I remember about you here, or forgets it
        /new – starts a new conversation
        /regenerate – answers your last message again, differently
        /stop – stops my reply
        /why – tells what my last reply was based on
        /stats – tells how much we have talked here
        /privacy – tells what I keep of you, and how to delete it
        /safety – tells whom to call when things are hard"]]
    .assert_eq(&yun.say("joey", "/help").await.notice());
    let korean = yun.say("joey", "/도움말").await.notice();
    for name in [
        "/도움말",
        "/페르소나",
        "/기억",
        "/새로",
        "/다시",
        "/그만",
        "/왜",
    ] {
        assert!(korean.contains(name), "{korean}");
    }
    // In a Korean browser an English name is answered in Korean.
    assert!(
        yun.clone()
            .named("accept-language", "ko-KR,ko;q=0.9")
            .say("joey", "/HELP")
            .await
            .notice()
            .starts_with(HELP[1])
    );
    assert!(model.prompts().is_empty() && yun.talk("joey").await.is_empty());
}

#[tokio::test]
async fn an_unknown_command_names_the_nearest() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    for (typed, nearest) in [
        ("/hlep", "help"),
        ("/regenrate", "regenerate"),
        (
            "/persona set",
            "/persona set NAME (everywhere)\nNAME: one or several names\n",
        ),
        (
            "/memory everything",
            "/memory [show | forget WHICH | export]",
        ),
        ("/persona joye", "joey"),
        ("/기역", "기억"),
        ("/persona sett ross", "Did you mean /persona set?"),
        ("/persona lsit", "Did you mean /persona list?"),
        ("/페르소나 선텍 조이", "혹시 ‘/페르소나 선택’인가요?"),
        ("/memory shwo", "Did you mean /memory show?"),
        ("/기억 지우 2", "혹시 ‘/기억 삭제’인가요?"),
        (
            "/memory forget",
            "/memory forget WHICH\nWHICH: numbers of lines as /memory shows them, such as 2 4, or all",
        ),
        (
            "/기억 지워",
            "/기억 삭제 번호\n번호: ‘/기억’에 나오는 줄 번호(예: 2 4), 또는 전체",
        ),
    ] {
        let shown = yun.say("joey", typed).await;
        let said = shown.trouble() + &shown.notice();
        assert!(said.contains(nearest), "{typed}: {said}");
    }
    assert!(
        yun.say("joey", "/xyzzyxyzzy")
            .await
            .trouble()
            .contains("/help")
    );
    assert!(yun.say("joey", "/").await.trouble().contains("/help"));
    assert!(model.prompts().is_empty());
}

#[tokio::test]
async fn a_persona_is_chosen_for_a_place_and_stays_after_a_restart() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let yun = daemon.user("yun");
    assert_eq!(
        yun.say("", "/persona").await.notice(),
        "You talk with Joey (joey), the default."
    );
    let list = yun.say("", "/persona list").await.notice();
    assert_eq!(list.lines().count(), 11, "{list}");
    assert!(list.contains("mechuri – 메추리 (ko)"), "{list}");

    assert!(
        yun.say("", "/persona set monika")
            .await
            .trouble()
            .contains("Did you mean monica?")
    );
    let shown = yun.say("", "/persona set Monica").await;
    assert_eq!(
        (shown.0[0]["id"].as_str(), shown.notice().as_str()),
        (Some("monica"), "From now on Monica answers here.")
    );
    yun.say("", "hello").await;
    assert!(model.last().system().contains("Monica"));
    // Someone else's place, and another channel, keep the default.
    for person in [daemon.user("min"), yun.channel("other")] {
        person.say("", "hello").await;
        assert!(model.last().system().contains("Joey"));
    }
    assert_eq!(daemon.stop().await.0.code(), Some(0));

    let daemon = home.start().await;
    let yun = daemon.user("yun");
    yun.say("", "hello again").await;
    assert!(model.last().system().contains("Monica"));
    assert_eq!(
        yun.say("", "/페르소나 선택 메추리").await.notice(),
        "이제부터 여기서는 메추리 페르소나가 답해요."
    );
    yun.say("", "안녕").await;
    assert!(model.last().system().contains("메추리"));
}

#[tokio::test]
async fn a_persona_is_told_about() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    home.write(
        "config/personas/bori.toml",
        "name = \"보리\"\nlanguages = [\"ko\", \"en\"]\nsystem = \"s\"\ngreeting = \"g\"",
    );
    home.write(
        "config/personas/lisa.toml",
        "name = \"Lisa\"\nlanguages = [\"en\"]\nsystem = \"s\"\ngreeting = \"g\"",
    );
    let daemon = home.start().await;
    let yun = daemon.user("yun");
    for (typed, told) in [
        (
            "/persona show mechuri",
            "메추리 (mechuri) speaks Korean and comes with chatfriends.",
        ),
        (
            "/persona show 보리",
            "보리 (bori) speaks Korean and English and comes from a file of whoever runs me.",
        ),
        (
            "/페르소나 보기 보리",
            "보리(bori) 페르소나는 한국어와 영어로 말하고, 운영자가 파일로 만들었어요.",
        ),
    ] {
        assert_eq!(yun.say("", typed).await.notice(), told);
    }
    // A name that is near a subcommand is a name.
    assert_eq!(
        yun.say("", "/persona lisa").await.notice(),
        "From now on Lisa answers here."
    );
    let unknown = yun.say("", "/persona show monika").await.trouble();
    assert!(unknown.contains("Did you mean monica?"), "{unknown}");
}

#[tokio::test]
async fn what_would_do_nothing_there_is_refused_on_the_page() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    for (typed, told) in [
        ("/settings answer nothing", "works in a server or group"),
        ("/settings quiet never", "works on Discord and Telegram"),
        ("/설정 한도 사람 3", "디스코드와 텔레그램에서 쓸 수 있어요"),
        ("/settings reset all", "works on Discord and Telegram"),
        ("/settings log", "works in a server or group"),
        ("/persona create nari", "works in a server or group"),
    ] {
        let shown = yun.say("", typed).await.trouble();
        assert!(shown.contains(told), "{typed}: {shown}");
    }
    assert_eq!(
        yun.say("", "/settings").await.notice(),
        "Who answers: Joey (the default)"
    );
}

#[tokio::test]
async fn memory_is_shown_forgotten_and_exported() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    assert_eq!(
        yun.say("joey", "/memory").await.notice(),
        "I remember nothing about you here yet."
    );
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "My job is a bartender.").await;
    expect![[r"
        This is what I remember about you here:
        1. name: Yun
        2. job: bartender
        Kept in full: 2 exchanges
        /memory forget NUMBER forgets a line, /memory forget all everything, and /memory export gives you all of it."]]
    .assert_eq(&yun.say("joey", "/memory").await.notice());
    assert!(
        yun.say("joey", "/기억")
            .await
            .notice()
            .contains("1. 이름: Yun\n2. 직업: bartender")
    );

    assert!(
        yun.say("joey", "/memory forget 3")
            .await
            .notice()
            .contains("There is no line 3")
    );
    assert!(
        yun.say("joey", "/memory forget -1")
            .await
            .notice()
            .contains("There is no line -1")
    );
    assert_eq!(
        yun.say("joey", "/memory forget 2").await.notice(),
        "Forgotten: job: bartender\nThe messages in which you said it stay in our conversation until you delete everything with /memory forget all."
    );
    assert_eq!(yun.remembered("joey").await, ["name: Yun"]);
    yun.say("joey", "I like kimchi. I hate mushrooms.").await;
    // Numbers are those of one list, and one that is wrong forgets nothing.
    assert!(
        yun.say("joey", "/memory forget 2 9")
            .await
            .notice()
            .contains("no line 9")
    );
    assert_eq!(
        yun.say("joey", "/기억 지워줘 2번, 3번").await.notice(),
        "지웠어요: 좋아하는 것: kimchi\n지웠어요: 싫어하는 것: mushrooms\n그 말을 한 메시지는 대화에 남아 있어요. ‘/기억 삭제 전체’로 모두 지우면 사라져요."
    );
    assert_eq!(yun.remembered("joey").await, ["name: Yun"]);

    let export: serde_json::Value =
        serde_json::from_str(&yun.say("joey", "/memory export").await.notice()).unwrap();
    assert_eq!(
        (
            export[0]["facts"][0]["value"].as_str(),
            export[0]["turns"].as_array().map(Vec::len)
        ),
        (Some("Yun"), Some(3))
    );
    assert_eq!(
        yun.say("joey", "/기억 삭제 전체").await.notice(),
        "모두 지웠어요. 여기서 알던 것과 3번 주고받은 말이 사라졌어요."
    );
    assert_eq!(
        yun.say("joey", "/memory").await.notice(),
        "I remember nothing about you here yet."
    );
    assert!(yun.talk("joey").await.is_empty());
}

#[tokio::test]
async fn turns_are_told_where_nothing_else_is_known() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "Hello there").await;
    let shown = yun.say("joey", "/memory").await.notice();
    assert!(
        shown.starts_with("I have noted nothing about you here yet.\nKept in full: 1 exchange\n"),
        "{shown}"
    );
    assert!(
        yun.say("joey", "/기억")
            .await
            .notice()
            .starts_with("여기서 따로 적어 둔 것은 아직 없어요.\n전체를 보관하는 대화: 1번\n")
    );
    assert_eq!(
        yun.say("joey", "/stats").await.notice(),
        "We have had 1 exchange here, and I remember 0 things about you."
    );
}

#[tokio::test]
async fn a_new_conversation_keeps_what_is_known() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "The weather is grey today.").await;
    assert!(
        yun.say("joey", "/new")
            .await
            .notice()
            .contains("fresh start")
    );
    yun.say("joey", "hello").await;
    assert!(!model.last().contains("grey") && !model.last().contains("My name is"));
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
    assert!(
        yun.say("joey", "/새로")
            .await
            .notice()
            .contains("새로 시작해요")
    );
}

#[tokio::test]
async fn a_reply_is_made_again_in_place_of_the_first() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    assert_eq!(
        yun.say("joey", "/regenerate").await.notice(),
        "There is nothing to answer again yet."
    );
    yun.say("joey", "My name is Yun").await;
    yun.say("joey", "What's my name?").await;
    let first = model.last();
    model.replies(|_| "Something else.".to_owned());
    let shown = yun.say("joey", "/regenerate").await;
    assert_eq!(
        (shown.reply().as_str(), shown.ending().as_str()),
        ("Something else.", "complete")
    );
    assert_eq!(model.last().text(), first.text(), "the same prompt");
    assert!(model.last().body["temperature"].as_f64() > first.body["temperature"].as_f64());
    let replies: Vec<_> = yun
        .talk("joey")
        .await
        .into_iter()
        .map(|(_, reply)| reply.unwrap())
        .collect();
    assert_eq!(replies, ["Okay.", "Something else."]);
    assert_eq!(yun.say("joey", "/다시").await.reply(), "Something else.");
    yun.say("joey", "thanks").await;
    assert!(model.last().contains("Something else."));
    assert_eq!(model.last().text().matches("[assistant]\nOkay.").count(), 1);
}

#[tokio::test]
async fn a_reply_that_fails_again_leaves_the_first() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.say("joey", "hello").await;
    for _ in 0..2 {
        model.next_refused(500);
    }
    assert!(
        yun.say("joey", "/regenerate")
            .await
            .trouble()
            .contains("train of thought")
    );
    assert_eq!(
        yun.talk("joey").await,
        [("hello".to_owned(), Some("Okay.".to_owned()))]
    );
}

#[tokio::test]
async fn a_stopped_reply_keeps_what_was_shown() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    assert_eq!(
        yun.say("joey", "/stop").await.notice(),
        "I am not saying anything at the moment."
    );
    for (stop, answer) in [("/stop", "Stopped."), ("/그만", "멈췄어요.")] {
        let pen = model.next_written();
        pen.write("One, two, ");
        let mut events = yun.begin("joey", "count").await;
        events.until_text("One, two, ").await;
        // Someone else's /stop stops nothing.
        assert_eq!(
            daemon.user("min").say("joey", "/stop").await.notice(),
            "I am not saying anything at the moment."
        );
        assert_eq!(yun.say("joey", stop).await.notice(), answer);
        let rest = events.rest().await;
        assert_eq!(
            (rest.reply().as_str(), rest.ending().as_str()),
            ("", "stopped")
        );
        pen.unread().await;
    }
    assert_eq!(
        yun.talk("joey").await,
        vec![("count".to_owned(), Some("One, two,".to_owned())); 2]
    );
    yun.say("joey", "go on").await;
    assert!(model.last().contains("One, two,"));
}

#[tokio::test]
async fn why_shows_what_a_reply_was_made_from() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    assert!(
        yun.say("joey", "/why")
            .await
            .notice()
            .contains("There is no reply to you here that I could explain.")
    );
    yun.say("joey", "My name is Yun").await;
    assert!(
        yun.say("joey", "/why")
            .await
            .notice()
            .contains("I was given no notes with your message.")
    );
    yun.say("joey", "What's my name?").await;
    let why = yun.say("joey", "/why").await.notice();
    for part in [
        "Joey answered with the model fake.",
        "The reply ended by itself.",
        "I was shown 1 exchange of this conversation.",
        "I was given these notes with your message:\nname: Yun",
    ] {
        assert!(why.contains(part), "{why}");
    }
    assert!(!why.contains('<'), "{why}");
    assert!(
        yun.say("joey", "/왜")
            .await
            .notice()
            .contains("답을 끝까지 마쳤어요.")
    );
    yun.say("joey", "/memory forget all").await;
    assert!(!yun.say("joey", "/why").await.notice().contains("Yun"));
}

#[tokio::test]
async fn the_terminal_has_the_same_commands() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    model.replies(|prompt| format!("{} words.", prompt.last().split_whitespace().count()));
    let lines = [
        "/help",
        "/도움말",
        "/persona set 메추리",
        "안녕하세요",
        "/persona",
        "/persona set joey",
        "My name is Yun",
        "/memory",
        "/regenerate",
        "/why",
        "/new",
        "/hlep",
        "/stop",
        "/기억 삭제 전체",
    ];
    let said = home.chat(&[], &lines).await.sound();
    let mut rest = said.as_str();
    // In this order, each once.
    for expected in [
        HELP[0],
        HELP[1],
        "From now on 메추리 answers here.",
        "1 words.",
        "You talk with 메추리 (mechuri), chosen here.",
        "From now on Joey answers here.",
        "4 words.",
        "1. name: Yun",
        "4 words.",
        "Joey answered with the model fake.",
        "A fresh start.",
        "Did you mean /help?",
        "I am not saying anything",
        "1번 주고받은 말이 사라졌어요",
    ] {
        rest = rest
            .split_once(expected)
            .unwrap_or_else(|| panic!("{expected:?} is missing or out of order in:\n{said}"))
            .1;
    }
}

#[tokio::test]
async fn a_command_waits_for_no_reply_but_forgetting_waits_for_its_conversation() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    let pen = model.next_written();
    let mut events = yun.begin("joey", "My name is Yun").await;
    events.until("taken").await;
    assert!(yun.say("joey", "/help").await.notice().starts_with(HELP[0]));
    assert!(
        yun.say("joey", "/memory")
            .await
            .notice()
            .contains("name: Yun")
    );
    let mut forgetting = yun.begin("joey", "/memory forget all").await;
    eventually("both are in line", async || {
        daemon.counted("chatfriends_messages_in_line").await == 2
    })
    .await;
    assert_eq!(
        yun.talk("joey").await,
        [("My name is Yun".to_owned(), None)]
    );
    assert!(forgetting.is_silent(), "it waits");
    pen.write("Hi Yun.");
    drop(pen);
    assert_eq!(events.rest().await.reply(), "Hi Yun.");
    assert!(forgetting.rest().await.notice().contains("and 1 exchange."));
    eventually("nothing comes back", async || {
        yun.talk("joey").await.is_empty()
    })
    .await;
}

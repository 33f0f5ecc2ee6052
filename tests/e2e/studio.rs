//! Personas made by command: a moderator of a Telegram group makes, tries, publishes and takes back one, by talking in private.
//!
//! On Discord the same is done with forms: `discord/studio.rs`.

use crate::support::apps::on_telegram;
use crate::support::fake_model::FakeModel;
use crate::support::fake_telegram::{Chat, FakeTelegram, Person, Role, Shown};
use crate::support::home::Home;

/// A group with a moderator who has talked with the bot before, and a member.
struct Club {
    group: Chat,
    /// The moderator's private chat.
    private: Chat,
    yun: Person,
    min: Person,
}

impl Club {
    async fn of(telegram: &FakeTelegram) -> Self {
        telegram.lets_the_bot_read_everything();
        telegram.set_pace(None);
        let (yun, min) = (telegram.person("Yun"), telegram.person("Min"));
        let group = telegram.group("club");
        group.has(&yun, Role::Administrator);
        group.joins(&min);
        let private = telegram.private(&yun);
        for (person, chat) in [(&yun, &private), (&min, &telegram.private(&min))] {
            chat.says(person, "/start");
            chat.until_text("I am an AI").await;
        }
        Self {
            group,
            private,
            yun,
            min,
        }
    }

    /// The moderator answers in private, and is asked or told the next thing.
    async fn answers(&self, text: &str, next: &str) {
        self.private.says(&self.yun, text);
        self.until_last(next).await;
    }

    /// The moderator gives a command in the group, and is told something in private.
    async fn is_told(&self, command: &str, answer: &str) {
        self.group.says(&self.yun, command);
        self.until_last(answer).await;
    }

    /// Waits until the newest private message contains these words.
    async fn until_last(&self, words: &str) {
        let has_words =
            |shown: &[Shown]| shown.last().is_some_and(|shown| shown.text.contains(words));
        self.private.until(words, has_words).await;
    }

    /// The moderator makes Nari, whose system text says this.
    async fn makes_nari(&self, system: &str) {
        self.is_told("/persona create nari", "1/5").await;
        self.answers("나리, Nari", "2/5").await;
        self.answers("ko, en", "3/5").await;
        self.answers(system, "4/5").await;
        self.answers("안녕, 나 나리야!", "5/5").await;
        self.answers("온실은 3호관 옥상에 있어.", "The draft of nari is kept.")
            .await;
    }

    /// Somebody says something in the group, and gets an answer there.
    async fn says(&self, person: &Person, text: &str, answer: &str) {
        self.group.says(person, text);
        self.group.until_text(answer).await;
    }
}

#[tokio::test]
async fn a_persona_is_made_tried_published_and_called_by_name() {
    let (model, telegram, home, daemon) = on_telegram().await;
    let club = Club::of(&telegram).await;
    let yun = &club.yun;
    club.makes_nari("You are Nari the gardener.").await;
    let kept = club.private.last().text;
    assert!(kept.contains("of 4,096 tokens; room for about"), "{kept}");
    // Nothing of it was talk.
    assert_eq!(model.prompts().len(), 0);

    model.replies(|_| "Water it once a week. /stop".to_owned());
    club.is_told("/persona test nari 온실은 어디야?", "Water it once a week.")
        .await;
    let tried = model.last();
    assert_eq!(tried.system(), "You are Nari the gardener.");
    assert!(tried.contains("온실은 3호관 옥상에 있어."));
    let shown = club.private.last();
    assert!(
        shown.text.starts_with("club:\n\n나리(초안):"),
        "{}",
        shown.text
    );
    assert!(shown.buttons.is_empty() && !shown.text.contains("/stop"));

    // It does not answer before it is published.
    club.says(
        yun,
        "/persona set nari",
        "nari is not published yet: /persona publish nari",
    )
    .await;
    club.says(yun, "/persona set monica phoebe", "Monica answers here")
        .await;
    club.says(
        yun,
        "/persona publish nari",
        "나리 is published as version 1.",
    )
    .await;
    // Nobody who answers there has to go.
    club.says(yun, "/persona publish nari", "Nothing of nari has changed")
        .await;
    let hint = "/persona set monica phoebe nari lets it answer here when it is called by name.";
    assert!(club.group.texts().concat().contains(hint));
    club.is_told("/persona list", "나리 (ko, en), made here")
        .await;
    let about = "나리 (nari) speaks Korean and English and was made here.";
    club.is_told("/persona show 나리", about).await;
    club.says(
        yun,
        "/persona set joey 나리",
        "Called by name, these answer, too: 나리",
    )
    .await;
    model.replies(|_| "The roof!".to_owned());
    club.says(&club.min, "나리야 온실은 어디야?", "The roof!")
        .await;
    assert_eq!(model.last().system(), "You are Nari the gardener.");
    // What was tried is not remembered.
    assert!(!model.last().contains("once a week"));
    drop(daemon);
    let daemon = home.start().await;
    model.replies(|_| "Up there.".to_owned());
    club.says(&club.min, "Nari, where is it again?", "Up there.")
        .await;
    assert_eq!(model.last().system(), "You are Nari the gardener.");
    drop(daemon);
}

#[tokio::test]
async fn an_edit_outlives_a_restart_and_is_taken_back() {
    let (model, telegram, home, daemon) = on_telegram().await;
    let club = Club::of(&telegram).await;
    let yun = &club.yun;
    club.makes_nari("one").await;
    club.says(yun, "/persona publish nari", "version 1").await;
    club.says(yun, "/persona set nari", "From now on 나리 answers here.")
        .await;
    club.is_told("/persona edit 나리", "1/5").await;
    assert!(club.private.last().text.contains("나리, Nari"));
    club.answers("-", "2/5").await;
    club.answers("-", "3/5").await;
    assert!(club.private.last().text.contains("one"));
    telegram.until_confirmed().await;
    // Killed between showing a question and noting that it is shown, it can only show it once more.
    telegram.expect_refusals_of("message is not modified");
    daemon.kill();
    let daemon = home.start().await;
    // Other commands work meanwhile, and are no answers.
    club.answers("/privacy", "What I keep").await;
    club.answers("two", "4/5").await;
    club.answers("/clear", "This cannot be empty.").await;
    club.answers("/skip", "5/5").await;
    club.answers("/clear", "The draft of nari is kept.").await;

    let system_now = async |call: &str| {
        let before = model.prompts().len();
        club.group.says(&club.min, call);
        model.asked(before + 1).await;
        model.last_to(call).system().to_owned()
    };
    // The draft is seen by nobody.
    assert_eq!(system_now("나리야 뭐해?").await, "one");
    club.is_told("/persona draft nari", "Draft of nari").await;
    club.says(yun, "/persona publish nari", "version 2").await;
    assert_eq!(system_now("나리야 지금은 뭐해?").await, "two");
    club.says(
        yun,
        "/persona rollback nari",
        "Version 1 of 나리 answers again.",
    )
    .await;
    assert_eq!(system_now("나리야 다시 뭐해?").await, "one");
    club.says(
        yun,
        "/persona rollback nari",
        "There is no such version. Versions: 1, 2.",
    )
    .await;
    let in_korean = format!("@{} /페르소나 복원 nari 2", telegram.bot_username());
    club.says(yun, &in_korean, "버전 2").await;
    assert_eq!(system_now("나리야 또 뭐해?").await, "two");
    club.is_told("/settings log", "/persona rollback nari 2")
        .await;
    let log = club.private.last().text;
    assert!(log.contains("/persona edit nari @"), "{log}");
    assert!(!log.contains("two") && !log.contains("Nari,"), "{log}");
    // Whoever was set here and is gone leaves the place to the default.
    let lost = "This deletes nari and all its versions (1, 2) for good.";
    club.is_told("/persona delete nari", lost).await;
    assert_eq!(system_now("나리야 아직 있어?").await, "two");
    let in_korean = format!("@{} /페르소나 삭제 nari 확인", telegram.bot_username());
    club.is_told(&in_korean, "삭제했어요").await;
    club.is_told("/settings log", "/persona delete nari confirm")
        .await;
    let log = club.private.last().text;
    assert_eq!(log.matches("/persona delete").count(), 1, "{log}");
    let call = format!("@{} hello", telegram.bot_username());
    let before = model.prompts().len();
    club.group.says(&club.min, &call);
    model.asked(before + 1).await;
    assert!(model.last_to("hello").system().contains("Joey"));
    drop(daemon);
}

#[tokio::test]
async fn nobody_else_may_and_no_other_group_sees_it() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    let club = Club::of(&telegram).await;
    let (min, alone) = (&club.min, telegram.private(&club.min));
    club.group.says(min, "/persona create nari");
    alone.until_text("whole server or group").await;
    club.makes_nari("one").await;
    club.says(&club.yun, "/persona publish nari", "version 1")
        .await;
    let other = telegram.group("other");
    other.has(min, Role::Administrator);
    for (command, answer) in [
        ("edit nari", "There is no persona nari"),
        ("draft nari", "There is no persona nari"),
        ("show nari", "There is no persona nari"),
        ("delete nari confirm", "There is no persona nari"),
        ("test nari hello", "There is no persona nari"),
        ("create nari", "The id nari is taken."),
        ("create joey", "The id joey is taken."),
        ("create 나리", "cannot be an id"),
        ("edit joey", "commands cannot change it"),
        ("draft", "No personas were made here yet."),
        ("list", "You can talk with"),
    ] {
        let before = alone.messages().len();
        other.says(min, &format!("/persona {command}"));
        let shown = alone.until_count(before + 1).await.remove(before).text;
        assert!(
            shown.contains(answer) || shown.contains("쓸 수 없어요"),
            "{command}: {shown}"
        );
        assert!(!shown.contains("club") && (command != "list" || !shown.contains("nari")));
    }
    other.says(min, "/persona set 나리");
    other.until_text("There is no persona 나리").await;
    // In private there is nothing to make one for.
    club.answers("/persona create bori", "works in a server or group")
        .await;
    drop(daemon);
}

#[tokio::test]
async fn whoever_is_no_moderator_any_more_changes_nothing() {
    let (_model, telegram, home, daemon) = on_telegram().await;
    let club = Club::of(&telegram).await;
    club.is_told("/persona create nari", "1/5").await;
    club.answers("Nari", "2/5").await;
    club.answers("-", "3/5").await;
    club.answers("s", "4/5").await;
    club.answers("g", "5/5").await;
    club.group.has(&club.yun, Role::Member);
    club.group.has(&club.min, Role::Administrator);
    telegram.until_confirmed().await;
    // Who somebody is in a group is believed for a minute, but not over a restart.
    daemon.kill();
    let daemon = home.start().await;
    club.answers("f", "Only people who manage the whole server or group")
        .await;
    club.group.says(&club.min, "/persona draft");
    let alone = telegram.private(&club.min);
    alone.until_text("No personas were made here yet.").await;
    drop(daemon);
}

#[tokio::test]
async fn a_dialogue_is_given_up_and_help_comes_first_in_it() {
    let (model, telegram, _home, daemon) = on_telegram().await;
    let club = Club::of(&telegram).await;
    club.is_told("/persona create nari", "1/5").await;
    club.answers("나 진짜 죽고 싶어", "109").await;
    club.answers("/취소", "아무것도 바꾸지 않았어요").await;
    club.is_told("/persona draft", "No personas were made here yet.")
        .await;
    // From then on it is talk again.
    club.answers("hello", "Okay.").await;
    assert_eq!(model.prompts().len(), 1);
    drop(daemon);
}

#[tokio::test]
async fn whoever_has_never_written_to_the_bot_is_invited_to_be_asked() {
    let (_model, telegram, _home, daemon) = on_telegram().await;
    telegram.set_pace(None);
    telegram.expect_refusals_of("initiate");
    telegram.expect_refusals_of("chat not found");
    let yun = telegram.person("Yun");
    let group = telegram.group("club");
    group.has(&yun, Role::Administrator);
    group.says(&yun, "/persona create nari");
    let invited = group.until_text("in private").await;
    let link = &invited.buttons[0].1;
    let token = link.split_once("?start=").expect("it brings a word").1;
    let private = telegram.private(&yun);
    private.says(&yun, &format!("/start {token}"));
    for (question, answer) in ["1/5", "2/5", "3/5", "4/5", "5/5"]
        .into_iter()
        .zip(["Nari", "en", "s", "g", "-"])
    {
        private.until_text(question).await;
        private.says(&yun, answer);
    }
    private.until_text("The draft of nari is kept.").await;
    group.says(&yun, "/persona publish nari");
    group.until_text("Nari is published").await;
    group.says(&group.anonymous_admin(), "/persona create bori");
    group.until_text("under your own name").await;
    drop(daemon);
}

#[tokio::test]
async fn a_draft_that_leaves_no_room_to_talk_is_not_published() {
    let model = FakeModel::with_context(1024).await;
    let telegram = FakeTelegram::start().await;
    let home = Home::with(&model).set("server.context", 1024);
    let daemon = home.on_telegram(&telegram).start().await;
    let club = Club::of(&telegram).await;
    club.makes_nari(&"You are Nari the gardener. ".repeat(70))
        .await;
    assert!(club.private.last().text.contains("about 0 exchanges"));
    let refused = "It leaves no room to talk. Please shorten it.";
    club.says(&club.yun, "/persona publish nari", refused).await;
    club.is_told("/persona draft", "nari – not published, has a draft")
        .await;
    drop(daemon);
}

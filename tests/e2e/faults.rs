//! What breaks, and what holds all the same: nothing that was taken is lost, and everybody is told what they can do.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::eventually;
use crate::support::fake_model::{FakeModel, Nobody};
use crate::support::home::Home;

/// The moments of a reply at which the daemon is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// The message is on its way.
    Sent,
    /// It was taken.
    Taken,
    /// So many pieces of the reply were shown.
    Shown(usize),
    /// The reply has ended.
    Done,
    /// The next message of the conversation waits behind it.
    Queued,
}

const MOMENTS: [Moment; 8] = [
    Moment::Taken,
    Moment::Sent,
    Moment::Shown(1),
    Moment::Queued,
    Moment::Shown(2),
    Moment::Done,
    Moment::Shown(5),
    Moment::Sent,
];

#[tokio::test]
async fn what_was_taken_survives_kill_9_at_any_moment() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let mut taken: Vec<String> = Vec::new();
    for round in 0..32_usize {
        let moment = MOMENTS[round % MOMENTS.len()];
        let daemon = home.start().await;
        let yun = daemon.user("yun");
        let said: Vec<String> = yun
            .talk("joey")
            .await
            .into_iter()
            .map(|(said, _)| said)
            .collect();
        for words in &taken {
            assert_eq!(
                said.iter().filter(|other| *other == words).count(),
                1,
                "{words:?} before round {round}: {said:?}"
            );
        }
        let words = format!("message {round}.");
        let pen = model.written_to(&words);
        let asked = model.prompts().len();
        if let Moment::Sent = moment {
            let sending = tokio::spawn(async move {
                yun.request(reqwest::Method::POST, "/api/say")
                    .json(&json!({ "persona": "joey", "text": words }))
                    .send()
                    .await
                    .ok()
            });
            // As many steps as the round has, so that the blow falls elsewhere each time.
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            daemon.kill();
            sending.await.ok();
            continue;
        }
        let mut events = yun.begin("joey", &words).await;
        events.until("taken").await;
        taken.push(words);
        // Its reader must not have left before the blow falls.
        let _behind;
        match moment {
            Moment::Sent | Moment::Taken => {}
            Moment::Shown(pieces) => {
                for _ in 0..pieces {
                    pen.write("word ");
                    events.until("text").await;
                }
            }
            Moment::Done => {
                model.asked(asked + 1).await;
                pen.write("A whole reply.");
                drop(pen);
                events.until("done").await;
                let last = yun.talk("joey").await.pop();
                assert_eq!(
                    last.and_then(|(_, reply)| reply).as_deref(),
                    Some("A whole reply.")
                );
            }
            Moment::Queued => {
                _behind = yun.begin("joey", &format!("behind {round}")).await;
                model.asked(asked + 1).await;
                eventually("it waits", async || {
                    daemon.counted("chatfriends_messages_in_line").await == 2
                })
                .await;
            }
        }
        daemon.kill();
    }
    let daemon = home.start().await;
    let talk = daemon.user("yun").talk("joey").await;
    for words in &taken {
        assert_eq!(
            talk.iter().filter(|(said, _)| said == words).count(),
            1,
            "{words:?}: {talk:?}"
        );
    }
    let whole = talk
        .iter()
        .filter(|(_, reply)| reply.as_deref() == Some("A whole reply."))
        .count();
    assert_eq!(
        whole, 4,
        "a reply that was shown to its end is kept: {talk:?}"
    );
    assert_eq!(
        talk.iter()
            .map(|(said, _)| said)
            .collect::<std::collections::HashSet<_>>()
            .len(),
        talk.len(),
        "{talk:?}"
    );
    // And it goes on as if nothing had been.
    assert_eq!(
        daemon.user("yun").say("joey", "Still there?").await.reply(),
        "Okay."
    );
}

#[tokio::test]
async fn a_fact_survives_kill_9_right_after_it_was_taken() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let pen = model.next_written();
    daemon
        .user("yun")
        .begin("joey", "My name is Yun")
        .await
        .until("taken")
        .await;
    daemon.kill();
    // The kill may have come before the model was asked; the next reply must not wait for this pen.
    drop(pen);
    let daemon = home.start().await;
    daemon.user("yun").say("joey", "What's my name?").await;
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
    assert_eq!(
        daemon.user("yun").talk("joey").await[0],
        ("My name is Yun".to_owned(), None)
    );
}

#[tokio::test]
async fn faulty_settings_end_with_code_3_and_the_nearest_key() {
    let home = Home::new();
    let file = home.write("mine.toml", "[web]\nlissten = \"127.0.0.1:0\"\n[limits]\nreply_seconds = \"soon\"\nwaiting_per_person = 0\n");
    for command in ["run", "chat", "check"] {
        let error = home
            .run(&[command, "--config", file.to_str().unwrap()])
            .await
            .failed(3);
        for part in [
            "web.lissten",
            "did you mean \"web.listen\"?",
            "mine.toml",
            "limits.reply_seconds",
            "limits.waiting_per_person: 0 is not between",
        ] {
            assert!(
                error.contains(part),
                "{command}: {part} is missing in {error}"
            );
        }
    }
    assert!(
        Home::new()
            .set("stroe.path", "x")
            .run(&["run"])
            .await
            .failed(3)
            .contains("did you mean \"store.path\"?")
    );
    assert!(
        Home::new()
            .set("web.listen", "everywhere")
            .run(&["run"])
            .await
            .failed(3)
            .contains("everywhere")
    );
    assert!(
        Home::new()
            .run(&["run", "--config", "nowhere.toml"])
            .await
            .failed(3)
            .contains("nowhere.toml")
    );
    home.write("broken.toml", "[web\n");
    assert!(
        home.run(&["run", "--config", "broken.toml"])
            .await
            .failed(3)
            .contains("broken.toml")
    );
    home.write("config/local.toml", "[engine]\nslotz = 1\n");
    assert!(
        home.run(&["run"])
            .await
            .failed(3)
            .contains("did you mean \"engine.slots\"?")
    );
}

#[tokio::test]
async fn a_route_to_somebody_of_no_file_is_worth_a_note() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let route = "[[route]]\nat = \"discord:server/1\"\npersonas = [\"jooey\"]\n";
    home.write("config/local.toml", route);
    let report = home.run(&["check"]).await.sound();
    let note = "note    route at discord:server/1: no file has \"jooey\" (did you mean \"joey\"?); it works if it was made by command at that place";
    assert!(report.contains(note), "{report}");
    // Whoever answers where nothing is set must be there always.
    let home = home.set("personas.default", "jooey");
    let report = home.run(&["check"]).await;
    assert!(
        report.code == 1 && report.stdout.contains("FAULT   personas.default"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_port_in_use_ends_with_code_5() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let nobody = Nobody::new();
    let home = Home::at_server(&nobody.url()).set("web.listen", address);
    let error = home.run(&["run"]).await.failed(5);
    assert!(
        error.contains(&address.to_string())
            && error.contains("web.listen")
            && error.contains("because:"),
        "{error}"
    );
    let report = home.run(&["check"]).await;
    assert!(
        report.code == 1 && report.stdout.contains("FAULT   web.listen"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_second_daemon_on_the_same_store_ends_with_code_4() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    for command in [&["run"][..], &["memory", "show"]] {
        let error = home.run(command).await.failed(4);
        assert!(
            error.contains("in use") && error.contains("store.path"),
            "{error}"
        );
    }
    assert_eq!(
        daemon.user("yun").say("joey", "hello").await.reply(),
        "Okay."
    );
}

#[tokio::test]
async fn a_damaged_store_is_made_whole_again_and_says_so() {
    let model = FakeModel::start().await;
    for damage in ["emptied", "beginning lost", "garbage", "lost"] {
        let home = Home::with(&model);
        let daemon = home.start().await;
        for turn in 0..20 {
            daemon
                .user("yun")
                .say("joey", &format!("message {turn}"))
                .await;
        }
        assert_eq!(daemon.stop().await.0.code(), Some(0));
        let mut databases = home.store_files();
        databases.retain(|path| path.ends_with("db"));
        assert_eq!(databases.len(), 1);
        let file = &databases[0];
        let mut bytes = std::fs::read(file).unwrap();
        let half = bytes.len() / 2;
        match damage {
            "emptied" => bytes.clear(),
            "beginning lost" => bytes[..half].fill(0),
            "garbage" => bytes
                .iter_mut()
                .enumerate()
                .for_each(|(index, byte)| *byte = (index * 31 % 251) as u8),
            _ => std::fs::remove_file(file).unwrap(),
        }
        if damage != "lost" {
            std::fs::write(file, &bytes).unwrap();
        }
        let daemon = home.start().await;
        assert_eq!(daemon.user("yun").talk("joey").await.len(), 20, "{damage}");
        daemon
            .until_logged("The store was damaged; it is whole again")
            .await;
    }
}

#[tokio::test]
async fn a_store_of_which_nothing_is_whole_ends_with_code_4_and_the_remedy() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    daemon.user("yun").say("joey", "hello").await;
    assert_eq!(daemon.stop().await.0.code(), Some(0));
    let backups = std::fs::read_dir(home.path().join("data/backups"));
    let backups = backups.into_iter().flatten().map(|it| it.unwrap().path());
    for file in home.store_files().into_iter().chain(backups) {
        if !file.ends_with("begun") {
            std::fs::write(file, "gone").unwrap();
        }
    }
    let error = home.run(&["run"]).await.failed(4);
    assert!(
        error.contains("damaged")
            && error.contains("chatfriends restore FILE")
            && error.contains("because:"),
        "{error}"
    );
    assert!(!error.contains("RUST_BACKTRACE"), "{error}");
}

#[tokio::test]
async fn backups_are_made_beside_a_running_daemon_and_restored() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let home = home.set("web.listen", daemon.address());
    let yun = daemon.user("yun");
    yun.say("joey", "My name is Yun.").await;
    let kept = home.path().join("kept.backup");
    let kept = kept.to_str().unwrap();
    home.run(&["backup", kept]).await.sound();
    let error = home.run(&["backup", kept]).await.failed(1);
    assert!(error.contains("exists"), "{error}");
    yun.say("joey", "I moved to Busan.").await;
    assert_eq!(yun.talk("joey").await.len(), 2);

    // Beside the daemon: with its next start.
    let said = home.run(&["restore", kept]).await.sound();
    assert!(said.contains("restart"), "{said}");
    assert_eq!(yun.talk("joey").await.len(), 2);
    daemon.stop().await;
    let daemon = home.start().await;
    let yun = daemon.user("yun");
    assert_eq!(yun.talk("joey").await.len(), 1);
    yun.say("joey", "Who am I?").await;
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
    daemon.stop().await;

    // And without one, on another machine.
    let other = Home::with(&model);
    other.run(&["restore", kept]).await.sound();
    let daemon = other.start().await;
    assert_eq!(daemon.user("yun").talk("joey").await.len(), 1);
    drop(daemon);
    std::fs::write(kept, "no backup").unwrap();
    let error = home.run(&["restore", kept]).await.failed(4);
    assert!(error.contains("no whole backup"), "{error}");
}

/// Searched for, byte by byte, in all that the store reads; earlier backups keep it for a week.
#[tokio::test]
async fn what_is_forgotten_leaves_the_files_of_a_running_daemon() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let (yun, min) = (daemon.user("yun"), daemon.user("min"));
    yun.say("joey", "My secret is a lighthouse-4711.").await;
    min.say("joey", "Mine is a windmill-4712.").await;
    assert!(!home.stored_in("lighthouse-4711").is_empty());
    yun.say("joey", "/memory forget all").await;
    eventually("the words are gone", async || {
        home.stored_in("lighthouse-4711").is_empty()
    })
    .await;
    assert!(!home.stored_in("windmill-4712").is_empty());
    assert_eq!(min.talk("joey").await.len(), 1);
    daemon.stop().await;
    assert!(home.stored_in("lighthouse-4711").is_empty());
}

#[tokio::test]
async fn a_store_that_cannot_be_made_is_named() {
    let nobody = Nobody::new();
    let home = Home::at_server(&nobody.url());
    home.write("data", "not a folder");
    let error = home.run(&["run"]).await.failed(4);
    assert!(error.contains("data/memory"), "{error}");
    assert_eq!(home.run(&["check"]).await.code, 1);
}

#[tokio::test]
async fn a_model_server_that_is_away_is_waited_for_some_seconds_only() {
    let nobody = Nobody::new();
    let home = Home::at_server(&nobody.url()).set("limits.reply_seconds", 3600);
    let daemon = home.start_without_waiting().await;
    let shown = daemon.user("yun").say("joey", "hello").await;
    assert!(shown.trouble().contains("waking up"), "{shown:?}");
    assert!(!shown.was_taken());
}

#[tokio::test]
async fn a_reply_that_breaks_off_keeps_what_was_shown_and_says_so() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    for (words, sentence) in [
        ("tell me more", "(My reply broke off here.)"),
        ("더 말해 줘", "(답이 여기서 끊겼어요.)"),
    ] {
        let pen = model.next_written();
        pen.write("Well, it was");
        let mut events = yun.begin("joey", words).await;
        events.until_text("Well, it was").await;
        pen.break_off();
        let rest = events.rest().await;
        assert_eq!(
            (rest.notice().as_str(), rest.ending().as_str()),
            (sentence, "broken")
        );
        assert_eq!(
            yun.talk("joey").await.pop(),
            Some((words.to_owned(), Some("Well, it was".to_owned())))
        );
    }
    // Another message is answered, and the broken reply can be made again.
    assert_eq!(yun.say("joey", "/regenerate").await.reply(), "Okay.");
    assert_eq!(
        yun.talk("joey").await.pop().unwrap().1.as_deref(),
        Some("Okay.")
    );

    let pen = model.next_written();
    pen.write("Half a ");
    let mut events = daemon
        .anyone()
        .streamed(json!({ "model": "joey", "messages": [{ "role": "user", "content": "hi" }] }))
        .await;
    let mut streamed = String::new();
    let mut broken = Some(pen);
    while let Some(data) = events.next_data().await {
        let chunk: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
        streamed.push_str(
            chunk["choices"][0]["delta"]["content"]
                .as_str()
                .unwrap_or_default(),
        );
        if streamed == "Half a "
            && let Some(pen) = broken.take()
        {
            pen.break_off();
        }
    }
    assert!(
        streamed.starts_with("Half a ") && streamed.contains("broke off"),
        "{streamed}"
    );
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_tried_again_unseen() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    model.next_refused(500);
    let shown = yun.say("joey", "first").await;
    assert_eq!(
        (
            shown.reply().as_str(),
            shown.notice().as_str(),
            shown.trouble().as_str()
        ),
        ("Okay.", "", "")
    );
    model.next_written().break_off();
    assert_eq!(yun.say("joey", "second").await.reply(), "Okay.");
    assert_eq!(model.prompts().len(), 4);
    assert_eq!(model.prompts()[2].text(), model.prompts()[3].text());
    // Twice is too often; the message is kept all the same.
    for _ in 0..2 {
        model.next_refused(502);
    }
    let shown = yun.say("joey", "third").await;
    assert!(
        shown.was_taken() && shown.trouble().contains("Please say it again"),
        "{shown:?}"
    );
    assert_eq!(
        yun.talk("joey").await.pop(),
        Some(("third".to_owned(), None))
    );
    assert_eq!(yun.say("joey", "/regenerate").await.reply(), "Okay.");
    assert_eq!(
        yun.talk("joey").await.pop(),
        Some(("third".to_owned(), Some("Okay.".to_owned())))
    );
}

#[tokio::test]
async fn a_busy_model_server_is_said_to_be_busy() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    model.next_refused(429);
    let busy = daemon
        .anyone()
        .completions(&json!({ "model": "joey", "messages": [{ "role": "user", "content": "hi" }] }))
        .await;
    busy.error(429);
    assert_eq!(daemon.anyone().asks("joey", "hi").await, "Okay.");
}

#[tokio::test]
async fn a_model_server_that_takes_openai_s_fields_only_is_served() {
    let model = FakeModel::strict().await;
    let daemon = Home::with(&model).start().await;
    for words in ["hello", "hello again"] {
        assert_eq!(daemon.user("yun").say("joey", words).await.reply(), "Okay.");
        assert_eq!(model.last().body.get("top_k"), None);
    }
}

#[tokio::test]
async fn a_reply_that_takes_too_long_ends_where_it_stands() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model)
        // What comes must come within it even on a busy machine.
        .set("limits.reply_seconds", 5)
        .start()
        .await;
    let yun = daemon.user("yun");
    let pen = model.written_to("What do you think?");
    pen.write("I think");
    let _silent = model.written_to("And now?");
    let (shown, nothing) = tokio::join!(yun.say("joey", "What do you think?"), async {
        daemon.user("min").say("joey", "And now?").await
    });
    assert_eq!(
        (
            shown.reply().as_str(),
            shown.notice().as_str(),
            shown.ending().as_str()
        ),
        ("I think", "(I ran out of time here.)", "deadline")
    );
    pen.unread().await;
    assert_eq!(yun.talk("joey").await[0].1.as_deref(), Some("I think"));
    // Not one word in time.
    assert!(
        !(nothing.trouble() + &nothing.notice()).is_empty(),
        "{nothing:?}"
    );
}

#[tokio::test]
async fn without_a_model_server_people_are_told_and_it_is_used_when_it_comes() {
    let model = FakeModel::start().await;
    model.set_health(503);
    let daemon = Home::with(&model)
        // Long enough for the reply that comes at last.
        .set("limits.reply_seconds", 5)
        .start_without_waiting()
        .await;
    let (yun, anyone) = (daemon.user("yun"), daemon.anyone());
    let body = json!({ "model": "joey", "messages": [{ "role": "user", "content": "hi" }] });
    let (refused, shown) = tokio::join!(anyone.completions(&body), yun.say("joey", "안녕"));
    assert!(refused.error(503).contains("waking up"));
    assert!(shown.trouble().contains("준비하고 있어요"), "{shown:?}");
    model.set_health(200);
    daemon.ready().await;
    assert_eq!(yun.say("joey", "안녕").await.reply(), "Okay.");
}

#[tokio::test]
async fn an_edited_persona_takes_effect_and_a_broken_edit_does_not() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let file = home.write("config/personas/joey.toml", "name = \"Joey\"\nlanguages = [\"en\"]\nsystem = \"You are edition one.\"\ngreeting = \"One!\"\n");
    let daemon = home.start().await;
    let greeting = async || {
        let about = daemon.get("/api/about").await.json();
        let personas = about["personas"].as_array().unwrap().clone();
        personas
            .into_iter()
            .find(|persona| persona["id"] == "joey")
            .unwrap()["greeting"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(greeting().await, "One!");

    home.write("config/personas/joey.toml", "name = \"Joey\"\nlanguages = [\"en\"]\nsystem = \"You are edition two.\"\ngreeting = \"Two!\"\n");
    eventually("the edit is seen", async || greeting().await == "Two!").await;
    daemon.user("yun").say("joey", "hello").await;
    assert_eq!(model.last().system(), "You are edition two.");

    home.write("config/personas/joey.toml", "name = \"Joey\"\nlanguages = [\"en\"]\nsystem = \"You are edition three.\"\ngreetng = \"Three!\"\n[sampling]\ntemprature = 0.5\n");
    daemon.until_logged("a good one before").await;
    for fault in [
        "joey.toml:4",
        "greetng",
        "greeting",
        "joey.toml:6",
        "temprature",
    ] {
        assert!(daemon.stderr().contains(fault), "{fault}");
    }
    daemon.user("yun").say("joey", "hello").await;
    assert_eq!(
        (greeting().await.as_str(), model.last().system()),
        ("Two!", "You are edition two.")
    );
    let report = home.run(&["check"]).await;
    assert!(
        report.code == 1
            && report.stdout.contains("joey.toml:4:")
            && report.stdout.contains("joey.toml:6:"),
        "{report:?}"
    );

    // A persona of one's own, seen while it runs; and the shipped one again when the file is gone.
    home.write("config/personas/baker.toml", "name = \"Baker\"\nlanguages = [\"en\"]\nsystem = \"You are a baker.\"\ngreeting = \"Bread?\"\n");
    eventually("a new persona", async || {
        daemon.get("/v1/models").await.body.contains("\"baker\"")
    })
    .await;
    assert_eq!(daemon.anyone().asks("baker", "hi").await, "Okay.");
    std::fs::remove_file(file).unwrap();
    eventually("the shipped one", async || {
        greeting().await.contains("Joey here")
    })
    .await;
}

#[tokio::test]
async fn a_told_end_lets_a_running_reply_end() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let mut daemon = home.start().await;
    let pen = model.next_written();
    pen.write("Before ");
    let mut events = daemon.user("yun").begin("joey", "hello").await;
    events.until_text("Before ").await;
    daemon.terminate();
    daemon.until_logged("Stopping.").await;
    pen.write("and after.");
    drop(pen);
    assert_eq!(events.rest().await.reply(), "and after.");
    let (status, took) = daemon.ended().await;
    assert!(
        status.code() == Some(0) && took < Duration::from_secs(10),
        "{status} after {took:?}"
    );
    let daemon = home.start().await;
    assert_eq!(
        daemon.user("yun").talk("joey").await,
        [("hello".to_owned(), Some("Before and after.".to_owned()))]
    );
}

#[tokio::test]
async fn a_told_end_does_not_wait_for_ever() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let pen = model.next_written();
    pen.write("Hm");
    let mut events = daemon.user("yun").begin("joey", "hello").await;
    events.until_text("Hm").await;
    let (status, took) = daemon.stop().await;
    assert!(
        status.code() == Some(0) && took < Duration::from_secs(13),
        "{status} after {took:?}"
    );
    let daemon = home.start().await;
    assert_eq!(
        daemon.user("yun").talk("joey").await,
        [("hello".to_owned(), Some("Hm".to_owned()))]
    );
}

/// Some servers send nothing, not even a status, before their first token.
#[tokio::test]
async fn a_reply_that_has_not_begun_can_be_stopped() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    let silent = model.next_withheld();
    let events = yun.begin("joey", "hello").await;
    model.asked(1).await;
    assert_eq!(yun.say("joey", "/stop").await.notice(), "Stopped.");
    let shown = events.rest().await;
    assert_eq!(
        (shown.reply().as_str(), shown.ending().as_str()),
        ("", "stopped")
    );
    silent.unread().await;
    assert_eq!(yun.say("joey", "Are you there?").await.reply(), "Okay.");
}

#[tokio::test]
async fn whoever_waits_for_a_silent_server_is_told_of_the_end() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let mut daemon = home.start().await;
    let _silent = model.next_withheld();
    let events = daemon.user("yun").begin("joey", "hello").await;
    model.asked(1).await;
    daemon.terminate();
    let shown = events.rest().await;
    assert!(
        shown.trouble().contains("I am being switched off just now"),
        "{shown:?}"
    );
    assert_eq!(daemon.ended().await.0.code(), Some(0));
    let daemon = home.start().await;
    assert_eq!(
        daemon.user("yun").talk("joey").await,
        [("hello".to_owned(), None)]
    );
}

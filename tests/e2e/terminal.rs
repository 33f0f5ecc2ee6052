//! `chatfriends chat` through pipes, and the subcommands that look at things.

use crate::support::fake_model::{FakeModel, Nobody};
use crate::support::home::Home;

#[tokio::test]
async fn lines_in_lines_out_until_the_input_ends() {
    let model = FakeModel::start().await;
    model.replies(|prompt| {
        format!(
            "You said {:?}.",
            prompt.last().lines().last().unwrap_or_default()
        )
    });
    let home = Home::with(&model);
    let said = home
        .chat(&["--persona", "monica"], &["hello", "", "   ", "안녕 👋🏽"])
        .await
        .sound();
    assert_eq!(said, "You said \"hello\".\nYou said \"안녕 👋🏽\".\n");
    assert!(model.last().system().contains("Monica"));
    // No line at all, and a last line without its end.
    assert_eq!(home.chat(&[], &[]).await.sound(), "");
    assert_eq!(
        home.run_with(&["chat"], b"no end").await.sound(),
        "You said \"no end\".\n"
    );
}

#[tokio::test]
async fn a_line_that_is_not_utf_8_is_refused_and_the_next_is_answered() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let said = home
        .run_with(&["chat"], b"\xff\xfe\x00bad\nhello\n")
        .await
        .sound();
    assert_eq!(
        said,
        "That line is not UTF-8 text; please send it as UTF-8.\nOkay.\n"
    );
    assert_eq!(model.prompts().len(), 1);
}

#[tokio::test]
async fn a_line_of_a_megabyte_is_refused_and_the_next_is_answered() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let said = home
        .chat(&[], &[&"가".repeat(400_000), "hello"])
        .await
        .sound();
    let (refusal, rest) = said.split_once('\n').unwrap();
    assert!(refusal.contains("4000") && rest == "Okay.\n", "{said}");
}

#[tokio::test]
async fn a_reply_cannot_steer_the_terminal() {
    let model = FakeModel::start().await;
    model.replies(|_| "\u{1b}[2J\u{1b}]0;title\u{7}Hi\u{8}.".to_owned());
    assert_eq!(
        Home::with(&model).chat(&[], &["hello"]).await.sound(),
        "[2J]0;titleHi.\n"
    );
}

#[tokio::test]
async fn each_user_has_a_memory_that_stays() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    home.chat(&["--user", "yun"], &["My name is Yun"])
        .await
        .sound();
    home.chat(&["--user", "min"], &["What's my name?"])
        .await
        .sound();
    assert!(!model.last().contains("Yun"));
    home.chat(&["--user", "yun"], &["What's my name?"])
        .await
        .sound();
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
    assert_eq!(model.last().messages.len() % 2, 0);
    assert!(
        model.last().contains("My name is Yun"),
        "it is the same conversation"
    );
}

#[tokio::test]
async fn beside_a_running_daemon_it_is_the_same_conversation() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    home.chat(&[], &["first"]).await.sound();
    let daemon = home.start().await;
    let home = home.set("web.listen", daemon.address());
    assert_eq!(
        home.chat(&[], &["second", "/help"])
            .await
            .sound()
            .lines()
            .next(),
        Some("Okay.")
    );
    assert!(
        model
            .last()
            .text()
            .ends_with("[user]\nfirst\n[assistant]\nOkay.\n[user]\nsecond\n"),
        "{}",
        model.last().text()
    );
    assert_eq!(daemon.user("terminal:me").talk("joey").await.len(), 2);
    let stranger = home.chat(&["--persona", "nobody"], &["hello"]).await;
    assert!(
        stranger
            .failed(1)
            .contains("lines without an answer: 1 (line 1 of standard input)")
    );
    assert_eq!(daemon.stop().await.0.code(), Some(0));
    assert_eq!(home.chat(&[], &["third"]).await.sound(), "Okay.\n");
    assert!(model.last().contains("second"));
}

#[tokio::test]
async fn it_can_be_left_with_a_word() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    for word in ["/quit", "/exit", "/나가기", "/종료"] {
        let said = home.chat(&[], &["hello", word, "still there?"]).await;
        assert_eq!(said.sound(), "Okay.\n", "{word}");
    }
    assert!(!model.last().contains("still there?"));
}

#[tokio::test]
async fn check_beside_a_running_daemon_knows_it() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let home = home.set("web.listen", daemon.address());
    let report = home.run(&["check"]).await.sound();
    for part in [
        &format!("a running chatfriends is at {}", daemon.address()),
        "a running chatfriends holds it",
        "would start again",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let report = home.set("web.listen", "127.0.0.1:0").run(&["check"]).await;
    let said = "is free, but another chatfriends holds the store";
    assert!(
        report.code == 1 && report.stdout.contains(said),
        "{report:?}"
    );
}

#[tokio::test]
async fn check_calls_the_model_server() {
    let nobody = Nobody::new();
    let home = Home::at_server(&nobody.url());
    let report = home.run(&["check"]).await;
    let said = "the model server cannot be reached";
    assert!(
        report.code == 1 && report.stdout.contains(said),
        "{report:?}"
    );
}

#[tokio::test]
async fn check_names_the_app_that_it_cannot_reach_and_the_remedy() {
    let (model, nobody) = (FakeModel::start().await, Nobody::new());
    let url = format!("http://{}/", nobody.address());
    let home = Home::with(&model)
        .set("discord.token", "token")
        .set("discord.api_url", &url)
        .set("telegram.token", "1:token")
        .set("telegram.api_url", &url);
    let report = home.run(&["check"]).await;
    assert_eq!(report.code, 1);
    for (app, name) in [("discord", "Discord"), ("telegram", "Telegram")] {
        let fault = format!("FAULT   {app}: {name} cannot be reached: ");
        let line = report.stdout.lines().find(|line| line.starts_with(&fault));
        let line = line.unwrap_or_else(|| panic!("{fault:?} is missing in {}", report.stdout));
        assert!(
            line.contains("network")
                && line.contains("HTTPS_PROXY")
                && line.contains(&format!("{app}.api_url")),
            "{line}"
        );
    }
}

#[tokio::test]
async fn beside_a_daemon_that_is_elsewhere_it_says_where_it_looked() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let _daemon = home.start().await;
    let nobody = Nobody::new();
    let error = home
        .set("web.listen", nobody.address())
        .chat(&[], &["hello"])
        .await
        .failed(1);
    assert!(
        error.contains("another chatfriends holds the store")
            && error.contains(&nobody.address().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn an_unknown_persona_is_named_with_the_nearest() {
    let model = FakeModel::start().await;
    let said = Home::with(&model)
        .chat(&["--persona", "joye"], &["hello"])
        .await
        .failed(1);
    assert!(said.contains("did you mean joey?"), "{said}");
}

#[tokio::test]
async fn check_finds_nothing_wrong_and_everything_wrong() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let report = home.run(&["check"]).await.sound();
    assert_eq!(
        report
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count(),
        17,
        "{report}"
    );
    assert!(report.contains("chatfriends would start."), "{report}");
    assert!(!home.path().join("data").exists(), "nothing is written");
    assert!(model.prompts().is_empty());

    let home = home
        .set("personas.default", "baker")
        .set("server.url", "")
        .set("model.default", "no/such.gguf");
    home.write(
        "config/personas/joey.toml",
        "name = \"Joey\"\nlanguages = [\"en\", \"klingon\"]\nsystem = 3\ngreeting = \"Hi\"\n",
    );
    home.write("config/personas/fine.toml", "name = \"Fine\"\nlanguages = [\"en\"]\nsystem = \"You are fine.\"\ngreeting = \"Hi\"\nadapter = \"no/such-adapter.gguf\"\n");
    let report = home.run(&["check"]).await;
    assert_eq!(report.code, 1);
    for part in [
        "FAULT   default model: model.default: no/such.gguf: there is no such file; a relative path begins in the folder",
        &home.path().join("no/such.gguf").display().to_string(),
        "joey.toml:2:",
        "klingon",
        "joey.toml:3:",
        "FAULT   persona fine: no/such-adapter.gguf: there is no such file",
        "there is no persona \"baker\"",
        "Mend the faults above",
    ] {
        assert!(
            report.stdout.contains(part),
            "{part:?} is missing in {}",
            report.stdout
        );
    }
}

#[tokio::test]
async fn personas_are_listed_and_shown() {
    let home = Home::new();
    home.write("config/personas/baker.toml", "name = \"Baker\"\nlanguages = [\"en\"]\nsystem = \"You are a baker.\"\ngreeting = \"Bread?\"\n");
    let list = home.run(&["persona", "list"]).await.sound();
    assert_eq!(list.lines().count(), 11, "{list}");
    assert!(
        list.lines().any(|line| line.starts_with("mechuri")
            && line.contains("메추리")
            && line.ends_with("ko")),
        "{list}"
    );
    assert!(
        home.run(&["persona", "show", "baker"])
            .await
            .sound()
            .contains("You are a baker.")
    );
    assert!(
        home.run(&["persona", "show", "메추리"])
            .await
            .sound()
            .contains("(mechuri)")
    );
    assert!(
        home.run(&["persona", "show", "bakker"])
            .await
            .failed(1)
            .contains("did you mean baker?")
    );
}

#[tokio::test]
async fn the_facts_that_go_with_a_message_can_be_looked_up() {
    let home = Home::new();
    home.write("config/personas/school.toml", "name = \"School\"\nlanguages = [\"en\"]\nsystem = \"You are a guide.\"\ngreeting = \"Hi\"\n[[fact]]\ntext = \"The library opens at nine.\"\n[[fact]]\ntext = \"Lunch is in the hall.\"\n");
    let messages = "{\"text\": \"When does the library open?\"}\n\n{\"text\": \"hm\"}\n";
    let shown = |id, input: &'static str| {
        let home = &home;
        async move {
            home.run_with(&["persona", "facts", id], input.as_bytes())
                .await
        }
    };
    assert_eq!(
        shown("school", messages).await.sound(),
        "{\"facts\":[\"The library opens at nine.\"]}\n{\"facts\":[]}\n"
    );
    assert_eq!(
        shown("joey", "{\"text\": \"hm\"}").await.sound(),
        "{\"facts\":[]}\n"
    );
    let fault = shown("school", "{\"text\": \"hm\"}\nwhen?\n").await;
    assert!(fault.failed(1).contains("line 2 of standard input"));
    assert!(
        shown("scool", "")
            .await
            .failed(1)
            .contains("did you mean school?")
    );
}

#[tokio::test]
async fn memory_is_shown_exported_and_forgotten() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    home.chat(&[], &["My name is Yun", "나는 새우 알레르기가 있어"])
        .await
        .sound();
    let daemon = home.start().await;
    daemon
        .user("web-yun")
        .say("monica", "My name is Yuna")
        .await;
    assert_eq!(daemon.stop().await.0.code(), Some(0));

    assert_eq!(
        home.run(&["memory", "show"]).await.sound(),
        "joey:\n  name: Yun\n  알레르기: 새우\n  turns kept: 2\n"
    );
    assert_eq!(
        home.run(&[
            "memory",
            "show",
            "--web",
            "--user",
            "web-yun",
            "--persona",
            "monica"
        ])
        .await
        .sound(),
        "monica:\n  name: Yuna\n  turns kept: 1\n"
    );
    let export: serde_json::Value =
        serde_json::from_str(&home.run(&["memory", "export"]).await.sound()).unwrap();
    assert_eq!(
        (
            export[0]["turns"].as_array().map(Vec::len),
            export[0]["facts"][0]["value"].as_str()
        ),
        (Some(2), Some("Yun"))
    );
    let lines = home
        .run(&["memory", "export", "--format", "chatml"])
        .await
        .sound();
    let conversation: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(
        (
            conversation["persona"].as_str(),
            conversation["messages"].as_array().map(Vec::len),
            conversation["messages"][2]["content"].as_str()
        ),
        (Some("joey"), Some(4), Some("나는 새우 알레르기가 있어"))
    );
    assert_eq!(
        home.run(&["memory", "forget"]).await.sound(),
        "joey: forgotten, turns too: 2\n"
    );
    // Nothing to show is said, so that nobody believes to have forgotten someone they did not name.
    for action in ["show", "export", "forget"] {
        let error = home.run(&["memory", action, "--user", "web-yun"]).await;
        assert!(error.failed(1).contains("--web"));
    }
    assert!(
        home.run(&[
            "memory",
            "show",
            "--web",
            "--user",
            "web-yun",
            "--persona",
            "monica"
        ])
        .await
        .sound()
        .contains("Yuna")
    );
}

#[tokio::test]
async fn a_model_file_is_made_smaller_and_measured() {
    let home = Home::new();
    let here = env!("CARGO_MANIFEST_DIR");
    let model = format!("{here}/../engine/tests/references/qwen2.gguf");
    let said = home
        .run(&["model", "quantize", &model, "small.gguf", "q8_0"])
        .await
        .sound();
    assert!(said.contains("small.gguf: Q8_0, 0.2 MB before"), "{said}");
    home.run(&["model", "inspect", "small.gguf"]).await.sound();

    let question = "{\"text\": \"안녕?\"}\n".as_bytes();
    let tokens = home
        .run_with(&["model", "tokenize", "small.gguf"], question)
        .await
        .sound();
    let scores = home
        .run_with(&["model", "score", "small.gguf"], question)
        .await
        .sound();
    let [tokens, scores] =
        [tokens, scores].map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    assert_eq!(tokens["plain"], scores["tokens"]);

    // What is quantised already stays as it is, and nothing half is left.
    let error = home
        .run(&["model", "quantize", "small.gguf", "again.gguf", "Q4_K_M"])
        .await
        .failed(1);
    assert!(error.contains("take the F16 or BF16 file"), "{error}");
    assert!(!home.path().join("again.gguf.part").exists());
    let error = home
        .run(&["model", "quantize", &model, "x.gguf", "Q9"])
        .await
        .failed(2);
    assert!(error.contains("there is no type \"Q9\""), "{error}");
}

#[tokio::test]
async fn a_model_file_is_described_or_refused() {
    let home = Home::new();
    let starter = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../personas/starter/starter.gguf"
    );
    let about = home.run(&["model", "inspect", starter]).await.sound();
    for part in ["GGUF version 3", "Model", "chat template: yes", "million"] {
        assert!(about.contains(part), "{part:?} is missing in {about}");
    }
    let whole = std::fs::read(starter).unwrap();
    home.write("half.gguf", &whole[..whole.len() / 2]);
    home.write("header.gguf", &whole[..40]);
    home.write("garbage.gguf", vec![7; 4096]);
    home.write(
        "counts.gguf",
        [b"GGUF\x03\0\0\0".as_slice(), &[0xff; 64]].concat(),
    );
    home.write("empty.gguf", "");
    for file in [
        "half.gguf",
        "header.gguf",
        "garbage.gguf",
        "counts.gguf",
        "empty.gguf",
        "missing.gguf",
    ] {
        let error = home.run(&["model", "inspect", file]).await.failed(1);
        assert!(
            error.contains(file) && error.len() < 2000,
            "{file}: {error}"
        );
        // The daemon and the check refuse it in the same way.
        let report = Home::new()
            .set("model.default", home.path().join(file).display())
            .run(&["check"])
            .await;
        assert!(
            report.code == 1 && report.stdout.contains("FAULT   default model"),
            "{file}: {report:?}"
        );
    }
}

#[tokio::test]
async fn the_program_explains_itself() {
    let home = Home::new();
    let help = home.run(&["--help"]).await.sound();
    for part in [
        "run", "chat", "check", "persona", "memory", "model", "--config",
    ] {
        assert!(help.contains(part), "{part}");
    }
    assert!(
        home.run(&["--version"])
            .await
            .sound()
            .starts_with("chatfriends ")
    );
    home.run(&["chatt"]).await.failed(2);
}

//! The web surface as browsers, programs and operators meet it.

use expect_test::expect;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::fake_model::FakeModel;
use crate::support::home::Home;
use crate::support::http::{Answer, Person};

/// A body of one message.
fn hello(extra: &Value) -> Value {
    let mut body = json!({ "model": "joey", "messages": [{ "role": "user", "content": "hello" }] });
    for (key, value) in extra.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn alive_and_ready_tell_the_truth() {
    let model = FakeModel::start().await;
    model.set_health(503);
    let daemon = Home::with(&model).start_without_waiting().await;
    assert_eq!(daemon.get("/livez").await.status, 200);
    let ready = daemon.get("/readyz").await;
    assert_eq!(
        (ready.status, ready.json()["store"].clone()),
        (503, json!("ready"))
    );
    assert_ne!(ready.json()["engine"], "ready");
    assert!(daemon.get("/api/about").await.json()["trouble"].is_string());

    model.set_health(200);
    daemon.ready().await;
    eventually("the operator is told where to go", async || {
        daemon
            .stdout()
            .contains(&format!("chatfriends is at http://{}/", daemon.address()))
    })
    .await;
    assert_eq!(
        daemon.get("/api/about").await.json()["trouble"],
        Value::Null
    );

    // A server that fails is not ready, and is again when it answers.
    model.set_health(503);
    for _ in 0..2 {
        model.next_refused(500);
    }
    let person = daemon.user("yun");
    let asking = person.say("joey", "hello");
    let watching = eventually("readiness turns false", async || {
        daemon.get("/readyz").await.status == 503
    });
    let ((), shown) = tokio::join!(
        async {
            watching.await;
            model.set_health(200);
        },
        asking
    );
    assert!(shown.trouble().contains("train of thought"), "{shown:?}");
    daemon.ready().await;
}

#[tokio::test]
async fn metrics_count() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    assert_eq!(daemon.counted("chatfriends_messages_total").await, 0);
    daemon.user("yun").say("joey", "hello").await;
    daemon.user("yun").say("joey", "I want to die").await;
    // An honest "one moment" is no failure of a reply.
    model.next_refused(429);
    daemon.user("yun").say("joey", "hello").await;
    for _ in 0..2 {
        model.next_refused(502);
    }
    daemon.user("yun").say("joey", "hello").await;
    for (metric, expected) in [
        ("messages", 4),
        ("replies", 1),
        ("replies_failed", 1),
        ("help_cards", 1),
        ("turn_panics", 0),
    ] {
        assert_eq!(
            daemon.counted(&format!("chatfriends_{metric}_total")).await,
            expected,
            "{metric}"
        );
    }
    assert!(daemon.counted("chatfriends_tokens_generated_total").await > 0);
    assert!(daemon.counted("chatfriends_prompt_tokens_total").await > 0);
    assert_eq!(daemon.counted("chatfriends_reply_seconds_count").await, 1);
}

#[tokio::test]
async fn models_are_the_ten_personas() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let models = daemon.get("/v1/models").await.json();
    let ids: Vec<&str> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "campus", "chandler", "helper", "joey", "listener", "mechuri", "monica", "phoebe",
            "rachel", "ross"
        ]
    );
}

#[tokio::test]
async fn a_completion_comes_whole() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    model.replies(|_| " Hey there, 친구!".to_owned());
    let answer = daemon.anyone().completions(&hello(&json!({}))).await.json();
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["message"], &choice["finish_reason"]),
        (
            &json!({ "role": "assistant", "content": "Hey there, 친구!" }),
            &json!("stop")
        )
    );
    assert_eq!(
        (&answer["object"], &answer["model"]),
        (&json!("chat.completion"), &json!("joey"))
    );
    let usage = &answer["usage"];
    assert_eq!(
        usage["total_tokens"],
        json!(
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
        )
    );
    assert!(usage["completion_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_streamed_completion_comes_in_pieces() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    for include_usage in [false, true] {
        let pen = model.next_written();
        pen.write("한");
        let body = hello(&json!({ "stream_options": { "include_usage": include_usage } }));
        let mut events = daemon.anyone().streamed(body).await;
        let mut deltas = Vec::new();
        // The second piece is written when the first was seen, so nothing is held back.
        for _ in 0..2 {
            deltas.push(events.next().await.unwrap()["choices"][0]["delta"].clone());
        }
        pen.write("국");
        drop(pen);
        let mut last = Vec::new();
        while let Some(data) = events.next_data().await {
            last.push(data);
        }
        assert_eq!(
            deltas,
            [
                json!({ "role": "assistant", "content": "" }),
                json!({ "content": "한" })
            ]
        );
        assert_eq!(last.pop().as_deref(), Some("[DONE]"));
        let chunks: Vec<Value> = last
            .iter()
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "content": "국" }));
        assert_eq!(chunks[1]["choices"][0]["finish_reason"], "stop");
        assert_eq!(chunks.len(), if include_usage { 3 } else { 2 });
        if include_usage {
            assert_eq!(chunks[2]["choices"], json!([]));
            assert!(chunks[2]["usage"]["total_tokens"].as_u64().unwrap() > 0);
        }
    }
}

#[tokio::test]
async fn wishes_reach_the_model_and_unknown_fields_do_not() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let wishes = json!({
        "ignore_eos": true, "max_tokens": 7, "temperature": 0, "top_p": 0.5, "top_k": 3, "seed": 42, "stop": ["END"],
        "user": "x", "logit_bias": {}, "frequency_penalty": 0, "tools": [], "a_field_of_tomorrow": { "a": [1] },
    });
    assert_eq!(
        daemon.anyone().completions(&hello(&wishes)).await.status,
        200
    );
    let body = model.last().body;
    let sent: Vec<&Value> = [
        "ignore_eos",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "stop",
    ]
    .iter()
    .map(|name| &body[*name])
    .collect();
    assert_eq!(json!(sent), json!([true, 7, 0.0, 0.5, 3, 42, ["END"]]));

    daemon.anyone().completions(&hello(&json!({}))).await;
    assert_eq!(model.last().body.get("ignore_eos"), None);
    let usual = model.last().body["max_tokens"].clone();

    // As clients of llama.cpp say "no limit".
    let endless = json!({ "max_tokens": -1, "top_k": -1 });
    daemon.anyone().completions(&hello(&endless)).await;
    let body = model.last().body;
    assert_eq!((&body["max_tokens"], &body["top_k"]), (&usual, &json!(-1)));

    let schema = json!({ "type": "object", "properties": { "menu": { "type": "string" } } });
    let form =
        json!({ "type": "json_schema", "json_schema": { "name": "menu", "schema": schema } });
    let anything = json!({ "type": "json_object" });
    for (form, schema) in [(form, schema), (anything, json!({ "type": "object" }))] {
        let wish = hello(&json!({ "response_format": form }));
        assert_eq!(daemon.anyone().completions(&wish).await.status, 200);
        let sent = model.last().body["response_format"].clone();
        assert_eq!(sent["json_schema"]["schema"], schema);
    }
    for plain in [json!({ "response_format": { "type": "text" } }), json!({})] {
        daemon.anyone().completions(&hello(&plain)).await;
        assert_eq!(model.last().body.get("response_format"), None);
    }
    daemon
        .anyone()
        .completions(&hello(&json!({ "grammar": "root ::= \"a\"" })))
        .await;
    assert_eq!(model.last().body["grammar"], "root ::= \"a\"");
}

#[tokio::test]
async fn a_slash_from_a_program_is_only_text() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    daemon.anyone().asks("joey", "/help").await;
    daemon.user("yun").asks("joey", "/memory forget all").await;
    assert_eq!(model.prompts().len(), 2);
    assert_eq!(model.last().last(), "/memory forget all");
}

#[tokio::test]
async fn bad_requests_are_refused_in_openai_s_form() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let anyone = daemon.anyone();
    let elsewhere = anyone.post("/v1/embeddings", &json!({})).await;
    assert!(elsewhere.error(404).contains("/v1/embeddings"));
    let user = |content: &str| json!([{ "role": "user", "content": content }]);
    for (body, status, about) in [
        (
            json!({ "model": "joye", "messages": user("hi") }),
            404,
            "there is no persona \"joye\" (did you mean \"joey\"?); /v1/models lists them",
        ),
        // The remedy for people, a command, does nothing here.
        (
            json!({ "model": "nobody", "messages": user("hi"), "stream": true }),
            404,
            "there is no persona \"nobody\"; /v1/models lists them",
        ),
        (
            json!({ "model": "../joey", "messages": user("hi") }),
            404,
            "there is no persona \"../joey\"; /v1/models lists them",
        ),
        (
            json!({ "model": "joey", "messages": [] }),
            400,
            "last message",
        ),
        (json!({ "model": "joey" }), 400, "messages"),
        (json!({ "messages": user("hi") }), 400, "model"),
        (json!({ "model": 3, "messages": user("hi") }), 400, "model"),
        (
            json!({ "model": "joey", "messages": user("hi"), "n": 2 }),
            400,
            "n:",
        ),
        (
            json!({ "model": "joey", "messages": user("hi"), "temperature": -1 }),
            400,
            "temperature",
        ),
        (
            json!({ "model": "joey", "messages": user("hi"), "max_tokens": 0 }),
            400,
            "max_tokens",
        ),
        (
            json!({ "model": "joey", "messages": user("hi"), "stop": [""] }),
            400,
            "stop",
        ),
        (
            json!({ "model": "joey", "messages": user("hi"), "response_format": { "type": "poem" } }),
            400,
            "poem",
        ),
        (
            json!({ "model": "joey", "messages": user("hi"), "response_format": { "type": "json_object" }, "grammar": "root ::= \"a\"" }),
            400,
            "not both",
        ),
        (
            json!({ "model": "joey", "messages": [{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "hey" }] }),
            400,
            "last message",
        ),
        (
            json!({ "model": "joey", "messages": [{ "role": "tool", "content": "hi" }] }),
            400,
            "role",
        ),
        (
            json!({ "model": "joey", "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
            400,
            "image_url",
        ),
        (
            json!({ "model": "joey", "messages": user(" \n\u{200b} ") }),
            400,
            "write something",
        ),
        (
            json!({ "model": "joey", "messages": user(&"가".repeat(4001)) }),
            400,
            "too long",
        ),
    ] {
        let error = anyone.completions(&body).await.error(status);
        assert!(
            error.contains(about),
            "{error:?} does not tell of {about:?}"
        );
    }
    let raw = |bytes: Vec<u8>| {
        Answer::of(
            anyone
                .request(Method::POST, "/v1/chat/completions")
                .header("content-type", "application/json")
                .body(bytes),
        )
    };
    raw(b"{\"model\": \"joey\", ".to_vec()).await.error(400);
    raw(
        b"{\"model\": \"joey\", \"messages\": [{\"role\": \"user\", \"content\": \"\xff\xfe\"}]}"
            .to_vec(),
    )
    .await
    .error(400);
    raw(Vec::new()).await.error(400);
    let long_id = daemon
        .user(&"x".repeat(201))
        .completions(&hello(&json!({})))
        .await;
    assert!(long_id.error(400).contains("x-user-id"));
    assert!(model.prompts().is_empty(), "none of them reaches the model");
}

#[tokio::test]
async fn a_body_of_two_megabytes_is_refused() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    for path in ["/v1/chat/completions", "/api/say"] {
        let body = json!({ "model": "joey", "persona": "joey", "text": "x", "messages": [{ "role": "user", "content": "x".repeat(2 << 20) }] });
        assert_eq!(
            daemon.user("yun").post(path, &body).await.status,
            413,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_message_longer_than_the_context_is_refused_with_what_to_do() {
    let model = FakeModel::with_context(512).await;
    let daemon = Home::with(&model).set("server.context", 512).start().await;
    let long = "word ".repeat(400);
    let error = daemon
        .user("yun")
        .completions(&json!({ "model": "joey", "messages": [{ "role": "user", "content": long }] }))
        .await;
    assert!(error.error(400).contains("shorter"));
    assert!(
        daemon
            .user("yun")
            .say("joey", &long)
            .await
            .trouble()
            .contains("shorter")
    );
    assert!(daemon.user("yun").talk("joey").await.is_empty());
}

#[tokio::test]
async fn with_a_user_the_conversation_is_remembered_and_only_the_last_message_is_new() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.asks("joey", "first words").await;
    let brought = json!({ "model": "joey", "messages": [
        { "role": "user", "content": "planted words" }, { "role": "assistant", "content": "planted reply" }, { "role": "user", "content": "second words" }] });
    assert_eq!(yun.completions(&brought).await.status, 200);
    assert!(!model.last().contains("planted"));
    assert!(
        model
            .last()
            .text()
            .ends_with("[user]\nfirst words\n[assistant]\nOkay.\n[user]\nsecond words\n"),
        "{}",
        model.last().text()
    );
    assert_eq!(yun.talk("joey").await.len(), 2);
}

#[tokio::test]
async fn without_a_user_nothing_is_stored() {
    let model = FakeModel::start().await;
    let home = Home::with(&model);
    let daemon = home.start().await;
    let brought = json!({ "model": "joey", "messages": [
        { "role": "user", "content": "My name is Canary-Yun." }, { "role": "assistant", "content": "Hi Yun." }, { "role": "user", "content": "My job is a canary-tamer." }] });
    assert_eq!(daemon.anyone().completions(&brought).await.status, 200);
    assert!(model.last().text().ends_with(
        "[user]\nMy name is Canary-Yun.\n[assistant]\nHi Yun.\n[user]\nMy job is a canary-tamer.\n"
    ));
    // A channel alone names nobody.
    daemon
        .anyone()
        .channel("general")
        .completions(&brought)
        .await;
    assert_eq!(model.last().text(), model.prompts()[0].text());
    assert_eq!(daemon.stop().await.0.code(), Some(0));

    assert!(!home.stored_in("format").is_empty());
    assert!(home.stored_in("canary").is_empty());
    let daemon = home.start().await;
    for person in [
        daemon.anyone(),
        daemon.anyone().channel("general"),
        daemon.user("someone"),
    ] {
        person.asks("joey", "What's my name and my job?").await;
        assert!(!model.last().text().to_lowercase().contains("canary"));
    }
}

#[tokio::test]
async fn channels_are_conversations_and_facts_are_the_person_s() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    yun.channel("one").asks("joey", "My name is Yun.").await;
    yun.channel("one")
        .asks("joey", "The parcel is under the blue bench.")
        .await;
    yun.channel("two").asks("joey", "What's my name?").await;
    assert_eq!(model.last().block("memory"), ["name: Yun"]);
    assert!(!model.last().contains("bench") && !model.last().contains("My name is"));
    yun.asks("joey", "hello").await;
    assert!(!model.last().contains("bench"));
    // Another persona was told nothing, and another person is another person.
    yun.channel("one").asks("monica", "What's my name?").await;
    assert!(!model.last().contains("Yun"));
    daemon
        .user("min")
        .channel("one")
        .asks("joey", "What's my name?")
        .await;
    assert!(!model.last().contains("Yun") && !model.last().contains("bench"));
    // Ids cannot be put together to another's.
    for (user, channel) in [
        ("yun/one", ""),
        ("yun:one", ""),
        ("yu", "n/one"),
        ("YUN", "one"),
    ] {
        daemon
            .user(user)
            .channel(channel)
            .asks("joey", "What's my name?")
            .await;
        assert!(!model.last().contains("Yun"), "{user} {channel}");
    }
}

#[tokio::test]
async fn people_never_see_each_other_s_words() {
    let model = FakeModel::with_context(1024).await;
    let daemon = Home::with(&model).set("server.context", 1024).start().await;
    // The model repeats what it was told, so that replies carry the canaries, too.
    model.replies(|prompt| {
        format!(
            "I heard: {}",
            prompt.last().lines().last().unwrap_or_default()
        )
    });
    let talk = async |person: Person, canary: &'static str| {
        for turn in 0..20 {
            person
                .asks(
                    "joey",
                    &format!("I like {canary}-{turn}, and my cat is called {canary}."),
                )
                .await;
        }
        person
            .asks("joey", "What do I like, and how is my cat called?")
            .await;
    };
    tokio::join!(
        talk(daemon.user("a"), "aardvark"),
        talk(daemon.user("b"), "bandicoot"),
        talk(daemon.user("a").channel("c"), "capybara"),
        talk(daemon.user("윤"), "dormouse"),
    );
    let (mut seen, canaries) = ([0; 4], ["aardvark", "bandicoot", "capybara", "dormouse"]);
    for prompt in model.prompts() {
        let here: Vec<usize> = (0..4)
            .filter(|index| prompt.contains(canaries[*index]))
            .collect();
        // The first and the third are channels of one person: facts go from one to the other, turns do not.
        let may = |group: &[usize]| here.iter().all(|index| group.contains(index));
        assert!(may(&[0, 2]) || may(&[1]) || may(&[3]), "{}", prompt.text());
        here.iter().for_each(|index| seen[*index] += 1);
        assert!(
            !(prompt.contains("I heard: I like aardvark")
                && prompt.contains("I heard: I like capybara")),
            "{}",
            prompt.text()
        );
    }
    assert!(seen.iter().all(|count| *count >= 20), "{seen:?}");
}

#[tokio::test]
async fn other_sites_and_other_names_are_refused() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let own = format!("http://{}", daemon.address());
    for (header, value, status) in [
        ("origin", "http://elsewhere.example", 403),
        ("origin", "null", 403),
        ("origin", own.as_str(), 200),
        ("host", "elsewhere.example", 403),
        ("host", "elsewhere.example:8787", 403),
        ("host", "localhost:8787", 200),
    ] {
        let person = daemon.user("yun").named(header, value);
        for path in ["/", "/api/about", "/api/memory?persona=joey", "/v1/models"] {
            assert_eq!(
                person.get(path).await.status,
                status,
                "{header}: {value} {path}"
            );
        }
        assert_eq!(
            person.completions(&hello(&json!({}))).await.status,
            status,
            "{header}: {value}"
        );
        assert_eq!(
            person
                .post("/api/say", &json!({ "text": "hello" }))
                .await
                .status,
            status,
            "{header}: {value}"
        );
    }
}

#[tokio::test]
async fn the_page_s_files_load_nothing_from_elsewhere() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    for (path, content_type) in [
        ("/", "text/html"),
        ("/style.css", "text/css"),
        ("/page.js", "text/javascript"),
        ("/words.js", "text/javascript"),
    ] {
        let answer = daemon.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer.header("content-type").starts_with(content_type),
            "{path}"
        );
        assert!(
            answer
                .header("content-security-policy")
                .contains("default-src 'self'"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            !answer.body.contains("https://") && !answer.body.contains("src=\"//"),
            "{path}"
        );
    }
    assert_eq!(daemon.get("/nothing/here").await.status, 404);
}

#[tokio::test]
async fn the_page_learns_who_can_answer_and_how() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let about = daemon.get("/api/about").await.json();
    assert_eq!(about["personas"].as_array().unwrap().len(), 10);
    assert!(about["personas"].as_array().unwrap().iter().all(|persona| {
        persona["greeting"]
            .as_str()
            .is_some_and(|greeting| !greeting.is_empty())
    }));
    expect![[r#"[{"en":"help","ko":"도움말"},{"en":"start","ko":"시작"},{"en":"persona","ko":"페르소나"},{"en":"settings","ko":"설정"},{"en":"memory","ko":"기억"},{"en":"new","ko":"새로"},{"en":"regenerate","ko":"다시"},{"en":"stop","ko":"그만"},{"en":"why","ko":"왜"},{"en":"stats","ko":"통계"},{"en":"privacy","ko":"개인정보"},{"en":"safety","ko":"안전"}]"#]]
        .assert_eq(&json!(about["commands"].as_array().unwrap().iter().map(|command| &command["name"]).collect::<Vec<_>>()).to_string());
    assert_eq!(
        (&about["default"], &about["starter"], &about["longest"]),
        (&json!("joey"), &json!(false), &json!(4000))
    );
}

#[tokio::test]
async fn the_page_talks_remembers_and_forgets() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    let shown = yun.say("joey", "My name is Yun and I live in Busan.").await;
    assert_eq!(
        shown.0[..2],
        [
            json!({ "show": "answering", "persona": "joey", "name": "Joey" }),
            json!({ "show": "taken", "turn": 0 })
        ]
    );
    assert_eq!(
        (shown.reply().as_str(), shown.ending().as_str()),
        ("Okay.", "complete")
    );
    assert_eq!(
        yun.talk("joey").await,
        [(
            "My name is Yun and I live in Busan.".to_owned(),
            Some("Okay.".to_owned())
        )]
    );
    assert_eq!(
        yun.remembered("joey").await,
        ["name: Yun", "lives in: Busan"]
    );
    assert!(yun.talk("monica").await.is_empty() && yun.remembered("monica").await.is_empty());

    let facts = yun.get("/api/memory?persona=joey").await.json()["facts"].clone();
    let forget = format!("/api/memory/{}?persona=joey", facts[0]["id"]);
    assert_eq!(yun.delete(&forget).await.status, 204);
    assert_eq!(yun.delete(&forget).await.status, 404);
    assert_eq!(
        daemon
            .user("min")
            .delete(&format!("/api/memory/{}?persona=joey", facts[1]["id"]))
            .await
            .status,
        404
    );
    assert_eq!(yun.remembered("joey").await, ["lives in: Busan"]);

    assert_eq!(yun.delete("/api/memory?persona=joey").await.status, 204);
    assert!(yun.talk("joey").await.is_empty() && yun.remembered("joey").await.is_empty());
    yun.say("joey", "Where do I live?").await;
    assert!(!model.last().contains("Busan"));
}

#[tokio::test]
async fn the_page_s_requests_are_checked() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let yun = daemon.user("yun");
    assert!(
        daemon
            .anyone()
            .post("/api/say", &json!({ "text": "hello" }))
            .await
            .json()["error"]
            .as_str()
            .unwrap()
            .contains("X-User-Id")
    );
    for path in ["/api/talk", "/api/memory", "/api/talk?persona=..%2Fjoey"] {
        assert_eq!(yun.get(path).await.status, 400, "{path}");
    }
    assert!(
        yun.post(
            "/api/say",
            &json!({ "persona": "No Such", "text": "hello" })
        )
        .await
        .status
            >= 400
    );
    assert!(
        yun.say("joye", "hello")
            .await
            .trouble()
            .contains("Did you mean joey?")
    );
    assert!(
        yun.say("joey", "")
            .await
            .trouble()
            .contains("write something")
    );
    assert!(
        yun.say("joey", &"x".repeat(4001))
            .await
            .trouble()
            .contains("4000")
    );
    assert!(model.prompts().is_empty());
}

#[tokio::test]
async fn what_hides_or_reorders_text_never_reaches_the_model() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    daemon
        .user("yun")
        .say(
            "joey",
            "a\u{202e}b\u{0}\u{1b}[31mc\u{feff} \u{1112}\u{1161}\u{11ab}",
        )
        .await;
    assert_eq!(model.last().last(), "ab[31mc 한");
}

#[tokio::test]
async fn one_person_s_messages_wait_in_line_and_a_full_line_says_so() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model)
        .set("limits.waiting_per_person", 2)
        .start()
        .await;
    let yun = daemon.user("yun");
    let pen = model.written_to("first");
    let mut first = yun.begin("joey", "first").await;
    first.until("taken").await;
    let second = yun.begin("joey", "second").await;
    eventually("both are in line", async || {
        daemon.counted("chatfriends_messages_in_line").await == 2
    })
    .await;
    assert!(
        yun.say("joey", "third")
            .await
            .trouble()
            .contains("One moment")
    );
    let refused = yun.completions(&hello(&json!({}))).await;
    assert!(refused.error(429).contains("One moment"));
    // Someone else waits for nobody.
    assert_eq!(
        daemon.user("min").say("joey", "hello").await.reply(),
        "Okay."
    );
    pen.write("One.");
    drop(pen);
    assert_eq!(first.rest().await.reply(), "One.");
    assert_eq!(second.rest().await.reply(), "Okay.");
    assert_eq!(
        yun.talk("joey")
            .await
            .iter()
            .map(|(said, _)| said.as_str())
            .collect::<Vec<_>>(),
        ["first", "second"]
    );
}

#[tokio::test]
async fn whoever_leaves_cancels_the_reply() {
    let model = FakeModel::start().await;
    let daemon = Home::with(&model).start().await;
    let pen = model.next_written();
    pen.write("Well, ");
    let mut events = daemon.user("yun").begin("joey", "hello").await;
    events.until_text("Well, ").await;
    drop(events);
    pen.unread().await;
    eventually("what was shown is kept", async || {
        daemon.user("yun").talk("joey").await[0].1.as_deref() == Some("Well,")
    })
    .await;
}

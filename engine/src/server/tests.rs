//! The client against a small server that answers what each test says, byte by byte if need be.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::generate::{Event, Finish, FinishReason, Usage};
use crate::request::tests::harmless;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// A model server. Requests to `/v1/models` get an empty list, all others the given answer.
struct Fake {
    url: String,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

#[derive(Clone)]
enum Part {
    Bytes(Vec<u8>),
    Pause(Duration),
}

impl Fake {
    async fn start(answer: impl Fn(&Value) -> Vec<Part> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, requests) = (Arc::new(answer), Arc::clone(&seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
                tokio::spawn(async move { serve(stream, &*answer, &requests).await });
            }
        });
        Self { url, seen }
    }

    async fn saying(answer: &str) -> Self {
        let parts = vec![Part::Bytes(answer.as_bytes().to_vec())];
        Self::start(move |_| parts.clone()).await
    }

    fn server(&self) -> Server {
        Server::start(settings(&self.url)).unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(&Value) -> Vec<Part> + Send + Sync),
    seen: &Mutex<Vec<(String, Value)>>,
) -> Option<()> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    let (head, length) = loop {
        let read = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse::<usize>()
                    .ok()
            });
            break (head.to_owned(), length.unwrap_or(0));
        }
    };
    while text.len() < head.len() + 4 + length {
        let read = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    if head.starts_with("GET /v1/models ") {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            .await
            .ok()?;
        return stream.shutdown().await.ok();
    }
    let body = serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?;
    let parts = answer(&body);
    seen.lock().unwrap().push((head, body));
    for part in parts {
        match part {
            Part::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Part::Pause(pause) => tokio::time::sleep(pause).await,
        }
        stream.flush().await.ok()?;
    }
    stream.shutdown().await.ok()
}

fn settings(url: &str) -> ServerSettings {
    ServerSettings {
        url: url.into(),
        model: "m".into(),
        key: Some("geheim".into()),
        context: 4096,
        tokenizer: None,
    }
}

fn text(content: &str) -> String {
    format!(
        "data: {}\n\n",
        json!({ "choices": [{ "delta": { "content": content }, "finish_reason": null }] })
    )
}

fn end(reason: &str) -> String {
    format!(
        "data: {}\n\n",
        json!({ "choices": [{ "delta": {}, "finish_reason": reason }] })
    )
}

const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

async fn collect(mut reply: Reply) -> (String, Result<Finish, EngineError>) {
    let mut shown = String::new();
    while let Some(event) = reply.events.recv().await {
        match event {
            Ok(Event::Text(text)) => shown.push_str(&text),
            Ok(Event::Done(finish)) => return (shown, Ok(finish)),
            Err(error) => return (shown, Err(error)),
        }
    }
    panic!("the reply has no end");
}

async fn ask(server: &Server, request: Request) -> (String, Result<Finish, EngineError>) {
    match server.generate(request).await {
        Ok(reply) => collect(reply).await,
        Err(error) => (String::new(), Err(error)),
    }
}

async fn check_error(answer: &str, expected: EngineError) {
    let fake = Fake::saying(answer).await;
    assert_eq!(
        ask(&fake.server(), harmless()).await.1.unwrap_err(),
        expected,
        "{answer}"
    );
}

async fn check_gone(answer: &str, expected_text: &str, expected: &str) {
    let fake = Fake::saying(answer).await;
    let server = fake.server();
    let (shown, outcome) = ask(&server, harmless()).await;
    match outcome {
        Err(EngineError::Gone(reason)) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{answer}: {other:?}"),
    }
    assert_eq!(shown, expected_text);
}

#[tokio::test]
async fn a_reply_streams_whatever_the_split() {
    let stream = [
        OK,
        ": hi\n\n",
        &text("안녕"),
        &text(" 👋"),
        &end("stop"),
        USAGE,
        DONE,
    ]
    .concat()
    .into_bytes();
    for size in [1, 7, 100_000] {
        let parts: Vec<Part> = stream
            .chunks(size)
            .map(|chunk| Part::Bytes(chunk.to_vec()))
            .collect();
        let fake = Fake::start(move |_| parts.clone()).await;
        let (shown, outcome) = ask(&fake.server(), harmless()).await;
        let usage = Usage {
            prompt_tokens: 9,
            cached_tokens: 4,
            completion_tokens: 3,
        };
        assert_eq!(
            (shown.as_str(), outcome),
            (
                "안녕 👋",
                Ok(Finish {
                    reason: FinishReason::Stop,
                    usage
                })
            )
        );
    }
}

#[tokio::test]
async fn the_form_of_a_reply_is_asked_for_as_servers_know_it() {
    let schema = json!({ "type": "object" });
    let forms = [
        (
            Grammar::Gbnf("root ::= \"a\"".into()),
            "grammar",
            json!("root ::= \"a\""),
        ),
        (
            Grammar::JsonSchema {
                schema: schema.clone(),
                strict: true,
            },
            "response_format",
            json!({ "type": "json_schema", "json_schema": { "name": "reply", "strict": true, "schema": schema } }),
        ),
    ];
    for (grammar, key, value) in forms {
        let fake = Fake::saying(&[OK, &end("stop"), DONE].concat()).await;
        let request = Request {
            grammar: Some(grammar),
            ..harmless()
        };
        ask(&fake.server(), request).await.1.unwrap();
        let (_, body) = fake.seen.lock().unwrap().remove(0);
        assert_eq!(body[key], value);
    }
}

#[tokio::test]
async fn the_request_says_everything_and_the_key_travels_in_the_header_only() {
    let fake = Fake::saying(&[OK, &end("length"), DONE].concat()).await;
    let server = fake.server();
    let request = Request {
        stop: vec!["\n".into()],
        ignore_eos: true,
        seed: Some(7),
        ..harmless()
    };
    let (_, outcome) = ask(&server, request).await;
    assert_eq!(outcome.unwrap().reason, FinishReason::Length);
    let (head, body) = fake.seen.lock().unwrap().remove(0);
    assert!(
        head.starts_with("POST /v1/chat/completions ")
            && head.contains("authorization: Bearer geheim"),
        "{head}"
    );
    assert_eq!(
        body["messages"],
        json!([{ "role": "user", "content": "hi" }])
    );
    for (key, value) in [
        ("model", json!("m")),
        ("stream", json!(true)),
        ("max_tokens", json!(16)),
        ("seed", json!(7)),
        ("stop", json!(["\n"])),
    ] {
        assert_eq!(body[key], value);
    }
    assert_eq!(
        (&body["top_k"], &body["ignore_eos"]),
        (&json!(40), &json!(true))
    );
    assert!(!format!("{server:?}").contains("geheim"));
}

async fn that_does_not_know(field: &'static str) -> Fake {
    Fake::start(move |body| {
        let refusal = format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n{{\"error\":{{\"message\":\"Unrecognized request argument supplied: {field}\"}}}}");
        let answer = if body.get(field).is_some() { refusal } else { [OK, &text("ok"), &end("stop"), DONE].concat() };
        vec![Part::Bytes(answer.into_bytes())]
    })
    .await
}

#[tokio::test]
async fn a_server_that_knows_openais_fields_only_is_asked_again_without_the_others() {
    let fake = that_does_not_know("top_k").await;
    let server = fake.server();
    assert_eq!(ask(&server, harmless()).await.0, "ok");
    assert_eq!(ask(&server, harmless()).await.0, "ok");
    assert_eq!(fake.seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_server_that_keeps_no_form_is_asked_for_the_rest_as_before() {
    let fake = that_does_not_know("grammar").await;
    let server = fake.server();
    let request = Request {
        grammar: Some(Grammar::Gbnf("root ::= \"a\"".into())),
        ..harmless()
    };
    let refused = ask(&server, request).await.1;
    assert!(
        matches!(&refused, Err(EngineError::Formless(reason)) if reason.contains("grammar")),
        "{refused:?}"
    );
    assert_eq!(ask(&server, harmless()).await.0, "ok");
    let seen = fake.seen.lock().unwrap();
    assert!(seen[1].1.get("top_k").is_some(), "{seen:?}");
}

async fn check_stops_at_user(fake: &Fake) {
    let request = Request {
        stop: vec!["\nUser:".into()],
        ..harmless()
    };
    let (shown, outcome) = ask(&fake.server(), request).await;
    assert_eq!(
        (shown.as_str(), outcome.unwrap().reason),
        ("네", FinishReason::Stop)
    );
}

#[tokio::test]
async fn stop_texts_are_cut_here_too() {
    let fake =
        Fake::saying(&[OK, &text("네\nUs"), &text("er: 뭐"), &end("stop"), DONE].concat()).await;
    check_stops_at_user(&fake).await;
}

#[tokio::test]
async fn what_follows_a_stop_text_is_not_read() {
    let answer = [OK, &text("네\nUser:"), "data: <html>\n\n"].concat();
    let fake = Fake::saying(&answer).await;
    check_stops_at_user(&fake).await;
}

#[tokio::test]
async fn a_server_that_tells_no_usage_is_counted_for() {
    let fake = Fake::saying(&[OK, &text("four"), &end("stop")].concat()).await;
    let (_, outcome) = ask(&fake.server(), harmless()).await;
    assert_eq!(
        outcome.unwrap().usage,
        Usage {
            prompt_tokens: 1,
            cached_tokens: 0,
            completion_tokens: 2
        }
    );
}

#[tokio::test]
async fn refusals_tell_the_caller_what_to_do() {
    let refused = |sentence: &str| EngineError::Refused(sentence.into());
    check_error(
        "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\r\n{}",
        EngineError::Busy,
    )
    .await;
    check_error(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\nloading",
        EngineError::Busy,
    )
    .await;
    check_error(
        "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n{\"error\":{\"message\":\"no such key\"}}",
        refused("the model server refuses the key: no such key"),
    )
    .await;
    check_error(
        "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n{\"error\":\"model not found\"}",
        refused("the model server answers 404 Not Found: model not found"),
    )
    .await;
    check_error(
        "HTTP/1.1 302 Found\r\nlocation: https://elsewhere/\r\nconnection: close\r\n\r\n",
        refused("the model server answers 302 Found and points elsewhere: set server.url to the address that it points to"),
    )
    .await;
    check_error(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>",
        refused("the model server answers with \"text/html\" and not with a stream of events: check server.url"),
    )
    .await;
    let too_long = EngineError::PromptTooLong {
        tokens: 5000,
        limit: 4096,
    };
    for error in [
        r#"{"error":{"code":400,"message":"too long","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#,
        r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.","code":"context_length_exceeded"}}"#,
    ] {
        check_error(
            &format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n{error}"),
            too_long.clone(),
        )
        .await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_gone_and_what_came_stays() {
    check_gone(
        &[OK, &text("half")].concat(),
        "half",
        "in the middle of the answer",
    )
    .await;
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n";
    check_gone(chunked, "", "the connection broke").await;
    check_gone(
        &[
            OK,
            &text("a"),
            "data: {\"error\":{\"message\":\"out of memory\"}}\n\n",
        ]
        .concat(),
        "a",
        "out of memory",
    )
    .await;
    check_gone(&[OK, "data: <html>\n\n"].concat(), "", "no answer").await;
    check_gone(
        "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\n\r\noops",
        "",
        "oops",
    )
    .await;
}

#[tokio::test]
async fn the_deadline_ends_a_reply_where_it_stands() {
    let parts = vec![
        Part::Bytes([OK, &text("so far")].concat().into_bytes()),
        Part::Pause(Duration::from_secs(60)),
    ];
    let fake = Fake::start(move |_| parts.clone()).await;
    let request = Request {
        // The text must come within it even on a busy machine.
        deadline: Duration::from_secs(5),
        ..harmless()
    };
    let (shown, outcome) = ask(&fake.server(), request).await;
    assert_eq!(
        (shown.as_str(), outcome.unwrap().reason),
        ("so far", FinishReason::Deadline)
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_before_its_first_token_meets_the_deadline_too() {
    let fake = Fake::start(|_| vec![Part::Pause(Duration::from_secs(60))]).await;
    let request = Request {
        deadline: Duration::from_millis(300),
        ..harmless()
    };
    let (shown, outcome) = ask(&fake.server(), request).await;
    let finish = outcome.unwrap();
    assert_eq!(
        (
            shown.as_str(),
            finish.reason,
            finish.usage.completion_tokens
        ),
        ("", FinishReason::Deadline, 0)
    );
}

#[tokio::test]
async fn a_stop_ends_what_waits_for_the_server_and_is_the_last_word() {
    let silent = Fake::start(|_| vec![Part::Pause(Duration::from_secs(60))]).await;
    let begun = vec![
        Part::Bytes([OK, &text("so far")].concat().into_bytes()),
        Part::Pause(Duration::from_secs(60)),
    ];
    let begun = Fake::start(move |_| begun.clone()).await;
    for fake in [silent, begun] {
        let server = fake.server();
        let stop = async {
            while fake.seen.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            server.stop().await;
        };
        let ((_, outcome), ()) = tokio::join!(ask(&server, harmless()), stop);
        assert_eq!(outcome, Err(stopped()));
        // The reply's task reports its end; that must not make anyone wait again.
        tokio::task::yield_now().await;
        let ready = tokio::time::timeout(Duration::from_secs(5), server.ready()).await;
        assert!(matches!(ready, Ok(Err(EngineError::Refused(_)))));
        assert_eq!(ask(&server, harmless()).await.1, Err(stopped()));
    }
}

#[tokio::test]
async fn an_endless_refusal_is_cut() {
    let head = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n";
    // Long, and never at its end.
    let parts = vec![
        Part::Bytes([head, &"x".repeat(1 << 20)].concat().into_bytes()),
        Part::Pause(Duration::from_secs(60)),
    ];
    let long = Fake::start(move |_| parts.clone()).await;
    let parts = vec![
        Part::Bytes([head, "no such"].concat().into_bytes()),
        Part::Pause(Duration::from_secs(60)),
    ];
    let slow = Fake::start(move |_| parts.clone()).await;
    for (fake, expected) in [(long, "xxx"), (slow, "no such")] {
        match ask(&fake.server(), harmless()).await.1 {
            Err(EngineError::Refused(reason)) => {
                assert!(reason.contains(expected) && reason.len() < 1000, "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn steps_that_are_switched_off_stay_off_and_take_no_room() {
    let off = Request {
        sampling: crate::generate::Sampling {
            top_k: 0,
            min_p: 0.0,
            ..harmless().sampling
        },
        ..harmless()
    };
    let body = body("m", &off, false);
    assert_eq!((&body["top_k"], &body["min_p"]), (&json!(-1), &json!(0.0)));
    for key in [
        "repeat_penalty",
        "repeat_last_n",
        "dry_multiplier",
        "dry_base",
        "dry_allowed_length",
    ] {
        assert!(body.get(key).is_none(), "{key}");
    }
}

#[tokio::test]
async fn readiness_is_the_truth() {
    // Bound and not listening: the port refuses, and nobody else gets it.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/v1", nobody.local_addr().unwrap());
    let server = Server::start(settings(&url)).unwrap();
    assert!(matches!(
        ask(&server, harmless()).await.1,
        Err(EngineError::Gone(_))
    ));
    assert!(matches!(server.readiness(), Readiness::Waiting(_)));
    server.stop().await;
    assert!(matches!(server.readiness(), Readiness::Failed(_)));

    let fake = Fake::saying(OK).await;
    let server = fake.server();
    tokio::time::timeout(Duration::from_secs(5), server.ready())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(server.readiness(), Readiness::Ready);
}

#[tokio::test]
async fn what_a_server_cannot_do_is_refused() {
    let server = Fake::saying(OK).await.server();
    assert!(matches!(
        server.prepare(None, Some(Path::new("a.gguf"))).await,
        Err(EngineError::Refused(_))
    ));
    assert_eq!(
        server.prepare(Some("chatml"), None).await.unwrap().context,
        4096
    );
    for url in ["", "127.0.0.1:8080", "ftp://x/", "http://"] {
        assert!(
            matches!(Server::start(settings(url)), Err(EngineError::Refused(_))),
            "{url}"
        );
    }
}

//! Talks to a daemon as the page and as programs do, and reads what it shows.

use std::net::SocketAddr;

use futures::FutureExt as _;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use super::{PATIENCE, in_time, is_disclosure};

/// Someone at a daemon: the headers of their requests.
#[derive(Clone)]
pub(crate) struct Person {
    client: Client,
    address: SocketAddr,
    headers: Vec<(String, String)>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

/// The events of a response, as they come.
pub(crate) struct Events {
    response: Response,
    pending: Vec<u8>,
}

/// Everything that was shown in answer to one message.
#[derive(Debug, Default)]
pub(crate) struct Shown(pub(crate) Vec<Value>);

impl Person {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let client = Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client without files");
        Self {
            client,
            address,
            headers: Vec::new(),
        }
    }

    /// The same person with another header.
    pub(crate) fn named(mut self, header: &str, value: &str) -> Self {
        self.headers.push((header.to_owned(), value.to_owned()));
        self
    }

    /// The same person in a channel.
    pub(crate) fn channel(&self, channel: &str) -> Self {
        self.clone().named("x-channel-id", channel)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("http://{}{path}", self.address));
        // Header values may be any UTF-8.
        self.headers.iter().fold(request, |request, (name, value)| {
            request.header(name, value.as_bytes())
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Begins to say something in the page; `persona` is empty for whoever was chosen.
    pub(crate) async fn begin(&self, persona: &str, text: &str) -> Events {
        let persona = (!persona.is_empty()).then_some(persona);
        Events::of(
            self.request(Method::POST, "/api/say")
                .json(&json!({ "persona": persona, "text": text })),
        )
        .await
    }

    /// Says something in the page and waits for all of the answer.
    pub(crate) async fn say(&self, persona: &str, text: &str) -> Shown {
        self.begin(persona, text).await.rest().await
    }

    /// What was said with a persona: each message with its reply.
    pub(crate) async fn talk(&self, persona: &str) -> Vec<(String, Option<String>)> {
        let talk = self
            .get(&format!("/api/talk?persona={persona}"))
            .await
            .json();
        let turns = talk["turns"].as_array().expect("turns").clone();
        turns
            .iter()
            .map(|turn| {
                (
                    turn["said"].as_str().expect("words").to_owned(),
                    turn["reply"].as_str().map(str::to_owned),
                )
            })
            .collect()
    }

    /// What a persona remembers, as `key: value` in English.
    pub(crate) async fn remembered(&self, persona: &str) -> Vec<String> {
        let memory = self
            .get(&format!("/api/memory?persona={persona}"))
            .await
            .json();
        let facts = memory["facts"].as_array().expect("facts").clone();
        facts
            .iter()
            .map(|fact| {
                format!(
                    "{}: {}",
                    fact["key"]["en"].as_str().expect("key"),
                    fact["value"].as_str().expect("value")
                )
            })
            .collect()
    }

    /// Asks as a program does.
    pub(crate) async fn completions(&self, body: &Value) -> Answer {
        self.post("/v1/chat/completions", body).await
    }

    /// One message to a persona, as a program sends it; gives the reply's text.
    pub(crate) async fn asks(&self, persona: &str, text: &str) -> String {
        let answer = self
            .completions(
                &json!({ "model": persona, "messages": [{ "role": "user", "content": text }] }),
            )
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["choices"][0]["message"]["content"]
            .as_str()
            .expect("content")
            .to_owned()
    }

    /// Begins a streamed completion.
    pub(crate) async fn streamed(&self, mut body: Value) -> Events {
        body["stream"] = json!(true);
        Events::of(
            self.request(Method::POST, "/v1/chat/completions")
                .json(&body),
        )
        .await
    }
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the daemon answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.expect("the answer has an end");
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The message of an error in OpenAI's form.
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let error = self.json()["error"].clone();
        for key in ["message", "type", "param", "code"] {
            assert!(error.get(key).is_some(), "{key} is missing in {self:?}");
        }
        error["message"].as_str().expect("a message").to_owned()
    }
}

impl Events {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the daemon answers");
        let status = response.status();
        assert!(
            status.is_success(),
            "{status}: {}",
            response.text().await.unwrap_or_default()
        );
        Self {
            response,
            pending: Vec::new(),
        }
    }

    /// The data of the next event; `None` when the stream has ended or broken.
    pub(crate) async fn next_data(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let line = String::from_utf8(line).expect("events are UTF-8");
                if let Some(data) = line.strip_prefix("data: ") {
                    return Some(data.trim_end_matches('\n').to_owned());
                }
            } else {
                let bytes = in_time("the next event", self.response.chunk())
                    .await
                    .ok()??;
                self.pending.extend_from_slice(&bytes);
            }
        }
    }

    /// The next thing shown, whatever it is.
    pub(crate) async fn next_of_all(&mut self) -> Option<Value> {
        self.next_data()
            .await
            .map(|data| serde_json::from_str(&data).expect("an event is JSON"))
    }

    /// The next thing shown.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let show = self.next_of_all().await?;
            if !(show["show"] == "notice" && show["text"].as_str().is_some_and(is_disclosure)) {
                return Some(show);
            }
        }
    }

    /// Whether nothing has come that was not read yet.
    pub(crate) fn is_silent(&mut self) -> bool {
        let more = self.response.chunk().now_or_never();
        if let Some(Ok(Some(bytes))) = &more {
            self.pending.extend_from_slice(bytes);
        }
        more.is_none() && self.pending.is_empty()
    }

    /// Reads until something is shown that has this kind.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let show = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream ended before {kind:?}"));
            if show["show"] == kind {
                return show;
            }
        }
    }

    /// Reads until so much of the reply was shown.
    pub(crate) async fn until_text(&mut self, text: &str) {
        let mut shown = String::new();
        while shown != text {
            shown.push_str(self.until("text").await["text"].as_str().expect("text"));
            assert!(text.starts_with(&shown), "{shown:?} instead of {text:?}");
        }
    }

    /// Everything that is still to come.
    pub(crate) async fn rest(mut self) -> Shown {
        let mut shown = Shown::default();
        while let Some(show) = self.next().await {
            shown.0.push(show);
        }
        assert_eq!(
            shown.0.last().map(|last| &last["show"]),
            Some(&json!("done")),
            "{shown:?}"
        );
        shown
    }
}

impl Shown {
    fn texts(&self, kind: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|show| show["show"] == kind)
            .map(|show| show["text"].as_str().expect("text"))
            .collect()
    }

    /// The persona's own words.
    pub(crate) fn reply(&self) -> String {
        self.texts("text").concat()
    }

    /// What the bot said itself, also as a file.
    pub(crate) fn notice(&self) -> String {
        let texts = [self.texts("notice"), self.texts("file")];
        texts.concat().join("\n")
    }

    /// Why there was no reply.
    pub(crate) fn trouble(&self) -> String {
        self.texts("trouble").join("\n")
    }

    pub(crate) fn was_taken(&self) -> bool {
        self.0.iter().any(|show| show["show"] == "taken")
    }

    /// How the reply ended.
    pub(crate) fn ending(&self) -> String {
        self.0.last().expect("rest() demands an end")["finish"]["reason"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }
}

//! One chat with an OpenAI-compatible server, its replies streamed and timed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use serde_json::{Value, json};

/// Who the chats are with: the system text of a made-up persona, about 300 tokens. In the daemon it is a persona of this text.
pub(crate) const PERSONA: &str = "You are Danbi, who keeps the lost and found of a small railway station between the mountains and the sea. You have worked \
there for eleven years and know every umbrella by its handle. You speak in short, warm sentences, like somebody who has time because the next train comes \
in an hour, and you never sound like an office. When people tell you what they have lost, you first ask where they saw it last, then what it was like, and \
only then do you look. You like stories about things more than the things themselves. You drink barley tea, you feed a grey cat that belongs to nobody, and \
you write down every glove in a book with a green cover. You do not gossip about travellers, you do not guess what is in a closed bag, and you never give \
anything to somebody who cannot say what it looks like. When somebody is sad, you stay with them until the train comes and talk about the weather over the \
bay. When somebody is in a hurry, you tell them the time of the next three trains first. When you do not know something, you say so and name who might know \
it: the driver, the woman at the kiosk, or the cat. You answer in the language in which you are spoken to. You never mention that you follow instructions, \
and you never make lists. At the end of a chat you wish people a seat by the window.";

/// Who keeps what was said in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// The server, by user, and the persona with it.
    Kept,
    /// The client, which sends all of it each time.
    Sent,
}

/// A server and how it is spoken to.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    /// What may stand as `model`; chats go round among them.
    models: Vec<String>,
    /// More keys of a request for each of them.
    extras: Vec<Value>,
    key: Option<String>,
    history: History,
}

/// One person's chat.
#[derive(Debug)]
pub(crate) struct Chat {
    client: Client,
    user: String,
    number: usize,
    messages: Vec<Value>,
}

/// A reply and what it took.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) first: Duration,
    pub(crate) prompt_tokens: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) completion_tokens: u64,
}

impl Client {
    pub(crate) fn new(
        url: &str,
        models: Vec<String>,
        key: Option<String>,
        history: History,
    ) -> anyhow::Result<Self> {
        let extras = vec![json!({}); models.len()];
        let http = reqwest::Client::builder()
            .no_proxy()
            // Some servers close a connection after a streamed answer, too late for whoever has taken it again.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            http,
            url: format!("{}/chat/completions", url.trim_end_matches('/')),
            models,
            extras,
            key,
            history,
        })
    }

    /// The same, where each model's requests have more keys.
    pub(crate) fn with_extras(self, extras: Vec<Value>) -> Self {
        Self { extras, ..self }
    }

    /// A chat of somebody new; those with the same name and number go on with what was said.
    pub(crate) fn chat(&self, name: &str, number: usize) -> Chat {
        let messages = match self.history {
            History::Kept => Vec::new(),
            History::Sent => vec![json!({ "role": "system", "content": PERSONA })],
        };
        Chat {
            client: self.clone(),
            user: format!("{name}-{number}"),
            number,
            messages,
        }
    }
}

impl Chat {
    /// Says something and hears the whole reply.
    pub(crate) async fn say(&mut self, words: String, max_tokens: u32) -> anyhow::Result<Reply> {
        let client = &self.client;
        self.messages
            .push(json!({ "role": "user", "content": words }));
        let place = self.number % client.models.len();
        let mut body = json!({
            "model": client.models[place], "messages": self.messages, "max_tokens": max_tokens, "temperature": 0.0,
            "stream": true, "stream_options": { "include_usage": true },
            // Replies are as long here as there: who stops early would have less to do.
            "ignore_eos": true,
        });
        if let (Some(body), Some(extra)) = (body.as_object_mut(), client.extras[place].as_object())
        {
            body.extend(extra.clone());
        }
        let mut request = client.http.post(&client.url).json(&body);
        if client.history == History::Kept {
            request = request.header("x-user-id", &self.user);
            self.messages.clear();
        }
        if let Some(key) = &client.key {
            request = request.bearer_auth(key);
        }
        let asked = Instant::now();
        let response = request.send().await.context("the server does not answer")?;
        if !response.status().is_success() {
            bail!("{}: {}", response.status(), response.text().await?);
        }
        let mut heard = Heard::default();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            heard.take(&chunk?, asked)?;
        }
        let (reply, text) = heard.whole()?;
        if client.history == History::Sent {
            self.messages
                .push(json!({ "role": "assistant", "content": text }));
        }
        Ok(reply)
    }
}

/// A stream of server-sent events, as far as it has come.
#[derive(Debug, Default)]
struct Heard {
    rest: Vec<u8>,
    text: String,
    first: Option<Duration>,
    usage: Value,
    ended: bool,
}

impl Heard {
    fn take(&mut self, chunk: &[u8], asked: Instant) -> anyhow::Result<()> {
        self.rest.extend_from_slice(chunk);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let Some(data) = line.strip_prefix(b"data: ") else {
                continue;
            };
            if data.trim_ascii() == b"[DONE]" {
                self.ended = true;
                continue;
            }
            let event: Value = serde_json::from_slice(data)?;
            if !event["error"].is_null() {
                bail!("the server ended the reply: {}", event["error"]);
            }
            let content = event["choices"][0]["delta"]["content"].as_str();
            if let Some(content) = content.filter(|content| !content.is_empty()) {
                self.first.get_or_insert_with(|| asked.elapsed());
                self.text.push_str(content);
            }
            if event["usage"].is_object() {
                self.usage = event["usage"].clone();
            }
        }
        Ok(())
    }

    fn whole(self) -> anyhow::Result<(Reply, String)> {
        if !self.ended {
            bail!("the stream broke off");
        }
        let count = |value: &Value| value.as_u64();
        let reply = Reply {
            first: self.first.context("the reply is empty")?,
            prompt_tokens: count(&self.usage["prompt_tokens"])
                .context("the server does not count tokens")?,
            cached_tokens: count(&self.usage["prompt_tokens_details"]["cached_tokens"])
                .unwrap_or(0),
            completion_tokens: count(&self.usage["completion_tokens"])
                .context("the server does not count tokens")?,
        };
        Ok((reply, self.text))
    }
}

//! Makes a reply's events of what a model server answers: its stream of pieces, or its refusal.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::sse::Events;
use super::tokens::Counter;
use crate::generate::{EngineError, Event, Finish, FinishReason, Request, Usage};
use crate::text::TextStream;

/// A reply on its way in. It holds what has to be known until the end; it does not read the network.
#[derive(Debug)]
pub(crate) struct Answer {
    text: TextStream,
    events: Events,
    counter: Counter,
    prompt: Vec<String>,
    received: String,
    reason: Option<FinishReason>,
    usage: Option<ServerUsage>,
    ended: bool,
}

#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<ServerUsage>,
    #[serde(default)]
    error: Option<ServerError>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct ServerUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Debug, Clone, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u32>,
}

/// An error as OpenAI's interface and llama-server write it; some servers give a bare sentence.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ServerError {
    Object {
        #[serde(default)]
        message: String,
        #[serde(default)]
        code: Option<serde_json::Value>,
        #[serde(default, rename = "type")]
        kind: Option<String>,
        #[serde(default)]
        n_prompt_tokens: Option<u32>,
        #[serde(default)]
        n_ctx: Option<u32>,
    },
    Sentence(String),
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    error: ServerError,
}

impl Answer {
    pub(crate) fn new(request: &Request, counter: Counter) -> Self {
        Self {
            text: TextStream::new(request.stop.clone()),
            events: Events::default(),
            counter,
            prompt: request
                .messages
                .iter()
                .map(|message| message.content.clone())
                .collect(),
            received: String::new(),
            reason: None,
            usage: None,
            ended: false,
        }
    }

    /// Takes bytes from the network and adds what can be shown now to `shown`, also when it finds an error after that.
    fn take(&mut self, bytes: &[u8], shown: &mut String) -> Result<(), EngineError> {
        self.events
            .push(bytes)
            .map_err(|_| gone("the server sent an endless line"))?;
        while let Some(data) = self.events.next() {
            if data == "[DONE]" {
                self.ended = true;
                break;
            }
            let chunk: Chunk = serde_json::from_str(&data).map_err(|error| {
                gone(&format!(
                    "the server sent something that is no answer: {error}"
                ))
            })?;
            if let Some(error) = chunk.error {
                return Err(gone(&format!("the server broke off: {}", error.message())));
            }
            self.usage = chunk.usage.or(self.usage.take());
            if let Some(choice) = chunk.choices.into_iter().next() {
                shown.push_str(&self.take_choice(&choice));
            }
            // What follows a stop text is of no interest, be it broken or not.
            if self.text.stopped() {
                break;
            }
        }
        Ok(())
    }

    fn take_choice(&mut self, choice: &Choice) -> String {
        if let Some(reason) = &choice.finish_reason {
            self.reason = Some(if reason == "length" {
                FinishReason::Length
            } else {
                FinishReason::Stop
            });
        }
        let content = choice
            .delta
            .as_ref()
            .and_then(|delta| delta.content.as_deref())
            .unwrap_or_default();
        self.received.push_str(content);
        self.text.push(content.as_bytes())
    }

    /// Whether nothing more is needed from the network.
    fn complete(&self) -> bool {
        self.ended || self.text.stopped()
    }

    /// Passes on the rest of the text and the end.
    pub(crate) async fn end(
        self,
        reason: FinishReason,
        events: &mpsc::Sender<Result<Event, EngineError>>,
    ) {
        let (rest, finish) = self.finish(reason).await;
        if !rest.is_empty() {
            // Fails when nobody listens any more, as does the next.
            events.send(Ok(Event::Text(rest))).await.ok();
        }
        events.send(Ok(Event::Done(finish))).await.ok();
    }

    /// The rest of the text and the end.
    async fn finish(self, reason: FinishReason) -> (String, Finish) {
        let usage = match self.usage {
            Some(usage) => Usage {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: usage
                    .prompt_tokens_details
                    .and_then(|details| details.cached_tokens)
                    .unwrap_or(0),
                completion_tokens: usage.completion_tokens,
            },
            // A server that does not tell, or that was not heard to its end.
            None => Usage {
                prompt_tokens: self
                    .counter
                    .count(self.prompt)
                    .await
                    .unwrap_or_default()
                    .iter()
                    .sum(),
                cached_tokens: 0,
                completion_tokens: self
                    .counter
                    .count(vec![self.received])
                    .await
                    .unwrap_or_default()
                    .iter()
                    .sum(),
            },
        };
        (self.text.finish(), Finish { reason, usage })
    }
}

/// Reads a stream to its end and passes its text on. An error is the reply's end, for the caller to pass on.
pub(crate) async fn read_stream(
    mut response: Response,
    mut answer: Answer,
    deadline: Instant,
    events: &mpsc::Sender<Result<Event, EngineError>>,
) -> Result<(), EngineError> {
    let reason = loop {
        let bytes = match timeout_at(deadline, response.chunk()).await {
            Err(_) => break FinishReason::Deadline,
            Ok(Err(error)) => {
                return Err(gone(&format!(
                    "the connection broke: {}",
                    error.without_url()
                )));
            }
            Ok(Ok(None)) => match answer.reason {
                // Some servers end without the marker.
                Some(reason) => break reason,
                None => return Err(gone("the server broke off in the middle of the answer")),
            },
            Ok(Ok(Some(bytes))) => bytes,
        };
        let mut shown = String::new();
        let taken = answer.take(&bytes, &mut shown);
        if !shown.is_empty() && events.send(Ok(Event::Text(shown))).await.is_err() {
            return Ok(());
        }
        taken?;
        if answer.complete() {
            break if answer.text.stopped() {
                FinishReason::Stop
            } else {
                answer.reason.unwrap_or(FinishReason::Stop)
            };
        }
    };
    drop(response);
    answer.end(reason, events).await;
    Ok(())
}

/// Refuses a success that is no stream, such as the page of a router or of another service at this address.
pub(crate) fn check_stream(response: &Response) -> Result<(), EngineError> {
    // A server that does not say what it sends is believed; its events are looked at all the same.
    let Some(kind) = response.headers().get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = String::from_utf8_lossy(kind.as_bytes());
    if kind.to_ascii_lowercase().starts_with("text/event-stream") {
        return Ok(());
    }
    Err(EngineError::Refused(format!(
        "the model server answers with \"{}\" and not with a stream of events: check server.url",
        short(&kind)
    )))
}

/// What a response other than success means for the caller.
pub(crate) fn refusal(status: StatusCode, body: &str, context: u32) -> EngineError {
    let error = serde_json::from_str::<ErrorBody>(body)
        .map(|body| body.error)
        .unwrap_or_else(|_| ServerError::Sentence(short(body)));
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => EngineError::Busy,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => EngineError::Refused(format!(
            "the model server refuses the key: {}",
            error.message()
        )),
        status if status.is_redirection() => EngineError::Refused(format!(
            "the model server answers {status} and points elsewhere: set server.url to the address that it points to"
        )),
        status if status.is_client_error() => error.too_long(context).unwrap_or_else(|| {
            EngineError::Refused(format!(
                "the model server answers {status}: {}",
                error.message()
            ))
        }),
        status => gone(&format!("the server answers {status}: {}", error.message())),
    }
}

/// Whether a refusal is about the form that was asked for.
pub(crate) fn names_a_form(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["grammar", "response_format", "schema"]
        .iter()
        .any(|word| reason.contains(word))
}

/// Whether the server refused a request because it knows no `top_k`, `min_p` and the like.
pub(crate) fn is_unknown_field(error: &EngineError) -> bool {
    let EngineError::Refused(reason) = error else {
        return false;
    };
    let reason = reason.to_lowercase();
    [
        "unrecognized request argument",
        "unknown parameter",
        "unknown field",
        "extra inputs are not permitted",
        "unsupported parameter",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

impl ServerError {
    fn message(&self) -> String {
        match self {
            Self::Object { message, .. } => short(message),
            Self::Sentence(sentence) => short(sentence),
        }
    }

    /// The prompt's length and limit, when this error is about them.
    fn too_long(&self, context: u32) -> Option<EngineError> {
        let Self::Object {
            message,
            code,
            kind,
            n_prompt_tokens,
            n_ctx,
        } = self
        else {
            return None;
        };
        let named = code.as_ref().and_then(|code| code.as_str()) == Some("context_length_exceeded")
            || kind.as_deref() == Some("exceed_context_size_error")
            || message.contains("maximum context length");
        if !named {
            return None;
        }
        // OpenAI and vLLM: "maximum context length is 4096 tokens. However, … 5000 tokens …".
        let mut numbers = message
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse::<u32>().ok());
        let (limit, tokens) = (numbers.next(), numbers.next());
        let limit = n_ctx.or(limit).unwrap_or(context);
        let tokens = n_prompt_tokens
            .or(tokens)
            .unwrap_or(limit.saturating_add(1));
        Some(EngineError::PromptTooLong { tokens, limit })
    }
}

fn gone(reason: &str) -> EngineError {
    EngineError::Gone(reason.to_owned())
}

/// A server may answer with a whole page.
fn short(text: &str) -> String {
    let text = text.trim();
    let short: String = text.chars().take(300).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

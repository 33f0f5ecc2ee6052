//! What a caller asks of an engine and what comes back: the seam between the daemon and whatever runs the model.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// Who speaks in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The persona's standing instruction; at most one, first.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message of a prompt. Its content is always plain text: special tokens in it are not interpreted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Names the conversation whose cached tail a request may reuse. Two requests with the same key share nothing but cached computation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChatKey(pub String);

/// Names who is served. What one gets is weighed against what others get.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShareKey(pub String);

/// How the next token is drawn. Neutral values switch a step off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// 0 takes the most likely token each time.
    pub temperature: f32,
    /// Only the k most likely tokens; 0 = all.
    pub top_k: u32,
    /// Only the most likely tokens that together have this probability; 1 = all.
    pub top_p: f32,
    /// Only tokens at least this fraction as likely as the likeliest; 0 = all.
    pub min_p: f32,
    /// Divides the logits of tokens seen among the last `repeat_last_n`; 1 = off.
    pub repeat_penalty: f32,
    /// How many of the last tokens the repetition penalty looks at.
    pub repeat_last_n: u32,
    /// Strength of the DRY penalty against repeated sequences; 0 = off.
    pub dry_multiplier: f32,
    /// Base of the DRY penalty's exponential growth.
    pub dry_base: f32,
    /// Longest repeated sequence, in tokens, that DRY leaves alone. A former `no_repeat_ngram_size = n` is `n - 1` here with a large multiplier.
    pub dry_allowed_length: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repeat_penalty: 1.0,
            repeat_last_n: 64,
            dry_multiplier: 0.0,
            dry_base: 1.75,
            dry_allowed_length: 2,
        }
    }
}

/// The form that a reply must have: tokens that would break it are never drawn. A reply that reaches its limit may be the beginning of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grammar {
    /// Rules in llama.cpp's notation (GBNF); the reply is what `root` says.
    Gbnf(String),
    /// JSON that fits a JSON Schema.
    JsonSchema {
        /// The schema.
        schema: serde_json::Value,
        /// Whether a model server may refuse what it cannot keep to the letter. The worker always does.
        strict: bool,
    },
}

/// One reply to be generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Whose cached tail to reuse; `None` = no reuse and nothing kept.
    pub chat: Option<ChatKey>,
    /// For whom it is; all of whom nothing is known count as one.
    pub whose: Option<ShareKey>,
    /// System first, then person and model in turn, ending with the person.
    pub messages: Vec<Message>,
    /// So many of the first messages are the persona's and the same in all its chats: their computation may be shared between chats. 0 where
    /// they hold anybody's words.
    pub lead: usize,
    /// A chat template in place of the model's own: a known name (`chatml`, `llama3`, `gemma`, `mistral`, `koalpaca`) or Jinja text.
    pub template: Option<String>,
    /// A LoRA adapter file to apply, as a path the worker can read.
    pub adapter: Option<std::path::PathBuf>,
    /// At most this many tokens are generated.
    pub max_tokens: u32,
    /// Texts that end the reply and are not shown.
    pub stop: Vec<String>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The form of the reply; `None` = any.
    pub grammar: Option<Grammar>,
    /// Same seed, same prompt, same model: same reply, unless others are answered beside it: what is computed beside other tokens is rounded
    /// otherwise. For the same reason a prompt with a seed shares nothing with other chats. `None` draws one.
    pub seed: Option<u32>,
    /// Go on past the model's end token until `max_tokens`; for measurements.
    pub ignore_eos: bool,
    /// Nobody waits for it: it gives way to all others.
    pub background: bool,
    /// After this long the reply ends where it stands.
    pub deadline: Duration,
}

/// What a reply yields, in order: any number of texts, then one end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// More text; whole characters only.
    Text(String),
    /// The end; nothing follows.
    Done(Finish),
}

/// How a reply ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// Why it ended.
    pub reason: FinishReason,
    /// What it cost.
    pub usage: Usage,
}

/// Why a reply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model's end token or a stop text.
    Stop,
    /// `max_tokens`, or no room left in the context.
    Length,
    /// The request's deadline.
    Deadline,
}

/// Tokens counted by the engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: u32,
    /// Prompt tokens that did not have to be computed again.
    pub cached_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
}

/// What the caller must know of a model (with one template) to fit prompts to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The model's name, from its metadata or the server.
    pub name: String,
    /// Tokens a prompt and its reply may have together.
    pub context: u32,
    /// Upper bound of the tokens that the template adds to one message.
    pub message_overhead: u32,
    /// Whether it can be trusted to write a summary by itself (by its size; see `Worker` and `Server`).
    pub capable: bool,
    /// Whether the beginning of a prompt that was computed once is at hand for other chats, so that computing it ahead is worth while.
    pub keeps_beginnings: bool,
}

/// Whether requests can be served now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// Not yet, or not at the moment; the sentence says why.
    Waiting(String),
    /// Not without someone's help; the sentence says what is wrong.
    Failed(String),
    /// Not with so little free memory.
    NoRoom(Shortage),
}

impl Readiness {
    /// Why requests cannot be served.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::Waiting(reason) | Self::Failed(reason) => Some(reason),
            Self::NoRoom(shortage) => Some(&shortage.reason),
        }
    }
}

/// That a model does not fit into the machine's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Bytes that it takes.
    pub needed: u64,
    /// Bytes that are free.
    pub available: u64,
    /// The sentence that says so, with a way out.
    pub reason: String,
}

/// A reply being generated. Dropping it cancels the work.
#[derive(Debug)]
pub struct Reply {
    /// The events, ending with `Done` or an error; a closed channel without either means that the engine is gone.
    pub events: mpsc::Receiver<Result<Event, EngineError>>,
}

/// Why no reply, or no more of it, came. Variants are what the caller does next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EngineError {
    /// The worker or server died or cannot be reached. Nothing more of this reply will come; a new request may succeed after a restart.
    #[error("the engine went away: {0}")]
    Gone(String),
    /// Everything is taken; try later.
    #[error("the engine is busy")]
    Busy,
    /// The prompt has `tokens` tokens and only `limit` fit beside the reply; shorten it.
    #[error("the prompt has {tokens} tokens, but {limit} fit")]
    PromptTooLong {
        /// Tokens of the prompt.
        tokens: u32,
        /// Tokens that would have fitted.
        limit: u32,
    },
    /// The request can never succeed: a broken template, a missing adapter, a bad argument. The text says what to mend.
    #[error("{0}")]
    Refused(String),
    /// The form that was asked for cannot be kept; the text says what is wrong with it.
    #[error("the form of the reply: {0}")]
    Formless(String),
    /// The model does not fit into the memory that is free; a new worker may succeed when others have ended. The text has the figures.
    #[error("{0}")]
    NoRoom(String),
}

/// Anything that can answer prompts.
#[async_trait::async_trait]
pub trait Generate: Send + Sync + std::fmt::Debug {
    /// Checks a template (`None` = the model's own) and an adapter, and tells what fits. Called before a persona goes online.
    async fn prepare(
        &self,
        template: Option<&str>,
        adapter: Option<&std::path::Path>,
    ) -> Result<Model, EngineError>;

    /// Tokens of each text, counted as plain text.
    async fn count(&self, texts: Vec<String>) -> Result<Vec<u32>, EngineError>;

    /// Lets go of all that was computed for these chats, as far as it is kept here. A reply that is running ends as it would have.
    async fn forget(&self, chats: Vec<ChatKey>);

    /// Begins a reply.
    async fn generate(&self, request: Request) -> Result<Reply, EngineError>;

    /// Whether requests can be served now.
    fn readiness(&self) -> Readiness;

    /// Waits until requests can be served, or says why they never will. Nobody here can start a server that is away, so the wait for one
    /// ends after some seconds with [`EngineError::Gone`].
    async fn ready(&self) -> Result<(), EngineError>;

    /// Stops it and waits for its end.
    async fn stop(&self);
}

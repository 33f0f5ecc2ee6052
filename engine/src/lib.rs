//! The engine: messages in, text out.
//!
//! It knows models, tokens and templates. It does not know platforms, personas, people or what is remembered about them.
//! Two things can generate: [`Worker`], llama.cpp in a supervised child process, and [`Server`], any OpenAI-compatible server.

mod generate;
mod gguf;
mod request;
mod server;
#[cfg_attr(
    not(feature = "llama"),
    allow(dead_code, reason = "only the worker's inside lays prompts out")
)]
mod template;
mod text;
mod worker;

pub use generate::{
    ChatKey, EngineError, Event, Finish, FinishReason, Generate, Grammar, Message, Model,
    Readiness, Reply, Request, Role, Sampling, ShareKey, Shortage, Usage,
};
pub use gguf::{Gguf, GgufError, GgufFault, Kind, inspect};
pub use server::{Server, ServerSettings};
pub use template::check_template;
pub use worker::{
    FlashAttention, GpuLayers, Job, JobError, KvType, Pool, Quantization, Worker, WorkerSettings,
    run_job, run_worker,
};

//! Runs one request on the engine and shows the reply as it comes. Decides nothing about memory.

use std::time::Duration;

use chatfriends_engine::{EngineError, Event, Finish, FinishReason, Generate, Request, Usage};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::memory::Spoken;
use crate::metrics::{self, Count, Timing};
use crate::outlet::{Ending, Finished, Outlet, Show};

/// What came of a request.
#[derive(Debug)]
pub struct Spoke {
    /// The reply as shown; its text is empty when nothing was.
    pub reply: Spoken,
    /// How it ended.
    pub finish: Finished,
}

/// Why nothing at all was said.
#[derive(Debug, thiserror::Error)]
pub enum Silent {
    /// The engine is not ready and did not become so in time.
    #[error("the engine is still starting: {0}")]
    Starting(String),
    /// It needs someone's help.
    #[error("the engine cannot work: {0}")]
    Failed(String),
    /// It went away twice.
    #[error("the engine went away twice: {0}")]
    Gone(String),
    /// It has no room for another request.
    #[error("the engine is busy")]
    Busy,
    /// It will not take this request.
    #[error(transparent)]
    Refused(EngineError),
}

/// Speaks until the reply ends, the person stops it or leaves, or the time is up.
///
/// A worker that dies before anything was shown gets one more try after its restart; later, the reply ends where it broke off.
///
/// # Errors
/// When nothing was said at all although nobody stopped it.
pub async fn speak(
    engine: &dyn Generate,
    request: Request,
    stop: &CancellationToken,
    out: &Outlet,
) -> Result<Spoke, Silent> {
    let asked = Instant::now();
    let until = asked + request.deadline;
    let mut died = None;
    for _attempt in 0..2 {
        tokio::select! {
            () = over(stop, out) => return Ok(spoke(String::new(), Ending::Stopped, Usage::default())),
            ready = wait_for(engine, until) => ready?,
        }
        let mut request = request.clone();
        request.deadline = until
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        match one_try(engine, request, asked, stop, out).await {
            Err(EngineError::Gone(cause)) => {
                tracing::warn!(%cause, "The engine went away before anything was said; waiting for it.");
                died = Some(cause);
            }
            Err(EngineError::Busy) => return Err(Silent::Busy),
            Err(refused) => return Err(Silent::Refused(refused)),
            Ok(spoke) => {
                note(&spoke, asked);
                return Ok(spoke);
            }
        }
    }
    Err(Silent::Gone(died.unwrap_or_default()))
}

/// Waits until the reply is not wanted any more.
pub async fn over(stop: &CancellationToken, out: &Outlet) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = out.left() => {}
    }
}

fn spoke(text: String, reason: Ending, usage: Usage) -> Spoke {
    Spoke {
        reply: Spoken {
            text: text.trim().to_owned(),
            complete: reason == Ending::Complete,
        },
        finish: Finished {
            reason,
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            completion_tokens: usage.completion_tokens,
        },
    }
}

async fn wait_for(engine: &dyn Generate, until: Instant) -> Result<(), Silent> {
    match timeout_at(until, engine.ready()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(EngineError::Gone(reason))) => Err(Silent::Starting(reason)),
        Ok(Err(error)) => Err(Silent::Failed(error.to_string())),
        Err(_) => Err(Silent::Starting(
            engine
                .readiness()
                .trouble()
                .unwrap_or("no answer in time")
                .to_owned(),
        )),
    }
}

fn note(spoke: &Spoke, asked: Instant) {
    let Spoke { finish, .. } = spoke;
    metrics::count(if finish.reason == Ending::Broken {
        Count::RepliesFailed
    } else {
        Count::Replies
    });
    metrics::add(Count::PromptTokens, finish.prompt_tokens.into());
    metrics::add(Count::PromptTokensCached, finish.cached_tokens.into());
    metrics::add(Count::TokensGenerated, finish.completion_tokens.into());
    metrics::time(Timing::Reply, asked.elapsed());
}

/// An error here means that nothing was shown.
async fn one_try(
    engine: &dyn Generate,
    request: Request,
    asked: Instant,
    stop: &CancellationToken,
    out: &Outlet,
) -> Result<Spoke, EngineError> {
    // A server may send nothing before its first token, and an engine may wait for room.
    let mut events = tokio::select! {
        () = over(stop, out) => return Ok(spoke(String::new(), Ending::Stopped, Usage::default())),
        reply = engine.generate(request) => reply?.events,
    };
    let mut text = String::new();
    loop {
        let event = tokio::select! {
            () = over(stop, out) => return Ok(spoke(text, Ending::Stopped, Usage::default())),
            event = events.recv() => event,
        };
        match event {
            Some(Ok(Event::Text(piece))) => {
                if text.is_empty() {
                    metrics::time(Timing::FirstText, asked.elapsed());
                }
                let show = Show::Text {
                    text: piece.clone(),
                };
                tokio::select! {
                    () = out.show(show) => text.push_str(&piece),
                    () = over(stop, out) => return Ok(spoke(text, Ending::Stopped, Usage::default())),
                }
            }
            Some(Ok(Event::Done(Finish { reason, usage }))) => {
                let reason = match reason {
                    FinishReason::Stop => Ending::Complete,
                    FinishReason::Length => Ending::Length,
                    FinishReason::Deadline => Ending::Deadline,
                };
                return Ok(spoke(text, reason, usage));
            }
            Some(Err(error)) if text.is_empty() => return Err(error),
            None if text.is_empty() => {
                return Err(EngineError::Gone(
                    "the reply ended without an end".to_owned(),
                ));
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "A reply broke off.");
                return Ok(spoke(text, Ending::Broken, Usage::default()));
            }
            None => return Ok(spoke(text, Ending::Broken, Usage::default())),
        }
    }
}

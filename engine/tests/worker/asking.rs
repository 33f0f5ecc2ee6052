//! Requests, and a way to read what comes back.

use std::time::Duration;

use chatfriends_engine::{
    ChatKey, EngineError, Event, Finish, Generate, Message, Reply, Request, Role, Sampling, Worker,
    WorkerSettings,
};

use crate::rig::{settings, start};

pub(crate) async fn ready() -> Worker {
    ready_with(settings()).await
}

pub(crate) async fn ready_with(settings: WorkerSettings) -> Worker {
    let worker = start(settings);
    worker.ready().await.expect("the starter model must load");
    worker
}

pub(crate) fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.into(),
    }
}

/// A short greedy reply, always of the same length.
pub(crate) fn request(content: &str) -> Request {
    Request {
        chat: None,
        whose: None,
        messages: vec![
            message(Role::System, "You are Joey."),
            message(Role::User, content),
        ],
        lead: 0,
        template: None,
        adapter: None,
        max_tokens: 24,
        stop: Vec::new(),
        sampling: Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        grammar: None,
        seed: Some(1),
        ignore_eos: true,
        background: false,
        deadline: Duration::from_secs(60),
    }
}

pub(crate) fn in_chat(chat: &str, request: Request) -> Request {
    Request {
        chat: Some(ChatKey(chat.into())),
        ..request
    }
}

/// A worker with room for long replies. In the starter's own context they would end within a second; in 8,192 tokens they take many
/// seconds, and in 65,536 minutes.
pub(crate) async fn ready_for_long(slots: u32, context: u32) -> Worker {
    ready_with(WorkerSettings {
        slots,
        context: Some(context),
        ..settings()
    })
    .await
}

/// A reply that takes all the room there is, at its first text.
pub(crate) async fn begin_endless(worker: &Worker, chat: &str) -> Reply {
    let request = Request {
        max_tokens: u32::MAX,
        deadline: Duration::from_secs(3600),
        ..request("tell me everything")
    };
    let reply = worker.generate(in_chat(chat, request)).await;
    let mut reply = reply.expect("the request is sound");
    let first = reply.events.recv().await;
    assert!(matches!(first, Some(Ok(Event::Text(_)))), "{first:?}");
    reply
}

pub(crate) async fn collect(mut reply: Reply) -> (String, Result<Finish, EngineError>) {
    let mut shown = String::new();
    while let Some(event) = reply.events.recv().await {
        match event {
            Ok(Event::Text(text)) => shown.push_str(&text),
            Ok(Event::Done(finish)) => {
                assert!(
                    reply.events.recv().await.is_none(),
                    "nothing follows the end"
                );
                return (shown, Ok(finish));
            }
            Err(error) => return (shown, Err(error)),
        }
    }
    panic!("the reply has no end");
}

pub(crate) async fn ask(worker: &Worker, request: Request) -> (String, Finish) {
    let reply = worker
        .generate(request)
        .await
        .expect("the request is sound");
    let (shown, outcome) = collect(reply).await;
    (shown, outcome.expect("the reply ends well"))
}

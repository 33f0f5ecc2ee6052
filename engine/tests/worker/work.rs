//! Guards against doing more work than is needed. Counts and ratios alone: seconds say more about the machine.

use std::time::Instant;

use chatfriends_engine::{Generate, Request, Role, Usage, Worker, WorkerSettings};
use futures::future::join_all;
use libtest_mimic::Trial;

use crate::asking::{ask, in_chat, message, ready_with, request};
use crate::rig::{settings, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "chats_compute_what_is_new_and_nothing_else",
            chats_compute_what_is_new_and_nothing_else,
        ),
        trial(
            "eight_at_once_take_less_than_one_by_one",
            eight_at_once_take_less_than_one_by_one,
        ),
    ]
}

/// Chats of the workload that docs/BENCHMARKS.md measures.
const CHATS: usize = 8;
/// Turns of each.
const TURNS: usize = 3;

const PERSONA: &str = "You are Joey, who loves sandwiches and his friends, and who answers in one or two short sentences, \
    warmly and with a joke. You never share food, you know little about history, and you always ask back.";

async fn with_a_slot_for_each() -> Worker {
    ready_with(WorkerSettings {
        slots: CHATS as u32,
        ..settings()
    })
    .await
}

fn opening(chat: usize) -> Request {
    let said = request(&format!(
        "Hi, I am number {chat} and I have lost my umbrella."
    ));
    let mut said = Request {
        lead: 1,
        seed: None,
        ..in_chat(&format!("chat {chat}"), said)
    };
    said.messages[0].content = PERSONA.to_owned();
    said
}

/// What each turn of one chat has cost.
async fn talk(worker: &Worker, chat: usize) -> Vec<Usage> {
    let mut said = opening(chat);
    let mut costs = Vec::new();
    for turn in 0..TURNS {
        let (reply, finish) = ask(worker, said.clone()).await;
        costs.push(finish.usage);
        said.messages.extend([
            message(Role::Assistant, &reply),
            message(Role::User, &format!("And what then, for the time {turn}?")),
        ]);
    }
    costs
}

async fn chats_compute_what_is_new_and_nothing_else() {
    let worker = with_a_slot_for_each().await;
    // As the daemon does it at its start.
    ask(&worker, opening(CHATS)).await;
    let persona = worker.count(vec![PERSONA.to_owned()]).await.unwrap()[0];
    let chats = join_all((0..CHATS).map(|chat| talk(&worker, chat))).await;
    for turns in chats {
        assert!(turns[0].cached_tokens >= persona, "{turns:?}");
        for pair in turns.windows(2) {
            let there = pair[0].prompt_tokens + pair[0].completion_tokens;
            assert!(pair[1].prompt_tokens > there, "{pair:?}");
            let new = pair[1].prompt_tokens - there;
            let computed = pair[1].prompt_tokens - pair[1].cached_tokens;
            // The token that was drawn last was not computed yet, and one may span the border between the reply and the template.
            assert!(computed <= new + 2, "{pair:?}");
        }
    }
    worker.stop().await;
}

async fn eight_at_once_take_less_than_one_by_one() {
    let worker = with_a_slot_for_each().await;
    let one_by_one = async || {
        let begun = Instant::now();
        for chat in 0..CHATS {
            ask(&worker, opening(chat)).await;
        }
        begun.elapsed().as_secs_f64()
    };
    let at_once = async || {
        let begun = Instant::now();
        join_all((0..CHATS).map(|chat| ask(&worker, opening(chat)))).await;
        begun.elapsed().as_secs_f64()
    };
    // All prompts are known from here on.
    one_by_one().await;
    let mut ratios = Vec::new();
    for round in 0..6 {
        let (alone, together) = if round % 2 == 0 {
            (one_by_one().await, at_once().await)
        } else {
            let together = at_once().await;
            (one_by_one().await, together)
        };
        ratios.push(together / alone);
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[2] < 0.8, "{ratios:?}");
    worker.stop().await;
}

//! The same reply, however it comes about: alone, beside others, after its tail was away, after the worker died. Always the likeliest words,
//! since only they can be compared.

use chatfriends_engine::{
    FlashAttention, Generate, Request, Role, Sampling, Worker, WorkerSettings,
};
use libtest_mimic::Trial;

use crate::asking::{ask, in_chat, message, ready_with, request};
use crate::rig::{kill, replaced, settings, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_reply_is_the_same_however_it_comes_about",
            a_reply_is_the_same_however_it_comes_about,
        ),
        trial(
            "with_flash_attention_few_replies_turn_out_otherwise",
            with_flash_attention_few_replies_turn_out_otherwise,
        ),
    ]
}

const OPENINGS: [&str; 8] = [
    "Hey, how are you doing today?",
    "My name is Yun and I have a cat called Bori.",
    "I lost my keys this morning, and then the bus was late.",
    "What should I eat tonight?",
    "안녕, 오늘 기분이 어때?",
    "내 이름은 윤이야. 만나서 반가워.",
    "I can't decide between tea and coffee.",
    "My sister is coming over, and I have to clean everything.",
];
const NEXT: [&str; 2] = ["Really? Tell me more about it.", "And what is my name?"];

/// A chat: its key, and what was said.
struct Chat {
    key: String,
    said: Request,
    replies: Vec<String>,
}

impl Chat {
    fn all() -> Vec<Self> {
        let chats = OPENINGS.iter().enumerate().map(|(number, opening)| Self {
            key: format!("chat {number}"),
            said: Request {
                // Shares the persona's beginning, as chats of people do.
                seed: None,
                lead: 1,
                ignore_eos: false,
                max_tokens: 40,
                sampling: Sampling {
                    temperature: 0.0,
                    ..Sampling::default()
                },
                ..request(opening)
            },
            replies: Vec::new(),
        });
        chats.collect()
    }

    /// The reply to what was said last, and in all but the last turn what comes next.
    async fn turn(&mut self, worker: &Worker) {
        let (reply, _) = ask(worker, in_chat(&self.key, self.said.clone())).await;
        if let Some(next) = NEXT.get(self.replies.len()) {
            self.said.messages.push(message(Role::Assistant, &reply));
            self.said.messages.push(message(Role::User, next));
        }
        self.replies.push(reply);
    }
}

async fn worker(slots: u32, flash_attention: FlashAttention) -> Worker {
    ready_with(WorkerSettings {
        slots,
        flash_attention,
        ..settings()
    })
    .await
}

fn replies(chats: Vec<Chat>) -> Vec<String> {
    chats.into_iter().flat_map(|chat| chat.replies).collect()
}

/// Each chat from its beginning to its end, nobody beside it.
async fn alone(flash_attention: FlashAttention) -> Vec<String> {
    let worker = worker(1, flash_attention).await;
    let mut chats = Chat::all();
    for chat in &mut chats {
        for _ in 0..=NEXT.len() {
            chat.turn(&worker).await;
        }
    }
    worker.stop().await;
    replies(chats)
}

/// All at the same time.
async fn beside_others(flash_attention: FlashAttention) -> Vec<String> {
    let worker = worker(OPENINGS.len() as u32, flash_attention).await;
    let mut chats = Chat::all();
    for _ in 0..=NEXT.len() {
        futures::future::join_all(chats.iter_mut().map(|chat| chat.turn(&worker))).await;
    }
    worker.stop().await;
    replies(chats)
}

/// One after the other in a single slot: at each turn the chat's tail comes back from the machine's memory.
async fn swapped(flash_attention: FlashAttention) -> Vec<String> {
    let worker = worker(1, flash_attention).await;
    let mut chats = Chat::all();
    for _ in 0..=NEXT.len() {
        for chat in &mut chats {
            chat.turn(&worker).await;
        }
    }
    worker.stop().await;
    replies(chats)
}

/// The worker dies before each last turn, and another one reads all that was said.
async fn restarted(flash_attention: FlashAttention) -> Vec<String> {
    let worker = worker(1, flash_attention).await;
    let mut chats = Chat::all();
    for chat in &mut chats {
        for _ in 0..NEXT.len() {
            chat.turn(&worker).await;
        }
    }
    let pid = worker.pid();
    kill(pid);
    let back = replaced(&worker, pid).await;
    back.expect("another one starts");
    for chat in &mut chats {
        chat.turn(&worker).await;
    }
    worker.stop().await;
    replies(chats)
}

async fn a_reply_is_the_same_however_it_comes_about() {
    let off = FlashAttention::Off;
    let expected = alone(off).await;
    assert_eq!(beside_others(off).await, expected);
    assert_eq!(swapped(off).await, expected);
    assert_eq!(restarted(off).await, expected);
}

async fn with_flash_attention_few_replies_turn_out_otherwise() {
    let on = FlashAttention::On;
    let expected = alone(on).await;
    for found in [
        beside_others(on).await,
        swapped(on).await,
        restarted(on).await,
    ] {
        let pairs = expected.iter().zip(&found);
        let other: Vec<_> = pairs.filter(|(one, other)| one != other).collect();
        // It sums in the order in which tokens lie in the cache, so that of two words that are almost equally likely the other may come.
        assert!(other.len() * 3 <= expected.len(), "{other:?}");
    }
}

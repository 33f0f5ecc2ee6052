//! LoRA adapters, made here byte by byte for the starter model's first layer.

use std::path::Path;

use chatfriends_engine::{EngineError, Generate, Request, inspect};
use libtest_mimic::Trial;

use crate::asking::{ask, in_chat, ready, request};
use crate::rig::{starter, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "adapters_change_replies_and_leave_no_trace",
            adapters_change_replies_and_leave_no_trace,
        ),
        trial(
            "unusable_adapters_are_refused",
            unusable_adapters_are_refused,
        ),
        trial(
            "requests_for_different_adapters_all_get_their_reply",
            requests_for_different_adapters_all_get_their_reply,
        ),
    ]
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A rank-1 adapter for one matrix; `strength` 0 changes nothing.
pub(crate) fn file(architecture: &str, strength: f32) -> Vec<u8> {
    file_for("blk.0.attn_q.weight", architecture, strength)
}

fn file_for(matrix: &str, architecture: &str, strength: f32) -> Vec<u8> {
    let width = model_width();
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(2u64.to_le_bytes());
    bytes.extend(4u64.to_le_bytes());
    for (key, value) in [
        ("general.architecture", architecture),
        ("general.type", "adapter"),
        ("adapter.type", "lora"),
    ] {
        text(&mut bytes, key);
        bytes.extend(8u32.to_le_bytes());
        text(&mut bytes, value);
    }
    text(&mut bytes, "adapter.lora.alpha");
    bytes.extend(6u32.to_le_bytes());
    bytes.extend(1f32.to_le_bytes());
    for (name, shape, offset) in [("lora_a", [width, 1], 0), ("lora_b", [1, width], width * 4)] {
        text(&mut bytes, &format!("{matrix}.{name}"));
        bytes.extend(2u32.to_le_bytes());
        shape
            .iter()
            .for_each(|size| bytes.extend(size.to_le_bytes()));
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    for index in 0..2 * width {
        let sign = if index % 3 == 0 { -1.0 } else { 1.0 };
        bytes.extend((sign * strength).to_le_bytes());
    }
    bytes
}

/// The width of the starter model, read from its first layer's query matrix: the embedding's.
fn model_width() -> u64 {
    let bytes = std::fs::read(starter()).expect("the starter model must be there");
    let key = b"llama.embedding_length";
    let place = bytes
        .windows(key.len())
        .position(|window| window == key)
        .expect("a model has a width")
        + key.len()
        + 4;
    u32::from_le_bytes(*bytes[place..].first_chunk().expect("a number follows")).into()
}

fn with_adapter(path: &Path) -> Request {
    Request {
        adapter: Some(path.into()),
        ..request("안녕?")
    }
}

async fn adapters_change_replies_and_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let [strong, neutral] =
        [("strong.gguf", 20.0), ("neutral.gguf", 0.0)].map(|(name, strength)| {
            let path = folder.path().join(name);
            std::fs::write(&path, file("llama", strength)).unwrap();
            path
        });
    let worker = ready().await;
    let (base, _) = ask(&worker, in_chat("a", request("안녕?"))).await;
    worker.prepare(None, Some(&strong)).await.unwrap();
    let (changed, finish) = ask(&worker, in_chat("a", with_adapter(&strong))).await;
    assert_ne!(changed, base);
    // What the base model computed is of no use to the adapter.
    assert_eq!(finish.usage.cached_tokens, 0);
    assert_eq!(ask(&worker, with_adapter(&neutral)).await.0, base);
    assert_eq!(ask(&worker, request("안녕?")).await.0, base);
    assert_eq!(ask(&worker, with_adapter(&strong)).await.0, changed);
    worker.stop().await;
}

async fn unusable_adapters_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let sound = file_for("blk.0.attn_q.weight", "llama", 1.0);
    let worker = ready().await;
    for (path, expected) in [
        (folder.path().join("none.gguf"), "there is no such file"),
        (starter(), "this is a whole model, not an adapter"),
        (
            file("other.gguf", &file_for("blk.0.attn_q.weight", "qwen2", 1.0)),
            "made for qwen2, but the model is llama",
        ),
        (file("short.gguf", &sound[..sound.len() - 1]), "truncated"),
        (
            file(
                "embedding.gguf",
                &file_for("token_embd.weight", "llama", 1.0),
            ),
            "embedding",
        ),
        (
            file("stranger.gguf", &file_for("no.such.weight", "llama", 1.0)),
            "llama.cpp cannot load this adapter",
        ),
    ] {
        for outcome in [
            worker.prepare(None, Some(&path)).await.err(),
            worker.generate(with_adapter(&path)).await.err(),
        ] {
            assert!(
                matches!(&outcome, Some(EngineError::Refused(reason)) if reason.contains(expected)),
                "{expected}: {outcome:?}"
            );
        }
    }
    inspect(&file("sound.gguf", &sound)).unwrap();
    ask(&worker, request("still there?")).await;
    worker.stop().await;
}

async fn requests_for_different_adapters_all_get_their_reply() {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: u8| folder.path().join(format!("{number}.gguf"));
    for number in [1, 2] {
        std::fs::write(path(number), file("llama", number.into())).unwrap();
    }
    let worker = std::sync::Arc::new(ready().await);
    let mut replies = Vec::new();
    for index in 0..12u8 {
        let adapter = (index % 3 > 0).then(|| path(index % 3));
        let worker = std::sync::Arc::clone(&worker);
        let request = in_chat(
            &index.to_string(),
            Request {
                adapter,
                ..request("hi")
            },
        );
        replies.push(tokio::spawn(async move {
            ask(&worker, request).await.1.usage.completion_tokens
        }));
    }
    for reply in replies {
        assert_eq!(reply.await.unwrap(), 24);
    }
    worker.stop().await;
}

//! How a worker starts, dies, comes back and ends.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chatfriends_engine::{EngineError, Generate, Readiness, WorkerSettings};
use libtest_mimic::Trial;

use crate::asking::{ask, begin_endless, collect, ready, ready_for_long, request};
use crate::rig::{check_fails, kill, replaced, settings, start, starter, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_killed_worker_is_reported_within_a_second_and_comes_back",
            a_killed_worker_is_reported_within_a_second_and_comes_back,
        ),
        trial(
            "a_worker_that_is_killed_again_and_again_is_given_up",
            a_worker_that_is_killed_again_and_again_is_given_up,
        ),
        trial(
            "unusable_model_files_fail_with_a_sentence",
            unusable_model_files_fail_with_a_sentence,
        ),
        trial(
            "a_model_too_large_for_memory_is_not_loaded",
            a_model_too_large_for_memory_is_not_loaded,
        ),
        trial("an_unknown_device_is_named", an_unknown_device_is_named),
        trial(
            "a_worker_ends_with_its_daemon",
            a_worker_ends_with_its_daemon,
        ),
        trial("stopping_ends_open_replies", stopping_ends_open_replies),
    ]
}

async fn a_killed_worker_is_reported_within_a_second_and_comes_back() {
    let worker = ready_for_long(1, 8192).await;
    let pid = worker.pid();
    let reply = begin_endless(&worker, "a").await;
    kill(pid);
    let killed = Instant::now();
    let (_, outcome) = collect(reply).await;
    assert!(
        matches!(&outcome, Err(EngineError::Gone(reason)) if reason.contains("signal 9")),
        "{outcome:?}"
    );
    assert!(
        killed.elapsed() < Duration::from_secs(1),
        "{:?}",
        killed.elapsed()
    );
    // Nobody is sent to the dead one. The next one may be ready already; its process is known before.
    let readiness = worker.readiness();
    assert!(
        readiness != Readiness::Ready || worker.pid().is_some_and(|next| Some(next) != pid),
        "{readiness:?}"
    );
    replaced(&worker, pid).await.unwrap();
    ask(&worker, request("and now?")).await;
    worker.stop().await;
}

async fn a_worker_that_is_killed_again_and_again_is_given_up() {
    let worker = ready().await;
    for death in 1..=5 {
        let pid = worker.pid();
        kill(pid);
        let back = replaced(&worker, pid).await;
        assert_eq!(back.is_ok(), death < 5, "{death}: {back:?}");
    }
    let Readiness::Failed(reason) = worker.readiness() else {
        panic!("{:?}", worker.readiness())
    };
    assert!(
        reason.contains("died 5 times within 10 minutes") && reason.contains("signal 9"),
        "{reason}"
    );
    worker.stop().await;
}

async fn unusable_model_files_fail_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let model = std::fs::read(starter()).expect("the starter model must be there");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        WorkerSettings {
            model: path,
            ..settings()
        }
    };
    check_fails(
        WorkerSettings {
            model: folder.path().join("none.gguf"),
            ..settings()
        },
        "none.gguf: there is no such file",
    )
    .await;
    check_fails(
        WorkerSettings {
            model: folder.path().into(),
            ..settings()
        },
        "this is not a file",
    )
    .await;
    check_fails(
        file("short.gguf", &model[..model.len() - 1]),
        "the file is truncated",
    )
    .await;
    check_fails(file("header.gguf", &model[..1000]), "the file is truncated").await;
    check_fails(
        file("words.gguf", b"these are words"),
        "this is not a GGUF file",
    )
    .await;
    check_fails(
        file("adapter.gguf", &crate::adapter::file("llama", 1.0)),
        "LoRA adapter for llama, not a model",
    )
    .await;
    // The header is sound, but llama.cpp finds a tensor missing: its name was changed.
    let mut renamed = model;
    let place = renamed
        .windows(17)
        .position(|window| window == b"token_embd.weight")
        .unwrap();
    renamed[place] = b'T';
    check_fails(
        file("renamed.gguf", &renamed),
        "llama.cpp cannot load this model",
    )
    .await;
}

async fn a_model_too_large_for_memory_is_not_loaded() {
    let settings = WorkerSettings {
        context: Some(1 << 20),
        slots: 256,
        ..settings()
    };
    let worker = start(settings);
    match worker.ready().await {
        Err(EngineError::NoRoom(reason)) => {
            assert!(
                reason.contains("lower engine.context or engine.slots"),
                "{reason}"
            );
        }
        other => panic!("{other:?}"),
    }
    let Readiness::NoRoom(shortage) = worker.readiness() else {
        panic!("{:?}", worker.readiness());
    };
    assert!(shortage.needed > shortage.available && shortage.available > 0);
    worker.stop().await;
}

async fn an_unknown_device_is_named() {
    check_fails(
        WorkerSettings {
            devices: vec!["CUDA7".into()],
            ..settings()
        },
        if cfg!(feature = "vulkan") {
            "there is no device \"CUDA7\"; llama.cpp sees Vulkan0, CPU"
        } else {
            "there is no device \"CUDA7\"; llama.cpp sees CPU"
        },
    )
    .await;
    check_fails(
        WorkerSettings {
            devices: vec!["CPU".into()],
            ..settings()
        },
        "use engine.gpu_layers = 0",
    )
    .await;
}

/// The daemon's death is the end of the worker's input, whatever killed it.
async fn a_worker_ends_with_its_daemon() {
    let program = std::env::current_exe().unwrap();
    let mut worker = Command::new(program)
        .arg("engine")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(worker.stdin.take());
    let since = Instant::now();
    while worker.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(5), "it lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn stopping_ends_open_replies() {
    let worker = ready_for_long(1, 8192).await;
    let reply = begin_endless(&worker, "a").await;
    let since = Instant::now();
    worker.stop().await;
    assert!(
        since.elapsed() < Duration::from_secs(3),
        "it had to be killed"
    );
    assert!(matches!(collect(reply).await.1, Err(EngineError::Gone(_))));
    assert!(matches!(
        worker.generate(request("hi")).await,
        Err(EngineError::Gone(_))
    ));
    assert!(matches!(worker.readiness(), Readiness::Failed(_)));
}

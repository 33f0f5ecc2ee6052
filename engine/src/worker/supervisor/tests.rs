//! The supervisor against programs that are no workers. Real workers are tested in `engine/tests`.

use super::*;
use crate::generate::Generate;
use crate::request::tests::harmless;
use crate::worker::Worker;

fn start(path: &str, args: &[&str]) -> Worker {
    start_within(Limits::default().handshake, path, args)
}

fn start_within(handshake: Duration, path: &str, args: &[&str]) -> Worker {
    let limits = Limits {
        handshake,
        first_pause: Duration::from_millis(1),
        deaths: 3,
        farewell: Duration::from_millis(300),
        overdue: Duration::from_millis(100),
        longest_pause: Duration::from_millis(50),
        ..Limits::default()
    };
    let program = Program {
        path: path.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
    };
    Worker::supervise(
        program,
        WorkerSettings::new("/nonexistent.gguf"),
        limits,
        watch::Sender::default(),
    )
}

async fn check_fails(worker: Worker, expected: &str) {
    let waited = tokio::time::timeout(Duration::from_secs(60), worker.ready())
        .await
        .expect("it must give up");
    match waited {
        Err(EngineError::Refused(reason)) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(worker.readiness(), Readiness::Failed(_)));
    // Calls are answered at once, with the same reason.
    match worker.generate(harmless()).await {
        Err(EngineError::Refused(reason)) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        worker.count(vec!["x".into()]).await,
        Err(EngineError::Refused(_))
    ));
    worker.stop().await;
    assert!(matches!(
        worker.count(vec!["x".into()]).await,
        Err(EngineError::Gone(_))
    ));
}

#[tokio::test]
async fn a_missing_program_is_hopeless_at_once() {
    check_fails(
        start("/nonexistent/worker", &[]),
        "/nonexistent/worker could not be started",
    )
    .await;
}

#[tokio::test]
async fn a_program_that_keeps_dying_is_given_up() {
    check_fails(start("/bin/false", &[]), "died 3 times within 10 minutes").await;
}

#[tokio::test]
async fn the_last_words_of_the_dead_are_reported() {
    check_fails(
        start(
            "/bin/sh",
            &["-c", "echo 'GGML_ASSERT(x) failed' >&2; kill -ABRT $$"],
        ),
        "signal 6 (GGML_ASSERT(x) failed)",
    )
    .await;
}

#[tokio::test]
async fn a_program_that_speaks_something_else_is_given_up() {
    check_fails(
        start("/bin/echo", &["hello, I am not a worker"]),
        "its output is damaged",
    )
    .await;
    // It repeats our own messages.
    check_fails(start("/bin/cat", &[]), "its output is damaged").await;
}

#[tokio::test]
async fn a_program_that_says_nothing_is_killed() {
    let patience = Duration::from_millis(300);
    check_fails(
        start_within(patience, "/bin/sleep", &["1000"]),
        "no greeting came",
    )
    .await;
}

#[tokio::test]
async fn impossible_settings_start_nothing() {
    let settings = WorkerSettings {
        slots: 0,
        ..WorkerSettings::new("x.gguf")
    };
    check_fails(
        Worker::start_program("/bin/cat", Vec::new(), settings),
        "slots: must be from 1 to 256",
    )
    .await;
}

#[tokio::test]
async fn while_it_starts_calls_are_told_so() {
    let worker = start("/bin/sleep", &["1000"]);
    assert!(matches!(worker.readiness(), Readiness::Waiting(_)));
    assert_eq!(
        worker.generate(harmless()).await.unwrap_err(),
        EngineError::Gone("the model is being loaded".into())
    );
    // Stopping does not wait for a worker that does not listen.
    tokio::time::timeout(Duration::from_secs(5), worker.stop())
        .await
        .unwrap();
}

#[test]
fn pauses_double_up_to_a_limit() {
    let limits = Limits::default();
    let pauses: Vec<u128> = [1, 2, 3, 100]
        .iter()
        .map(|deaths| pause_after(*deaths, &limits).as_millis())
        .collect();
    assert_eq!(pauses, [100, 200, 400, 30_000]);
}

fn ready() -> Report {
    Report::Ready {
        needed: 0,
        mapped: 0,
        offloads: false,
    }
}

/// A shell command that says these to its daemon.
fn saying(reports: &[Report]) -> String {
    let frames = reports
        .iter()
        .flat_map(|report| super::super::protocol::encode(report).unwrap());
    let octal: String = frames.map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{octal}'")
}

#[tokio::test]
async fn a_worker_that_answers_no_question_is_found_to_hang() {
    let hello = Report::Hello { version: VERSION };
    let script = format!("{}; exec sleep 1000", saying(&[hello, ready()]));
    let worker = start("/bin/sh", &["-c", &script]);
    worker.ready().await.unwrap();
    for outcome in [
        worker.count(vec!["x".into()]).await.map(drop),
        async {
            worker.ready().await?;
            worker.prepare(None, None).await.map(drop)
        }
        .await,
    ] {
        assert!(
            matches!(&outcome, Err(EngineError::Gone(reason)) if reason.contains("it hung")),
            "{outcome:?}"
        );
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_model_that_has_run_and_cannot_be_loaded_for_a_moment_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let hello = || Report::Hello { version: VERSION };
    let reason = "the file ends in the middle".into();
    // Ready and gone, then no whole file, then ready for good.
    let script = format!(
        "cd {}; if mkdir first 2>/dev/null; then {}; exit 1; elif mkdir second 2>/dev/null; then {}; exit 0; fi; {}; exec sleep 1000",
        folder.path().display(),
        saying(&[hello(), ready()]),
        saying(&[hello(), Report::Failed { reason }]),
        saying(&[hello(), ready()]),
    );
    let worker = start("/bin/sh", &["-c", &script]);
    let mut readiness = worker.readiness.clone();
    let came_back = async {
        let mut seen = Vec::new();
        while !folder.path().join("second").exists() || worker.readiness() != Readiness::Ready {
            readiness.changed().await.unwrap();
            seen.push(readiness.borrow_and_update().clone());
        }
        seen
    };
    let seen = tokio::time::timeout(Duration::from_secs(60), came_back)
        .await
        .expect("it must come back");
    assert!(
        !seen.iter().any(|it| matches!(it, Readiness::Failed(_))),
        "{seen:?}"
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_program_that_cannot_be_started_just_now_is_tried_again() {
    // A file open for writing cannot be run.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(file.path(), mode).unwrap();
    check_fails(
        start(file.path().to_str().unwrap(), &[]),
        "died 3 times within 10 minutes",
    )
    .await;
}

/// A worker whose driver fails: it ends after these words, unless it is told to leave the device alone. Then it makes a folder.
fn with_a_broken_device(folder: &std::path::Path, last: &[Report]) -> Worker {
    let well = [Report::Hello { version: VERSION }, ready()];
    let script = format!(
        "if dd bs=4096 count=1 2>/dev/null | grep -q '\"gpu_layers\":0'; then mkdir {}/well; {}; exec sleep 1000; fi; {}; exit 1",
        folder.display(),
        saying(&well),
        saying(last),
    );
    start("/bin/sh", &["-c", &script])
}

#[tokio::test]
async fn where_the_graphics_processor_fails_the_processor_computes() {
    let hello = || Report::Hello { version: VERSION };
    let reason = "out of memory".to_owned();
    let offloaded = Report::Ready {
        needed: 0,
        mapped: 0,
        offloads: true,
    };
    for last in [
        vec![hello(), Report::Offloading],
        vec![hello(), Report::Offloading, Report::Failed { reason }],
        // Its first step ends it, again and again.
        vec![hello(), Report::Offloading, offloaded],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let worker = with_a_broken_device(folder.path(), &last);
        let mut readiness = worker.readiness.clone();
        let gets_well = async {
            while !folder.path().join("well").exists() || worker.readiness() != Readiness::Ready {
                readiness.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), gets_well)
            .await
            .unwrap_or_else(|_| panic!("{last:?}"));
        worker.stop().await;
    }
    // Where there is no device, or another one was meant, nothing else is tried.
    let reason = "there is no CUDA7".to_owned();
    for last in [
        vec![hello(), ready()],
        vec![hello(), Report::Offloading, Report::Misset { reason }],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let worker = with_a_broken_device(folder.path(), &last);
        let mut readiness = worker.readiness.clone();
        let given_up = readiness.wait_for(|now| matches!(now, Readiness::Failed(_)));
        tokio::time::timeout(Duration::from_secs(60), given_up)
            .await
            .expect("it must give up")
            .unwrap();
        assert!(!folder.path().join("well").exists());
        worker.stop().await;
    }
}

//! What the tests share: a runtime, the starter model, a worker and its death.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use chatfriends_engine::{EngineError, Generate, Readiness, Worker, WorkerSettings};
use libtest_mimic::Trial;

/// A test in a runtime of its own. A test that hangs fails.
pub(crate) fn trial<F: Future<Output = ()> + 'static>(name: &str, test: fn() -> F) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(120), test()).await })?;
        Ok(())
    })
}

pub(crate) fn starter() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../personas/starter/starter.gguf")
}

pub(crate) fn settings() -> WorkerSettings {
    // Tests run side by side; more threads than processors make all of them slow.
    WorkerSettings {
        threads: Some(1),
        context: Some(1024),
        ..WorkerSettings::new(starter())
    }
}

pub(crate) fn start(settings: WorkerSettings) -> Worker {
    let program = std::env::current_exe().expect("a test knows its program");
    Worker::start_program(program, vec!["engine".into()], settings)
}

pub(crate) async fn check_fails(settings: WorkerSettings, expected: &str) {
    let worker = start(settings);
    match worker.ready().await {
        Err(EngineError::Refused(reason)) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{expected}: {other:?}"),
    }
    assert!(matches!(worker.readiness(), Readiness::Failed(_)));
    // No crash loop.
    assert_eq!(worker.pid(), None);
    worker.stop().await;
}

/// Ends a worker's process from outside.
#[cfg(feature = "llama")]
pub(crate) fn kill(pid: Option<u32>) {
    let pid = pid.expect("a ready worker has a process").to_string();
    assert!(
        // The shell's own `kill`; a program of that name is not everywhere.
        std::process::Command::new("sh")
            .args(["-c", "kill -9 \"$0\"", &pid])
            .status()
            .unwrap()
            .success()
    );
}

/// Waits until another worker is ready in place of a killed one, or is given up.
#[cfg(feature = "llama")]
pub(crate) async fn replaced(worker: &Worker, killed: Option<u32>) -> Result<(), EngineError> {
    // The process is gone a moment before readiness tells of it, so that neither its going nor readiness alone will do.
    while worker.pid().is_none_or(|next| Some(next) == killed)
        && !matches!(worker.readiness(), Readiness::Failed(_))
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.ready().await
}

//! Several models on a machine with memory for few of them. The workers are shell scripts, which count themselves in a folder.

use std::fs;

use super::*;
use crate::generate::Shortage;
use crate::worker::protocol::{Report, VERSION, encode};

/// A machine with memory for so many models at a time.
struct Machine {
    folder: tempfile::TempDir,
    pool: Arc<Pool>,
}

impl Machine {
    fn with_memory_for(models: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let says = |reports: &[Report]| {
            let frames = reports.iter().flat_map(|report| encode(report).unwrap());
            let octal: String = frames.map(|byte| format!("\\{byte:03o}")).collect();
            format!("printf '{octal}'")
        };
        let hello = || Report::Hello { version: VERSION };
        let short = |needed| {
            let reason = format!("it needs {needed} bytes");
            Report::NoRoom(Shortage {
                needed,
                available: 1,
                reason,
            })
        };
        let ready = Report::Ready {
            needed: 8,
            mapped: 0,
            offloads: false,
        };
        // It ends with its input, as a worker does.
        let script = format!(
            "cd {}; echo >> starts; \
             dd bs=4096 count=1 2> /dev/null | grep -q '\"huge\"' && {{ {}; exit; }}; \
             [ -e broken ] && {{ {}; exit; }}; \
             mkdir loading 2> /dev/null || echo >> overlaps; sleep 0.05; rmdir loading 2> /dev/null; \
             [ $(ls -d used.* 2> /dev/null | wc -l) -ge {models} ] && {{ {}; exit; }}; \
             mkdir used.$$; {}; cat > /dev/null; rmdir used.$$",
            folder.path().display(),
            says(&[hello(), short(1000)]),
            says(&[
                hello(),
                Report::Failed {
                    reason: "it is no model".into()
                }
            ]),
            says(&[hello(), short(8)]),
            says(&[hello(), ready]),
        );
        let pool = Pool {
            program: Program {
                path: "/bin/sh".into(),
                args: vec!["-c".into(), script],
            },
            ..Pool::default()
        };
        Self {
            folder,
            pool: Arc::new(pool),
        }
    }

    async fn open(&self, model: &str) -> Result<Arc<Worker>, EngineError> {
        let settings = WorkerSettings::new(model);
        tokio::time::timeout(Duration::from_secs(60), self.pool.open(&settings))
            .await
            .expect("it must come to an end")
    }

    fn running(&self) -> Vec<String> {
        let running = self.pool.running();
        let models = running.iter().map(|it| it.model.display().to_string());
        models.collect()
    }

    /// Waits until so many workers were started, and none is being asked any more.
    async fn has_started(&self, starts: usize) {
        let started = async {
            let waits = |it: &Running| matches!(it.worker.readiness(), Readiness::Waiting(_));
            while self.starts() < starts || self.pool.running().iter().any(waits) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), started)
            .await
            .expect("it must come so far");
    }

    fn starts(&self) -> usize {
        let starts = fs::read_to_string(self.folder.path().join("starts"));
        starts.map_or(0, |starts| starts.lines().count())
    }
}

#[tokio::test]
async fn a_model_starts_with_its_first_use_and_goes_on() {
    let machine = Machine::with_memory_for(2);
    assert_eq!(machine.pool.readiness("a".as_ref()), Readiness::Ready);
    assert!(!machine.pool.runs("a".as_ref()));
    assert_eq!(machine.starts(), 0);
    for _ in 0..3 {
        for model in ["a", "b"] {
            machine.open(model).await.unwrap();
        }
    }
    assert_eq!(machine.running(), ["a", "b"]);
    assert_eq!(machine.starts(), 2);
    machine.pool.stop().await;
    assert_eq!(machine.running(), [""; 0]);
}

#[tokio::test]
async fn the_one_that_was_opened_longest_ago_ends_for_the_next() {
    let machine = Machine::with_memory_for(2);
    for model in ["a", "b", "a", "c"] {
        machine.open(model).await.unwrap();
    }
    assert_eq!(machine.running(), ["a", "c"]);
    assert_eq!(*machine.pool.lives().borrow(), 3);
    machine.open("b").await.unwrap();
    assert_eq!(machine.running(), ["c", "b"]);
    // It knows nothing of what was computed before.
    assert_eq!(*machine.pool.lives().borrow(), 4);
    machine.pool.stop().await;
}

#[tokio::test]
async fn a_model_that_is_used_is_waited_for() {
    let machine = Machine::with_memory_for(1);
    let used = machine.open("a").await.unwrap();
    let next = async { machine.open("b").await.map(drop) };
    let last = async {
        machine.has_started(2).await;
        assert_eq!(used.readiness(), Readiness::Ready);
        drop(used);
    };
    tokio::join!(next, last).0.unwrap();
    assert_eq!(machine.running(), ["b"]);
    machine.pool.stop().await;
}

#[tokio::test]
async fn who_waits_for_memory_is_served_before_those_who_come_later() {
    let machine = Machine::with_memory_for(1);
    let used = machine.open("a").await.unwrap();
    let served = Mutex::new(Vec::new());
    let open = async |model| {
        let opened = machine.open(model).await.unwrap();
        served.lock().unwrap().push(model);
        drop(opened);
    };
    let later = async {
        machine.has_started(2).await;
        while machine.pool.ending.try_lock().is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // It runs, and would never be free if everybody who asks for it got it.
        tokio::join!(open("a"), async { drop(used) });
    };
    tokio::join!(open("b"), later);
    assert_eq!(*served.lock().unwrap(), ["b", "a"]);
    assert_eq!(machine.running(), ["a"]);
    machine.pool.stop().await;
}

#[tokio::test]
async fn a_model_that_fits_nowhere_is_refused_and_tried_again_with_its_next_use() {
    let machine = Machine::with_memory_for(0);
    for _ in 0..2 {
        let refused = machine.open("a").await;
        assert!(
            matches!(&refused, Err(EngineError::NoRoom(reason)) if reason == "it needs 8 bytes"),
            "{refused:?}"
        );
        assert!(matches!(
            machine.pool.readiness("a".as_ref()),
            Readiness::NoRoom(_)
        ));
    }
    // Memory has become free meanwhile.
    let machine = Machine::with_memory_for(1);
    let other = machine.folder.path().join("used.other");
    fs::create_dir(&other).unwrap();
    assert!(machine.open("a").await.is_err());
    fs::remove_dir(&other).unwrap();
    machine.open("a").await.unwrap();
    machine.pool.stop().await;
}

#[tokio::test]
async fn a_model_that_would_not_fit_alone_ends_no_other() {
    let machine = Machine::with_memory_for(2);
    for model in ["a", "b"] {
        machine.open(model).await.unwrap();
    }
    let refused = machine.open("huge").await;
    assert!(
        matches!(&refused, Err(EngineError::NoRoom(_))),
        "{refused:?}"
    );
    assert_eq!(machine.running(), ["a", "b", "huge"]);
    machine.pool.stop().await;
}

#[tokio::test]
async fn models_are_loaded_one_after_the_other() {
    let machine = Machine::with_memory_for(3);
    let opened = tokio::join!(machine.open("a"), machine.open("b"), machine.open("c"));
    for one in [opened.0, opened.1, opened.2] {
        one.unwrap();
    }
    assert_eq!(machine.starts(), 3);
    assert!(!machine.folder.path().join("overlaps").exists());
    machine.pool.stop().await;
}

#[tokio::test]
async fn a_model_whose_reader_has_left_is_loaded_before_the_next() {
    let machine = Machine::with_memory_for(2);
    for (left, next) in [("a", "b"), ("c", "d")] {
        let leaving = machine.open(left);
        let seen = machine.starts();
        tokio::select! {
            opened = leaving => drop(opened.unwrap()),
            () = async {
                while machine.starts() == seen {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            } => {}
        }
        machine.open(next).await.unwrap();
    }
    assert!(!machine.folder.path().join("overlaps").exists());
    machine.pool.stop().await;
}

#[tokio::test]
async fn a_model_that_could_not_be_loaded_is_tried_again_when_its_file_is_another_one() {
    let machine = Machine::with_memory_for(1);
    let broken = machine.folder.path().join("broken");
    fs::write(&broken, "").unwrap();
    let model = machine.folder.path().join("model.gguf");
    let model = model.to_str().unwrap();
    for _ in 0..2 {
        let refused = machine.open(model).await;
        assert!(
            matches!(&refused, Err(EngineError::Refused(_))),
            "{refused:?}"
        );
    }
    assert_eq!(machine.starts(), 1);
    assert!(!machine.pool.runs(model.as_ref()));
    fs::remove_file(broken).unwrap();
    fs::write(model, "here it is").unwrap();
    machine.open(model).await.unwrap();
    machine.pool.stop().await;
}

#[tokio::test]
async fn what_nobody_wants_any_more_ends() {
    let machine = Machine::with_memory_for(2);
    let used = machine.open("a").await.unwrap();
    machine.open("b").await.unwrap();
    machine.pool.keep(|model, _| model == Path::new("b"));
    assert_eq!(machine.running(), ["b"]);
    // Whoever holds it still has it.
    assert_eq!(used.readiness(), Readiness::Ready);
    used.stop().await;
    machine.pool.stop().await;
}

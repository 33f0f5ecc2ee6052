//! The engine against Transformers: what it finds likely in the models of `engine/tests/references`, as they are, with an adapter,
//! and quantised. `python -m chatfriends_train.references` has made them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use chatfriends_engine::{Job, Quantization};
use libtest_mimic::Trial;
use serde_json::{Value, json};

/// Largest difference of a log-probability. Weights and cache are rounded to 16 bits, which made 0.01 at most.
const CLOSE: f64 = 0.03;
/// With weights of 8 bits: 0.2 at most.
const QUANTISED: f64 = 0.5;

/// One trial for each model, so that a failure names the architecture.
pub(crate) fn trials() -> Vec<Trial> {
    let mut notes: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the references are part of the repository")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "json"))
        .collect();
    notes.sort();
    assert!(notes.len() >= 7, "references are missing: {notes:?}");
    let trial = |note: &PathBuf| {
        let note = note.clone();
        let name = note.file_stem().unwrap_or_default().to_string_lossy();
        Trial::test(
            format!("{name}_computes_what_transformers_does"),
            move || {
                check(&note);
                Ok(())
            },
        )
    };
    notes.iter().map(trial).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/references")
}

fn check(note: &Path) {
    let reference: Value = serde_json::from_slice(&std::fs::read(note).unwrap()).unwrap();
    let model = note.with_extension("gguf");
    let tokens = answer(
        &Job::Tokenize {
            model: model.clone(),
        },
        &json!({ "text": reference["text"] }),
    );
    assert_eq!(tokens["special"], reference["tokens"], "its tokens");

    let scratch = tempfile::tempdir().unwrap();
    let compare = |model: &Path, adapter: Option<PathBuf>, expected: &Value, tolerance: f64| {
        let rows = scratch.path().join("rows");
        let job = Job::Score {
            model: model.to_owned(),
            adapter,
            rows: Some(rows.clone()),
        };
        let asked = json!({ "tokens": reference["tokens"], "rows": reference["places"] });
        let found = numbers(&answer(&job, &asked)["log_probabilities"]);
        // Nothing stands before the first token.
        check_near(
            "tokens",
            &found,
            &numbers(&expected["log_probabilities"]),
            tolerance,
        );
        let wanted: Vec<f64> = expected["rows"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(numbers)
            .collect();
        check_near("distributions", &floats(&rows), &wanted, tolerance);
    };
    compare(&model, None, &reference["base"], CLOSE);
    if !reference["adapter"].is_null() {
        let adapter = note.with_extension("adapter.gguf");
        compare(&model, Some(adapter), &reference["adapter"], CLOSE);
    }
    for (quantization, falls_back) in [(Quantization::Q8_0, false), (Quantization::Q4KM, true)] {
        let output = scratch.path().join(format!("{quantization}.gguf"));
        let job = Job::Quantize {
            input: model.clone(),
            output: output.clone(),
            quantization,
        };
        let done = job.command().unwrap().output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        // Their rows have 64 weights, which K-quants cannot cut into blocks of 256.
        assert_eq!(said.contains("no multiple of 256"), falls_back, "{said}");
        if quantization == Quantization::Q8_0 {
            compare(&output, None, &reference["base"], QUANTISED);
        }
        let again = Job::Quantize {
            input: output,
            output: scratch.path().join("again.gguf"),
            quantization,
        };
        let refused = again.command().unwrap().output().unwrap();
        let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{reason}");
        assert!(reason.contains("quantised already"), "{reason}");
    }
}

/// One line in, one line out.
fn answer(job: &Job, line: &Value) -> Value {
    let mut child = job
        .command()
        .unwrap()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

fn check_near(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let pairs = found.iter().zip(expected);
    let difference = pairs
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f64::max);
    // Written so that what is no number fails.
    assert!(difference <= tolerance, "{what} differ by {difference}");
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .collect()
}

fn floats(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    let numbers = bytes.as_chunks::<4>().0.iter();
    numbers
        .map(|bytes| f32::from_le_bytes(*bytes).into())
        .collect()
}

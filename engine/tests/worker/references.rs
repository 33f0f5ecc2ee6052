//! The engine against Transformers: what it finds likely in the models of `engine/tests/references`, as they are, with an adapter,
//! and quantised. `python -m chatfriends_train.references` has made them.

use std::path::{Path, PathBuf};
use std::slice;

use chatfriends_engine::{Job, Quantization};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::jobs::answers;

/// Largest difference of a log-probability, in nats, where only the cache and some weights are rounded to 16 bits. It was 0.003 at
/// most; processors that add in another order may differ a little more, and devices were 0.011 off. What an adapter changes is 0.17 at least.
const CLOSE: f64 = if cfg!(feature = "vulkan") { 0.02 } else { 0.01 };
/// With weights of 8 bits it was 0.05 at most.
const EIGHT_BITS: f64 = 0.15;
/// With 5 bits, to which Q4_K_M falls back in rows so short, it was 0.3 at most.
const FIVE_BITS: f64 = 0.9;

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
            template: None,
        },
        &json!({ "text": reference["text"] }),
    );
    assert_eq!(tokens["special"], reference["tokens"], "its tokens");

    let scratch = tempfile::tempdir().unwrap();
    let differs = |model: &Path, adapter: Option<PathBuf>, expected: &Value| {
        let rows = scratch.path().join("rows");
        let job = Job::Score {
            model: model.to_owned(),
            adapter,
            rows: Some(rows.clone()),
        };
        let asked = json!({ "tokens": reference["tokens"], "rows": reference["places"] });
        let answer = answer(&job, &asked);
        let scores = answer["log_probabilities"].as_array().unwrap();
        assert!(scores[0].is_null(), "nothing stands before the first token");
        let found = scores[1..].iter().filter_map(Value::as_f64);
        let found: Vec<f64> = found.chain(floats(&rows)).collect();
        let wanted = numbers(&expected["log_probabilities"]).into_iter();
        let distributions = expected["rows"].as_array().unwrap().iter();
        let wanted: Vec<f64> = wanted.chain(distributions.flat_map(numbers)).collect();
        largest_difference(&found, &wanted)
    };
    let is_within = |what: &str, difference: f64, tolerance: f64| {
        // Written so that what is no number fails.
        assert!(difference <= tolerance, "{what} differs by {difference}");
    };
    is_within(
        "the model",
        differs(&model, None, &reference["base"]),
        CLOSE,
    );
    if !reference["adapter"].is_null() {
        let adapter = note.with_extension("adapter.gguf");
        let difference = differs(&model, Some(adapter), &reference["adapter"]);
        is_within("with its adapter it", difference, CLOSE);
        // Otherwise this would not notice an adapter that is not applied.
        assert!(differs(&model, None, &reference["adapter"]) > 0.1);
    }
    for (quantization, tolerance, falls_back) in [
        (Quantization::Q8_0, EIGHT_BITS, false),
        (Quantization::Q4KM, FIVE_BITS, true),
    ] {
        let output = scratch.path().join(format!("{quantization}.gguf"));
        let job = |input: &Path, output: &Path| Job::Quantize {
            input: input.to_owned(),
            output: output.to_owned(),
            quantization,
        };
        let done = job(&model, &output).command().unwrap().output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        // Their rows have 64 weights, which K-quants cannot cut into blocks of 256.
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(said.contains("no multiple of 256"), falls_back, "{said}");
        let difference = differs(&output, None, &reference["base"]);
        is_within(&quantization.to_string(), difference, tolerance);
        let again = scratch.path().join("again.gguf");
        let refused = job(&output, &again).command().unwrap().output().unwrap();
        let reason = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{reason}");
        assert!(reason.contains("quantised already"), "{reason}");
    }
}

/// One line in, one line out.
fn answer(job: &Job, line: &Value) -> Value {
    answers(job, slice::from_ref(line)).remove(0)
}

fn largest_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let differences = found
        .iter()
        .zip(expected)
        .map(|(one, other)| (one - other).abs());
    // `f64::max` would pass over what is no number.
    differences.fold(0.0, |most, next| {
        if most.is_nan() || next <= most {
            most
        } else {
            next
        }
    })
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

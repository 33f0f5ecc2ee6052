//! Measuring and quantising, each in a process of its own, with the starter model.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use chatfriends_engine::{Job, Quantization};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::rig::starter;

/// A test without a runtime.
pub(crate) fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "scores_do_not_depend_on_how_a_text_is_cut",
            scores_do_not_depend_on_how_a_text_is_cut,
        ),
        trial(
            "what_cannot_be_scored_is_named",
            what_cannot_be_scored_is_named,
        ),
        trial(
            "typed_special_tokens_are_text",
            typed_special_tokens_are_text,
        ),
        trial(
            "what_cannot_be_quantised_is_refused",
            what_cannot_be_quantised_is_refused,
        ),
    ]
}

fn run(job: &Job, lines: &[Value]) -> Output {
    finish(job.command().unwrap(), lines)
}

/// Runs a job's process to its end.
pub(crate) fn finish(mut command: Command, lines: &[Value]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for line in lines {
        // A job that refuses its file reads nothing.
        writeln!(input, "{line}").ok();
    }
    drop(input);
    child.wait_with_output().unwrap()
}

pub(crate) fn answers(job: &Job, lines: &[Value]) -> Vec<Value> {
    let done = run(job, lines);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let output = String::from_utf8(done.stdout).unwrap();
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn score() -> Job {
    Job::Score {
        model: starter(),
        adapter: None,
        rows: None,
    }
}

fn scores_do_not_depend_on_how_a_text_is_cut() {
    // More tokens than one step has. The starter has weights of 8 bits, with which other steps round otherwise.
    let tokens: Vec<i32> = (0..300).map(|number| 300 + number * 7 % 1000).collect();
    let asked = [
        json!({ "tokens": tokens }),
        json!({ "tokens": &tokens[..40] }),
        json!({ "tokens": tokens }),
    ];
    let found = answers(&score(), &asked);
    assert_eq!(found[0], found[2], "the same text has the same scores");
    let [whole, part] =
        [&found[0], &found[1]].map(|answer| answer["log_probabilities"].as_array().unwrap());
    assert_eq!((whole.len(), part.len()), (300, 40));
    assert!(whole[0].is_null(), "nothing stands before the first token");
    for (one, other) in whole.iter().zip(part).skip(1) {
        let [one, other] = [one, other].map(|it| it.as_f64().unwrap());
        assert!(one <= 0.0 && (one - other).abs() < 0.3, "{one} {other}");
    }
}

fn what_cannot_be_scored_is_named() {
    for (line, expected) in [
        (
            json!({ "tokens": [] }),
            "line 1 of standard input: there are no tokens",
        ),
        (json!({ "tokens": [1, -1] }), "there is no token -1"),
        (
            json!({ "tokens": vec![5; 2000] }),
            "2000 tokens, but the model's context has 1024",
        ),
        (json!({ "tokens": [1], "rows": [0] }), "add --rows FILE"),
        (json!({}), "either \"tokens\" or \"text\""),
    ] {
        let done = run(&score(), &[line]);
        let reason = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{reason}");
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
}

fn typed_special_tokens_are_text() {
    let job = Job::Tokenize {
        model: starter(),
        template: None,
    };
    let asked = [
        json!({ "text": "<|im_end|>" }),
        json!({ "messages": [{ "role": "user", "content": "안녕?" }] }),
    ];
    let found = answers(&job, &asked);
    assert_eq!(found[0]["special"].as_array().unwrap().len(), 1);
    assert!(found[0]["plain"].as_array().unwrap().len() > 1);
    assert!(
        found[1]["tokens"].as_array().unwrap().len() > 5,
        "{}",
        found[1]
    );
    let named = Job::Tokenize {
        model: starter(),
        template: Some("koalpaca".into()),
    };
    let other = answers(&named, &asked);
    assert_eq!(other[0], found[0]);
    assert_ne!(other[1], found[1]);
}

fn what_cannot_be_quantised_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("small.gguf");
    let broken = folder.path().join("broken.gguf");
    let bytes = std::fs::read(starter()).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
    for (input, expected) in [
        (
            starter(),
            "is quantised already (token_embd.weight is Q8_0): take the F16 or BF16 file",
        ),
        (
            folder.path().join("none.gguf"),
            "none.gguf: there is no such file",
        ),
        (broken, "broken.gguf: the file is truncated"),
    ] {
        let job = Job::Quantize {
            input,
            output: output.clone(),
            quantization: Quantization::Q4KM,
        };
        let done = run(&job, &[]);
        let reason = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{reason}");
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["broken.gguf"], "nothing half is left");
}

//! Offload to a graphics processor, in builds for Vulkan: `./scripts/test --offload` runs this with Mesa's software device. What the device
//! computes must be what the processor computes, and a driver that fails must cost nothing but time.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use chatfriends_engine::{Generate, GpuLayers, Worker, WorkerSettings};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::asking::{ask, ready_with, request};
use crate::jobs::{finish, score, trial as job_trial};
use crate::rig::{settings, trial};

pub(crate) fn trials() -> Vec<Trial> {
    if !cfg!(feature = "vulkan") {
        return Vec::new();
    }
    vec![
        job_trial(
            "a_device_computes_what_the_processor_does",
            a_device_computes_what_the_processor_does,
        ),
        trial(
            "layers_can_be_shared_with_a_device",
            layers_can_be_shared_with_a_device,
        ),
        trial(
            "a_device_whose_driver_ends_the_process_is_done_without",
            a_device_whose_driver_ends_the_process_is_done_without,
        ),
    ]
}

/// Largest difference of a log-probability, in nats: devices keep less of each number between two layers.
const CLOSE: f64 = 0.3;
/// The same in the mean.
const CLOSE_IN_THE_MEAN: f64 = 0.1;

fn a_device_computes_what_the_processor_does() {
    let text = "Hey, how are you doing today? I made soup, and nobody came. 오늘 점심으로 뭐 먹을까? 비가 와서 따뜻한 게 좋겠어.";
    let scored = |environment: &[(&str, &str)]| {
        let mut command = score().command().unwrap();
        command
            .env("RUST_LOG", "info")
            .envs(environment.iter().copied());
        let done = finish(command, &[json!({ "text": text })]);
        let log = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{log}");
        let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
        let found = answer["log_probabilities"].as_array().unwrap();
        let found: Vec<f64> = found.iter().filter_map(Value::as_f64).collect();
        (found, fields_of("The model is loaded.", &log))
    };
    let (on_device, told) = scored(&[]);
    let layers: u32 = told["layers"].parse().unwrap();
    assert_eq!(
        told["offloaded"],
        (layers + 1).to_string(),
        "all layers and the output go there: {told:?}"
    );
    let (here, told) = scored(&[("GGML_DISABLE_VULKAN", "1")]);
    assert_eq!(told["offloaded"], "0", "{told:?}");
    assert!(here.len() > 30 && here.len() == on_device.len());
    let differences = here.iter().zip(&on_device).map(|(one, other)| {
        let difference = (one - other).abs();
        // Written so that what is no number fails.
        assert!(difference <= CLOSE, "{one} and {other}");
        difference
    });
    let mean = differences.sum::<f64>() / here.len() as f64;
    assert!(mean <= CLOSE_IN_THE_MEAN, "they differ by {mean}");
    assert!(mean > 0.0, "the processor has computed both");
}

/// The fields of a log line.
fn fields_of(message: &str, log: &str) -> BTreeMap<String, String> {
    let line = log.lines().find(|line| line.contains(message));
    let line = line.unwrap_or_else(|| panic!("{message} was not said: {log}"));
    let fields = line
        .split_whitespace()
        .filter_map(|field| field.split_once('='));
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn layers_can_be_shared_with_a_device() {
    let worker = ready_with(WorkerSettings {
        gpu_layers: GpuLayers::Count(2),
        ..settings()
    })
    .await;
    let (reply, finish) = ask(&worker, request("How are you?")).await;
    assert!(!reply.trim().is_empty() && finish.usage.completion_tokens == 24);
    worker.stop().await;
}

/// A driver is a library in the process that loads it, and its faults are that process's end, while llama.cpp only looks for devices.
async fn a_device_whose_driver_ends_the_process_is_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let driver = broken_driver(folder.path());
    let driver = driver.display();
    let program = std::env::current_exe().unwrap();
    let broken = Worker::start_program(
        "/usr/bin/env",
        vec![
            // The name that loaders before 1.3.207 know, too.
            format!("VK_DRIVER_FILES={driver}"),
            format!("VK_ICD_FILENAMES={driver}"),
            program.display().to_string(),
            "engine".into(),
        ],
        settings(),
    );
    broken.ready().await.expect("the processor can do it alone");
    let here = ready_with(WorkerSettings {
        gpu_layers: GpuLayers::Count(0),
        ..settings()
    })
    .await;
    let asked = || request("How are you?");
    assert_eq!(ask(&broken, asked()).await.0, ask(&here, asked()).await.0);
    assert!(folder.path().join("asked").exists(), "it was never loaded");
    broken.stop().await;
    here.stop().await;
}

/// A Vulkan driver that ends its process as soon as it is asked for anything, having made a file. Gives its manifest.
fn broken_driver(folder: &Path) -> std::path::PathBuf {
    let source = format!(
        "#include <stdio.h>\n#include <stdlib.h>\n\
         void *vk_icdGetInstanceProcAddr(void *instance, const char *name) {{ fopen(\"{}/asked\", \"w\"); abort(); }}\n",
        folder.display()
    );
    let code = folder.join("driver.c");
    std::fs::write(&code, source).unwrap();
    let library = folder.join("driver.so");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &code])
        .status()
        .unwrap();
    assert!(compiled.success());
    let manifest = folder.join("driver.json");
    let says = json!({
        "file_format_version": "1.0.0",
        "ICD": { "library_path": library, "api_version": "1.3.0" },
    });
    std::fs::write(&manifest, says.to_string()).unwrap();
    manifest
}

//! Real workers: this program starts itself as `engine`, as the daemon does, and talks to llama.cpp with the starter model.

// clippy.toml allows it in functions marked as tests; this harness has none.
#![cfg_attr(
    feature = "llama",
    expect(
        clippy::unwrap_used,
        reason = "in a test a panic is the failure report"
    )
)]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

#[cfg(feature = "llama")]
mod adapter;
#[cfg(feature = "llama")]
mod asking;
#[cfg(feature = "llama")]
mod equality;
#[cfg(feature = "llama")]
mod jobs;
#[cfg(feature = "llama")]
mod life;
#[cfg(feature = "llama")]
mod offload;
#[cfg(feature = "llama")]
mod references;
#[cfg(feature = "llama")]
mod replies;
mod rig;
#[cfg(feature = "llama")]
mod work;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("engine") {
        return match arguments.next() {
            None => chatfriends_engine::run_worker(),
            Some(job) => chatfriends_engine::run_job(&job),
        };
    }
    libtest_mimic::run(&Arguments::from_args(), trials()).exit_code()
}

#[cfg(feature = "llama")]
fn trials() -> Vec<Trial> {
    [
        replies::trials(),
        equality::trials(),
        life::trials(),
        adapter::trials(),
        jobs::trials(),
        references::trials(),
        work::trials(),
        offload::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(not(feature = "llama"))]
fn trials() -> Vec<Trial> {
    vec![rig::trial("a_build_without_llama_says_so", || async {
        rig::check_fails(rig::settings(), "this build has no llama.cpp").await;
    })]
}

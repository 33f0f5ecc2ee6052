//! How long tests that try to break something take: in short with the others, and as many times as long as `./scripts/torture` says.

/// How many times as long as usual.
pub(crate) fn times() -> u32 {
    let times = std::env::var("TORTURE").unwrap_or_default();
    times.parse().unwrap_or(1)
}

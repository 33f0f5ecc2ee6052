//! What the worker asks the operating system: free memory and processor cores. Elsewhere than on Linux it is told little.

use std::collections::HashSet;

/// Memory that a new program can have now, or `None` where the system does not tell. A container's own limit counts.
pub(crate) fn available() -> Option<u64> {
    let machine = meminfo_available(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(control_group_available().map_or(machine, |group| machine.min(group)))
}

/// Bytes of files that this process has mapped and that lie in memory.
pub(crate) fn mapped() -> Option<u64> {
    bytes_of(
        &std::fs::read_to_string("/proc/self/status").ok()?,
        "RssFile:",
    )
}

fn meminfo_available(meminfo: &str) -> Option<u64> {
    bytes_of(meminfo, "MemAvailable:")
}

/// A figure of the kernel's, which tells kibibytes.
fn bytes_of(told: &str, field: &str) -> Option<u64> {
    let line = told.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What this process's control group (version 2) still allows; pages of files are given back when memory is short.
fn control_group_available() -> Option<u64> {
    let group = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let folder = format!("/sys/fs/cgroup{}", group.trim().strip_prefix("0::")?);
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let statistics = read("memory.stat")?;
    let files = statistics
        .lines()
        .find_map(|line| line.strip_prefix("inactive_file "))?
        .parse()
        .ok()?;
    Some(limit.saturating_sub(used.saturating_sub(files)))
}

/// Threads that compute best: one for each physical core that this process may use. Two on one core only share it.
pub(crate) fn threads() -> u32 {
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|cpuinfo| physical_cores(&cpuinfo));
    u32::try_from(cores.map_or(usable, |cores| cores.min(usable))).unwrap_or(1)
}

/// Refuses a processor without the instructions that this program was compiled for: it would be ended at the first of them, without a word.
///
/// # Errors
/// What is missing, and the remedy.
pub(crate) fn check() -> Result<(), String> {
    let lacking = lacking();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this program was compiled for a processor with {}, which this one lacks: compile it here (./scripts/run does), or name a model server",
        lacking.join(", ")
    ))
}

/// Instructions that this program was compiled for (`scripts/setup.sh` chooses those beyond the baseline) and that this processor lacks.
/// To be asked before anything of ggml runs, which would end the process.
fn lacking() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let needed = [
        ("AVX2", true, is_x86_feature_detected!("avx2")),
        ("F16C", true, is_x86_feature_detected!("f16c")),
        ("FMA", true, is_x86_feature_detected!("fma")),
        ("BMI2", true, is_x86_feature_detected!("bmi2")),
        (
            "AVX-512",
            is_on(option_env!("GGML_AVX512")),
            is_x86_feature_detected!("avx512f"),
        ),
        (
            "AVX-512 BW, CD, DQ and VL",
            is_on(option_env!("GGML_AVX512")),
            is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512cd")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl"),
        ),
        (
            "AVX-512 VBMI",
            is_on(option_env!("GGML_AVX512_VBMI")),
            is_x86_feature_detected!("avx512vbmi"),
        ),
        (
            "AVX-512 VNNI",
            is_on(option_env!("GGML_AVX512_VNNI")),
            is_x86_feature_detected!("avx512vnni"),
        ),
        (
            "AVX-512 BF16",
            is_on(option_env!("GGML_AVX512_BF16")),
            is_x86_feature_detected!("avx512bf16"),
        ),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let needed: [(&str, bool, bool); 0] = [];
    without(&needed)
}

#[cfg(target_arch = "x86_64")]
fn is_on(option: Option<&str>) -> bool {
    option == Some("ON")
}

/// The names of what is needed and not there.
fn without(needed: &[(&'static str, bool, bool)]) -> Vec<&'static str> {
    let lacking = needed.iter().filter(|(_, needed, there)| *needed && !there);
    lacking.map(|(name, ..)| *name).collect()
}

fn physical_cores(cpuinfo: &str) -> Option<usize> {
    let mut cores = HashSet::new();
    for processor in cpuinfo.split("\n\n") {
        let field = |name: &str| {
            processor
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(": "))
        };
        if let (Some(package), Some(core)) = (field("physical id"), field("core id")) {
            cores.insert((package, core));
        }
    }
    (!cores.is_empty()).then_some(cores.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_processor_lacks_is_named() {
        let needed = [("a", true, true), ("b", true, false), ("c", false, false)];
        assert_eq!(without(&needed), ["b"]);
        assert_eq!(lacking(), [""; 0], "the tests run where they were compiled");
    }

    #[test]
    fn the_kernels_figure_is_understood() {
        assert_eq!(
            meminfo_available("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"),
            Some(2 << 20)
        );
        assert_eq!(meminfo_available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn two_threads_of_one_core_count_once() {
        let cpuinfo = "processor\t: 0\nphysical id\t: 0\ncore id\t\t: 0\n\nprocessor\t: 1\nphysical id\t: 0\ncore id\t\t: 0\n\nprocessor\t: 2\nphysical id\t: 1\ncore id\t\t: 0\n";
        assert_eq!(physical_cores(cpuinfo), Some(2));
        assert_eq!(physical_cores("processor : 0\n"), None);
        assert!(threads() > 0);
    }
}

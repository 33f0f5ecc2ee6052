//! What every bench measures with: shares of many values, and what processes take of the machine's memory.

use anyhow::Context as _;

/// The value below which this share of the values lies: the nearest one that was measured. 0 where there are none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.max(1) - 1).copied().unwrap_or(0.0)
}

/// Bytes of the machine's memory that a process takes, as a field of its status says: `VmRSS` for all, `RssAnon` without what is mapped from files.
pub(crate) fn memory(process: u32, field: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{process}/status");
    let status =
        std::fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let mut fields = status.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields
        .find(|(name, _)| *name == field)
        .with_context(|| format!("{path} has no {field}"))?;
    let kibibytes = value.trim().strip_suffix(" kB");
    let kibibytes = kibibytes.and_then(|number| number.parse::<u64>().ok());
    let kibibytes =
        kibibytes.with_context(|| format!("{path}: {field} is \"{}\"", value.trim()))?;
    Ok(kibibytes << 10)
}

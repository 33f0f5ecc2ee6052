//! How often requests may come. Each kind of request in each channel, guild or webhook has a bucket of its own.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::calls::Call;

/// For everything that is not told otherwise: about what Discord allows.
const ORDINARY: (u32, Duration) = (50, Duration::from_secs(1));
const MESSAGES: (u32, Duration) = (5, Duration::from_secs(5));

pub(super) struct Limits {
    messages: (u32, Duration),
    buckets: BTreeMap<String, Bucket>,
    /// Somebody was told to wait so long with everything.
    all_closed_until: Option<Instant>,
    early_retries: usize,
}

struct Bucket {
    limit: u32,
    remaining: u32,
    within: Duration,
    until: Instant,
    /// Somebody was told to wait so long.
    closed_until: Option<Instant>,
}

/// What every answer says about its bucket.
pub(super) struct Allowance {
    name: String,
    limit: u32,
    remaining: u32,
    reset_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            messages: MESSAGES,
            buckets: BTreeMap::new(),
            all_closed_until: None,
            early_retries: 0,
        }
    }
}

impl Limits {
    pub(super) fn allow_messages(&mut self, messages: u32, within: Duration) {
        self.messages = (messages, within);
        self.buckets.clear();
    }

    pub(super) fn early_retries(&self) -> usize {
        self.early_retries
    }

    /// Lets nobody in for a while.
    pub(super) fn close(&mut self, call: &Call, wait: Duration) {
        let bucket = self.bucket(call);
        bucket.closed_until = Some(Instant::now() + wait);
    }

    /// Lets nobody in for a while, whatever they want.
    pub(super) fn close_all(&mut self, wait: Duration) {
        self.all_closed_until = Some(Instant::now() + wait);
    }

    /// How long everybody still has to wait.
    pub(super) fn wait_of_all(&mut self, is_told: bool) -> Option<Duration> {
        let now = Instant::now();
        let until = self.all_closed_until.filter(|until| *until > now)?;
        self.early_retries += usize::from(!is_told);
        Some(until - now)
    }

    /// Counts a request. `Err` says how long to wait; who comes before that is early, except whom the test has just told so.
    pub(super) fn admit(
        &mut self,
        call: &Call,
        is_told: bool,
    ) -> (Allowance, Result<(), Duration>) {
        let now = Instant::now();
        let bucket = self.bucket(call);
        bucket.closed_until = bucket.closed_until.filter(|until| *until > now);
        let is_closed = bucket.closed_until.is_some();
        if bucket.until <= now {
            bucket.remaining = bucket.limit;
            bucket.until = now + bucket.within;
        }
        let verdict = if is_closed || bucket.remaining == 0 {
            let until = bucket.closed_until.unwrap_or(bucket.until);
            bucket.closed_until = Some(until);
            Err(until - now)
        } else {
            bucket.remaining -= 1;
            Ok(())
        };
        let allowance = Allowance {
            name: name(call),
            limit: bucket.limit,
            remaining: bucket.remaining,
            reset_after: bucket.until - now,
        };
        self.early_retries += usize::from(is_closed && !is_told);
        (allowance, verdict)
    }

    fn bucket(&mut self, call: &Call) -> &mut Bucket {
        let posts_or_edits = ["POST", "PATCH"].contains(&call.method.as_str());
        let of_channel = call.is_like("*", "/channels/*/messages")
            || call.is_like("*", "/channels/*/messages/*");
        let of_webhook =
            call.is_like("*", "/webhooks/*/*") || call.is_like("*", "/webhooks/*/*/messages/*");
        let (limit, within) = match posts_or_edits && (of_channel || of_webhook) {
            true => self.messages,
            false => ORDINARY,
        };
        self.buckets.entry(name(call)).or_insert(Bucket {
            limit,
            remaining: limit,
            within,
            until: Instant::now() + within,
            closed_until: None,
        })
    }
}

impl Allowance {
    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Header values are ASCII without slashes in Discord's case; a bucket's name means nothing to clients.
        let bucket: String = self
            .name
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            (
                "x-ratelimit-reset",
                format!("{:.3}", (now + self.reset_after).as_secs_f64()),
            ),
            (
                "x-ratelimit-reset-after",
                format!("{:.3}", self.reset_after.as_secs_f64()),
            ),
            ("x-ratelimit-bucket", bucket),
        ]
    }
}

/// The first id (for a webhook or an interaction also the token) counts; others do not.
fn name(call: &Call) -> String {
    let kept = match call.segments.first().map(String::as_str) {
        Some("webhooks" | "interactions") => 3,
        _ => 2,
    };
    let parts = call.segments.iter().enumerate().map(|(index, segment)| {
        let is_id = segment.parse::<u64>().is_ok();
        let is_emoji = index > 0 && call.segments[index - 1] == "reactions";
        if index >= kept && (is_id || is_emoji) {
            "*"
        } else {
            segment
        }
    });
    format!("{} {}", call.method, parts.collect::<Vec<_>>().join("/"))
}

//! Longer and longer waits between attempts that fail in a row.

use std::time::Duration;

/// How often in a row something has failed.
#[derive(Debug)]
pub struct BackOff {
    shortest: Duration,
    longest: Duration,
    failed: u32,
}

impl BackOff {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(shortest: Duration, longest: Duration) -> Self {
        Self {
            shortest,
            longest,
            failed: 0,
        }
    }

    /// How long to wait after one more failure: twice as long as the last time.
    pub fn wait(&mut self) -> Duration {
        let wait = self
            .shortest
            .saturating_mul(2_u32.saturating_pow(self.failed));
        self.failed = self.failed.saturating_add(1);
        wait.min(self.longest)
    }

    /// Something has succeeded.
    pub fn reset(&mut self) {
        self.failed = 0;
    }
}

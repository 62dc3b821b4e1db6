//! How often somebody is told how far a transfer is: often enough for a person to watch, too seldom to cost anything.

use std::time::{Duration, Instant};

/// The time in which a server has to send [`LEAST_BYTES`].
const WINDOW: Duration = Duration::from_mins(1);
/// Fewer bytes than these in [`WINDOW`] are as good as none.
const LEAST_BYTES: u64 = 4096;

/// Notices a server that sends so little that it would never end.
#[derive(Debug)]
pub(super) struct Trickle {
    begin: Instant,
    bytes: u64,
}

impl Trickle {
    /// Begins to watch.
    pub(super) fn begin() -> Self {
        Self { begin: Instant::now(), bytes: 0 }
    }

    /// Takes what came now, and tells whether it is too little.
    pub(super) fn is_too_slow(&mut self, bytes: usize) -> bool {
        self.is_too_slow_after(bytes, self.begin.elapsed())
    }

    fn is_too_slow_after(&mut self, bytes: usize, elapsed: Duration) -> bool {
        self.bytes += bytes as u64;
        if elapsed < WINDOW {
            return false;
        }
        let too_slow = self.bytes < LEAST_BYTES;
        *self = Self::begin();
        too_slow
    }
}

/// What is said of such a server.
pub(super) const TOO_SLOW: &str = "the server sends less than 4 KiB in a minute";

/// The least time between two figures.
const INTERVAL: Duration = Duration::from_millis(50);

/// When the last figure was told.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Instant>);

impl Pace {
    /// Tells whether the next figure is due.
    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bytes_a_minute_are_too_few() {
        let mut trickle = Trickle::begin();
        assert!(!trickle.is_too_slow_after(1, Duration::from_secs(59)));
        assert!(trickle.is_too_slow_after(1, WINDOW));
        assert!(!trickle.is_too_slow_after(4095, Duration::from_secs(1)));
        assert!(!trickle.is_too_slow_after(1, WINDOW));
        assert!(trickle.is_too_slow_after(0, WINDOW));
    }
}

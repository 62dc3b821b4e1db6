//! How often somebody is told how far a transfer is: often enough for a person to watch, too seldom to cost anything.

use std::time::{Duration, Instant};

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

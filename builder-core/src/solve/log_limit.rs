//! How much of a step's output is passed on (dockerfile-semantics 16.9): so much of each stream, and no faster than a
//! person or a log collector can follow. What is left out is said once, and again after the output has recovered.

use std::time::Duration;

/// What is passed on of one stream of a step's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogLimits {
    /// Bytes in all; without, any number.
    pub bytes: Option<u64>,
    /// Bytes in a second, of all seconds so far together; without, any number.
    pub bytes_per_second: Option<u64>,
}

impl Default for LogLimits {
    /// BuildKit's: 2 MiB, and 200 KiB in a second.
    fn default() -> Self {
        Self { bytes: Some(2 * 1024 * 1024), bytes_per_second: Some(200 * 1024) }
    }
}

/// Counts one stream of a step.
#[derive(Debug)]
pub(crate) struct LogLimiter {
    limits: LogLimits,
    /// Bytes that the step has written, passed on or not.
    written: u64,
    clipping: bool,
}

impl LogLimiter {
    pub(crate) fn new(limits: LogLimits) -> Self {
        Self { limits, written: 0, clipping: false }
    }

    /// Takes output that came this long after the step began; returns what to pass on of it.
    pub(crate) fn pass(&mut self, data: &[u8], elapsed: Duration) -> Vec<u8> {
        let before = self.written;
        self.written += data.len() as u64;
        let (room, limit) = self.room(elapsed);
        let passed = match room.map(|room| room.saturating_sub(before)).and_then(|rest| usize::try_from(rest).ok()) {
            Some(rest) => data.get(..rest).unwrap_or(data),
            None => data,
        };
        let complete = passed.len() == data.len();
        let mut passed = passed.to_vec();
        if !complete && !self.clipping {
            passed.extend(format!("\n[output clipped, log limit {limit} reached]\n").bytes());
        }
        self.clipping = !complete;
        passed
    }

    /// How many bytes may have been written by now, and which limit says so.
    fn room(&self, elapsed: Duration) -> (Option<u64>, String) {
        // A second that has begun counts.
        let seconds = (elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0)).max(1);
        let by_speed = self.limits.bytes_per_second.map(|speed| (seconds.saturating_mul(speed), speed));
        match (by_speed, self.limits.bytes) {
            (Some((room, speed)), all) if all.is_none_or(|all| room <= all) => {
                (Some(room), format!("{}/s", size(speed)))
            }
            (_, Some(all)) => (Some(all), size(all)),
            (_, None) => (None, String::new()),
        }
    }
}

fn size(bytes: u64) -> String {
    let unit = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .into_iter()
        .find(|(unit, _)| bytes.is_multiple_of(*unit));
    match unit.filter(|_| bytes > 0) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn passed(limiter: &mut LogLimiter, length: usize, millis: u64) -> (usize, String) {
        let text = limiter.pass(&vec![b'x'; length], Duration::from_millis(millis));
        let text = String::from_utf8(text).unwrap();
        let notice = text.trim_start_matches('x').to_owned();
        (text.len() - notice.len(), notice)
    }

    #[test]
    fn fast_output_is_clipped_until_time_has_caught_up() {
        let mut limiter = LogLimiter::new(LogLimits::default());
        let notice = "\n[output clipped, log limit 200KiB/s reached]\n".to_owned();
        assert_eq!(passed(&mut limiter, 150 * KIB, 0), (150 * KIB, String::new()));
        assert_eq!(passed(&mut limiter, 100 * KIB, 900), (50 * KIB, notice.clone()));
        assert_eq!(passed(&mut limiter, 10 * KIB, 1000), (0, String::new()));
        // 260 KiB are counted, and 400 may be by the end of the second second.
        assert_eq!(passed(&mut limiter, 100 * KIB, 1500), (100 * KIB, String::new()));
        assert_eq!(passed(&mut limiter, 100 * KIB, 1600), (40 * KIB, notice));
    }

    #[test]
    fn slow_output_is_clipped_at_its_size() {
        let mut limiter = LogLimiter::new(LogLimits::default());
        assert_eq!(passed(&mut limiter, 2047 * KIB, 60_000), (2047 * KIB, String::new()));
        let notice = "\n[output clipped, log limit 2MiB reached]\n".to_owned();
        assert_eq!(passed(&mut limiter, 2 * KIB, 61_000), (KIB, notice));
        assert_eq!(passed(&mut limiter, 2 * KIB, 600_000), (0, String::new()));
    }

    #[test]
    fn limits_can_be_others_or_none() {
        let none = LogLimits { bytes: None, bytes_per_second: None };
        assert_eq!(passed(&mut LogLimiter::new(none), 5000 * KIB, 0), (5000 * KIB, String::new()));
        let one = LogLimits { bytes: Some(1000), bytes_per_second: None };
        let (length, notice) = passed(&mut LogLimiter::new(one), 5000, 0);
        assert_eq!((length, notice.contains("log limit 1000B reached")), (1000, true));
        let none_at_all = LogLimits { bytes: Some(0), bytes_per_second: None };
        assert_eq!(passed(&mut LogLimiter::new(none_at_all), 5, 0).0, 0);
    }
}

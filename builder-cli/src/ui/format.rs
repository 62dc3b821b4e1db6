//! Figures as people read them.

use std::time::Duration;

/// Units of a size, each a thousand of the one before.
const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// The shortest time that a rate is told of, in seconds.
const SHORTEST_RATE: f64 = 0.5;

/// Returns a size in bytes with three significant digits: `0B`, `999B`, `1.23kB`, `45.6MB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes}B");
    }
    let mut value = bytes as f64;
    let mut name = "B";
    for unit in UNITS {
        // A value that would be rounded to 1000 belongs to the next unit.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        name = unit;
    }
    let digits = if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    };
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{name}")
}

/// Returns a duration in seconds with one decimal: `0.0s`, `12.3s`.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

/// Returns how fast something moved, in bytes a second: `1.23MB/s`. Nothing where the time is too short to tell.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "three digits are shown"
)]
pub(crate) fn rate(bytes: u64, time: Duration) -> Option<String> {
    let seconds = time.as_secs_f64();
    (seconds >= SHORTEST_RATE).then(|| format!("{}/s", size((bytes as f64 / seconds) as u64)))
}

/// Returns how long ago something was, in docker's words: `5 minutes ago`.
pub(crate) fn ago(seconds: i64) -> String {
    let count = |n: i64, unit: &str| format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" });
    let (minute, hour, day) = (60, 3600, 86_400);
    match seconds {
        i64::MIN..1 => "Less than a second ago".to_owned(),
        n if n < minute => count(n, "second"),
        n if n < 2 * minute => "About a minute ago".to_owned(),
        n if n < hour => count(n / minute, "minute"),
        n if n < 2 * hour => "About an hour ago".to_owned(),
        n if n < 2 * day => count(n / hour, "hour"),
        n if n < 14 * day => count(n / day, "day"),
        n if n < 60 * day => count(n / (7 * day), "week"),
        n if n < 730 * day => count(n / (30 * day), "month"),
        n => count(n / (365 * day), "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, expected) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.23kB"),
            (45_600_000, "45.6MB"),
            (999_999, "1MB"),
            (100_000, "100kB"),
            (1_500_000_000, "1.5GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn rates_need_a_moment() {
        assert_eq!(rate(5_000_000, Duration::from_secs(4)).as_deref(), Some("1.25MB/s"));
        assert_eq!(rate(0, Duration::from_secs(4)).as_deref(), Some("0B/s"));
        assert_eq!(rate(5_000_000, Duration::from_millis(100)), None);
    }

    #[test]
    fn ages_are_in_words() {
        for (seconds, expected) in [
            (-5, "Less than a second ago"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "About a minute ago"),
            (600, "10 minutes ago"),
            (3600, "About an hour ago"),
            (86_400, "24 hours ago"),
            (3 * 86_400, "3 days ago"),
            (21 * 86_400, "3 weeks ago"),
            (100 * 86_400, "3 months ago"),
            (50 * 365 * 86_400, "50 years ago"),
        ] {
            assert_eq!(ago(seconds), expected);
        }
    }
}

//! When a request is tried again: one budget for everything that it needs, connection, token and body.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::waits::Waiting;
use crate::cancel::{CancelToken, Cancelled};

/// How often one request is tried without getting further.
const TRIES: u32 = 4;
/// The bytes that a try has to bring to count as one that got further.
const PROGRESS: u64 = 64 * 1024;
/// How long tries may take together without getting further; none begins after it. The pauses that a server asks for
/// do not count.
const LONGEST_TRIES: Duration = Duration::from_mins(1);
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Who is told to wait longer than this gives up instead: a person should hear of it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a waiting request looks whether it was cancelled.
const CANCEL_TICK: Duration = Duration::from_millis(50);

/// Why a try failed.
pub(super) trait Failure: From<Cancelled> + std::error::Error {
    /// Tells whether the same request may succeed a little later.
    fn is_transient(&self) -> bool;

    /// How long the server asks us to wait before the next try.
    fn retry_after(&self) -> Option<Duration>;
}

/// Tells whether a status of HTTP may be another one a little later.
pub(super) fn is_transient_status(code: u16) -> bool {
    matches!(code, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// Tries a request again while its failures are transient, and gives up at once when cancelled.
pub(super) async fn retried<T, E: Failure>(
    cancel: &CancelToken,
    waiting: &Waiting,
    request: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    retried_while(cancel, waiting, || 0, request).await
}

/// Does the same for what gets further with each try: one that brought [`PROGRESS`] more bytes than any before
/// begins the budget anew. `reached` tells how far the request is; since that ends at the size of what is
/// fetched, so do the tries.
pub(super) async fn retried_while<T, E: Failure>(
    cancel: &CancelToken,
    waiting: &Waiting,
    reached: impl Fn() -> u64,
    mut request: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let (mut pause, mut tries, mut spent) = (FIRST_PAUSE, 0, Duration::ZERO);
    let mut furthest = reached();
    loop {
        let begin = Instant::now();
        let error = match unless_cancelled(cancel, request()).await? {
            Err(error) if error.is_transient() => error,
            outcome => return outcome,
        };
        if reached() >= furthest.saturating_add(PROGRESS) {
            (furthest, tries, pause, spent) = (reached(), 0, FIRST_PAUSE, Duration::ZERO);
        } else {
            spent += begin.elapsed();
        }
        tries += 1;
        if tries == TRIES || spent >= LONGEST_TRIES {
            return Err(error);
        }
        let wait = error.retry_after().unwrap_or(pause);
        if wait > LONGEST_PAUSE {
            return Err(error);
        }
        waiting.pauses(wait, in_one_line(&error));
        unless_cancelled(cancel, tokio::time::sleep(wait)).await?;
        waiting.tries();
        pause *= 2;
    }
}

/// An error and what is at the bottom of it.
fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    let (top, bottom) = (error.to_string(), last.to_string());
    if top.ends_with(&bottom) { top } else { format!("{top}: {bottom}") }
}

/// Tries a request once: where there are other servers to ask, the next one is the next try.
pub(super) async fn tried_once<T, E: Failure>(
    cancel: &CancelToken,
    request: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    unless_cancelled(cancel, request).await?
}

async fn unless_cancelled<T>(cancel: &CancelToken, future: impl Future<Output = T>) -> Result<T, Cancelled> {
    tokio::select! {
        outcome = future => Ok(outcome),
        () = cancelled(cancel) => Err(Cancelled),
    }
}

async fn cancelled(cancel: &CancelToken) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(CANCEL_TICK).await;
    }
}

/// Reads how long a server asks us to wait: seconds, or a date.
///
/// Spec: RFC 9110, 10.2.3, "Retry-After".
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // What is over already means at once.
    Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_given_in_seconds_or_as_a_date() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("header"));
            retry_after(&headers)
        };
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read(" 17 "), Some(Duration::from_secs(17)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(read("Mon, 21 Oct 2250 07:28:00 GMT") > Some(LONGEST_PAUSE));
        for bad in ["", "soon", "-1", "1.5"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

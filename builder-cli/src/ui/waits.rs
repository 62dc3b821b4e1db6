//! What registries and web servers are waited for: said once it takes long, and again from time to time.

use std::collections::BTreeMap;
use std::time::Duration;

use builder_core::registry::Wait;
use serde_json::{Value, json};

use super::format::seconds;
use super::log_lines::one_line;

/// A server that is silent for so long is told of.
pub(super) const SILENCE: Duration = Duration::from_secs(5);
/// The time between two lines about the same.
const INTERVAL: Duration = Duration::from_secs(15);

/// Returns a wait in words.
pub(super) fn text(wait: &Wait) -> String {
    one_line(&match &wait.retry {
        None => format!("waiting for {}: no answer for {}", wait.server, seconds(wait.silence)),
        Some((pause, why)) => format!("{}: retrying in {}: {why}", wait.server, seconds(*pause)),
    })
}

/// Returns a wait for programs: times in seconds.
pub(super) fn value(wait: &Wait) -> Value {
    let mut value = json!({ "server": wait.server, "silence": wait.silence.as_secs_f64() });
    if let Some((pause, why)) = &wait.retry {
        value["retryIn"] = pause.as_secs_f64().into();
        value["reason"] = one_line(why).into();
    }
    value
}

/// One wait of each kind: several requests that wait for the same are one thing to a person.
pub(super) fn each_once(waits: &[Wait]) -> Vec<&Wait> {
    let mut kinds: BTreeMap<Kind, &Wait> = BTreeMap::new();
    for wait in waits {
        kinds.entry(kind(wait)).or_insert(wait);
    }
    kinds.into_values().collect()
}

/// The server, and the reason of a retry.
type Kind = (String, Option<String>);

fn kind(wait: &Wait) -> Kind {
    (wait.server.clone(), wait.retry.as_ref().map(|(_, why)| why.clone()))
}

/// Remembers what was said.
#[derive(Debug, Default)]
pub(super) struct News {
    told: BTreeMap<Kind, Duration>,
}

impl News {
    /// Returns what has to be said now.
    pub(super) fn of<'w>(&mut self, at: Duration, waits: &'w [Wait]) -> Vec<&'w Wait> {
        let waits = each_once(waits);
        self.told.retain(|kind, _| waits.iter().any(|wait| self::kind(wait) == *kind));
        let mut news = Vec::new();
        for wait in waits {
            let is_new = |last: &Duration| at.saturating_sub(*last) >= INTERVAL;
            if self.told.get(&kind(wait)).is_none_or(is_new) {
                self.told.insert(kind(wait), at);
                news.push(wait);
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(server: &str, silence: u64, retry: Option<&str>) -> Wait {
        let retry = retry.map(|why| (Duration::from_millis(500), why.to_owned()));
        Wait { request: silence, server: server.to_owned(), silence: Duration::from_secs(silence), retry }
    }

    #[test]
    fn the_same_is_said_again_after_a_while_only() {
        let (mut news, at) = (News::default(), Duration::from_secs);
        let waits = [wait("a", 5, None), wait("a", 6, None), wait("b", 0, Some("broke off\u{1b}"))];
        let mut said = |now, waits: &[Wait]| news.of(at(now), waits).into_iter().map(text).collect::<Vec<_>>();
        let first = said(5, &waits);
        assert_eq!(first[0], "waiting for a: no answer for 5.0s");
        assert!(first[1].starts_with("b: retrying in 0.5s: broke off") && !first[1].contains('\u{1b}'), "{first:?}");
        assert!(first.len() == 2 && said(6, &waits).is_empty());
        // What is over and comes again is new.
        assert!(said(7, &waits[..1]).is_empty());
        assert_eq!(said(8, &waits).len(), 1);
        assert_eq!(said(20, &waits[..1]).len(), 1);
    }
}

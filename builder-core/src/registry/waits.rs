//! What requests wait for, so that somebody who sits before a silent server is told.
//!
//! Whoever shows progress looks here from time to time: a server that says nothing tells nobody that it does not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The requests of all clients that were made with the same options.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Mutex<State>>);

/// How a client is made does not depend on who looks at what it does.
impl PartialEq for Waits {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Waits {}

#[derive(Debug, Default)]
struct State {
    next: u64,
    requests: BTreeMap<u64, Request>,
}

#[derive(Debug)]
struct Request {
    server: String,
    heard: Instant,
    retry: Option<(Instant, String)>,
}

/// A request that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// Its number, which no other request has.
    pub request: u64,
    /// The server, as people name it.
    pub server: String,
    /// How long nothing has come from the server, or been taken by it.
    pub silence: Duration,
    /// When it is tried again, from now on, and why; nothing while it is being tried.
    pub retry: Option<(Duration, String)>,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the requests that are waiting to be tried again, or have heard nothing for so long.
    pub fn longer_than(&self, silence: Duration) -> Vec<Wait> {
        let now = Instant::now();
        let wait = |(request, known): (&u64, &Request)| Wait {
            request: *request,
            server: known.server.clone(),
            silence: now.saturating_duration_since(known.heard),
            retry: known.retry.as_ref().map(|(at, why)| (at.saturating_duration_since(now), why.clone())),
        };
        let waits = self.lock().requests.iter().map(wait).collect::<Vec<_>>();
        waits.into_iter().filter(|wait| wait.retry.is_some() || wait.silence >= silence).collect()
    }

    /// Notes a request to a server for as long as what is returned lives.
    pub(super) fn begin(&self, server: &str) -> Waiting {
        let mut state = self.lock();
        let request = state.next;
        state.next += 1;
        let known = Request { server: server.to_owned(), heard: Instant::now(), retry: None };
        state.requests.insert(request, known);
        Waiting { waits: self.clone(), request }
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Waiting {
    waits: Waits,
    request: u64,
}

impl Waiting {
    fn change(&self, change: impl FnOnce(&mut Request)) {
        if let Some(request) = self.waits.lock().requests.get_mut(&self.request) {
            change(request);
        }
    }

    /// Something came, or was taken.
    pub(super) fn heard(&self) {
        self.change(|request| request.heard = Instant::now());
    }

    /// It failed, and is tried again after a pause.
    pub(super) fn pauses(&self, pause: Duration, why: String) {
        self.change(|request| request.retry = Some((Instant::now() + pause, why)));
    }

    /// It is tried again.
    pub(super) fn tries(&self) {
        self.change(|request| (request.retry, request.heard) = (None, Instant::now()));
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.waits.lock().requests.remove(&self.request);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_there_until_it_is_over() {
        let waits = Waits::default();
        let (first, second) = (waits.begin("a.example"), waits.begin("b.example"));
        let servers = |silence| waits.longer_than(silence).into_iter().map(|wait| wait.server).collect::<Vec<_>>();
        assert_eq!(servers(Duration::ZERO), ["a.example", "b.example"]);
        assert!(servers(Duration::from_mins(1)).is_empty());
        second.pauses(Duration::from_secs(30), "it broke off".to_owned());
        let told = waits.longer_than(Duration::from_mins(1)).remove(0);
        let (pause, why) = told.retry.unwrap();
        assert!(pause > Duration::from_secs(20) && why == "it broke off");
        second.tries();
        assert!(servers(Duration::from_mins(1)).is_empty());
        drop(first);
        assert_eq!(servers(Duration::ZERO), ["b.example"]);
    }
}

//! Files of web servers: bounded in size and patience.

use std::fs::File;
use std::time::{Duration, Instant};

use builder_core::cancel::CancelToken;
use builder_core::digest::Digest;
use builder_core::registry::RegistryOptions;
use builder_core::registry::web::{WebClient, WebError, WebFile, WebRequest};

use crate::never;
use crate::server::{FaultServer, Reply};

const LIMIT: u64 = 100_000;

fn bytes(count: u64) -> Vec<u8> {
    (0..count).map(|_| b'x').collect()
}

fn fetch(server: &FaultServer, cancel: &CancelToken) -> (File, Result<Option<WebFile>, WebError>) {
    let mut options = RegistryOptions::default();
    options.silence_timeout = Duration::from_millis(300);
    options.file_limit = LIMIT;
    let client = WebClient::new(&options).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    let url = format!("http://{}/file", server.address());
    let request = WebRequest { url: &url, authorization: None, known: None };
    let outcome = client.fetch(&request, &mut file, &|_, _| {}, cancel);
    (file, outcome)
}

#[test]
fn a_body_has_a_limit_whether_its_length_is_told_or_not() {
    let endless = FaultServer::start(|_| Reply::endless(200));
    let long = FaultServer::start(|_| Reply::new(200, bytes(LIMIT + 1)));
    for server in [endless, long] {
        let (file, outcome) = fetch(&server, &never());
        assert!(matches!(outcome, Err(WebError::TooLarge { limit: LIMIT })), "{outcome:?}");
        assert!(file.metadata().unwrap().len() <= LIMIT);
        assert_eq!(server.asked().len(), 1, "what is too large is not asked for again");
    }
    let whole = bytes(LIMIT);
    let digest = Digest::of(&whole);
    let server = FaultServer::start(move |_| Reply::new(200, &whole));
    let (_, outcome) = fetch(&server, &never());
    let found = outcome.unwrap().unwrap();
    assert_eq!((found.size, found.digest), (LIMIT, digest));
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    for begins in [false, true] {
        let server = FaultServer::start(move |_| {
            if begins { Reply::new(200, "0123456789").cut(5).then_silence() } else { Reply::silence() }
        });
        let begin = Instant::now();
        let (_, outcome) = fetch(&server, &never());
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(server.asked().len() > 1, "once is no answer");
        assert!(begin.elapsed() < Duration::from_mins(1));
    }
}

#[test]
fn a_slow_server_is_left_when_the_build_ends() {
    let server = FaultServer::start(|_| Reply::silence());
    let cancel = CancelToken::new();
    let outcome = std::thread::scope(|scope| {
        let fetched = scope.spawn(|| fetch(&server, &cancel).1);
        while server.asked().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        cancel.cancel();
        let begin = Instant::now();
        let outcome = fetched.join().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5));
        outcome
    });
    assert!(outcome.is_err(), "{outcome:?}");
}

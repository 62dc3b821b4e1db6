//! Blobs: resumed where they broke off, verified, never half in the store.

use builder_core::registry::RegistryError;

use crate::server::{Asked, FaultServer, Reply};
use crate::{TestStore, client, descriptor, never};

fn content() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// Where a request wants to go on.
fn from(asked: &Asked) -> Option<usize> {
    asked.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn fetch(server: &FaultServer) -> (TestStore, Result<(), RegistryError>) {
    let test = TestStore::new();
    let outcome = client(server).blobs(&[descriptor(&content())], &test.store, &|_, _, _| {}, &never());
    (test, outcome)
}

fn is_whole(test: &TestStore) {
    assert_eq!(test.store.read_blob(&descriptor(&content()).digest, 1 << 20).unwrap(), content());
    assert_eq!(test.files(), 1);
}

#[test]
fn what_broke_off_goes_on_where_it_ended() {
    for stall in [false, true] {
        let server = FaultServer::start(move |asked| {
            let whole = content();
            let start = from(asked).unwrap_or_default();
            let reply = if start == 0 { Reply::new(200, &whole) } else { Reply::new(206, &whole[start..]) };
            let range = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
            let reply = reply.with("content-range", &range);
            match asked.before {
                0 | 1 if stall => reply.cut(150_000).then_silence(),
                0 | 1 => reply.cut(150_000),
                _ => reply,
            }
        });
        let (test, outcome) = fetch(&server);
        outcome.unwrap();
        is_whole(&test);
        let starts: Vec<usize> = server.asked().iter().map(|asked| from(asked).unwrap_or_default()).collect();
        assert_eq!(starts, [0, 150_000, 300_000]);
    }
}

fn large() -> Vec<u8> {
    (0..750_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// The answer of a server that goes on where it is asked to.
fn part_of(whole: &[u8], start: usize) -> Reply {
    let reply = if start == 0 { Reply::new(200, whole) } else { Reply::new(206, &whole[start..]) };
    reply.with("content-range", &format!("bytes {start}-{}/{}", whole.len() - 1, whole.len()))
}

#[test]
fn what_was_given_up_goes_on_later() {
    let blob = descriptor(&large());
    let server = FaultServer::start(move |asked| match (asked.before, from(asked)) {
        (0, _) => part_of(&large(), 0).cut(2_000_000),
        (1, _) => Reply::new(404, ""),
        (_, start) => part_of(&large(), start.unwrap_or_default()),
    });
    let test = TestStore::new();
    let fetch = || client(&server).blobs(std::slice::from_ref(&blob), &test.store, &|_, _, _| {}, &never());
    let starts = || server.asked().iter().map(|asked| from(asked).unwrap_or_default()).collect::<Vec<_>>();
    assert!(matches!(fetch(), Err(RegistryError::NotFound { .. })));
    // Nothing that anybody would take for a blob.
    assert_eq!(test.files(), 0);
    fetch().unwrap();
    assert_eq!(starts(), [0, 2_000_000, 2_000_000]);
    assert_eq!(test.store.read_blob(&blob.digest, 4 << 20).unwrap(), large());
    // What somebody left is not believed.
    let test = TestStore::new();
    let partial = test.store.root().join("partial");
    std::fs::create_dir_all(&partial).unwrap();
    std::fs::write(partial.join(blob.digest.hex()), vec![1; 1_500_000]).unwrap();
    client(&server).blobs(std::slice::from_ref(&blob), &test.store, &|_, _, _| {}, &never()).unwrap();
    assert_eq!(starts()[3..], [1_500_000, 0]);
    assert_eq!(test.store.read_blob(&blob.digest, 4 << 20).unwrap(), large());
    assert_eq!(std::fs::read_dir(partial).unwrap().count(), 0);
}

/// A server that sends a part of a large blob and hangs up, each time, and how often it was asked.
fn cut_short(at_once: usize, ranges: bool) -> (usize, Result<(), RegistryError>) {
    let whole: Vec<u8> = (0..750_000_u32).flat_map(u32::to_le_bytes).collect();
    let blob = descriptor(&whole);
    let server = FaultServer::start(move |asked| {
        let start = from(asked).filter(|_| ranges).unwrap_or_default();
        let reply = if start == 0 { Reply::new(200, &whole) } else { Reply::new(206, &whole[start..]) };
        let range = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
        reply.with("content-range", &range).cut(at_once)
    });
    let test = TestStore::new();
    let outcome = client(&server).blobs(&[blob], &test.store, &|_, _, _| {}, &never());
    (server.asked().len(), outcome)
}

#[test]
fn tries_that_get_further_are_not_counted() {
    let (asked, outcome) = cut_short(400_000, true);
    outcome.unwrap();
    assert_eq!(asked, 8);
    // Without ranges each try begins anew, and hardly anything a try is nothing.
    for (at_once, ranges) in [(400_000, false), (1000, true)] {
        let (asked, outcome) = cut_short(at_once, ranges);
        assert!(matches!(outcome, Err(RegistryError::Cut { .. })), "{outcome:?}");
        assert_eq!(asked, 4);
    }
}

#[test]
fn servers_without_ranges_send_everything_again() {
    // One ignores the range, one refuses it, one gives another one.
    for answer in [200, 416, 206] {
        let server = FaultServer::start(move |asked| match (asked.before, from(asked)) {
            (0, _) => Reply::new(200, content()).cut(1000),
            (_, None) => Reply::new(200, content()),
            _ if answer == 200 => Reply::new(200, content()),
            _ => Reply::new(answer, "x").with("content-range", "bytes 7-7/400000"),
        });
        let (test, outcome) = fetch(&server);
        outcome.unwrap_or_else(|error| panic!("{answer}: {error}"));
        is_whole(&test);
    }
}

#[test]
fn wrong_bytes_and_lengths_are_errors_that_leave_nothing() {
    let mut wrong = content();
    wrong[7] ^= 1;
    let longer = [content(), b"x".to_vec()].concat();
    let shorter = content()[..content().len() - 1].to_vec();
    for (what, bytes) in [("wrong", wrong), ("longer", longer), ("shorter", shorter), ("nothing", Vec::new())] {
        let server = FaultServer::start(move |_| Reply::new(200, &bytes));
        let (test, outcome) = fetch(&server);
        assert!(outcome.is_err(), "{what}");
        assert_eq!(test.files(), 0, "{what}");
    }
    let endless = FaultServer::start(|_| Reply::endless(200));
    let (test, outcome) = fetch(&endless);
    assert!(matches!(outcome, Err(RegistryError::Size { .. })), "{outcome:?}");
    assert_eq!(test.files(), 0);
}

#[test]
fn the_first_error_stops_the_others() {
    let blobs: Vec<_> = (0..50_u8).map(|number| descriptor(&[number])).collect();
    let missing = blobs[1].digest.to_string();
    let server =
        FaultServer::start(
            move |asked| {
                if asked.target.ends_with(&missing) { Reply::new(404, "") } else { Reply::silence() }
            },
        );
    let test = TestStore::new();
    let outcome = client(&server).blobs(&blobs, &test.store, &|_, _, _| {}, &never());
    assert!(matches!(outcome, Err(RegistryError::NotFound { .. })), "{outcome:?}");
    assert_eq!(test.files(), 0);
    assert!(server.asked().len() < 20);
}

#[test]
fn many_blobs_all_arrive() {
    let blobs: Vec<Vec<u8>> = (0..40_u8).map(|number| vec![number; 5000]).collect();
    let kept = blobs.clone();
    let server = FaultServer::start(move |asked| {
        let found = kept.iter().find(|bytes| asked.target.ends_with(&descriptor(bytes).digest.to_string()));
        found.map_or_else(|| Reply::new(404, ""), |bytes| Reply::new(200, bytes))
    });
    let test = TestStore::new();
    let descriptors: Vec<_> = blobs.iter().map(|bytes| descriptor(bytes)).collect();
    client(&server).blobs(&descriptors, &test.store, &|_, _, _| {}, &never()).unwrap();
    for bytes in &blobs {
        assert_eq!(test.store.read_blob(&descriptor(bytes).digest, 5000).unwrap(), *bytes);
    }
}

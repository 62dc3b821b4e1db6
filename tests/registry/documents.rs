//! Manifests: limits, codes, retries, redirections.

use std::time::Duration;

use builder_core::cancel::CancelToken;
use builder_core::registry::{RegistryError, RegistryOptions};

use crate::server::{FaultServer, Reply};
use crate::{client, client_with, never};

const MANIFEST: &str = r#"{"schemaVersion":2}"#;

#[test]
fn a_manifest_comes_byte_for_byte_with_every_type_asked_for() {
    let server = FaultServer::start(|_| Reply::new(200, MANIFEST));
    assert_eq!(client(&server).manifest(None, &never()).unwrap(), MANIFEST.as_bytes());
    let asked = server.asked();
    assert_eq!(asked[0].target, "/v2/repo/manifests/1");
    let types = asked[0].headers("accept").join(",");
    for part in ["oci.image.manifest", "oci.image.index", "docker.distribution.manifest.v2", "manifest.list"] {
        assert!(types.contains(part), "{types}");
    }
    assert_eq!(asked[0].header("authorization"), None);
}

#[test]
fn endless_bodies_end_at_their_limits() {
    let manifest = FaultServer::start(|_| Reply::endless(200));
    let error = client(&manifest).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { what: "the manifest", .. }), "{error}");
    // The explanation of an error is given up, its status is known.
    let failing = FaultServer::start(|_| Reply::endless(400));
    let error = client(&failing).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Server { code: 400, .. }), "{error}");
}

#[test]
fn what_may_pass_is_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let server = FaultServer::start(move |asked| match asked.before {
            0 | 1 => Reply::new(status, "").with("retry-after", "0"),
            _ => Reply::new(200, MANIFEST),
        });
        assert!(client(&server).manifest(None, &never()).is_ok(), "{status}");
        assert_eq!(server.asked().len(), 3);
    }
    let cut = FaultServer::start(|asked| match asked.before {
        0 => Reply::new(200, MANIFEST).cut(5),
        1 => Reply::raw("garbage\r\n\r\n"),
        2 => Reply::silence(),
        _ => Reply::new(200, MANIFEST),
    });
    assert!(client(&cut).manifest(None, &never()).is_ok());
}

#[test]
fn what_stays_is_not_tried_again() {
    for (status, code) in [(404, "MANIFEST_UNKNOWN"), (403, "DENIED"), (400, "UNSUPPORTED")] {
        let body = format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
        let server = FaultServer::start(move |_| Reply::new(status, &body));
        client(&server).manifest(None, &never()).unwrap_err();
        assert_eq!(server.asked().len(), 1, "{code}");
    }
}

#[test]
fn the_budget_of_tries_ends() {
    let server = FaultServer::start(|_| Reply::new(503, "").with("retry-after", "0"));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Server { code: 503, .. }), "{error}");
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_long_wait_is_the_persons_to_decide() {
    let server = FaultServer::start(|_| Reply::new(429, "").with("retry-after", "3600"));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert_eq!(server.asked().len(), 1);
    assert_eq!(error.hint().unwrap(), "the registry limits how often it is asked: try again in 3600 s");
}

#[test]
fn redirections_end() {
    let server = FaultServer::start(|asked| Reply::new(307, "").with("location", &format!("{}x", asked.target)));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Redirect { .. }), "{error}");
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn redirections_do_not_leave_this_machine_unencrypted() {
    let server = FaultServer::start(|_| Reply::new(307, "").with("location", "http://registry.example/x"));
    let error = client(&server).manifest(None, &never()).unwrap_err().to_string();
    assert!(error.contains("redirects to `registry.example` without encryption"), "{error}");
}

#[test]
fn the_announced_digest_is_held_to() {
    let wrong = format!("sha256:{}", "0".repeat(64));
    let server = FaultServer::start(move |_| Reply::new(200, MANIFEST).with("docker-content-digest", &wrong));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Mismatch { .. }), "{error}");
    let other = builder_core::digest::Digest::of(b"another");
    let server = FaultServer::start(|_| Reply::new(200, MANIFEST));
    let error = client(&server).manifest(Some(&other), &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Mismatch { .. }), "{error}");
}

#[test]
fn a_silent_server_is_left_when_the_build_is_cancelled() {
    let server = FaultServer::start(|_| Reply::silence());
    let cancel = CancelToken::new();
    let canceller = cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        canceller.cancel();
    });
    // The wait for a silent server is a minute here, and four tries.
    let outcome = client_with(&server, &RegistryOptions::default()).manifest(None, &cancel);
    assert!(matches!(outcome, Err(RegistryError::Cancelled(_))), "{outcome:?}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn foreign_texts_do_not_reach_a_terminal_as_they_are() {
    let body = "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"\\u001b[2Jgone\\nnext\"}]}";
    let server = FaultServer::start(move |_| Reply::new(400, body));
    let error = client(&server).manifest(None, &never()).unwrap_err().to_string();
    assert!(error.ends_with("status 400: UNSUPPORTED: [2Jgone next"), "{error:?}");
}

//! Tokens: fetched when asked for, shown to nobody else.

use builder_core::registry::RegistryError;

use crate::server::{Asked, FaultServer, Reply};
use crate::{TestStore, client, descriptor, never};

fn challenge(asked: &Asked) -> String {
    format!(r#"Bearer realm="http://{}/token",service="s s",scope="repository:repo:pull""#, asked.server)
}

/// A registry that wants the token `letmein`, and has one manifest and one blob.
fn guarded(asked: &Asked, token_reply: &Reply) -> Reply {
    if asked.target.starts_with("/token") {
        return token_reply.clone();
    }
    if asked.header("authorization") == Some("Bearer letmein") {
        return Reply::new(200, "content");
    }
    Reply::new(401, "").with("www-authenticate", &challenge(asked))
}

#[test]
fn a_token_is_fetched_once_and_used_again() {
    let server = FaultServer::start(|asked| guarded(asked, &Reply::new(200, r#"{"token":"letmein"}"#)));
    let client = client(&server);
    let test = TestStore::new();
    assert_eq!(client.manifest(None, &never()).unwrap(), b"content");
    assert_eq!(client.manifest(None, &never()).unwrap(), b"content");
    client.blobs(&[descriptor(b"content")], &test.store, &|_, _, _| {}, &never()).unwrap();
    let asked = server.asked();
    let tokens: Vec<&Asked> = asked.iter().filter(|asked| asked.target.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].target, "/token?service=s+s&scope=repository%3Arepo%3Apull");
    assert_eq!(tokens[0].header("authorization"), None);
    assert_eq!(asked.len(), 5);
}

#[test]
fn a_token_that_ran_out_is_fetched_again() {
    let server = FaultServer::start(|asked| {
        if asked.target.starts_with("/token") {
            return Reply::new(200, format!(r#"{{"token":"t{}"}}"#, asked.before));
        }
        // Every manifest opens with the token of its turn only.
        let expected = format!("Bearer t{}", asked.before / 2);
        if asked.header("authorization") == Some(&expected) {
            return Reply::new(200, "content");
        }
        Reply::new(401, "").with("www-authenticate", &challenge(asked))
    });
    let client = client(&server);
    assert!(client.manifest(None, &never()).is_ok());
    assert!(client.manifest(None, &never()).is_ok());
}

#[test]
fn a_token_that_opens_nothing_is_not_fetched_for_ever() {
    let server = FaultServer::start(|asked| guarded(asked, &Reply::new(200, r#"{"token":"other"}"#)));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn bad_token_replies_are_errors() {
    for body in ["", "{}", "[1]", "{\"token\":\"a\\nHost: evil\"}", r#"{"token":"a\u0000b"}"#] {
        let server = FaultServer::start(move |asked| guarded(asked, &Reply::new(200, body)));
        let error = client(&server).manifest(None, &never()).unwrap_err();
        assert!(matches!(error, RegistryError::Token { .. }), "{body}: {error}");
    }
    let server = FaultServer::start(|asked| guarded(asked, &Reply::endless(200)));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[test]
fn other_schemes_and_unencrypted_token_servers_are_refused() {
    let basic = FaultServer::start(|_| Reply::new(401, "").with("www-authenticate", r#"Basic realm="x""#));
    let error = client(&basic).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    let far = r#"Bearer realm="http://auth.example/token""#;
    let server = FaultServer::start(move |_| Reply::new(401, "").with("www-authenticate", far));
    let error = client(&server).manifest(None, &never()).unwrap_err().to_string();
    assert!(error.contains("which is not encrypted"), "{error}");
}

#[test]
fn the_token_is_not_shown_to_where_a_blob_is() {
    let other = FaultServer::start(|_| Reply::new(200, "content"));
    let location = format!("http://{}/elsewhere", other.address());
    let server = FaultServer::start(move |asked| {
        let reply = guarded(asked, &Reply::new(200, r#"{"token":"letmein"}"#));
        let opened = asked.header("authorization").is_some() && asked.target.contains("/blobs/");
        if opened { Reply::new(307, "").with("location", &location) } else { reply }
    });
    let test = TestStore::new();
    client(&server).blobs(&[descriptor(b"content")], &test.store, &|_, _, _| {}, &never()).unwrap();
    assert_eq!(other.asked().len(), 1);
    assert_eq!(other.asked()[0].header("authorization"), None);
    assert!(test.store.has_blob(&descriptor(b"content").digest));
}

#[test]
fn only_the_registry_itself_may_ask_for_a_token() {
    let thief = FaultServer::start(|asked| Reply::new(401, "").with("www-authenticate", &challenge(asked)));
    let location = format!("http://{}/elsewhere", thief.address());
    let server = FaultServer::start(move |_| Reply::new(307, "").with("location", &location));
    let error = client(&server).manifest(None, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert!(thief.asked().iter().all(|asked| !asked.target.starts_with("/token")));
}

//! Uploads to servers that cut, forget, refuse and lie: finished, or a clear error in bounded time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use builder_core::digest::Digest;
use builder_core::reference::Reference;
use builder_core::registry::{
    Client, Credential, CredentialSource, Credentials, ManifestName, Password, Pushed, RegistryError, RegistryOptions,
    Upload, UploadContent,
};

use crate::never;
use crate::server::{Asked, FaultServer, Reply};

fn content(size: u32) -> Vec<u8> {
    (0..size / 4).flat_map(u32::to_le_bytes).collect()
}

fn upload(bytes: &[u8]) -> Upload {
    Upload {
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        content: UploadContent::Bytes(bytes.to_vec()),
        sources: Vec::new(),
    }
}

fn client(server: &FaultServer, change: impl FnOnce(&mut RegistryOptions)) -> Client {
    let mut options = RegistryOptions::default();
    options.silence_timeout = Duration::from_millis(400);
    change(&mut options);
    let reference: Reference = format!("{}/repo:1", server.address()).parse().unwrap();
    Client::to_push(&reference, &options).unwrap()
}

fn push(server: &FaultServer, bytes: &[u8]) -> Result<Pushed, RegistryError> {
    client(server, |_| {}).push_blob(&upload(bytes), &|_| {}, &never())
}

/// What a registry of the specification has, which a test may spoil.
#[derive(Clone, Default)]
struct Uploads {
    /// The uploads that are going on.
    sessions: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// The blobs that are complete, by digest.
    blobs: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Uploads {
    fn answer(&self, asked: &Asked) -> Reply {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let mut sessions = self.sessions.lock().unwrap();
        let accepted = |size: usize| {
            Reply::new(202, "").with("location", path).with("range", &format!("0-{}", size.saturating_sub(1)))
        };
        match asked.method() {
            "HEAD" => {
                let known = self.blobs.lock().unwrap().contains_key(path.rsplit('/').next().unwrap());
                Reply::new(if known { 200 } else { 404 }, "")
            }
            "POST" => {
                let id = format!("/v2/repo/blobs/uploads/{}", sessions.len());
                sessions.insert(id.clone(), Vec::new());
                Reply::new(202, "").with("location", &id)
            }
            "GET" => match sessions.get(path) {
                Some(bytes) => {
                    let range = format!("0-{}", bytes.len().saturating_sub(1));
                    Reply::new(204, "").with("location", path).with("range", &range)
                }
                None => Reply::new(404, ""),
            },
            "PATCH" => {
                let Some(bytes) = sessions.get_mut(path) else { return Reply::new(404, "") };
                let begin = asked.header("content-range").and_then(|range| range.split_once('-')?.0.parse().ok());
                if begin.unwrap_or(0) != bytes.len() {
                    return Reply::new(416, "");
                }
                bytes.extend_from_slice(&asked.body);
                accepted(bytes.len())
            }
            "PUT" => {
                let Some(mut bytes) = sessions.remove(path) else { return Reply::new(404, "") };
                bytes.extend_from_slice(&asked.body);
                let digest = query.strip_prefix("digest=").unwrap().replace("%3A", ":");
                if Digest::of(&bytes).to_string() != digest {
                    let body = r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}"#;
                    return Reply::new(400, body);
                }
                self.blobs.lock().unwrap().insert(digest, bytes);
                Reply::new(201, "")
            }
            _ => Reply::new(405, ""),
        }
    }

    fn has(&self, bytes: &[u8]) -> bool {
        self.blobs.lock().unwrap().get(&Digest::of(bytes).to_string()).is_some_and(|found| found == bytes)
    }
}

#[test]
fn a_small_blob_takes_one_request_and_what_is_there_none() {
    let uploads = Uploads::default();
    let kept = uploads.clone();
    let server = FaultServer::start(move |asked| kept.answer(asked));
    for size in [0, 4, 100_000] {
        let bytes = content(size);
        assert_eq!(push(&server, &bytes).unwrap(), Pushed::Sent, "{size}");
        assert!(uploads.has(&bytes), "{size}");
        assert_eq!(push(&server, &bytes).unwrap(), Pushed::Existed);
    }
    let methods: Vec<String> = server.asked().iter().map(|asked| asked.method().to_owned()).collect();
    assert_eq!(methods, ["HEAD", "POST", "PUT", "HEAD"].repeat(3));
}

#[test]
fn what_broke_off_goes_on_where_the_server_is() {
    let uploads = Uploads::default();
    let kept = uploads.clone();
    let bytes = content(4_000_000);
    // The server takes a megabyte at a time and hangs up without a word.
    let server = FaultServer::start_reading(
        |asked| if asked.method() == "PATCH" { 1_000_000 } else { usize::MAX },
        move |asked| {
            let reply = kept.answer(asked);
            if asked.method() == "PATCH" && asked.body.len() == 1_000_000 { Reply::raw("") } else { reply }
        },
    );
    assert_eq!(push(&server, &bytes).unwrap(), Pushed::Sent);
    assert!(uploads.has(&bytes));
    let ranges: Vec<String> = server
        .asked()
        .iter()
        .filter(|asked| asked.method() == "PATCH")
        .map(|asked| asked.header("content-range").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(ranges, ["", "1000000-3999999", "2000000-3999999", "3000000-3999999"]);
}

#[test]
fn an_upload_that_is_forgotten_begins_anew() {
    let uploads = Uploads::default();
    let kept = uploads.clone();
    let bytes = content(1_000_000);
    let server = FaultServer::start(move |asked| {
        if asked.target.ends_with("/0") && asked.method() != "POST" { Reply::new(404, "") } else { kept.answer(asked) }
    });
    assert_eq!(push(&server, &bytes).unwrap(), Pushed::Sent);
    assert!(uploads.has(&bytes));
}

#[test]
fn what_is_too_large_for_one_request_goes_in_pieces() {
    let uploads = Uploads::default();
    let kept = uploads.clone();
    let bytes = content(40 << 20);
    let server = FaultServer::start_reading(
        |asked| {
            if asked.header("content-length").is_some_and(|text| text.len() > 8 || text > "20000000" && text.len() == 8)
            {
                0
            } else {
                usize::MAX
            }
        },
        move |asked| {
            let length: usize = asked.header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default();
            if length > 20_000_000 { Reply::new(413, "") } else { kept.answer(asked) }
        },
    );
    let mut seen = 0;
    let largest = Mutex::new(&mut seen);
    let progress = |sent: u64| **largest.lock().unwrap() = sent;
    client(&server, |options| options.silence_timeout = Duration::from_secs(10))
        .push_blob(&upload(&bytes), &progress, &never())
        .unwrap();
    assert!(uploads.has(&bytes));
    assert_eq!(seen, 40 << 20);
}

#[test]
fn pieces_have_the_size_that_was_asked_for() {
    let uploads = Uploads::default();
    let kept = uploads.clone();
    let bytes = content(1000);
    let server = FaultServer::start(move |asked| kept.answer(asked));
    let client = client(&server, |options| options.upload_chunk = Some(400));
    client.push_blob(&upload(&bytes), &|_| {}, &never()).unwrap();
    assert!(uploads.has(&bytes));
    let sizes: Vec<usize> =
        server.asked().iter().filter(|asked| asked.method() == "PATCH").map(|asked| asked.body.len()).collect();
    assert_eq!(sizes, [400, 400, 200]);
}

#[test]
fn what_may_pass_is_tried_again_and_what_stays_is_not() {
    for (status, passes) in [(429, true), (500, true), (503, true), (400, false), (403, false)] {
        let uploads = Uploads::default();
        let server = FaultServer::start(move |asked| {
            if asked.method() == "POST" && asked.before == 0 {
                return Reply::new(status, "").with("retry-after", "0");
            }
            uploads.answer(asked)
        });
        let outcome = push(&server, b"content");
        assert_eq!(outcome.is_ok(), passes, "{status}: {outcome:?}");
    }
    let stalls =
        FaultServer::start(|asked| if asked.method() == "HEAD" { Reply::new(404, "") } else { Reply::silence() });
    let begin = Instant::now();
    let error = push(&stalls, b"content").unwrap_err();
    assert!(matches!(error, RegistryError::CutUpload { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(15));
    // Nobody takes the bytes.
    let uploads = Uploads::default();
    let full = FaultServer::start_reading(
        |asked| if asked.method() == "PATCH" { 1000 } else { usize::MAX },
        move |asked| if asked.method() == "PATCH" { Reply::silence() } else { uploads.answer(asked) },
    );
    let error = push(&full, &content(30 << 20)).unwrap_err();
    assert!(matches!(error, RegistryError::CutUpload { .. }), "{error}");
}

#[test]
fn uploads_do_not_leave_this_machine_unencrypted() {
    for location in ["http://elsewhere.example/upload", "ftp://x/", "http://[broken"] {
        let server = FaultServer::start(move |asked| match asked.method() {
            "HEAD" => Reply::new(404, ""),
            _ => Reply::new(202, "").with("location", location),
        });
        let error = push(&server, b"content").unwrap_err();
        assert!(matches!(error, RegistryError::Redirect { .. }), "{location}: {error}");
    }
    let silent = FaultServer::start(|asked| Reply::new(if asked.method() == "HEAD" { 404 } else { 202 }, ""));
    assert!(matches!(push(&silent, b"content").unwrap_err(), RegistryError::Protocol { .. }));
}

#[test]
fn a_blob_is_mounted_or_sent_where_that_is_refused() {
    for (answer, expected) in [(201, Pushed::Mounted), (202, Pushed::Sent), (401, Pushed::Sent), (404, Pushed::Sent)] {
        let uploads = Uploads::default();
        let server = FaultServer::start(move |asked| {
            if asked.target.contains("mount=") && answer != 202 {
                assert!(asked.target.ends_with("&from=team%2Fbase"), "{}", asked.target);
                return Reply::new(answer, "");
            }
            uploads.answer(asked)
        });
        let mut wanted = upload(b"content");
        wanted.sources = vec!["team/base".to_owned()];
        let pushed = client(&server, |_| {}).push_blob(&wanted, &|_| {}, &never());
        assert_eq!(pushed.unwrap(), expected, "{answer}");
    }
}

#[test]
fn manifests_keep_their_digest_or_there_is_an_error() {
    let bytes = br#"{"schemaVersion":2}"#;
    let digest = Digest::of(bytes);
    let server = FaultServer::start(move |asked| {
        assert_eq!((asked.method(), asked.header("content-type")), ("PUT", Some("application/x-test")));
        Reply::new(201, "").with("docker-content-digest", &Digest::of(&asked.body).to_string())
    });
    let name = ManifestName::Tag("1");
    let pushed = client(&server, |_| {}).push_manifest(name, "application/x-test", bytes, &never()).unwrap();
    assert_eq!((pushed.digest, server.asked()[0].body.as_slice()), (digest, &bytes[..]));
    let liar = FaultServer::start(|_| Reply::new(201, "").with("docker-content-digest", &Digest::of(b"x").to_string()));
    let error = client(&liar, |_| {}).push_manifest(name, "application/x-test", bytes, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Mismatch { .. }), "{error}");
    let full = FaultServer::start(|_| Reply::new(500, ""));
    let error = client(&full, |_| {}).push_manifest(name, "application/x-test", bytes, &never()).unwrap_err();
    assert!(matches!(error, RegistryError::Server { code: 500, .. }), "{error}");
    assert_eq!(full.asked().len(), 4);
}

#[test]
fn referrers_are_noted_under_a_tag_where_the_registry_keeps_no_list() {
    let manifests: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
    let server = FaultServer::start(move |asked| {
        let mut manifests = manifests.lock().unwrap();
        match asked.method() {
            "PUT" => {
                manifests.insert(asked.target.clone(), asked.body.clone());
                Reply::new(201, "")
            }
            _ => manifests.get(&asked.target).map_or_else(|| Reply::new(404, ""), |bytes| Reply::new(200, bytes)),
        }
    });
    let client = client(&server, |_| {});
    let subject = Digest::of(b"subject");
    assert!(client.referrers(&subject, &never()).unwrap().is_empty());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    for number in [1, 2, 1] {
        let text =
            format!(r#"{{"schemaVersion":2,"artifactType":"test/{number}","subject":{{"digest":"{subject}"}}}}"#);
        client.push_referrer(&subject, media_type, text.as_bytes(), &never()).unwrap();
    }
    let found = client.referrers(&subject, &never()).unwrap();
    let types: Vec<_> = found.iter().filter_map(|referrer| referrer.artifact_type.as_deref()).collect();
    assert_eq!(types, ["test/1", "test/2"]);
}

struct Joe;

impl CredentialSource for Joe {
    fn find(&self, _: &str, repository: &str) -> Result<Option<Credential>, String> {
        assert_eq!(repository, "repo");
        Ok(Some(Credential::User { name: "joe".to_owned(), password: Password::new("hunter2".to_owned()) }))
    }
}

struct Token;

impl CredentialSource for Token {
    fn find(&self, _: &str, _: &str) -> Result<Option<Credential>, String> {
        Ok(Some(Credential::Identity(Password::new("refresh-hunter2".to_owned()))))
    }
}

#[test]
fn a_password_goes_to_the_registry_or_its_token_server_and_nowhere_else() {
    let basic = "Basic am9lOmh1bnRlcjI=";
    let other = FaultServer::start(|_| Reply::new(404, ""));
    let elsewhere = format!("http://{}/blob", other.address());
    // Basic: the registry sees it, and who it redirects to does not.
    let server = FaultServer::start(move |asked| match asked.header("authorization") {
        Some(value) if value == basic => Reply::new(307, "").with("location", &elsewhere),
        _ => Reply::new(401, "").with("www-authenticate", r#"Basic realm="x""#),
    });
    let joe = client(&server, |options| options.credentials = Some(Credentials::new(Joe)));
    assert!(!joe.has_blob(&Digest::of(b"x"), &never()).unwrap());
    assert!(!other.asked().is_empty() && other.asked().iter().all(|asked| asked.header("authorization").is_none()));
    // Bearer: the token server sees it, and the registry the token.
    let server = FaultServer::start(move |asked| {
        let challenge = format!(r#"Bearer realm="http://{}/token",scope="repository:repo:pull""#, asked.server);
        match (asked.target.starts_with("/token"), asked.header("authorization")) {
            (true, Some(value)) if value == basic => Reply::new(200, r#"{"token":"t"}"#),
            (false, Some("Bearer t")) => Reply::new(200, ""),
            (true, _) => Reply::new(401, ""),
            _ => Reply::new(401, "").with("www-authenticate", &challenge),
        }
    });
    let joe = client(&server, |options| options.credentials = Some(Credentials::new(Joe)));
    assert!(joe.has_blob(&Digest::of(b"x"), &never()).unwrap());
    let token = server.asked().into_iter().find(|asked| asked.target.starts_with("/token")).unwrap();
    assert!(token.target.contains("repository%3Arepo%3Apull%2Cpush"), "{}", token.target);
    // An identity token is exchanged, in the body and not in the address.
    let server = FaultServer::start(|asked| {
        let challenge = format!(r#"Bearer realm="http://{}/token",service="s""#, asked.server);
        let form = String::from_utf8_lossy(&asked.body);
        match (asked.method(), asked.header("authorization")) {
            ("POST", None) if form.contains("refresh_token=refresh-hunter2") => {
                Reply::new(200, r#"{"access_token":"t"}"#)
            }
            (_, Some("Bearer t")) => Reply::new(200, ""),
            _ => Reply::new(401, "").with("www-authenticate", &challenge),
        }
    });
    let token = client(&server, |options| options.credentials = Some(Credentials::new(Token)));
    assert!(token.has_blob(&Digest::of(b"x"), &never()).unwrap());
    assert!(server.asked().iter().all(|asked| !asked.target.contains("hunter2")));
}

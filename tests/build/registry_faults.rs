//! A real registry behind a proxy that cuts, lies and fails: a clear error or a successful retry, in bounded time and
//! memory, and nothing wrong in the store or in the registry afterwards.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bounded::{Taken, bounded};
use crate::support::fault_proxy::{Fault, FaultProxy, Rule};
use crate::support::peers::{Registry, tool};
use crate::support::{Finished, TestEnv, noise};

/// The most memory that a pull or a push may take here, in bytes.
const MEMORY: u64 = 96 << 20;
/// The most time, with all its pauses.
const TIME: Duration = Duration::from_secs(30);
/// The part of a path that a manifest by its tag has.
const MANIFEST: &str = "/manifests/1";

/// A registry with an image of one large layer and one small, `app:1`.
struct Subject {
    env: TestEnv,
    registry: Registry,
    manifest: Value,
}

impl Subject {
    fn new() -> Self {
        let env = TestEnv::root();
        let registry = Registry::start(&env.path(""));
        env.write("noise", noise(1_500_000, 1));
        env.write("Dockerfile", "FROM scratch\nCOPY noise /noise\nCOPY Dockerfile /small\n");
        env.ok(["build", "-q", "-t", "app:1", "."]);
        let name = format!("{}/app:1", registry.address());
        env.ok(["push", "-q", "app:1", &name]);
        let raw = tool("skopeo", &["inspect", "--tls-verify=false", "--raw", &format!("docker://{name}")]);
        Self { env, manifest: serde_json::from_str(&raw).unwrap(), registry }
    }

    fn layer(&self) -> String {
        self.manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
    }

    fn config(&self) -> String {
        self.manifest["config"]["digest"].as_str().unwrap().to_owned()
    }
}

/// What is expected of a fault.
#[derive(Clone, Copy)]
enum Expected {
    /// The transfer succeeds.
    Works,
    /// It fails, and says this.
    Says(&'static str),
}
use Expected::{Says, Works};

fn no_body(status: u16) -> Fault {
    Fault::Answer(status, Vec::new(), Vec::new())
}

/// An answer that asks for patience, of which there is little here.
fn busy(status: u16) -> Fault {
    Fault::Answer(status, vec![("retry-after", "0".to_owned())], Vec::new())
}

/// Does something for each case, a few at the same time: most of a case is waiting.
fn each<C: Send>(cases: Vec<C>, run: impl Fn(C) + Sync) {
    let cases = Mutex::new(cases.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let next = cases.lock().unwrap().next();
                    let Some(case) = next else { return };
                    run(case);
                }
            });
        }
    });
}

/// Every blob is what its name says, and nothing is left over.
fn is_sound(env: &TestEnv, what: &str) {
    let blobs = fs::read_dir(env.store().join("blobs/sha256")).unwrap();
    let paths: Vec<String> = blobs.map(|entry| entry.unwrap().path().display().to_string()).collect();
    if !paths.is_empty() {
        let sums = tool("sha256sum", &paths.iter().map(String::as_str).collect::<Vec<_>>());
        for line in sums.lines() {
            let (sum, path) = line.split_once("  ").unwrap();
            assert!(path.ends_with(sum), "{what}: {line}");
        }
    }
    assert_eq!(fs::read_dir(env.store().join("work")).unwrap().count(), 0, "{what}");
}

/// Runs a command and looks at what it took.
fn run(env: &TestEnv, arguments: &[&str], what: &str) -> Finished {
    let (finished, Taken { memory, .. }) = bounded(env.builder().args(arguments), TIME);
    assert!(memory < MEMORY, "{what}: {memory} bytes of memory");
    let panicked = finished.code.is_none_or(|code| code == 101) || finished.stderr.contains("panicked");
    assert!(!panicked, "{what}: {finished:?}");
    finished
}

fn judge(finished: &Finished, expected: Expected, what: &str) {
    match expected {
        Works => assert_eq!(finished.code, Some(0), "{what}: {}", finished.stderr),
        Says(text) => {
            assert!(matches!(finished.code, Some(2 | 4)), "{what}: {finished:?}");
            assert!(finished.stderr.contains(text), "{what}: expected `{text}`: {}", finished.stderr);
        }
    }
}

fn pulls(subject: &Subject, cases: Vec<(String, Vec<Rule>, Expected)>) {
    each(cases, |(what, rules, expected)| {
        let proxy = FaultProxy::start(subject.registry.address(), rules);
        let env = TestEnv::root();
        let name = format!("{}/app:1", proxy.address());
        let finished = run(&env, &["pull", "-q", &name], &what);
        judge(&finished, expected, &what);
        is_sound(&env, &what);
        let listed = env.ok(["images", "-q"]).stdout.lines().count();
        assert_eq!(listed, usize::from(matches!(expected, Works)), "{what}");
        // What came of it is the image, whole, or nothing that is in the way of it.
        let good = format!("{}/app:1", subject.registry.address());
        let name = if let Works = expected { &name } else { &good };
        let pulled = env.run(["pull", "-q", name]);
        assert_eq!(pulled.code, Some(0), "{what}: {}", pulled.stderr);
        let archive = env.path("out/app.tar").display().to_string();
        env.ok(["save", "-o", &archive, name]);
        is_sound(&env, &what);
    });
}

#[test]
fn pulls_from_servers_that_cut_and_fail() {
    let subject = Subject::new();
    let (layer, config) = (subject.layer(), subject.config());
    let mut cases = Vec::new();
    for (what, part, cut) in [
        ("the manifest", MANIFEST, 100),
        ("the config", config.as_str(), 20),
        ("the layer", layer.as_str(), 500_000),
        ("the layer's end", layer.as_str(), 1_499_999),
    ] {
        let mut case = |fault: &str, times: usize, rule: Fault, expected: Expected| {
            cases.push((format!("{what}: {fault} × {times}"), vec![Rule::new("GET", part, times, rule)], expected));
        };
        let always = usize::MAX;
        case("cut head", 1, Fault::CutHead, Works);
        case("cut body", 2, Fault::CutBody(cut), Works);
        for status in [429, 500, 503] {
            case(&format!("{status}"), 2, busy(status), Works);
        }
        case("401", always, no_body(401), Says("does not let us have"));
        case("404", always, no_body(404), Says("is not in its registry"));
        case("an hour's wait", always, Fault::Answer(429, vec![("retry-after", "3600".into())], Vec::new()), {
            Says("try again in 3600 s")
        });
        case("500 for ever", always, busy(500), Says("status 500"));
        let again = vec![("location", "?again".to_owned())];
        case("a loop", always, Fault::Answer(307, again, Vec::new()), Says("more than 5 times"));
        let elsewhere = vec![("location", "http://elsewhere.example/x".to_owned())];
        case("unencrypted", always, Fault::Answer(302, elsewhere, Vec::new()), Says("without encryption"));
        case("garbage", always, Fault::CutHead, Says("cannot reach the registry"));
    }
    pulls(&subject, cases);
}

#[test]
fn pulls_of_what_is_not_what_it_should_be() {
    let subject = Subject::new();
    let (layer, config) = (subject.layer(), subject.config());
    let wrong = format!("sha256:{}", "0".repeat(64));
    let case = |what: &str, part: &str, fault: Fault, expected: Expected| {
        (format!("{what} of {part}"), vec![Rule::always("GET", part, fault)], expected)
    };
    let document = |value: &Value| {
        let headers = vec![("content-type", "application/vnd.oci.image.manifest.v1+json".to_owned())];
        Fault::Answer(200, headers, value.to_string().into_bytes())
    };
    // A manifest of 10,000 layers, and an index of 10,000 images.
    let mut many = subject.manifest.clone();
    many["layers"] = vec![subject.manifest["layers"][0].clone(); 10_000].into();
    let entry = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": wrong, "size": 100,
        "platform": {"os": "plan9", "architecture": "pdp11"},
    });
    let index = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": vec![entry; 10_000],
    });
    let mut larger = subject.manifest.clone();
    larger["layers"][0]["size"] = (1_u64 << 60).into();
    let mut smaller = subject.manifest.clone();
    smaller["layers"][0]["size"] = 10.into();
    let mut traversal = subject.manifest.clone();
    traversal["layers"][0]["digest"] = "sha256:../../../../etc/passwd".into();
    let other_digest = Fault::Header("docker-content-digest", Some(wrong.clone()));
    let half_config = usize::try_from(subject.manifest["config"]["size"].as_u64().unwrap()).unwrap() / 2;
    pulls(
        &subject,
        vec![
            case("a wrong byte", MANIFEST, Fault::WrongByte, Says("digest")),
            case("a wrong byte", &config, Fault::WrongByte, Says("digest")),
            case("a wrong byte", &layer, Fault::WrongByte, Says("expected")),
            case("a wrong digest", MANIFEST, other_digest, Says("expected sha256:0000")),
            case("less", MANIFEST, Fault::Shorter(10), Says("digest")),
            case("less", &config, Fault::Shorter(half_config), Says("expected")),
            case("less", &layer, Fault::Shorter(70_000), Says("expected")),
            case("more", MANIFEST, Fault::Longer(10), Says("digest")),
            case("more", &config, Fault::Longer(1), Says("has more than")),
            case("more", &layer, Fault::Longer(1), Says("has more than")),
            case("endless", MANIFEST, Fault::Endless, Says("more than 4194304 bytes")),
            case("endless", &config, Fault::Endless, Says("has more than")),
            case("endless", &layer, Fault::Endless, Says("has more than")),
            case("100 MiB", MANIFEST, Fault::Huge(100 << 20), Says("more than 4194304 bytes")),
            case("100 MiB", &config, Fault::Huge(100 << 20), Says("has more than")),
            case("10,000 layers", MANIFEST, document(&many), Says("10000 layers")),
            case("10,000 images", MANIFEST, document(&index), Says("linux/")),
            case("an exabyte", MANIFEST, document(&larger), Says("expected")),
            case("ten bytes", MANIFEST, document(&smaller), Says("has more than 10 bytes")),
            case("another path", MANIFEST, document(&traversal), Says("malformed")),
            case("something else", MANIFEST, document(&json!([1])), Says("manifest")),
            case("no JSON", MANIFEST, Fault::Answer(200, Vec::new(), b"<html>".to_vec()), Says("manifest")),
            case("slowly", &layer, Fault::Slow(200_000, Duration::from_millis(20)), Works),
        ],
    );
}

#[test]
fn a_redirection_to_another_host_serves_blobs_and_sees_no_token() {
    let subject = Subject::new();
    // Blobs come from another address, as from a content network.
    let other = FaultProxy::start(subject.registry.address(), Vec::new());
    let layer = subject.layer();
    let location = format!("http://{}/v2/app/blobs/{layer}", other.address());
    let rule = Rule::always("GET", &layer, Fault::Answer(307, vec![("location", location)], Vec::new()));
    pulls(&subject, vec![("another host".to_owned(), vec![rule], Works)]);
    assert!(!other.asked().is_empty());
}

#[test]
fn everything_of_a_reference_has_limits_as_well() {
    let subject = Subject::new();
    let headers = vec![("content-type", "application/vnd.oci.image.manifest.v1+json".to_owned())];
    let mut many = subject.manifest.clone();
    let layer = |number: u32| json!({"mediaType": "x", "size": 1, "digest": format!("sha256:{number:064x}")});
    many["layers"] = (0..10_000).map(layer).collect::<Vec<_>>().into();
    let entry = |number: u32| {
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 100,
        "digest": format!("sha256:{number:064x}")})
    };
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": (0..10_000).map(entry).collect::<Vec<_>>()});
    for (value, expected) in [(many, "10000 layers"), (index, "the index names more than")] {
        let answer = Fault::Answer(200, headers.clone(), value.to_string().into_bytes());
        let proxy = FaultProxy::start(subject.registry.address(), vec![Rule::always("GET", MANIFEST, answer)]);
        let env = TestEnv::root();
        let name = format!("{}/app:1", proxy.address());
        let finished = run(&env, &["pull", "--all-platforms", "-q", &name], expected);
        judge(&finished, Says(expected), expected);
        is_sound(&env, expected);
        assert!(proxy.asked().len() < 20, "{:?}", proxy.asked());
    }
}

/// The status that a registry answers to a request for a manifest.
fn status_of(registry: &Registry, path: &str) -> u16 {
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    let accept = "accept: application/vnd.oci.image.manifest.v1+json";
    write!(stream, "GET /v2/{path} HTTP/1.0\r\n{accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn pushes_to_servers_that_cut_fail_and_lie() {
    let subject = Subject::new();
    let always = usize::MAX;
    let uploads = "/blobs/uploads/";
    let wrong = format!("sha256:{}", "0".repeat(64));
    let (no_location, lie) =
        (Fault::Header("location", None), |range: &str| Fault::Header("range", Some(range.to_owned())));
    let to = |location: &str| Fault::Header("location", Some(location.to_owned()));
    let invalid = |code: &str| {
        let body = json!({"errors": [{"code": code, "message": "not like this"}]}).to_string();
        Fault::Answer(400, Vec::new(), body.into_bytes())
    };
    let mut cases: Vec<(String, Vec<Rule>, Expected)> = Vec::new();
    let mut case = |what: &str, method: &'static str, part: &str, times: usize, fault: Fault, expected: Expected| {
        let what = format!("{what}: {method} {part} × {times}");
        cases.push((what, vec![Rule::new(method, part, times, fault)], expected));
    };
    for (method, part) in
        [("HEAD", "/blobs/"), ("POST", uploads), ("PATCH", uploads), ("PUT", uploads), ("PUT", MANIFEST)]
    {
        for status in [429, 500, 503] {
            case("busy", method, part, 2, busy(status), Works);
        }
        case("cut head", method, part, 1, Fault::CutHead, Works);
        case("401", method, part, always, no_body(401), Says("does not let us have"));
        case("500 for ever", method, part, always, busy(500), Says("status 500"));
        if method != "HEAD" {
            case("lost answer", method, part, 1, Fault::LostAnswer, Works);
            case("cut request", method, part, 1, Fault::CutRequest(0), Works);
            case("cut request for ever", method, part, always, Fault::CutRequest(0), Says("broke off"));
        }
    }
    case("in the middle", "PATCH", uploads, 2, Fault::CutRequest(600_000), Works);
    case("forgotten", "PATCH", uploads, 1, no_body(404), Works);
    case("forgotten for ever", "PATCH", uploads, always, no_body(404), Says("takes no more of it: status 404"));
    case("out of range", "PATCH", uploads, 1, no_body(416), Works);
    case("out of range for ever", "PATCH", uploads, always, no_body(416), Says("takes no more of it: status 416"));
    case("forgotten at the end", "PUT", uploads, 1, no_body(404), Works);
    case("no location", "POST", uploads, always, no_location.clone(), Says("where the upload goes on"));
    case("no location", "PATCH", uploads, always, no_location, Says("where the upload goes on"));
    case("far away", "POST", uploads, always, to("http://elsewhere.example/x"), Says("without encryption"));
    case("nowhere", "POST", uploads, always, to("http://[x/"), Says("no address"));
    case("more than was sent", "PATCH", uploads, always, lie("0-99999999999"), Says("bytes after those"));
    case("less than was sent", "PATCH", uploads, 1, lie("0-99"), Works);
    case("nothing for ever", "PATCH", uploads, always, lie("0-0"), Says("bytes after those"));
    case("wrong digest", "PUT", uploads, always, invalid("DIGEST_INVALID"), Says("DIGEST_INVALID: not like this"));
    case("wrong manifest", "PUT", MANIFEST, always, invalid("MANIFEST_INVALID"), Says("MANIFEST_INVALID"));
    let digest = Fault::Header("docker-content-digest", Some(wrong));
    case("another digest", "PUT", MANIFEST, always, digest, Says("expected sha256:"));
    case("endless", "PUT", MANIFEST, always, Fault::Endless, Works);
    case("endless", "HEAD", "/blobs/", always, Fault::Endless, Says("MANIFEST_BLOB_UNKNOWN"));
    let redirect = Fault::Answer(307, vec![("location", "http://elsewhere.example/x".to_owned())], Vec::new());
    case("redirected", "PATCH", uploads, always, redirect, Says("without encryption"));
    // What is said to be there, and is not: the registry finds out.
    case("said to be there", "HEAD", "/blobs/", always, no_body(200), Says("MANIFEST_BLOB_UNKNOWN"));
    let number = Mutex::new(0);
    each(cases, |(what, rules, expected)| {
        let proxy = FaultProxy::start(subject.registry.address(), rules);
        let number = {
            let mut number = number.lock().unwrap();
            *number += 1;
            *number
        };
        // A repository of its own, and blobs that the registry has nowhere yet.
        let env = TestEnv::root();
        env.write("noise", noise(1_500_000, 1 + number));
        env.write("Dockerfile", "FROM scratch\nCOPY noise /noise\n");
        let name = format!("{}/r{number}:1", proxy.address());
        env.ok(["build", "-q", "-t", &name, "."]);
        let finished = run(&env, &["push", "-q", &name], &what);
        judge(&finished, expected, &what);
        is_sound(&env, &what);
        let lied = what.starts_with("another digest") || what.starts_with("endless: PUT");
        if !lied {
            let status = if let Works = expected { 200 } else { 404 };
            assert_eq!(status_of(&subject.registry, &format!("r{number}/manifests/1")), status, "{what}");
        }
        // Without the fault it is pushed, and is what it was.
        let good = format!("{}/r{number}:2", subject.registry.address());
        let pushed = env.run(["push", "-q", &name, &good]);
        assert_eq!(pushed.code, Some(0), "{what}: {}", pushed.stderr);
        let to = format!("dir:{}", env.path("out/copy").display());
        tool("skopeo", &["copy", "-q", "--src-tls-verify=false", &format!("docker://{good}"), &to]);
    });
    drop(subject.env);
}

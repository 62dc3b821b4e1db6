//! `ADD` of files of web servers.

use std::io::Write;

use crate::support::image::Image;
use crate::support::servers::Web;
use crate::support::{RunAs, TestEnv};

/// 2020-01-02 03:04:05.
const MODIFIED: u64 = 1_577_934_245;

fn digest(content: &str) -> String {
    builder_core::digest::Digest::of(content.as_bytes()).to_string()
}

fn added(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    let web = Web::start(&env.path(""));
    web.write("file.txt", "from the web\n");
    web.write("odd[1]*.txt", "odd\n");
    env.write(
        "Dockerfile",
        format!(
            "FROM scratch\nADD {} /d/\nADD --chmod=755 --chown=7:8 {} /named\nADD {} /\nADD {} local <<INLINE /mixed/\n\
             inline\nINLINE\n",
            web.url("file.txt?x=1"),
            web.url("plain/file.txt"),
            web.url("odd%5B1%5D*.txt"),
            web.url("file.txt"),
        ),
    );
    env.write("local", "local\n");
    env.ok(["build", "-t", "app", "."]);
    let image = Image::open(&env.store(), "app");
    let entry = |layer: usize, path: &str| image.layer(layer).into_iter().find(|entry| entry.path == path).unwrap();
    let plain = entry(0, "d/file.txt");
    assert_eq!((plain.mode, plain.uid, plain.mtime), (0o600, 0, MODIFIED));
    assert_eq!(plain.content, b"from the web\n");
    let named = entry(1, "named");
    assert_eq!((named.mode, named.uid, named.gid, named.mtime), (0o755, 7, 8, 0));
    assert_eq!(entry(2, "odd[1]*.txt").content, b"odd\n");
    assert_eq!(image.paths(3), ["mixed", "mixed/INLINE", "mixed/file.txt", "mixed/local"]);
    let history = image.config["history"][0]["created_by"].as_str().unwrap();
    assert_eq!(history, format!("ADD {} /d/ # buildkit", web.url("file.txt?x=1")));
}

#[test]
fn a_file_of_a_web_server_is_added() {
    added(RunAs::Root);
}

#[test]
fn a_file_of_a_web_server_is_added_by_an_ordinary_user() {
    added(RunAs::Ordinary);
}

#[test]
fn what_did_not_change_is_not_fetched_again() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    web.write("file", "one");
    env.write("Dockerfile", format!("FROM scratch\nADD {} /\n", web.url("file")));
    env.ok(["build", "-t", "app", "."]);
    assert_eq!(web.asked().len(), 1);
    env.ok(["build", "-t", "app", "--no-cache", "."]);
    let asked = web.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].header("If-None-Match").is_some(), "{asked:?}");
    web.write("file", "two");
    env.ok(["build", "-t", "app", "."]);
    assert_eq!(Image::open(&env.store(), "app").file("file"), "two");
    web.asked();
    // Who says what it must be needs nobody to confirm it.
    env.write("Dockerfile", format!("FROM scratch\nADD --checksum={} {} /\n", digest("two"), web.url("file")));
    env.ok(["build", "-t", "app", "."]);
    assert_eq!(web.asked().len(), 0);
}

#[test]
fn a_wrong_checksum_and_a_bad_status_end_the_build() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    web.write("file", "one");
    let (url, wanted) = (web.url("file"), digest("two"));
    env.write("Dockerfile", format!("FROM scratch\nADD --checksum={wanted} {url} /\n"));
    let refused = env.run(["build", "."]).fails(2);
    let message = format!("digest mismatch for {url}: {} (expected: {wanted})", digest("one"));
    assert!(refused.stderr.contains(&message), "{}", refused.stderr);
    for (path, message) in [
        ("nothing", "invalid response status 404"),
        ("secret/file", "invalid response status 401"),
        ("loop", "redirects more than 10 times"),
        ("redirect/302/ftp://example.org/x", "to something that is no web address"),
    ] {
        env.write("Dockerfile", format!("FROM scratch\nADD {} /\n", web.url(path)));
        let refused = env.run(["build", "."]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.contains(message), "{path}: {}", refused.stderr);
        assert!(refused.stderr.contains("Dockerfile:2"), "{}", refused.stderr);
    }
}

#[test]
fn a_longer_checksum_is_verified_too() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    web.write("file", "abc");
    let url = web.url("file");
    let right = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
                 454d4423643ce80e2a9ac94fa54ca49f";
    env.write("Dockerfile", format!("FROM scratch\nADD --checksum={right} {url} /\n"));
    env.ok(["build", "-t", "app", "."]);
    assert_eq!(Image::open(&env.store(), "app").file("file"), "abc");
    web.asked();
    env.ok(["build", "-t", "app", "--no-cache", "."]);
    assert_eq!(web.asked().len(), 0, "what was verified needs nobody to confirm it");
    let wrong = right.replace("ddaf", "0000");
    env.write("Dockerfile", format!("FROM scratch\nADD --checksum={wrong} {url} /\n"));
    let refused = env.run(["build", "."]).fails(2);
    assert!(refused.stderr.contains(&format!("digest mismatch for {url}: {right} (expected: {wrong})")));
    env.write("Dockerfile", format!("FROM scratch\nADD --checksum=sha1:00 {url} /\n"));
    let refused = env.run(["build", "."]).fails(2);
    assert!(refused.stderr.contains("expected `sha256`, `sha384` or `sha512`"), "{}", refused.stderr);
}

#[test]
fn what_breaks_off_goes_on_and_what_is_busy_is_asked_again() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    let content = "0123456789".repeat(100_000);
    web.write("file", &content);
    env.write(
        "Dockerfile",
        format!(
            "FROM scratch\nADD {} /cut\nADD {} /busy\nADD {} /sent\n",
            web.url("cut/file"),
            web.url("busy/file"),
            web.url("redirect/307/file"),
        ),
    );
    env.ok(["build", "-t", "app", "."]);
    let image = Image::open(&env.store(), "app");
    for name in ["cut", "busy", "sent"] {
        assert_eq!(image.file(name), content, "{name}");
    }
    let asked = web.asked();
    let again = asked.iter().find(|request| request.header("Range").is_some()).unwrap();
    assert_eq!((again.path.as_str(), again.header("Range")), ("/cut/file", Some("bytes=500000-")));
}

#[test]
fn an_archive_is_unpacked_where_that_is_asked_for() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&super::remote_contexts::tar(&[("inside", "packed")])).unwrap();
    web.write("x.tgz", gzip.finish().unwrap());
    let url = web.url("x.tgz");
    env.write("Dockerfile", format!("FROM scratch\nADD {url} /as-it-is/\nADD --unpack=true {url} /unpacked\n"));
    env.ok(["build", "-t", "app", "."]);
    let image = Image::open(&env.store(), "app");
    assert_eq!(image.paths(0), ["as-it-is", "as-it-is/x.tgz"]);
    assert_eq!(image.paths(1), ["unpacked", "unpacked/inside"]);
}

#[test]
fn a_secret_opens_a_server_and_stays_secret() {
    let env = TestEnv::root();
    let (web, other) = (Web::start(&env.path("")), Web::start(&env.path("out")));
    web.write("file", "opened");
    other.write("file", "elsewhere");
    env.write("token", "sesame\n");
    let away = web.url(&format!("redirect/302/{}", other.url("file")));
    env.write("Dockerfile", format!("FROM scratch\nADD {} /a\nADD {away} /b\n", web.url("secret/file")));
    let secret = format!("id=HTTP_AUTH_TOKEN_{},src=token", web.host());
    env.ok(["build", "-t", "app", "--secret", &secret, "."]);
    assert_eq!(Image::open(&env.store(), "app").file("a"), "opened");
    assert!(web.asked().iter().all(|request| request.header("Authorization") == Some("Bearer sesame")));
    assert!(other.asked().iter().all(|request| request.header("Authorization").is_none()));
    env.write("token", "custom sesame\n");
    env.ok(["build", "--no-cache", "--secret", "id=HTTP_AUTH_HEADER_127.0.0.1,src=token", "."]);
    assert!(!super::add_git::holds(&env.store(), b"sesame"), "the store has the secret");
    // Builds that fail: behind what it opened, and because it opens nothing.
    let [opened, missing] = [web.url("secret/file"), web.url("nothing")];
    env.write("Dockerfile", format!("FROM scratch\nADD {opened} /a\nADD {missing} /b\nCOPY no /\n"));
    env.write("token", "sesame\n");
    let failed = env.run(["build", "--no-cache", "--progress", "plain", "--secret", &secret, "."]);
    assert!(failed.code != Some(0) && !failed.stderr.contains("sesame"), "{}", failed.stderr);
    // Both fail; the first one to do so ends the build.
    env.write("Dockerfile", format!("FROM scratch\nADD {opened} /a\n"));
    env.write("token", "not-sesame\n");
    let failed = env.run(["build", "--no-cache", "--progress", "plain", "--secret", &secret, "."]);
    assert!(failed.stderr.contains("401") && !failed.stderr.contains("sesame"), "{}", failed.stderr);
    assert!(!super::add_git::holds(&env.store(), b"sesame"), "the store has the secret");
}

#[test]
fn copy_takes_no_addresses_and_a_checksum_needs_one_source() {
    let env = TestEnv::root();
    for (line, message) in [
        ("COPY https://example.org/x /", "source can't be a URL for COPY"),
        ("COPY https://example.org/x.git /", "source can't be a git ref for COPY"),
        ("ADD --checksum=sha256:00 https://example.org/x /", "invalid checksum"),
        ("ADD --checksum=sha256:00 a b /", "checksum can't be specified for multiple sources"),
        ("ADD --checksum=sha256:00 a /", "checksum requires HTTP(S) or Git sources"),
        ("ADD https://example.org/x.git?a=b /", "unexpected query \"a\""),
        ("ADD --keep-git-dir=true https://example.org/x.git?keep-git-dir=0 /", "inconsistent keep-git-dir"),
    ] {
        env.write("Dockerfile", format!("FROM scratch\n{line}\n"));
        let refused = env.run(["build", "."]).fails(2);
        assert!(refused.stderr.contains(message), "{line}: {}", refused.stderr);
    }
}

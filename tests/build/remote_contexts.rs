//! Contexts from git repositories and web servers, and the time that an image takes from them.

use std::io::Write;
use std::process::Stdio;

use crate::support::TestEnv;
use crate::support::image::Image;
use crate::support::servers::{GitDaemon, Repository, Web};

/// An archive of files that belong to 12:34 and are of the second 77.
pub fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o640);
        header.set_uid(12);
        header.set_gid(34);
        header.set_mtime(77);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn created(image: &Image) -> &str {
    image.config["created"].as_str().unwrap()
}

#[test]
fn a_git_repository_is_a_context() {
    let env = TestEnv::root();
    let folder = env.path("repositories");
    let repository = Repository::new(folder.join("app.git"));
    repository.commit(&[
        ("Dockerfile", "FROM scratch\nCOPY . /\n"),
        (".dockerignore", "*"),
        ("other/Dockerfile", "FROM scratch\nCOPY file /other\n"),
        ("file", "x"),
        ("sub/Dockerfile", "FROM scratch\nCOPY inner /\n"),
        ("sub/inner", "inner"),
    ]);
    std::os::unix::fs::symlink("/etc/passwd", folder.join("app.git/away")).unwrap();
    repository.commit(&[]);
    let url = GitDaemon::start(&folder);
    let address = url.url("app.git");
    env.ok(["build", "-t", "app", &address]);
    let paths = Image::open(&env.store(), "app").paths(0);
    // The ignore file of a repository does not count.
    assert!(paths.contains(&"file".to_owned()) && !paths.iter().any(|path| path.starts_with(".git/")), "{paths:?}");
    env.ok(["build", "-t", "app", "-f", "other/Dockerfile", &address]);
    assert_eq!(Image::open(&env.store(), "app").paths(0), ["other"]);
    env.ok(["build", "-t", "app", &format!("{address}#main:sub")]);
    assert_eq!(Image::open(&env.store(), "app").paths(0), ["inner"]);
    env.ok(["build", "-t", "app", "--build-arg", "BUILDKIT_CONTEXT_KEEP_GIT_DIR=1", &address]);
    assert!(Image::open(&env.store(), "app").paths(0).contains(&".git/HEAD".to_owned()));
    env.run(["build", "-f", "away", &address]).fails(2);
    env.ok(["build", "-t", "app", "--build-arg", "SOURCE_DATE_EPOCH=context", &address]);
    assert_eq!(created(&Image::open(&env.store(), "app")), "2021-02-03T04:05:06Z");
}

#[test]
fn an_archive_and_a_dockerfile_of_a_web_server_are_contexts() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    let dockerfile = "ARG SOURCE_DATE_EPOCH=context\nFROM scratch\nCOPY file /\n";
    let archive = tar(&[("Dockerfile", dockerfile), ("file", "packed"), ("b", "FROM scratch\nCOPY b /\n")]);
    web.write("context.tar", &archive);
    web.write("Dockerfile", "FROM scratch\nCOPY context /itself\n");
    env.ok(["build", "-t", "app", &web.url("context.tar")]);
    let image = Image::open(&env.store(), "app");
    let file = &image.layer(0)[0];
    assert_eq!((file.path.as_str(), file.uid, file.gid, file.mode), ("file", 12, 34, 0o640));
    assert_eq!(created(&image), "2020-01-02T03:04:05Z");
    // Without a date from the server, it is the newest in the archive.
    env.ok(["build", "-t", "app", &web.url("plain/context.tar")]);
    assert_eq!(created(&Image::open(&env.store(), "app")), "1970-01-01T00:01:17Z");
    web.asked();
    env.ok(["build", "-t", "app", "-f", "b", &web.url("context.tar")]);
    assert_eq!(Image::open(&env.store(), "app").paths(0), ["b"]);
    assert!(web.asked().iter().all(|request| request.header("If-None-Match").is_some()));
    env.ok(["build", "-t", "app", &web.url("Dockerfile")]);
    assert_eq!(Image::open(&env.store(), "app").file("itself"), "FROM scratch\nCOPY context /itself\n");
    let refused = env.run(["build", &web.url("nothing")]);
    assert!(refused.stderr.contains("invalid response status 404"), "{}", refused.stderr);
}

#[test]
fn an_archive_on_standard_input_is_taken_in_every_compression() {
    let env = TestEnv::root();
    let archive = tar(&[("sub/b", "FROM scratch\nCOPY file /\n"), ("file", "packed")]);
    std::fs::write(env.path("out/plain"), &archive).unwrap();
    for command in ["cat", "gzip -c", "bzip2 -c", "xz -c", "zstd -qc"] {
        let packed = std::process::Command::new("sh")
            .args(["-c", &format!("{command} < \"$1\""), "sh"])
            .arg(env.path("out/plain"))
            .output()
            .unwrap();
        assert!(packed.status.success(), "{command}; run tests/run, which installs it");
        let mut building = env.builder();
        building.args(["build", "-t", "app", "-f", "sub/b", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut building = building.spawn().unwrap();
        building.stdin.take().unwrap().write_all(&packed.stdout).unwrap();
        let done = building.wait_with_output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        let entry = &Image::open(&env.store(), "app").layer(0)[0];
        assert_eq!((entry.path.as_str(), entry.uid, entry.content.as_slice()), ("file", 12, &b"packed"[..]));
    }
}

#[test]
fn a_stage_that_only_fetches_gives_the_time() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    web.write("file", "x");
    let stage = |body: &str| {
        format!(
            "ARG SOURCE_DATE_EPOCH=src\nFROM scratch AS src\n{body}\nFROM scratch\nARG SOURCE_DATE_EPOCH\n\
             LABEL epoch=$SOURCE_DATE_EPOCH\nCOPY --from=src / /\n"
        )
    };
    env.write("Dockerfile", stage(&format!("ADD {} /", web.url("file"))));
    env.ok(["build", "-t", "app", "."]);
    let image = Image::open(&env.store(), "app");
    assert_eq!(created(&image), "2020-01-02T03:04:05Z");
    assert_eq!(image.config["config"]["Labels"]["epoch"], "1577934245");
    env.write("local", "");
    for (body, message) in [
        ("ADD local /", "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD"),
        ("RUN true", "SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported RUN instruction"),
    ] {
        env.write("Dockerfile", stage(body));
        let refused = env.run(["build", "."]).fails(2);
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
    }
    let refused = env.run(["build", "--build-arg", "SOURCE_DATE_EPOCH=nonsense", "."]).fails(2);
    assert!(refused.stderr.contains("invalid SOURCE_DATE_EPOCH: nonsense"), "{}", refused.stderr);
}

//! Named contexts of every scheme.

use crate::support::TestEnv;
use crate::support::image::Image;
use crate::support::servers::{GitDaemon, Repository, Web};

#[test]
fn repositories_files_and_nothing_are_named_contexts() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    web.write("a.txt", "from the web");
    let repository = Repository::new(env.path("repositories/app"));
    repository.commit(&[("sub/file", "from git")]);
    let daemon = GitDaemon::start(&env.path("repositories"));
    env.write(
        "Dockerfile",
        "FROM repo AS a\nFROM nothing\nCOPY --from=a /file /one\nCOPY --from=repo file /two\nCOPY --from=web context /\n",
    );
    env.ok([
        "build",
        "-t",
        "app",
        "--build-context",
        &format!("repo={}#:sub", daemon.url("app")),
        "--build-context",
        &format!("web={}", web.url("a.txt")),
        "--build-context",
        "nothing=docker-image://scratch",
        "--build-context",
        "unused=https://unused.invalid/x.git",
        ".",
    ]);
    let image = Image::open(&env.store(), "app");
    assert_eq!((image.file("one"), image.file("two")), ("from git".to_owned(), "from git".to_owned()));
    assert_eq!(image.file("context"), "from the web");
    assert_eq!(image.layer_count(), 3);
}

#[test]
fn a_stage_stands_in_for_an_image_or_another_stage() {
    let env = TestEnv::root();
    env.write("one/file", "one");
    env.write(
        "Dockerfile",
        "FROM alpine AS result\nCOPY --from=deps /file /copied\nFROM nowhere AS deps\nRUN false\nFROM scratch AS later\n\
         ENV FROM=later\nCOPY one/file /file\n",
    );
    env.ok([
        "build",
        "-t",
        "app",
        "--target=result",
        "--build-context",
        "docker.io/library/alpine:latest=target:later",
        "--build-context",
        "deps=target:LATER",
        ".",
    ]);
    let image = Image::open(&env.store(), "app");
    assert_eq!((image.file("file"), image.file("copied")), ("one".to_owned(), "one".to_owned()));
    assert!(image.config["config"]["Env"].to_string().contains("FROM=later"));
    let circle = ["build", "--target=later", "--build-context", "scratchy=target:later", "."];
    env.write("Dockerfile", "FROM scratchy AS later\nCOPY one/file /file\n");
    let refused = env.run(circle).fails(2);
    assert!(refused.stderr.contains("circular dependency"), "{}", refused.stderr);
    let refused = env.run(["build", "--build-context", "scratchy=target:no", "."]).fails(2);
    assert!(refused.stderr.contains("target stage \"no\" could not be found"), "{}", refused.stderr);
}

#[test]
fn a_context_for_the_platform_comes_first() {
    let env = TestEnv::root();
    env.write("any/file", "any");
    env.write("own/file", "own");
    env.write("Dockerfile", "FROM base\n");
    env.ok([
        "build",
        "-t",
        "app",
        "--platform=linux/arm64",
        "--build-context",
        "base=any",
        "--build-context",
        "base::linux/arm64=own",
        ".",
    ]);
    assert_eq!(Image::open(&env.store(), "app").file("file"), "own");
}

#[test]
fn what_is_no_context_is_refused() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\n");
    for (context, message) in [
        ("scratch=.", "cannot be replaced"),
        ("base=ftp://example.org/x", "unsupported context source ftp for base"),
        ("base=input:other", "invalid input other for base"),
        ("base=input:base", "context recursion limit exceeded"),
        ("base=https://example.org/x.git?y=z", "unexpected query \"y\""),
        ("base=nothing-here", "is not a directory"),
    ] {
        let refused = env.run(["build", "--build-context", context, "."]).fails(2);
        assert!(refused.stderr.contains(message), "{context}: {}", refused.stderr);
    }
}

#[test]
fn a_number_is_a_stage_whatever_contexts_are_called() {
    let env = TestEnv::root();
    env.write("other/file", "context");
    env.write("file", "stage");
    env.write("Dockerfile", "FROM scratch\nCOPY file /\nFROM scratch\nCOPY --from=0 /file /\n");
    env.ok(["build", "-t", "app", "--build-context", "0=other", "."]);
    assert_eq!(Image::open(&env.store(), "app").file("file"), "stage");
}

#[test]
fn an_image_that_cannot_be_had_is_named_with_its_context() {
    let env = TestEnv::root();
    for (dockerfile, source, image) in [
        ("FROM base\n", "docker-image://127.0.0.1:1/team/app:2", "`127.0.0.1:1/team/app:2`"),
        ("FROM scratch\nCOPY --from=base / /\n", "docker-image://127.0.0.1:1/team/app:2", "`127.0.0.1:1/team/app:2`"),
        ("FROM base\n", "oci-layout://.", "`oci-layout://"),
    ] {
        env.write("Dockerfile", dockerfile);
        let failed = env.run(["build", "--build-context", &format!("base={source}"), "."]);
        assert_ne!(failed.code, Some(0));
        for expected in [image, "(the named context `base`)"] {
            assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
        }
    }
}

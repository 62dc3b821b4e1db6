//! Base images from a real registry on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::image::Image;
use crate::support::peers::{Registry, run_with_crun, tool};
use crate::support::{RunAs, TestEnv};

/// Builds a base image and pushes it with `skopeo`; returns its reference.
fn pushed(env: &TestEnv, registry: &Registry) -> String {
    env.write("base/Dockerfile", "FROM host\nENV GREETING=hello\nRUN mkdir -p /etc && echo base > /etc/base\n");
    let archive = env.path("out/base.tar");
    let output = format!("type=oci,dest={}", archive.display());
    env.ok(["build", "-t", "x", "--build-context", "host=host:sh,cat,mkdir,sleep", "-o", &output, "base"]);
    let reference = format!("{}/base:1", registry.address());
    let (from, to) = (format!("oci-archive:{}", archive.display()), format!("docker://{reference}"));
    tool("skopeo", &["copy", "--dest-tls-verify=false", &from, &to]);
    reference
}

fn builds_upon_a_pulled_image(run_as: RunAs) {
    let root = TestEnv::root();
    let registry = Registry::start(&root.path(""));
    let reference = pushed(&root, &registry);
    let env = TestEnv::new(run_as);
    env.write(
        "Dockerfile",
        format!("FROM {reference}\nRUN echo \"$GREETING $(cat /etc/base)\" > /said\nCMD cat /said\n"),
    );
    env.ok(["build", "-t", "said", "."]);
    assert_eq!(Image::open(&env.store(), "said").file("said"), "hello base\n");
    assert_eq!(run_with_crun(&env.store(), "said", &env.path("")), "hello base\n");
    // The layers of the base are kept as they came.
    let remote: serde_json::Value = serde_json::from_str(&tool(
        "skopeo",
        &["inspect", "--tls-verify=false", "--raw", &format!("docker://{reference}")],
    ))
    .unwrap();
    let ours = Image::open(&env.store(), "said").manifest;
    assert_eq!(ours["layers"][0], remote["layers"][0]);
}

#[test]
fn a_pulled_image_is_built_upon() {
    builds_upon_a_pulled_image(RunAs::Root);
}

#[test]
fn a_pulled_image_is_built_upon_by_an_ordinary_user() {
    builds_upon_a_pulled_image(RunAs::Ordinary);
}

#[test]
fn a_pulled_image_is_not_asked_for_again_unless_told_to() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let reference = pushed(&env, &registry);
    env.write("Dockerfile", format!("FROM {reference}\nRUN true\n"));
    env.ok(["build", "."]);
    drop(registry);
    env.ok(["build", "."]);
    let refused = env.run(["build", "--pull", "."]).fails(4);
    assert!(refused.stderr.contains("cannot reach the registry"), "{}", refused.stderr);
}

#[test]
fn an_image_that_does_not_exist_is_named_at_its_line() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let reference = format!("{}/nothing:here", registry.address());
    env.write("Dockerfile", format!("FROM {reference}\n"));
    let refused = env.run(["build", "."]).fails(4);
    assert!(refused.stderr.contains("is not in its registry"), "{}", refused.stderr);
    assert!(refused.stderr.contains("Dockerfile:1:6"), "{}", refused.stderr);
}

/// A server that answers every request with the same bytes.
fn lying_server(reply: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(200).flatten() {
            let mut stream = stream;
            let mut buffer = [0; 4096];
            let _read = stream.read(&mut buffer);
            let _written = stream.write_all(reply.as_bytes());
        }
    });
    address
}

#[test]
fn servers_that_fail_or_lie_give_clear_errors_and_leave_the_store_alone() {
    for (reply, expected) in [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "status 500"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}",
            "manifest",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 900\r\nconnection: close\r\n\r\ncut", "registry"),
        ("garbage\r\n\r\n", "registry"),
    ] {
        let env = TestEnv::root();
        env.write("Dockerfile", format!("FROM {}/x\n", lying_server(reply)));
        let refused = env.run(["build", "."]);
        assert!(matches!(refused.code, Some(2..=4)), "{reply:?}: {refused:?}");
        assert!(refused.stderr.contains(expected), "{reply:?}: {}", refused.stderr);
        assert_eq!(std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
    }
}

#[test]
fn an_image_of_another_platform_is_not_taken_in_silence() {
    let env = TestEnv::root();
    env.write("base/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    // Nobody listens there.
    env.ok(["build", "--platform", "linux/riscv64", "-t", "localhost:1/base", "base"]);
    env.write("Dockerfile", "FROM localhost:1/base\n");
    let refused = env.run(["build", "--platform", "linux/s390x", "."]).fails(2);
    assert!(refused.stderr.contains("for linux/riscv64, and the build is for linux/s390x"), "{}", refused.stderr);
    assert!(refused.stderr.contains("Dockerfile:1:6"), "{}", refused.stderr);
    env.ok(["build", "--platform", "linux/riscv64", "."]);
    // A registry's only image is taken, as docker takes it, and it is said.
    let registry = Registry::start(&env.path(""));
    let reference = pushed(&env, &registry);
    env.write("Dockerfile", format!("FROM {reference}\n"));
    let built = env.ok(["build", "--platform", "linux/s390x", "."]);
    assert!(built.stderr.contains("expected \"linux/s390x\" for current build"), "{}", built.stderr);
}

#[test]
fn an_image_for_one_platform_is_for_no_other() {
    let (place, env) = (TestEnv::root(), TestEnv::root());
    let registry = Registry::start(&place.path(""));
    let reference = pushed(&place, &registry);
    let mismatch = |finished: crate::support::Finished, found: &str, wanted: &str| {
        let text = format!("platform ({found}) does not match the specified platform ({wanted})");
        assert!(finished.stderr.contains(&text), "{}", finished.stderr);
        assert!(finished.stderr.contains(&format!("--platform {found}")), "{}", finished.stderr);
    };
    let host = "linux/amd64";
    for wanted in ["linux/arm64", "windows/amd64"] {
        let pulled = env.run(["pull", "--platform", wanted, &reference]).fails(2);
        mismatch(pulled, host, wanted);
    }
    assert_eq!(env.ok(["images", "-q"]).stdout, "");
    env.ok(["pull", "--platform", host, &reference]);
    mismatch(env.run(["run", "--platform", "linux/arm64", &reference, "/x"]).fails(125), host, "linux/arm64");
    let out = env.path("out.tar");
    let export = ["export", "--platform", "linux/arm64", "-o", out.to_str().unwrap(), &reference];
    mismatch(env.run(export).fails(2), host, "linux/arm64");
    assert!(!out.exists());
    env.ok(["export", "--platform", host, "-o", out.to_str().unwrap(), &reference]);
    // Who asks for none gets what there is, and is told of it.
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let other = format!("{}/other:1", registry.address());
    env.ok(["build", "-q", "--platform", "linux/riscv64", "--push", "-t", &other, "."]);
    let fresh = TestEnv::root();
    fresh.ok(["pull", &other]);
    let tried = fresh.run(["run", &other, "/x"]).fails(127);
    let text = "The requested image's platform (linux/riscv64) does not match the detected host platform";
    assert!(tried.stderr.contains(text), "{}", tried.stderr);
}

#[test]
fn what_is_run_is_pulled_where_it_is_not_here() {
    let (place, env) = (TestEnv::root(), TestEnv::root());
    let registry = Registry::start(&place.path(""));
    let reference = pushed(&place, &registry);
    let never = env.run(["run", "--pull=never", &reference, "cat", "/etc/base"]).fails(125).stderr;
    assert!(never.contains("no such image"), "{never}");
    let first = env.ok(["run", "--rm", &reference, "cat", "/etc/base"]);
    assert_eq!(first.stdout, "base\n");
    let text = format!("Unable to find image '{reference}' locally");
    assert!(first.stderr.contains(&text) && first.stderr.contains("pulling"), "{}", first.stderr);
    let second = env.ok(["run", &reference, "cat", "/etc/base"]);
    assert_eq!((second.stdout.as_str(), second.stderr.as_str()), ("base\n", ""));
    // What the name stands for now is only asked for where somebody wants it.
    place.write("base/Dockerfile", "FROM host\nRUN mkdir -p /etc && echo newer > /etc/base\n");
    let host = ["--build-context", "host=host:sh,cat,mkdir", "--push", "-t", &reference, "base"];
    place.ok([&["build", "-q"][..], &host].concat());
    assert_eq!(env.ok(["run", &reference, "cat", "/etc/base"]).stdout, "base\n");
    let after = env.ok(["run", "-q", "--pull", "always", &reference, "cat", "/etc/base"]);
    assert_eq!((after.stdout.as_str(), after.stderr.as_str()), ("newer\n", ""));
    // An ID is nobody's name.
    let id = env.run(["run", &"0123456789ab".repeat(2), "true"]).fails(125).stderr;
    assert!(id.contains("no such image") && !id.contains("Unable"), "{id}");
}

//! Several platforms at once: indexes, what is shared, what names say, and bases that are indexes themselves.

use std::fs;

use serde_json::Value;

use crate::support::documents::{config_for, descriptor, document, entry_for, top};
use crate::support::image::Image;
use crate::support::peers::{Registry, tool};
use crate::support::{RunAs, TestEnv};

const BOTH: &str = "linux/amd64,linux/arm64";

/// An environment with a Dockerfile that copies and runs nothing foreign.
fn copies(dockerfile: &str) -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", dockerfile);
    env.write("a", "a");
    env
}

fn index_in_request_order(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    env.write("Dockerfile", "FROM scratch\nARG TARGETPLATFORM\nLABEL p=$TARGETPLATFORM\nCOPY Dockerfile /\n");
    let platforms = "linux/arm/v6,linux/aarch64,linux/amd64,linux/arm64/v8";
    env.ok(["build", "-t", "app", "--platform", platforms, "."]);
    let index = top(&env.store(), "app");
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let found: Vec<&Value> = index["manifests"].as_array().unwrap().iter().map(|entry| &entry["platform"]).collect();
    assert_eq!(found.len(), 3, "duplicates after normalising are one: {index:#}");
    assert_eq!(found[0], &serde_json::json!({ "architecture": "arm", "os": "linux", "variant": "v6" }));
    assert_eq!(found[1], &serde_json::json!({ "architecture": "arm64", "os": "linux" }));
    for (platform, label) in [("linux/arm/v6", "linux/arm/v6"), ("linux/arm64", "linux/arm64")] {
        let config = config_for(&env.store(), &index, platform);
        assert_eq!(config["config"]["Labels"]["p"], label);
    }
    assert_eq!(config_for(&env.store(), &index, "linux/arm/v6")["variant"], "v6");
    // The same tool that people copy with reads it, every platform.
    let copied = env.path("copied");
    let (from, to) = (format!("oci:{}:app", env.store().display()), format!("oci:{}:app", copied.display()));
    tool("skopeo", &["copy", "--all", "--dest-oci-accept-uncompressed-layers", &from, &to]);
    assert_eq!(descriptor(&copied, None)["digest"], descriptor(&env.store(), Some("app"))["digest"]);
}

#[test]
fn several_platforms_make_an_index_in_the_order_asked_for() {
    index_in_request_order(RunAs::Root);
}

#[test]
fn several_platforms_make_an_index_for_an_ordinary_user() {
    index_in_request_order(RunAs::Ordinary);
}

#[test]
fn a_stage_on_the_build_platform_runs_once() {
    let env = TestEnv::root();
    env.write(
        "Dockerfile",
        "FROM --platform=$BUILDPLATFORM base AS tools\nRUN echo once >> /log\n\
         FROM --platform=$BUILDPLATFORM tools AS cross\nARG TARGETARCH\nRUN echo $TARGETARCH > /arch\n\
         FROM scratch\nCOPY --from=tools /log /\nCOPY --from=cross /arch /\n",
    );
    let other = if cfg!(target_arch = "x86_64") { "linux/arm64" } else { "linux/amd64" };
    let platforms = format!("{other},linux/s390x");
    let arguments =
        ["build", "--progress", "plain", "-t", "app", "--build-context", "base=host:sh", "--platform", &platforms, "."];
    let built = env.ok(arguments);
    assert_eq!(built.stderr.matches("RUN echo once").count(), 1, "{}", built.stderr);
    assert_eq!(built.stderr.matches("RUN echo $TARGETARCH").count(), 2, "{}", built.stderr);
    let host = if cfg!(target_arch = "x86_64") { "linux/amd64" } else { "linux/arm64" };
    for name in [
        format!("[{host} tools 2/2] RUN echo once"),
        format!("[{host}->s390x cross 1/1] RUN echo $TARGETARCH"),
        format!("[{other} stage-2 1/2] COPY --from=tools"),
    ] {
        assert!(built.stderr.contains(&name), "no {name}: {}", built.stderr);
    }
    let index = top(&env.store(), "app");
    for (platform, arch) in [("linux/s390x", "s390x\n"), (other, &format!("{}\n", &other[6..]))] {
        let manifest = document(&env.store(), &entry_for(&index, platform)["digest"]);
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
        let out = env.path("out").join(&platform[6..]);
        env.ok([
            "build",
            "-q",
            "--build-context",
            "base=host:sh",
            "--platform",
            platform,
            "-o",
            out.to_str().unwrap(),
            ".",
        ]);
        assert_eq!(fs::read_to_string(out.join("arch")).unwrap(), arch);
    }
}

#[test]
fn an_explicit_platform_overrides_what_the_base_says() {
    let env = copies("FROM scratch\nCOPY a /\n");
    env.ok(["build", "-t", "base", "--platform", "linux/arm/v6", "."]);
    env.write("Dockerfile", "FROM base\nENV A=1\n");
    env.ok(["build", "-t", "app", "--platform", "linux/arm/v7", "."]);
    let config = Image::open(&env.store(), "app").config;
    assert_eq!((&config["architecture"], &config["variant"]), (&"arm".into(), &"v7".into()));
    // The target's platform counts, not that of the stage it begins from.
    env.write("Dockerfile", "FROM --platform=linux/arm/v6 base\nENV A=1\n");
    env.ok(["build", "-t", "app", "--platform", "linux/riscv64", "."]);
    let config = Image::open(&env.store(), "app").config;
    assert_eq!((&config["architecture"], &config["variant"]), (&"riscv64".into(), &Value::Null));
}

#[test]
fn one_platform_is_an_index_where_that_is_asked_for() {
    let env = copies("FROM scratch\nCOPY a /\n");
    env.ok(["build", "-t", "app", "--build-arg", "BUILDKIT_MULTI_PLATFORM=1", "."]);
    assert_eq!(top(&env.store(), "app")["manifests"].as_array().unwrap().len(), 1);
    let refused = env.run(["build", "--platform", BOTH, "--build-arg", "BUILDKIT_MULTI_PLATFORM=false", "."]).fails(2);
    assert!(refused.stderr.contains("multiple target platforms is not allowed"), "{}", refused.stderr);
    let refused = env.run(["build", "--platform", "linux/amd64,nonsense", "."]).fails(2);
    assert!(refused.stderr.contains("failed to parse platform `nonsense`"), "{}", refused.stderr);
}

#[test]
fn the_default_platform_comes_from_the_environment() {
    let env = copies("FROM scratch\nCOPY a /\n");
    let mut command = env.builder();
    command.env("DOCKER_DEFAULT_PLATFORM", "linux/ppc64le").args(["build", "-t", "app", "."]);
    crate::support::Finished::of(&mut command).success();
    assert_eq!(Image::open(&env.store(), "app").config["architecture"], "ppc64le");
}

#[test]
fn an_index_in_the_store_is_an_image_like_any_other() {
    let env = copies("FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY a /\n");
    env.ok(["build", "-t", "app", "--platform", BOTH, "."]);
    let digest = descriptor(&env.store(), Some("app"))["digest"].as_str().unwrap().to_owned();
    let listed: Value = serde_json::from_str(&env.ok(["images", "--no-trunc", "--format", "json"]).stdout).unwrap();
    assert_eq!((listed["ID"].as_str(), listed["Digest"].as_str()), (Some(&*digest), Some(&*digest)));
    env.ok(["tag", "app", "other"]);
    let inspected: Value = serde_json::from_str(&env.ok(["inspect", "other"]).stdout).unwrap();
    assert_eq!(inspected[0]["RepoTags"].as_array().unwrap().len(), 2);
    assert_eq!(inspected[0]["Manifests"].as_array().unwrap().len(), 2);
    assert!(env.ok(["history", "app"]).stdout.contains("COPY a /"));
    // A base is taken from it by platform.
    env.write("Dockerfile", "FROM app\nENV SAME=$ARCH\n");
    env.ok(["build", "-t", "child", "--platform", BOTH, "."]);
    let index = top(&env.store(), "child");
    for arch in ["amd64", "arm64"] {
        let config = config_for(&env.store(), &index, &format!("linux/{arch}"));
        assert!(config["config"]["Env"].as_array().unwrap().contains(&format!("SAME={arch}").into()), "{config:#}");
    }
    let refused = env.run(["build", "--platform", "linux/s390x", "."]).fails(2);
    assert!(refused.stderr.contains("no image for platform `linux/s390x`"), "{}", refused.stderr);
    // Out of the store and in again it is the same set of images.
    let saved = env.path("out/saved.tar");
    env.ok(["save", "--format", "oci", "-o", saved.to_str().unwrap(), "app"]);
    let other = TestEnv::root();
    assert_eq!(other.ok(["load", "-i", saved.to_str().unwrap()]).stdout, "Loaded image: app:latest\n");
    assert_eq!(top(&other.store(), "app")["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(
        config_for(&other.store(), &top(&other.store(), "app"), "linux/arm64"),
        config_for(&env.store(), &top(&env.store(), "app"), "linux/arm64")
    );
    env.ok(["rmi", "app", "other", "child"]);
    assert_eq!(fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn an_unnamed_index_can_be_removed_by_its_id() {
    let env = copies("FROM scratch\nCOPY a /\n");
    let id = env.ok(["build", "-q", "--platform", BOTH, "."]).stdout;
    env.ok(["inspect", id.trim()]);
    env.ok(["rmi", id.trim()]);
    assert_eq!(env.ok(["images", "-q"]).stdout, "");
    assert_eq!(fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn a_base_for_several_platforms_is_pulled_for_each() {
    let env = copies("FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY a /\n");
    let registry = Registry::start(&env.path(""));
    let reference = format!("{}/base:1", registry.address());
    env.ok(["build", "-t", "base", "--platform", "linux/amd64,linux/arm64,linux/s390x", "."]);
    let from = format!("oci:{}:base", env.store().display());
    tool("skopeo", &["copy", "--all", "--dest-tls-verify=false", &from, &format!("docker://{reference}")]);
    let other = TestEnv::root();
    other.write("Dockerfile", format!("FROM {reference}\nENV SAME=$ARCH\n"));
    other.ok(["build", "-t", "app", "--platform", BOTH, "."]);
    let index = top(&other.store(), "app");
    let config = config_for(&other.store(), &index, "linux/arm64");
    assert!(config["config"]["Env"].as_array().unwrap().contains(&"SAME=arm64".into()), "{config:#}");
    // The third is fetched when it is wanted, and then nothing is asked for again.
    other.ok(["build", "-t", "third", "--platform", "linux/s390x", "."]);
    drop(registry);
    other.ok(["build", "-t", "again", "--platform", "linux/s390x,linux/amd64,linux/arm64", "."]);
    assert_eq!(top(&other.store(), "again")["manifests"].as_array().unwrap().len(), 3);
    other.ok(["images"]);
    other.ok(["rmi", "third", "app", "again", &reference]);
    assert_eq!(fs::read_dir(other.store().join("blobs/sha256")).unwrap().count(), 0);
}

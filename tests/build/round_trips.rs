//! What goes out and comes back is what it was, digest by digest.

use serde_json::Value;

use crate::support::peers::{Registry, tool};
use crate::support::{BASE, TestEnv};

/// The manifest or index that a registry has, every byte.
fn raw(name: &str) -> String {
    tool("skopeo", &["inspect", "--tls-verify=false", "--raw", &format!("docker://{name}")])
}

fn skopeo_copy(arguments: &[&str]) {
    let own = ["copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"];
    tool("skopeo", &[&own[..], arguments].concat());
}

/// An image of a registry, by how it got there.
struct Case {
    name: &'static str,
    /// Whether it is an index.
    is_index: bool,
    media_type: &'static str,
    layer_type: &'static str,
}

const CASES: [Case; 7] = [
    Case { name: "oci-gzip", is_index: false, media_type: "oci.image.manifest", layer_type: "tar+gzip" },
    Case { name: "oci-zstd", is_index: false, media_type: "oci.image.manifest", layer_type: "tar+zstd" },
    Case { name: "oci-plain", is_index: false, media_type: "oci.image.manifest", layer_type: "layer.v1.tar" },
    Case { name: "docker", is_index: false, media_type: "distribution.manifest.v2", layer_type: "diff.tar.gzip" },
    Case { name: "podman", is_index: false, media_type: "", layer_type: "gzip" },
    Case { name: "index", is_index: true, media_type: "oci.image.index", layer_type: "" },
    Case { name: "docker-list", is_index: true, media_type: "manifest.list", layer_type: "" },
];

/// A registry that has an image for each case, made by us and by others.
fn filled(env: &TestEnv) -> Registry {
    let registry = Registry::start(&env.path(""));
    let host = registry.address();
    let name = |case: &str| format!("{host}/{case}:1");
    env.write("file", "file\n");
    env.write("Dockerfile", "FROM base\nCOPY file /one\nRUN echo two > /two\nLABEL a=b\nCMD [\"cat\", \"/two\"]\n");
    let build = |more: &[&str]| {
        let own = ["build", "-q", "--lint=off", "--build-context", BASE];
        env.ok(own.iter().chain(more).chain(&["."]));
    };
    for (case, form) in [
        ("oci-gzip", "compression=gzip"),
        ("oci-zstd", "compression=zstd"),
        ("oci-plain", "compression=uncompressed"),
        ("docker", "oci-mediatypes=false"),
    ] {
        build(&["-o", &format!("type=image,push=true,store=false,{form},name={}", name(case))]);
    }
    env.write("Dockerfile", "FROM scratch\nCOPY file /one\nCOPY Dockerfile /two\n");
    build(&["--platform=linux/amd64,linux/arm64/v8,linux/s390x", "--provenance=true", "--push", "-t", &name("index")]);
    build(&[
        "--platform=linux/amd64,linux/arm64/v8",
        "-o",
        &format!("type=oci,dest={}", env.path("out/two.tar").display()),
    ]);
    let from = format!("oci-archive:{}", env.path("out/two.tar").display());
    skopeo_copy(&["--all", "--format=v2s2", &from, &format!("docker://{}", name("docker-list"))]);
    // What podman makes of it.
    let (storage, state) = (env.path("podman").display().to_string(), env.path("podman-run").display().to_string());
    let podman = |arguments: &[&str]| {
        let own = ["--root", &storage, "--runroot", &state, "--storage-driver", "vfs"];
        tool("podman", &[&own[..], arguments].concat())
    };
    podman(&["pull", "-q", "--tls-verify=false", &name("oci-gzip")]);
    podman(&["push", "-q", "--tls-verify=false", &name("oci-gzip"), &name("podman")]);
    registry
}

/// What an image of a store is: its ID, and the diff IDs of its layers.
fn facts(env: &TestEnv, name: &str) -> (String, Vec<String>) {
    let inspected: Value = serde_json::from_str(&env.ok(["inspect", name]).stdout).unwrap();
    let layers = inspected[0]["RootFS"]["Layers"].as_array().unwrap();
    let id = inspected[0]["Id"].as_str().unwrap().to_owned();
    (id, layers.iter().map(|layer| layer.as_str().unwrap().to_owned()).collect())
}

/// The layers of an image of an OCI archive.
fn layers_of(env: &TestEnv, archive: &str) -> Vec<String> {
    let text = tool("skopeo", &["inspect", &format!("oci-archive:{}", env.path(archive).display())]);
    let inspected: Value = serde_json::from_str(&text).unwrap();
    inspected["Layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_pulled_and_pushed_again_is_the_same_byte_for_byte() {
    let env = TestEnv::root();
    let registry = filled(&env);
    for case in &CASES {
        let (name, copy) = (format!("{}/{}:1", registry.address(), case.name), |place: &str| {
            format!("{}/{place}/{}:1", registry.address(), case.name)
        });
        let original = raw(&name);
        let parsed: Value = serde_json::from_str(&original).unwrap();
        let media_type = parsed["mediaType"].as_str().unwrap();
        assert!(media_type.contains(case.media_type), "{}: {media_type}", case.name);
        if let Some(layers) = parsed["layers"].as_array() {
            for layer in layers {
                assert!(layer["mediaType"].as_str().unwrap().ends_with(case.layer_type), "{}: {layer}", case.name);
            }
        }
        // Ours: pulled in parts and whole.
        let mut ways: Vec<&[&str]> = vec![&["--all-platforms"]];
        if !case.is_index {
            ways.extend([&["--unpack"][..], &[]]);
        }
        for (number, way) in ways.into_iter().enumerate() {
            let other = TestEnv::root();
            other.ok(["pull", "-q"].iter().chain(way).chain(&[name.as_str()]));
            let to = copy(&format!("way{number}"));
            other.ok(["push", "-q", &name, &to]);
            assert_eq!(raw(&to), original, "{} {way:?}", case.name);
            // From there to others and back to us.
            let all: &[&str] = if case.is_index { &["--all"] } else { &[] };
            let layout = format!("dir:{}", other.path("out/copy").display());
            skopeo_copy(&[all, &[&format!("docker://{to}"), &layout]].concat());
            let back = copy(&format!("back{number}"));
            skopeo_copy(&[all, &["--preserve-digests", &layout, &format!("docker://{back}")]].concat());
            assert_eq!(raw(&back), original, "{} {way:?}", case.name);
            let third = TestEnv::root();
            third.ok(["pull", "-q", &back]);
            let (ours, theirs) = (facts(&third, &back), facts(&other, &name));
            // The ID of an index that is there as a whole is its own.
            assert!(ours.1 == theirs.1 && (ours.0 == theirs.0 || case.is_index), "{} {way:?}", case.name);
        }
    }
}

/// The digest by which a store has an image, as `images` shows it.
fn digest_of(env: &TestEnv, name: &str) -> String {
    let shown = env.ok(["inspect", "-f", "{{.Descriptor.digest}} {{.Descriptor.mediaType}}", name]).stdout;
    shown.trim().to_owned()
}

#[test]
fn what_is_saved_and_loaded_has_the_same_digest() {
    let env = TestEnv::root();
    let registry = filled(&env);
    let storage = ["podman", "podman-run"].map(|name| env.path(name).display().to_string());
    for case in &CASES {
        let name = format!("{}/{}:1", registry.address(), case.name);
        let first = TestEnv::root();
        let whole: &[&str] = if case.is_index { &["--all-platforms"] } else { &[] };
        first.ok(["pull", "-q"].iter().chain(whole).chain(&[name.as_str()]));
        let expected = digest_of(&first, &name);
        assert!(expected.contains(case.media_type), "{}: {expected}", case.name);
        for format in ["docker", "oci"] {
            let saved = first.path(format!("out/{format}.tar")).display().to_string();
            first.ok(["save", "--format", format, "-o", &saved, &name]);
            let second = TestEnv::root();
            second.ok(["load", "-q", "-i", &saved]);
            assert_eq!(digest_of(&second, &name), expected, "{} as {format}", case.name);
            assert_eq!(facts(&second, &name), facts(&first, &name), "{} as {format}", case.name);
            // And from there: archives again, and registries.
            let again = second.path("out/again.tar").display().to_string();
            second.ok(["save", "--format", format, "-o", &again, &name]);
            if case.name != "oci-plain" {
                assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&saved).unwrap(), "{}", case.name);
                let pushed = format!("{}/again/{}-{format}:1", registry.address(), case.name);
                second.ok(["push", "-q", &name, &pushed]);
                assert_eq!(raw(&pushed), raw(&name), "{} as {format}", case.name);
            }
            // Others read it in each of the ways that it can be read.
            let all: &[&str] = if case.is_index { &["--all"] } else { &[] };
            let layout = format!("dir:{}", second.path(format!("out/{format}")).display());
            skopeo_copy(&[all, &["--preserve-digests", &format!("oci-archive:{saved}"), &layout]].concat());
            let manifest = std::fs::read_to_string(second.path(format!("out/{format}/manifest.json"))).unwrap();
            assert_eq!(manifest, raw(&name), "{} as {format}", case.name);
            if format == "docker" {
                let config = tool("skopeo", &["inspect", "--config", &format!("docker-archive:{saved}")]);
                assert!(config.contains("rootfs"), "{}: {config}", case.name);
            }
            let own = ["--root", &storage[0], "--runroot", &storage[1], "--storage-driver", "vfs"];
            let loaded = tool("podman", &[&own[..], &["load", "-q", "-i", &saved]].concat());
            assert!(loaded.contains("Loaded image"), "{} as {format}: {loaded}", case.name);
        }
    }
}

#[test]
fn what_is_saved_copied_and_loaded_is_the_same() {
    let env = TestEnv::root();
    let registry = filled(&env);
    for case in CASES.iter().filter(|case| !case.is_index) {
        let name = format!("{}/{}:1", registry.address(), case.name);
        let first = TestEnv::root();
        first.ok(["pull", "-q", &name]);
        let expected = facts(&first, &name);
        for format in ["oci", "docker"] {
            let (saved, copied) = (first.path(format!("out/{format}.tar")), first.path(format!("out/{format}-2.tar")));
            first.ok(["save", "--format", format, "-o", saved.to_str().unwrap(), &name]);
            let (from, to) =
                (format!("{format}-archive:{}", saved.display()), format!("{format}-archive:{}", copied.display()));
            skopeo_copy(&[&from, &format!("{to}:{name}")]);
            let second = TestEnv::root();
            second.ok(["load", "-q", "-i", copied.to_str().unwrap()]);
            let found = facts(&second, &name);
            // From Docker's documents to OCI's, skopeo writes the config anew.
            let same_id = found.0 == expected.0 || (case.name == "docker" && format == "oci");
            assert!(found.1 == expected.1 && same_id, "{} as {format}", case.name);
            if format == "oci" {
                let layers = layers_of(&first, "out/oci.tar");
                // Layers that came from a registry stay as they are.
                let remote: Value = serde_json::from_str(&raw(&name)).unwrap();
                let remote = remote["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].as_str().unwrap());
                assert_eq!(layers, remote.collect::<Vec<_>>(), "{}", case.name);
                // Skopeo compresses them.
                if case.name == "oci-plain" {
                    continue;
                }
                assert_eq!(layers_of(&first, "out/oci-2.tar"), layers, "{}", case.name);
                // And saved again from there, it is the same archive.
                let again = second.path("out/again.tar");
                second.ok(["save", "--format", format, "-o", again.to_str().unwrap(), &name]);
                assert_eq!(layers_of(&second, "out/again.tar"), layers, "{}", case.name);
            }
        }
    }
}

#[test]
fn what_was_built_here_and_pushed_comes_back_as_it_is() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/app:1", registry.address());
    env.write("Dockerfile", "FROM base\nRUN echo two > /two\nCMD [\"cat\", \"/two\"]\n");
    env.ok(["build", "-q", "-t", &name, "--build-context", BASE, "."]);
    env.ok(["push", "-q", &name]);
    let other = TestEnv::root();
    other.ok(["pull", "-q", &name]);
    assert_eq!(facts(&other, &name), facts(&env, &name));
    // It runs, and is built upon, though nothing of it was laid out before.
    assert_eq!(other.ok(["run", &name]).stdout, "two\n");
    let third = TestEnv::root();
    third.ok(["pull", "-q", &name]);
    drop(registry);
    third.write("Dockerfile", format!("FROM {name}\nRUN cat /two > /three\n"));
    third.ok(["build", "-q", "-t", "third", "."]);
    assert_eq!(crate::support::image::Image::open(&third.store(), "third").file("three"), "two\n");
}

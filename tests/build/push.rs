//! Images into registries and out of them again, beside skopeo and podman.

use serde_json::Value;

use crate::support::image::Image;
use crate::support::peers::{Registry, run_with_crun, tool};
use crate::support::{BASE, RunAs, TestEnv};

/// A Dockerfile with a layer of programs and two of its own.
const DOCKERFILE: &str = "FROM base\nRUN echo one > /one\nRUN echo two > /two\nCMD [\"cat\", \"/two\"]\n";

fn built(env: &TestEnv, name: &str) {
    env.write("Dockerfile", DOCKERFILE);
    env.ok(["build", "-t", name, "--build-context", BASE, "."]);
}

/// The manifest or index that a registry has, every byte.
fn raw(reference: &str) -> String {
    tool("skopeo", &["inspect", "--tls-verify=false", "--raw", &format!("docker://{reference}")])
}

fn digest_of(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, text).unwrap();
    format!("sha256:{}", tool("sha256sum", &[path.to_str().unwrap()]).split(' ').next().unwrap())
}

fn pushes_what_others_read(run_as: RunAs) {
    let root = TestEnv::root();
    let registry = Registry::start(&root.path(""));
    let env = TestEnv::new(run_as);
    let name = format!("{}/team/app:1", registry.address());
    built(&env, &name);
    let said = env.ok(["push", &name]).stdout;
    assert_eq!(said.matches(": Pushed\n").count(), 4, "{said}");
    let manifest = raw(&name);
    assert!(said.contains(&format!("1: digest: {} size: {}\n", digest_of(&manifest), manifest.len())), "{said}");
    let parsed: Value = serde_json::from_str(&manifest).unwrap();
    for layer in parsed["layers"].as_array().unwrap() {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    }
    // Nothing is sent twice, and the digest stays.
    let again = env.ok(["push", &name]).stdout;
    assert_eq!(again.matches(": Layer already exists\n").count(), 4, "{again}");
    assert_eq!(raw(&name), manifest);
    let layout = root.path("out/layout");
    let to = format!("oci:{}:app", layout.display());
    tool("skopeo", &["copy", "--src-tls-verify=false", &format!("docker://{name}"), &to]);
    assert_eq!(run_with_crun(&layout, "app", &root.path("")), "two\n");
}

#[test]
fn what_is_pushed_others_read() {
    pushes_what_others_read(RunAs::Root);
}

#[test]
fn an_ordinary_user_pushes() {
    pushes_what_others_read(RunAs::Ordinary);
}

#[test]
fn podman_reads_what_is_pushed_and_the_other_way() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/app:1", registry.address());
    built(&env, "app");
    env.ok(["push", "app", &format!("docker://{name}")]);
    let (storage, state) = (env.path("podman"), env.path("podman-run"));
    let podman = |arguments: &[&str]| {
        let (storage, state) = (storage.display().to_string(), state.display().to_string());
        let own = ["--root", &storage, "--runroot", &state, "--storage-driver", "vfs"];
        tool("podman", &[&own[..], arguments].concat())
    };
    podman(&["pull", "-q", "--tls-verify=false", &name]);
    let other = format!("{}/other:2", registry.address());
    podman(&["tag", &name, &other]);
    podman(&["push", "-q", "--tls-verify=false", &other]);
    let pulled = env.ok(["pull", &other]).stdout;
    let manifest = raw(&other);
    assert!(pulled.contains(&format!("Digest: {}\n", digest_of(&manifest))), "{pulled}");
    assert!(pulled.ends_with(&format!("Status: Downloaded newer image for {other}\n{other}\n")), "{pulled}");
    assert_eq!(Image::open(&env.store(), &other).file("one"), "one\n");
    // It is the image that it was, and goes back as it came.
    let third = format!("{}/third:3", registry.address());
    let said = env.ok(["push", &other, &third]).stdout;
    assert_eq!(raw(&third), manifest);
    // The registry has the blobs of the other repository: it takes them from there.
    assert_eq!(said.matches(": Mounted from another repository\n").count(), 4, "{said}");
    assert!(env.ok(["pull", &other]).stdout.contains("Status: Image is up to date for"));
}

#[test]
fn an_index_goes_and_comes_byte_for_byte() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let (name, copy) = (format!("{}/app:1", registry.address()), format!("{}/copy:1", registry.address()));
    env.write("a", "a");
    env.write("Dockerfile", "FROM scratch\nCOPY a /\n");
    let both =
        ["build", "--platform", "linux/amd64,linux/arm64,linux/s390x", "--provenance", "--push", "-t", &name, "."];
    env.ok(both);
    let index = raw(&name);
    let parsed: Value = serde_json::from_str(&index).unwrap();
    assert_eq!(parsed["manifests"].as_array().unwrap().len(), 6);
    // The registry has everything that the index names.
    tool(
        "skopeo",
        &[
            "copy",
            "--all",
            "--src-tls-verify=false",
            &format!("docker://{name}"),
            &format!("dir:{}", env.path("out/all").display()),
        ],
    );
    let other = TestEnv::root();
    other.ok(["pull", "--all-platforms", &name]);
    other.ok(["push", &name, &copy]);
    assert_eq!(raw(&copy), index);
    // One platform of it is that one image, and so is what is left of an index that is there in part.
    let arm = parsed["manifests"].as_array().unwrap().iter().find(|entry| entry["platform"]["architecture"] == "arm64");
    let one = format!("{}/one:1", registry.address());
    for platforms in ["linux/arm64", "linux/arm64,linux/s390x"] {
        let other = TestEnv::root();
        other.ok(["pull", "--platform", platforms, &name]);
        let said = other.ok(["push", &name, &one]).stderr;
        assert_eq!(digest_of(&raw(&one)), arm.unwrap()["digest"].as_str().unwrap());
        let told = said.contains("only the available single-platform image was pushed: linux/arm64");
        assert_eq!(told, platforms.contains(','), "{said}");
    }
}

#[test]
fn a_build_is_pushed_as_its_output_says() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let host = registry.address();
    env.write("a", "a");
    env.write("Dockerfile", "FROM scratch\nCOPY a /\n");
    let metadata = env.path("out/metadata.json");
    let output = format!("type=registry,\"name={host}/x:1,{host}/y:2\",compression=zstd,annotation.k=v");
    env.ok(["build", "-o", &output, "--metadata-file", metadata.to_str().unwrap(), "."]);
    let x: Value = serde_json::from_str(&raw(&format!("{host}/x:1"))).unwrap();
    assert_eq!(x["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    assert_eq!(x["annotations"]["k"], "v");
    assert_eq!(raw(&format!("{host}/x:1")), raw(&format!("{host}/y:2")));
    let told: Value = serde_json::from_slice(&std::fs::read(&metadata).unwrap()).unwrap();
    let digest = digest_of(&raw(&format!("{host}/x:1")));
    assert_eq!(told["containerimage.digest"], digest.as_str());
    // Docker's types, and no tag.
    let output = format!("type=image,push=true,push-by-digest=true,oci-mediatypes=false,name={host}/z");
    env.ok(["build", "-o", &output, "--metadata-file", metadata.to_str().unwrap(), "."]);
    let told: Value = serde_json::from_slice(&std::fs::read(&metadata).unwrap()).unwrap();
    let pinned = format!("{host}/z@{}", told["containerimage.digest"].as_str().unwrap());
    let z: Value = serde_json::from_str(&raw(&pinned)).unwrap();
    assert_eq!(z["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(z["layers"][0]["mediaType"], "application/vnd.docker.image.rootfs.diff.tar.gzip");
    let missing = env.run(["pull", &format!("{host}/z:latest")]).fails(4);
    assert!(missing.stderr.contains("is not in its registry"), "{}", missing.stderr);
}

#[test]
fn pushes_without_a_name_and_to_nowhere_are_refused() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nENV A=1\n");
    let unnamed = env.run(["build", "--push", "."]).fails(2);
    assert!(unnamed.stderr.contains("tag is needed when pushing to registry"), "{}", unnamed.stderr);
    let tagged = env.run(["build", "-t", "a:b", "-o", "type=image,push=true,push-by-digest=true", "."]).fails(2);
    assert!(tagged.stderr.contains("can't push tagged ref a:b by digest"), "{}", tagged.stderr);
    env.ok(["build", "-t", "127.0.0.1:1/app", "."]);
    let nowhere = env.run(["push", "127.0.0.1:1/app"]).fails(4);
    assert!(nowhere.stderr.contains("cannot reach the registry `127.0.0.1:1`"), "{}", nowhere.stderr);
    let unknown = env.run(["push", "nothing"]).fails(1);
    assert!(unknown.stderr.contains("no such image"), "{}", unknown.stderr);
}

#[test]
fn the_configuration_says_where_names_are() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let host = registry.address();
    built(&env, &format!("{host}/mirror/team/app:1"));
    env.ok(["push", &format!("{host}/mirror/team/app:1")]);
    let conf = env.write(
        "registries.conf",
        format!(
            "[[registry]]\nprefix = \"registry.example\"\nlocation = \"{host}/nothing\"\n\
             [[registry.mirror]]\nlocation = \"127.0.0.1:1/dead\"\n\
             [[registry.mirror]]\nlocation = \"{host}/mirror\"\n\
             [[registry]]\nlocation = \"bad.example\"\nblocked = true\n"
        ),
    );
    let run = |arguments: &[&str]| {
        let mut command = env.builder();
        command.env("CONTAINERS_REGISTRIES_CONF", &conf).args(arguments);
        crate::support::Finished::of(&mut command)
    };
    run(&["pull", "registry.example/team/app:1"]).success();
    assert_eq!(Image::open(&env.store(), "registry.example/team/app:1").file("two"), "two\n");
    // Mirrors are not pushed to.
    run(&["push", "registry.example/team/app:1"]).success();
    raw(&format!("{host}/nothing/team/app:1"));
    let blocked = run(&["pull", "bad.example/x"]).fails(4);
    assert!(blocked.stderr.contains("is blocked"), "{}", blocked.stderr);
    std::fs::write(&conf, "[[registry]]\nlocation = 1\n").unwrap();
    let broken = run(&["pull", "x"]).fails(2);
    assert!(broken.stderr.contains("registries.conf"), "{}", broken.stderr);
}

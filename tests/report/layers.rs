//! `builder layers`: images of known sizes, in every form that layers come in.

use std::fs::File;

use serde_json::Value;

use crate::support::image::entries;
use crate::support::peers::Registry;
use crate::support::{BASE, RunAs, TestEnv};

/// Layers of known sizes upon one of programs. The third deletes a directory, the fourth replaces a file, the fifth
/// changes the mode of one, which copies it.
const DOCKERFILE: &str = "FROM base
COPY big /big
COPY d /d
RUN rm -r /d/one /d/two
COPY small /big
RUN chmod 600 /d/three
ENV X=y
";

fn write(env: &TestEnv) {
    env.write("big", vec![1; 1_000_000]);
    env.write("small", vec![2; 1000]);
    env.write("d/one", vec![3; 300_000]);
    env.write("d/two/deep", vec![4; 200_000]);
    env.write("d/three", vec![5; 50_000]);
    env.write("Dockerfile", DOCKERFILE);
}

fn build(env: &TestEnv, more: &[&str]) {
    env.ok([&["build", "-q", "--build-context", BASE], more, &["."]].concat());
}

fn report(env: &TestEnv, image: &str, more: &[&str]) -> Value {
    let said = env.ok([&["layers", "--format", "json", image], more].concat()).stdout;
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn figures(report: &Value, name: &str) -> Vec<u64> {
    report["layers"].as_array().unwrap().iter().map(|layer| layer[name].as_u64().unwrap()).collect()
}

/// The bytes of an exported root filesystem; hard links have none.
fn flattened(env: &TestEnv) -> u64 {
    let path = env.path("out/flat.tar");
    let output = format!("type=tar,dest={}", path.display());
    build(env, &["-o", &output]);
    entries(File::open(path).unwrap()).iter().map(|entry| entry.content.len() as u64).sum()
}

fn known_sizes_are_found(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    write(&env);
    build(&env, &["-t", "app"]);
    let found = report(&env, "app", &[]);
    assert_eq!(found["image"], "app:latest");
    let bytes = figures(&found, "bytes");
    assert_eq!(bytes[1..], [1_000_000, 550_000, 0, 1000, 50_000], "{found:#}");
    assert_eq!(figures(&found, "wasted")[1..], [1_000_000, 550_000, 0, 0, 0], "{found:#}");
    assert_eq!(figures(&found, "hidden_bytes")[1..], [0, 0, 500_000, 1_000_000, 50_000]);
    assert_eq!(figures(&found, "hidden")[1..], [0, 0, 2, 0, 0]);
    assert_eq!(figures(&found, "changed")[1..], [0, 0, 0, 1, 1], "{found:#}");
    assert_eq!(found["wasted"], 1_550_000);
    assert_eq!(found["kept"].as_u64().unwrap(), flattened(&env));
    assert_eq!(found["bytes"].as_u64().unwrap(), found["kept"].as_u64().unwrap() + 1_550_000);
    let waste: Vec<String> = found["waste"].as_array().unwrap().iter().map(Value::to_string).collect();
    assert_eq!(
        waste,
        [
            r#"{"path":"/big","files":1,"bytes":1000000,"layer":2,"hidden_by":5,"how":"replaced"}"#,
            r#"{"path":"/d/one","files":1,"bytes":300000,"layer":3,"hidden_by":4,"how":"deleted"}"#,
            r#"{"path":"/d/two/","files":1,"bytes":200000,"layer":3,"hidden_by":4,"how":"deleted"}"#,
            r#"{"path":"/d/three","files":1,"bytes":50000,"layer":3,"hidden_by":6,"how":"replaced"}"#,
        ]
    );
    assert_eq!(found["layers"][3]["created_by"].as_str().unwrap().split(' ').next(), Some("RUN"));
    // Of the paths that several layers have: 1000 of 1,001,000, nothing of 500,000, 50,000 of 100,000.
    let base = f64::from(u32::try_from(bytes[0]).unwrap());
    let (smallest, all) = (base + 1000.0 + 50_000.0, base + 1_001_000.0 + 500_000.0 + 100_000.0);
    let efficiency = found["efficiency"].as_f64().unwrap();
    assert!((efficiency - smallest / all).abs() < 1e-9, "{efficiency} {}", smallest / all);
    let names: Vec<&str> =
        found["timeline"]["steps"].as_array().unwrap().iter().filter_map(|step| step["name"].as_str()).collect();
    assert!(names.iter().any(|name| name.contains("RUN chmod 600 /d/three")), "{names:?}");
    assert!(names.contains(&"exporting to image"), "{names:?}");
    // What is built from the cache has the times of when it was built.
    build(&env, &["-t", "again"]);
    assert_eq!(report(&env, "again", &[])["timeline"], found["timeline"]);
}

#[test]
fn known_sizes_are_found_by_root() {
    known_sizes_are_found(RunAs::Root);
}

#[test]
fn known_sizes_are_found_by_an_ordinary_user() {
    known_sizes_are_found(RunAs::Ordinary);
}

#[test]
fn the_figures_are_the_same_in_every_form() {
    let env = TestEnv::root();
    write(&env);
    build(&env, &["-t", "plain"]);
    let expected = report(&env, "plain", &[]);
    let same = |env: &TestEnv, image: &str| {
        let found = report(env, image, &[]);
        for name in ["bytes", "wasted", "kept", "entries", "added", "changed", "hidden", "hidden_bytes"] {
            assert_eq!(figures(&found, name), figures(&expected, name), "{image} {name}");
        }
        assert_eq!((&found["waste"], &found["biggest"]), (&expected["waste"], &expected["biggest"]), "{image}");
        found
    };
    // An image without a name has its layers as files only.
    let unnamed = TestEnv::root();
    write(&unnamed);
    let id = unnamed.ok(["build", "-q", "--build-context", BASE, "."]).stdout;
    same(&unnamed, id.trim());
    for compression in ["gzip", "zstd", "uncompressed"] {
        let path = env.path(format!("out/{compression}.tar"));
        let output = format!("type=oci,name={compression},compression={compression},dest={}", path.display());
        build(&env, &["-o", &output]);
        let other = TestEnv::root();
        other.ok(["load", "-i", path.to_str().unwrap()]);
        let found = same(&other, compression);
        let smaller = found["stored"].as_u64() < found["bytes"].as_u64();
        assert_eq!(smaller, compression != "uncompressed");
        assert!(found["timeline"].is_null(), "it was not built there");
    }
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/app:1", registry.address());
    env.ok(["push", "-q", "plain", &name]);
    let other = TestEnv::root();
    other.ok(["pull", "-q", &name]);
    same(&other, &name);
}

#[test]
fn people_are_shown_a_table() {
    let env = TestEnv::root();
    env.write("big", vec![1; 1_000_000]);
    env.write("small", vec![2; 1000]);
    env.write("Dockerfile", "FROM scratch\nCOPY big /a/big\nCOPY small /a/big\nCOPY small /sm\u{1b}all\n");
    build(&env, &["-t", "app", "--timestamp", "1600000000"]);
    insta::assert_snapshot!(env.ok(["layers", "app", "--top", "2"]).stdout);
    env.run(["layers", "nothing"]).fails(1);
    let wrong = env.run(["layers", "app", "--platform", "linux/s390x"]).fails(1).stderr;
    assert!(wrong.contains("no image for linux/s390x"), "{wrong}");
}

#[test]
fn a_layer_that_is_none_is_named() {
    let env = TestEnv::root();
    env.write("a", vec![7; 4000]);
    env.write("Dockerfile", "FROM scratch\nCOPY a /\n");
    build(&env, &["-t", "app"]);
    let store = env.store();
    let before = report(&env, "app", &[]);
    let digest = before["layers"][0]["digest"].as_str().unwrap().to_owned();
    // A blob of the same size that is something else is found out.
    let blob = store.join("blobs").join(digest.replace(':', "/"));
    let size = std::fs::metadata(&blob).unwrap().len();
    std::fs::write(&blob, vec![0x41; usize::try_from(size).unwrap()]).unwrap();
    let wrong = env.run(["layers", "app"]);
    assert_ne!(wrong.code, Some(0));
    assert!(wrong.stderr.contains(&format!("cannot read layer {digest}")), "{}", wrong.stderr);
}

//! Annotations at every level, and where they have no place.

use serde_json::Value;

use crate::support::TestEnv;
use crate::support::documents::{descriptor, document, entry_for, top};

const BOTH: &str = "linux/amd64,linux/arm64";

fn env() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    env
}

#[test]
fn an_image_has_its_annotations_in_the_manifest() {
    let env = env();
    env.ok([
        "build",
        "-t",
        "app",
        "--annotation",
        "a=b=c",
        "--annotation",
        "manifest[linux/amd64]:only=x",
        "--platform",
        "linux/amd64",
        ".",
    ]);
    assert_eq!(top(&env.store(), "app")["annotations"], serde_json::json!({ "a": "b=c", "only": "x" }));
    // They are no labels, and leave no history.
    let manifest = top(&env.store(), "app");
    let config = document(&env.store(), &manifest["config"]["digest"]);
    assert_eq!((&config["config"]["Labels"], config["history"].as_array().unwrap().len()), (&Value::Null, 1));
}

#[test]
fn an_index_has_them_at_four_levels() {
    let env = env();
    let layout = env.path("out/layout");
    let output = format!(
        "type=oci,tar=false,dest={},annotation-index.from=output,annotation-manifest[linux/arm64].x=arm",
        layout.display()
    );
    env.ok([
        "build",
        "--platform",
        BOTH,
        "-o",
        &output,
        "--annotation",
        "index,manifest:shared=1",
        "--annotation",
        "manifest-descriptor[linux/amd64]:d=amd",
        "--annotation",
        "index-descriptor:top=t",
        ".",
    ]);
    let descriptor = descriptor(&layout, None);
    assert_eq!(descriptor["annotations"]["top"], "t");
    let index = document(&layout, &descriptor["digest"]);
    assert_eq!(index["annotations"], serde_json::json!({ "shared": "1", "from": "output" }));
    assert_eq!(entry_for(&index, "linux/amd64")["annotations"], serde_json::json!({ "d": "amd" }));
    assert_eq!(entry_for(&index, "linux/arm64")["annotations"], Value::Null);
    let arm = document(&layout, &entry_for(&index, "linux/arm64")["digest"]);
    assert_eq!(arm["annotations"], serde_json::json!({ "shared": "1", "x": "arm" }));
    let amd = document(&layout, &entry_for(&index, "linux/amd64")["digest"]);
    assert_eq!(amd["annotations"], serde_json::json!({ "shared": "1" }));
}

#[test]
fn annotations_survive_save_and_load() {
    let env = env();
    env.ok(["build", "-t", "app", "--platform", BOTH, "--annotation", "index,manifest:kept=1", "."]);
    let saved = env.path("out/saved.tar");
    env.ok(["save", "-o", saved.to_str().unwrap(), "app"]);
    let other = TestEnv::root();
    other.ok(["load", "-i", saved.to_str().unwrap()]);
    let index = top(&other.store(), "app");
    assert_eq!(index["annotations"]["kept"], "1");
    let manifest = document(&other.store(), &entry_for(&index, "linux/arm64")["digest"]);
    assert_eq!(manifest["annotations"]["kept"], "1");
}

#[test]
fn annotations_of_layers_and_entries_survive_save_and_load() {
    let env = env();
    let with = ["--annotation", "manifest-descriptor:kept=1", "--build-arg", "SOURCE_DATE_EPOCH=1445412480"];
    let output = ["-o", "type=image,name=app,rewrite-timestamp=true", "--platform", BOTH];
    env.ok(["build"].into_iter().chain(with).chain(output).chain(["."]));
    let of = |env: &TestEnv| {
        let index = top(&env.store(), "app");
        let entry = entry_for(&index, "linux/arm64");
        let manifest = document(&env.store(), &entry["digest"]);
        let layers = manifest["layers"].as_array().unwrap();
        let layers: Vec<Value> = layers.iter().map(|layer| layer["annotations"].clone()).collect();
        (entry["annotations"].clone(), layers)
    };
    let before = of(&env);
    assert_eq!(before.0["kept"], "1");
    assert!(before.1.iter().all(|layer| layer["buildkit/rewritten-timestamp"] == "1445412480"), "{before:?}");
    let saved = env.path("out/saved.tar");
    env.ok(["save", "-o", saved.to_str().unwrap(), "app"]);
    let other = TestEnv::root();
    other.ok(["load", "-i", saved.to_str().unwrap()]);
    assert_eq!(of(&other), before);
}

#[test]
fn what_has_no_place_is_refused() {
    let env = env();
    for (arguments, expected) in [
        (&["--annotation", "index:a=b"][..], "index annotations not supported for single platform export"),
        (&["-o", "type=image,annotation-index-descriptor.a=b"], "index annotations not supported"),
        (
            &["--platform", "linux/amd64", "--annotation", "manifest[linux/arm64]:a=b"],
            "invalid annotation: no platform linux/arm64 found in source",
        ),
        (&["--annotation", "a"], "expected key=value"),
        (&["--annotation", "layer:a=b"], "unknown annotation type \"layer\""),
        (&["--annotation", "manifest[linux/amd64:a=b"], "invalid annotation type"),
    ] {
        let mut command = vec!["build", "-t", "app"];
        command.extend(arguments);
        command.push(".");
        let refused = env.run(&command).fails(2);
        assert!(refused.stderr.contains(expected), "{arguments:?}: {}", refused.stderr);
    }
    assert_eq!(env.ok(["images", "-q"]).stdout, "");
}

#[test]
fn layers_say_to_which_time_they_were_rewritten() {
    let env = env();
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /base\n");
    let below = env.path("out/below");
    env.ok(["build", "-o", &format!("type=oci,tar=false,dest={}", below.display()), "."]);
    env.write("Dockerfile", "FROM below\nCOPY Dockerfile /a\nCOPY Dockerfile /b\n");
    let context = format!("below=oci-layout://{}", below.display());
    let annotations = |attributes: &str, epoch: &str| -> Vec<Value> {
        let layout = env.path("out/layout");
        let _ = std::fs::remove_dir_all(&layout);
        let output = format!("type=oci,tar=false,dest={}{attributes}", layout.display());
        let epoch = format!("SOURCE_DATE_EPOCH={epoch}");
        env.ok(["build", "--build-context", &context, "--build-arg", &epoch, "-o", &output, "."]);
        let manifest = document(&layout, &descriptor(&layout, None)["digest"]);
        manifest["layers"].as_array().unwrap().iter().map(|layer| layer["annotations"].clone()).collect()
    };
    let rewritten = serde_json::json!({ "buildkit/rewritten-timestamp": "1445412480" });
    let all = [Value::Null, rewritten.clone(), rewritten];
    let none = [Value::Null, Value::Null, Value::Null];
    assert_eq!(annotations(",rewrite-timestamp=true", "1445412480"), all);
    assert_eq!(annotations(",rewrite-timestamp=true,oci-mediatypes=false", "1445412480"), none);
    assert_eq!(annotations("", "1445412480"), none);
    assert_eq!(annotations(",rewrite-timestamp=true", ""), none);
}

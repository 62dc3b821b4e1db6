//! Provenance: statements beside images in an index, and beside root filesystems as files.

use serde_json::Value;

use crate::support::TestEnv;
use crate::support::documents::{descriptor, document, entry_for, top};
use crate::support::peers::tool;

fn env() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nARG WHO=me\nRUN echo $WHO > /who\n");
    env
}

fn build(env: &TestEnv, more: &[&str]) -> String {
    let mut arguments = vec!["build", "-t", "app", "--build-context", "base=host:sh", "--build-arg", "WHO=secret-ish"];
    arguments.extend(more);
    arguments.push(".");
    env.ok(&arguments).stderr
}

/// The statement about the first image of an index, with the digest of that image.
fn statement(env: &TestEnv) -> (Value, Value) {
    let index = top(&env.store(), "app");
    let manifests = index["manifests"].as_array().unwrap();
    let about = manifests.iter().find(|entry| entry["platform"]["os"] == "unknown").unwrap();
    assert_eq!(about["annotations"]["vnd.docker.reference.type"], "attestation-manifest");
    assert_eq!(about["annotations"]["vnd.docker.reference.digest"], manifests[0]["digest"]);
    assert_eq!(about["platform"]["architecture"], "unknown");
    let manifest = document(&env.store(), &about["digest"]);
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.in-toto+json");
    let statement = document(&env.store(), &layer["digest"]);
    assert_eq!(layer["annotations"]["in-toto.io/predicate-type"], statement["predicateType"]);
    (statement, manifests[0]["digest"].clone())
}

#[test]
fn an_image_with_provenance_is_an_index() {
    let env = env();
    build(&env, &["--provenance=mode=min"]);
    let (statement, image) = statement(&env);
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v0.1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let subject = &statement["subject"][0];
    assert!(subject["name"].as_str().unwrap().starts_with("pkg:docker/app@latest?platform=linux%2F"), "{subject}");
    assert_eq!(format!("sha256:{}", subject["digest"]["sha256"].as_str().unwrap()), image.as_str().unwrap());
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["configSource"]["path"], "Dockerfile");
    let metadata = &statement["predicate"]["runDetails"]["metadata"];
    assert_eq!(metadata["buildkit_completeness"]["request"], false);
    assert!(metadata["startedOn"].is_string() && metadata["finishedOn"].is_string());
    assert!(!statement.to_string().contains("secret-ish"), "a small statement has no build arguments");
    // The image is still found by tools that look for a platform.
    tool("skopeo", &["inspect", &format!("oci:{}:app", env.store().display())]);
    // And is a base.
    env.write("child/Dockerfile", "FROM app\nRUN echo x > /x\n");
    env.ok(["build", "child"]);
}

#[test]
fn a_full_statement_has_arguments_steps_and_the_dockerfile() {
    let env = env();
    build(&env, &["--attest", "type=provenance,mode=max,version=v0.2,builder-id=https://ci.example,reproducible=true"]);
    let (statement, _) = statement(&env);
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v0.2");
    let predicate = &statement["predicate"];
    assert_eq!(predicate["builder"]["id"], "https://ci.example");
    assert_eq!(predicate["invocation"]["parameters"]["args"]["build-arg:WHO"], "secret-ish");
    assert_eq!(predicate["metadata"]["reproducible"], true);
    assert!(predicate["buildConfig"]["llbDefinition"].as_array().unwrap().len() >= 2);
    let info = &predicate["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]["source"]["infos"][0];
    assert_eq!(info["filename"], "Dockerfile");
    assert!(info["data"].as_str().unwrap().starts_with("RlJPTSBiYXNl"));
}

#[test]
fn materials_are_the_images_that_were_built_upon() {
    let env = env();
    build(&env, &[]);
    let base = descriptor(&env.store(), Some("app"))["digest"].as_str().unwrap().to_owned();
    env.ok(["tag", "app", "base-image"]);
    env.write("Dockerfile", "FROM base-image\nRUN echo x > /x\n");
    build(&env, &["--provenance=true"]);
    let (statement, _) = statement(&env);
    let material = &statement["predicate"]["buildDefinition"]["resolvedDependencies"][0];
    assert!(material["uri"].as_str().unwrap().starts_with("pkg:docker/base-image@latest"), "{material}");
    assert_eq!(format!("sha256:{}", material["digest"]["sha256"].as_str().unwrap()), base);
}

#[test]
fn a_root_filesystem_has_the_statement_beside_it() {
    let env = env();
    let tree = env.path("out/tree");
    let output = format!("type=local,dest={},attestation-prefix=about-", tree.display());
    build(&env, &["--provenance=filename=made.json", "-o", &output]);
    let text = std::fs::read_to_string(tree.join("about-made.json")).unwrap();
    let statement: Value = serde_json::from_str(&text).unwrap();
    let subjects = statement["subject"].as_array().unwrap();
    assert!(subjects.iter().any(|subject| subject["name"] == "who"), "{subjects:?}");
    let other = env.path("out/other");
    let output = format!("type=local,dest={}", other.display());
    build(&env, &["--provenance=inline-only=true", "-o", &output]);
    assert!(!other.join("provenance.json").exists() && other.join("who").is_file());
    let merged = format!("type=local,dest={},platform-split=false", other.display());
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let refused =
        env.run(["build", "--provenance=min", "--platform", "linux/amd64,linux/arm64", "-o", &merged, "."]).fails(2);
    assert!(refused.stderr.contains("duplicate attestation path name provenance.json"), "{}", refused.stderr);
}

#[test]
fn statements_survive_save_and_load_and_skopeo() {
    let env = env();
    build(&env, &["--provenance=min"]);
    let before = statement(&env).0;
    let saved = env.path("out/saved.tar");
    env.ok(["save", "--format", "oci", "-o", saved.to_str().unwrap(), "app"]);
    let other = TestEnv::root();
    other.ok(["load", "-i", saved.to_str().unwrap()]);
    assert_eq!(statement(&other).0["predicate"], before["predicate"]);
    let copied = env.path("out/copied");
    let (from, to) = (format!("oci:{}:app", env.store().display()), format!("oci:{}:app", copied.display()));
    tool("skopeo", &["copy", "--all", "--dest-oci-accept-uncompressed-layers", &from, &to]);
    assert_eq!(descriptor(&copied, None)["digest"], descriptor(&env.store(), Some("app"))["digest"]);
    entry_for(&top(&copied, "app"), "unknown/unknown");
    env.ok(["rmi", "app"]);
    assert_eq!(std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn nothing_is_stated_unless_asked_for_and_a_scanner_is_missing() {
    let env = env();
    for arguments in [&[][..], &["--provenance=false"], &["--attest", "type=provenance,disabled=true", "--sbom=false"]]
    {
        build(&env, arguments);
        assert!(top(&env.store(), "app")["layers"].is_array(), "{arguments:?}");
    }
    for (argument, expected) in [
        ("--sbom=true", "takes a scanner image"),
        ("--attest=type=sbom", "takes a scanner image"),
        ("--provenance=mode=full", "invalid provenance mode `full`"),
        ("--provenance=colour=red", "there is no attribute `colour` of provenance"),
        ("--attest=type=birth", "unknown attestation type `birth`"),
    ] {
        let refused = env.run(["build", argument, "."]).fails(2);
        assert!(refused.stderr.contains(expected), "{argument}: {}", refused.stderr);
    }
}

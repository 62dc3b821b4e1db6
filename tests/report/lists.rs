//! `builder manifest`: lists of images, of the store and of registries, pushed and read back by others.

use serde_json::Value;

use crate::support::documents::{entry_for, top};
use crate::support::peers::{Registry, tool};
use crate::support::{RunAs, TestEnv};

fn image(env: &TestEnv, platform: &str, name: &str, more: &[&str]) {
    env.write("file", format!("{name} for {platform}\n").repeat(500));
    env.write("Dockerfile", "FROM scratch\nCOPY file /\n");
    env.ok([&["build", "-q", "--platform", platform, "-t", name], more, &["."]].concat());
}

fn raw(reference: &str) -> Value {
    let said = tool("skopeo", &["inspect", "--tls-verify=false", "--raw", &format!("docker://{reference}")]);
    serde_json::from_str(&said).unwrap()
}

fn inspected(env: &TestEnv, arguments: &[&str]) -> Value {
    let said = env.ok([&["manifest", "inspect"], arguments].concat()).stdout;
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn platforms(list: &Value) -> Vec<String> {
    let text = |entry: &Value| {
        let part = |name: &str| entry["platform"][name].as_str().unwrap_or("-").to_owned();
        format!("{}/{}/{}", part("os"), part("architecture"), part("variant"))
    };
    list["manifests"].as_array().unwrap().iter().map(text).collect()
}

fn images_of_the_store_are_put_together(run_as: RunAs) {
    let root = TestEnv::root();
    let registry = Registry::start(&root.path(""));
    let env = TestEnv::new(run_as);
    let list = format!("{}/team/list:1", registry.address());
    image(&env, "linux/amd64", "one", &[]);
    image(&env, "linux/arm64", "two", &[]);
    let said = env.ok(["manifest", "create", &list, "one", "two"]).stdout;
    assert_eq!(said, format!("Created manifest list {list}\n"));
    let exists = env.run(["manifest", "create", &list, "one"]).fails(2).stderr;
    assert!(exists.contains("refusing to amend an existing manifest list with no --amend flag"), "{exists}");
    image(&env, "linux/arm", "three", &[]);
    env.ok(["manifest", "create", "--amend", &list, "three"]);
    env.ok(["manifest", "annotate", &list, "three", "--variant", "v6", "--os-features", "a,b", "--os-version", "9"]);
    let wrong = env.run(["manifest", "annotate", &list, "three", "--arch", "arm46"]).fails(2).stderr;
    assert!(wrong.contains("manifest entry for image has unsupported os/arch combination: linux/arm46"), "{wrong}");
    image(&env, "linux/riscv64", "four", &[]);
    let missing = env.run(["manifest", "annotate", &list, "four", "--os", "linux"]).fails(1).stderr;
    assert!(missing.contains(&format!("manifest for image four does not exist in {list}")), "{missing}");
    let local = inspected(&env, &[&list]);
    assert_eq!(local, top(&env.store(), &list));
    assert_eq!(platforms(&local), ["linux/amd64/-", "linux/arm64/-", "linux/arm/v6"]);
    assert_eq!(local["manifests"][2]["platform"]["os.features"], serde_json::json!(["a", "b"]));
    assert_eq!(local["manifests"][2]["platform"]["os.version"], "9");
    let verbose = inspected(&env, &["-v", &list]);
    assert_eq!(verbose.as_array().unwrap().len(), 3);
    assert_eq!(verbose[1]["Descriptor"]["platform"]["architecture"], "arm64");
    assert_eq!(verbose[1]["OCIManifest"]["layers"].as_array().unwrap().len(), 1);
    let only = inspected(&env, &[&list, "two"]);
    assert_eq!(only, verbose[1]["OCIManifest"]);
    // Other commands take it for the image of several platforms that it is, and there is one of it.
    assert!(env.ok(["images"]).stdout.contains("team/list"));
    assert!(!env.ok(["images"]).stdout.contains("<none>"));

    let said = env.ok(["manifest", "push", "--purge", &list]).stdout;
    let pushed = raw(&list);
    assert_eq!(platforms(&pushed), platforms(&local));
    assert!(said.starts_with("sha256:"), "{said}");
    for platform in ["linux/amd64", "linux/arm64"] {
        let other = TestEnv::root();
        other.ok(["pull", "-q", "--platform", platform, &list]);
        let store = other.store();
        assert_eq!(top(&store, &list)["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    }
    let directory = format!("dir:{}", root.path("out/all").display());
    tool("skopeo", &["copy", "-q", "--all", "--src-tls-verify=false", &format!("docker://{list}"), &directory]);
    // It is gone here, and its images are not.
    let gone = env.run(["manifest", "rm", &list]).fails(1).stderr;
    assert!(gone.contains(&format!("No such manifest: {list}")), "{gone}");
    env.ok(["save", "-o", "saved.tar", "one"]);
    let spared = env.run(["manifest", "rm", "one"]).fails(1).stderr;
    assert!(spared.contains("No such manifest: one"), "{spared}");
}

#[test]
fn images_of_the_store_are_put_together_by_root() {
    images_of_the_store_are_put_together(RunAs::Root);
}

#[test]
fn images_of_the_store_are_put_together_by_an_ordinary_user() {
    images_of_the_store_are_put_together(RunAs::Ordinary);
}

#[test]
fn images_of_registries_are_put_together_without_being_pulled() {
    let root = TestEnv::root();
    let registry = Registry::start(&root.path(""));
    let other = TestEnv::root();
    let elsewhere = Registry::start(&other.path(""));
    let at = |registry: &Registry, name: &str| format!("{}/{name}", registry.address());
    let builder = TestEnv::root();
    let (one, two) = (at(&registry, "a/one:1"), at(&elsewhere, "b/two:1"));
    image(&builder, "linux/amd64", &one, &["--push"]);
    // An index with what is stated about its image.
    image(&builder, "linux/arm64,linux/s390x", &two, &["--push", "--provenance=mode=min"]);
    let env = TestEnv::root();
    let list = at(&registry, "c/list:2");
    env.ok(["manifest", "create", &list, &one, &two]);
    let layers: Vec<String> = [&one].iter().map(|name| raw(name)["layers"][0]["digest"].to_string()).collect();
    let blob = env.store().join("blobs").join(layers[0].trim_matches('"').replace(':', "/"));
    assert!(!blob.exists(), "layers are not needed for a list");
    env.ok(["images"]);
    env.ok(["manifest", "annotate", &list, &one, "--os-version", "7"]);
    let many = env.run(["manifest", "annotate", &list, "nobody/has:this", "--os", "linux"]).fails(1).stderr;
    assert!(many.contains("does not exist in"), "{many}");
    let local = inspected(&env, &[&list]);
    env.ok(["manifest", "push", &list]);
    let pushed = raw(&list);
    // What came from registries keeps its digests, statements included.
    assert_eq!(pushed, local);
    assert_eq!(pushed["manifests"].as_array().unwrap().len(), 5);
    assert_eq!(entry_for(&pushed, "linux/amd64")["platform"]["os.version"], "7");
    assert!(!blob.exists(), "the registry has it in another repository and takes it from there");
    let directory = format!("dir:{}", root.path("out/all").display());
    tool("skopeo", &["copy", "-q", "--all", "--src-tls-verify=false", &format!("docker://{list}"), &directory]);
    let puller = TestEnv::root();
    puller.ok(["pull", "-q", "--platform", "linux/s390x", &list]);
    // What is in a registry is looked up there, and not in the store.
    let seen = inspected(&puller, &[&list]);
    assert_eq!(seen, pushed);
    assert_eq!(inspected(&puller, &["-v", &one])["Descriptor"]["digest"], entry_for(&pushed, "linux/amd64")["digest"]);
    let nothing = puller.run(["manifest", "inspect", &at(&registry, "no/such:1")]).fails(4).stderr;
    assert!(nothing.contains("is not in its registry"), "{nothing}");
    assert!(env.run(["manifest", "create", "x", &at(&registry, "no/such:1")]).fails(4).stderr.contains("no/such"));
    assert!(env.run(["manifest", "inspect", "x"]).code != Some(0), "nothing is made of what failed");
}

#[test]
fn lists_of_dockers_images_are_dockers() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/app:1", registry.address());
    env.write("file", "x");
    env.write("Dockerfile", "FROM scratch\nCOPY file /\n");
    env.ok(["build", "-q", "-o", &format!("type=registry,name={name},oci-mediatypes=false"), "."]);
    let list = format!("{}/list:1", registry.address());
    env.ok(["manifest", "create", &list, &name]);
    env.ok(["manifest", "push", "-q", &list]);
    assert_eq!(raw(&list)["mediaType"], "application/vnd.docker.distribution.manifest.list.v2+json");
    assert!(inspected(&env, &["-v", &list])[0]["SchemaV2Manifest"].is_object());
}

#[test]
fn images_that_were_compressed_before_go_along_to_another_registry() {
    let env = TestEnv::root();
    let other = TestEnv::root();
    let (first, second) = (Registry::start(&env.path("")), Registry::start(&other.path("")));
    image(&env, "linux/amd64", "one", &[]);
    image(&env, "linux/arm64", "two", &[]);
    let mut pushed = Vec::new();
    for registry in [&first, &second] {
        let list = format!("{}/team/list:1", registry.address());
        env.ok(["manifest", "create", &list, "one", "two"]);
        env.ok(["manifest", "push", "-q", &list]);
        for platform in ["linux/amd64", "linux/arm64"] {
            TestEnv::root().ok(["pull", "-q", "--unpack", "--platform", platform, &list]);
        }
        pushed.push(raw(&list));
    }
    assert_eq!(pushed[0], pushed[1]);
}

#[test]
fn those_who_add_to_a_list_at_the_same_time_wait_for_each_other() {
    let env = TestEnv::root();
    let names: Vec<String> = (0..5).map(|number| format!("image{number}")).collect();
    for name in &names {
        image(&env, "linux/amd64", name, &[]);
    }
    env.ok(["manifest", "create", "list", "image0"]);
    std::thread::scope(|scope| {
        for name in names.iter().skip(1) {
            scope.spawn(|| env.ok(["manifest", "create", "--amend", "list", name]));
        }
    });
    assert_eq!(inspected(&env, &["list"])["manifests"].as_array().unwrap().len(), 5);
}

#[test]
fn a_list_of_registries_images_is_used_as_any_image() {
    let place = TestEnv::root();
    let registry = Registry::start(&place.path(""));
    let name = |repository: &str| format!("{}/m/{repository}:1", registry.address());
    let (amd, arm, list) = (name("amd"), name("arm"), name("list"));
    image(&place, "linux/amd64", &amd, &["--push"]);
    image(&place, "linux/arm64", &arm, &["--push"]);
    let create = |env: &TestEnv| env.ok(["manifest", "create", &list, &amd, &arm]);
    let blobs = |env: &TestEnv| std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().count();
    // What is needed is fetched, and nothing else.
    let env = TestEnv::root();
    create(&env);
    let before = blobs(&env);
    let nothing = env.run(["run", &list, "/nothing"]).fails(127).stderr;
    assert!(nothing.contains("/nothing"), "{nothing}");
    assert_eq!(blobs(&env), before + 1);
    env.ok(["layers", "--platform", "linux/arm64", &list]);
    assert_eq!(blobs(&env), before + 2);
    let out = env.path("out.tar");
    for command in ["export", "save"] {
        let env = TestEnv::root();
        create(&env);
        env.ok([command, "-o", out.to_str().unwrap(), &list]);
        assert!(std::fs::metadata(&out).unwrap().len() > 1000, "{command}");
    }
    let env = TestEnv::root();
    create(&env);
    env.ok(["tag", &list, "other"]);
    env.ok(["diff", "other", &list]);
    // One that is nowhere any more is told of, with where it was looked for.
    let env = TestEnv::root();
    create(&env);
    drop(registry);
    let gone = env.run(["run", &list, "/nothing"]).fails(125).stderr;
    assert!(gone.contains("is not in the store") && gone.contains("cannot reach the registry"), "{gone}");
}

//! Tags of a registry: pushed together, listed, deleted; and the configuration that a command is given.

use crate::support::fault_proxy::{Fault, FaultProxy, Rule};
use crate::support::peers::{Registry, tool};
use crate::support::{Finished, TestEnv};

fn built(env: &TestEnv, content: &str, names: &[&str]) {
    env.write("file", content);
    env.write("Dockerfile", "FROM scratch\nCOPY file /\n");
    let tags = names.iter().flat_map(|name| ["-t", name]);
    env.ok(["build", "-q"].into_iter().chain(tags).chain(["."]));
}

fn tags(env: &TestEnv, repository: &str) -> Vec<String> {
    env.ok(["registry", "tags", repository]).stdout.lines().map(str::to_owned).collect()
}

fn digest(name: &str) -> String {
    let format = "--format={{.Digest}}";
    tool("skopeo", &["inspect", "--tls-verify=false", format, &format!("docker://{name}")]).trim().to_owned()
}

#[test]
fn all_tags_of_a_repository_are_pushed() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/team/app", registry.address());
    built(&env, "one", &[&format!("{name}:1"), &format!("{name}:stable")]);
    built(&env, "two", &[&format!("{name}:2"), &format!("{name}-other:9")]);
    let said = env.ok(["push", "--all-tags", &name]).stdout;
    assert_eq!(said.matches("The push refers to repository").count(), 1, "{said}");
    assert_eq!(said.matches(": digest: sha256:").count(), 3, "{said}");
    assert_eq!(tags(&env, &name), ["1", "2", "stable"]);
    assert_eq!(digest(&format!("{name}:1")), digest(&format!("{name}:stable")));
    assert_ne!(digest(&format!("{name}:1")), digest(&format!("{name}:2")));
    assert_eq!(env.ok(["push", "-a", "-q", &name]).stdout.lines().count(), 3);
    // And pulled again.
    let other = TestEnv::root();
    assert_eq!(
        other.ok(["pull", "-a", "-q", &name]).stdout,
        ["1", "2", "stable"].map(|tag| format!("{name}:{tag}\n")).concat()
    );
    assert_eq!(other.ok(["images", "-q"]).stdout.lines().count(), 3);
    let tagged = env.run(["push", "-a", &format!("{name}:1")]).fails(2);
    assert!(tagged.stderr.contains("tag can't be used with --all-tags/-a"), "{}", tagged.stderr);
    let none = env.run(["push", "-a", "nothing"]).fails(1);
    assert!(none.stderr.contains("An image does not exist locally with the tag: nothing"), "{}", none.stderr);
}

#[test]
fn an_image_is_pushed_under_several_names() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let host = registry.address();
    built(&env, "one", &["app"]);
    let names = ["a:1", "a:2", "deep/b:1"].map(|name| format!("{host}/{name}"));
    let said = env.ok(["push", "app", &names[0], &names[1], &names[2]]).stdout;
    let sent: Vec<usize> =
        ["Pushed", "Layer already exists", "Mounted from"].iter().map(|how| said.matches(how).count()).collect();
    assert_eq!(sent, [2, 2, 2], "{said}");
    assert!(names.iter().all(|name| digest(name) == digest(&names[0])));
    // Another registry, which has nothing of it: what is known by name only is made for it, once for all names.
    let place = TestEnv::root();
    let other = Registry::start(&place.path(""));
    let others = ["a:1", "b:1"].map(|name| format!("{}/{name}", other.address()));
    let said = env.ok(["push", "app", &others[0], &others[1]]).stdout;
    assert_eq!(said.matches(": Pushed").count(), 2, "{said}");
    assert!(others.iter().all(|name| digest(name) == digest(&names[0])));
    assert_eq!(env.ok(["push", "app", &others[0]]).stdout.matches(": Layer already exists").count(), 2);
    let id = env.run(["push", "--all-tags", "app", &names[0]]).fails(2);
    assert!(id.stderr.contains("cannot be used with"), "{}", id.stderr);
}

#[test]
fn a_tag_beside_a_digest_says_nothing() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/app", registry.address());
    built(&env, "one", &[&format!("{name}:1")]);
    env.ok(["push", "-q", &format!("{name}:1")]);
    let digest = digest(&format!("{name}:1"));
    let other = TestEnv::root();
    other.ok(["pull", "-q", &format!("{name}:nosuch@{digest}")]);
    let shown = || other.ok(["images", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}"]).stdout;
    assert_eq!(shown(), format!("{name} <none> {digest}\n"));
    // What is shown is understood.
    let pinned = format!("{name}@{digest}");
    for typed in [&pinned, &format!("{name}:nosuch@{digest}"), &format!("{name}:other@{digest}")] {
        assert_eq!(other.ok(["inspect", "-f", "{{.Descriptor.Digest}}", typed]).stdout, format!("{digest}\n"));
    }
    other.run(["inspect", &format!("{name}:nosuch")]).fails(1);
    other.run(["rmi", &format!("{name}@sha256:{}", "0".repeat(64))]).fails(1);
    let said = other.ok(["rmi", &pinned]).stdout;
    assert!(said.starts_with("Untagged: ") && said.contains("Deleted: sha256:"), "{said}");
    assert_eq!(shown(), "");
    // An image with a tag is known by its digest as well, as `inspect` says.
    let said = env.ok(["inspect", "-f", "{{index .RepoDigests 0}}", &format!("{name}:1")]).stdout;
    assert_eq!(env.ok(["inspect", "-f", "{{index .RepoTags 0}}", said.trim()]).stdout, format!("{name}:1\n"));
}

#[test]
fn tags_are_deleted_where_the_registry_lets_us() {
    let env = TestEnv::root();
    let registry = Registry::start_deleting(&env.path(""));
    let name = format!("{}/app", registry.address());
    for tag in ["1", "2", "3"] {
        built(&env, tag, &[&format!("{name}:{tag}")]);
        env.ok(["push", "-q", &format!("{name}:{tag}")]);
    }
    env.ok(["push", "-q", &format!("{name}:1"), &format!("{name}:also")]);
    let first = digest(&format!("{name}:1"));
    // This registry deletes manifests: the other tag of it would go as well, and nobody said that it should.
    let refused = env.run(["registry", "rm", &format!("{name}:1")]).fails(1);
    assert!(refused.stderr.contains("another tag would be gone: also"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(tags(&env, &name), ["1", "2", "3", "also"]);
    let said = env.ok(["registry", "rm", "--force", &format!("{name}:1")]).stdout;
    assert_eq!(said, format!("Untagged: {name}:1\nUntagged: {name}:also\nDeleted: {name}@{first}\n"));
    assert_eq!(tags(&env, &name), ["2", "3"]);
    // Who names both means both; and one that is not there keeps nobody from the others.
    env.ok(["push", "-q", &format!("{name}:2"), &format!("{name}:two")]);
    let all = ["nosuch", "two", "2", "nothing"].map(|tag| format!("{name}:{tag}"));
    let some = env.run(["registry", "rm", &all[0], &all[1], &all[2], &all[3]]).fails(4);
    assert!(
        some.stdout.starts_with(&format!("Untagged: {name}:2\nUntagged: {name}:two\nDeleted: ")),
        "{}",
        some.stdout
    );
    assert_eq!((some.stdout.lines().count(), some.stderr.matches("is not in its registry").count()), (3, 2));
    assert_eq!(tags(&env, &name), ["3"]);
    env.ok(["push", "-q", &format!("{name}:2")]);
    let second = digest(&format!("{name}:2"));
    env.ok(["registry", "delete", &format!("docker://{name}@{second}"), &format!("{name}:3")]);
    env.run(["pull", &format!("{name}:2")]).fails(4);
    let gone = env.run(["registry", "rm", &format!("{name}:3")]).fails(4);
    assert!(gone.stderr.contains("is not in its registry"), "{}", gone.stderr);
    let whole = env.run(["registry", "rm", &name]).fails(2);
    assert!(whole.stderr.contains("is a repository"), "{}", whole.stderr);
    let one = env.run(["registry", "ls", &format!("{name}:1")]).fails(2);
    assert!(one.stderr.contains("name the repository"), "{}", one.stderr);
    let unknown = env.run(["registry", "tags", &format!("{}/none", registry.address())]).fails(4);
    assert!(unknown.stderr.contains("is not in its registry"), "{}", unknown.stderr);
    // None of it needs a store.
    assert!(!env.path("home/none").exists());
}

#[test]
fn a_registry_that_deletes_nothing_is_told_of() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let name = format!("{}/app:1", registry.address());
    built(&env, "one", &[&name]);
    env.ok(["push", "-q", &name]);
    let refused = env.run(["registry", "rm", &name]).fails(4);
    assert!(refused.stderr.contains("status 405"), "{}", refused.stderr);
    digest(&name);
}

#[test]
fn long_lists_come_page_by_page_and_lists_that_never_end_end() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let host = registry.address();
    let page = |tags: &str, next: Option<&str>| {
        let link = next.map(|next| ("link", format!("</v2/app/tags/list?{next}>; rel=\"next\"")));
        Fault::Answer(200, link.into_iter().collect(), format!("{{\"name\":\"app\",\"tags\":{tags}}}").into_bytes())
    };
    let proxy = FaultProxy::start(
        host,
        vec![
            Rule::always("GET", "last=b", page(r#"["c","\u001b[2J","d"]"#, None)),
            Rule::always("GET", "/app/", page(r#"["a","b"]"#, Some("n=2&last=b"))),
            Rule::always("GET", "/null/", page("null", None)),
            Rule::always("GET", "/long/", Fault::Endless),
        ],
    );
    let name = |repository: &str| format!("{}/{repository}", proxy.address());
    assert_eq!(tags(&env, &name("app")), ["a", "b", "c", "d"]);
    assert_eq!(tags(&env, &name("null")), Vec::<String>::new());
    let long = env.run(["registry", "tags", &name("long")]).fails(4);
    assert!(long.stderr.contains("the list of tags has more than"), "{}", long.stderr);
}

#[test]
fn the_configuration_of_registries_is_a_file_of_ones_own() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let host = registry.address();
    let conf = env.write("my.conf", format!("[[registry]]\nprefix = \"registry.example\"\nlocation = \"{host}\"\n"));
    let conf = conf.display().to_string();
    built(&env, "one", &["registry.example/app:1"]);
    let ok = |arguments: &[&str]| Finished::of(env.builder().args(arguments)).success().stdout;
    ok(&["push", "--registries-conf", &conf, "registry.example/app:1"]);
    assert_eq!(ok(&["--registries-conf", &conf, "registry", "tags", "registry.example/app"]), "1\n");
    ok(&["rmi", "registry.example/app:1"]);
    env.write("Dockerfile", "FROM registry.example/app:1\n");
    ok(&["build", "--registries-conf", &conf, "."]);
    let missing = env.run(["pull", "--registries-conf", "nothing.conf", "registry.example/app:1"]).fails(2);
    assert!(missing.stderr.contains("cannot read `nothing.conf`"), "{}", missing.stderr);
}

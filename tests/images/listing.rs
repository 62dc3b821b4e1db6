//! `images` and `history`.

use serde_json::Value;

use crate::shelf::{FIRST, build, shelf, timeless};
use crate::support::{RunAs, TestEnv};

#[test]
fn images_are_listed_as_docker_lists_them() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        let said = |arguments: &[&str]| timeless(&env.ok(arguments).stdout);
        insta::assert_snapshot!("images", said(&["images"]));
        insta::assert_snapshot!("images_verbose", said(&["images", "-v", "--digests", "--no-trunc"]));
        insta::assert_snapshot!("images_quiet", said(&["image", "ls", "-q"]));
        insta::assert_snapshot!("images_json", said(&["images", "--format", "json"]));
        assert_eq!(said(&["images", "-a"]), said(&["image", "list"]));
    }
}

#[test]
fn templates_choose_what_is_listed() {
    let env = shelf(RunAs::Root);
    let said = |format: &str| env.ok(["images", "--filter", "reference=app", "--format", format]).stdout;
    assert_eq!(said("{{.Repository}}:{{.Tag}}"), "app:2\napp:latest\n");
    assert_eq!(said(r"{{.Tag | upper}}\t{{.Size}}"), "2\t107kB\nLATEST\t107kB\n");
    assert_eq!(
        said(r"table {{.Repository}}\t{{.Tag}}\t{{.UniqueSize}}"),
        "REPOSITORY   TAG      UNIQUE SIZE\napp          2        5.12kB\napp          latest   5.12kB\n"
    );
    assert_eq!(
        said("{{.CreatedAt}} {{if eq .Tag \"2\"}}two{{else}}{{json .Tag}}{{end}}"),
        "2024-03-09 16:00:00 +0000 UTC two\n2024-03-09 16:00:00 +0000 UTC \"latest\"\n"
    );
    let refused = env.run(["images", "--format", "{{.Nope}}"]).fails(2).stderr;
    assert!(refused.contains("can't evaluate field Nope; there are Bytes, Containers, CreatedAt"), "{refused}");
    env.run(["images", "--format", "{{.ID"]).fails(2);
}

#[test]
fn filters_choose_images() {
    let env = shelf(RunAs::Root);
    let listed = |arguments: &[&str]| -> Vec<String> {
        let format = ["--format", "{{.Repository}}:{{.Tag}}"];
        let said = env.ok([&["images"], arguments, &format].concat()).stdout;
        said.lines().map(str::to_owned).collect()
    };
    let (app, base, other) = ("app:latest", "base:1", "<none>:<none>");
    let names = ["app:2", app, "example.org/team/app:latest"];
    for (filters, expected) in [
        (&["dangling=true"][..], &[other][..]),
        (&["dangling=false", "label=kind=base"], &[base]),
        (&["label=kind=other"], &[other]),
        (&["label=team=core", "label=kind=other"], &[other]),
        (&["label=nobody"], &[]),
        (&["label!=kind=app"], &[other, base]),
        (&["reference=app"], &names[..2]),
        (&["reference=app:2", "reference=base"], &["app:2", base]),
        (&["reference=*/*/app"], &names[2..]),
        (&["reference=*:1"], &[base]),
        (&["before=app"], &[base]),
        (&["since=base:1", "dangling=false"], &names),
        (&["since=app"], &[other]),
        (&["until=2024-01-01T00:00:00Z"], &[base]),
        (&["until=876000h"], &[]),
        (&["until=1h", "until=1715000000"], &["app:2", app, names[2], base]),
    ] {
        let arguments: Vec<&str> = filters.iter().flat_map(|filter| ["--filter", *filter]).collect();
        assert_eq!(listed(&arguments), expected, "{filters:?}");
    }
    assert_eq!(listed(&["app"]), &names[..2]);
    assert_eq!(listed(&["app:2"]), ["app:2"]);
    assert_eq!(listed(&["exam*/team/a?p"]), &names[2..]);
    for (filter, message) in [
        ("colour=red", "invalid filter `colour`"),
        ("dangling=perhaps", "expected true or false"),
        ("label", "expected KEY=VALUE"),
        ("until=soon", "expected a duration"),
        ("reference=[", "syntax error in pattern"),
    ] {
        let refused = env.run(["images", "-f", filter]).fails(2).stderr;
        assert!(refused.contains(message), "{refused}");
    }
    env.run(["images", "-f", "before=nobody"]).fails(1);
}

#[test]
fn sizes_are_shared_and_own() {
    let env = shelf(RunAs::Root);
    let row = |name: &str| -> Value {
        serde_json::from_str(&env.ok(["images", "--format", "json", name]).stdout).expect("one row")
    };
    let base = row("base");
    let all = base["Bytes"].as_u64().unwrap();
    assert!((100_000..110_000).contains(&all), "{base}");
    assert_eq!((base["SharedBytes"].as_u64(), base["UniqueBytes"].as_u64()), (Some(all), Some(0)));
    let app = row("app:2");
    // Another name of the same image shares nothing with it.
    assert_eq!(app["SharedBytes"].as_u64(), Some(all));
    assert_eq!(app["Bytes"].as_u64().unwrap(), all + app["UniqueBytes"].as_u64().unwrap());
    // The sizes are those of the layers without compression, in whatever form they are here.
    let archive = env.path("out/app.tar");
    env.ok(["save", "--format", "oci", "-o", archive.to_str().unwrap(), "app:2"]);
    let other = TestEnv::root();
    other.ok(["load", "-i", archive.to_str().unwrap()]);
    let sizes = |env: &TestEnv| env.ok(["images", "app:2", "--format", "{{.Bytes}} {{.SharedBytes}}"]).stdout;
    let alone = format!("{} 0\n", app["Bytes"]);
    assert_eq!([sizes(&other), sizes(&other)], [alone.clone(), alone]);
    let history = |env: &TestEnv| env.ok(["history", "app:2", "--format", "{{.Bytes}}"]).stdout;
    assert_eq!(history(&env), history(&other));
}

#[test]
fn an_image_whose_documents_are_gone_is_listed_to_be_removed() {
    let env = shelf(RunAs::Root);
    let manifest = env.ok(["images", "app:2", "--format", "{{.Digest}}"]).stdout;
    std::fs::remove_file(env.store().join("blobs").join(manifest.trim().replace(':', "/"))).unwrap();
    assert_eq!(env.ok(["images", "app:2", "--format", "{{.Tag}} {{.Bytes}}"]).stdout, "2 0\n");
    env.ok(["rmi", "app", "app:2", "example.org/team/app"]);
    assert_eq!(env.ok(["images", "-q"]).stdout.lines().count(), 2);
}

#[test]
fn history_is_as_dockers() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        let said = |arguments: &[&str]| timeless(&env.ok(arguments).stdout);
        insta::assert_snapshot!("history", said(&["history", "app"]));
        insta::assert_snapshot!("history_whole", said(&["history", "--no-trunc", "--human=false", "app"]));
        insta::assert_snapshot!("history_json", said(&["image", "history", "--format", "json", "app"]));
        assert_eq!(said(&["history", "-q", "base:1"]).lines().skip(1).collect::<Vec<_>>(), ["<missing>"; 1]);
        assert_eq!(said(&["history", "-H", "app"]), said(&["history", "app"]));
    }
}

#[test]
fn history_takes_templates_and_platforms() {
    let env = TestEnv::root();
    env.write("a", "a");
    build(
        &env,
        "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY a /\n",
        FIRST,
        &["-t", "app", "--platform", "linux/amd64,linux/arm64"],
    );
    let label = |platform: &str| {
        let format = "{{.CreatedAt}} {{.CreatedBy}}";
        let said = env.ok(["history", "--platform", platform, "--format", format, "app"]).stdout;
        said.lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(label("linux/arm64"), "2023-11-14T22:13:20Z LABEL arch=arm64");
    assert_eq!(label("linux/amd64"), "2023-11-14T22:13:20Z LABEL arch=amd64");
    let refused = env.run(["history", "--platform", "linux/s390x", "app"]).fails(1).stderr;
    assert!(refused.contains("and not for linux/s390x"), "{refused}");
    assert_eq!(env.ok(["images", "--format", "{{.Platforms}}"]).stdout, "linux/amd64, linux/arm64\n");
}

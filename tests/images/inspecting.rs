//! `inspect`.

use serde_json::Value;

use crate::shelf::shelf;
use crate::support::peers::tool;
use crate::support::{RunAs, TestEnv};

#[test]
fn images_are_described_as_docker_describes_them() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        insta::assert_snapshot!("inspect", env.ok(["inspect", "app"]).stdout);
        let two: Value = serde_json::from_str(&env.ok(["image", "inspect", "app", "base:1"]).stdout).unwrap();
        assert_eq!(two.as_array().unwrap().len(), 2);
        assert_eq!(two[1]["RepoTags"][0], "base:1");
    }
}

#[test]
fn templates_take_what_is_wanted() {
    let env = shelf(RunAs::Root);
    let id = env.ok(["images", "-q", "--no-trunc", "app"]).stdout.lines().next().unwrap().to_owned();
    for (format, expected) in [
        ("{{.Id}}", id.as_str()),
        ("{{.Config.User}} {{.Config.WorkingDir}}", "7 /srv"),
        ("{{json .Config.Cmd}}", "[\"./small\",\"--a-long-option\",\"and\",\"another-one\"]"),
        ("{{index .Config.Labels \"kind\"}} {{.Config.Labels.team}}", "app core"),
        ("{{range $p, $_ := .Config.ExposedPorts}}{{$p}}{{end}}", "80/tcp"),
        ("{{range .RepoTags}}<{{.}}>{{end}}", "<app:2><app:latest><example.org/team/app:latest>"),
        ("{{.Os}}/{{.Architecture}} {{len .RootFS.Layers}}", "linux/amd64 3"),
        // What the image does not have is empty, and no error.
        ("[{{.Config.StopSignal}}]{{.Config.Entrypoint}}{{.Config.Healthcheck}}{{.Config.Volumes}}", "[][]<nil>map[]"),
        // Go's names are as good as the keys of the JSON.
        ("{{.ID}} {{.Descriptor.MediaType}}", &format!("{id} application/vnd.oci.image.manifest.v1+json")),
        ("{{eq .Descriptor.Digest .Descriptor.digest}} {{eq .Descriptor.Size .Descriptor.size}}", "true true"),
        ("{{with .Descriptor}}{{.Annotations}}{{.Platform}}{{end}}", "map[]<nil>"),
        (
            "{{with .Config}}{{index .Env 1}} {{.Labels.nothing}} {{.Shell}}{{end}}",
            "GREETING=hello there <no value> []",
        ),
        ("{{.RootFS.Type}} {{json .Config.Labels}}", "layers {\"kind\":\"app\",\"team\":\"core\"}"),
        (
            r#"{{.Created}}\t{{join .Config.Env ","}}"#,
            "2024-03-09T16:00:00Z\tPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin,GREETING=hello there",
        ),
    ] {
        assert_eq!(env.ok(["inspect", "-f", format, "app"]).stdout, format!("{expected}\n"), "{format}");
    }
    let refused = env.run(["inspect", "-f", "{{.Name}}", "app"]).fails(2).stderr;
    assert!(refused.contains("can't evaluate field Name"), "{refused}");
    for (format, kind) in [
        ("{{.Descriptor.Name}}", "v1.Descriptor"),
        ("{{.Config.name}}", "v1.DockerOCIImageConfig"),
        ("{{.RootFS.layers}}", "image.RootFS"),
        ("{{with .Metadata}}{{.Nope}}{{end}}", "image.Metadata"),
    ] {
        let refused = env.run(["inspect", "-f", format, "app"]).fails(2).stderr;
        assert!(refused.contains("can't evaluate field") && refused.contains(kind), "{refused}");
    }
    assert_eq!(env.ok(["inspect", "--format", "json", "app", "base:1"]).stdout.lines().count(), 2);
}

#[test]
fn what_is_missing_does_not_hide_what_is_there() {
    let env = shelf(RunAs::Root);
    let finished = env.run(["inspect", "nobody", "base:1", "nothing"]).fails(1);
    let found: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(found[0]["RepoTags"][0], "base:1");
    assert!(finished.stderr.contains("no such image: `nobody`"), "{}", finished.stderr);
    assert!(finished.stderr.contains("no such image: `nothing`"), "{}", finished.stderr);
    assert_eq!(env.run(["inspect", "nobody"]).fails(1).stdout, "[]\n");
}

#[test]
fn documents_come_as_they_are() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\n");
    env.ok(["build", "-t", "app", "--platform", "linux/amd64,linux/arm64", "."]);
    let raw = |arguments: &[&str]| {
        let said = env.ok([&["inspect", "app", "--raw"], arguments].concat()).stdout;
        (sha(&said), serde_json::from_str::<Value>(&said).unwrap())
    };
    let (digest, index) = raw(&["index"]);
    assert_eq!(env.ok(["images", "--format", "{{.Digest}}"]).stdout, format!("sha256:{digest}\n"));
    let (digest, manifest) = raw(&["manifest", "--platform", "linux/arm64"]);
    let listed =
        index["manifests"].as_array().unwrap().iter().find(|entry| entry["platform"]["architecture"] == "arm64");
    assert_eq!(listed.unwrap()["digest"], format!("sha256:{digest}"));
    let (digest, config) = raw(&["config", "--platform", "linux/arm64"]);
    assert_eq!(manifest["config"]["digest"], format!("sha256:{digest}"));
    assert_eq!(config["architecture"], "arm64");
    assert_eq!(env.ok(["inspect", "--platform", "linux/arm64", "-f", "{{.Architecture}}", "app"]).stdout, "arm64\n");
}

/// The digest of a text, by another tool.
fn sha(text: &str) -> String {
    let path = std::env::temp_dir().join(format!("builder-sha-{}-{}", std::process::id(), text.len()));
    std::fs::write(&path, text).unwrap();
    let said = tool("sha256sum", &[path.to_str().unwrap()]);
    std::fs::remove_file(path).unwrap();
    said.split(' ').next().unwrap().to_owned()
}

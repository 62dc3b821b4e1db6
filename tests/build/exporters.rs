//! The forms that results are written in, attribute by attribute.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::support::documents::{descriptor, document, entry_for, top};
use crate::support::image::{Image, entries};
use crate::support::peers::tool;
use crate::support::{Finished, RunAs, TestEnv};

const EPOCH: &str = "1700000000";

fn env() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY a /$TARGETARCH\nCOPY a b /both/\n");
    env.write("a", "a".repeat(20_000));
    env.write("b", "b");
    env
}

fn types(layout: &Path, name: &str) -> Vec<String> {
    let manifest = top(layout, name);
    let mut found = vec![manifest["mediaType"].clone(), manifest["config"]["mediaType"].clone()];
    found.extend(manifest["layers"].as_array().unwrap().iter().map(|layer| layer["mediaType"].clone()));
    found.iter().map(|value| value.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn an_image_output_chooses_types_and_compression() {
    let env = env();
    for (attributes, expected) in [
        ("", ["vnd.oci.image.manifest.v1+json", "vnd.oci.image.config.v1+json", "vnd.oci.image.layer.v1.tar"]),
        (
            ",compression=gzip,compression-level=9",
            ["vnd.oci.image.manifest.v1+json", "vnd.oci.image.config.v1+json", "vnd.oci.image.layer.v1.tar+gzip"],
        ),
        (
            ",compression=gzip,oci-mediatypes=false",
            [
                "vnd.docker.distribution.manifest.v2+json",
                "vnd.docker.container.image.v1+json",
                "vnd.docker.image.rootfs.diff.tar.gzip",
            ],
        ),
        // There is no zstd among docker's types.
        (
            ",compression=zstd,oci-mediatypes=false",
            ["vnd.oci.image.manifest.v1+json", "vnd.oci.image.config.v1+json", "vnd.oci.image.layer.v1.tar+zstd"],
        ),
    ] {
        env.ok(["build", "-t", "app", "-o", &format!("type=image{attributes}"), "."]);
        let found = types(&env.store(), "app");
        assert_eq!(found[..3], expected, "{attributes}");
        assert_eq!(found[3], expected[2], "{attributes}");
        // It is complete: other tools copy it, where they look for such media types in a layout.
        if expected[0].contains("oci") {
            let (from, to) = (format!("oci:{}:app", env.store().display()), env.path("out/copied"));
            tool("skopeo", &["copy", &from, &format!("oci:{}:x", to.display())]);
        }
        // And a base for others.
        env.write("child/Dockerfile", "FROM app\nCOPY --from=app /both/b /c\n");
        env.ok(["build", "-t", "child", "child"]);
        assert_eq!(Image::open(&env.store(), "child").layer_count(), 3);
    }
}

#[test]
fn forced_compression_reaches_the_layers_of_the_base() {
    let env = env();
    env.ok(["build", "-t", "base", "-o", "type=image,compression=gzip", "."]);
    env.write("child/Dockerfile", "FROM base\nCOPY Dockerfile /\n");
    let build = |attributes: &str| {
        env.ok(["build", "-t", "child", "-o", &format!("type=image,{attributes}"), "child"]);
        types(&env.store(), "child")[2..]
            .iter()
            .map(|text| text.rsplit('.').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(build("compression=zstd"), ["tar+gzip", "tar+gzip", "tar+zstd"]);
    assert_eq!(build("compression=zstd,force-compression=true"), ["tar+zstd"; 3]);
    assert_eq!(build("compression=uncompressed,force-compression=true"), ["tar"; 3]);
    assert_eq!(Image::open(&env.store(), "child").paths(0).len(), 1);
}

#[test]
fn names_come_from_tags_attributes_and_digests() {
    let env = env();
    env.ok(["build", "-t", "one", "-o", "type=image,\"name=two,three:3\",name-canonical=true", "."]);
    let digest = Image::open(&env.store(), "two").digest;
    let listed: Vec<Value> =
        env.ok(["images", "--format", "json"]).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Names with a digest are listed where there is no tag beside them.
    assert_eq!(listed.len(), 3, "{listed:?}");
    let pinned = format!("two@{digest}");
    env.write("child/Dockerfile", format!("FROM {pinned}\n"));
    env.ok(["build", "child"]);
    let other = self::env();
    other.ok(["build", "-o", "type=image,dangling-name-prefix=dangling", "."]);
    let listed: Value = serde_json::from_str(&other.ok(["images", "--format", "json"]).stdout).unwrap();
    assert_eq!(listed["Repository"], "dangling");
    let nothing = self::env();
    nothing.ok(["build", "-t", "app", "-o", "type=image,store=false", "."]);
    assert_eq!(nothing.ok(["images", "-q"]).stdout, "");
}

#[test]
fn several_outputs_are_all_written() {
    let env = env();
    let (oci, tar, tree) = (env.path("out/oci.tar"), env.path("out/root.tar"), env.path("out/tree"));
    env.ok([
        "build",
        "-t",
        "app",
        "-o",
        &format!("type=oci,dest={}", oci.display()),
        "-o",
        &format!("type=tar,dest={}", tar.display()),
        "-o",
        tree.to_str().unwrap(),
        "-o",
        "type=cacheonly",
        ".",
    ]);
    assert!(oci.is_file() && tar.is_file() && tree.join("both/b").is_file());
    Image::open(&env.store(), "app");
    let refused = env.run(["build", "-o", "-", "-o", "type=oci", "."]).fails(2);
    assert!(refused.stderr.contains("two outputs go to standard output"), "{}", refused.stderr);
}

#[test]
fn a_docker_archive_has_dockers_types_and_one_platform() {
    let env = env();
    let archive = env.path("out/docker.tar");
    let output = format!("type=docker,dest={}", archive.display());
    env.ok(["build", "-t", "app", "-o", &output, "."]);
    let inspected = tool("skopeo", &["inspect", &format!("docker-archive:{}:app:latest", archive.display())]);
    assert!(inspected.contains("\"Os\": \"linux\""), "{inspected}");
    let directory = env.path("out/docker");
    env.ok(["build", "-t", "app", "-o", &format!("type=docker,tar=false,dest={}", directory.display()), "."]);
    assert!(directory.join("manifest.json").is_file());
    assert!(types(&directory, "latest")[0].contains("docker"));
    let refused = env.run(["build", "--platform", "linux/amd64,linux/arm64", "-o", &output, "."]).fails(2);
    let expected = "docker exporter does not currently support exporting manifest lists";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

#[test]
fn an_index_goes_into_an_oci_archive_as_a_whole() {
    let env = env();
    let layout = env.path("out/layout");
    let output = format!("type=oci,tar=false,dest={},name=x:1", layout.display());
    env.ok(["build", "--platform", "linux/amd64,linux/arm64", "-o", &output, "."]);
    let entry = descriptor(&layout, None);
    assert_eq!(entry["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(entry["annotations"]["io.containerd.image.name"], "docker.io/library/x:1");
    let index = document(&layout, &entry["digest"]);
    entry_for(&index, "linux/arm64");
    let to = format!("dir:{}", env.path("out/dir").display());
    tool("skopeo", &["copy", "--all", &format!("oci:{}:1", layout.display()), &to]);
    let raw: Value =
        serde_json::from_str(&tool("skopeo", &["inspect", "--raw", &format!("oci:{}:1", layout.display())])).unwrap();
    assert_eq!(raw, index);
}

#[test]
fn root_filesystems_of_platforms_are_split_or_merged() {
    let env = env();
    let platforms = "linux/amd64,linux/arm/v7";
    let (tree, archive) = (env.path("out/tree"), env.path("out/root.tar"));
    env.ok(["build", "--platform", platforms, "-o", tree.to_str().unwrap(), "."]);
    for path in ["linux_amd64/amd64", "linux_amd64/both/a", "linux_arm_v7/arm", "linux_arm_v7/both/b"] {
        assert!(tree.join(path).is_file(), "{path}");
    }
    env.ok(["build", "--platform", platforms, "-o", &format!("type=tar,dest={}", archive.display()), "."]);
    let paths: Vec<String> = entries(fs::File::open(&archive).unwrap()).into_iter().map(|entry| entry.path).collect();
    assert!(
        paths.contains(&"linux_arm_v7".to_owned()) && paths.contains(&"linux_arm_v7/both/b".to_owned()),
        "{paths:?}"
    );
    // One platform is not split unless that is asked for.
    let one = env.path("out/one");
    env.ok(["build", "-o", &format!("type=local,dest={},platform-split=true", one.display()), "."]);
    assert_eq!(fs::read_dir(&one).unwrap().count(), 1);
    let merged = env.path("out/merged");
    let output = format!("type=local,dest={},platform-split=false", merged.display());
    env.ok(["build", "--platform", platforms, "-o", &output, "."]);
    assert!(merged.join("amd64").is_file() && merged.join("arm").is_file() && merged.join("both/b").is_file());
    env.write("Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY <<E /file\n$TARGETARCH\nE\n");
    let refused = env.run(["build", "--platform", platforms, "-o", &output, "."]).fails(2);
    let expected = "cannot overwrite file from linux/amd64 with linux/arm/v7 when split option is disabled";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}

fn a_mirror(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    env.write("Dockerfile", "FROM scratch\nCOPY a /dir/\n");
    env.write("a", "a");
    let tree = env.path("out/tree");
    env.ok(["build", "-q", "-o", tree.to_str().unwrap(), "."]);
    let owner = fs::metadata(&tree).unwrap().uid();
    let keep = env.path("out/precious");
    fs::write(&keep, "kept").unwrap();
    for name in ["dir/extra", "other"] {
        fs::create_dir(tree.join(name)).unwrap();
        std::os::unix::fs::symlink(&keep, tree.join(name).join("link")).unwrap();
        for path in [tree.join(name), tree.join(name).join("link")] {
            std::os::unix::fs::lchown(path, Some(owner), None).unwrap();
        }
    }
    env.ok(["build", "-q", "-o", &format!("type=local,dest={},mode=copy", tree.display()), "."]);
    assert!(tree.join("dir/extra/link").is_symlink());
    env.ok(["build", "-q", "-o", &format!("type=local,dest={},mode=delete", tree.display()), "."]);
    let left: Vec<_> = fs::read_dir(&tree).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["dir"]);
    assert_eq!(fs::read_dir(tree.join("dir")).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(keep).unwrap(), "kept");
}

#[test]
fn a_directory_can_be_a_mirror() {
    a_mirror(RunAs::Root);
}

#[test]
fn a_directory_can_be_an_ordinary_users_mirror() {
    a_mirror(RunAs::Ordinary);
}

#[test]
fn every_output_is_the_same_twice() {
    let build = |name: &str| {
        let env = self::env();
        let out = env.path("out/result");
        let output = name.replace("DEST", out.to_str().unwrap());
        let mut command = env.builder();
        command.env("SOURCE_DATE_EPOCH", EPOCH).args([
            "build",
            "-t",
            "app",
            "--platform",
            "linux/amd64,linux/arm64",
            "--provenance=max",
            "-o",
            &output,
            ".",
        ]);
        Finished::of(&mut command).success();
        if out.is_dir() {
            // Without the directory itself, which is as old as the build.
            let mut tar = std::process::Command::new("sh");
            tar.args(["-c", "cd \"$1\" && tar --sort=name -cf - *", "sh"]).arg(&out);
            tar.output().unwrap().stdout
        } else if out.exists() {
            let mut bytes = Vec::new();
            fs::File::open(out).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        } else {
            descriptor(&env.store(), Some("app"))["digest"].to_string().into_bytes()
        }
    };
    for output in [
        "type=image,compression=zstd",
        "type=oci,dest=DEST,compression=gzip",
        "type=tar,dest=DEST",
        "type=local,dest=DEST",
    ] {
        let first = build(output);
        assert!(!first.is_empty() && first == build(output), "{output}");
    }
}

#[test]
fn an_output_can_set_or_take_away_the_time() {
    let env = env();
    let created = || Image::open(&env.store(), "app").config["created"].as_str().unwrap().to_owned();
    env.ok(["build", "-t", "app", "-o", "type=image,source-date-epoch=7,rewrite-timestamp=true", "."]);
    assert_eq!(created(), "1970-01-01T00:00:07Z");
    assert!(Image::open(&env.store(), "app").layer(0).iter().all(|entry| entry.mtime <= 7));
    let mut command = env.builder();
    command.env("SOURCE_DATE_EPOCH", "7").args(["build", "-t", "app", "-o", "type=image,source-date-epoch=", "."]);
    Finished::of(&mut command).success();
    assert!(created().as_str() > "2020", "{}", created());
    let refused =
        env.run(["build", "-o", "type=image,source-date-epoch=1", "-o", "type=oci,dest=x,source-date-epoch=2", "."]);
    assert!(refused.fails(2).stderr.contains("source-date-epoch"));
}

#[test]
fn times_are_not_rewritten_without_an_epoch() {
    let env = env();
    let warning = "rewrite-timestamp is specified, but no source-date-epoch was found";
    let built = |output: &str| env.ok(["build", "-t", "app", "-o", output, "."]).stderr.matches(warning).count();
    assert_eq!(built("type=image,rewrite-timestamp=true"), 1);
    assert_eq!(built("type=image,rewrite-timestamp=false"), 0);
    assert_eq!(built("type=image,rewrite-timestamp=true,source-date-epoch=7"), 0);
}

#[test]
fn what_an_output_does_not_know_is_answered_with_what_it_knows() {
    let env = env();
    for (output, expected) in [
        ("type=local,dest=x,compression=gzip", "there are type, source-date-epoch, dest, mode, platform-split"),
        ("type=image,squash=true", "compression-level"),
        ("type=image,compression=estargz", "`compression=estargz` is not supported"),
        ("type=registry", "tag is needed when pushing to registry"),
        ("type=image,push=true", "tag is needed when pushing to registry"),
        ("type=oci,dest=x,push=true", "only images are pushed"),
        ("type=image,unpack=true,rewrite-timestamp=true", "conflicts with \"unpack\""),
    ] {
        let refused = env.run(["build", "-o", output, "."]).fails(2);
        assert!(refused.stderr.contains(expected), "{output}: {}", refused.stderr);
    }
    let refused = env.run(["build", "--push", "."]).fails(2);
    assert!(refused.stderr.contains("tag is needed when pushing to registry"), "{}", refused.stderr);
    env.ok(["build", "--load", "-t", "app", "."]);
}

#[test]
fn files_about_the_build_speak_of_what_was_written() {
    let env = env();
    let (id, metadata) = (env.path("out/id"), env.path("out/metadata"));
    let files = ["--iidfile", id.to_str().unwrap(), "--metadata-file", metadata.to_str().unwrap()];
    let read = || -> Value { serde_json::from_str(&fs::read_to_string(&metadata).unwrap()).unwrap() };
    env.ok(["build", "-t", "app", "--platform", "linux/amd64,linux/arm64"].iter().chain(&files).chain(&["."]));
    let found = read();
    let digest = &descriptor(&env.store(), Some("app"))["digest"];
    assert_eq!(&found["containerimage.digest"], digest);
    assert_eq!(fs::read_to_string(&id).unwrap(), digest.as_str().unwrap());
    assert_eq!(found["containerimage.descriptor"]["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(found["containerimage.config.digest"], Value::Null);
    assert_eq!(found["image.name"], "docker.io/library/app:latest");
    assert!(found["buildx.build.ref"].as_str().unwrap().len() > 20);
    let archive = env.path("out/x.tar");
    let output = format!("type=oci,dest={}", archive.display());
    env.ok(["build", "-o", &output, "--platform", "linux/arm64"].iter().chain(&files).chain(&["."]));
    let found = read();
    let inspected =
        tool("skopeo", &["inspect", "--override-arch", "arm64", &format!("oci-archive:{}", archive.display())]);
    assert!(inspected.contains(found["containerimage.digest"].as_str().unwrap()), "{found:#} {inspected}");
    assert_eq!(found["containerimage.descriptor"]["platform"]["architecture"], "arm64");
    assert_eq!(fs::read_to_string(&id).unwrap(), found["containerimage.config.digest"].as_str().unwrap());
}

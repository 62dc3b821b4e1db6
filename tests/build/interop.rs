//! What we write, other tools read; what they write, we read.

use std::process::Command;

use crate::support::image::{Image, entries};
use crate::support::peers::{run_with_crun, tool};
use crate::support::{Finished, TestEnv};

fn built() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM host\nRUN echo hello > /greeting\nCMD [\"cat\", \"/greeting\"]\n");
    env.ok(["build", "-t", "app", "-t", "example.org/team/app:2", "--build-context", "host=host:sh,cat", "."]);
    env
}

#[test]
fn an_oci_archive_is_read_by_skopeo_and_umoci_and_runs() {
    let env = built();
    let archive = env.path("out/app.tar");
    for compression in ["gzip", "zstd", "uncompressed"] {
        let output = format!("type=oci,dest={},compression={compression}", archive.display());
        env.ok(["build", "-t", "app", "--build-context", "host=host:sh,cat", "-o", &output, "."]);
        let inspected = tool("skopeo", &["inspect", &format!("oci-archive:{}", archive.display())]);
        assert!(inspected.contains("\"Os\": \"linux\""), "{inspected}");
    }
    let layout = env.path("out/layout");
    let output = format!("type=oci,dest={},tar=false", layout.display());
    env.ok(["build", "-t", "app", "--build-context", "host=host:sh,cat", "-o", &output, "."]);
    assert_eq!(run_with_crun(&layout, "latest", &env.path("")), "hello\n");
}

#[test]
fn a_docker_archive_is_loaded_by_podman_and_read_by_skopeo() {
    let env = built();
    let archive = env.path("out/docker.tar");
    env.ok(["save", "-o", archive.to_str().unwrap(), "app", "example.org/team/app:2"]);
    let inspected = tool("skopeo", &["inspect", &format!("docker-archive:{}:app:latest", archive.display())]);
    assert!(inspected.contains("\"Os\": \"linux\""), "{inspected}");
    let mut podman = Command::new("podman");
    podman
        .arg("--root")
        .arg(env.path("podman"))
        .arg("--runroot")
        .arg(env.path("podman-run"))
        .args(["--storage-driver", "vfs", "load", "-i"])
        .arg(&archive);
    let loaded = Finished::of(&mut podman).success();
    assert!(loaded.stdout.contains("example.org/team/app:2"), "{loaded:?}");
}

#[test]
fn what_skopeo_copies_is_loaded_with_the_same_layers() {
    let env = built();
    let (store, digest) = (env.store(), Image::open(&env.store(), "app").config["rootfs"].clone());
    for (kind, name) in [("docker-archive", "copied:1"), ("oci-archive", "")] {
        let archive = env.path("out").join(format!("{kind}.tar"));
        let to = match name {
            "" => format!("{kind}:{}", archive.display()),
            name => format!("{kind}:{}:{name}", archive.display()),
        };
        tool("skopeo", &["copy", &format!("oci:{}:app", store.display()), &to]);
        let other = TestEnv::root();
        let loaded = other.ok(["load", "-i", archive.to_str().unwrap()]);
        if !name.is_empty() {
            assert_eq!(loaded.stdout, "Loaded image: copied:1\n");
            assert_eq!(Image::open(&other.store(), "copied:1").config["rootfs"], digest);
            other.write("Dockerfile", "FROM copied:1\nRUN cat /greeting > /again\n");
            other.ok(["build", "-t", "again", "."]);
            assert_eq!(Image::open(&other.store(), "again").file("again"), "hello\n");
        }
        // An archive is a base without being loaded as well.
        other.write("Dockerfile", "FROM base\nRUN cat /greeting > /again\n");
        if kind == "oci-archive" {
            let context = format!("base=oci-layout://{}", archive.display());
            other.ok(["build", "-t", "again", "--build-context", &context, "."]);
            assert_eq!(Image::open(&other.store(), "again").file("again"), "hello\n");
        }
    }
}

#[test]
fn save_and_load_round_trip() {
    let env = built();
    let archive = env.path("out/saved.tar");
    env.ok(["save", "--format", "oci", "-o", archive.to_str().unwrap(), "example.org/team/app:2"]);
    let other = TestEnv::root();
    assert_eq!(other.ok(["load", "-i", archive.to_str().unwrap()]).stdout, "Loaded image: example.org/team/app:2\n");
    let (ours, theirs) = (Image::open(&env.store(), "app"), Image::open(&other.store(), "example.org/team/app:2"));
    assert_eq!(ours.config, theirs.config);
}

#[test]
fn tar_and_local_outputs_hold_the_root_filesystem() {
    let env = built();
    let archive = env.path("out/root.tar");
    let output = format!("type=tar,dest={}", archive.display());
    let context = "host=host:sh,cat";
    env.ok(["build", "--build-context", context, "-o", &output, "."]);
    let found = entries(std::fs::File::open(&archive).unwrap());
    assert!(found.iter().any(|entry| entry.path == "greeting" && entry.content == b"hello\n"));
    let stdout = env.builder().args(["build", "--build-context", context, "-o", "-", "."]).output().unwrap();
    assert_eq!(entries(stdout.stdout.as_slice()).len(), found.len());
    let directory = env.path("out/root");
    env.ok(["build", "--build-context", context, "-o", directory.to_str().unwrap(), "."]);
    assert_eq!(std::fs::read_to_string(directory.join("greeting")).unwrap(), "hello\n");
}

#[test]
fn images_have_names_until_they_are_taken_away() {
    let env = built();
    let listed = env.ok(["images", "--format", "json"]).stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    env.ok(["tag", "app", "other:3"]);
    let inspected: serde_json::Value = serde_json::from_str(&env.ok(["inspect", "other:3"]).stdout).unwrap();
    assert_eq!(inspected[0]["RepoTags"].as_array().unwrap().len(), 3);
    assert_eq!(inspected[0]["Config"]["Cmd"][0], "cat");
    for name in ["app", "other:3", "example.org/team/app:2"] {
        env.ok(["rmi", name]);
    }
    assert_eq!(env.ok(["images", "-q"]).stdout, "");
    assert_eq!(std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
    env.run(["inspect", "app"]).fails(1);
    // What was built is still in the cache: the next build gives the image back.
    env.ok(["build", "-t", "app", "--build-context", "host=host:sh,cat", "."]);
    assert_eq!(run_with_crun(&env.store(), "app", &env.path("")), "hello\n");
}

#[test]
fn what_is_no_archive_is_named() {
    let env = TestEnv::root();
    env.write("garbage", "no archive");
    env.write("empty.tar", [0; 1024]);
    for (file, expected) in [
        ("garbage", "`garbage` is no archive of an image, or a damaged one"),
        ("empty.tar", "`empty.tar` is neither an OCI image layout nor an archive"),
    ] {
        let refused = env.run(["load", "-i", file]).fails(2);
        assert!(refused.stderr.contains(expected) && !refused.stderr.contains("layer"), "{}", refused.stderr);
        env.write("Dockerfile", "FROM base\n");
        let context = format!("base=oci-layout://{file}");
        let refused = env.run(["build", "--build-context", &context, "."]).fails(2);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn an_archive_as_a_base_is_shown_by_its_own_name() {
    let env = built();
    env.ok(["save", "-o", "app.tar", "--format", "oci", "app"]);
    env.write("Dockerfile", "FROM base\nRUN true\n");
    let built = env.ok(["build", "--build-context", "base=oci-layout://app.tar", "."]);
    assert!(built.stderr.contains("FROM oci-layout://app.tar@sha256:"), "{}", built.stderr);
}

#[test]
fn links_in_an_archive_do_not_lead_to_files_of_this_machine() {
    let env = TestEnv::root();
    for name in ["index.json", "manifest.json"] {
        let secret = env.write("secret.json", "{\"schemaVersion\":2,\"manifests\":[],\"marker\":\"leaked\"}");
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, name, &secret).unwrap();
        let path = env.write("evil.tar", archive.into_inner().unwrap());
        let refused = env.run(["load", "-i", path.to_str().unwrap()]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(!refused.stderr.contains("leaked"), "{refused:?}");
    }
}

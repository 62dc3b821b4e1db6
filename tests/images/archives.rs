//! `save` and `load`: every tool's archives, in every compression, and the digests on the way.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::shelf::{FIRST, build, shelf};
use crate::support::peers::tool;
use crate::support::{Finished, RunAs, TestEnv};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What has to be the same after any way through archives: the layers and how the image runs.
fn essence(env: &TestEnv, name: &str) -> (Value, Value) {
    let image: Value = serde_json::from_str(&env.ok(["inspect", name]).stdout).unwrap();
    (image[0]["RootFS"]["Layers"].clone(), image[0]["Config"].clone())
}

fn save(env: &TestEnv, format: &str, names: &[&str]) -> PathBuf {
    let path = env.path("out").join(format!("{format}.tar"));
    env.ok([&["save", "--format", format, "-o", text(&path)], names].concat());
    path
}

#[test]
fn archives_in_every_compression_are_loaded() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        let id = env.ok(["inspect", "-f", "{{.Id}}", "app"]).stdout;
        for format in ["docker", "oci"] {
            let archive = save(&env, format, &["app", "base:1"]);
            for program in ["cat", "gzip", "bzip2", "xz", "zstd"] {
                let other = TestEnv::new(run_as);
                let packed = other.path("out/packed");
                let (from, to) = (File::open(&archive).unwrap(), File::create(&packed).unwrap());
                assert!(Command::new(program).stdin(from).stdout(to).status().unwrap().success());
                let mut load = other.builder();
                load.arg("load").stdin(File::open(&packed).unwrap());
                let loaded = Finished::of(&mut load).success().stdout;
                let mut lines: Vec<&str> = loaded.lines().collect();
                lines.sort_unstable();
                assert_eq!(lines, ["Loaded image: app:latest", "Loaded image: base:1"], "{format} {program}");
                assert_eq!(other.ok(["inspect", "-f", "{{.Id}}", "app"]).stdout, id, "{format} {program}");
                fs::remove_file(packed).unwrap();
            }
        }
        let archive = save(&env, "oci", &["app"]);
        assert_eq!(env.ok(["load", "-q", "-i", text(&archive)]).stdout, "Loaded image: app:latest\n");
    }
}

#[test]
fn digests_survive_other_tools() {
    let env = shelf(RunAs::Root);
    let expected = essence(&env, "app");
    for from in ["docker", "oci"] {
        let archive = save(&env, from, &["app"]);
        let source = format!("{from}-archive:{}", archive.display());
        for to in ["docker-archive", "oci-archive", "oci"] {
            let copied = env.path("out").join(format!("{from}-{to}"));
            let target = if to == "oci" {
                format!("{to}:{}:copied", copied.display())
            } else {
                format!("{to}:{}:copied:1", copied.display())
            };
            tool("skopeo", &["copy", &source, &target]);
            let packed = if to == "oci" && from == "oci" {
                // A layout is loaded as it is, too.
                copied
            } else if to == "oci" {
                let packed = copied.with_extension("tar");
                tool("tar", &["-C", text(&copied), "-cf", text(&packed), "."]);
                packed
            } else {
                copied
            };
            let other = TestEnv::root();
            let loaded = other.ok(["load", "-i", text(&packed)]).stdout;
            let id = other.ok(["images", "-q", "--no-trunc"]).stdout;
            let name = if loaded.contains("ID") { id.trim() } else { loaded.trim().rsplit(": ").next().unwrap() };
            assert_eq!(essence(&other, name), expected, "{from} {to} {loaded}");
            // From docker's documents to OCI's, skopeo writes the config anew.
            if from == "oci" || to == "docker-archive" {
                assert_eq!(id, env.ok(["inspect", "-f", "{{.Id}}", "app"]).stdout, "{from} {to}");
            }
        }
    }
}

#[test]
fn what_podman_and_buildah_save_is_loaded() {
    let env = shelf(RunAs::Root);
    let archive = save(&env, "docker", &["app", "base:1"]);
    let (root, run) = (env.path("podman"), env.path("podman-run"));
    let storage = ["--root", text(&root), "--runroot", text(&run), "--storage-driver", "vfs"];
    let podman = |arguments: &[&str]| tool("podman", &[&storage[..], arguments].concat());
    podman(&["load", "-i", text(&archive)]);
    let saved = env.path("out/podman");
    // Podman takes short names for its own.
    let (app, base) = ("localhost/app:latest", "localhost/base:1");
    for (arguments, count) in [
        (&["save", "-m", "-o", text(&saved), app, base][..], 2),
        (&["save", "--format", "docker-archive", "-o", text(&saved), app], 1),
        (&["save", "--format", "oci-archive", "-o", text(&saved), app], 1),
    ] {
        podman(arguments);
        let other = TestEnv::root();
        let loaded = other.ok(["load", "-i", text(&saved)]).stdout;
        assert_eq!(loaded.lines().count(), count, "{loaded}");
        assert!(loaded.contains("Loaded image: localhost/app:latest\n"), "{arguments:?} {loaded}");
        assert_eq!(essence(&other, app), essence(&env, "app"), "{arguments:?}");
        fs::remove_file(&saved).unwrap();
    }
    for kind in ["docker-archive", "oci-archive"] {
        let target = format!("{kind}:{}:pushed:1", saved.display());
        tool("buildah", &[&storage[..], &["push", app, &target]].concat());
        let other = TestEnv::root();
        let loaded = other.ok(["load", "-i", text(&saved)]).stdout;
        assert_eq!(
            essence(&other, loaded.trim().rsplit(": ").next().unwrap()),
            essence(&env, "app"),
            "{kind} {loaded}"
        );
        fs::remove_file(&saved).unwrap();
    }
}

#[test]
fn archives_are_the_same_each_time_and_go_through_pipes() {
    let env = shelf(RunAs::Root);
    for format in ["docker", "oci"] {
        let file = fs::read(save(&env, format, &["app", "base:1"])).unwrap();
        for output in [&[][..], &["-o", "-"]] {
            let arguments = [&["save", "--format", format, "app", "base:1"], output].concat();
            let said = env.builder().args(arguments).stderr(Stdio::inherit()).output().unwrap();
            assert!(said.status.success() && said.stdout == file, "{format} {output:?}");
        }
    }
    let mut load = env.builder();
    load.args(["load", "-i", "-"]).stdin(File::open(env.path("out/oci.tar")).unwrap());
    assert_eq!(Finished::of(&mut load).success().stdout.lines().count(), 2);
}

#[test]
fn a_terminal_gets_no_archive() {
    let env = shelf(RunAs::Root);
    for command in ["save", "export"] {
        // `script` gives the command a terminal.
        let builder = env.builder();
        let line = format!("{} {command} app", builder.get_program().to_string_lossy());
        let said = Finished::of(
            Command::new("script")
                .args(["-qec", &line, "/dev/null"])
                .env("BUILDER_ROOT", env.store())
                .stdin(Stdio::null()),
        );
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stdout.contains("refusing to write an archive to a terminal"), "{said:?}");
    }
}

#[test]
fn who_has_read_enough_of_an_archive_is_told_nothing() {
    let env = TestEnv::root();
    // More than fits into a pipe, however it is compressed.
    let noise = tool("sh", &["-c", "seq 1 400000 | shuf"]);
    env.write("big", noise);
    build(&env, "FROM scratch\nCOPY big /\n", FIRST, &["-t", "app"]);
    for command in ["save", "export"] {
        let builder = env.builder();
        let program = builder.get_program().to_string_lossy();
        let line = format!("{{ {program} {command} app; echo $? >&2; }} | head -c 1 >/dev/null");
        let said = Finished::of(Command::new("sh").args(["-c", &line]).env("BUILDER_ROOT", env.store()));
        assert_eq!(said.stderr, "141\n", "{command}");
    }
}

#[test]
fn one_platform_of_several_is_saved_and_loaded() {
    let env = TestEnv::root();
    env.write("a", "a");
    let dockerfile = "FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY a /\n";
    build(&env, dockerfile, FIRST, &["-t", "app", "--platform", "linux/amd64,linux/arm64,linux/s390x"]);
    let of = |env: &TestEnv| env.ok(["images", "--format", "{{.Platforms}}"]).stdout.trim().to_owned();
    let archive = env.path("out/app.tar");
    for (format, platforms, expected) in [
        ("oci", "linux/arm64", "linux/arm64"),
        ("docker", "linux/arm64", "linux/arm64"),
        ("oci", "linux/amd64,linux/s390x", "linux/amd64, linux/s390x"),
    ] {
        env.ok(["save", "--format", format, "--platform", platforms, "-o", text(&archive), "app"]);
        let other = TestEnv::root();
        assert_eq!(other.ok(["load", "-i", text(&archive)]).stdout, "Loaded image: app:latest\n");
        assert_eq!(of(&other), expected, "{format}");
    }
    let refused = env.run(["save", "--platform", "linux/riscv64", "-o", text(&archive), "app"]).fails(1).stderr;
    assert!(refused.contains("no image of `app:latest` for linux/riscv64"), "{refused}");
    // Of an archive with all, one is taken.
    env.ok(["save", "--format", "oci", "-o", text(&archive), "app"]);
    let other = TestEnv::root();
    other.ok(["load", "--platform", "linux/s390x", "-i", text(&archive)]);
    assert_eq!(other.ok(["inspect", "-f", "{{.Architecture}}", "app"]).stdout, "s390x\n");
    assert_eq!(of(&other), "linux/s390x");
    let refused = other.run(["load", "--platform", "linux/riscv64", "-i", text(&archive)]).fails(2).stderr;
    assert!(refused.contains("linux/riscv64"), "{refused}");
    env.ok(["save", "--platform", "linux/arm64", "-o", text(&archive), "app"]);
    let refused = other.run(["load", "--platform", "linux/amd64", "-i", text(&archive)]).fails(2).stderr;
    assert!(refused.contains("for linux/arm64, and not for linux/amd64"), "{refused}");
}

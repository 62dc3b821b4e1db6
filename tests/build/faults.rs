//! Damage to the store and full disks: a clear error or a repair, never a wrong image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::image::Image;
use crate::support::peers::{Registry, tool};
use crate::support::{BASE, Finished, TestEnv};

/// A small file system of its own below a store.
pub(super) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one where the store will be; `None` where that is not allowed.
    pub(super) fn mount(env: &TestEnv, size: &str) -> Option<Self> {
        let path = env.store();
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},mode=755");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).status().unwrap();
        if !status.success() {
            assert!(std::env::var_os("BUILDER_TESTS_REQUIRE").is_none(), "tmpfs cannot be mounted");
            return None;
        }
        Some(Self { path })
    }

    /// Gives it another size.
    fn resize(&self, size: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.path).status();
        assert!(status.unwrap().success());
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.path).unwrap();
        (found.f_blocks - found.f_bfree) * found.f_frsize
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _status = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

const DOCKERFILE: &str = "\
FROM base
RUN echo first > /first
COPY noise /noise
RUN cat /first > /second
";

/// Times are given, so that whoever builds this gets the same image.
const BUILD: [&str; 6] = ["build", "-t", "app", "--timestamp=1000000000", "--build-context", BASE];

fn environment() -> TestEnv {
    let env = TestEnv::root();
    let noise: Vec<u8> = (0..300_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    env.write("noise", noise);
    env.write("Dockerfile", DOCKERFILE);
    env
}

fn build(env: &TestEnv, more: &[&str]) -> Finished {
    env.run(BUILD.iter().chain(more).chain(&["."]))
}

fn digest(env: &TestEnv) -> String {
    let image = Image::open(&env.store(), "app");
    // Every layer is read, and what it holds is right.
    assert_eq!((image.file("first"), image.file("second")), ("first\n".to_owned(), "first\n".to_owned()));
    image.digest.clone()
}

fn built() -> (TestEnv, String) {
    let env = environment();
    build(&env, &[]).success();
    let digest = digest(&env);
    (env, digest)
}

fn blob_of(env: &TestEnv, index: usize) -> PathBuf {
    let manifest = env.ok(["inspect", "app"]).stdout;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let diff_id = manifest[0]["RootFS"]["Layers"][index].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    env.store().join("blobs/sha256").join(diff_id)
}

/// The directory of a layer as files.
fn snapshot_of(env: &TestEnv, description: &str) -> PathBuf {
    let said = env.ok(["cache", "ls", "-q", "--filter", &format!("description~={description}")]).stdout;
    env.store().join("snapshots").join(said.trim())
}

#[test]
fn a_deleted_database_costs_the_cache_and_no_name() {
    let (env, expected) = built();
    for name in ["metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm"] {
        let _gone = fs::remove_file(env.store().join(name));
    }
    let said = env.ok(["images"]);
    assert!(said.stdout.contains("app") && said.stderr.contains("database was missing"), "{said:?}");
    assert_eq!(digest(&env), expected);
    env.write("other/Dockerfile", "FROM app\nRUN cat /second > /third\n");
    env.ok(["build", "-t", "other", "other"]);
    assert_eq!(Image::open(&env.store(), "other").file("third"), "first\n");
    build(&env, &[]).success();
    assert_eq!(digest(&env), expected);
    // Directories that no record knows are found.
    env.ok(["rmi", "app", "other"]);
    env.ok(["cache", "prune", "--force", "--all"]);
    assert_eq!(fs::read_dir(env.store().join("snapshots")).unwrap().count(), 0);
}

#[test]
fn a_damaged_database_is_replaced() {
    let (env, expected) = built();
    let path = env.store().join("metadata.sqlite");
    let whole = fs::read(&path).unwrap();
    let garbage: Vec<u8> = whole.iter().map(|byte| byte ^ 0x5a).collect();
    let mut middle = whole.clone();
    middle[4096..].fill(0x5a);
    for (what, damaged) in [
        ("garbage", garbage),
        ("text", b"this is no database".to_vec()),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("cut short", whole[..50].to_vec()),
        ("empty", Vec::new()),
        ("the middle", middle),
    ] {
        fs::write(&path, damaged).unwrap();
        let first = build(&env, &[]);
        if first.code != Some(0) {
            assert!(first.code == Some(3) && first.stderr.contains("run the command again"), "{what}: {first:?}");
            build(&env, &[]).success();
        }
        assert_eq!(digest(&env), expected, "{what}");
        assert!(env.ok(["images"]).stdout.contains("app"), "{what}");
    }
    assert!(env.store().join("metadata.sqlite.damaged").exists());
}

#[test]
fn bytes_that_change_in_the_database_make_no_wrong_image() {
    let (env, expected) = built();
    let path = env.store().join("metadata.sqlite");
    let whole = fs::read(&path).unwrap();
    let mut state = 12345_u32;
    for round in 0..25 {
        let mut damaged = whole.clone();
        for _ in 0..40 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = state as usize % damaged.len();
            damaged[at] = damaged[at].wrapping_add(1 + (state >> 24) as u8 % 254);
        }
        fs::write(&path, damaged).unwrap();
        let mut finished = build(&env, &[]);
        for _ in 0..3 {
            if finished.code == Some(0) {
                break;
            }
            assert_ne!(finished.code, Some(101), "{round}: {finished:?}");
            finished = build(&env, &[]);
        }
        finished.success();
        assert_eq!(digest(&env), expected, "{round}");
        let _gone = fs::remove_file(env.store().join("metadata.sqlite-wal"));
    }
}

#[test]
fn a_database_that_cannot_be_written_is_told() {
    let (env, expected) = built();
    let status = Command::new("mount").args(["--bind"]).arg(env.store()).arg(env.store()).status().unwrap();
    if !status.success() {
        assert!(std::env::var_os("BUILDER_TESTS_REQUIRE").is_none());
        return;
    }
    let guard = SmallDisk { path: env.store() };
    assert!(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(env.store()).status().unwrap().success());
    let said = build(&env, &[]).fails(3).stderr;
    assert!(said.contains("Read-only file system"), "{said}");
    drop(guard);
    build(&env, &[]).success();
    assert_eq!(digest(&env), expected);
}

#[test]
fn a_blob_that_was_cut_short_is_written_again() {
    let (env, expected) = built();
    for index in 0..4 {
        let blob = blob_of(&env, index);
        let file = fs::File::options().write(true).open(&blob).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        // The files of the layer are whole.
        env.ok(["save", "-o", "app.tar", "app"]);
        build(&env, &[]).success();
        assert_eq!(digest(&env), expected, "{index}");
    }
}

#[test]
fn documents_that_were_damaged_are_written_again() {
    let (env, expected) = built();
    let image = Image::open(&env.store(), "app").digest;
    let manifest = env.store().join("blobs/sha256").join(image.trim_start_matches("sha256:"));
    let text = fs::read_to_string(&manifest).unwrap();
    for damaged in [String::new(), text.replace("sha256:", "sha256;"), text[..20].to_owned()] {
        fs::write(&manifest, damaged).unwrap();
        let refused = env.run(["cache", "prune", "--force", "--all"]).fails(3).stderr;
        assert!(refused.contains("the image `docker.io/library/app:latest` is damaged"), "{refused}");
        build(&env, &[]).success();
        assert_eq!(digest(&env), expected);
    }
}

/// Changes one byte of a blob.
fn flip(blob: &Path) {
    let mut bytes = fs::read(blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(blob, bytes).unwrap();
}

#[test]
fn blobs_with_wrong_bytes_are_found_when_they_are_read_and_made_again() {
    let (env, expected) = built();
    let registry = Registry::start(&env.path("home"));
    let name = format!("{}/app:1", registry.address());
    let pushed = format!("type=image,name={name},push=true,compression=uncompressed");
    for output in ["docker", "oci", "gzip", "directory", "stdout", "push later", "push", "save", "save to stdout"] {
        for index in [1, 2, 3] {
            flip(&blob_of(&env, index));
        }
        let target = env.path(format!("work/{output}.out"));
        let path = target.to_str().unwrap();
        let form = format!("compression=uncompressed,dest={path}");
        let finished = match output {
            "save" => env.run(["save", "-o", path, "app"]),
            "save to stdout" => env.run(["save", "app"]),
            "push later" => env.run(["push", "-q", "app", &name]),
            "push" => env.run(["build", "--timestamp=1000000000", "--build-context", BASE, "-o", &pushed, "."]),
            "gzip" => build(&env, &["-o", &format!("type=oci,dest={path}")]),
            "stdout" => build(&env, &["-o", "type=oci,compression=uncompressed,dest=-"]),
            "directory" => build(&env, &["-o", &format!("type=oci,tar=false,{form}")]),
            kind => build(&env, &["-o", &format!("type={kind},{form}")]),
        };
        finished.success();
        match output {
            "push" | "push later" => {
                let layout = format!("oci:{path}:app");
                tool("skopeo", &["copy", "--src-tls-verify=false", &format!("docker://{name}"), &layout]);
                assert_eq!(Image::open(&target, "app").file("second"), "first\n");
            }
            "docker" | "oci" | "gzip" | "save" => {
                tool(
                    "skopeo",
                    &["copy", &format!("{}-archive:{path}", archive_of(output)), &format!("oci:{path}.oci:app")],
                );
            }
            _ => {}
        }
        build(&env, &[]).success();
        assert_eq!(digest(&env), expected, "{output}");
    }
    // What cannot be made again comes from a registry that has it; where there is none it is told, and gone.
    let blob = blob_of(&env, 2);
    let last = env.path("work/last");
    let save = || {
        flip(&blob);
        fs::remove_dir_all(snapshot_of(&env, "COPY")).unwrap();
        env.run(["save", "-o", last.to_str().unwrap(), "app"])
    };
    save().success();
    build(&env, &[]).success();
    drop(registry);
    let said = save().fails(4).stderr;
    assert!(said.contains("is not in the store") && said.contains("build -t NAME"), "{said}");
    assert!(said.contains("cannot reach the registry"), "{said}");
    assert!(!blob.exists());
    build(&env, &[]).success();
    assert_eq!(digest(&env), expected);
}

/// What skopeo calls the archive of an output.
fn archive_of(output: &str) -> &'static str {
    if matches!(output, "docker" | "save") { "docker" } else { "oci" }
}

#[test]
fn a_snapshot_that_is_gone_is_made_again() {
    let (env, expected) = built();
    for step in ["programs", "RUN echo", "COPY", "RUN cat"] {
        fs::remove_dir_all(snapshot_of(&env, step)).unwrap();
        build(&env, &[]).success();
        assert_eq!(digest(&env), expected, "{step}");
        assert!(snapshot_of(&env, step).is_dir(), "{step}");
    }
    // A base image comes from its blobs again.
    env.write("other/Dockerfile", "FROM app\nRUN cat /second > /third\n");
    for entry in fs::read_dir(env.store().join("snapshots")).unwrap().flatten() {
        fs::remove_dir_all(entry.path()).unwrap();
    }
    env.ok(["build", "-t", "other", "other"]);
    assert_eq!(Image::open(&env.store(), "other").file("third"), "first\n");
}

#[test]
fn files_of_a_snapshot_that_changed_get_into_no_image() {
    let env = environment();
    let unnamed = ["build", "-q", "--timestamp=1000000000", "--build-context", BASE];
    let expected = env.ok(unnamed.iter().chain(&["."])).stdout;
    let archive = env.path("work/out.tar");
    let output = format!("type=oci,dest={}", archive.display());
    for change in ["change", "remove"] {
        let file = snapshot_of(&env, "COPY").join("noise");
        if change == "change" {
            fs::write(&file, "other").unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        // The step makes the layer again.
        assert_eq!(env.ok(unnamed.iter().chain(&["-o", &output, "."])).stdout, expected, "{change}");
        assert_eq!(
            fs::read(snapshot_of(&env, "COPY").join("noise")).unwrap(),
            fs::read(env.path("work/noise")).unwrap()
        );
        fs::remove_file(&archive).unwrap();
        assert_eq!(env.ok(unnamed.iter().chain(&["."])).stdout, expected, "{change}");
    }
}

/// Changes every file of this name in the snapshots of a store.
fn change_everywhere(env: &TestEnv, name: &str) -> usize {
    let snapshots = fs::read_dir(env.store().join("snapshots")).unwrap().flatten();
    let files: Vec<_> = snapshots.map(|snapshot| snapshot.path().join(name)).filter(|path| path.exists()).collect();
    for file in &files {
        fs::write(file, "other").unwrap();
    }
    files.len()
}

#[test]
fn files_of_several_snapshots_that_changed_get_into_no_image() {
    let stages = "FROM base AS one\nCOPY noise /noise\nFROM base\nCOPY --from=one /noise /copied\n";
    let more = format!("{stages}RUN cat /copied > /third\n");
    let unnamed = ["build", "-q", "--timestamp=1000000000", "--build-context", BASE, "."];
    let [expected, expected_more] = [stages, &more].map(|dockerfile| {
        let env = environment();
        env.write("Dockerfile", dockerfile);
        env.ok(unnamed).stdout
    });
    // What a step made of changed files is found as little as the files themselves.
    for (dockerfile, expected) in [(stages, &expected), (&more, &expected_more)] {
        let env = environment();
        env.write("Dockerfile", stages);
        env.ok(unnamed);
        assert_eq!((change_everywhere(&env, "noise"), change_everywhere(&env, "copied")), (1, 1));
        env.write("Dockerfile", dockerfile);
        let output = format!("type=oci,dest={}", env.path("work/out.tar").display());
        assert_eq!(&env.ok(unnamed.iter().chain(&["-o", &*output])).stdout, expected, "{dockerfile}");
        fs::remove_file(env.path("work/out.tar")).unwrap();
        assert_eq!(&env.ok(unnamed).stdout, expected, "{dockerfile}");
    }
}

/// Whether a failed build says that the disk is full: the builder itself, or the program that ran.
fn says_full(finished: &Finished) -> bool {
    let said = &finished.stderr;
    let code = matches!(finished.code, Some(1 | 3));
    code && (said.contains("No space left on device") || said.contains("disk is full"))
}

/// Builds with ever more space until that works; each time the disk is full at another write.
fn fill_up(env: &TestEnv, sizes: impl Iterator<Item = usize>, more: &[&str]) -> (usize, usize) {
    let (mut failed, mut worked) = (0, 0);
    let reference = environment();
    build(&reference, &[]).success();
    let expected = digest(&reference);
    for size in sizes {
        let Some(disk) = SmallDisk::mount(env, &format!("{size}k")) else { return (1, 1) };
        let finished = build(env, more);
        if finished.code == Some(0) {
            worked += 1;
        } else {
            failed += 1;
            assert!(says_full(&finished), "{size}: {finished:?}");
            assert!(!env.store().join("index.json").exists() || !env.run(["images"]).stdout.contains("app"), "{size}");
            // The same store with space works.
            disk.resize("64m");
            build(env, more).success();
        }
        assert_eq!(digest(env), expected, "{size}");
        assert_eq!(fs::read_dir(env.store().join("work")).unwrap().count(), 0, "{size}");
    }
    (failed, worked)
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_build_makes_no_wrong_image() {
    let env = environment();
    // What the build writes is some 7 MB: the programs twice, as files and as a blob.
    let sizes = (4..40).step_by(8).chain((48..400).step_by(48)).chain((400..16000).step_by(531));
    let (failed, worked) = fill_up(&env, sizes, &[]);
    assert!(failed > 5 && worked > 2, "{failed} {worked}");
}

#[test]
fn a_full_disk_can_be_pruned() {
    let env = environment();
    let Some(disk) = SmallDisk::mount(&env, "20m") else { return };
    env.ok(BUILD.iter().chain(&["."]));
    env.write("big/data", vec![1; 6_000_000]);
    env.write("big/Dockerfile", "FROM scratch\nCOPY data /data\n");
    env.ok(["build", "-o", "type=cacheonly", "big"]);
    // To the last byte.
    let filler = env.store().join("filler");
    let _full = Command::new("dd").args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", filler.display())).output();
    let said = build(&env, &["--no-cache"]);
    assert!(says_full(&said) && said.stderr.contains("builder cache prune"), "{said:?}");
    let before = disk.used();
    let said = env.ok(["cache", "prune", "--force"]).stdout;
    assert!(said.contains("6MB"), "{said}");
    assert!(before - disk.used() > 5_900_000);
    fs::remove_file(filler).unwrap();
    build(&env, &[]).success();
}

#[test]
fn an_export_to_a_full_disk_leaves_nothing() {
    let (env, expected) = built();
    let target = env.path("work/out");
    fs::create_dir(&target).unwrap();
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", "size=100k", "tmpfs"]).arg(&target).status().unwrap();
    if !status.success() {
        assert!(std::env::var_os("BUILDER_TESTS_REQUIRE").is_none());
        return;
    }
    let _disk = SmallDisk { path: target.clone() };
    for output in [
        "type=oci,dest=out/x.tar",
        "type=docker,dest=out/x.tar",
        "type=tar,dest=out/x.tar",
        "type=local,dest=out/x",
        "type=oci,tar=false,dest=out/x",
    ] {
        let finished = build(&env, &["-o", output]);
        assert!(says_full(&finished), "{output}: {finished:?}");
        // Which disk it is, and not the advice for the other one.
        assert!(finished.stderr.contains("out/x"), "{output}: {finished:?}");
        assert!(finished.stderr.contains("no room left where the result goes"), "{output}: {finished:?}");
        assert!(!finished.stderr.contains("cache prune"), "{output}: {finished:?}");
        let left: Vec<_> = fs::read_dir(&target).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(left.iter().all(|name| name == "x"), "{output}: {left:?}");
        assert!(!target.join("x/index.json").exists(), "{output}");
        let _gone = fs::remove_dir_all(target.join("x"));
    }
    assert_eq!(digest(&env), expected);
}

/// Makes the store look as if the machine had been started again since its last build.
fn start_the_machine_again(env: &TestEnv) {
    let script = "import sqlite3, sys\n\
                  database = sqlite3.connect(sys.argv[1])\n\
                  count = database.execute(\"UPDATE unsynced SET boot = 'another'\").rowcount\n\
                  database.commit()\n\
                  sys.exit(count == 0)\n";
    let path = env.store().join("metadata.sqlite");
    assert!(Command::new("python3").args(["-c", script]).arg(path).status().unwrap().success());
}

#[test]
fn files_and_blobs_that_a_loss_of_power_emptied_are_made_again() {
    let (env, expected) = built();
    // A name without bytes is what a file system may show that had no time to write them.
    fs::write(snapshot_of(&env, "RUN echo").join("first"), "").unwrap();
    let blob = blob_of(&env, 2);
    let size = fs::metadata(&blob).unwrap().len();
    fs::File::create(&blob).unwrap().set_len(size).unwrap();
    start_the_machine_again(&env);
    let said = build(&env, &["--progress=plain"]).success();
    assert!(said.stderr.contains("CACHED"), "what is whole is kept: {}", said.stderr);
    assert_eq!(digest(&env), expected);
    // It was looked at once.
    let said = build(&env, &["--progress=plain"]).success();
    assert_eq!(said.stderr.matches("CACHED").count(), 4, "{}", said.stderr);
}

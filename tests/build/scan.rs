//! What of a context is looked at, what is read, and that no change is missed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cache::cached_steps;
use crate::support::image::Image;
use crate::support::{BASE, Finished, RunAs, TestEnv};

const DOCKERFILE: &str = "FROM scratch\nCOPY src /app/\n";

/// Longer than the time before which a file that was just written is not trusted.
fn settle() {
    std::thread::sleep(Duration::from_millis(60));
}

fn environment() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", DOCKERFILE);
    for name in ["a", "b", "d/c"] {
        env.write(&format!("src/{name}"), format!("{name}, first\n"));
    }
    settle();
    env
}

fn build(env: &TestEnv) -> Image {
    env.ok(["build", "-q", "-t", "app", "."]);
    Image::open(&env.store(), "app")
}

/// Whether the copy was found in the cache.
fn is_cached(env: &TestEnv) -> bool {
    let finished = env.ok(["build", "--progress", "plain", "-t", "app", "."]);
    cached_steps(&finished.stderr) == [true]
}

/// The digest of a build that believes nothing of earlier ones.
fn fresh_digest(env: &TestEnv) -> String {
    let (store, file) = (env.path("out/fresh-store"), env.path("out/fresh-digest"));
    let mut command = env.builder();
    command.args(["build", "-q", "--timestamp", "1000000000", "--iidfile"]).arg(&file).arg(".");
    Finished::of(command.env("BUILDER_ROOT", &store)).success();
    fs::read_to_string(file).unwrap()
}

fn digest(env: &TestEnv) -> String {
    let file = env.path("out/digest");
    let mut command = env.builder();
    Finished::of(command.args(["build", "-q", "--timestamp", "1000000000", "--iidfile"]).arg(&file).arg(".")).success();
    fs::read_to_string(file).unwrap()
}

fn index_files(env: &TestEnv) -> Vec<PathBuf> {
    fs::read_dir(env.store().join("fingerprints")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_edit_right_after_a_build_is_seen() {
    let env = environment();
    for round in 0..8 {
        let text = format!("round {round}\n");
        fs::write(env.path("work/src/a"), &text).unwrap();
        assert_eq!(build(&env).file("app/a"), text);
        // The same size, at once.
        let text = format!("again {round}\n");
        fs::write(env.path("work/src/a"), &text).unwrap();
        assert_eq!(build(&env).file("app/a"), text);
    }
}

#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
    let env = environment();
    let first = build(&env).digest;
    assert!(is_cached(&env));
    let path = env.path("work/src/a");
    let before = fs::metadata(&path).unwrap();
    fs::write(&path, "a, secon\n").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(
        (before.len(), before.mtime(), before.mtime_nsec(), before.ino()),
        (after.len(), after.mtime(), after.mtime_nsec(), after.ino())
    );
    let image = build(&env);
    assert_ne!(image.digest, first);
    assert_eq!(image.file("app/a"), "a, secon\n");
}

#[test]
fn renames_and_modes_are_seen() {
    let env = environment();
    build(&env);
    let src = env.path("work/src");
    fs::rename(src.join("a"), src.join("e")).unwrap();
    assert_eq!(build(&env).paths(0), ["app", "app/b", "app/d", "app/d/c", "app/e"]);
    // Two files change places: size, mode and number are all known, of the other name.
    fs::write(src.join("e"), "b, other\n").unwrap();
    settle();
    build(&env);
    for (from, to) in [("b", "x"), ("e", "b"), ("x", "e")] {
        fs::rename(src.join(from), src.join(to)).unwrap();
    }
    let image = build(&env);
    assert_eq!((image.file("app/b"), image.file("app/e")), ("b, other\n".to_owned(), "b, first\n".to_owned()));
    fs::rename(src.join("d"), src.join("f")).unwrap();
    assert_eq!(build(&env).paths(0), ["app", "app/b", "app/e", "app/f", "app/f/c"]);
    fs::set_permissions(src.join("b"), fs::Permissions::from_mode(0o755)).unwrap();
    let mode = |image: &Image| image.layer(0).iter().find(|entry| entry.path == "app/b").unwrap().mode;
    assert_eq!(mode(&build(&env)), 0o755);
    assert_eq!(digest(&env), fresh_digest(&env));
}

#[test]
fn a_link_is_what_it_says_and_not_what_it_leads_to() {
    let env = environment();
    let outside = env.write("outside", "one\n");
    let link = env.path("work/src/link");
    symlink(&outside, &link).unwrap();
    settle();
    build(&env);
    assert!(is_cached(&env));
    fs::write(&outside, "two\n").unwrap();
    assert!(is_cached(&env), "what is outside of the context is no part of it");
    fs::remove_file(&link).unwrap();
    symlink(outside.with_file_name("elsewher"), &link).unwrap();
    assert!(!is_cached(&env));
    let image = build(&env);
    let entry = image.layer(0).into_iter().find(|entry| entry.path == "app/link").unwrap();
    assert!(entry.link.ends_with("elsewher"), "{}", entry.link);
}

#[test]
fn attributes_are_content() {
    let env = environment();
    let file = env.path("work/src/a");
    let set = |value: &str| {
        let mut command = Command::new("setfattr");
        Finished::of(command.args(["-n", "trusted.test", "-v", value]).arg(&file)).success();
    };
    set("1");
    settle();
    build(&env);
    assert!(is_cached(&env));
    set("2");
    assert!(!is_cached(&env));
}

#[test]
fn names_that_are_not_utf_8_are_names() {
    let env = environment();
    let name = |last: u8| env.path("work/src").join(OsStr::from_bytes(&[b'x', 0xff, last]));
    fs::write(name(0xfe), "one").unwrap();
    fs::write(name(0xfd), "two").unwrap();
    settle();
    build(&env);
    assert!(is_cached(&env));
    fs::write(name(0xfd), "2wo").unwrap();
    assert!(!is_cached(&env));
    fs::remove_file(name(0xfe)).unwrap();
    assert!(!is_cached(&env));
    assert_eq!(digest(&env), fresh_digest(&env));
}

#[test]
fn a_context_that_changes_all_the_time_gives_no_wrong_image() {
    let env = environment();
    let done = AtomicBool::new(false);
    let builds = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0_usize;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                let file = env.path(format!("work/src/d/{}", round % 50));
                if round.is_multiple_of(3) {
                    _ = fs::remove_file(&file);
                } else {
                    _ = fs::write(&file, "x".repeat(round % 7000));
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let builds: Vec<Finished> = (0..10).map(|_| env.run(["build", "-q", "-t", "app", "."])).collect();
        done.store(true, Ordering::Relaxed);
        builds
    });
    for build in builds {
        // A file that went away after it was listed ends the build; nothing else may.
        let gone = build.stderr.contains("d/") && build.stderr.contains("No such file");
        assert!(build.code == Some(0) || gone, "{}", build.stderr);
    }
    assert_eq!(digest(&env), fresh_digest(&env));
    settle();
    assert_eq!(digest(&env), fresh_digest(&env));
}

#[test]
fn a_sparse_file_costs_neither_memory_nor_disk() {
    let env = environment();
    let size = 1 << 30;
    let file = fs::File::create(env.path("work/src/sparse")).unwrap();
    file.set_len(size).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"in the middle", size / 2).unwrap();
    drop(file);
    settle();
    let builder = env.builder();
    let mut measured = Command::new("python3");
    measured.args([
        "-c",
        "import resource, subprocess, sys\n\
         code = subprocess.call(sys.argv[1:])\n\
         print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n\
         sys.exit(code)",
    ]);
    measured.arg(builder.get_program()).args(["build", "-q", "-t", "app", "."]).env_clear();
    measured.envs(builder.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(env.path("work"));
    let finished = Finished::of(&mut measured).success();
    let peak_kib: u64 = finished.stdout.lines().last().unwrap().parse().unwrap();
    assert!(peak_kib < 64 * 1024, "{peak_kib} KiB");
    let mut du = Command::new("du");
    let du = Finished::of(du.args(["-s", "--block-size=1M"]).arg(env.store())).success();
    let used: u64 = du.stdout.split_whitespace().next().unwrap().parse().unwrap();
    assert!(used < 200, "{used} MiB");
    assert!(is_cached(&env));
    env.ok(["build", "-q", "-o", "type=local,dest=files", "."]);
    let copied = fs::metadata(env.path("work/files/app/sparse")).unwrap();
    assert_eq!(copied.len(), size);
}

/// A file system of its own that notes every time a file is read or a directory listed.
struct Watched(PathBuf);

impl Watched {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir_all(&at).unwrap();
        let mut mount = Command::new("mount");
        Finished::of(mount.args(["-t", "tmpfs", "-o", "strictatime,size=16m", "watched"]).arg(&at)).success();
        Self(at)
    }

    fn last_read(path: &Path) -> (i64, i64) {
        let metadata = fs::symlink_metadata(path).unwrap();
        (metadata.atime(), metadata.atime_nsec())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn nothing_is_read_when_nothing_changed_and_nothing_that_no_step_needs() {
    let env = TestEnv::root();
    let watched = Watched::mount(env.path("work/context"));
    let at = |name: &str| watched.0.join(name);
    for directory in ["src/d", "other", "node_modules/deep", "kept/out"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    let files = ["src/a", "src/d/b", "other/c", "node_modules/deep/x", "kept/y", "kept/out/z"];
    for file in files {
        fs::write(at(file), file).unwrap();
    }
    symlink("a", at("src/link")).unwrap();
    fs::write(at(".dockerignore"), "**/node_modules\nkept\n!kept/y\n").unwrap();
    fs::write(
        at("Dockerfile"),
        "FROM scratch AS unused\nCOPY other /\nFROM scratch\nCOPY src /app\nCOPY . /all\nCOPY other /o\n",
    )
    .unwrap();
    settle();
    let unread = ["node_modules", "node_modules/deep", "node_modules/deep/x", "kept/out/z"];
    let before = unread.map(|name| Watched::last_read(&at(name)));
    // A target that needs one COPY only reads what that selects.
    let other = Watched::last_read(&at("other/c"));
    fs::write(at("one.Dockerfile"), "FROM scratch AS unused\nCOPY other /\nFROM scratch\nCOPY src /app\n").unwrap();
    env.ok(["build", "-q", "--lint=off", "-f", "context/one.Dockerfile", "context"]);
    assert_eq!(Watched::last_read(&at("other/c")), other);

    env.ok(["build", "-q", "--lint=off", "context"]);
    assert_eq!(unread.map(|name| Watched::last_read(&at(name))), before);
    let seen = ["src/a", "src/d/b", "other/c", "kept/y", "src/link"];
    let read = seen.map(|name| Watched::last_read(&at(name)));
    assert_ne!(Watched::last_read(&at("other/c")), other, "the watch works");
    settle();
    env.ok(["build", "-q", "--lint=off", "context"]);
    assert_eq!(seen.map(|name| Watched::last_read(&at(name))), read, "nothing is read again");

    // One edit: that file is read, and for the layer all that it holds; for the key nothing else was.
    fs::write(at("other/c"), "other, edited").unwrap();
    settle();
    env.ok(["build", "-q", "--lint=off", "-f", "context/one.Dockerfile", "context"]);
    assert_eq!(seen.map(|name| Watched::last_read(&at(name)))[..2], read[..2]);
}

#[test]
fn a_damaged_index_is_no_index() {
    let env = environment();
    let first = digest(&env);
    let index = index_files(&env);
    assert_eq!(index.len(), 1, "one file a context: {index:?}");
    let whole = fs::read(&index[0]).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"something else"] {
        fs::write(&index[0], damaged).unwrap();
        assert_eq!(digest(&env), first);
    }
    // One of another context in its place: its paths are the same, its files are not.
    let elsewhere = TestEnv::root();
    elsewhere.write("Dockerfile", DOCKERFILE);
    elsewhere.write("src/a", "elsewhere\n");
    settle();
    build(&elsewhere);
    fs::copy(&index_files(&elsewhere)[0], &index[0]).unwrap();
    assert_eq!(digest(&env), first);
    fs::remove_dir_all(env.store().join("fingerprints")).unwrap();
    assert_eq!(digest(&env), first);
}

#[test]
fn files_of_a_stage_that_are_known_give_the_layers_that_unknown_ones_give() {
    let env = environment();
    rich(&env);
    settle();
    let stage = "FROM scratch AS one\nCOPY src /src/\nFROM scratch\n";
    for (turn, copy) in ["/src /x", "/src /y", "/src/d /src/a /z/", "/src/large /large"].into_iter().enumerate() {
        env.write("Dockerfile", format!("{stage}COPY --from=one {copy}\n"));
        assert_eq!(digest(&env), fresh_digest(&env), "{copy}");
        // One for the context, one for the stage.
        assert_eq!(index_files(&env).len(), 2, "{turn}");
        settle();
    }
    // Another stage with the same names.
    env.write("src/a", "a, secon\n");
    for place in ["/x", "/y", "/z"] {
        env.write("Dockerfile", format!("{stage}COPY --from=one /src {place}\n"));
        assert_eq!(digest(&env), fresh_digest(&env), "{place}");
    }
    assert_eq!(index_files(&env).len(), 3);
}

/// A tree with something of everything that a layer can hold.
fn rich(env: &TestEnv) {
    let src = env.path("work/src");
    for directory in ["d/deep/er", "empty"] {
        fs::create_dir_all(src.join(directory)).unwrap();
    }
    for number in 0..300 {
        fs::write(src.join(format!("d/deep/{number}")), format!("{number}\n").repeat(number)).unwrap();
    }
    fs::write(src.join("large"), (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    fs::write(src.join("d").join("n".repeat(200)), "long").unwrap();
    fs::write(src.join(OsStr::from_bytes(b"x\xff")), "odd").unwrap();
    fs::hard_link(src.join("large"), src.join("d/large")).unwrap();
    fs::hard_link(src.join("d/deep/7"), src.join("d/deep/er/7")).unwrap();
    fs::hard_link(src.join("d/deep/7"), env.path("work/outside")).unwrap();
    fs::hard_link(src.join("a"), env.path("work/outside-a")).unwrap();
    symlink("../a", src.join("d/link")).unwrap();
    fs::set_permissions(src.join("b"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::set_permissions(src.join("d/deep"), fs::Permissions::from_mode(0o2750)).unwrap();
    fs::set_permissions(src.join("empty"), fs::Permissions::from_mode(0o500)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(src.join("socket")).unwrap();
    settle();
}

fn layer_directories(env: &TestEnv) -> usize {
    fs::read_dir(env.store().join("snapshots")).unwrap().count()
}

#[test]
fn a_layer_that_nobody_reads_is_made_without_files_and_is_the_same() {
    let copies = [
        "COPY src /app/",
        "COPY src /",
        "COPY src /new/deep/er",
        "COPY --chmod=640 --chown=12:34 src /app",
        "COPY --chmod=go-rwx src /app",
        "COPY --link src /app/",
        "COPY src/large /",
        "COPY src/b /made/c",
        "COPY src/d/link /x",
        "COPY --exclude=**/deep src /app",
        "COPY --parents src/d /app/",
        "ADD src /app",
    ];
    let env = environment();
    rich(&env);
    for copy in copies {
        env.write("Dockerfile", format!("# syntax=docker/dockerfile:1-labs\nFROM scratch\n{copy}\n"));
        let (store, file) = (env.path("out/straight"), env.path("out/straight-digest"));
        let straight = || {
            let mut command = env.builder();
            command.args(["build", "-q", "-t", "app", "--timestamp", "1000000000", "--iidfile"]).arg(&file).arg(".");
            Finished::of(command.env("BUILDER_ROOT", &store)).success();
            fs::read_to_string(&file).unwrap()
        };
        assert_eq!(straight(), fresh_digest(&env), "{copy}");
        assert_eq!(fs::read_dir(store.join("snapshots")).unwrap().count(), 0, "{copy}: there are files");
        assert_eq!(straight(), fresh_digest(&env), "{copy}, cached");
        for store in ["out/straight", "out/fresh-store"] {
            fs::remove_dir_all(env.path(store)).unwrap();
        }
    }
}

#[test]
fn a_layer_without_files_gets_them_when_a_step_wants_them() {
    let env = TestEnv::root();
    env.write("src/a", "a\n");
    env.write("src/b", "b\n");
    settle();
    let first = env.image("FROM base AS one\nCOPY src /app\n");
    let directories = layer_directories(&env);
    assert_eq!(first.file("app/a"), "a\n");
    let second = env.image("FROM base AS one\nCOPY src /app\nFROM one\nRUN cat /app/a /app/b > /both\n");
    assert_eq!(second.file("both"), "a\nb\n");
    assert_eq!(layer_directories(&env), directories + 2);
    // The name is gone, and with it what made the layer complete; the files are still of use.
    let third = env.image("FROM base AS one\nCOPY src /app\n");
    assert_eq!(third.config["rootfs"], first.config["rootfs"]);
    env.ok(["build", "-q", "--build-context", BASE, "-o", "type=local,dest=files", "."]);
    assert_eq!(fs::read_to_string(env.path("work/files/app/b")).unwrap(), "b\n");
}

#[test]
fn a_copy_into_what_is_there_is_the_same_with_and_without_files() {
    let env = environment();
    rich(&env);
    let stages = [
        "FROM base AS below\nWORKDIR /app\nFROM below\nCOPY src .\n",
        "FROM base AS below\nRUN mkdir -p /app/d/deep /app/other && echo old > /app/a && chmod 700 /app/d\n\
         FROM below\nCOPY src /app\n",
        "FROM base AS below\nRUN mkdir -p /app/d && echo old > /app/d/deep-not && ln -s d /app/empty-not\n\
         FROM below\nWORKDIR /app/d\nCOPY src/a /b\n",
        "FROM base AS below\nRUN ln -s /real /app && mkdir -p /real/x\nFROM below\nCOPY src /app\n",
    ];
    for (built, dockerfile) in (1..).zip(stages) {
        env.write("Dockerfile", dockerfile);
        let digest = |name: &str, tag: &[&str]| {
            let file = env.path("out/digest");
            let mut command = env.builder();
            command.args(["build", "-q", "--timestamp", "1000000000", "--build-context", BASE, "--iidfile"]).arg(&file);
            Finished::of(command.args(tag).arg(".").env("BUILDER_ROOT", env.path(name))).success();
            fs::read_to_string(file).unwrap()
        };
        assert_eq!(digest("out/straight", &["-t", "app"]), digest("out/laid-out", &[]), "{dockerfile}");
        let count = |name: &str| fs::read_dir(env.path(name).join("snapshots")).unwrap().count();
        assert_eq!(count("out/straight") + built, count("out/laid-out"), "{dockerfile}");
    }
    // What is in the way is told.
    env.write("Dockerfile", "FROM base AS below\nRUN mkdir -p /app/a\nFROM below\nCOPY src /app\n");
    let refused = env.run(["build", "-t", "app", "--build-context", BASE, "."]);
    assert!(refused.code != Some(0) && refused.stderr.contains("/app/a"), "{}", refused.stderr);
}

#[test]
fn a_copy_between_stages_needs_no_files_either() {
    let env = TestEnv::root();
    rich_stage(&env);
    let straight = env.ok(["build", "-q", "-t", "app", "--timestamp", "1000000000", "--build-context", BASE, "."]);
    let file = env.path("out/fresh-digest");
    let mut command = env.builder();
    command.args(["build", "-q", "--timestamp", "1000000000", "--build-context", BASE, "--iidfile"]);
    Finished::of(command.arg(&file).arg(".").env("BUILDER_ROOT", env.path("out/fresh"))).success();
    assert_eq!(straight.stdout.trim(), fs::read_to_string(&file).unwrap().trim());
    let image = Image::open(&env.store(), "app");
    let links: Vec<_> =
        image.layer(0).into_iter().filter(|entry| entry.kind == 'h').map(|entry| (entry.path, entry.link)).collect();
    assert_eq!(links, [("all/two".to_owned(), "all/one".to_owned())]);
}

/// The first copy between stages reads each file once and learns the exact key on the way; what comes later looks that
/// key up before it writes anything.
#[test]
fn what_the_first_copy_between_stages_learns_is_found_by_the_next() {
    let env = TestEnv::root();
    env.write("middle", "middle ".repeat(10_000));
    env.write("large", "large ".repeat(500_000));
    let stage = "FROM base AS one\n\
        RUN mkdir -p /d/sub /d/empty && echo 1 > /d/one && ln /d/one /d/two && ln -s one /d/sub/three && : > /d/none\n\
        COPY middle /d/\nCOPY large /d/sub/\nRUN ln /d/sub/large /d/zlarge\n\
        RUN chown 7:8 /d/middle && chmod 4750 /d/sub\n";
    for copy in ["/d /all", "/d/sub/large /d/", "/d/sub /"] {
        let build = |more: &str, arguments: &[&str]| {
            env.write("Dockerfile", format!("{stage}{more}FROM scratch AS last\nCOPY --from=one {copy}\n"));
            let all = ["build", "--progress=plain", "-t", "app", "--timestamp", "1000000000", "--build-context", BASE];
            let said = env.ok(all.iter().chain(arguments).chain(&["."]).copied()).stderr;
            let is_step = |line: &&str| line.contains(&format!("COPY --from=one {copy}"));
            let step = said.lines().find(is_step).unwrap_or_else(|| panic!("{said}"));
            let cached = format!("{} CACHED", step.split(' ').next().unwrap_or_default());
            (said.lines().any(|line| line == cached), Image::open(&env.store(), "app").digest)
        };
        let (cached, digest) = build("", &[]);
        assert!(!cached, "{copy}");
        // Another filesystem with the same files.
        assert_eq!(build("RUN echo more > /elsewhere\n", &[]), (true, digest.clone()), "{copy}");
        assert_eq!(build("", &["--no-cache-filter", "last"]), (false, digest), "{copy}");
    }
}

fn rich_stage(env: &TestEnv) {
    env.write(
        "Dockerfile",
        "FROM base AS one\n\
         RUN mkdir /d && echo 1 > /d/one && ln /d/one /d/two && ln -s one /d/three && chown 7:8 /d/one\n\
         RUN echo 4 > /d/four && chmod 4755 /d/four && mkdir /d/five\n\
         FROM scratch\nCOPY --from=one /d /all\n",
    );
}

#[test]
fn an_equal_file_in_place_of_a_second_name_is_another_layer() {
    let env = TestEnv::root();
    env.write(
        "Dockerfile",
        "FROM base AS one\nARG KIND\n\
         RUN mkdir /d && echo 1 > /d/one && if [ $KIND = link ]; then ln /d/one /d/two; else cat /d/one > /d/two; fi\n\
         FROM scratch AS last\nCOPY --from=one /d /all\n",
    );
    let digest = |kind: &str, more: &[&str]| {
        let kind = format!("KIND={kind}");
        let all =
            ["build", "-q", "-t", "app", "--timestamp", "1000000000", "--build-context", BASE, "--build-arg", &kind];
        env.ok(all.iter().chain(more).chain(&["."]).copied()).stdout.trim().to_owned()
    };
    let (link, copy) = (digest("link", &[]), digest("copy", &[]));
    assert_ne!(link, copy);
    assert_eq!((digest("copy", &["--no-cache"]), digest("link", &["--no-cache"])), (copy, link));
}

#[test]
fn names_of_a_file_that_are_not_copied_make_no_difference() {
    let env = environment();
    fs::hard_link(env.path("work/src/a"), env.path("work/outside")).unwrap();
    for name in ["a", "b", "d/c"] {
        let old = std::time::UNIX_EPOCH + Duration::from_secs(500_000_000);
        fs::File::open(env.path("work/src").join(name)).unwrap().set_modified(old).unwrap();
    }
    settle();
    // The second copy has nothing that is not there already.
    env.write("Dockerfile", "FROM scratch\nCOPY src /app/\nCOPY src /other/\nCOPY src /app/\n");
    let file = env.path("out/straight-digest");
    let mut command = env.builder();
    command.args(["build", "-q", "-t", "app", "--timestamp", "1000000000", "--iidfile"]).arg(&file).arg(".");
    Finished::of(&mut command).success();
    assert_eq!(fs::read_to_string(&file).unwrap(), fresh_digest(&env));
    let again = Image::open(&env.store(), "app").paths(2);
    assert!(!again.contains(&"app/a".to_owned()), "{again:?}");
}

#[test]
fn of_several_directories_that_cannot_be_read_the_first_is_named() {
    let env = TestEnv::new(RunAs::Ordinary);
    let src = env.path("work/src");
    let unreadable = ["b/no", "m", "z/y/no"];
    for directory in unreadable.iter().chain(&["l/wide"]) {
        fs::create_dir_all(src.join(directory)).unwrap();
    }
    for number in 0..1500 {
        fs::write(src.join(format!("l/wide/{number}")), "").unwrap();
        fs::write(src.join(format!("a{number}")), "").unwrap();
    }
    env.write("Dockerfile", DOCKERFILE);
    for directory in unreadable {
        std::os::unix::fs::chown(src.join(directory), Some(0), Some(0)).unwrap();
        fs::set_permissions(src.join(directory), fs::Permissions::from_mode(0o700)).unwrap();
    }
    for _ in 0..5 {
        let finished = env.run(["build", "-q", "."]);
        assert_ne!(finished.code, Some(0));
        assert!(finished.stderr.contains("`src/b/no`: Permission denied"), "{}", finished.stderr);
    }
}

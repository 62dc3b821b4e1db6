//! `cache ls`, `cache du`, `cache prune`, `system df`, and what builds collect by themselves.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;
use serde_json::Value;

use crate::support::image::Image;
use crate::support::peers::{processes_mentioning, tool};
use crate::support::{BASE, RunAs, TestEnv};

const SLEEPY: &str = "base=host:sh,cat,sleep";

fn items(env: &TestEnv, arguments: &[&str]) -> Vec<Value> {
    let said =
        env.ok(["cache", "ls", "--format", "json", "--filter", "type!=source.local"].iter().chain(arguments)).stdout;
    said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn described(env: &TestEnv, arguments: &[&str]) -> Vec<String> {
    let text = |item: &Value| item["description"].as_str().unwrap().to_owned();
    items(env, arguments).iter().map(text).collect()
}

/// Bytes of the disk that the cache and the images take, each file once.
fn whole_cache(env: &TestEnv) -> u64 {
    let parts =
        ["snapshots", "blobs", "cache-mounts", "fingerprints", "merged", "partial"].map(|part| env.store().join(part));
    let parts = parts.iter().filter(|path| path.exists()).map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> = ["-s", "-c", "--block-size=1"].into_iter().chain(parts).collect();
    let said = tool("du", &arguments);
    said.lines().last().and_then(|line| line.split_whitespace().next()).unwrap().parse().unwrap()
}

/// Prunes and returns how many bytes it says that freed.
fn prune(env: &TestEnv, arguments: &[&str]) -> u64 {
    let said = env.ok(["cache", "prune", "--force", "--format", "json"].iter().chain(arguments)).stdout;
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    last["reclaimed"].as_u64().unwrap()
}

/// Builds the context with a file of so many bytes, and returns the image's ID.
fn build_of_size(env: &TestEnv, name: &str, bytes: usize, arguments: &[&str]) -> String {
    env.write(&format!("{name}/data"), vec![name.as_bytes()[0]; bytes]);
    env.write(&format!("{name}/Dockerfile"), format!("FROM scratch\nCOPY data /{name}\n"));
    env.ok(["build", "-q", name].iter().chain(arguments)).stdout.trim().to_owned()
}

fn cached(env: &TestEnv, name: &str) -> bool {
    let tag: &[&str] = if name == "named" { &["-t", "named"] } else { &[] };
    let said = env.ok(["build", "--progress=plain", "--lint=off", name].iter().chain(tag)).stderr;
    said.contains("CACHED")
}

#[test]
fn the_listings_say_what_there_is() {
    let env = TestEnv::root();
    env.write("file", "x");
    env.image("FROM base\nCOPY file /a/\nRUN --mount=type=cache,target=/c cat /a/file\nWORKDIR /w\n");
    let plain = |arguments: &[&str]| {
        let said = env.ok(arguments).stdout;
        let said = Regex::new("[0-9a-f]{12}-[A-Za-z0-9]+").unwrap().replace_all(&said, "ID");
        let said = Regex::new(r"[0-9.]+(B|kB|MB)\b").unwrap().replace_all(&said, "SIZE");
        let said = Regex::new(r"Less than a second ago|\d+ seconds? ago").unwrap().replace_all(&said, "NOW");
        let said = Regex::new(r"\b[0-9a-f]{8}\b").unwrap().replace_all(&said, "BUILD");
        let said = Regex::new(" +").unwrap().replace_all(&said, " ");
        let mut lines: Vec<&str> = said.lines().collect();
        lines[1..].sort_unstable();
        lines.join("\n")
    };
    insta::assert_snapshot!("cache_ls", plain(&["cache", "ls"]));
    insta::assert_snapshot!("cache_du", plain(&["cache", "du"]));
    insta::assert_snapshot!("system_df", plain(&["system", "df"]));
    let df = |format: &str| env.ok(["system", "df", "--format", format]).stdout;
    assert_eq!(
        df("{{.Type}}={{.TotalCount}}"),
        "Images=1\nBuild Cache=4\nCache Mounts=1\nFingerprints=1\nDownloads=0\n"
    );
    assert!(
        df(r"table {{.Type}}\t{{.Reclaimable}}").starts_with("TYPE           RECLAIMABLE\nImages         0B"),
        "{}",
        df("table")
    );
    assert_eq!(df("table"), env.ok(["system", "df"]).stdout);
    let row: Value = serde_json::from_str(df("json").lines().next().unwrap()).unwrap();
    assert_eq!((&row["Type"], &row["TotalCount"], &row["Active"]), (&"Images".into(), &"1".into(), &"1".into()));
    assert!(row["Size"].is_string() && row["Bytes"].as_u64() > Some(0), "{row}");
    assert!(env.run(["system", "df", "--format", "{{.Nope}}"]).fails(2).stderr.contains("there are Active, Bytes"));
    assert_eq!(described(&env, &["--filter", "type=exec.cachemount"]), ["cache mount /c"]);
    assert_eq!(described(&env, &["--filter", "description~=^COPY", "--filter", "shared"]), ["COPY file /a/"]);
    assert_eq!(env.ok(["cache", "ls", "-q", "--filter", "until=1h"]).stdout, "");
    let refused = env.run(["cache", "prune", "--filter", "colour=red"]).fails(2).stderr;
    assert!(refused.contains("unknown filter `colour`"), "{refused}");
    for bad in [["cache", "prune", "--keep-storage=much"], ["build", "--cache-budget=much", "."]] {
        assert!(env.run(bad).fails(2).stderr.contains("`much`"));
    }
}

#[test]
fn pruning_spares_images_and_frees_what_it_says() {
    let env = TestEnv::root();
    build_of_size(&env, "unnamed", 3_000_000, &[]);
    build_of_size(&env, "named", 2_000_000, &["-t", "named"]);
    build_of_size(&env, "gone", 5_000_000, &["-o", "type=cacheonly"]);
    let before = whole_cache(&env);
    let df = env.ok(["system", "df", "--format", "json"]).stdout;
    let rows: Vec<Value> = df.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let promised: u64 = rows[1..].iter().map(|row| row["ReclaimableBytes"].as_u64().unwrap()).sum();
    let freed = prune(&env, &[]);
    assert_eq!(freed, promised);
    assert_eq!(before - whole_cache(&env), freed);
    assert!(freed > 5_000_000 && freed < 5_100_000, "{freed}");
    assert!(cached(&env, "unnamed") && cached(&env, "named") && !cached(&env, "gone"));

    // With `--all` only what has a name is left, and it is whole.
    let before = whole_cache(&env);
    let freed = prune(&env, &["--all"]);
    assert_eq!(before - whole_cache(&env), freed);
    assert_eq!(fs::read_dir(env.store().join("snapshots")).unwrap().count(), 0);
    assert_eq!(Image::open(&env.store(), "named").layer(0)[0].content.len(), 2_000_000);
    assert_eq!(env.ok(["images", "-q"]).stdout.lines().count(), 1);
    env.write("Dockerfile", "FROM named\nCOPY named/data /again\n");
    env.ok(["build", "-t", "next", "."]);
    assert_eq!(Image::open(&env.store(), "next").file("again").len(), 2_000_000);
    env.ok(["save", "-o", "out.tar", "named", "next"]);
}

/// The whole store but its database, which is some pages larger or smaller, and what is kept free for that.
fn whole_store(env: &TestEnv) -> u64 {
    let of = |arguments: &[&str]| -> u64 {
        let said = tool("du", &[&["-s", "--block-size=1"], arguments].concat());
        said.split_whitespace().next().unwrap().parse().unwrap()
    };
    of(&["--exclude=metadata*", "--exclude=reserve", env.store().to_str().unwrap()])
}

/// A store with a thing of every kind: named and unnamed images that share layers, layers that share files, cache
/// mounts, fingerprints, merged layers, device nodes that are no files, and downloads, one of them old.
fn varied(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    for number in 0..40_u8 {
        env.write(&format!("tree/file{number}"), vec![b'a' + number % 20; 20_000]);
    }
    let build = |text: &str, arguments: &[&str]| {
        env.write("Dockerfile", text);
        env.ok([&["build", "-q", "--build-context", BASE], arguments, &["."]].concat());
    };
    let tree = "FROM base\nCOPY tree /tree\nRUN --mount=type=cache,target=/c cat /tree/file1 > /c/c\n";
    build(tree, &["-t", "named"]);
    // The same COPY again, but for one file: the others are hard links.
    env.write("tree/file3", vec![b'!'; 30_000]);
    build(tree, &[]);
    env.write("tree/file4", vec![b'?'; 30_000]);
    build(tree, &["-o", "type=cacheonly"]);
    let text = "FROM named\nRUN cat /tree/file2 /tree/file5 > /both\nFROM base\nCOPY --from=0 /both /both\n";
    build(text, &["-t", "next"]);
    env.ok(["tag", "next", "other"]);
    build(text, &["-o", "type=cacheonly", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1"]);
    let directories: String = (0..70).map(|n| ["WORKDIR /d", &n.to_string(), "\n"].concat()).collect();
    build(&format!("FROM base\n{directories}RUN echo x > /x\n"), &[]);
    for (name, age) in [("a", "10 days ago"), ("b", "1 minute ago")] {
        let path = env.store().join("partial").join(name.repeat(64));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![7; 2_000_000]).unwrap();
        tool("touch", &["-d", age, path.to_str().unwrap()]);
        let (store, partial) = (env.store(), env.store().join("partial"));
        let reference = format!("--reference={}", store.display());
        tool("chown", &["-R", &reference, partial.to_str().unwrap()]);
    }
    env
}

#[test]
fn what_is_promised_is_what_comes_back() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = varied(run_as);
        let (store, kept) = (env.store(), env.path("kept"));
        let copy = |from: &Path, to: &Path| {
            let _absent = tool("rm", &["-rf", to.to_str().unwrap()]);
            tool("cp", &["-a", from.to_str().unwrap(), to.to_str().unwrap()]);
        };
        copy(&store, &kept);
        let cases: [&[&str]; 14] = [
            &[],
            &["--all"],
            &["--filter", "until=24h"],
            &["--filter", "until=0s"],
            &["--filter", "type=regular"],
            &["--filter", "type=download"],
            &["--filter", "type=exec.cachemount"],
            &["--filter", "type=source.local"],
            &["--all", "--filter", "type=internal"],
            &["--keep-storage", "2MB"],
            &["--all", "--keep-storage", "1MB"],
            &["--max-used-space", "3MB"],
            &["--all", "--max-used-space", "1kB"],
            &["--all", "--filter", "type!=download", "--keep-storage", "10kB"],
        ];
        for arguments in cases {
            copy(&kept, &store);
            let rows = env.ok(["system", "df", "--format", "json"]).stdout;
            let before = whole_store(&env);
            let listed: u64 = rows.lines().map(|row| bytes_of(row, "Bytes")).sum();
            // Documents and directories of the store itself are no things in the cache.
            assert!(before - listed < 100_000, "{arguments:?}: {before} {listed} {rows}");
            let freed = prune(&env, arguments);
            let after = whole_store(&env);
            assert!((before - after).abs_diff(freed) <= 4096 * 3, "{arguments:?}: {before} - {after} is not {freed}");
            if arguments.is_empty() {
                let promised: u64 = rows.lines().skip(1).map(|row| bytes_of(row, "ReclaimableBytes")).sum();
                assert_eq!(promised, freed, "{rows}");
            }
            let old = store.join("partial").join("a".repeat(64)).exists();
            let new = store.join("partial").join("b".repeat(64)).exists();
            let expected = match arguments {
                ["--filter", "until=24h"] => (false, true),
                ["--filter", "type=download" | "until=0s"] | [] | ["--all"] => (false, false),
                ["--filter", _] | ["--all", "--filter", ..] => (true, true),
                // The limits take what was used least recently first.
                _ => (false, new),
            };
            assert_eq!((old, new), expected, "{arguments:?}");
            // What has a name is whole, and so is what builds from it.
            env.ok(["save", "-o", env.path("out/saved.tar").to_str().unwrap(), "named", "next", "other"]);
            env.write("Dockerfile", "FROM named\nCOPY tree/file1 /again\n");
            env.ok(["build", "-q", "-t", "check", "."]);
            assert_eq!(Image::open(&env.store(), "check").file("again").len(), 20_000);
        }
    }
}

fn bytes_of(row: &str, field: &str) -> u64 {
    serde_json::from_str::<Value>(row).unwrap()[field].as_u64().unwrap()
}

#[test]
fn disk_space_comes_back_to_the_file_system() {
    let env = TestEnv::root();
    let Some(mount) = super::faults::SmallDisk::mount(&env, "64m") else { return };
    build_of_size(&env, "one", 9_000_000, &[]);
    build_of_size(&env, "two", 7_000_000, &["-t", "two"]);
    let before = mount.used();
    let freed = prune(&env, &["--all"]);
    let after = mount.used();
    assert!(freed > 9_000_000, "{freed}");
    // The database is not counted: it is some pages larger or smaller.
    assert!((before - after).abs_diff(freed) < 100_000, "{before} {after} {freed}");
}

#[test]
fn what_was_used_last_is_kept() {
    let env = TestEnv::root();
    for name in ["one", "two", "three"] {
        build_of_size(&env, name, 1_000_000, &["-o", "type=cacheonly"]);
        // Uses are told apart by seconds.
        std::thread::sleep(Duration::from_millis(1100));
    }
    assert_eq!(described(&env, &[]), ["COPY data /three", "COPY data /two", "COPY data /one"]);
    assert_eq!(prune(&env, &["--keep-storage", "10MB"]), 0);
    assert_eq!(prune(&env, &["--filter", "until=1h"]), 0);
    assert!(prune(&env, &["--reserved-space", "2.5MB"]) > 0);
    assert_eq!(described(&env, &[]), ["COPY data /three", "COPY data /two"]);
    assert!(prune(&env, &["--max-used-space", "1.5MB"]) > 0);
    assert_eq!(described(&env, &[]), ["COPY data /three"]);
    assert!(prune(&env, &["--filter", "until=0s", "--filter", "id!=x"]) > 0);
    assert_eq!(items(&env, &[]), Vec::<Value>::new());
}

#[test]
fn builds_keep_to_a_budget() {
    let env = TestEnv::root();
    build_of_size(&env, "named", 3_000_000, &["-t", "named"]);
    for name in ["a", "b", "c", "d", "e", "f"] {
        build_of_size(&env, name, 1_000_000, &["--cache-budget", "2500kB"]);
        let used: u64 =
            items(&env, &["--filter", "shared=false"]).iter().map(|item| item["disk_size"].as_u64().unwrap()).sum();
        let unnamed: u64 =
            items(&env, &["--filter", "dangling"]).iter().map(|item| item["disk_size"].as_u64().unwrap()).sum();
        assert!(used + unnamed <= 2_560_000, "{name}: {used} {unnamed}");
        std::thread::sleep(Duration::from_millis(1100));
    }
    // The image of the last build is there, those of which something is gone are not.
    let images = env.ok(["images", "--format", "json"]).stdout;
    assert!((2..=3).contains(&images.lines().count()), "{images}");
    for (name, there) in [("f", true), ("named", true), ("a", false)] {
        assert_eq!(cached(&env, name), there, "{name}");
    }
    assert_eq!(Image::open(&env.store(), "named").layer(0)[0].content.len(), 3_000_000);
    let finished = env.builder().env("BUILDER_CACHE_BUDGET", "lots").args(["build", "f"]).output().unwrap();
    assert!(String::from_utf8_lossy(&finished.stderr).contains("BUILDER_CACHE_BUDGET: `lots`"));
}

fn start(env: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = env.builder();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("builder starts")
}

fn wait_for_sleep(marker: &str) {
    let begin = Instant::now();
    let sleeping = format!("sleep {marker}");
    while !processes_mentioning(&sleeping).iter().any(|line| line.starts_with("sleep")) {
        assert!(begin.elapsed() < Duration::from_mins(1), "the step does not run");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn running_builds_keep(run_as: RunAs, marker: &str, other: &str) {
    let env = TestEnv::new(run_as);
    env.write("Dockerfile", "FROM base\nRUN echo one > /one\n");
    env.ok(["build", "-o", "type=cacheonly", "--build-context", SLEEPY, "."]);
    let sleeper = |seconds: &str| {
        format!(
            "FROM base\nRUN echo one > /one\nRUN --mount=type=cache,target=/c echo c > /c/c; sleep {seconds}; cat /c/c > /two\n"
        )
    };
    env.write("a/Dockerfile", sleeper(marker));
    let mut child = start(&env, &["build", "-t", "app", "--build-context", SLEEPY, "a"]);
    wait_for_sleep(marker);
    assert_eq!(prune(&env, &["--all"]), 0, "all of it is in use");
    assert_eq!(items(&env, &["--filter", "inuse"]).len(), 3);
    assert!(child.wait().unwrap().success());
    assert_eq!(Image::open(&env.store(), "app").file("two"), "c\n");

    // What a killed build held is free.
    env.ok(["rmi", "app"]);
    env.write("b/Dockerfile", sleeper(other));
    let mut child = start(&env, &["build", "--build-context", SLEEPY, "b"]);
    wait_for_sleep(other);
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    while items(&env, &[]).iter().any(|item| item["in_use"] == true) {
        assert!(begin.elapsed() < Duration::from_secs(10), "the dead hold");
        std::thread::sleep(Duration::from_millis(50));
    }
    prune(&env, &[]);
    assert_eq!(items(&env, &[]), Vec::<Value>::new());
}

#[test]
fn a_running_build_keeps_what_it_uses() {
    running_builds_keep(RunAs::Root, "3.0517", "98.0517");
}

#[test]
fn a_running_rootless_build_keeps_what_it_uses() {
    running_builds_keep(RunAs::Ordinary, "3.0518", "98.0518");
}

#[test]
fn a_directory_goes_with_the_last_chain_that_has_it() {
    let env = TestEnv::root();
    env.write("file", vec![7; 1_000_000]);
    let build = |base: &str, name: &str| {
        env.write(
            "Dockerfile",
            format!("FROM base\nRUN echo {base} > /base\nCOPY --link file /file\nRUN cat /file > /copy\n"),
        );
        env.ok(["build", "-q", "-t", name, "--build-context", BASE, "."]);
    };
    build("one", "one");
    build("two", "two");
    assert_eq!(items(&env, &["--filter", "description~=link"]).len(), 1, "one directory in two chains");
    env.ok(["rmi", "one"]);
    prune(&env, &[]);
    assert_eq!(items(&env, &["--filter", "description~=link"]).len(), 1);
    env.ok(["rmi", "two"]);
    assert!(prune(&env, &[]) > 1_000_000);
    assert_eq!(items(&env, &[]), Vec::<Value>::new());
}

#[test]
fn a_prune_that_is_killed_harms_nothing() {
    let env = TestEnv::root();
    for n in 0..3000 {
        env.write(&format!("tree/{}/{n}", n % 50), n.to_string());
    }
    env.write("Dockerfile", "FROM scratch\nCOPY tree /tree\n");
    env.write("keep/Dockerfile", "FROM base\nRUN echo kept > /kept\n");
    env.ok(["build", "-t", "kept", "--build-context", BASE, "keep"]);
    for delay in [0, 3, 6, 10, 15, 25, 40, 70] {
        env.ok(["build", "-q", "-o", "type=cacheonly", "."]);
        let mut child = start(&env, &["cache", "prune", "--force", "--all"]);
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever is left: the next builds work.
        env.ok(["build", "-q", "-t", "app", "."]);
        let image = Image::open(&env.store(), "app");
        assert_eq!(image.file("tree/7/1007"), "1007");
        env.ok(["rmi", "app"]);
        env.ok(["build", "-q", "-t", "kept", "--build-context", BASE, "keep"]);
        assert_eq!(Image::open(&env.store(), "kept").file("kept"), "kept\n");
    }
    prune(&env, &["--all"]);
    assert_eq!(fs::read_dir(env.store().join("snapshots")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(env.store().join("work")).unwrap().count(), 0);
}

#[test]
fn builds_and_prunes_at_the_same_time_get_along() {
    let env = TestEnv::root();
    let names = ["p", "q"];
    for name in names {
        env.write(&format!("{name}/file"), name);
        let text =
            format!("FROM base\nCOPY file /{name}\nRUN cat /{name} > /copy\nFROM base\nCOPY --from=0 /copy /copy\n");
        env.write(&format!("{name}/Dockerfile"), text);
    }
    let until = Instant::now() + Duration::from_secs(6);
    std::thread::scope(|scope| {
        for name in names {
            let env = &env;
            scope.spawn(move || {
                while Instant::now() < until {
                    env.ok(["build", "-q", "-t", name, "--build-context", BASE, name]);
                    assert_eq!(Image::open(&env.store(), name).file("copy"), name);
                    env.run(["rmi", name]);
                }
            });
        }
        while Instant::now() < until {
            env.ok(["cache", "prune", "--force", "--all"]);
        }
    });
    prune(&env, &["--all"]);
    assert_eq!(fs::read_dir(env.store().join("snapshots")).unwrap().count(), 0);
}

#[test]
fn the_store_prune_takes_unnamed_images() {
    let env = TestEnv::root();
    build_of_size(&env, "unnamed", 1_000_000, &[]);
    build_of_size(&env, "named", 1_000_000, &["-t", "named"]);
    let said = env.ok(["system", "prune", "--force"]).stdout;
    assert!(said.contains("Deleted: sha256:"), "{said}");
    assert_eq!(env.ok(["images", "-q"]).stdout.lines().count(), 1);
    assert_eq!(described(&env, &[]), [""; 0]);
    assert_eq!(Image::open(&env.store(), "named").layer(0)[0].content.len(), 1_000_000);
    assert!(Path::new(&env.store()).join("index.json").exists());
}

#[test]
fn merged_layers_go_with_the_layers() {
    let env = TestEnv::root();
    let directories: String = (0..70).map(|n| ["WORKDIR /d", &n.to_string(), "\n"].concat()).collect();
    env.write("Dockerfile", format!("FROM base\n{directories}RUN echo x > /x\n"));
    env.ok(["build", "-q", "-o", "type=cacheonly", "--build-context", BASE, "."]);
    assert!(fs::read_dir(env.store().join("merged")).unwrap().count() > 0);
    assert!(described(&env, &[]).contains(&"merged layers of a long chain".to_owned()));
    let before = whole_cache(&env);
    let freed = prune(&env, &[]);
    assert_eq!(before - whole_cache(&env), freed);
    assert!(freed > 1_000_000, "the programs, which have two names: {freed}");
    for part in ["merged", "snapshots"] {
        assert_eq!(fs::read_dir(env.store().join(part)).unwrap().count(), 0, "{part}");
    }
}

#[test]
fn what_only_all_removes_is_told() {
    let env = TestEnv::root();
    build_of_size(&env, "unnamed", 3_000_000, &[]);
    let finished = env.ok(["cache", "prune", "--force", "--keep-storage", "1MB"]);
    assert!(finished.stdout.contains("Total reclaimed space: 0B"), "{}", finished.stdout);
    assert!(finished.stderr.contains("`--all` would free up to 3.0"), "{}", finished.stderr);
    let finished = env.ok(["cache", "prune", "--force", "--all"]);
    assert!(finished.stdout.contains(" true ") && !finished.stdout.contains(" false "), "{}", finished.stdout);
    assert_eq!(finished.stderr, "");
}

#[test]
fn who_only_looks_makes_no_store() {
    let env = TestEnv::root();
    let filter: &[&str] = &["cache", "ls", "--filter", "nonsense=1"];
    for arguments in [
        &["cache", "ls"][..],
        &["cache", "du"],
        &["cache", "prune", "-f"],
        &["system", "df"],
        &["system", "prune", "-f"],
    ] {
        env.ok(arguments);
        assert!(!env.store().exists(), "{arguments:?}");
    }
    env.run(filter).fails(2);
    let df = env.ok(["system", "df", "--format", "json"]).stdout;
    assert!(df.lines().count() == 5 && df.contains("\"Bytes\":0,"), "{df}");
}

#[test]
fn a_listing_names_the_build_that_made_a_layer() {
    let env = TestEnv::root();
    build_of_size(&env, "one", 1000, &["-o", "type=cacheonly"]);
    let item = &items(&env, &[])[0];
    assert_eq!(item["made_by"]["command"], "builder build one", "{item}");
    let id = item["made_by"]["id"].as_str().unwrap();
    assert!(env.ok(["cache", "ls"]).stdout.contains(&id[..8]));
    assert!(env.ok(["cache", "du", "--verbose"]).stdout.contains("Made by:"));
}

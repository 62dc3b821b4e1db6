//! `--explain`: every kind of change is named, every hit has its build, and nothing secret is told or kept.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,mkdir";

fn run(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Finished {
    env.write("Dockerfile", dockerfile);
    let mut arguments = vec!["build", "--explain", "--lint", "off", "--progress", "quiet", "--build-context", BASE];
    arguments.extend(extra);
    arguments.push(".");
    env.run(arguments)
}

/// Builds the context `work/` and returns what is said at the end, without what differs from run to run.
#[track_caller]
fn explained(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> String {
    stable(&run(env, dockerfile, extra).success().stderr)
}

/// From the line that counts the steps on, with ids, times and digests as words.
fn stable(stderr: &str) -> String {
    let lines = stderr.lines().skip_while(|line| !line.contains(" in the cache:"));
    let mut text = String::new();
    let mut is_base = false;
    for line in lines {
        // The base, with what is said below it, is of no matter.
        if !line.starts_with("    ") {
            is_base = line.contains("] programs of this machine: ");
        }
        if is_base {
            continue;
        }
        let mut words = line.split(' ').peekable();
        let mut shown: Vec<String> = Vec::new();
        while let Some(word) = words.next() {
            if word.len() == 8 && shown.last().is_some_and(|last| last == "build") && is_hex(word) {
                // `3f2a8c1b less than a second ago:`
                let end = words.by_ref().find(|word| word.starts_with("ago")).unwrap_or_default();
                shown.push(format!("ID AGO{}", end.trim_start_matches("ago")));
            } else if let Some((before, hex)) = word.split_once("sha256:").filter(|(_, hex)| is_hex(&hex[..12])) {
                shown.push(format!("{before}sha256:HEX{}", hex.trim_start_matches(|c: char| c.is_ascii_hexdigit())));
            } else {
                shown.push(word.to_owned());
            }
        }
        text.push_str(&shown.join(" "));
        text.push('\n');
    }
    text
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Builds one Dockerfile, then the other, and returns what is said of the second.
#[track_caller]
fn between(before: (&str, &[&str]), now: (&str, &[&str])) -> String {
    let env = TestEnv::root();
    env.write("file", "content");
    explained(&env, before.0, before.1);
    explained(&env, now.0, now.1)
}

/// The same for Dockerfiles that differ in one instruction.
#[track_caller]
fn instructions(before: &str, now: &str) -> String {
    between((&format!("FROM base\n{before}\n"), &[]), (&format!("FROM base\n{now}\n"), &[]))
}

#[test]
fn without_a_record_that_is_said_and_with_one_who_made_it() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        env.write("file", "content");
        let dockerfile = "FROM base AS one\nCOPY file /\nWORKDIR /app\nRUN cat /file > copy\n";
        insta::assert_snapshot!("first", explained(&env, dockerfile, &["-t", "app", "--target", "one"]));
        insta::assert_snapshot!("second", explained(&env, dockerfile, &["-t", "other"]));
    }
}

#[test]
fn files_of_a_copy_are_named() {
    let env = TestEnv::root();
    let dockerfile = "FROM base\nCOPY src /src\nADD one two* /dir/\n";
    for name in ["src/a", "src/b/c", "src/b/d", "src/e", "one", "two.txt"] {
        env.write(name, name);
    }
    explained(&env, dockerfile, &[]);
    env.write("src/b/d", "changed");
    env.write("src/b/new", "new");
    std::fs::remove_file(env.path("work/src/e")).unwrap();
    env.write("two.md", "new");
    insta::assert_snapshot!("files", explained(&env, dockerfile, &[]));
    for number in 0..9 {
        env.write(&format!("src/many/{number}"), "");
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(env.path("work/one"), mode).unwrap();
    insta::assert_snapshot!("many_files", explained(&env, dockerfile, &[]));
    insta::assert_snapshot!("sources", explained(&env, "FROM base\nCOPY src/a src/b /src/\nADD one two* /dir/\n", &[]));
}

#[test]
fn variables_are_named_with_their_values() {
    let dockerfile = "FROM base\nARG VERSION=1\nENV PORT=80 KEPT=same\nRUN echo $VERSION $PORT\n";
    let other = dockerfile.replace("80", "8080");
    insta::assert_snapshot!("variables", between((dockerfile, &[]), (&other, &["--build-arg", "VERSION=2"])));
    let token = ["--build-arg", "API_TOKEN=hunter2", "--build-arg", "MIRROR=https://me:hunter2@example.org/"];
    let dockerfile = "FROM base\nARG API_TOKEN MIRROR=none\nARG NEW\nRUN true\n".replace("true", "echo x > /x");
    let said = between((&dockerfile, &["--build-arg", "API_TOKEN=hunter1"]), (&dockerfile, &token));
    insta::assert_snapshot!("hidden_values", said);
    insta::assert_snapshot!("new_argument", instructions("ENV A=1\nRUN echo", "ARG V=1\nRUN echo"));
}

#[test]
fn base_images_are_named() {
    let env = TestEnv::root();
    let base = |name: &str, content: &str| {
        let dockerfile = format!("FROM base\nRUN echo {content} > /base\n");
        explained(&env, &dockerfile, &["-f", "Dockerfile", "-t", name]);
    };
    let dockerfile = "FROM mine:1\nRUN cat /base > /copy\nRUN echo\n";
    base("mine:1", "one");
    explained(&env, dockerfile, &[]);
    base("mine:1", "two");
    insta::assert_snapshot!("base_moved", explained(&env, dockerfile, &[]));
    base("mine:2", "three");
    insta::assert_snapshot!("base_replaced", explained(&env, &dockerfile.replace(":1", ":2"), &[]));
}

#[test]
fn a_base_image_that_is_fetched_again_is_said_to_have_moved() {
    let (env, elsewhere) = (TestEnv::root(), TestEnv::root());
    let layout = elsewhere.path("out/layout").display().to_string();
    let build = |content: &str| {
        elsewhere.write("Dockerfile", format!("FROM base\nRUN echo {content} > /base\n"));
        drop(std::fs::remove_dir_all(&layout));
        let output = format!("type=oci,tar=false,dest={layout}");
        elsewhere.ok(["build", "--build-context", BASE, "-o", &output, "."]);
        let context = format!("mine=oci-layout://{layout}");
        explained(&env, "FROM mine\nRUN cat /base > /copy\n", &["--build-context", &context])
    };
    let place = |said: String| said.replace(&layout, "LAYOUT");
    insta::assert_snapshot!("base_fetched", place(build("one")));
    insta::assert_snapshot!("base_fetched_again", place(build("two")));
}

#[test]
fn steps_that_disturb_others_are_named() {
    let env = TestEnv::root();
    let dockerfile = |command: &str| {
        format!(
            "FROM base AS build\nRUN {command}\nRUN cat /a > /b\nRUN cat /b > /c\n\
             FROM base\nCOPY --from=build /b /c /\nRUN --mount=from=build,source=/b,target=/mnt cat /mnt\n"
        )
    };
    explained(&env, &dockerfile("echo 1 > /a"), &[]);
    insta::assert_snapshot!("parent", explained(&env, &dockerfile("echo 2 > /a"), &[]));
    insta::assert_snapshot!("early_cutoff", explained(&env, &dockerfile("true; echo 2 > /a"), &[]));
    let inserted = dockerfile("true; echo 2 > /a").replace("RUN cat /a", "RUN echo new > /new\nRUN cat /a");
    insta::assert_snapshot!("inserted_step", explained(&env, &inserted, &[]));
    let removed = instructions("RUN echo a > /a\nRUN echo b\nRUN echo c", "RUN echo b\nRUN echo c");
    insta::assert_snapshot!("removed_step", removed);
}

#[test]
fn what_a_step_was_before_another_build_is_what_it_is_compared_with() {
    let env = TestEnv::root();
    let dockerfile = |value: &str| format!("FROM base\nENV A={value}\nRUN echo\n");
    for value in ["1", "2", "1"] {
        explained(&env, &dockerfile(value), &[]);
    }
    // Not with 2, which ran last, but with 1, which was built last.
    insta::assert_snapshot!("after_a_hit", explained(&env, &dockerfile("3"), &[]));
}

#[test]
fn the_same_steps_of_another_context_are_compared_with() {
    let env = TestEnv::root();
    env.write("file", "content");
    explained(&env, "FROM base\nCOPY file /\nRUN echo\n", &[]);
    env.write("other/Dockerfile", "FROM base\nCOPY file /\nRUN echo\nRUN cat /file\n");
    env.write("other/file", "other");
    let said = env.ok(["build", "--explain", "--lint=off", "--progress=quiet", "--build-context", BASE, "other"]);
    insta::assert_snapshot!("elsewhere", stable(&said.stderr));
}

#[test]
fn flags_of_run_are_named() {
    let run = |before: &str, now: &str| instructions(&format!("{before}RUN echo"), &format!("{now}RUN echo"));
    let mut said = String::new();
    for (before, now) in [("", "USER 1\n"), ("", "WORKDIR /app\n"), ("", "SHELL [\"sh\", \"-ec\"]\n")] {
        said.push_str(&run(before, now));
    }
    for (before, now) in [
        ("RUN echo a", "RUN echo b"),
        ("RUN <<EOF\necho a\necho b\nEOF", "RUN <<EOF\necho a\necho c\nEOF"),
        ("RUN echo", "RUN --network=none echo"),
        ("RUN echo", "RUN --mount=type=tmpfs,target=/x echo"),
        ("RUN --mount=type=cache,target=/x echo", "RUN --mount=type=cache,target=/x,ro echo"),
        ("RUN --mount=target=/x cat /x/file", "RUN --mount=target=/x,source=file cat /x"),
    ] {
        said.push_str(&instructions(before, now));
    }
    let echo = "FROM base\nRUN echo\n";
    said.push_str(&between((echo, &[]), (echo, &["--ulimit", "nofile=64:64", "--shm-size", "1m"])));
    said.push_str(&between((echo, &[]), ("FROM --platform=linux/386 base\nRUN echo\n", &[])));
    insta::assert_snapshot!("flags_of_run", said);
}

#[test]
fn flags_of_copy_and_of_the_build_are_named() {
    let mut said = String::new();
    for (before, now) in [
        ("COPY file /", "COPY --chown=1:2 file /"),
        ("COPY --chmod=644 file /", "COPY --chmod=755 file /"),
        ("COPY file /", "COPY --link file /"),
        ("COPY . /", "COPY --exclude=*.md . /"),
        ("COPY file /a", "COPY file /b"),
        ("WORKDIR /a", "WORKDIR /b"),
    ] {
        said.push_str(&instructions(before, now));
    }
    let echo = "FROM base AS one\nRUN echo\n";
    for extra in [&["--timestamp", "7"][..], &["--no-cache"], &["--no-cache-filter", "one"]] {
        said.push_str(&between((echo, &[]), (echo, extra)));
    }
    insta::assert_snapshot!("flags_of_copy", said);
}

#[test]
fn plain_progress_says_it_below_each_step() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nARG V=1\nRUN echo\n");
    let build = |extra: &[&str]| {
        let arguments = ["build", "--progress=plain", "--lint=off", "--build-context", BASE];
        env.ok(arguments.iter().chain(extra).chain(&["."])).stderr
    };
    build(&[]);
    let said = build(&["--explain", "--build-arg", "V=2"]);
    let (steps, end) = said.split_once("\n1 step ran").expect("a summary");
    assert!(steps.contains(" because ARG V: \"1\" → \"2\"\n"), "{said}");
    assert!(end.contains("    because ARG V: \"1\" → \"2\"\n"), "{said}");
    let said = build(&["--explain", "--build-arg", "V=2"]);
    assert!(said.contains(" CACHED (made by build "), "{said}");
    // Nobody is told who did not ask.
    let said = build(&["--build-arg", "V=3"]);
    assert!(!said.contains("because") && !said.contains("made by"), "{said}");
}

#[test]
fn programs_are_always_told() {
    let env = TestEnv::root();
    env.write("src/file", "1");
    env.write("Dockerfile", "FROM base\nARG V=1\nCOPY src /src\nRUN echo\n");
    let metadata = env.path("out/metadata.json");
    let path = metadata.display().to_string();
    let build = |extra: &[&str]| {
        let arguments =
            ["build", "--progress=rawjson", "--lint=off", "--build-context", BASE, "--metadata-file", &path];
        let said = env.ok(arguments.iter().chain(extra).chain(&["."])).stderr;
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let explained: Vec<Value> =
            lines.iter().filter_map(|line| line["explanations"].as_array()).flatten().cloned().collect();
        let file: Value = serde_json::from_str(&std::fs::read_to_string(&metadata).unwrap()).unwrap();
        (lines, explained, file)
    };
    let (_, _, first) = build(&[]);
    env.write("src/file", "2");
    let (lines, explained, file) = build(&["--build-arg", "V=2"]);
    let [base, copy, run] = &explained[..] else { panic!("{explained:?}") };
    assert_eq!(base["madeBy"]["id"], first["builder.build"]["id"]);
    assert_eq!(copy["reason"], "changed");
    assert_eq!(copy["changes"][0]["kind"], "files");
    assert_eq!(copy["changes"][0]["files"]["changed"]["first"][0], "src/file");
    assert_eq!(copy["comparedWith"]["id"], first["builder.build"]["id"]);
    let change = run["changes"].as_array().unwrap().iter().find(|change| change["kind"] == "arg").unwrap();
    assert_eq!((&change["name"], &change["old"], &change["new"]), (&"V".into(), &"1".into(), &"2".into()));
    let vertex = lines.iter().filter_map(|line| line["vertexes"].as_array()).flatten();
    assert!(vertex.into_iter().any(|vertex| vertex["digest"] == run["vertex"]), "{lines:?}");
    let steps = file["builder.steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    assert_eq!(steps[2]["name"], "[3/3] RUN echo");
    assert_eq!(steps[2]["changes"], run["changes"]);
    assert_eq!(steps[1]["text"][0], "COPY src: changed src/file");
}

#[test]
fn a_step_that_fails_is_explained_too() {
    let env = TestEnv::root();
    explained(&env, "FROM base\nRUN true || echo\n", &[]);
    let said = run(&env, "FROM base\nRUN exit 3\n", &[]).fails(1);
    assert!(stable(&said.stderr).contains("because the command: \"true || echo\" → \"exit 3\""), "{}", said.stderr);
}

#[test]
fn a_result_that_is_gone_is_said_to_be() {
    let env = TestEnv::root();
    let dockerfile = "FROM base\nRUN echo x > /x\n";
    explained(&env, dockerfile, &[]);
    std::fs::remove_dir_all(env.store().join("snapshots")).unwrap();
    std::fs::create_dir(env.store().join("snapshots")).unwrap();
    let said = run(&env, dockerfile, &[]).success().stderr;
    assert!(said.contains("nothing changed, but its result is no longer in the store"), "{said}");
}

/// In halves, so that nothing holds it but what is meant to.
const HALVES: [&str; 2] = ["correct-horse-", "battery-staple"];

#[test]
fn nothing_secret_is_told_or_kept() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let metadata = env.path("out/metadata.json").display().to_string();
        let build = |value: &str| {
            let proxy = format!("HTTP_PROXY=http://me:{value}@192.0.2.1:1");
            let mirror = format!("MIRROR=https://{value}@192.0.2.1/");
            let dockerfile = "FROM base\nARG HTTP_PROXY MIRROR\nARG APP_PASSWORD\n\
                              RUN --mount=type=secret,id=token,env=TOKEN echo \"${#TOKEN}\" > /length\n";
            env.write("Dockerfile", dockerfile);
            let password = format!("APP_PASSWORD={value}");
            let mut said = String::new();
            for progress in ["plain", "rawjson"] {
                let mut command = env.builder();
                command.args(["build", "--explain", "--lint=off", "--progress", progress, "--build-context", BASE]);
                command.args(["--secret", "id=token,env=TOKEN", "--output=type=cacheonly"]).env("TOKEN", value);
                command.args(["--metadata-file", &metadata]);
                for argument in [&proxy, &mirror, &password] {
                    command.args(["--build-arg", argument]);
                }
                let finished = Finished::of(command.arg(".")).success();
                said.push_str(&finished.stderr);
                said.push_str(&finished.stdout);
            }
            said + &std::fs::read_to_string(&metadata).unwrap()
        };
        let value = HALVES.concat();
        build("before");
        let said = build(&value);
        for name in ["HTTP_PROXY", "MIRROR", "APP_PASSWORD"] {
            assert!(said.contains(&format!("ARG {name} changed; its value is not shown")), "{said}");
        }
        assert!(!said.contains(&value), "{said}");
        assert_not_in(&env.store(), &value);
    }
}

#[track_caller]
fn assert_not_in(path: &Path, value: &str) {
    let found = Command::new("grep").args(["-rlaF", "--", value]).arg(path).output().expect("grep");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "it is kept");
    // What is remembered of steps is compressed: there it would not be found as it is.
    let list = "import sqlite3, subprocess, sys\n\
                for (blob,) in sqlite3.connect(sys.argv[1]).execute('SELECT description FROM steps'):\n\
                \x20   sys.stdout.buffer.write(subprocess.run(['zstd', '-dc'], input=blob, capture_output=True).stdout)\n";
    let database = path.join("metadata.sqlite");
    let output = Command::new("python3").args(["-c", list]).arg(database).output().expect("python3");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("RUN --mount") || text.contains("--mount TOKEN"), "the descriptions are there: {text}");
    assert!(!text.contains(value), "{text}");
}

/// The lines about steps after the base.
fn with_cache(text: &str, cache: &Path) -> String {
    text.replace(cache.to_str().unwrap(), "CACHE")
}

#[test]
fn what_a_shared_cache_had_is_named_and_remembered() {
    let env = TestEnv::root();
    let dockerfile =
        "FROM base AS b\nRUN echo b > /b\nFROM base\nCOPY src /src\nCOPY --from=b /b /b\nRUN cat /src/a > /c\n";
    for name in ["src/a", "src/b"] {
        env.write(name, name);
    }
    let cache = env.path("home/cache");
    let to = format!("type=local,dest={},mode=max", cache.display());
    let other = env.path("home/other");
    env.write("Dockerfile", dockerfile);
    let root = other.to_str().unwrap();
    env.ok(["--root", root, "build", "--lint", "off", "--build-context", BASE, "--cache-to", &to, "."]);
    let from = format!("type=local,src={}", cache.display());
    let metadata = env.path("home/metadata.json");
    let first = explained(&env, dockerfile, &["--cache-from", &from, "--metadata-file", metadata.to_str().unwrap()]);
    insta::assert_snapshot!("shared_hits", with_cache(&first, &cache));
    let metadata: Value = serde_json::from_slice(&std::fs::read(metadata).unwrap()).unwrap();
    let steps = metadata["builder.steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["fromCache"] == cache.to_str().unwrap()), "{metadata:#}");
    // Nothing was fetched: without the cache everything runs, and only one thing changed.
    env.write("src/a", "changed");
    insta::assert_snapshot!("shared_never_fetched", with_cache(&explained(&env, dockerfile, &[]), &cache));
    // What was fetched is told to have come from there.
    let env = TestEnv::root();
    for name in ["src/a", "src/b"] {
        env.write(name, name);
    }
    explained(&env, dockerfile, &["--cache-from", &from, "-t", "app"]);
    insta::assert_snapshot!("shared_fetched", with_cache(&explained(&env, dockerfile, &["-t", "app"]), &cache));
}

#[test]
fn changes_that_are_hard_to_see_are_told_apart() {
    insta::assert_snapshot!("blanks", instructions("RUN echo a", "RUN echo  a"));
    let env = TestEnv::root();
    env.write("s/x", "x");
    let named =
        |bytes: &[u8]| env.path("work/s").join(std::os::unix::ffi::OsStrExt::from_bytes(bytes) as &std::ffi::OsStr);
    std::fs::write(named(b"\xff\xfe"), "text").unwrap();
    explained(&env, "FROM base\nCOPY s /s\n", &[]);
    std::fs::rename(named(b"\xff\xfe"), named(b"\xff\xfd")).unwrap();
    insta::assert_snapshot!("no_text", explained(&env, "FROM base\nCOPY s /s\n", &[]));
}

#[test]
fn another_list_of_programs_is_named() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nRUN echo a\n");
    let build = |base: &str| {
        let arguments = ["build", "--explain", "--lint=off", "--progress=quiet", "--build-context", base, "."];
        env.ok(arguments).stderr
    };
    build("base=host:sh,cat");
    let said = build("base=host:sh,cat,ls");
    assert!(said.contains("because the list of programs: \"cat sh\" → \"cat ls sh\""), "{said}");
}

#[test]
fn a_stage_that_is_not_there_is_told() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch AS one\nCOPY Dockerfile /\n");
    let said = env.ok(["build", "--no-cache-filter", "One,nosuchstage", "."]).stderr;
    assert!(said.contains("names no stage of the Dockerfile: `nosuchstage`") && !said.contains("`One`"), "{said}");
}

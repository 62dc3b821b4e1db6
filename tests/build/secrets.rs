//! `RUN --mount=type=secret`: what a step sees, and that nothing of it is kept anywhere.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::image::Image;
use crate::support::peers::processes_mentioning;
use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,grep,ls,sleep,stat,touch";
/// In halves, so that no file of a test holds it but those that are meant to.
const HALVES: [&str; 2] = ["correct-horse-", "battery-staple"];

fn value() -> String {
    HALVES.concat()
}

fn builder(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Command {
    env.write("context/Dockerfile", dockerfile);
    let mut command = env.builder();
    command.args(["build", "--progress", "rawjson", "--lint", "off", "-t", "app", "--build-context", BASE]);
    command.args(extra).arg("context").env("TOKEN", value());
    command
}

fn build(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Finished {
    Finished::of(&mut builder(env, dockerfile, extra))
}

fn given(env: &TestEnv) -> String {
    format!("id=file,src={}", env.write("secret.txt", value()).display())
}

/// Neither a file's content nor a name in a tree holds the value.
#[track_caller]
fn assert_nowhere(path: &Path) {
    let found = Command::new("grep").args(["-rlaF", "--", &value()]).arg(path).output().expect("grep");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "the secret is kept");
    assert_eq!(found.status.code(), Some(1), "grep looked");
}

#[track_caller]
fn assert_not_said(finished: &Finished) {
    assert!(!finished.stderr.contains(&value()) && !finished.stdout.contains(&value()), "{}", finished.stderr);
}

#[test]
fn a_secret_is_a_file_or_a_variable_or_both() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let file = given(&env);
        let halves = format!("a={} b={}", HALVES[0], HALVES[1]);
        let dockerfile = format!(
            "\
FROM base
ENV {halves} TOKEN=public
RUN --mount=type=secret,id=file test \"$(cat /run/secrets/file)\" = $a$b
RUN --mount=type=secret,id=file test \"$(stat -c %a:%u:%g /run/secrets/file)\" = 400:0:0 && ! touch /run/secrets/file
RUN --mount=type=secret,id=file,target=/x/y,mode=0644,uid=7,gid=8 test \"$(stat -c %a:%u:%g /x/y)\" = 644:7:8
RUN --mount=type=secret,source=file,dst=rel test \"$(cat /rel)\" = $a$b
RUN --mount=type=secret,target=/here/file test \"$(cat /here/file)\" = $a$b
RUN --mount=type=secret,id=TOKEN,env=MINE test \"$MINE\" = $a$b && ! test -e /run/secrets
RUN --mount=type=secret,id=TOKEN,env=TOKEN test \"$TOKEN\" = $a$b
RUN --mount=type=secret,id=TOKEN,env=MINE,target=/t test \"$MINE\" = $a$b && test \"$(cat /t)\" = $a$b
RUN --mount=type=secret,id=absent ! test -e /run/secrets/absent
RUN --mount=type=secret,id=absent,env=MINE test \"${{MINE-unset}}\" = \"\"
RUN grep -c . /proc/mounts > /dev/null && ! grep secrets /proc/mounts && test $TOKEN = public
"
        );
        build(&env, &dockerfile, &["--secret", &file, "--secret", "id=TOKEN"]).success();
        let image = Image::open(&env.store(), "app");
        // The first layer has the directories that every sandbox needs and the base has not.
        for layer in 2..image.layer_count() {
            assert_eq!(image.paths(layer), Vec::<String>::new());
        }
        assert!(!image.config["config"].to_string().contains("MINE"));
    }
}

#[test]
fn nothing_of_a_secret_is_kept_after_success_or_failure() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let file = given(&env);
        let mount = "--mount=type=secret,id=file --mount=type=secret,id=TOKEN,env=TOKEN --mount=type=cache,target=/c";
        let read = "test -n \"$(cat /run/secrets/file)\" && test -n \"$TOKEN\"";
        let flags = ["--secret", &file, "--secret", "id=TOKEN"];
        let outputs = ["-o", "type=oci,dest=../out/app.tar", "--metadata-file", "../out/metadata"];
        let good = build(&env, &format!("FROM base\nRUN {mount} {read}\n"), &[&flags[..], &outputs[..]].concat());
        assert_not_said(&good.success());
        let bad = build(&env, &format!("FROM base\nRUN {mount} {read} && exit 3\n"), &flags);
        assert_not_said(&bad.fails(1));
        // A program that cannot be started, and a value that is no variable.
        let bad = build(&env, &format!("FROM base\nRUN {mount} [\"/no/such/program\"]\n"), &flags);
        assert_not_said(&bad.fails(1));
        env.write("zero", format!("{}\0{}", value(), value()));
        let bad = build(&env, "FROM base\nRUN --mount=type=secret,id=z,env=Z true\n", &["--secret", "id=z,src=zero"]);
        assert!(bad.stderr.contains("must not hold a zero byte"), "{}", bad.stderr);
        assert_not_said(&bad);
        assert_nowhere(&env.store());
        assert_nowhere(&env.path("out"));
    }
}

#[test]
fn nothing_of_a_secret_is_kept_after_a_kill() {
    let env = TestEnv::root();
    let file = given(&env);
    let dockerfile = "FROM base\nRUN --mount=type=secret,id=file --mount=type=secret,id=TOKEN,env=TOKEN \
                      cat /run/secrets/file > /dev/null; echo half > /half; sleep 777342\n";
    let mut command = builder(&env, dockerfile, &["--secret", &file, "--secret", "id=TOKEN"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("builder starts");
    let begin = Instant::now();
    while !processes_mentioning("sleep 777342").iter().any(|line| line.starts_with("sleep")) {
        assert!(begin.elapsed() < Duration::from_secs(30), "the step did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_nowhere(&env.store());
    child.kill().expect("kill");
    child.wait().expect("wait");
    assert_nowhere(&env.store());
}

#[test]
fn another_value_runs_nothing_again() {
    let env = TestEnv::root();
    let dockerfile = "FROM base\nRUN --mount=type=secret,id=s cat /run/secrets/s > /dev/null\n";
    env.write("one", "one");
    env.write("two", "two");
    build(&env, dockerfile, &["--secret", "id=s,src=one"]).success();
    let finished =
        env.ok(["build", "--progress", "plain", "--build-context", BASE, "--secret", "id=s,src=two", "context"]);
    assert!(finished.stderr.contains("CACHED"), "{}", finished.stderr);
}

#[test]
fn a_required_secret_must_be_there() {
    let env = TestEnv::root();
    let failed = build(&env, "FROM base\nRUN --mount=type=secret,id=gone,required true\n", &[]).fails(2);
    assert!(failed.stderr.contains("secret gone: not found"), "{}", failed.stderr);
    assert!(failed.stderr.contains("--secret id=gone,src=FILE"), "{}", failed.stderr);
    let failed = build(&env, "FROM base\n", &["--secret", "id=x,src=/no/such/file"]).fails(2);
    assert!(failed.stderr.contains("/no/such/file"), "{}", failed.stderr);
    env.write("big", vec![b'x'; 500 * 1024 + 1]);
    let failed = build(&env, "FROM base\n", &["--secret", "id=x,src=big"]).fails(2);
    assert!(failed.stderr.contains("secret x too big. max size 500KB"), "{}", failed.stderr);
}

#[test]
fn a_secret_for_nobody_is_told() {
    let env = TestEnv::new(RunAs::Ordinary);
    let dockerfile = "FROM base\nRUN --mount=type=secret,id=TOKEN,uid=999999999 true\n";
    let failed = build(&env, dockerfile, &["--secret", "id=TOKEN"]).fails(3);
    assert!(failed.stderr.contains("user 999999999 is not mapped in this user namespace"), "{}", failed.stderr);
}

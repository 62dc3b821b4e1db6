//! Builds on one store at the same time do the same work once.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::image::Image;
use crate::support::{RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,sleep,touch";
const WAITING: &str = "waiting for another build";

/// A Dockerfile whose step writes a line to a cache mount each time it runs.
fn counted(name: &str, rest: &str) -> String {
    format!("FROM base\nRUN --mount=type=cache,target=/log echo ran >> /log/{name}; {rest}\n")
}

/// How often the step of that name ran.
fn runs(env: &TestEnv, name: &str) -> usize {
    let caches = fs::read_dir(env.store().join("cache-mounts")).into_iter().flatten().flatten();
    let texts = caches.filter_map(|cache| fs::read_to_string(cache.path().join("0/data").join(name)).ok());
    texts.map(|text| text.lines().count()).sum()
}

fn start(env: &TestEnv, folder: &str, extra: &[&str]) -> Child {
    let mut command = env.builder();
    command.args(["build", "--progress", "plain", "--lint", "off", "-t", folder, "--build-context", BASE]);
    command.args(extra).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("builder starts")
}

fn finish(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().expect("builder ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn succeeded(child: Child) -> String {
    let (code, said) = finish(child);
    assert_eq!(code, Some(0), "{said}");
    said
}

#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Reads what a builder says until it says that it waits.
#[track_caller]
fn until_it_waits(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().expect("standard error"));
    let mut line = String::new();
    while !line.contains(WAITING) {
        line.clear();
        assert_ne!(lines.read_line(&mut line).expect("a line"), 0, "the builder ended without waiting");
    }
    lines
}

/// A build that is in the middle of its step, until a file appears in the cache mount.
fn begun(env: &TestEnv, name: &str, rest: &str) -> Child {
    env.write(&format!("{name}/Dockerfile"), counted(name, rest));
    let child = start(env, name, &[]);
    wait_until("the step to begin", || runs(env, name) == 1);
    child
}

/// Lets the steps that wait for it go on.
fn release(env: &TestEnv) {
    for cache in fs::read_dir(env.store().join("cache-mounts")).expect("caches").flatten() {
        fs::write(cache.path().join("0/data/go"), "").expect("file");
    }
}

const UNTIL_RELEASED: &str = "while ! test -e /log/go; do sleep 0.02; done; touch /done";

fn twenty_rounds(run_as: RunAs, rounds: usize) {
    let env = TestEnv::new(run_as);
    env.write("first/Dockerfile", "FROM base\nRUN true\n");
    succeeded(start(&env, "first", &[]));
    for round in 0..rounds {
        let name = format!("round{round}");
        let step = counted(&name, "sleep 0.1; touch /done");
        for folder in ["one", "two", "three"] {
            env.write(&format!("{folder}/Dockerfile"), format!("{step}RUN echo {folder} > /own\n"));
        }
        let children = ["one", "two", "three"].map(|folder| start(&env, folder, &[]));
        for child in children {
            succeeded(child);
        }
        assert_eq!(runs(&env, &name), 1, "round {round}");
        for folder in ["one", "two", "three"] {
            assert_eq!(Image::open(&env.store(), folder).file("own"), format!("{folder}\n"));
        }
    }
}

#[test]
fn three_builds_at_once_run_a_step_once_twenty_times_over() {
    twenty_rounds(RunAs::Root, 20);
}

#[test]
fn three_builds_at_once_run_a_step_once_for_an_ordinary_user() {
    twenty_rounds(RunAs::Ordinary, 5);
}

#[test]
fn who_waits_says_so_and_finds_the_result() {
    let env = TestEnv::root();
    let first = begun(&env, "step", UNTIL_RELEASED);
    let mut second = start(&env, "step", &[]);
    let mut said = until_it_waits(&mut second);
    release(&env);
    succeeded(first);
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut said, &mut rest).expect("text");
    assert_eq!(second.wait().expect("end").code(), Some(0), "{rest}");
    assert!(rest.contains("CACHED"), "{rest}");
    assert_eq!(runs(&env, "step"), 1);
    // The lock is on a byte of one file: nothing else is left of it.
    assert_eq!(fs::read_dir(env.store().join("work")).unwrap().count(), 0);
}

#[test]
fn who_waits_for_a_build_that_is_killed_runs_the_step_itself() {
    let env = TestEnv::root();
    let mut first = begun(&env, "step", UNTIL_RELEASED);
    let mut second = start(&env, "step", &[]);
    let said = until_it_waits(&mut second);
    kill_process(Pid::from_child(&first), Signal::KILL).expect("kill");
    first.wait().expect("end");
    wait_until("the step to begin again", || runs(&env, "step") == 2);
    release(&env);
    assert_eq!(second.wait().expect("end").code(), Some(0));
    drop(said);
    assert!(Image::open(&env.store(), "step").paths(1).contains(&"done".to_owned()));
}

#[test]
fn who_waits_for_a_build_that_fails_runs_the_step_itself() {
    let env = TestEnv::root();
    let first = begun(&env, "step", &format!("{UNTIL_RELEASED}; test -e /log/good"));
    let mut second = start(&env, "step", &[]);
    let said = until_it_waits(&mut second);
    release(&env);
    let (code, said_first) = finish(first);
    assert_eq!(code, Some(1), "{said_first}");
    assert_ne!(second.wait().expect("end").code(), Some(0), "it fails by itself");
    drop(said);
    assert_eq!(runs(&env, "step"), 2);
}

#[test]
fn who_waits_can_be_interrupted() {
    let env = TestEnv::root();
    let first = begun(&env, "step", UNTIL_RELEASED);
    let mut second = start(&env, "step", &[]);
    let said = until_it_waits(&mut second);
    let begin = Instant::now();
    kill_process(Pid::from_child(&second), Signal::INT).expect("interrupt");
    assert_eq!(second.wait().expect("end").code(), Some(130));
    assert!(begin.elapsed() < Duration::from_secs(2), "an interrupt is obeyed at once");
    drop(said);
    release(&env);
    succeeded(first);
    assert_eq!(runs(&env, "step"), 1);
}

#[test]
fn a_build_without_cache_waits_for_nobody() {
    let env = TestEnv::root();
    let first = begun(&env, "step", UNTIL_RELEASED);
    let second = start(&env, "step", &["--no-cache"]);
    wait_until("the second build's step to begin", || runs(&env, "step") == 2);
    release(&env);
    assert!(!succeeded(second).contains(WAITING));
    succeeded(first);
}

/// Builds that take locks on steps and on caches in every order come to an end.
#[test]
fn locked_caches_and_shared_steps_never_wait_in_a_circle() {
    let env = TestEnv::root();
    let mount = |id: &str| format!("--mount=type=cache,id={id},target=/{id},sharing=locked");
    for round in 0..5 {
        for (folder, orders) in [("one", [("a", "b"), ("b", "a")]), ("two", [("b", "a"), ("a", "b")])] {
            let stages = orders.map(|(first, second)| {
                let (m, n) = (mount(first), mount(second));
                format!("FROM base AS {first}{second}\nRUN {m} {n} sleep 0.02; echo {round} > /out{first}\n")
            });
            let copies = orders.map(|(first, second)| format!("COPY --from={first}{second} /out{first} /\n"));
            env.write(&format!("{folder}/Dockerfile"), format!("{}FROM scratch\n{}", stages.concat(), copies.concat()));
        }
        let begin = Instant::now();
        for child in ["one", "two", "one"].map(|folder| start(&env, folder, &[])) {
            succeeded(child);
        }
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
}

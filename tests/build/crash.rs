//! What is left when the builder is killed in the middle: nothing.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::image::Image;
use crate::support::peers::{mounts_mentioning, processes_mentioning};
use crate::support::{RunAs, TestEnv};

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn start(env: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = env.builder();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("builder starts")
}

/// Kills the builder and waits for it; then nothing of it may be left.
fn kill(mut child: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(&child), signal).expect("kill");
    let status = child.wait().expect("wait");
    status.code()
}

fn assert_nothing_left(env: &TestEnv, marker: &str) {
    wait_until("the processes of the sandbox to be gone", || processes_mentioning(marker).is_empty());
    let store = env.store();
    assert_eq!(mounts_mentioning(store.to_str().unwrap()), Vec::<String>::new());
}

fn work_entries(env: &TestEnv) -> Vec<String> {
    fs::read_dir(env.store().join("work"))
        .expect("work")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn prepared(run_as: RunAs, marker: &str) -> TestEnv {
    let env = TestEnv::new(run_as);
    env.write("good/Dockerfile", "FROM base\nRUN echo good > /good\n");
    env.ok(["build", "-t", "good", "--build-context", "base=host:sh,sleep", "good"]);
    env.write("bad/Dockerfile", format!("FROM base\nRUN echo begun > /begun; sleep {marker}\n"));
    env
}

fn survives(run_as: RunAs, signal: Signal, marker: &str) {
    let env = prepared(run_as, marker);
    let good = Image::open(&env.store(), "good").digest;
    let child = start(&env, &["build", "-t", "bad", "--build-context", "base=host:sh,sleep", "bad"]);
    let sleeping = format!("sleep {marker}");
    wait_until("the step to run", || processes_mentioning(&sleeping).iter().any(|line| line.starts_with("sleep")));
    let begin = Instant::now();
    let code = kill(child, signal);
    if signal == Signal::INT {
        assert_eq!(code, Some(130));
        assert!(begin.elapsed() < Duration::from_secs(3), "an interrupt is obeyed at once");
        assert_eq!(work_entries(&env), Vec::<String>::new());
    }
    assert_nothing_left(&env, &sleeping);

    // The next build works, cleans up, and has harmed nothing.
    env.write("bad/Dockerfile", "FROM base\nRUN echo mended > /mended\n");
    env.ok(["build", "-t", "bad", "--build-context", "base=host:sh,sleep", "bad"]);
    assert_eq!(work_entries(&env), Vec::<String>::new());
    assert_eq!(Image::open(&env.store(), "good").digest, good);
    assert_eq!(Image::open(&env.store(), "bad").file("mended"), "mended\n");
}

#[test]
fn kill_in_the_middle_of_a_run_leaves_nothing() {
    survives(RunAs::Root, Signal::KILL, "98761");
}

#[test]
fn kill_in_the_middle_of_a_rootless_run_leaves_nothing() {
    survives(RunAs::Ordinary, Signal::KILL, "98762");
}

#[test]
fn interrupt_in_the_middle_of_a_run_ends_at_once_and_leaves_nothing() {
    survives(RunAs::Root, Signal::INT, "98763");
}

#[test]
fn interrupt_in_the_middle_of_a_rootless_run_ends_at_once_and_leaves_nothing() {
    survives(RunAs::Ordinary, Signal::INT, "98764");
}

#[test]
fn kill_in_the_middle_of_a_layer_write_leaves_nothing() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY big /\n");
    let big = env.write("big", "");
    fs::File::options().write(true).open(&big).unwrap().set_len(400 << 20).unwrap();
    for delay in [30_u64, 120, 250, 400] {
        let child = start(&env, &["build", "--no-cache", "-t", "big", "."]);
        std::thread::sleep(Duration::from_millis(delay));
        kill(child, Signal::KILL);
        assert_eq!(mounts_mentioning(env.store().to_str().unwrap()), Vec::<String>::new());
    }
    env.ok(["build", "-t", "big", "."]);
    assert_eq!(work_entries(&env), Vec::<String>::new());
    let image = Image::open(&env.store(), "big");
    assert_eq!(image.layer(0)[0].content.len(), 400 << 20);
    // No blob that is not whole.
    for blob in fs::read_dir(env.store().join("blobs/sha256")).unwrap().flatten() {
        let name = blob.file_name().to_string_lossy().into_owned();
        let sum = crate::support::peers::tool("sha256sum", &[blob.path().to_str().unwrap()]);
        assert!(sum.starts_with(&name), "{sum}");
    }
}

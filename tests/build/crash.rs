//! What is left when the builder is killed in the middle: nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::image::Image;
use crate::support::peers::{Registry, mounts_mentioning, processes_mentioning, tool};
use crate::support::{RunAs, TestEnv};

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_mins(1), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(super) fn start(env: &TestEnv, arguments: &[&str]) -> Child {
    let mut command = env.builder();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("builder starts")
}

/// Kills the builder and waits for it; then nothing of it may be left.
pub(super) fn kill(mut child: Child, signal: Signal) -> Option<i32> {
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
    if signal != Signal::KILL {
        let expected = if signal == Signal::INT { 130 } else { 128 + signal.as_raw() };
        assert_eq!(code, Some(expected));
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
fn a_hang_up_in_the_middle_of_a_run_ends_at_once_and_leaves_nothing() {
    survives(RunAs::Root, Signal::HUP, "98765");
}

#[test]
fn a_quit_in_the_middle_of_a_rootless_run_ends_at_once_and_leaves_nothing() {
    survives(RunAs::Ordinary, Signal::QUIT, "98766");
}

#[test]
fn an_interrupt_that_comes_by_two_ways_is_one() {
    let env = prepared(RunAs::Root, "98768");
    let mut child = start(&env, &["build", "-t", "bad", "--build-context", "base=host:sh,sleep", "bad"]);
    wait_until("the step to run", || processes_mentioning("sleep 98768").iter().any(|line| line.starts_with("sleep")));
    for _ in 0..2 {
        kill_process(Pid::from_child(&child), Signal::INT).expect("kill");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.wait().expect("wait").code(), Some(130));
    assert_eq!(work_entries(&env), Vec::<String>::new());
}

#[test]
fn a_build_under_nohup_outlives_its_terminal() {
    let env = prepared(RunAs::Root, "1.98767");
    let builder = env.builder();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(builder.get_program());
    command.args(["build", "-t", "bad", "--build-context", "base=host:sh,sleep", "bad"]);
    command.env("BUILDER_ROOT", env.store()).current_dir(env.path("work")).process_group(0);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh");
    wait_until("the step to run", || {
        processes_mentioning("sleep 1.98767").iter().any(|line| line.starts_with("sleep"))
    });
    kill_process(Pid::from_child(&child), Signal::HUP).expect("kill");
    assert_eq!(child.wait().expect("wait").code(), Some(0));
    assert_eq!(Image::open(&env.store(), "bad").file("begun"), "begun\n");
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

/// A proxy in front of a registry that lets answers through a little at a time until told otherwise.
fn slow_proxy(target: String, fast: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(&target).unwrap();
            let (mut requests, mut upstream) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut requests, &mut upstream));
            let (fast, mut server, mut client) = (Arc::clone(&fast), server, client);
            std::thread::spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while let Ok(count @ 1..) = server.read(&mut buffer) {
                    if client.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                    if !fast.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
    });
    address
}

#[test]
fn kill_in_the_middle_of_a_pull_leaves_nothing() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let noise: Vec<u8> = (0..8_u32 << 20).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    env.write("base/noise", noise);
    env.write("base/Dockerfile", "FROM scratch\nCOPY noise /\n");
    let archive = env.path("out/base.tar");
    let other = TestEnv::root();
    let output = format!("type=oci,dest={},compression=uncompressed", archive.display());
    other.ok(["build", "-o", &output, env.path("work/base").to_str().unwrap()]);
    let to = format!("docker://{}/base:1", registry.address());
    tool("skopeo", &["copy", "--dest-tls-verify=false", &format!("oci-archive:{}", archive.display()), &to]);

    let fast = Arc::new(AtomicBool::new(false));
    let proxy = slow_proxy(registry.address().to_owned(), Arc::clone(&fast));
    env.write("Dockerfile", format!("FROM {proxy}/base:1\nCOPY base/Dockerfile /\n"));
    for signal in [Signal::KILL, Signal::INT] {
        let child = start(&env, &["build", "-t", "app", "."]);
        let store = env.store();
        let half_way = || {
            let files = walk(&store.join("work"));
            files.iter().any(|path| path.metadata().is_ok_and(|metadata| metadata.len() > 200_000))
        };
        wait_until("a part of the layer to arrive", half_way);
        let begin = Instant::now();
        kill(child, signal);
        assert!(begin.elapsed() < Duration::from_secs(3));
        let blobs = std::fs::read_dir(store.join("blobs/sha256")).unwrap().flatten();
        assert!(blobs.map(|blob| blob.metadata().unwrap().len()).all(|size| size < 100_000));
    }
    fast.store(true, Ordering::SeqCst);
    env.ok(["build", "-t", "app", "."]);
    assert_eq!(work_entries(&env), Vec::<String>::new());
    assert_eq!(Image::open(&env.store(), "app").layer(0)[0].content.len(), 8 << 20);
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

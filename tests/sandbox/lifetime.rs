//! Nothing outlives its cause: cancellation, death of the builder, the end of a run.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use builder_core::cancel::CancelToken;
use builder_core::sandbox::{SandboxError, run};

use crate::reexec;
use crate::support::{Rootfs, output, skip, skipped};

#[test]
fn cancelling_kills_everything_at_once() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let cancel = CancelToken::new();
    let begin = Instant::now();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            cancel.cancel();
        });
        run(&rootfs.shell("trap '' TERM INT; sleep 4711 & sleep 4712"), &|_, _| {}, &cancel)
    });
    assert!(matches!(result, Err(SandboxError::Cancelled(_))), "{result:?}");
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(processes_with("sleep\x004711"), 0);
    assert_eq!(processes_with("sleep\x004712"), 0);
}

#[test]
fn nothing_runs_under_a_token_that_was_cancelled_before() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let cancel = CancelToken::new();
    cancel.cancel();
    assert!(run(&rootfs.shell("touch /x"), &|_, _| {}, &cancel).is_err());
    assert_eq!(rootfs.changes(), [""; 0]);
}

#[test]
fn a_killed_builder_takes_its_sandbox_with_it() {
    if skipped() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Many moments of death, so that the set-up is hit as well as the run.
    for (round, delay) in [300, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 40].into_iter().enumerate() {
        let root = dir.path().join(round.to_string());
        std::fs::create_dir(&root).unwrap();
        let mut builder = reexec::command("sleep", &root).stdin(Stdio::piped()).spawn().unwrap();
        let ready = root.join("ready");
        let begin = Instant::now();
        while !ready.exists() {
            assert!(begin.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(delay));
        let marker = reexec::marker(&root);
        if delay == 300 {
            assert!(processes_with(&marker) >= 2, "the sandbox must have been running");
        }
        builder.kill().unwrap();
        builder.wait().unwrap();
        let begin = Instant::now();
        while processes_with(&marker) > 0 {
            assert!(begin.elapsed() < Duration::from_secs(2), "something survived a kill after {delay} ms");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_run_leaves_no_mount_and_no_process() {
    if skipped() {
        return;
    }
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let rootfs = Rootfs::new();
    output(&rootfs.shell("sleep 4713 & true"));
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
    assert_eq!(processes_with("sleep\x004713"), 0);
}

#[test]
fn mounts_do_not_propagate_to_a_host_that_shares_its_own() {
    if skipped() || (!Path::new("/usr/bin/unshare").exists() && skip("no unshare: apt-get install util-linux")) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let role = reexec::command("shared", dir.path());
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "shared"]).arg(role.get_program());
    command.envs(role.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "same mounts\n", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn sandboxes_run_side_by_side() {
    if skipped() {
        return;
    }
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                let rootfs = Rootfs::new();
                assert_eq!(output(&rootfs.shell(&format!("sleep 0.5; echo {number}"))), format!("{number}\n"));
            });
        }
    });
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
}

#[test]
fn a_run_of_true_costs_milliseconds() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let mut times: Vec<Duration> = (0..50)
        .map(|_| {
            let spec = rootfs.spec(&["/bin/true"]);
            let begin = Instant::now();
            output(&spec);
            begin.elapsed()
        })
        .collect();
    times.sort();
    let (first, median) = (times[0], times[times.len() / 2]);
    eprintln!("a run of /bin/true: {first:?} at best, {median:?} in the middle");
    assert!(first < Duration::from_millis(100), "{first:?}");
}

/// Counts the processes whose command line holds a text.
fn processes_with(text: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(Path::new("/proc").join(entry.unwrap().file_name()).join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count()
}

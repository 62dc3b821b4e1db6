//! Commands whose memory and time are looked at.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Finished;

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The largest resident size, in bytes.
    pub memory: u64,
    /// From its begin to its end.
    pub time: Duration,
}

/// Runs a command to its end and looks at its memory while it runs; one that takes longer than `limit` is killed, and
/// the test fails.
pub fn bounded(command: &mut Command, limit: Duration) -> (Finished, Taken) {
    let shown = format!("{command:?}");
    let begin = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let read = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
        })
    };
    let stdout = read(Box::new(child.stdout.take().expect("output")));
    let stderr = read(Box::new(child.stderr.take().expect("errors")));
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        if begin.elapsed() > limit {
            child.kill().expect("kill");
            child.wait().expect("wait");
            panic!("{shown} takes longer than {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let said = |thread: std::thread::JoinHandle<std::io::Result<String>>| thread.join().expect("reader").expect("text");
    let finished = Finished { command: shown, stdout: said(stdout), stderr: said(stderr), code: status.code() };
    (finished, Taken { memory, time: begin.elapsed() })
}

/// The largest resident size that a process had so far, in bytes.
fn peak(process: u32) -> Option<u64> {
    // Until it has become the program it is as large as we are.
    let program = |path: String| std::fs::read_link(path).ok();
    if program(format!("/proc/{process}/exe"))? == program("/proc/self/exe".to_owned())? {
        return None;
    }
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

//! Waits for a sandbox: passes its output on, takes its report, and kills it on cancellation.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::SandboxError;
use crate::cancel::CancelToken;
use crate::event::LogStream;
use crate::sys::SysError;
use crate::sys::process::Child;
use crate::sys::report::Report;

/// How often the token is looked at while nothing happens: a person does not notice the delay, and fifty wake-ups
/// a second cost nothing.
const CANCEL_CHECK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// As much as a pipe holds by default.
const CHUNK_BYTES: usize = 64 * 1024;

/// The reading ends of the sandbox's output.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// Passes output on until the sandbox is gone; returns its last word.
///
/// It is over when the process is gone and the pipes hold nothing more. Waiting for the pipes to close would hang
/// if one of them had been handed to a process outside (over a socket, on the host's network).
pub(super) fn follow(
    child: &Child,
    streams: &Streams,
    output: &(dyn Fn(LogStream, &[u8]) + Sync),
    cancel: &CancelToken,
) -> Result<Option<Report>, SandboxError> {
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    let mut sources = [
        Source { fd: streams.stdout.as_fd(), kind: Kind::Output(LogStream::Stdout), open: true },
        Source { fd: streams.stderr.as_fd(), kind: Kind::Output(LogStream::Stderr), open: true },
        Source { fd: child.report(), kind: Kind::Report, open: true },
    ];
    let mut last_word = None;
    loop {
        if let Err(cancelled) = cancel.check() {
            child.kill()?;
            return Err(cancelled.into());
        }
        let ready = wait(child, &sources)?;
        let mut active = false;
        for (source, _) in sources.iter_mut().zip(ready.sources).filter(|(source, ready)| *ready && source.open) {
            active = true;
            match source.kind {
                Kind::Output(stream) => match rustix::io::read(source.fd, &mut buffer) {
                    Ok(0) => source.open = false,
                    Ok(length) => output(stream, buffer.get(..length).unwrap_or_default()),
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Err(errno) => return Err(SysError::Call { call: "read", source: errno.into() }.into()),
                },
                Kind::Report => {
                    // The first word counts: after a failure to start, the end of that process follows.
                    match child.read_report()? {
                        Some(report) => last_word = last_word.or(Some(report)),
                        None => source.open = false,
                    }
                }
            }
        }
        if ready.gone && !active {
            return Ok(last_word);
        }
    }
}

struct Source<'a> {
    fd: BorrowedFd<'a>,
    kind: Kind,
    open: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Output(LogStream),
    Report,
}

struct Ready {
    sources: [bool; 3],
    gone: bool,
}

fn wait(child: &Child, sources: &[Source<'_>; 3]) -> Result<Ready, SandboxError> {
    // A closed source is asked about no more: the process stands in its place.
    let [first, second, third] = sources.each_ref().map(|source| if source.open { source.fd } else { child.pidfd() });
    let mut fds = [child.pidfd(), first, second, third].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    match poll(&mut fds, Some(&CANCEL_CHECK)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(SysError::Call { call: "poll", source: errno.into() }.into()),
    }
    let [gone, first, second, third] = fds.map(|fd| !fd.revents().is_empty());
    Ok(Ready { sources: [first, second, third], gone })
}

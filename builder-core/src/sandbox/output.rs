//! Waits for a sandbox: passes its output on, takes its report, and kills it on cancellation.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::SandboxError;
use super::stdio::SignalQueue;
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

/// Passes output on until the sandbox is gone; returns its last word.
///
/// It is over when the process is gone and the pipes hold nothing more. Waiting for the pipes to close would hang
/// if one of them had been handed to a process outside (over a socket, on the host's network).
pub(super) fn follow(
    child: &Child,
    outputs: &[(OwnedFd, LogStream)],
    signals: Option<&SignalQueue>,
    output: &(dyn Fn(LogStream, &[u8]) + Sync),
    cancel: &CancelToken,
) -> Result<Option<Report>, SandboxError> {
    let mut buffer = vec![0_u8; CHUNK_BYTES];
    let mut sources: Vec<Source<'_>> = outputs
        .iter()
        .map(|(fd, stream)| Source { fd: fd.as_fd(), kind: Kind::Output(*stream), open: true })
        .chain([Source { fd: child.report(), kind: Kind::Report, open: true }])
        .collect();
    let mut last_word = None;
    loop {
        if let Err(cancelled) = cancel.check() {
            child.kill()?;
            return Err(cancelled.into());
        }
        while let Some(number) = signals.and_then(SignalQueue::next) {
            child.signal(number)?;
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
                    // Nobody has the terminal open any more.
                    Err(Errno::IO) => source.open = false,
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
    sources: Vec<bool>,
    gone: bool,
}

fn wait(child: &Child, sources: &[Source<'_>]) -> Result<Ready, SandboxError> {
    // A closed source is asked about no more: the process stands in its place.
    let open = sources.iter().map(|source| if source.open { source.fd } else { child.pidfd() });
    let mut fds: Vec<PollFd<'_>> =
        std::iter::once(child.pidfd()).chain(open).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
    match poll(&mut fds, Some(&CANCEL_CHECK)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(SysError::Call { call: "poll", source: errno.into() }.into()),
    }
    let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
    let gone = ready.next().unwrap_or_default();
    Ok(Ready { sources: ready.collect(), gone })
}

//! What the process of a sandbox reads from and writes to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::SandboxError;
use crate::event::LogStream;
use crate::fs::PathContext;
use crate::sys::SysError;
use crate::sys::mount;

/// What a process reads from and writes to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Stdio {
    /// Nothing to read; what it writes is passed on.
    #[default]
    Captured,
    /// These, as they are.
    Given {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// A terminal of its own; what it writes there is passed on as standard output.
    Terminal(Terminal),
}

/// The numbers of signals that are passed on to the process.
#[derive(Debug)]
pub struct SignalQueue(Mutex<Receiver<i32>>);

impl SignalQueue {
    /// Makes a queue of what is sent; a signal is noticed within a fiftieth of a second.
    pub fn new(signals: Receiver<i32>) -> Self {
        Self(Mutex::new(signals))
    }

    /// Returns the next one that has come.
    pub(super) fn next(&self) -> Option<i32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

/// A terminal in a file system of its own, which becomes the sandbox's `/dev/pts`.
#[derive(Debug)]
pub struct Terminal {
    pub(super) filesystem: OwnedFd,
    master: OwnedFd,
    slave: OwnedFd,
}

/// The other side of a [`Terminal`]: what a person types goes in there.
#[derive(Debug)]
pub struct TerminalControl(OwnedFd);

impl Terminal {
    /// Makes a terminal.
    ///
    /// # Errors
    /// [`SandboxError::Sys`], [`SandboxError::Path`].
    pub fn open() -> Result<Self, SandboxError> {
        let filesystem = mount::devpts()?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let master = rustix::fs::openat(&filesystem, "ptmx", flags, Mode::empty()).at("open", "/dev/pts/ptmx")?;
        let call = |call| move |errno: Errno| SysError::Call { call, source: errno.into() };
        unlockpt(&master).map_err(call("TIOCSPTLCK"))?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = ioctl_tiocgptpeer(&master, flags).map_err(call("TIOCGPTPEER"))?;
        Ok(Self { filesystem, master, slave })
    }

    /// Returns the other side.
    ///
    /// # Errors
    /// [`SandboxError::Path`].
    pub fn control(&self) -> Result<TerminalControl, SandboxError> {
        Ok(TerminalControl(self.master.try_clone().at("duplicate the descriptor of", "/dev/ptmx")?))
    }
}

impl TerminalControl {
    /// Sets the size, in rows and columns of characters; programs in the terminal are told.
    ///
    /// # Errors
    /// [`SandboxError::Sys`].
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), SandboxError> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let call = |errno: Errno| SysError::Call { call: "TIOCSWINSZ", source: errno.into() };
        Ok(tcsetwinsize(&self.0, size).map_err(call)?)
    }

    /// Types.
    ///
    /// # Errors
    /// [`SandboxError::Sys`] where nobody has the terminal open any more.
    pub fn write(&self, mut bytes: &[u8]) -> Result<(), SandboxError> {
        while !bytes.is_empty() {
            let call = |errno: Errno| SysError::Call { call: "write", source: errno.into() };
            let count = rustix::io::retry_on_intr(|| rustix::io::write(&self.0, bytes)).map_err(call)?;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }
}

/// The ends of [`Stdio`] for one run.
pub(super) struct Ends<'s> {
    stdio: &'s Stdio,
    null: Option<OwnedFd>,
    writers: Option<(OwnedFd, OwnedFd)>,
    /// What is passed on.
    pub(super) outputs: Vec<(OwnedFd, LogStream)>,
}

impl<'s> Ends<'s> {
    pub(super) fn make(stdio: &'s Stdio) -> Result<Self, SandboxError> {
        let mut ends = Self { stdio, null: None, writers: None, outputs: Vec::new() };
        match stdio {
            Stdio::Captured => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                ends.null = Some(rustix::fs::open("/dev/null", flags, Mode::empty()).at("open", "/dev/null")?);
                let (stdout, stdout_writer) = pipe()?;
                let (stderr, stderr_writer) = pipe()?;
                ends.outputs = vec![(stdout, LogStream::Stdout), (stderr, LogStream::Stderr)];
                ends.writers = Some((stdout_writer, stderr_writer));
            }
            Stdio::Given { .. } => {}
            Stdio::Terminal(terminal) => {
                let master = terminal.master.try_clone().at("duplicate the descriptor of", "/dev/ptmx")?;
                ends.outputs = vec![(master, LogStream::Stdout)];
            }
        }
        Ok(ends)
    }

    /// The process's standard input, output and error.
    pub(super) fn streams(&self) -> Option<[BorrowedFd<'_>; 3]> {
        match self.stdio {
            Stdio::Captured => {
                let (stdout, stderr) = self.writers.as_ref()?;
                Some([self.null.as_ref()?.as_fd(), stdout.as_fd(), stderr.as_fd()])
            }
            Stdio::Given { stdin, stdout, stderr } => Some([stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]),
            Stdio::Terminal(terminal) => Some([terminal.slave.as_fd(); 3]),
        }
    }

    /// Closes what only the process needs, so that the ends that are read from end with it.
    pub(super) fn started(self) -> Vec<(OwnedFd, LogStream)> {
        self.outputs
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|errno| SysError::Call { call: "pipe2", source: errno.into() }.into())
}

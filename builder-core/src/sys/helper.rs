//! Programs of this machine that work for the builder: they end with it.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, Signal};

/// Prepares a program to be started: it leads a process group of its own, is killed when the thread that started
/// it ends (`PR_SET_PDEATHSIG`, since Linux 2.1.57), makes files with the modes 0644 and 0755, and none with more
/// than `file_limit` bytes.
pub(crate) fn bind(command: &mut Command, file_limit: u64) {
    command.process_group(0);
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        rustix::process::umask(Mode::from_raw_mode(0o022));
        let limit = Rlimit { current: Some(file_limit), maximum: Some(file_limit) };
        // A lower limit that somebody set stays.
        let _set = rustix::process::setrlimit(Resource::Fsize, limit);
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes three system calls and touches no memory but its own: it
    // neither allocates nor takes a lock.
    unsafe { command.pre_exec(prepare) };
}

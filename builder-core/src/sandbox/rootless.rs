//! Enters a user namespace in place, so that from there on everything is as for root.
//!
//! The caller becomes root inside, and the ids from 1 on are the caller's subordinate ones (`/etc/subuid`,
//! `/etc/subgid`), mapped by the set-uid programs `newuidmap` and `newgidmap`. It must happen before the first
//! thread: the kernel moves no process with several threads into a user namespace.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::pipe::{PipeFlags, pipe_with};

use super::subid::{self, IdRange};
use crate::fs::{PathContext, PathError};
use crate::sys::{SysError, namespace, process};

/// Who enters, and where things are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RootlessOptions {
    /// The user that runs this process.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its name, where it has one; ranges are also found by number.
    pub user: Option<String>,
    /// The file with subordinate users.
    pub subuid: PathBuf,
    /// The file with subordinate groups.
    pub subgid: PathBuf,
    /// The directories in which `newuidmap` and `newgidmap` are looked for.
    pub program_directories: Vec<PathBuf>,
}

impl RootlessOptions {
    /// Uses the files and directories of an ordinary system.
    pub fn new(uid: u32, gid: u32) -> Self {
        Self {
            uid,
            gid,
            user: None,
            subuid: PathBuf::from("/etc/subuid"),
            subgid: PathBuf::from("/etc/subgid"),
            program_directories: ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"].map(PathBuf::from).into(),
        }
    }

    /// Sets the name of the user.
    #[must_use]
    pub fn user(mut self, user: Option<String>) -> Self {
        self.user = user;
        self
    }

    fn owner(&self) -> String {
        self.user.clone().unwrap_or_else(|| self.uid.to_string())
    }
}

/// What became of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entered {
    /// How many users there are inside, root included.
    pub users: u64,
    /// How many groups there are inside, root's included.
    pub groups: u64,
}

/// The process could not enter a user namespace. Nothing has changed unless a variant says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootlessError {
    /// The process has more than one thread.
    #[error("a user namespace must be entered before the first thread is started; there are {0} threads")]
    Threads(u32),
    /// The user has no subordinate ids.
    #[error(
        "user `{user}` has no subordinate ids in `{}`: have an administrator add the line `{user}:100000:65536`; \
         running with a single id is not supported yet",
        file.display()
    )]
    NoSubordinateIds {
        /// The file that has no line for the user.
        file: PathBuf,
        /// The user, by name where it has one.
        user: String,
    },
    /// The program that maps subordinate ids is missing.
    #[error(
        "program `{program}` not found: install it (`apt-get install uidmap`, or `shadow-utils` on other systems); \
         running with a single id is not supported yet"
    )]
    NoMappingProgram {
        /// `newuidmap` or `newgidmap`.
        program: &'static str,
    },
    /// The system does not let this user make a user namespace.
    #[error(
        "this system does not allow user namespaces: {}; running without them is not supported yet",
        match sysctl {
            Some(line) => format!("have an administrator run `sysctl -w {line}`"),
            None => "inside a container they may be blocked by its seccomp or AppArmor profile".to_owned(),
        }
    )]
    NotAllowed {
        /// The setting that would allow it, where one was found to forbid it.
        sysctl: Option<&'static str>,
        /// What the kernel answered.
        #[source]
        source: SysError,
    },
    /// The mapping program refused. The process is in a user namespace without ids and cannot go on.
    #[error("`{program}` failed: {message}")]
    Mapping {
        /// `newuidmap` or `newgidmap`.
        program: &'static str,
        /// What it said.
        message: String,
    },
    /// Something else that the kernel refused.
    #[error(transparent)]
    Sys(#[from] SysError),
    /// A file could not be read.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The programs, ranges and arguments of one entry.
struct Preparation {
    newuidmap: PathBuf,
    newgidmap: PathBuf,
    users: Vec<IdRange>,
    groups: Vec<IdRange>,
}

/// Moves this process into a new user and mount namespace as root, in place.
///
/// # Errors
/// [`RootlessError`]; all but [`RootlessError::Mapping`] and those after it leave the process as it was.
pub fn enter(options: &RootlessOptions) -> Result<Entered, RootlessError> {
    let threads = thread_count()?;
    if threads != 1 {
        return Err(RootlessError::Threads(threads));
    }
    let preparation = prepare(options)?;
    let call = |call| move |errno: rustix::io::Errno| SysError::Call { call, source: errno.into() };
    let (go_reader, go_writer) = pipe_with(PipeFlags::CLOEXEC).map_err(call("pipe2"))?;
    let (word_reader, word_writer) = pipe_with(PipeFlags::CLOEXEC).map_err(call("pipe2"))?;

    // The helper stays outside: inside, the set-uid programs would have no rights over the ids of the host.
    let process = std::process::id();
    let mut ends = Some((go_reader, word_writer));
    let helper = process::fork_helper(|| match ends.take() {
        Some((go, word)) => help(options, &preparation, process, go, word),
        None => 1,
    })?;
    drop(ends);

    let entered = namespace::enter_user_and_mount_namespace();
    let mut go = fs::File::from(go_writer);
    if entered.is_ok() {
        go.write_all(b"x").at("write to", "the mapping helper")?;
    }
    drop(go);
    let mut word = String::new();
    fs::File::from(word_reader).read_to_string(&mut word).at("read from", "the mapping helper")?;
    let code = helper.wait()?;
    entered.map_err(not_allowed)?;
    if code != Some(0) {
        let program = if code == Some(2) { "newgidmap" } else { "newuidmap" };
        return Err(RootlessError::Mapping { program, message: word.trim().to_owned() });
    }
    // Mounts of the host still arrive by propagation otherwise, and busy ones of ours would hold them.
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
        .map_err(|errno| not_allowed(SysError::Call { call: "mount", source: errno.into() }))?;
    let count = |ranges: &[IdRange]| 1 + ranges.iter().map(|range| u64::from(range.count)).sum::<u64>();
    Ok(Entered { users: count(&preparation.users), groups: count(&preparation.groups) })
}

/// Checks everything that can be checked beforehand, since entering cannot be taken back.
fn prepare(options: &RootlessOptions) -> Result<Preparation, RootlessError> {
    Ok(Preparation {
        users: read_ranges(options, &options.subuid)?,
        groups: read_ranges(options, &options.subgid)?,
        newuidmap: find(options, "newuidmap")?,
        newgidmap: find(options, "newgidmap")?,
    })
}

/// Tells whether an entry has what it needs, without entering.
///
/// # Errors
/// What is missing.
pub fn check(options: &RootlessOptions) -> Result<(), RootlessError> {
    prepare(options)?;
    match forbidding_sysctl() {
        None => Ok(()),
        sysctl => Err(RootlessError::NotAllowed {
            sysctl,
            source: SysError::Call { call: "unshare", source: rustix::io::Errno::PERM.into() },
        }),
    }
}

fn read_ranges(options: &RootlessOptions, file: &Path) -> Result<Vec<IdRange>, RootlessError> {
    let text = match fs::read_to_string(file) {
        // A file that is not there has no line for anybody.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.at("read", file)?,
    };
    let ranges = subid::ranges(&text, options.user.as_deref(), options.uid);
    if ranges.is_empty() {
        return Err(RootlessError::NoSubordinateIds { file: file.to_owned(), user: options.owner() });
    }
    Ok(ranges)
}

fn find(options: &RootlessOptions, program: &'static str) -> Result<PathBuf, RootlessError> {
    options
        .program_directories
        .iter()
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .ok_or(RootlessError::NoMappingProgram { program })
}

/// Runs in the helper: waits for the word, then maps. The exit code names the program that failed.
fn help(options: &RootlessOptions, preparation: &Preparation, process: u32, go: OwnedFd, word: OwnedFd) -> u8 {
    let mut word = fs::File::from(word);
    let mut byte = [0_u8; 1];
    // A closed pipe without a word: the parent could not enter.
    if fs::File::from(go).read(&mut byte).unwrap_or_default() == 0 {
        return 0;
    }
    let runs = [
        (1, &preparation.newuidmap, subid::mapping(options.uid, &preparation.users)),
        (2, &preparation.newgidmap, subid::mapping(options.gid, &preparation.groups)),
    ];
    for (code, program, arguments) in runs {
        let message = match Command::new(program).arg(process.to_string()).args(arguments).output() {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        // The exit code tells the rest if the message cannot be passed on.
        let _ = word.write_all(message.as_bytes());
        return code;
    }
    0
}

fn thread_count() -> Result<u32, PathError> {
    let status = fs::read_to_string("/proc/self/status").at("read", "/proc/self/status")?;
    Ok(status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok()).unwrap_or(1))
}

fn not_allowed(source: SysError) -> RootlessError {
    match source.errno() {
        Some(libc::EPERM | libc::EACCES | libc::ENOSPC | libc::EUSERS) => {
            RootlessError::NotAllowed { sysctl: forbidding_sysctl(), source }
        }
        _ => source.into(),
    }
}

/// Finds the setting that forbids user namespaces; returns the line that allows them.
fn forbidding_sysctl() -> Option<&'static str> {
    let is = |path: &str, forbidding: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == forbidding);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        Some("kernel.unprivileged_userns_clone=1")
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        Some("user.max_user_namespaces=15000")
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        Some("kernel.apparmor_restrict_unprivileged_userns=0")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_ids_and_programs_are_told_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let mut options = RootlessOptions::new(1000, 1000).user(Some("me".into()));
        options.subuid = directory.path().join("subuid");
        options.subgid = directory.path().join("subgid");
        options.program_directories = vec![directory.path().to_owned()];
        let error = check(&options).unwrap_err().to_string();
        assert!(error.contains("`me:100000:65536`") && error.contains("subuid"), "{error}");
        fs::write(&options.subuid, "me:100000:65536\n").unwrap();
        let error = check(&options).unwrap_err().to_string();
        assert!(error.contains("subgid"), "{error}");
        fs::write(&options.subgid, "me:100000:65536\n").unwrap();
        let error = check(&options).unwrap_err().to_string();
        assert!(error.contains("`newuidmap`") && error.contains("apt-get install uidmap"), "{error}");
    }

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test harness has its own threads.
        let error = enter(&RootlessOptions::new(1000, 1000)).unwrap_err();
        assert!(matches!(error, RootlessError::Threads(2..)), "{error}");
    }
}

//! The operations that turn a fresh clone into a sandbox: plain data, complete before the clone.
//!
//! [`crate::sandbox`] makes the lists, `child` carries them out. Everything that the kernel reads is here in the
//! form that the kernel wants, since a child of a multi-threaded process may not allocate.

use std::ffi::{CString, c_char};
use std::fmt;

use rustix::fs::{Gid, Uid};

/// A numbered place for a descriptor: filled by the parent before the clone, or by an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Slot(pub(crate) u8);

/// How many slots there are: as many as a number of one byte tells apart.
pub(crate) const MAX_SLOTS: usize = 256;

/// One step of the set-up.
#[derive(Debug)]
pub(crate) enum SetupOp {
    /// Makes all mounts private: nothing done here reaches the namespace that this one was copied from.
    PrivateMounts,
    /// Makes a detached mount of a file system that belongs to a namespace of the child.
    NewMount { slot: Slot, filesystem: CString, options: Vec<(CString, CString)>, attributes: MountAttributes },
    /// Makes the mount in the slot the root of the mount namespace; the old root stays on top of it.
    PivotRoot { slot: Slot },
    /// Takes the old root away.
    DetachOldRoot,
    /// Moves the mount in the slot to a path; the slot is empty afterwards.
    Attach { slot: Slot, target: CString },
    /// Puts a read-only clone of the mount or file at a path into a slot.
    CloneReadOnly { path: CString, slot: Slot },
    /// Puts a clone of what is at a path, links at its end not followed, into a slot.
    Clone { path: CString, slot: Slot, attributes: CloneAttributes },
    /// Takes the mount at a path away.
    Detach { target: CString },
    /// Hides a file behind `/dev/null` or a directory behind an empty one; an absent path is fine.
    Mask { target: CString },
    /// Makes what is at a path read-only; an absent path is fine.
    ReadOnly { target: CString },
    /// Sets the name in the UTS namespace.
    Hostname(CString),
    /// Brings up `lo` in the network namespace.
    LoopbackUp,
    /// Sets the mask for modes of new files.
    Umask(u32),
    /// Makes a directory unless something is there; a new one gets this owner.
    CreateDirectory { path: CString, uid: Uid, gid: Gid },
    /// Makes an empty file unless something is there.
    CreateFile { path: CString },
    /// Moves this process into the control group whose `cgroup.procs` is in the slot; the slot is empty afterwards.
    JoinControlGroup { slot: Slot },
    /// Sets a resource limit, of this process and all that it starts.
    ResourceLimit(ResourceLimit),
    /// Changes the working directory.
    ChangeDirectory { path: CString },
    /// Starts a session, away from any terminal.
    NewSession,
    /// Makes the terminal that is standard input the one of this session.
    ControllingTerminal,
    /// Puts a slot's descriptor at a fixed number that survives `execve`.
    StandardStream { slot: Slot, number: i32 },
    /// Installs system-call filters, the first one first.
    Seccomp { filters: Vec<FilterProgram> },
    /// Drops every capability that is not in the set from the bounding set.
    KeepBounding(CapabilityMask),
    /// Sets the supplementary groups.
    Groups(Vec<Gid>),
    /// Sets real, effective and saved group.
    Gid(Gid),
    /// Sets real, effective and saved user.
    Uid(Uid),
    /// Sets permitted and effective capabilities and empties the inheritable and ambient ones.
    Capabilities(CapabilityMask),
    /// Becomes the program: the first of the candidates that can be executed.
    Execute { candidates: Vec<CString>, arguments: CStringArray, environment: CStringArray },
}

/// The attributes of a new mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MountAttributes {
    pub(crate) read_only: bool,
    pub(crate) no_exec: bool,
    pub(crate) no_dev: bool,
}

/// The attributes of a clone, besides those of what it was cloned from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CloneAttributes {
    pub(crate) read_only: bool,
    pub(crate) no_exec: bool,
}

/// A resource limit as `setrlimit(2)` takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ResourceLimit {
    pub(crate) resource: u32,
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

/// A set of capabilities, bit N for capability N.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CapabilityMask(pub(crate) u64);

impl fmt::Debug for CapabilityMask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// A filter of system calls for `seccomp(2)`.
pub(crate) struct FilterProgram {
    pub(crate) name: &'static str,
    pub(crate) instructions: Vec<libc::sock_filter>,
}

impl fmt::Debug for FilterProgram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The instructions differ from one architecture to the next.
        formatter.write_str(self.name)
    }
}

/// Strings with the array of pointers, ended by a null, that `execve(2)` reads.
pub(crate) struct CStringArray {
    strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStringArray {
    pub(crate) fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
        Self { strings, pointers }
    }

    /// Returns the array; it lives as long as `self`, since the strings are never changed.
    pub(super) fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

impl fmt::Debug for CStringArray {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.strings.fmt(formatter)
    }
}

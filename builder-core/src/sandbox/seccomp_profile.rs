//! Docker's default filter of system calls, for the default capabilities.
//!
//! What is listed is allowed, all else is answered with `EPERM`, but for two kinds of calls with `ENOSYS`: `clone3`, so
//! that C libraries fall back to `clone`, whose flags a filter can see, and calls younger than this list, so that
//! programs fall back as on an older kernel.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::SandboxError;
use super::filter::{Answer, compile};
use crate::sys::setup_op::FilterProgram;

/// The flags of `clone` that make namespaces: mount, cgroup, uts, ipc, user, pid, net.
const NAMESPACE_FLAGS: u32 = 0x7e02_0000;

/// `AF_VSOCK`: talks to the hypervisor and to other machines, past the network namespace.
const VSOCK: u32 = 40;

/// The personalities that Docker allows: Linux, Linux with 32-bit name, both without randomized addresses, and the
/// question which one it is.
const PERSONALITIES: &[u32] = &[0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// The first number that this list does not know, the same on all architectures.
const FIRST_UNKNOWN: i64 = 470;

/// As far ahead as answering `ENOSYS` goes: years of kernel development.
const LAST_UNKNOWN: i64 = 599;

/// Calls without a constant in every version of the C library, the same on all architectures: `cachestat`,
/// `fchmodat2`, `map_shadow_stack`, `futex_wake`, `futex_wait`, `futex_requeue`, `mseal`, `setxattrat`,
/// `getxattrat`, `listxattrat`, `removexattrat`, `file_getattr`, `file_setattr`.
const YOUNG: [i64; 13] = [451, 452, 453, 454, 455, 456, 462, 463, 464, 465, 466, 468, 469];

macro_rules! numbers {
    ($($name:ident)*) => { &[$(libc::$name),*] };
}

#[rustfmt::skip]
const COMMON: &[libc::c_long] = numbers![
    SYS_accept SYS_accept4 SYS_adjtimex SYS_bind SYS_brk SYS_capget SYS_capset SYS_chdir SYS_chroot
    SYS_clock_adjtime SYS_clock_getres SYS_clock_gettime SYS_clock_nanosleep SYS_close SYS_close_range SYS_connect
    SYS_copy_file_range SYS_dup SYS_dup3 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2
    SYS_eventfd2 SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_faccessat SYS_faccessat2 SYS_fadvise64
    SYS_fallocate SYS_fanotify_mark SYS_fchdir SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_fcntl
    SYS_fdatasync SYS_fgetxattr SYS_flistxattr SYS_flock SYS_fremovexattr SYS_fsetxattr SYS_fstat SYS_fstatfs
    SYS_fsync SYS_ftruncate SYS_futex SYS_futex_waitv SYS_get_robust_list SYS_getcpu SYS_getcwd SYS_getdents64
    SYS_getegid SYS_geteuid SYS_getgid SYS_getgroups SYS_getitimer SYS_getpeername SYS_getpgid SYS_getpid
    SYS_getppid SYS_getpriority SYS_getrandom SYS_getresgid SYS_getresuid SYS_getrlimit SYS_getrusage SYS_getsid
    SYS_getsockname SYS_getsockopt SYS_gettid SYS_gettimeofday SYS_getuid SYS_getxattr SYS_inotify_add_watch
    SYS_inotify_init1 SYS_inotify_rm_watch SYS_io_cancel SYS_io_destroy SYS_io_getevents
    SYS_io_setup SYS_io_submit SYS_ioctl SYS_ioprio_get SYS_ioprio_set SYS_kill SYS_landlock_add_rule
    SYS_landlock_create_ruleset SYS_landlock_restrict_self SYS_lgetxattr SYS_linkat SYS_listen SYS_listxattr
    SYS_llistxattr SYS_lremovexattr SYS_lseek SYS_lsetxattr SYS_madvise SYS_membarrier SYS_memfd_create
    SYS_mincore SYS_mkdirat SYS_mknodat SYS_mlock SYS_mlock2 SYS_mlockall SYS_mmap SYS_mprotect SYS_mq_getsetattr
    SYS_mq_notify SYS_mq_open SYS_mq_timedreceive SYS_mq_timedsend SYS_mq_unlink SYS_mremap SYS_msgctl SYS_msgget
    SYS_msgrcv SYS_msgsnd SYS_msync SYS_munlock SYS_munlockall SYS_munmap SYS_name_to_handle_at SYS_nanosleep
    SYS_newfstatat SYS_openat SYS_openat2 SYS_pidfd_open SYS_pidfd_send_signal SYS_pipe2 SYS_pkey_alloc
    SYS_pkey_free SYS_pkey_mprotect SYS_ppoll SYS_prctl SYS_pread64 SYS_preadv SYS_preadv2 SYS_prlimit64
    SYS_process_mrelease SYS_process_vm_readv SYS_process_vm_writev SYS_pselect6 SYS_ptrace SYS_pwrite64
    SYS_pwritev SYS_pwritev2 SYS_read SYS_readahead SYS_readlinkat SYS_readv SYS_recvfrom SYS_recvmmsg SYS_recvmsg
    SYS_remap_file_pages SYS_removexattr SYS_renameat SYS_renameat2 SYS_restart_syscall SYS_rseq SYS_rt_sigaction
    SYS_rt_sigpending SYS_rt_sigprocmask SYS_rt_sigqueueinfo SYS_rt_sigreturn SYS_rt_sigsuspend
    SYS_rt_sigtimedwait SYS_rt_tgsigqueueinfo SYS_sched_get_priority_max SYS_sched_get_priority_min
    SYS_sched_getaffinity SYS_sched_getattr SYS_sched_getparam SYS_sched_getscheduler SYS_sched_rr_get_interval
    SYS_sched_setaffinity SYS_sched_setattr SYS_sched_setparam SYS_sched_setscheduler SYS_sched_yield SYS_seccomp
    SYS_semctl SYS_semget SYS_semop SYS_semtimedop SYS_sendfile SYS_sendmmsg SYS_sendmsg SYS_sendto
    SYS_set_robust_list SYS_set_tid_address SYS_setfsgid SYS_setfsuid SYS_setgid SYS_setgroups SYS_setitimer
    SYS_setpgid SYS_setpriority SYS_setregid SYS_setresgid SYS_setresuid SYS_setreuid SYS_setrlimit SYS_setsid
    SYS_setsockopt SYS_setuid SYS_setxattr SYS_shmat SYS_shmctl SYS_shmdt SYS_shmget SYS_shutdown SYS_sigaltstack
    SYS_signalfd4 SYS_socketpair SYS_splice SYS_statfs SYS_statx SYS_symlinkat SYS_sync SYS_sync_file_range
    SYS_syncfs SYS_sysinfo SYS_tee SYS_tgkill SYS_timer_create SYS_timer_delete SYS_timer_getoverrun
    SYS_timer_gettime SYS_timer_settime SYS_timerfd_create SYS_timerfd_gettime SYS_timerfd_settime SYS_times
    SYS_tkill SYS_truncate SYS_umask SYS_uname SYS_unlinkat SYS_utimensat SYS_vmsplice SYS_wait4 SYS_waitid
    SYS_write SYS_writev
];

/// `memfd_secret` is 447 everywhere; not every C library names it.
const MEMFD_SECRET: i64 = 447;

/// `io_pgetevents`, which not every C library names.
#[cfg(target_arch = "x86_64")]
const IO_PGETEVENTS: i64 = 333;
#[cfg(not(target_arch = "x86_64"))]
const IO_PGETEVENTS: i64 = 292;

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OWN: &[libc::c_long] = numbers![
    SYS_access SYS_alarm SYS_arch_prctl SYS_chmod SYS_chown SYS_creat SYS_dup2 SYS_epoll_create SYS_epoll_ctl_old
    SYS_epoll_wait SYS_epoll_wait_old SYS_eventfd SYS_fork SYS_futimesat SYS_get_thread_area SYS_getdents
    SYS_getpgrp SYS_inotify_init SYS_lchown SYS_link SYS_lstat SYS_mkdir SYS_mknod SYS_modify_ldt SYS_open
    SYS_pause SYS_pipe SYS_poll SYS_readlink SYS_rename SYS_rmdir SYS_select SYS_set_thread_area SYS_signalfd
    SYS_stat SYS_symlink SYS_time SYS_unlink SYS_utime SYS_utimes SYS_vfork
];

#[cfg(not(target_arch = "x86_64"))]
const OWN: &[libc::c_long] = &[];

/// `AUDIT_ARCH_X86_64`.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e);
/// `AUDIT_ARCH_AARCH64`.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// The filters, in the order in which they are installed; compiled once in a process.
pub(super) fn filters() -> Result<Vec<FilterProgram>, SandboxError> {
    static INSTRUCTIONS: OnceLock<Vec<libc::sock_filter>> = OnceLock::new();
    let architecture = ARCHITECTURE.ok_or(SandboxError::NoFilter(std::env::consts::ARCH))?;
    let instructions = if let Some(known) = INSTRUCTIONS.get() {
        known.clone()
    } else {
        let made = compile(architecture, &answers(), Answer::Fail(libc::EPERM))?;
        INSTRUCTIONS.get_or_init(|| made).clone()
    };
    Ok(vec![FilterProgram { name: "docker default", instructions }])
}

/// What is answered with something else than `EPERM`.
fn answers() -> BTreeMap<u32, Answer> {
    let number = |number: i64| u32::try_from(number).ok();
    let missing = (FIRST_UNKNOWN..=LAST_UNKNOWN).chain([libc::SYS_clone3]);
    let plain = COMMON.iter().chain(OWN).copied().chain(YOUNG).chain([MEMFD_SECRET, IO_PGETEVENTS]);
    let conditions = [
        (libc::SYS_clone, Answer::UnlessAnyBit(NAMESPACE_FLAGS)),
        (libc::SYS_socket, Answer::Unless(VSOCK)),
        (libc::SYS_personality, Answer::OnlyFor(PERSONALITIES)),
    ];
    let all = plain
        .map(|number| (number, Answer::Allow))
        .chain(missing.map(|number| (number, Answer::Fail(libc::ENOSYS))))
        .chain(conditions);
    all.filter_map(|(call, answer)| Some((number(call)?, answer))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::filter::tests::interpret;
    use super::*;

    fn answer(number: i64, argument: u32) -> u32 {
        let filters = filters().unwrap();
        let [filter] = filters.as_slice() else { panic!("one filter") };
        interpret(&filter.instructions, ARCHITECTURE.unwrap(), u32::try_from(number).unwrap(), argument).unwrap()
    }

    fn errno(errno: i32) -> u32 {
        libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
    }

    #[test]
    fn dangerous_calls_are_not_allowed() {
        let refused =
            [libc::SYS_mount, libc::SYS_unshare, libc::SYS_setns, libc::SYS_bpf, libc::SYS_kexec_load, 0x4000_0000];
        for number in refused {
            assert_eq!(answer(number, 0), errno(libc::EPERM), "{number}");
        }
        // CLONE_NEWUSER, CLONE_NEWNS, AF_VSOCK.
        assert_eq!(answer(libc::SYS_clone, 0x1000_0000), errno(libc::EPERM));
        assert_eq!(answer(libc::SYS_clone, 0x0002_0011), errno(libc::EPERM));
        assert_eq!(answer(libc::SYS_socket, 40), errno(libc::EPERM));
        assert_eq!(answer(libc::SYS_personality, 0x40_0000), errno(libc::EPERM));
    }

    #[test]
    fn every_listed_call_is_answered_as_listed() {
        for number in COMMON.iter().chain(OWN).copied().chain(YOUNG) {
            assert_eq!(answer(number, u32::MAX), libc::SECCOMP_RET_ALLOW, "{number}");
        }
        for number in [libc::SYS_clone3, FIRST_UNKNOWN, LAST_UNKNOWN] {
            assert_eq!(answer(number, 0), errno(libc::ENOSYS), "{number}");
        }
        assert_eq!(answer(LAST_UNKNOWN + 1, 0), errno(libc::EPERM));
        for (number, argument) in [(libc::SYS_clone, 0x11), (libc::SYS_socket, 2), (libc::SYS_personality, 0xffff_ffff)]
        {
            assert_eq!(answer(number, argument), libc::SECCOMP_RET_ALLOW, "{number}");
        }
    }

    #[test]
    fn the_filter_is_short() {
        assert!(filters().unwrap()[0].instructions.len() < 250);
    }
}

//! A root filesystem made of busybox, and what a run of it gave.

use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use builder_core::cancel::CancelToken;
use builder_core::event::LogStream;
use builder_core::sandbox::{Exit, SandboxError, SandboxFile, SandboxSpec, SignalQueue, isolation, run, stubs};
use builder_core::sys::mount;

const BUSYBOX: &str = "/bin/busybox";

/// Says why a test cannot run; fails where everything must run.
pub(crate) fn skip(reason: &str) -> bool {
    assert!(std::env::var_os("BUILDER_TESTS_REQUIRE").is_none_or(|value| value != "1"), "cannot run: {reason}");
    eprintln!("skipped: {reason}");
    true
}

/// Tells whether a test that needs root and busybox has to be skipped.
pub(crate) fn skipped() -> bool {
    if !rustix::process::geteuid().is_root() {
        return skip("not root");
    }
    if !Path::new(BUSYBOX).exists() {
        return skip("no /bin/busybox: apt-get install busybox-static");
    }
    false
}

/// A root filesystem with a place for its changes.
pub(crate) struct Rootfs {
    dir: PathBuf,
    /// Removes the directory in the end, unless it belongs to somebody else.
    owner: Option<tempfile::TempDir>,
}

impl Rootfs {
    pub(crate) fn new() -> Self {
        let owner = tempfile::tempdir().unwrap();
        let mut rootfs = Self::at(owner.path());
        rootfs.owner = Some(owner);
        rootfs
    }

    /// Makes it in an empty directory.
    pub(crate) fn at(dir: &Path) -> Self {
        let rootfs = Self { dir: dir.to_owned(), owner: None };
        for name in ["lower/bin", "lower/etc", "lower/tmp", "upper", "stubs"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        std::fs::copy(BUSYBOX, dir.join("lower/bin/busybox")).unwrap();
        let list = Command::new(BUSYBOX).arg("--list").output().unwrap();
        for applet in String::from_utf8(list.stdout).unwrap().lines().filter(|applet| *applet != "busybox") {
            symlink("busybox", dir.join("lower/bin").join(applet)).unwrap();
        }
        rootfs
    }

    pub(crate) fn lower(&self) -> PathBuf {
        self.dir.join("lower")
    }

    pub(crate) fn upper(&self) -> PathBuf {
        self.dir.join("upper")
    }

    /// What a step left behind, sorted.
    pub(crate) fn changes(&self) -> Vec<String> {
        fn walk(dir: &Path, base: &Path, into: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let entry = entry.unwrap();
                into.push(entry.path().strip_prefix(base).unwrap().display().to_string());
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), base, into);
                }
            }
        }
        let mut changes = Vec::new();
        walk(&self.upper(), &self.upper(), &mut changes);
        changes.sort();
        changes
    }

    pub(crate) fn spec_with_files(&self, args: &[&str], files: &[SandboxFile]) -> SandboxSpec {
        let stubs_dir = self.dir.join("stubs");
        std::fs::remove_dir_all(&stubs_dir).unwrap();
        std::fs::create_dir(&stubs_dir).unwrap();
        let view = std::fs::File::open(self.lower()).unwrap();
        let extra = stubs::prepare(view.as_fd(), &stubs::targets(true, files), &stubs_dir).unwrap();
        let lower = self.lower();
        let lowers: Vec<&Path> = extra.as_deref().into_iter().chain([lower.as_path()]).collect();
        // A work directory serves one mount.
        let (upper, work) = (self.upper(), tempfile::tempdir_in(&self.dir).unwrap().keep());
        let userxattr = !isolation::in_initial_user_namespace();
        let root = mount::overlay(&lowers, Some((&upper, &work)), userxattr).unwrap();
        SandboxSpec::new(root, args.iter().map(ToString::to_string).collect())
            .resolv_conf("nameserver 192.0.2.53\n")
            .files(files.to_vec())
    }

    pub(crate) fn spec(&self, args: &[&str]) -> SandboxSpec {
        self.spec_with_files(args, &[])
    }

    pub(crate) fn shell(&self, script: &str) -> SandboxSpec {
        self.spec(&["/bin/sh", "-c", script])
    }
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn try_run(spec: &SandboxSpec) -> Result<Outcome, SandboxError> {
    let collected = Mutex::new((Vec::new(), Vec::new()));
    let exit = run(
        spec,
        &|stream, bytes| {
            let mut collected = collected.lock().unwrap();
            match stream {
                LogStream::Stdout => collected.0.extend_from_slice(bytes),
                LogStream::Stderr => collected.1.extend_from_slice(bytes),
            }
        },
        &CancelToken::new(),
    )?;
    let (stdout, stderr) = collected.into_inner().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Outcome { exit, stdout: text(stdout), stderr: text(stderr) })
}

/// Runs and expects success; returns standard output.
pub(crate) fn output(spec: &SandboxSpec) -> String {
    let outcome = try_run(spec).unwrap();
    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    outcome.stdout
}

/// A command that is passed signals has a process above it.
pub(crate) fn with_init(mut spec: SandboxSpec) -> SandboxSpec {
    let (_, signals) = std::sync::mpsc::channel();
    spec.signals = Some(SignalQueue::new(signals));
    spec
}

//! What the end-to-end tests share: a store and a working directory of their own, the real binary run as
//! root or as an ordinary user, base filesystems, and a look inside the images that come out.

#![allow(dead_code, reason = "each test binary uses its own part of the support")]

pub mod bases;
pub mod bounded;
pub mod documents;
pub mod fault_proxy;
pub mod image;
pub mod peers;
pub mod servers;
pub mod tree;

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The ordinary user that the rootless tests run as; `tests/run` makes it.
pub const ORDINARY_USER: &str = "builder-test";

/// Who runs the builder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunAs {
    /// The user of the tests, root.
    Root,
    /// [`ORDINARY_USER`], who has sub-ids.
    Ordinary,
}

/// The named context that [`TestEnv::image`] gives.
pub const BASE: &str = "base=host:sh,cat,ls,mkdir,ln,rm,chmod,chown,id,touch,mv";

/// A directory for one test, with a store inside.
pub struct TestEnv {
    directory: TempDir,
    run_as: RunAs,
}

/// Bytes that no compression makes smaller, others for each seed.
pub fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let next = || {
        // xorshift32
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("repository root")
}

/// Fails where a folder of tests has a file that its `main.rs` does not list.
pub fn assert_all_are_modules(folder: &str) {
    let directory = repository().join(folder);
    let main = std::fs::read_to_string(directory.join("main.rs")).expect("main.rs");
    for entry in std::fs::read_dir(directory).expect("directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(main.contains(&format!("mod {module};")), "{name} is not listed in main.rs");
        }
    }
}

/// A folder of `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    repository().join("fixtures").join(name)
}

/// Where tests keep what has many files: memory where there is some, since the stores of a test run are many
/// small files.
pub fn scratch_parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// The binary under test where every user can execute it: the target directory may be in a home that others
/// cannot enter. One copy for each target directory, shared by all test binaries and runs.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let original = Path::new(env!("CARGO_BIN_EXE_builder"));
        let directory = binaries();
        remove_stale_binaries(&directory);
        let mut hasher = DefaultHasher::new();
        original.hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        let path = directory.join(&name);
        let state = |path: &Path| fs::metadata(path).map(|found| (found.len(), found.modified().ok())).ok();
        if state(&path) == state(original) {
            return path;
        }
        symlink_over(original, &directory.join(format!("{name}.original")));
        let partial = directory.join(format!("{name}.{}", std::process::id()));
        // Another process copies it: a descriptor for writing, inherited by a child of another test's thread,
        // would make the copy "busy" to whoever runs it.
        let copied = Command::new("cp").arg("--preserve=mode,timestamps").arg(original).arg(&partial).status();
        assert!(copied.expect("cp").success(), "copy of the binary");
        fs::rename(&partial, &path).expect("rename of the binary");
        path
    })
}

/// The directory of the copies. Its name is known to all users: it must be ours alone.
fn binaries() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    let directory = scratch_parent().join(format!("builder-binaries-{user}"));
    match fs::create_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        other => other.expect("directory of the binaries"),
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("mode");
    let metadata = fs::symlink_metadata(&directory).expect("directory of the binaries");
    assert!(metadata.is_dir() && metadata.uid() == user, "{} belongs to somebody else", directory.display());
    directory
}

/// Removes copies whose original is gone, with its target directory.
fn remove_stale_binaries(directory: &Path) {
    for entry in fs::read_dir(directory).expect("directory of the binaries").flatten() {
        let link = entry.path();
        if link.extension() == Some(OsStr::new("original")) && !link.exists() {
            // Another test binary may be at it at the same time.
            let _gone = fs::remove_file(link.with_extension(""));
            let _gone = fs::remove_file(link);
        }
    }
}

fn symlink_over(target: &Path, link: &Path) {
    let partial = link.with_extension(format!("original-{}", std::process::id()));
    std::os::unix::fs::symlink(target, &partial).expect("link");
    fs::rename(partial, link).expect("rename of a link");
}

impl TestEnv {
    /// Makes an environment in which the builder runs as root.
    pub fn root() -> Self {
        Self::new(RunAs::Root)
    }

    /// Makes an environment in which the builder runs as `run_as`.
    pub fn new(run_as: RunAs) -> Self {
        let directory =
            tempfile::Builder::new().prefix("builder-test-").tempdir_in(scratch_parent()).expect("temporary directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        let env = Self { directory, run_as };
        for name in ["home", "work", "out"] {
            let path = env.path(name);
            fs::create_dir(&path).expect("directory");
            env.give(&path);
        }
        env
    }

    fn give(&self, path: &Path) {
        if self.run_as == RunAs::Ordinary {
            let status = Command::new("chown").arg("-Rh").arg(ORDINARY_USER).arg(path).status().expect("chown runs");
            assert!(status.success(), "chown to {ORDINARY_USER}; run tests/run, which makes that user");
        }
    }

    /// A path inside the environment.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.path("home/store")
    }

    /// Writes a file below `work/` and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("work").join(name);
        fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        fs::write(&path, content).expect("file");
        self.give(&self.path("work"));
        path
    }

    /// Copies a fixture below `work/` and returns its path.
    pub fn copy_fixture(&self, name: &str, to: &str) -> PathBuf {
        let target = self.path("work").join(to);
        let status = Command::new("cp").arg("-r").arg(fixture(name)).arg(&target).status().expect("cp");
        assert!(status.success());
        self.give(&target);
        target
    }

    /// The builder with a scrubbed environment and this store, working directory `work/`.
    pub fn builder(&self) -> Command {
        let mut command = match self.run_as {
            RunAs::Root => Command::new(binary()),
            RunAs::Ordinary => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", ORDINARY_USER, "--regid", ORDINARY_USER, "--init-groups", "--"]).arg(binary());
                command
            }
        };
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.path("home"))
            .env("BUILDER_ROOT", self.store())
            .current_dir(self.path("work"));
        command
    }

    /// Builds the context `work/` with a Dockerfile and looks at what came out. `base` is a named context with a
    /// few programs of this machine.
    #[track_caller]
    pub fn image(&self, dockerfile: &str) -> image::Image {
        self.write("Dockerfile", dockerfile);
        self.ok(["build", "-t", "app", "--build-context", BASE, "."]);
        image::Image::open(&self.store(), "app")
    }

    /// Builds the context `work/` with a Dockerfile, which must not succeed, and returns what was said.
    #[track_caller]
    pub fn refused(&self, dockerfile: &str) -> String {
        self.write("Dockerfile", dockerfile);
        let finished = self.run(["build", "--build-context", BASE, "."]);
        assert_ne!(finished.code, Some(0), "{dockerfile}");
        finished.stderr
    }

    /// Runs the builder and returns what it said, whatever came of it.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        Finished::of(self.builder().args(arguments))
    }

    /// Runs the builder, which must succeed.
    pub fn ok<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        self.run(arguments).success()
    }
}

/// What a finished command said.
#[derive(Debug)]
pub struct Finished {
    /// The command line, for messages.
    pub command: String,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
}

impl Finished {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self {
            command: shown,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            code: status.code(),
        }
    }

    /// Insists that the command succeeded.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}\n{}", self.command, self.stdout, self.stderr);
        self
    }

    /// Insists on an exit code.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}\n{}", self.command, self.stdout, self.stderr);
        self
    }
}

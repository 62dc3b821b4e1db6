//! Base filesystems for the tests, made once a test run by `mmdebstrap`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FlockOperation, flock};

/// A Debian root filesystem as a tar archive: `minbase`, with these packages besides.
pub fn debian(packages: &[&str]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bases");
    fs::create_dir_all(&directory).expect("directory for bases");
    let name = if packages.is_empty() { "debian".to_owned() } else { format!("debian-{}", packages.join("-")) };
    let archive = directory.join(format!("{name}.tar"));
    // Several test processes may want it at once; one makes it.
    let lock = File::create(directory.join(format!("{name}.lock"))).expect("lock file");
    flock(&lock, FlockOperation::LockExclusive).expect("lock");
    if !archive.exists() {
        let partial = directory.join(format!("{name}.partial.tar"));
        let mut command = Command::new("mmdebstrap");
        command.args(["--quiet", "--variant=minbase", "--format=tar"]);
        if !packages.is_empty() {
            command.arg(format!("--include={}", packages.join(",")));
        }
        let status = command.arg("bookworm").arg(&partial).status().expect("mmdebstrap is installed by tests/run");
        assert!(status.success(), "mmdebstrap failed");
        fs::rename(&partial, &archive).expect("rename");
    }
    archive
}

//! This test binary as a program of its own: with `BUILDER_TEST_ROLE` set it plays that role and leaves, before the
//! test harness starts its threads (a user namespace can only be entered without any).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use builder_core::cancel::CancelToken;
use builder_core::sandbox::rootless::{self, RootlessOptions};
use builder_core::sandbox::{ProcessIdentity, SandboxNetwork, run};

use crate::support::{Rootfs, try_run};

const ROLE: &str = "BUILDER_TEST_ROLE";
const DIR: &str = "BUILDER_TEST_DIR";

extern "C" fn before_main() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let dir = PathBuf::from(std::env::var_os(DIR).unwrap());
    let code = match role.as_str() {
        "sleep" => sleep(&dir),
        "rootless" => rootless(&dir),
        "shared" => shared(&dir),
        other => panic!("no role `{other}`"),
    };
    std::process::exit(code);
}

#[expect(unsafe_code, reason = "the only way to run before the harness starts threads")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Prepares a run of this binary in a role, working in a directory.
pub(crate) fn command(role: &str, dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role).env(DIR, dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A text in the command line of what the role "sleep" runs.
pub(crate) fn marker(dir: &Path) -> String {
    format!("marker={}", dir.display())
}

/// A builder whose step sleeps until somebody kills it.
fn sleep(dir: &Path) -> i32 {
    let rootfs = Rootfs::at(dir);
    let script = format!(": {}; trap '' TERM HUP INT; sh -c ': {0}; sleep 1000; true'; true", marker(dir));
    let spec = rootfs.shell(&script);
    std::fs::write(dir.join("ready"), "").unwrap();
    // A second thread, as in a real builder: the sandbox must die with the process in any case.
    std::thread::scope(|scope| {
        scope.spawn(|| run(&spec, &|_, _| {}, &CancelToken::new()));
    });
    0
}

/// Runs a step where all mounts are shared, as systemd makes them; prints mounts that arrived from the sandbox.
fn shared(dir: &Path) -> i32 {
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(mounts().contains("shared:"));
    let spec = Rootfs::at(dir).shell("echo now");
    let before = mounts();
    run(&spec, &|_, _| assert_eq!(mounts(), before), &CancelToken::new()).unwrap();
    println!("same mounts");
    0
}

/// Enters a user namespace and shows what a step sees there.
fn rootless(dir: &Path) -> i32 {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let options = RootlessOptions::new(uid, gid).user(std::env::var("BUILDER_TEST_USER").ok());
    match rootless::enter(&options) {
        Ok(entered) => println!("entered {entered:?}"),
        Err(error) => {
            println!("{error}");
            return 1;
        }
    }
    let rootfs = Rootfs::at(dir);
    let script = "id -u; cat /proc/self/uid_map | awk '{print $1}'; grep CapEff /proc/self/status
        touch /x; chown 1234:567 /x; stat -c %u:%g /x; rm /bin/yes; ls -d /sys/class; hostname
        (echo x > /sys/x || echo x > /etc/hosts) 2>/dev/null || echo read-only; echo x > /dev/null";
    println!("{}", try_run(&rootfs.shell(script)).unwrap().stdout);
    let identity = ProcessIdentity { uid: 1000, gid: 1000, groups: vec![1000], home: "/".into() };
    let spec =
        rootfs.shell("id -u; id -G; cat /proc/net/dev | grep -c :").network(SandboxNetwork::None).identity(identity);
    println!("{}", try_run(&spec).unwrap().stdout);
    let unmapped = ProcessIdentity { uid: 4_000_000, gid: 0, groups: Vec::new(), home: "/".into() };
    println!("{}", try_run(&rootfs.shell("true").identity(unmapped)).unwrap_err());
    for change in rootfs.changes() {
        println!("change {change}");
    }
    println!("mounts {}", std::fs::read_to_string("/proc/self/mountinfo").unwrap().matches("overlay").count());
    0
}

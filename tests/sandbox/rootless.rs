//! An ordinary user with subordinate ids.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{skip, skipped};

const USER: &str = "builder-test";

/// Finds or makes the user; returns its (uid, gid).
fn user() -> Option<(u32, u32)> {
    let find = || {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = passwd.lines().find(|line| line.split(':').next() == Some(USER))?;
        let mut numbers = line.split(':').skip(2).map(|field| field.parse::<u32>().unwrap());
        Some((numbers.next()?, numbers.next()?))
    };
    if find().is_none() {
        Command::new("useradd").args(["--create-home", USER]).status().ok()?;
    }
    let found = find()?;
    for file in ["/etc/subuid", "/etc/subgid"] {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if !text.lines().any(|line| line.split(':').next() == Some(USER)) {
            std::fs::write(file, format!("{text}{USER}:700000:65536\n")).unwrap();
        }
    }
    Some(found)
}

/// Runs this binary as an ordinary user in the role "rootless"; returns what it printed.
fn run_as(uid: u32, gid: u32, user: &str) -> String {
    let base = tempfile::tempdir().unwrap();
    std::fs::set_permissions(base.path(), PermissionsExt::from_mode(0o755)).unwrap();
    // The binary may be in a directory that the user cannot enter.
    let program = base.path().join("probe");
    // By another process: a descriptor for writing that a child of another thread inherits makes the copy busy.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let dir = base.path().join("dir");
    std::fs::create_dir(&dir).unwrap();
    std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).unwrap();
    let output = Command::new(&program)
        .env("BUILDER_TEST_ROLE", "rootless")
        .env("BUILDER_TEST_DIR", &dir)
        .env("BUILDER_TEST_USER", user)
        .current_dir("/")
        .stdin(Stdio::null())
        .uid(uid)
        .gid(gid)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    format!("{}{error}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn an_ordinary_user_is_root_inside_with_all_its_ids() {
    if skipped() || (!Path::new("/usr/bin/newuidmap").exists() && skip("no newuidmap: apt-get install uidmap")) {
        return;
    }
    let Some((uid, gid)) = user() else {
        skip("cannot make a user");
        return;
    };
    let text = run_as(uid, gid, USER);
    let expected = "entered Entered { users: 65537, groups: 65537 }\n\
        0\n0\n1\nCapEff:\t00000000a80425fb\n1234:567\n/sys/class\nbuildkitsandbox\nread-only\n\n\
        1000\n1000\n1\n\n\
        user 4000000 is not mapped in this user namespace: more subordinate ids are needed\n\
        change bin\nchange bin/yes\nchange x\nmounts 0\n";
    assert_eq!(text, expected);
}

#[test]
fn a_user_without_ids_is_told_which_line_is_missing() {
    if skipped() {
        return;
    }
    let text = run_as(65_534, 65_534, "nobody");
    assert!(text.contains("have an administrator add the line `nobody:100000:65536`"), "{text}");
}

//! Mending files.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::TestEnv;

const BEFORE: &str = "FROM debian:12\nADD app.py /app/\nUSER 1000\n";
const AFTER: &str = "FROM debian:12\nCOPY app.py /app/\nUSER 1000\n";
const ALL: [&str; 5] = ["lint", "--select", "DL3000,DL3020", "--fix", "--unsafe-fixes"];

fn read(env: &TestEnv, name: &str) -> String {
    std::fs::read_to_string(env.path("work").join(name)).unwrap()
}

#[test]
fn files_are_mended_in_place_and_keep_their_mode() {
    let env = TestEnv::root();
    let path = env.write("Dockerfile", BEFORE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("Dockerfile", env.path("work/link.Dockerfile")).unwrap();
    let done = env.ok([&ALL[..], &["--show-fixes", "link.Dockerfile"]].concat());
    assert_eq!(read(&env, "Dockerfile"), AFTER);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(env.path("work/link.Dockerfile").is_symlink());
    assert!(done.stderr.contains("mended 1 finding in 1 file\n  link.Dockerfile: 1 × DL3020"), "{}", done.stderr);
    assert_eq!(std::fs::read_dir(env.path("work")).unwrap().count(), 2, "nothing is left behind");
    env.write("Dockerfile", BEFORE);
    env.ok([&ALL[..], &["."]].concat());
    assert_eq!(read(&env, "Dockerfile"), AFTER, "two ways to it are no trouble");
    env.ok([&ALL[..], &["."]].concat());
    assert_eq!(read(&env, "Dockerfile"), AFTER, "a second time changes nothing");
}

#[test]
fn unsafe_fixes_are_asked_for() {
    let env = TestEnv::root();
    env.write("Dockerfile", BEFORE);
    env.run(["lint", "--select", "DL3020", "--fix"]).fails(1);
    assert_eq!(read(&env, "Dockerfile"), BEFORE);
}

#[test]
fn differences_are_shown_and_nothing_is_changed() {
    let env = TestEnv::root();
    env.write("Dockerfile", BEFORE);
    env.write("clean/Dockerfile", AFTER);
    let shown = env.run(["lint", "--select", "DL3020", "--diff", "--unsafe-fixes"]).fails(1);
    insta::assert_snapshot!(shown.stdout, @r"
    --- Dockerfile
    +++ Dockerfile
    @@ -1,3 +1,3 @@
     FROM debian:12
    -ADD app.py /app/
    +COPY app.py /app/
     USER 1000
    ");
    assert_eq!(read(&env, "Dockerfile"), BEFORE);
    env.ok(["lint", "--select", "DL3020", "--diff", "--unsafe-fixes", "clean"]);
    let both = env.run(["lint", "--select", "DL3020", "--fix", "--diff", "--unsafe-fixes"]).fails(1);
    assert_eq!(both.stdout, shown.stdout, "--diff wins");
    assert_eq!(read(&env, "Dockerfile"), BEFORE);
    // patch takes it.
    std::fs::write(env.path("work/x.diff"), shown.stdout).unwrap();
    let patched = std::process::Command::new("git")
        .args(["apply", "-p0", "x.diff"])
        .current_dir(env.path("work"))
        .env("GIT_CEILING_DIRECTORIES", env.path(""))
        .status();
    assert!(patched.unwrap().success());
    assert_eq!(read(&env, "Dockerfile"), AFTER);
}

#[test]
fn standard_input_is_mended_to_standard_output() {
    let env = TestEnv::root();
    let mut command = env.builder();
    command.args(ALL).arg("-");
    let done = crate::stdin::run(command, BEFORE).success();
    assert_eq!(done.stdout, AFTER);
}

#[test]
fn what_is_left_is_reported() {
    let env = TestEnv::root();
    env.write("Dockerfile", format!("{BEFORE}WORKDIR rel\n"));
    let left = env.run([&ALL[..], &["-f", "compact"]].concat()).fails(1);
    assert!(left.stdout.starts_with("Dockerfile:4:9: error[DL3000]"), "{}", left.stdout);
    assert_eq!(left.stdout.lines().count(), 1);
    assert!(read(&env, "Dockerfile").contains("COPY app.py"));
}

#[test]
fn a_folder_that_cannot_be_written_to_is_an_error() {
    let env = TestEnv::new(crate::support::RunAs::Ordinary);
    env.write("Dockerfile", BEFORE);
    std::fs::set_permissions(env.path("work"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let failed = env.run(ALL).fails(2);
    assert!(failed.stderr.contains("cannot write `Dockerfile`: Permission denied"), "{}", failed.stderr);
    assert_eq!(read(&env, "Dockerfile"), BEFORE);
}

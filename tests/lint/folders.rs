//! Which files are found.

use std::os::unix::fs::symlink;

use crate::FAULTY;
use crate::support::{Finished, TestEnv};

fn files(finished: &Finished) -> Vec<String> {
    let mut names: Vec<String> =
        finished.stdout.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    names.dedup();
    names
}

#[test]
fn dockerfiles_are_found_by_name_in_hidden_folders_too() {
    let env = TestEnv::root();
    let names = [
        ".devcontainer/Dockerfile",
        "Containerfile",
        "Containerfile.dev",
        "Dockerfile",
        "Dockerfile.dev",
        "a/b/Dockerfile",
        "a/x.Dockerfile",
        "a/x.dockerfile",
    ];
    for name in names {
        env.write(name, FAULTY);
    }
    for name in [
        "Dockerfile.dockerignore",
        "Dockerfile.md",
        ".git/Dockerfile",
        "MyDockerfile",
        "Dockerfile.in",
        "Dockerfile.j2",
        "Dockerfile.tmpl",
        "Dockerfile.erb",
        "Containerfile.template",
        "a/x.Dockerfile.jinja",
        "docker-compose.yml",
        "README.md",
    ] {
        env.write(name, "nonsense\n");
    }
    assert_eq!(files(&env.run(["lint", "-f", "compact"]).fails(1)), names);
    assert_eq!(files(&env.run(["lint", "-f", "compact", "a"])), ["a/b/Dockerfile", "a/x.Dockerfile", "a/x.dockerfile"]);
    assert_eq!(files(&env.run(["lint", "-f", "compact", "Dockerfile", "./Dockerfile", "."])).len(), names.len());
    assert_eq!(files(&env.run(["lint", "-f", "compact", "Dockerfile.in"])), ["Dockerfile.in"], "it is named");
}

#[test]
fn ignored_files_are_left_out_unless_they_are_named() {
    let env = TestEnv::root();
    env.write("vendor/Dockerfile", FAULTY);
    env.write("Dockerfile", FAULTY);
    env.write(".gitignore", "vendor/\n");
    assert_eq!(files(&env.run(["lint", "-f", "compact"])), ["Dockerfile"]);
    assert_eq!(files(&env.run(["lint", "-f", "compact", "vendor/Dockerfile"])), ["vendor/Dockerfile"]);
}

#[test]
fn links_to_files_are_followed_those_to_folders_and_to_nothing_are_not() {
    let env = TestEnv::root();
    env.write("real/Dockerfile", FAULTY);
    let work = env.path("work");
    let outside = env.path("outside");
    std::fs::write(&outside, FAULTY).unwrap();
    symlink(outside, work.join("link.Dockerfile")).unwrap();
    symlink("real/Dockerfile", work.join("same.Dockerfile")).unwrap();
    symlink(".", work.join("again")).unwrap();
    symlink("loop.Dockerfile", work.join("loop.Dockerfile")).unwrap();
    symlink("nothing", work.join("gone.Dockerfile")).unwrap();
    let done = env.run(["lint", "-f", "compact"]).fails(1);
    assert_eq!(files(&done), ["link.Dockerfile", "real/Dockerfile"]);
    assert!(done.stderr.contains("warning: `loop.Dockerfile` is left out"), "{}", done.stderr);
    assert!(done.stderr.contains("warning: `gone.Dockerfile` is left out"), "{}", done.stderr);
    env.run(["lint", "gone.Dockerfile"]).fails(2);
}

#[test]
fn a_folder_without_dockerfiles_is_said_and_no_error() {
    let env = TestEnv::root();
    assert!(env.ok(["lint"]).stderr.contains("no Dockerfile was found"));
}

#[test]
fn names_that_are_not_text_and_endless_files_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    let env = TestEnv::root();
    let name = std::ffi::OsStr::from_bytes(b"\xff.Dockerfile");
    std::fs::write(env.path("work").join(name), FAULTY).unwrap();
    let mut command = env.builder();
    Finished::of(command.args(["lint", "-f", "json"]).arg(name)).fails(1);
    let endless = env.run(["lint", "/dev/zero"]).fails(2);
    assert!(endless.stderr.contains("larger than"), "{}", endless.stderr);
}

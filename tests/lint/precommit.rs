//! The hooks, run by the real `pre-commit` on a real git repository, from a clone of this one.

use std::path::Path;
use std::process::Command;

use crate::support::{Finished, TestEnv, repository};
use crate::tool;

struct Project {
    env: TestEnv,
}

impl Project {
    /// Makes a repository whose `.pre-commit-config.yaml` has a hook of ours.
    fn new(hook: &str, arguments: &str) -> Self {
        let project = Self { env: TestEnv::root() };
        // The hooks as they are in the working tree, committed or not.
        let hooks = project.env.path("hooks");
        std::fs::create_dir_all(hooks.join(".ci")).unwrap();
        for name in [".pre-commit-hooks.yaml", ".ci/lint-hook"] {
            std::fs::copy(repository().join(name), hooks.join(name)).unwrap();
        }
        for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-q", "-m", "hooks"]] {
            project.git(&hooks, arguments);
        }
        let revision = project.git(&hooks, &["rev-parse", "HEAD"]);
        project.env.write(
            ".pre-commit-config.yaml",
            format!(
                "repos:\n  - repo: {}\n    rev: {}\n    hooks:\n      - id: {hook}\n        args: [{arguments}]\n",
                hooks.display(),
                revision.trim()
            ),
        );
        project.git(&project.env.path("work"), &["init", "-q"]);
        project
    }

    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = self.env.builder();
        let path = format!("{}:{}", self.env.path("bin").display(), std::env::var("PATH").unwrap());
        let mut own = Command::new(program);
        own.env_clear().current_dir(folder).env("PATH", path).env("HOME", self.env.path("home"));
        for (name, value) in [("NAME", "test"), ("EMAIL", "test@example.org")] {
            own.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        // The binary under test, as it is installed.
        let bin = self.env.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        if !bin.join("builder").exists() {
            std::os::unix::fs::symlink(command.get_program(), bin.join("builder")).unwrap();
        }
        command.env_clear();
        own
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        Finished::of(self.command(&tool("git"), folder).args(arguments)).success().stdout
    }

    /// Stages everything and runs the hooks.
    fn run(&self) -> Finished {
        let work = self.env.path("work");
        self.git(&work, &["add", "-A"]);
        Finished::of(self.command(&tool("pre-commit"), &work).args(["run", "--color=never"]))
    }
}

#[test]
fn the_hook_looks_at_what_is_committed() {
    let project = Project::new("builder-lint", "");
    project.env.write("clean/Dockerfile", "FROM debian:12\nUSER 1000\n");
    project.env.write("README.md", "FROM debian\n");
    project.run().success();
    project.env.write("app/Dockerfile.dev", "FROM debian\nUSER 1000\n");
    let failed = project.run().fails(1);
    assert!(failed.stdout.contains("app/Dockerfile.dev:1:6"), "{}", failed.stdout);
    assert!(!failed.stdout.contains("README"), "{}", failed.stdout);
    project.env.write(".hadolint.yaml", "ignored: [DL3006]\n");
    project.run().success();
}

#[test]
fn the_other_hook_mends_it() {
    let project = Project::new("builder-lint-fix", "--unsafe-fixes");
    let path = project.env.write("Dockerfile", "FROM debian:12\nADD a /b\nUSER 1000\n");
    let failed = project.run().fails(1);
    assert!(failed.stdout.contains("files were modified by this hook"), "{}", failed.stdout);
    assert_eq!(std::fs::read_to_string(path).unwrap(), "FROM debian:12\nCOPY a /b\nUSER 1000\n");
    project.run().success();
}

#[test]
fn where_builder_is_not_installed_cargo_builds_it_once() {
    let project = Project::new("builder-lint", "");
    let (bin, work) = (project.env.path("bin"), project.env.path("work"));
    let hook = project.env.path("hooks/.ci/lint-hook");
    // Another program of that name, without a linter, and a cargo that notes its arguments and is quick.
    let program = |name: &str, script: &str| {
        let path = bin.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    };
    let real = std::fs::read_link(bin.join("builder")).unwrap();
    std::fs::remove_file(bin.join("builder")).unwrap();
    program("builder", "exit 2");
    let (calls, real) = (bin.join("calls"), real.display());
    let build = "while [ \"$1\" != --target-dir ]; do shift; done; mkdir -p \"$2/release\"";
    program("cargo", &format!("echo \"$@\" >>{}\n{build} && cp {real} \"$2/release/builder\"", calls.display()));
    project.env.write("Dockerfile", "FROM debian\n");
    for _ in 0..2 {
        let done = Finished::of(project.command(&hook, &work).arg("Dockerfile")).fails(1);
        assert!(done.stdout.contains("Dockerfile:1:6"), "{}{}", done.stdout, done.stderr);
    }
    let calls = std::fs::read_to_string(calls).unwrap();
    assert_eq!(calls.lines().count(), 1, "{calls}");
    assert!(calls.starts_with("build --release --locked -p builder-cli --manifest-path "), "{calls}");
}

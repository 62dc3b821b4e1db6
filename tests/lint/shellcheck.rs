//! Asking the installed ShellCheck.

use std::process::Command;

use crate::support::{Finished, TestEnv};
use crate::tool;

fn lint(text: &str, arguments: &[&str]) -> Finished {
    let env = TestEnv::root();
    env.write("Dockerfile", text);
    let program = format!("--shellcheck={}", tool("shellcheck").display());
    env.run([&["lint", "-f", "compact", "--select", "SC", &program], arguments].concat())
}

/// SC2129, SC2236 and the like are ShellCheck's alone.
const TEXT: &str = "FROM debian:12\nARG name\nENV other=1\nRUN true && \\\n    if [ ! -z \"$name$other\" ]; then \\\n    \
                    echo é; fi; [[ -n $name ]]\nRUN <<EOF\necho \"$other\"\nif [ ! -z \"$name\" ]; then echo; fi\nEOF\n";

#[test]
fn its_findings_stand_where_they_are_in_the_file() {
    let done = lint(TEXT, &[]);
    assert!(done.stdout.contains("Dockerfile:5:10: style[SC2236]: "), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("Dockerfile:9:6: style[SC2236]: "), "{}{}", done.stdout, done.stderr);
    assert!(!done.stdout.contains("SC2154"), "ARG and ENV are known: {}", done.stdout);
}

#[test]
fn comments_options_and_levels_hold_for_them() {
    assert!(!lint(TEXT, &["--ignore", "SC2236"]).stdout.contains("SC2236"));
    assert!(lint(TEXT, &["--error", "SC2236"]).fails(1).stdout.contains("error[SC2236]"));
    let silenced = TEXT.replace("RUN true", "# hadolint ignore=SC2236\nRUN true");
    assert!(!lint(&silenced, &[]).stdout.contains("Dockerfile:6:"));
}

#[test]
fn it_has_to_be_installed() {
    let env = TestEnv::root();
    env.write("Dockerfile", TEXT);
    let mut command: Command = env.builder();
    let failed = Finished::of(command.env("PATH", "/nowhere").args(["lint", "--shellcheck"])).fails(2);
    assert!(failed.stderr.contains("cannot run `shellcheck`") && failed.stderr.contains("help: "), "{}", failed.stderr);
}

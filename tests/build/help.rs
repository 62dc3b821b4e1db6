//! What `--help` says is a promise to scripts and people: it changes on purpose only.

use crate::support::TestEnv;

fn help(arguments: &[&str]) -> String {
    let said = TestEnv::root().ok(arguments);
    assert_eq!(said.stderr, "");
    said.stdout
}

#[test]
fn the_commands_are_listed() {
    insta::assert_snapshot!(help(&["--help"]));
}

#[test]
fn the_flags_of_build_are_explained() {
    insta::assert_snapshot!(help(&["build", "--help"]));
}

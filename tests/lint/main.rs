//! End-to-end tests of `builder lint`: the real binary, and the tools that its users come from or read its reports
//! with: hadolint, ShellCheck, pre-commit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(missing_docs, reason = "the names of the tests say what they show")]

#[path = "../support/mod.rs"]
mod support;

mod beginner;
mod compat;
mod config;
mod contexts;
mod differential;
mod documentation;
mod exit_codes;
mod fix;
mod folders;
mod formats;
mod precommit;
mod safe_fixes;
mod shellcheck;
mod stdin;

use std::path::PathBuf;

/// A Dockerfile with findings of several levels.
const FAULTY: &str = "FROM debian\nMAINTAINER \"a & <b>\"\nWORKDIR rel\nLABEL Foo=bar\n";
/// One without any.
const CLEAN: &str = "FROM debian:12\nUSER 1000\n";
/// One whose only finding is a matter of style.
const STYLE: &str = "FROM debian:12\nUSER 1000\nLABEL Foo=bar\n";

/// A tool that `tests/run` installs.
fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders
        .find_map(|folder| Some(folder.join(name)).filter(|path| path.exists()))
        .unwrap_or_else(|| panic!("`{name}` is not in PATH; tests/run installs it"))
}

/// A test file that nobody lists would never run.
#[test]
fn every_file_of_this_folder_is_a_module() {
    support::assert_all_are_modules("tests/lint");
}

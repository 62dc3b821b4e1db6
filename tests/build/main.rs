//! End-to-end tests of `builder build` and the image commands: the real binary, real Dockerfiles, and a look
//! inside the images that come out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(missing_docs, reason = "the names of the tests say what they show")]

#[path = "../support/mod.rs"]
mod support;

mod add_git;
mod add_http;
mod annotations;
mod archive_layers;
mod archives;
mod attestations;
mod broken_cache;
mod cache;
mod cache_management;
mod cache_mounts;
mod checks;
mod concurrent;
mod contexts;
mod control_groups;
mod copying;
mod crash;
mod cutoff;
mod depth;
mod determinism;
mod diagnostics;
mod exclude;
mod explain;
mod exporters;
mod faults;
mod hello;
mod help;
mod heredocs;
mod ignore;
mod instructions;
mod interop;
mod kills;
mod layers;
mod link;
mod lint;
mod login;
mod modes;
mod mounts;
mod named_contexts;
mod names;
mod outputs;
mod parents;
mod platforms;
mod property;
mod push;
mod push_ahead;
mod registry;
mod registry_commands;
mod registry_faults;
mod remote_contexts;
mod round_trips;
mod run_options;
mod scan;
mod secrets;
mod shared_cache;
mod sharing;
mod software;
mod ssh;
mod transfer_progress;
mod trial;
mod workdir;

/// A test file that nobody lists would never run.
#[test]
fn every_file_of_this_folder_is_a_module() {
    support::assert_all_are_modules("tests/build");
}

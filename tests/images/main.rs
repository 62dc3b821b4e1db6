//! End-to-end tests of what people do with the images of the store: the real binary, and a look at what it says and
//! writes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(missing_docs, reason = "the names of the tests say what they show")]

#[path = "../support/mod.rs"]
mod support;

mod archives;
mod differences;
mod inspecting;
mod listing;
mod missing_store;
mod removing;
mod root_filesystems;
mod shelf;
mod system;

/// A test file that nobody lists would never run.
#[test]
fn every_file_of_this_folder_is_a_module() {
    support::assert_all_are_modules("tests/images");
}

//! Tests of what people look at and type after a build: where the bytes of images are, the page of it in a real browser,
//! lists of images, completion in a real shell.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(missing_docs, reason = "the names of the tests say what they show")]

#[path = "../support/mod.rs"]
mod support;

mod completion;
mod layers;
mod lists;
mod page;

/// A test file that nobody lists would never run.
#[test]
fn every_file_of_this_folder_is_a_module() {
    support::assert_all_are_modules("tests/report");
}

//! `fixtures/conformance/`: one directory a case, built with the real binary and compared, path by path, with
//! what BuildKit makes of it. `tests/conformance/README.md` describes the form of a case.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(missing_docs, reason = "the names of the tests say what they show")]

#[path = "../support/mod.rs"]
mod support;

mod base;
mod build;
mod case;
mod compare;
mod listing;
mod outcome;

use compare::Mode;
use support::{RunAs, TestEnv};

#[test]
fn every_case_as_root() {
    match Mode::of_environment() {
        Mode::Peer(program) => compare::with_peer(&program),
        mode => compare::with_expected(RunAs::Root, &mode),
    }
}

/// Only where the outcome cannot depend on who builds.
#[test]
fn every_case_as_an_ordinary_user() {
    if let mode @ Mode::Expected = Mode::of_environment() {
        compare::with_expected(RunAs::Ordinary, &mode);
    }
}

/// A comparison that sees no difference would pass whatever the builder did.
#[test]
fn the_comparison_sees_a_difference() {
    let env = TestEnv::root();
    base::import(&env);
    let mut listings =
        ["RUN chmod 700 /home/user", "RUN chmod 701 /home/user", "RUN chown 1:1 /home/user"].map(|line| {
            env.write("Dockerfile", format!("FROM base\n{line}\n"));
            build::own(&env, "seen", &env.path("work"), &[], &base::Known::default(), &case::Case::default())
        });
    listings.sort_by_key(|outcome| outcome.text(&case::Compare::default()));
    let texts: Vec<String> = listings.iter().map(|outcome| outcome.text(&case::Compare::default())).collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:#?}");
}

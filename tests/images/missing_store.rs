//! A store that does not exist is empty, and is not made by looking at it.

use crate::support::{RunAs, TestEnv};

#[test]
fn looking_makes_no_store() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        assert_eq!(env.ok(["images"]).stdout, "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\n");
        for silent in [&["images", "-q"][..], &["images", "--format", "json"], &["cache", "ls", "-q"]] {
            assert_eq!(env.ok(silent).stdout, "", "{silent:?}");
        }
        for asked in [
            &["inspect", "app"][..],
            &["history", "app"],
            &["save", "app"],
            &["export", "app"],
            &["diff", "app", "base"],
            &["tag", "app", "other"],
            &["untag", "app"],
            &["rmi", "app"],
        ] {
            let refused = env.run(asked).fails(1).stderr;
            assert!(refused.contains("no such image: `app`"), "{asked:?} {refused}");
        }
        for done in
            [&["system", "df", "-v"][..], &["cache", "du"], &["image", "prune", "-f"], &["system", "prune", "-f"]]
        {
            env.ok(done);
        }
        assert!(!env.store().exists(), "{run_as:?}");
    }
}

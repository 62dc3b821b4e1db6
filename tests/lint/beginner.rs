//! The beginner's Dockerfile: what is found in it, and what is left when it is mended.

use serde_json::Value;

use crate::support::peers::run_with_crun;
use crate::support::{TestEnv, bases};

fn codes(env: &TestEnv) -> Vec<String> {
    let report = env.run(["lint", "--no-config", "--no-fail", "-f", "json", "figlet/Dockerfile"]).stdout;
    let report: Vec<Value> = serde_json::from_str(&report).expect("a JSON array");
    report.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_mended_file_builds_and_prints_its_banner() {
    let env = TestEnv::root();
    env.copy_fixture("figlet", "figlet");
    let wanted = ["DL3020", "DL3025", "DL3027"];
    let before = codes(&env);
    assert!(wanted.iter().all(|code| before.iter().any(|found| found == code)), "{before:?}");
    env.run(["lint", "--no-config", "--no-fail", "--fix", "--unsafe-fixes", "figlet/Dockerfile"]);
    let after = codes(&env);
    assert!(!wanted.iter().any(|code| after.iter().any(|found| found == code)), "{after:?}");
    env.ok(["import", bases::debian(&[]).to_str().unwrap(), "debian:bookworm"]);
    env.ok(["build", "-t", "figlet", "figlet"]);
    let banner = run_with_crun(&env.store(), "figlet", &env.path(""));
    assert!(banner.lines().count() > 3 && banner.contains("_|"), "{banner}");
}

//! Real software, on a Debian base.

use serde_json::Value;

use crate::support::image::Image;
use crate::support::peers::run_with_crun;
use crate::support::{RunAs, TestEnv, bases};

fn import(env: &TestEnv, packages: &[&str], name: &str) {
    // The repository may lie where an ordinary user cannot look.
    let archive = env.path("base.tar");
    std::fs::copy(bases::debian(packages), &archive).unwrap();
    env.ok(["import", archive.to_str().unwrap(), name]);
    std::fs::remove_file(archive).unwrap();
}

fn layer_sizes(env: &TestEnv, image: &str) -> Vec<u64> {
    let history = env.ok(["history", "--format", "json", image]).stdout;
    history
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a JSON object a line"))
        .map(|row| row["Bytes"].as_u64().expect("size in bytes"))
        .collect()
}

fn figlet(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    import(&env, &[], "debian:bookworm");
    let fixture = env.copy_fixture("figlet", "figlet");
    let fixture = fixture.to_str().unwrap();
    env.ok(["build", "-t", "figlet", fixture]);
    env.ok(["build", "-t", "figlet:improved", "-f", &format!("{fixture}/Dockerfile.improved"), fixture]);
    let banner = run_with_crun(&env.store(), "figlet", &env.path(""));
    assert!(banner.lines().count() >= 5 && banner.contains("|_"), "{banner}");
    assert_eq!(run_with_crun(&env.store(), "figlet:improved", &env.path("")), banner);

    // Without its base, the improved image is the smaller one by far.
    let added = |image| layer_sizes(&env, image).into_iter().rev().skip(1).sum::<u64>();
    let (beginner, improved) = (added("figlet"), added("figlet:improved"));
    assert!(improved * 4 < beginner, "{improved} against {beginner} bytes");
}

#[test]
fn the_beginners_dockerfile_and_its_improved_form_print_the_banner() {
    figlet(RunAs::Root);
}

#[test]
fn the_beginners_dockerfile_builds_as_an_ordinary_user() {
    figlet(RunAs::Ordinary);
}

#[test]
fn a_python_program_runs() {
    let env = TestEnv::root();
    import(&env, &["python3-minimal"], "python:3");
    let fixture = env.copy_fixture("hello-python", "hello-python");
    env.ok(["build", "-t", "hello-python", fixture.to_str().unwrap()]);
    assert_eq!(run_with_crun(&env.store(), "hello-python", &env.path("")), "hello from python\n");
}

fn multistage(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    import(&env, &[], "debian:bookworm");
    let fixture = env.copy_fixture("multistage", "multistage");
    env.ok(["build", "-t", "static", fixture.to_str().unwrap()]);
    let image = Image::open(&env.store(), "static");
    assert_eq!(image.layer_count(), 1);
    assert_eq!(image.paths(0), ["hello"]);
    assert_eq!(run_with_crun(&env.store(), "static", &env.path("")), "hello from a static binary\n");
}

#[test]
fn a_compiled_program_ships_alone() {
    multistage(RunAs::Root);
}

#[test]
fn a_compiled_program_ships_alone_when_built_by_an_ordinary_user() {
    multistage(RunAs::Ordinary);
}

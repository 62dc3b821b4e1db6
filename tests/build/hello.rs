//! The README's first image.

use crate::support::image::Image;
use crate::support::peers::{run_with_crun, tool};
use crate::support::{RunAs, TestEnv, fixture};

const BASE: &str = "base=host:sh,ls,cat,mkdir";
const GREETING: &str = "Hello, world!\nHello, builder!\nBuilt without a daemon.\n";

fn builds_and_runs(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    let fixture = env.copy_fixture("hello", "hello");
    env.ok(["build", "-t", "hello", "--build-context", BASE, fixture.to_str().unwrap()]);

    let store = env.store();
    let inspected = tool("skopeo", &["inspect", &format!("oci:{}:hello", store.display())]);
    assert!(inspected.contains("\"org.opencontainers.image.title\": \"hello\""), "{inspected}");
    assert_eq!(run_with_crun(&store, "hello", &env.path("")), GREETING);

    let image = Image::open(&store, "hello:latest");
    // The base, `mkdir`, and two copies; the stage that wrote the greeting leaves nothing but the greeting.
    assert_eq!(image.layer_count(), 4);
    assert!(!(0..4).flat_map(|layer| image.paths(layer)).any(|path| path.starts_with("work")));
}

#[test]
fn the_first_image_builds_from_the_programs_of_this_machine_and_runs() {
    builds_and_runs(RunAs::Root);
}

#[test]
fn the_first_image_builds_as_an_ordinary_user_and_runs() {
    builds_and_runs(RunAs::Ordinary);
}

#[test]
fn a_build_arg_reaches_the_run_that_declares_it() {
    let env = TestEnv::root();
    let hello = fixture("hello");
    let arguments =
        ["build", "-t", "hello", "--build-arg", "GREETING=Salut", "--build-context", BASE, hello.to_str().unwrap()];
    env.ok(arguments);
    assert_eq!(Image::open(&env.store(), "hello").file("etc/hello/greeting.txt"), "Salut, world!\nSalut, builder!\n");
}

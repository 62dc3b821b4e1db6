//! The same bits twice.

use crate::support::image::Image;
use crate::support::{RunAs, TestEnv};

const EPOCH: &str = "1700000000";

fn digest(run_as: RunAs, folder: &str) -> String {
    let env = TestEnv::new(run_as);
    let fixture = env.copy_fixture("hello", folder);
    let mut command = env.builder();
    command.env("SOURCE_DATE_EPOCH", EPOCH);
    command.args(["build", "-t", "hello", "--build-context", "base=host:sh,ls,cat,mkdir", fixture.to_str().unwrap()]);
    crate::support::Finished::of(&mut command).success();
    Image::open(&env.store(), "hello").digest
}

#[test]
fn root_and_rootless_in_different_directories_give_one_digest() {
    let first = digest(RunAs::Root, "here");
    assert_eq!(first, digest(RunAs::Root, "somewhere/else/entirely".rsplit('/').next().unwrap()));
    assert_eq!(first, digest(RunAs::Ordinary, "as-a-user"));
}

#[test]
fn no_time_in_the_image_is_later_than_the_epoch() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nWORKDIR /a/b\nCOPY file ./\nRUN echo x > y && mkdir z\n");
    env.write("file", "content");
    let mut command = env.builder();
    command.env("SOURCE_DATE_EPOCH", EPOCH);
    command.args(["build", "-t", "app", "--build-context", "base=host:sh,mkdir", "."]);
    crate::support::Finished::of(&mut command).success();
    let image = Image::open(&env.store(), "app");
    let epoch: u64 = EPOCH.parse().unwrap();
    for layer in 0..image.layer_count() {
        for entry in image.layer(layer) {
            assert!(entry.mtime <= epoch, "{entry:?}");
        }
    }
    assert_eq!(image.config["created"], "2023-11-14T22:13:20Z");
    for entry in image.config["history"].as_array().unwrap() {
        assert_eq!(entry["created"], "2023-11-14T22:13:20Z", "{entry}");
    }
}

#[test]
fn an_unclamped_build_before_does_not_leak_into_a_clamped_one() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nRUN echo x > /y\n");
    let build = |epoch: Option<&str>| {
        let mut command = env.builder();
        if let Some(epoch) = epoch {
            command.env("SOURCE_DATE_EPOCH", epoch);
        }
        command.args(["build", "-t", "app", "--build-context", "base=host:sh", "."]);
        crate::support::Finished::of(&mut command).success();
        Image::open(&env.store(), "app")
    };
    build(None);
    let clamped = build(Some(EPOCH));
    let mtimes: Vec<u64> = clamped.layer(1).iter().map(|entry| entry.mtime).collect();
    let epoch = EPOCH.parse::<u64>().unwrap();
    assert!(!mtimes.is_empty() && mtimes.iter().all(|mtime| *mtime == epoch), "{mtimes:?}");
}

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

#[test]
fn a_time_before_the_epoch_counts_like_content() {
    let env = TestEnv::root();
    env.write(
        "Dockerfile",
        "FROM base AS one\nCOPY src /src\nRUN stat -c %Y /src/f > /time && touch -d @7 /own\n\
         FROM base\nCOPY --from=one /src/f /time /\nRUN --mount=type=bind,from=one,source=/src,target=/m cp -p /m/f /g\n",
    );
    env.write("src/f", "content");
    let build = |more: &[&str]| {
        let file = env.path("out/digest");
        let arguments =
            ["build", "--explain", "-t", "app", "--timestamp", EPOCH, "--build-context", "base=host:sh,stat,touch,cp"];
        let mut command = env.builder();
        command.args(arguments).args(more).arg("--iidfile").arg(&file).arg(".");
        let said = crate::support::Finished::of(&mut command).success().stderr;
        (std::fs::read_to_string(file).unwrap(), said)
    };
    let touch = |seconds: u64| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::open(env.path("work/src/f")).unwrap().set_modified(time).unwrap();
    };
    let mut seen = Vec::new();
    for seconds in [1_800_000_000, 5, 6] {
        touch(seconds);
        let (cached, said) = build(&[]);
        assert_eq!(cached, build(&["--no-cache"]).0, "{seconds}");
        assert!(!seen.contains(&cached), "{seconds}");
        seen.push(cached);
        if seconds == 6 {
            assert!(said.contains("because the times of files that are older than the image"), "{said}");
        }
    }
    // Whatever comes after the time of the image is that time.
    touch(1_900_000_000);
    let (cached, said) = build(&[]);
    assert_eq!(cached, seen.swap_remove(0));
    assert!(!said.contains("because"), "{said}");
}

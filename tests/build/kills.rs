//! A builder that is killed at any moment, many times: the next one makes what it would have made.

use std::fs;
use std::time::{Duration, Instant};

use builder_core::digest::Digest;
use rustix::process::Signal;

use crate::crash::{kill, start};
use crate::support::image::Image;
use crate::support::peers::mounts_mentioning;
use crate::support::{RunAs, TestEnv};

const DOCKERFILE: &str = "\
FROM base AS side
RUN mkdir /made && for i in 1 2 3 4 5 6 7 8 9; do echo $i > /made/$i; done
RUN --mount=type=cache,target=/cache cat /made/* > /cache/all && cat /cache/all > /all
FROM base
WORKDIR /app
COPY . /app/
RUN cat /app/noise > /app/again && rm /app/dir/gone && mkdir /app/new
COPY --from=side /all /made/ /from/
RUN ls -R /from > /listed
";
/// Stores, and builders that are killed in each, one after the other.
const STORES: u64 = 10;
const KILLS: u64 = 5;

/// Numbers without a pattern, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

fn environment(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    let noise: Vec<u8> = (0..1_000_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    env.write("context/noise", noise);
    for number in 0..40 {
        env.write(&format!("context/dir/{number}"), number.to_string());
    }
    env.write("context/dir/gone", "gone");
    env.write("Dockerfile", DOCKERFILE);
    env
}

fn arguments<'a>(archive: &'a str, root: &'a str) -> Vec<&'a str> {
    let first = ["--root", root, "build", "-f", "Dockerfile", "-t", "app", "--timestamp=1000000000", "--lint=off"];
    let base = ["--build-context", "base=host:sh,cat,mkdir,rm,ls", "-o", archive, "-o", "type=image"];
    first.into_iter().chain(base).chain(["context"]).collect()
}

/// What a build made: its image in the store, and the archive.
fn made(env: &TestEnv, name: &str) -> (String, Digest) {
    let store = env.path("home").join(name);
    for blob in fs::read_dir(store.join("blobs/sha256")).unwrap().flatten() {
        let digest = Digest::of(&fs::read(blob.path()).unwrap());
        assert_eq!(digest.hex(), blob.file_name().to_string_lossy(), "a blob is whole, or not there");
    }
    let image = Image::open(&store, "app");
    assert_eq!(image.file("from/all"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    let archive = fs::read(env.path("home").join(format!("{name}.tar"))).unwrap();
    (image.digest, Digest::of(&archive))
}

fn killed_at_any_moment(run_as: RunAs, stores: u64, mut random: Random) {
    let env = environment(run_as);
    let paths = |name: &str| {
        let archive = format!("type=oci,dest={}", env.path("home").join(format!("{name}.tar")).display());
        (archive, env.path("home").join(name).display().to_string())
    };
    let (archive, root) = paths("undisturbed");
    let begin = Instant::now();
    env.ok(arguments(&archive, &root));
    let mut whole = begin.elapsed();
    let expected = made(&env, "undisturbed");
    let mut unfinished = 0;
    for store in 0..stores {
        let name = format!("store-{store}");
        let (archive, root) = paths(&name);
        for _ in 0..KILLS {
            let child = start(&env, &arguments(&archive, &root));
            std::thread::sleep(Duration::from_micros(random.below(u64::try_from(whole.as_micros()).unwrap())));
            if kill(child, Signal::KILL).is_none() {
                unfinished += 1;
            } else {
                // The machine was busier when that was measured.
                whole = whole * 9 / 10;
            }
        }
        env.ok(arguments(&archive, &root));
        assert_eq!(made(&env, &name), expected, "{name}");
        assert_eq!(fs::read_dir(env.path("home").join(&name).join("work")).unwrap().count(), 0);
        assert_eq!(mounts_mentioning(&root), Vec::<String>::new());
        // Half an archive has no name.
        let beside = fs::read_dir(env.path("home")).unwrap().flatten().map(|entry| entry.file_name());
        let halves: Vec<_> = beside.filter(|name| name.to_string_lossy().starts_with(".builder-")).collect();
        assert!(halves.is_empty(), "{halves:?}");
        fs::remove_dir_all(env.path("home").join(&name)).unwrap();
    }
    // Of those that were to be killed some were done before.
    assert!(unfinished >= stores * KILLS / 3, "{unfinished}");
}

#[test]
fn fifty_kills_at_any_moment_change_no_image() {
    killed_at_any_moment(RunAs::Root, STORES, Random(5));
}

#[test]
fn kills_of_an_ordinary_users_builds_change_no_image() {
    killed_at_any_moment(RunAs::Ordinary, 2, Random(17));
}

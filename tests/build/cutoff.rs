//! Early cut-off: a step that runs again and leaves the same files, times aside, disturbs nothing that follows.

use std::time::{Duration, Instant};

use super::cache::cached_steps;
use crate::support::image::Image;
use crate::support::tree::Tree;
use crate::support::{BASE, Finished, RunAs, TestEnv};

/// Builds and tells which steps were cached.
fn build(env: &TestEnv, extra: &[&str]) -> Vec<bool> {
    let mut arguments = vec!["build", "--progress", "plain", "-t", "app", "--build-context", BASE];
    arguments.extend(extra);
    arguments.push(".");
    cached_steps(&env.ok(arguments).stderr)
}

/// Files whose times are told in whole seconds are only newer in the next second.
fn next_second() {
    let begin = Instant::now();
    let seconds = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("clock").as_secs();
    let first = seconds();
    while seconds() == first {
        assert!(begin.elapsed() < Duration::from_secs(5));
        std::thread::sleep(Duration::from_millis(10));
    }
}

const INSTALL: &str = "\
FROM base AS one
ARG WHEN
RUN echo \"$WHEN\" > /dev/null; mkdir -p /d/e && echo same > /d/e/f && ln -s e/f /d/link
FROM base
COPY file /
COPY --from=one /d /d
RUN cat /d/e/f /file > /both
";

fn installs(run_as: RunAs) {
    let env = TestEnv::new(run_as);
    env.write("Dockerfile", INSTALL);
    env.write("file", "file\n");
    assert_eq!(build(&env, &["--build-arg", "WHEN=1"]), [false; 4]);
    next_second();
    assert_eq!(build(&env, &["--build-arg", "WHEN=2"]), [false, true, true, true]);
    next_second();
    assert_eq!(build(&env, &["--build-arg", "WHEN=2", "--no-cache-filter", "one"]), [false, true, true, true]);
    assert_eq!(build(&env, &["--build-arg", "WHEN=2"]), [true; 4]);
    assert_eq!(Image::open(&env.store(), "app").file("both"), "same\nfile\n");
}

#[test]
fn a_step_with_another_argument_and_the_same_files_is_the_only_one_that_runs() {
    installs(RunAs::Root);
}

#[test]
fn a_step_with_another_argument_and_the_same_files_is_the_only_one_that_runs_for_an_ordinary_user() {
    installs(RunAs::Ordinary);
}

#[test]
fn what_follows_lies_on_the_new_layer() {
    let env = TestEnv::root();
    let dockerfile = "FROM base AS one\nRUN echo same > /old\nFROM one\nRUN cat /old > /new\n";
    env.write("Dockerfile", dockerfile);
    build(&env, &[]);
    let before = Image::open(&env.store(), "app");
    next_second();
    assert_eq!(build(&env, &["--no-cache-filter", "one"]), [false, true]);
    let after = Image::open(&env.store(), "app");
    let ids = |image: &Image| image.config["rootfs"]["diff_ids"].as_array().unwrap().clone();
    let (old, new) = (ids(&before), ids(&after));
    assert_eq!(old.len(), new.len());
    assert_eq!(old.first(), new.first(), "the base");
    assert_ne!(old[old.len() - 2], new[new.len() - 2], "the layer of the step that ran: its times are new");
    assert_eq!(old.last(), new.last(), "the layer of the step that was cached");
    // Steps and copies that come now read through the whole chain: they see the new file, not the old one.
    let time = |image: &Image| {
        let entries = image.layer(image.layer_count() - 2);
        entries.iter().find(|entry| entry.path == "old").expect("file").mtime
    };
    assert!(time(&after) > time(&before));
    env.write(
        "Dockerfile",
        format!(
            "{dockerfile}RUN ls -l --time-style=+%s /old /new > /seen\n\
             FROM scratch\nCOPY --from=1 /old /new /seen /\n"
        ),
    );
    assert_eq!(build(&env, &[]), [true, true, false, false]);
    let image = Image::open(&env.store(), "app");
    assert!(image.file("seen").contains(&format!(" {} /old", time(&after))), "{}", image.file("seen"));
    let copied = image.layer(0);
    assert_eq!(copied.iter().find(|entry| entry.path == "old").unwrap().mtime, time(&after));
}

#[test]
fn times_in_the_content_of_a_file_make_what_follows_run() {
    let env = TestEnv::root();
    let context = format!("{BASE},date");
    env.write("Dockerfile", "FROM base AS one\nRUN date +%s%N > /stamp\nFROM one\nRUN cat /stamp > /copy\n");
    let run = |extra: &[&str]| {
        let mut arguments = vec!["build", "--progress", "plain", "-t", "app", "--build-context", &context];
        arguments.extend(extra);
        arguments.push(".");
        cached_steps(&env.ok(arguments).stderr)
    };
    assert_eq!(run(&[]), [false, false]);
    assert_eq!(run(&[]), [true, true]);
    assert_eq!(run(&["--no-cache-filter", "one"]), [false, false]);
    let image = Image::open(&env.store(), "app");
    assert_eq!(image.file("stamp"), image.file("copy"));
}

#[test]
fn another_mode_or_owner_makes_what_follows_run() {
    let env = TestEnv::root();
    for (argument, follows) in [("644", false), ("0644", true), ("640", false), ("644", true)] {
        env.write("Dockerfile", format!("FROM base\nRUN echo x > /f; chmod {argument} /f\nRUN cat /f > /g\n"));
        assert_eq!(build(&env, &[]).last(), Some(&follows), "{argument}");
    }
    env.write("Dockerfile", "FROM base\nRUN echo x > /f; chmod 644 /f; chown 7:8 /f\nRUN cat /f > /g\n");
    assert_eq!(build(&env, &[]), [false, false]);
}

#[test]
fn with_an_epoch_a_step_that_ran_again_gives_the_same_image() {
    let env = TestEnv::root();
    env.write("Dockerfile", INSTALL);
    env.write("file", "file\n");
    let run = |extra: &[&str]| {
        let mut command = env.builder();
        command.env("SOURCE_DATE_EPOCH", "1700000000").args(["build", "-t", "app", "--build-context", BASE]);
        Finished::of(command.args(extra).arg(".")).success();
        Image::open(&env.store(), "app").digest
    };
    let first = run(&[]);
    assert_eq!(run(&["--no-cache-filter", "one"]), first);
    assert_eq!(run(&["--no-cache"]), first);
}

/// As with BuildKit, a step that leaves nothing has a layer, and an empty one.
#[test]
fn a_step_that_leaves_nothing_has_an_empty_layer_and_disturbs_nothing() {
    let env = TestEnv::root();
    // The first step of all leaves the mount points that every sandbox has.
    let cases =
        [("true", [false, false, false]), ("true again", [true, false, true]), ("! false", [true, false, true])];
    for (command, cached) in cases {
        env.write("Dockerfile", format!("FROM base\nRUN true\nRUN {command}\nRUN echo x > /x\n"));
        assert_eq!(build(&env, &[]), cached, "{command}");
        let image = Image::open(&env.store(), "app");
        let count = image.layer_count();
        assert_eq!(image.layer(count - 2), []);
        assert_eq!(image.paths(count - 1), ["x"]);
    }
}

/// Equal layers share a directory, and a chain may have one several times.
#[test]
fn a_chain_with_the_same_cached_layer_twice_can_be_built_upon() {
    let env = TestEnv::root();
    env.write("file", "file");
    let steps =
        "FROM base\nRUN true\nCOPY --link file /\nRUN rm /file\nCOPY --link file /\nRUN true # one\nRUN true # two\n";
    env.write("Dockerfile", steps);
    build(&env, &[]);
    // Another first step: everything else is put on the new chain.
    let other = steps.replacen("RUN true", "RUN echo other > /other", 1);
    env.write("Dockerfile", format!("{other}RUN cat /file /other > /both\n"));
    assert_eq!(build(&env, &[]), [false, true, false, true, false, false, false]);
    env.write("Dockerfile", format!("{other}RUN cat /file /other > /both && true\n"));
    build(&env, &[]);
    assert_eq!(Image::open(&env.store(), "app").file("both"), "fileother\n");
}

/// Of the second stage, the directories are in two layers: they are read another way than those of the first one.
const SAME_FILES: &str = "\
FROM base AS start
RUN mkdir -p /old/x
COPY src /src
FROM start AS one
RUN mkdir /tree && mv /src/a /src/d /tree && ln /tree/a /tree/d/hard && chmod 4751 /tree/d/b && ln -s /id /tree/d/link && \\
    chown 3:4 /tree/d && mkdir /tree/empty && rm -r /old && mkdir /old && touch /old/new
FROM one AS two
RUN chmod 755 /tree /old
FROM base
COPY --from=STAGE /tree /x
COPY --from=STAGE /old /y
";

#[test]
fn a_directory_of_one_layer_is_copied_as_one_of_several_is() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        for name in ["a", "d/b", "d/c"] {
            env.write(&format!("src/{name}"), name);
        }
        let from = |stage: &str| env.write("Dockerfile", SAME_FILES.replace("STAGE", stage));
        let copied = || {
            let tree = Tree::of(&Image::open(&env.store(), "app"));
            [tree.below("x"), tree.below("y")]
        };
        from("one");
        assert_eq!(build(&env, &[]).len(), 5);
        let first = copied();
        assert_eq!(first[0].len(), 7, "{first:?}");
        assert_eq!(first[1], ["f 0644 0:0 y/new="]);
        from("two");
        // The copies are found by what they select.
        let steps = env.ok(["build", "--progress", "plain", "-t", "app", "--build-context", BASE, "."]).stderr;
        assert_eq!(cached_steps(&steps).iter().filter(|cached| !**cached).count(), 1, "{run_as:?}: {steps}");
        assert_eq!(copied(), first);
        assert!(build(&env, &["--no-cache"]).iter().all(|cached| !cached));
        assert_eq!(copied(), first, "{run_as:?}");
    }
}

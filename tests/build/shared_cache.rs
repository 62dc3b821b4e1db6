//! `--cache-to` and `--cache-from`: what one store made, another one need not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::image::Image;
use crate::support::peers::Registry;
use crate::support::{Finished, RunAs, TestEnv};

pub const BASE: &str = "base=host:sh,cat,date,ls,mkdir";
/// A stage that the image takes a file from, and a step on top.
const DOCKERFILE: &str = "\
FROM base AS made
RUN echo side > /side && date > /when
FROM base
RUN mkdir -p /a/b && echo one > /a/b/one
COPY --from=made /side /side
COPY file /file
RUN cat /a/b/one /file > /both
";

/// Stores of their own, as on several machines.
pub struct Machines {
    pub env: TestEnv,
}

impl Machines {
    pub fn new(run_as: RunAs) -> Self {
        let env = TestEnv::new(run_as);
        env.write("Dockerfile", DOCKERFILE);
        env.write("file", "two\n");
        Self { env }
    }

    /// Builds on a store of its own; times are clamped, so that the same files are the same image.
    pub fn build(&self, machine: &str, extra: &[&str]) -> Finished {
        let root = self.place(machine).display().to_string();
        let mut arguments = vec!["--root", root.as_str(), "build", "--progress", "plain", "--timestamp", "1000"];
        arguments.extend(["--lint", "off", "--build-context", BASE]);
        arguments.extend(extra);
        arguments.push(".");
        self.env.run(arguments)
    }

    /// A place that whoever builds may write to.
    pub fn place(&self, name: &str) -> PathBuf {
        self.env.path("home").join(name)
    }

    pub fn image(&self, machine: &str) -> Image {
        Image::open(&self.place(machine), "app")
    }

    pub fn manifest(&self, machine: &str) -> String {
        let index = fs::read_to_string(self.place(machine).join("index.json")).unwrap();
        let index: serde_json::Value = serde_json::from_str(&index).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    }
}

/// How many steps ran.
pub fn steps_run(finished: &Finished) -> usize {
    let said = &finished.stderr;
    said.lines().filter(|line| line.contains(" DONE ")).count()
        - said.lines().filter(|line| is_task(line, said)).count()
}

/// Whether a line ends a task and not a step: steps are named `[stage 1/2] …`.
fn is_task(line: &str, said: &str) -> bool {
    let Some((number, _)) = line.split_once(" DONE ") else { return false };
    let name = said.lines().find(|other| other.strip_prefix(number).is_some_and(|rest| rest.starts_with(" [")));
    name.is_none_or(|name| name.contains("[internal]"))
}

#[test]
fn another_store_runs_no_step_and_has_the_same_image() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let machines = Machines::new(run_as);
        let to = format!("type=local,dest={},mode=max", machines.place("cache").display());
        machines.build("one", &["-t", "app", "--cache-to", &to]).success();
        let from = format!("type=local,src={}", machines.place("cache").display());
        let second = machines.build("two", &["-t", "app", "--cache-from", &from]).success();
        assert_eq!(steps_run(&second), 0, "{}", second.stderr);
        assert!(second.stderr.contains("importing cache manifest from"), "{}", second.stderr);
        assert_eq!(machines.manifest("one"), machines.manifest("two"));
        assert_eq!(machines.image("two").file("both"), "one\ntwo\n");
        // The layers of the image, and not that of the other stage.
        assert!(second.stderr.contains("fetched 5 layers"), "{}", second.stderr);
        // What was fetched is a layer like any other: without the cache, too. The other stage runs, leaves another
        // file than before, and disturbs nothing.
        fs::remove_dir_all(machines.place("cache")).unwrap();
        let third = machines.build("two", &["-t", "app"]).success();
        assert_eq!(steps_run(&third), 1, "{}", third.stderr);
        assert_eq!(machines.manifest("one"), machines.manifest("two"));
    }
}

#[test]
fn what_nobody_looks_into_is_not_fetched() {
    let machines = Machines::new(RunAs::Root);
    let to = format!("type=local,dest={}", machines.place("cache").display());
    machines.build("one", &["-t", "app", "--cache-to", &format!("{to},mode=max,compression=zstd")]).success();
    let from = format!("type=local,src={}", machines.place("cache").display());
    let nothing = machines.build("two", &["--cache-from", &from, "-o", "type=cacheonly"]).success();
    assert_eq!(steps_run(&nothing), 0, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("fetched 0 layers (0B)"), "{}", nothing.stderr);
    let unnamed = machines.build("three", &["--cache-from", &from]).success();
    assert!(unnamed.stderr.contains("fetched 0 layers (0B)"), "{}", unnamed.stderr);
    // Another last step needs the layers below it, and no others.
    machines.env.write("Dockerfile", DOCKERFILE.replace("> /both", "> /other"));
    let other = machines.build("four", &["-t", "app", "--cache-from", &from]).success();
    assert_eq!(steps_run(&other), 1, "{}", other.stderr);
    assert!(other.stderr.contains("fetched 4 layers"), "{}", other.stderr);
    assert_eq!(machines.image("four").file("other"), "one\ntwo\n");
}

#[test]
fn a_cache_of_the_image_alone_has_no_other_stages() {
    let machines = Machines::new(RunAs::Root);
    let to = format!("type=local,dest={},mode=min", machines.place("cache").display());
    machines.build("one", &["-t", "app", "--cache-to", &to]).success();
    let from = format!("type=local,src={}", machines.place("cache").display());
    let second = machines.build("two", &["-t", "app", "--cache-from", &from]).success();
    // The base is a step too: it is in the image.
    assert!(second.stderr.contains("[made 2/2] RUN"), "{}", second.stderr);
    assert_eq!(steps_run(&second), 1, "{}", second.stderr);
}

#[test]
fn an_image_can_hold_its_cache() {
    let machines = Machines::new(RunAs::Root);
    let layout = machines.place("layout").display().to_string();
    let out = format!("type=oci,dest={layout},tar=false,name=app");
    machines.build("one", &["--cache-to", "type=inline", "-o", &out]).success();
    let from = format!("type=local,src={layout}");
    let second = machines.build("two", &["-t", "app", "--cache-from", &from, "--target", ""]).success();
    assert_eq!(steps_run(&second), 1, "{}", second.stderr);
    assert_eq!(machines.image("two").file("both"), "one\ntwo\n");
}

#[test]
fn a_cache_that_is_not_there_or_broken_costs_a_warning_and_time() {
    let machines = Machines::new(RunAs::Root);
    let cache = machines.place("cache");
    let (to, from) =
        (format!("type=local,dest={},mode=max", cache.display()), format!("type=local,src={}", cache.display()));
    let missing = machines.build("none", &["-t", "app", "--cache-from", &from]).success();
    assert!(missing.stderr.contains("cannot be used"), "{}", missing.stderr);
    machines.build("one", &["-t", "app", "--cache-to", &to]).success();
    let good = machines.manifest("one");
    let blobs: Vec<_> = fs::read_dir(cache.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let damages: [fn(&Path); 3] = [
        |path| fs::write(path, b"something else").unwrap(),
        |path| fs::remove_file(path).unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        },
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        for (place, blob) in blobs.iter().enumerate() {
            let kept = fs::read(blob).unwrap();
            damage(blob);
            let machine = format!("broken-{number}-{place}");
            let finished = machines.build(&machine, &["-t", "app", "--cache-from", &from]).success();
            assert_eq!(machines.manifest(&machine), good, "{}", finished.stderr);
            fs::write(blob, kept).unwrap();
        }
    }
    fs::write(cache.join("index.json"), b"{").unwrap();
    let broken = machines.build("index", &["-t", "app", "--cache-from", &from]).success();
    assert!(broken.stderr.contains("cannot be used"), "{}", broken.stderr);
    assert_eq!(machines.manifest("index"), good);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning_unless_it_has_to_be() {
    let machines = Machines::new(RunAs::Root);
    let taken = machines.env.write("taken", "a file");
    let to = format!("type=local,dest={}", taken.display());
    let finished = machines.build("one", &["-t", "app", "--cache-to", &to]).success();
    assert!(finished.stderr.contains("the cache could not be written"), "{}", finished.stderr);
    machines.build("one", &["-t", "app", "--cache-to", &format!("{to},ignore-error=false")]).fails(3);
}

#[test]
fn a_registry_shares_steps_between_stores() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let reference = format!("{}/team/cache:main", registry.address());
    let to = format!("type=registry,ref={reference},mode=max,ignore-error=false");
    machines.build("one", &["-t", "app", "--cache-to", &to]).success();
    let second = machines.build("two", &["-t", "app", "--cache-from", &reference]).success();
    assert_eq!(steps_run(&second), 0, "{}", second.stderr);
    assert!(second.stderr.contains("fetched 5 layers"), "{}", second.stderr);
    assert_eq!(machines.manifest("one"), machines.manifest("two"));
    // Nothing of it is looked into: nothing comes but the cache's own documents.
    let nothing = machines.build("three", &["--cache-from", &reference, "-o", "type=cacheonly"]).success();
    assert!(nothing.stderr.contains("fetched 0 layers"), "{}", nothing.stderr);
    // What came from the cache goes back without a step and without its layers.
    let again =
        machines.build("four", &["--cache-from", &reference, "-o", "type=cacheonly", "--cache-to", &to]).success();
    assert!(again.stderr.contains("fetched 0 layers"), "{}", again.stderr);
    let fifth = machines.build("five", &["-t", "app", "--cache-from", &reference]).success();
    assert_eq!(steps_run(&fifth), 0, "{}", fifth.stderr);
    assert_eq!(machines.manifest("five"), machines.manifest("one"));
}

#[test]
fn an_image_in_a_registry_can_hold_its_cache_and_its_base_stays_there() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let (base, app) = (format!("{}/base:1", registry.address()), format!("{}/app:1", registry.address()));
    let output = format!("type=registry,name={base}");
    machines.env.write("base.Dockerfile", "FROM base\nRUN mkdir /of-base\n");
    machines.build("one", &["-f", "base.Dockerfile", "-o", &output]).success();
    machines.env.write("Dockerfile", format!("FROM {base}\nRUN echo one > /one\nCOPY file /file\n"));
    let output = format!("type=registry,name={app}");
    machines.build("one", &["-o", &output, "--cache-to", "type=inline"]).success();
    // Everything is there already, the layers of the base too: no layer comes, and none goes.
    let second = machines.build("two", &["-o", &output, "--cache-from", &app, "--cache-to", "type=inline"]).success();
    assert_eq!(steps_run(&second), 0, "{}", second.stderr);
    assert!(second.stderr.contains("fetched 0 layers"), "{}", second.stderr);
    machines.env.write("file", "three\n");
    let third = machines.build("three", &["-t", "app", "--cache-from", &app]).success();
    assert_eq!(steps_run(&third), 1, "{}", third.stderr);
    assert_eq!(machines.image("three").file("file"), "three\n");
}

#[test]
fn a_registry_that_does_not_answer_is_a_warning() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let missing = format!("{}/no/cache:here", registry.address());
    let built = machines.build("one", &["-t", "app", "--cache-from", &missing]).success();
    assert!(built.stderr.contains("cannot be used"), "{}", built.stderr);
    drop(registry);
    let gone = machines.build("two", &["-t", "app", "--cache-from", &missing, "--cache-to", &missing_target(&missing)]);
    let gone = gone.success();
    assert!(gone.stderr.contains("the cache could not be written"), "{}", gone.stderr);
}

fn missing_target(reference: &str) -> String {
    format!("type=registry,ref={reference}")
}

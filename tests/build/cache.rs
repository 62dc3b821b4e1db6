//! What is built again, and what is not.

use std::fs;
use std::path::PathBuf;

use builder_core::builder::{BuildOptions, Builder, BuilderOptions, ContextSource};
use builder_core::cancel::CancelToken;
use builder_core::event::{Event, EventSink, NullSink};
use builder_core::store::Owner;

use crate::support::TestEnv;
use crate::support::image::Image;

const DOCKERFILE: &str = "\
FROM base
WORKDIR /app
COPY one.txt ./
RUN cat one.txt > first.txt
COPY two.txt ./
RUN cat two.txt > second.txt
";

fn environment() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", DOCKERFILE);
    env.write("one.txt", "one\n");
    env.write("two.txt", "two\n");
    env
}

fn build(env: &TestEnv, extra: &[&str]) -> Vec<bool> {
    let mut arguments = vec!["build", "--progress", "plain", "-t", "app", "--build-context", "base=host:sh,cat"];
    arguments.extend(extra);
    arguments.push(".");
    let finished = env.ok(arguments);
    cached_steps(&finished.stderr)
}

/// For each step of the Dockerfile after the base, whether it was cached: those of stages with a name, then the others.
/// Steps of different stages run, and are told, in any order.
pub fn cached_steps(plain: &str) -> Vec<bool> {
    let mut steps: Vec<(String, bool, bool)> = Vec::new();
    for line in plain.lines().filter(|line| line.contains('/') && line.contains("] ") && line.contains('[')) {
        let Some((number, name)) = line.split_once(' ') else { continue };
        if !name.starts_with('[') || name.contains("[internal]") || name.contains("FROM ") {
            continue;
        }
        let cached = plain.lines().any(|other| other == format!("{number} CACHED"));
        if !steps.iter().any(|(known, ..)| known == number) {
            let is_of_named = !name.starts_with("[stage-");
            steps.push((number.to_owned(), cached, is_of_named));
        }
    }
    steps.sort_by_key(|(_, _, is_of_named)| !is_of_named);
    steps.into_iter().map(|(_, cached, _)| cached).collect()
}

#[test]
fn nothing_changed_runs_nothing_and_gives_the_same_image() {
    let env = environment();
    assert_eq!(build(&env, &[]), [false; 5]);
    let first = Image::open(&env.store(), "app").digest;
    assert_eq!(build(&env, &[]), [true; 5]);
    assert_eq!(Image::open(&env.store(), "app").digest, first);
}

#[test]
fn a_changed_file_reruns_only_what_depends_on_it() {
    let env = environment();
    build(&env, &[]);
    env.write("two.txt", "two, changed\n");
    assert_eq!(build(&env, &[]), [true, true, true, false, false]);
    assert_eq!(Image::open(&env.store(), "app").file("app/second.txt"), "two, changed\n");
}

#[test]
fn touching_a_file_changes_nothing_but_its_mode_does() {
    let env = environment();
    build(&env, &[]);
    let one = env.path("work/one.txt");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(100);
    fs::File::options().write(true).open(&one).unwrap().set_modified(later).unwrap();
    assert_eq!(build(&env, &[]), [true; 5]);
    fs::set_permissions(&one, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(!build(&env, &[])[1]);
}

#[test]
fn comments_and_line_breaks_are_not_part_of_a_step() {
    let env = environment();
    build(&env, &[]);
    env.write("Dockerfile", DOCKERFILE.replace("RUN cat one.txt >", "# why not\nRUN cat one.txt \\\n# really\n>"));
    // The blanks inside a command count; the joined text here is the same as before.
    assert_eq!(build(&env, &[]), [true; 5]);
}

#[test]
fn no_cache_runs_every_step() {
    let env = environment();
    build(&env, &[]);
    assert_eq!(build(&env, &["--no-cache"]), [false; 5]);
}

#[test]
fn a_step_that_leaves_the_same_files_does_not_disturb_what_follows() {
    let env = TestEnv::root();
    let dockerfile = |text: &str| format!("FROM base\nRUN {text}\nRUN cat /same > /copy\n");
    env.write("Dockerfile", dockerfile("echo same > /same"));
    build(&env, &[]);
    env.write("Dockerfile", dockerfile("echo other > /dev/null; echo same > /same"));
    assert_eq!(build(&env, &[]), [false, true]);
    assert_eq!(Image::open(&env.store(), "app").file("copy"), "same\n");
}

#[test]
fn an_undeclared_build_arg_changes_nothing_and_a_declared_one_does() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nRUN echo a > /a\nARG VERSION\nRUN echo \"v$VERSION\" > /version\n");
    build(&env, &["--build-arg", "VERSION=1"]);
    assert_eq!(build(&env, &["--build-arg", "VERSION=1", "--build-arg", "OTHER=x"]), [true, true]);
    assert_eq!(build(&env, &["--build-arg", "VERSION=2"]), [true, false]);
}

/// Writes a file when a step is about to do its work: after it has looked for itself in the cache.
struct WriteAtStart {
    path: PathBuf,
    content: &'static str,
}

impl EventSink for WriteAtStart {
    fn emit(&self, event: Event) {
        if matches!(event, Event::StepStarted { .. }) {
            fs::write(&self.path, self.content).unwrap();
        }
    }
}

#[test]
fn a_file_that_changes_while_it_is_copied_is_not_cached_as_what_it_was() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY dir /\n");
    let path = env.write("dir/file", "old");
    let builder = Builder::open(BuilderOptions::new(env.store(), Owner::Root)).unwrap();
    let mut options = BuildOptions::new(ContextSource::Directory(env.path("work")));
    options.tags = vec!["app".parse().unwrap()];
    let build = |sink: &dyn EventSink| builder.build(&options, sink, &CancelToken::new(), None).unwrap();
    build(&WriteAtStart { path: path.clone(), content: "new" });
    assert_eq!(Image::open(&env.store(), "app").file("file"), "new");
    fs::write(&path, "old").unwrap();
    let again = build(&NullSink);
    assert_eq!(Image::open(&env.store(), "app").file("file"), "old");
    assert_eq!(again.steps_cached, 0);
    assert_eq!(build(&NullSink).steps_cached, 1);
}

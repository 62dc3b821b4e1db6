//! `RUN --mount=type=cache`: what stays, what is shared, and who waits.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::image::Image;
use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,chmod,id,ln,ls,mkdir,sleep,stat,touch";

fn arguments<'a>(file: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    let mut arguments =
        vec!["build", "--progress", "plain", "--lint", "off", "-t", "app", "--build-context", BASE, "-f", file];
    arguments.extend(extra);
    arguments.push(".");
    arguments
}

fn build(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Finished {
    env.write("Dockerfile", dockerfile);
    env.run(arguments("Dockerfile", extra))
}

fn start(env: &TestEnv, name: &str, dockerfile: &str) -> Child {
    env.write(name, dockerfile);
    let mut command = env.builder();
    command.args(arguments(name, &[])).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("builder starts")
}

fn finish(child: Child) -> String {
    let output = child.wait_with_output().expect("builder ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_cache_outlives_the_build_and_is_no_part_of_the_image_or_the_key() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let step = "RUN true\nRUN --mount=type=cache,target=/cache echo x >> /cache/f && cat /cache/f > /seen\n";
        build(&env, &format!("FROM base\n{step}"), &[]).success();
        assert_eq!(Image::open(&env.store(), "app").file("seen"), "x\n");
        let again = build(&env, &format!("FROM base\n{step}"), &[]).success();
        assert!(again.stderr.contains("CACHED"), "{}", again.stderr);
        build(&env, &format!("FROM base\n{step}"), &["--no-cache"]).success();
        let image = Image::open(&env.store(), "app");
        assert_eq!(image.file("seen"), "x\nx\n");
        assert_eq!(image.paths(2), ["seen"]);
    }
}

#[test]
fn a_cache_is_told_by_namespace_id_owner_and_base() {
    let env = TestEnv::root();
    let write = "FROM base\nRUN --mount=type=cache,target=/cache,id=one echo x > /cache/f\n";
    build(&env, write, &["--build-arg", "BUILDKIT_CACHE_MOUNT_NS=a"]).success();
    let look = |mount: &str, extra: &[&str]| {
        let step = format!("FROM base\nRUN --mount=type=cache,{mount} ls /c > /seen\n");
        let mut all = vec!["--no-cache"];
        all.extend(extra);
        build(&env, &step, &all).success();
        Image::open(&env.store(), "app").file("seen")
    };
    let a = ["--build-arg", "BUILDKIT_CACHE_MOUNT_NS=a"];
    assert_eq!(look("target=/c,id=one", &a), "f\n");
    assert_eq!(look("target=/c,id=one,sharing=locked", &a), "f\n");
    for other in ["target=/c,id=two", "target=/c", "target=/c,id=one,uid=7", "target=/c,id=one,from=base"] {
        assert!(!look(other, &a).contains('f'), "{other}");
    }
    assert_eq!(look("target=/c,id=one", &[]), "");
}

#[test]
fn a_cache_begins_with_what_it_is_told_to() {
    let env = TestEnv::root();
    let dockerfile = "\
FROM base AS seed
RUN mkdir -p /a/b && echo seed > /a/b/f && chmod 700 /a/b
FROM base
RUN --mount=type=cache,from=seed,source=/a,target=/c test \"$(cat /c/b/f)\" = seed && echo more > /c/b/more
RUN --mount=type=cache,from=seed,source=/a,target=/c test \"$(cat /c/b/more)\" = more
RUN --mount=type=cache,target=/d,uid=7,gid=8,mode=0750 test \"$(stat -c %u:%g:%a /d)\" = 7:8:750
RUN --mount=type=cache,target=/e test \"$(stat -c %u:%g:%a /e)\" = 0:0:755
RUN --mount=type=cache,target=/e,ro ! touch /e/x
RUN --mount=type=cache,from=seed,target=/c test \"$(cat /c/a/b/more)\" = more && test -e /c/bin
RUN --mount=type=cache,target=/s,id=sub mkdir -p /s/in/side && echo x > /s/in/side/f
RUN --mount=type=cache,target=/t,id=sub,source=in/side test \"$(cat /t/f)\" = x
";
    build(&env, dockerfile, &[]).success();
}

#[test]
fn a_cache_has_what_is_selected_of_it() {
    let env = TestEnv::root();
    let failed = build(&env, "FROM base\nRUN --mount=type=cache,target=/s,id=sub,source=in/side true\n", &[]).fails(2);
    assert!(failed.stderr.contains("\"/in/side\": not found in the cache \"/sub\""), "{}", failed.stderr);
}

#[test]
fn a_link_planted_in_a_cache_leads_nowhere() {
    let env = TestEnv::root();
    let outside = env.write("outside/f", "outside\n");
    let parent = outside.parent().unwrap().display();
    let dockerfile = format!(
        "FROM base\nRUN --mount=type=cache,target=/c ln -s {parent} /c/absolute && ln -s ../../../../../../../etc /c/up\n"
    );
    build(&env, &dockerfile, &[]).success();
    for link in ["absolute", "up"] {
        let dockerfile = format!("FROM base\nRUN --mount=type=cache,id=/c,target=/m,source={link} ls /m > /seen\n");
        let finished = build(&env, &dockerfile, &[]);
        if finished.code == Some(0) {
            assert_eq!(Image::open(&env.store(), "app").file("seen"), "", "{link}");
        }
    }
}

/// Two builds at the same time, each of which tells the other through the cache that it is there.
fn meet(sharing: &str) -> (String, String) {
    let env = TestEnv::root();
    let dockerfile = |own: &str, other: &str| {
        format!(
            "FROM base\nRUN --mount=type=cache,target=/c,sharing={sharing} touch /c/{own}; \
             i=0; while ! test -e /c/{other} && test $i -lt 30; do sleep 0.05; i=$((i+1)); done; \
             echo \"{own} saw: $(ls /c | cat)\"; sleep 0.2\n"
        )
    };
    // The base is made first, so that both begin at once.
    build(&env, "FROM base\nRUN true\n", &[]).success();
    let first = start(&env, "first", &dockerfile("a", "b"));
    let second = start(&env, "second", &dockerfile("b", "a"));
    (finish(first), finish(second))
}

#[test]
fn shared_caches_are_seen_by_both() {
    let (first, second) = meet("shared");
    assert!(first.contains("a saw: a\n") && first.contains(" b\n"), "{first}");
    assert!(second.contains("b saw: a\n") && second.contains(" b\n"), "{second}");
}

#[test]
fn private_caches_are_apart() {
    let (first, second) = meet("private");
    assert!(first.contains("a saw: a\n") && !first.contains(" b\n"), "{first}");
    assert!(second.contains("b saw: b\n") && !second.contains("saw: a"), "{second}");
}

#[test]
fn locked_caches_are_waited_for() {
    // Whoever comes second finds what the first one left, and the first one never saw it.
    let (first, second) = meet("locked");
    let saw_both = |said: &str| said.contains("saw: a\n") && said.contains(" b\n");
    assert_ne!(saw_both(&first), saw_both(&second), "{first}{second}");
}

#[test]
fn a_killed_builder_holds_no_lock() {
    let env = TestEnv::root();
    let step = |seconds: &str| {
        format!("FROM base\nRUN --mount=type=cache,target=/c,sharing=locked touch /c/here; sleep {seconds}\n")
    };
    build(&env, &step("0"), &[]).success();
    let mut child = start(&env, "long", &step("4242"));
    std::thread::sleep(Duration::from_millis(700));
    child.kill().expect("kill");
    child.wait().expect("wait");
    let begin = Instant::now();
    build(&env, &step("0.1"), &[]).success();
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_step_may_mount_a_locked_cache_twice_and_two_steps_two_of_them() {
    let env = TestEnv::root();
    let dockerfile = "\
FROM base AS one
RUN --mount=type=cache,id=a,target=/a,sharing=locked --mount=type=cache,id=b,target=/b,sharing=locked sleep 0.2
FROM base AS two
RUN --mount=type=cache,id=b,target=/b,sharing=locked --mount=type=cache,id=a,target=/a,sharing=locked sleep 0.2
FROM base
RUN --mount=type=cache,id=a,target=/x,sharing=locked --mount=type=cache,id=a,target=/y,sharing=locked \
    echo x > /x/f && test -f /y/f
RUN --mount=from=one,target=/m true
RUN --mount=from=two,target=/m true
";
    build(&env, dockerfile, &[]).success();
}

#[test]
fn another_user_may_own_a_cache_unless_there_is_no_such_number() {
    let env = TestEnv::new(RunAs::Ordinary);
    let dockerfile = "FROM base\nUSER 1000\nRUN --mount=type=cache,target=/c,uid=1000 touch /c/f && ls /c\n";
    build(&env, dockerfile, &[]).success();
    let dockerfile = "FROM base\nRUN --mount=type=cache,target=/c,uid=999999999 true\n";
    let failed = build(&env, dockerfile, &[]).fails(3);
    assert!(failed.stderr.contains("999999999 is not mapped in this user namespace"), "{}", failed.stderr);
}

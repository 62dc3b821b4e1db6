//! `RUN --mount=type=bind` and `type=tmpfs`, and what all mounts have in common.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::image::Image;
use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,grep,ln,ls,mkdir,rm,stat,touch";

fn build(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Finished {
    env.write("Dockerfile", dockerfile);
    let mut arguments = vec!["build", "--progress", "plain", "--lint", "off", "-t", "app", "--build-context", BASE];
    arguments.extend(extra);
    arguments.push(".");
    env.run(arguments)
}

/// All paths in all layers above the base, but for the mount points that stay (`KEPT` in the solver).
fn made(env: &TestEnv) -> Vec<String> {
    let image = Image::open(&env.store(), "app");
    let kept = |path: &String| matches!(path.as_str(), "dev" | "proc" | "sys");
    (1..image.layer_count()).flat_map(|index| image.paths(index)).filter(|path| !kept(path)).collect()
}

/// What a message has marked with `^`.
fn underlined(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().collect();
    let at = lines.iter().position(|line| line.contains('^')).unwrap_or_else(|| panic!("no mark in {stderr}"));
    let marks = lines[at].char_indices().filter(|(_, c)| *c == '^').map(|(index, _)| index);
    let (first, last) = (marks.clone().min().unwrap(), marks.max().unwrap());
    lines[at - 1].get(first..=last).unwrap_or_default().to_owned()
}

fn both(test: impl Fn(&TestEnv)) {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        test(&TestEnv::new(run_as));
    }
}

#[test]
fn a_context_is_seen_as_copy_sees_it_and_leaves_nothing() {
    both(|env| {
        env.write("a.txt", "a\n");
        env.write("sub/b.txt", "b\n");
        env.write("sub/hidden.txt", "hidden\n");
        env.write(".dockerignore", "**/hidden.txt\n");
        let dockerfile = "\
FROM base
WORKDIR /work
RUN --mount=target=/ctx cat /ctx/a.txt /ctx/sub/b.txt && ! test -e /ctx/sub/hidden.txt && ! touch /ctx/x
RUN --mount=target=/ctx test \"$(stat -c %u:%g /ctx/a.txt)\" = 0:0
RUN --mount=source=sub,target=relative/deep test \"$(ls /work/relative/deep)\" = b.txt
RUN --mount=source=/sub/b.txt,target=file test \"$(cat /work/file)\" = b
RUN --mount=source=sub,target=here,rw rm here/b.txt && echo new > here/new
RUN --mount=source=sub,target=here test -f here/b.txt && ! test -e here/new
";
        build(env, dockerfile, &[]).success();
        assert_eq!(made(env), ["work"]);
        assert_eq!(std::fs::read_to_string(env.path("work/sub/b.txt")).unwrap(), "b\n");
    });
}

#[test]
fn an_ignored_file_cannot_be_mounted_nor_one_that_is_not_there() {
    let env = TestEnv::root();
    env.write("hidden.txt", "hidden\n");
    env.write(".dockerignore", "hidden.txt\n");
    for source in ["hidden.txt", "absent.txt"] {
        let failed = build(&env, &format!("FROM base\nRUN --mount=source={source},target=/f cat /f\n"), &[]).fails(2);
        assert!(failed.stderr.contains(&format!("\"/{source}\": not found")), "{}", failed.stderr);
    }
    let failed = build(&env, "FROM base\nRUN --mount=from=base,source=/no,target=/f cat /f\n", &[]).fails(2);
    assert!(failed.stderr.contains("\"/no\": not found"), "{}", failed.stderr);
}

#[test]
fn links_in_a_source_stay_inside_of_it() {
    let env = TestEnv::root();
    env.write("real/f", "inside\n");
    symlink("/real/f", env.path("work/absolute")).unwrap();
    symlink("../../../../../../etc/passwd", env.path("work/outside")).unwrap();
    let dockerfile = "\
FROM base AS other
RUN mkdir -p /data/d && echo stage > /data/d/f && ln -s /data/d /link && ln -s ../../../data/d/f /up
FROM base
RUN --mount=source=absolute,target=/f test \"$(cat /f)\" = inside
RUN --mount=from=other,source=/link,target=/m test \"$(cat /m/f)\" = stage
RUN --mount=from=other,source=up,target=/m test \"$(cat /m)\" = stage
";
    build(&env, dockerfile, &[]).success();
    let failed = build(&env, "FROM base\nRUN --mount=source=outside,target=/f cat /f\n", &[]).fails(2);
    assert!(failed.stderr.contains("not found"), "{}", failed.stderr);
}

#[test]
fn stages_are_built_for_a_mount_alone_and_never_change() {
    both(|env| {
        let dockerfile = "\
FROM base AS other
RUN mkdir /data && echo one > /data/f
FROM base
RUN --mount=from=other,target=/m,rw echo two > /m/data/f && echo more > /m/more && cat /m/data/f > /seen
RUN --mount=from=other,source=data,target=/m test \"$(cat /m/f)\" = one && ! test -e /m/more
COPY --from=other /data/f /copied
RUN --mount=from=scratch,target=/empty test -z \"$(ls /empty)\"
";
        build(env, dockerfile, &[]).success();
        let image = Image::open(&env.store(), "app");
        assert_eq!((image.file("seen").as_str(), image.file("copied").as_str()), ("two\n", "one\n"));
        assert_eq!(made(env), ["seen", "copied"]);
    });
}

#[test]
fn existing_mount_points_keep_what_they_are() {
    let env = TestEnv::root();
    env.write("a.txt", "a\n");
    let dockerfile = "\
FROM base
RUN mkdir -m 750 /there && echo kept > /there/kept && touch -d @1000000000 /there /file
RUN --mount=target=/there ls /there/a.txt
RUN --mount=source=a.txt,target=/file cat /file
RUN test \"$(cat /there/kept)\" = kept && test \"$(stat -c %a:%Y /there)\" = 750:1000000000
RUN test ! -s /file && test \"$(stat -c %Y /file)\" = 1000000000
";
    build(&env, dockerfile, &[]).success();
    let image = Image::open(&env.store(), "app");
    for layer in 2..image.layer_count() {
        assert_eq!(image.paths(layer), Vec::<String>::new());
    }
}

#[test]
fn mounts_nest_and_the_last_one_of_a_place_is_seen() {
    both(|env| {
        env.write("a.txt", "a\n");
        env.write("b/c.txt", "c\n");
        let dockerfile = "\
FROM base
RUN --mount=type=tmpfs,target=/m/deep/er --mount=target=/m/deep,rw --mount=type=tmpfs,target=/m \
    test -f /m/deep/a.txt && test -z \"$(ls /m/deep/er)\" && echo x > /m/deep/er/x
RUN --mount=source=a.txt,target=/f --mount=source=b/c.txt,target=/f test \"$(cat /f)\" = c
RUN --mount=type=tmpfs,target=/dev/shm,size=1m echo x > /dev/shm/x && grep ' /dev/shm ' /proc/mounts | grep size=1024k
RUN --mount=type=tmpfs,target=/t stat -c %a /t | grep 1777
RUN --mount=type=tmpfs,target=/t,ro ! touch /t/x
RUN --mount=source=a.txt,target=/dev/own/file cat /dev/own/file
RUN --mount=source=a.txt,target=/etc/hosts test \"$(cat /etc/hosts)\" = a
";
        build(env, dockerfile, &[]).success();
        assert_eq!(made(env), Vec::<String>::new());
    });
}

#[test]
fn a_mount_point_that_cannot_be_made_is_told() {
    let env = TestEnv::root();
    env.write("a.txt", "a\n");
    for (mounts, blamed, message, help) in [
        ("--mount=target=/m --mount=type=tmpfs,target=/m/no", "target=/m/no", "the mount at `/m` is read-only", "`rw`"),
        ("--mount=target=/proc/x", "target=/proc/x", "mount target `/proc/x`", "give another `target`"),
        ("--mount=source=a.txt", "source=a.txt", "cannot mount a file on the directory `/w`", "`target=/w/NAME`"),
        ("--mount=source=a.txt,target=/etc", "target=/etc", "cannot mount a file on the directory `/etc`", "/etc/NAME"),
        ("--mount=type=tmpfs,target=/file", "target=/file", "cannot mount a directory on the file `/file`", "`source`"),
        ("--mount=target=/file/x", "target=/file/x", "`/file` is not a directory", "give another `target`"),
        (
            "--mount=target=/m,rw --mount=type=tmpfs,target=/m/a.txt",
            "target=/m/a.txt",
            "cannot mount a directory on the file `/m/a.txt`",
            "`source`",
        ),
        (
            "--mount=target=/m,rw --mount=type=tmpfs,target=/m/a.txt/b",
            "target=/m/a.txt/b",
            "`/m/a.txt` is not a directory",
            "give another",
        ),
    ] {
        let dockerfile = format!("FROM base\nWORKDIR /w\nRUN touch /file && mkdir -p /etc\nRUN {mounts} true\n");
        let failed = build(&env, &dockerfile, &[]).fails(2);
        let underlined = underlined(&failed.stderr);
        assert!(underlined.ends_with(blamed) && failed.stderr.contains("Dockerfile:4:"), "{mounts}: {}", failed.stderr);
        for expected in [message, help] {
            assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
        }
    }
}

#[test]
fn only_what_is_mounted_counts_for_the_cache() {
    let env = TestEnv::root();
    env.write("used/f", "1\n");
    env.write("unused", "1\n");
    let dockerfile = "\
FROM base AS other
COPY used unused /
FROM base
RUN --mount=source=used,target=/m cat /m/f > /context
RUN --mount=from=other,source=/f,target=/m cat /m > /stage
";
    let cached = |env: &TestEnv| {
        let said = build(env, dockerfile, &[]).success().stderr;
        let of = |name: &str| {
            let number = said.lines().find(|line| line.contains(name)).unwrap().split_once(' ').unwrap().0.to_owned();
            said.lines().any(|line| line == format!("{number} CACHED"))
        };
        (of("> /context"), of("> /stage"))
    };
    assert_eq!(cached(&env), (false, false));
    assert_eq!(cached(&env), (true, true));
    env.write("unused", "2\n");
    assert_eq!(cached(&env), (true, true));
    env.write("used/f", "2\n");
    assert_eq!(cached(&env), (false, false));
    assert_eq!(Image::open(&env.store(), "app").file("stage"), "2\n");
    let path = env.path("work/used/f");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(cached(&env), (false, false));
}

#[test]
fn what_is_wrong_with_a_mount_is_said_before_anything_runs() {
    let env = TestEnv::root();
    env.write("a.txt", "a\n");
    for (mount, message, blamed, help) in [
        ("type=nope,target=/a", "unsupported mount type \"nope\"", "type=nope", "there are `bind`"),
        ("type=cahce,target=/a", "unsupported mount type \"cahce\"", "type=cahce", "did you mean `cache`?"),
        ("type=tmpfs,target=/", "invalid mount target \"/\"", "target=/", "below the root"),
        ("target=/a,dst=..", "invalid mount target \"/\"", "dst=..", "below the root"),
        ("type=tmpfs,mode=1", "mode not allowed for \"tmpfs\" type mounts", "mode=1", "take it away"),
        (
            "type=cache,target=/a,sharing=some",
            "unsupported sharing value \"some\"",
            "sharing=some",
            "there are `locked`",
        ),
        (
            "from=later,target=/a",
            "cannot mount from stage \"later\" to \"/a\", stage needs to be defined before",
            "from=later",
            "move the stage `later` before",
        ),
        ("target=/a,from=9", "invalid stage index 9", "from=9", "stages count from 0"),
        ("type=secret", "invalid secret mount. one of source, target required", "type=secret", "`type=secret,id=NAME`"),
        ("type=tmpfs,target=/a,size=big", "invalid value for size: big", "size=big", "`size=64m`"),
        ("target=/a,source=${X?}", "X", "source=${X?}", ""),
        ("target=/a,source=no", "\"/no\": not found", "source=no", ""),
        ("target=/a,from=first,source=no", "\"/no\": not found", "source=no", "`source` is seen from the root"),
        ("type=cache,target=/a,source=no", "not found in the cache \"/a\"", "source=no", "let a step"),
    ] {
        let dockerfile = format!(
            "FROM base AS first\nFROM base AS second\nRUN --mount={mount} true\nFROM base AS later\nFROM second\n"
        );
        let failed = build(&env, &dockerfile, &[]).fails(2);
        assert_eq!(underlined(&failed.stderr), blamed, "{}", failed.stderr);
        for expected in [message, help] {
            assert!(failed.stderr.contains(expected), "{mount}: `{expected}` in {}", failed.stderr);
        }
    }
    // A stage that is not needed may be as wrong as it likes.
    let dockerfile = "FROM base AS wrong\nRUN --mount=type=nope true\nFROM base\nRUN true\n";
    build(&env, dockerfile, &[]).success();
}

#[test]
fn values_are_expanded_but_for_the_source_of_files() {
    let env = TestEnv::root();
    env.write("a.txt", "a\n");
    let dockerfile = "\
FROM base
ARG file=a.txt
ENV place=/x/y kind=bind
RUN --mount=type=$kind,source=${file},target=$place/f test \"$(cat /x/y/f)\" = a
";
    build(&env, dockerfile, &[]).success();
    let failed = build(&env, "FROM base\nARG a=base\nRUN --mount=from=$a,target=/m true\n", &[]).fails(2);
    assert!(failed.stderr.contains("'from' doesn't support variable expansion"), "{}", failed.stderr);
}

#[test]
fn mounts_may_lie_in_the_mounts_of_the_sandbox() {
    both(|env| {
        env.write("a.txt", "a\n");
        let secret = env.write("secret", "hidden");
        let dockerfile = "\
FROM base
RUN --mount=type=tmpfs,target=/dev/shm/a/b,size=1m grep ' /dev/shm/a/b ' /proc/mounts && touch /dev/shm/x /dev/shm/a/b/y
RUN --mount=type=secret,id=s,target=/dev/shm/x test \"$(cat /dev/shm/x)\" = hidden
RUN --mount=source=a.txt,target=/dev/shm/d/f --mount=type=cache,target=/dev/shm/c cat /dev/shm/d/f && touch /dev/shm/c/x
RUN --mount=type=tmpfs,target=/dev/shm,size=1m --mount=type=tmpfs,target=/dev/shm/in test \"$(grep -c ' /dev/shm ' /proc/mounts)\" = 1
RUN --mount=type=tmpfs,target=/dev,size=1m --mount=type=tmpfs,target=/dev/own \
    test \"$(grep -c ' /dev ' /proc/mounts)\" = 1 && grep ' /dev .*size=1024k' /proc/mounts && \
    test -c /dev/null && test -d /dev/pts && grep ' /dev/shm ' /proc/mounts && grep ' /dev/own ' /proc/mounts && touch /dev/own/x
RUN --mount=target=/dev,rw test -f /dev/a.txt
";
        build(env, dockerfile, &["--secret", &format!("id=s,src={}", secret.display())]).success();
        assert_eq!(made(env), Vec::<String>::new());
    });
}

#[test]
fn a_mount_point_in_dev_leads_to_no_descriptor_of_the_builder() {
    both(|env| {
        env.write("a.txt", "a\n");
        for number in [0, 3, 7, 12] {
            let dockerfile = format!("FROM base\nRUN --mount=source=a.txt,target=/dev/fd/{number}/x true\n");
            assert_ne!(build(env, &dockerfile, &[]).code, Some(0), "{number}");
        }
        assert!(!env.path("work/x").exists() && !env.path("x").exists());
    });
}

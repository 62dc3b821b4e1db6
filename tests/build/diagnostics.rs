//! What a person is told when something is wrong.

use crate::support::{Finished, TestEnv};

fn refused(dockerfile: &str, code: i32) -> Finished {
    let env = TestEnv::root();
    env.write("Dockerfile", dockerfile);
    env.run(["build", "--build-context", "base=host:sh,cat", "."]).fails(code)
}

#[test]
fn a_failed_step_shows_line_command_output_and_exit_code() {
    let failed = refused("FROM base\nRUN echo one; echo two >&2; exit 7\n", 1);
    for expected in ["Dockerfile:2:1", "RUN echo one; echo two >&2; exit 7", "exit code: 7", "one", "two", "^^^"] {
        assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
    }
}

/// The smallest program that the processor stops: an ELF header, one segment, and `ud2`.
#[cfg(target_arch = "x86_64")]
fn crashing_program() -> Vec<u8> {
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(16, 0);
    // An executable for x86-64, version 1.
    program.extend([2, 0, 0x3e, 0, 1, 0, 0, 0]);
    // Where it begins, where the segments are, no sections, and the sizes of headers.
    program.extend([0x40_0078_u64, 64, 0].map(u64::to_le_bytes).concat());
    program.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // One segment, to be read and executed: all of the file.
    program.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    program.extend([0_u64, 0x40_0000, 0x40_0000, 0x7a, 0x7a, 0x1000].map(u64::to_le_bytes).concat());
    program.extend([0x0f, 0x0b]);
    program
}

/// A signal of its own spares the first process of a step; the processor does not.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_killed_step_is_told_from_a_failed_one() {
    let env = TestEnv::root();
    env.write("crash", crashing_program());
    env.write("Dockerfile", "FROM scratch\nCOPY --chmod=755 crash /\nRUN [\"/crash\"]\n");
    let failed = env.run(["build", "."]).fails(1);
    assert!(failed.stderr.contains("killed by signal 4"), "{}", failed.stderr);
    assert!(failed.stderr.contains("exit code: 132"), "{}", failed.stderr);
}

#[test]
fn a_program_that_cannot_be_started_fails_the_step() {
    let scripts = "COPY --chmod=644 <<E /plain\necho hi\nE\nCOPY --chmod=755 <<E /bare\necho hi\nE\n\
                   COPY --chmod=755 <<E /lost\n#!/no/such/interpreter\nE\nRUN ln -s loop /loop\n";
    for (run, expected, help) in [
        ("RUN [\"nope\"]\n", "program `nope` not found in `PATH`", "is it installed in the image"),
        ("RUN [\"/no/pe\"]\n", "program `/no/pe` not found", "is it installed in the image"),
        ("SHELL [\"/bin/bash\", \"-c\"]\nRUN true\n", "program `/bin/bash` not found", "the shell of this RUN"),
        ("RUN [\"/plain\"]\n", "program `/plain` cannot be executed: permission denied", "chmod"),
        ("RUN [\"/bare\"]\n", "program `/bare` cannot be executed: exec format error", "another platform"),
        ("RUN [\"/lost\"]\n", "program `/lost` exists, but its interpreter", "`#!`"),
        ("RUN [\"/loop\"]\n", "program `/loop` cannot be executed: ", "symbolic links"),
    ] {
        let env = TestEnv::root();
        env.write("Dockerfile", format!("FROM base\n{scripts}{run}"));
        let failed = env.run(["build", "--build-context", "base=host:sh,ln", "."]).fails(1);
        for expected in [expected, help, "Dockerfile:", run.lines().last().unwrap(), "^^^"] {
            assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
        }
        assert!(!failed.stderr.contains("cannot set up the sandbox"), "{}", failed.stderr);
    }
    let failed = refused("FROM scratch\nRUN true\n", 1);
    for expected in ["Dockerfile:2:1", "program `/bin/sh` not found", "the shell of this RUN"] {
        assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
    }
}

/// The failure used to lose a race against the steps that it ends.
#[test]
fn a_failed_step_is_reported_whatever_runs_beside_it() {
    let env = TestEnv::root();
    env.write(
        "Dockerfile",
        "FROM base AS a\nRUN echo a\nFROM base AS b\nRUN exit 7\nFROM base AS c\nRUN sleep 60\n\
         FROM base\nCOPY --from=a /bin /a\nCOPY --from=b /bin /b\nCOPY --from=c /bin /c\n",
    );
    for _ in 0..20 {
        let failed = env.run(["build", "--no-cache", "--build-context", "base=host:sh,sleep", "."]).fails(1);
        assert!(failed.stderr.contains("exit code: 7"), "{}", failed.stderr);
    }
}

#[test]
fn all_errors_of_a_file_are_reported_with_suggestions() {
    let failed = refused("FROM base\nWRKDIR /x\nRUN --netwrk=none true\nCOPY a\n", 2);
    for expected in
        ["Dockerfile:2:1", "did you mean `WORKDIR`", "Dockerfile:3:5", "Dockerfile:4:", "requires at least two"]
    {
        assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
    }
}

#[test]
fn unknown_stages_sources_and_targets_are_named() {
    for (dockerfile, arguments, expected) in [
        ("FROM base AS build\n", &["--target", "biuld"][..], "did you mean build?"),
        ("FROM base\nCOPY nothing /\n", &[], "\"/nothing\": not found"),
        ("FROM base\nCOPY --from=7 a /\n", &[], "invalid stage index 7"),
        ("FROM base AS a\nCOPY --from=b x /\nFROM base AS b\n", &["--target", "a"], "needs to be defined before"),
        ("FROM base\nUSER nobody\nRUN true\n", &[], "unable to find user nobody"),
    ] {
        let env = TestEnv::root();
        env.write("Dockerfile", dockerfile);
        let mut all = vec!["build", "--build-context", "base=host:sh,cat"];
        all.extend(arguments);
        all.push(".");
        let failed = env.run(all).fails(2);
        assert!(failed.stderr.contains(expected), "`{expected}` in {}", failed.stderr);
        assert!(dockerfile.contains("--target") || failed.stderr.contains("Dockerfile") || !arguments.is_empty());
    }
}

#[test]
fn a_broken_unreachable_stage_is_left_alone() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM nowhere.invalid/x AS unused\nRUN false\nFROM base\nRUN true\n");
    env.ok(["build", "--build-context", "base=host:sh", "."]);
}

#[test]
fn options_that_are_not_supported_yet_are_refused_by_name() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\n");
    for option in ["--isolation=x", "--squash"] {
        let failed = env.run(["build", option, "."]).fails(2);
        let name = option.split('=').next().unwrap();
        assert!(failed.stderr.contains(&format!("`{name}` is not supported yet")), "{}", failed.stderr);
    }
    let failed = env.run(["build", "-f", "https://example.test/Dockerfile", "."]).fails(2);
    assert!(failed.stderr.contains("not fetched from the web") && failed.stderr.contains("curl"), "{}", failed.stderr);
    env.run(["build", "--nope", "."]).fails(2);
    env.run(["build", "no-such-directory"]).fails(2);
}

#[test]
fn the_plan_is_shown_without_building() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base AS a\nRUN false\nFROM base\nCOPY --from=a /x /\n");
    let context = ["--build-context", "base=host:sh"];
    let text = env.ok(["build", "--print-plan", "text", context[0], context[1], "."]).stdout;
    assert!(text.contains("[a 2/2] RUN false") && text.contains("COPY /x / # buildkit"), "{text}");
    let dot = env.ok(["build", "--print-plan", "dot", context[0], context[1], "."]).stdout;
    assert!(dot.starts_with("digraph") && dot.contains("v1 -> v2"), "{dot}");
}

#[test]
fn quiet_prints_the_id_and_files_hold_it() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nLABEL a=b\n");
    let done = env.ok(["build", "-q", "--iidfile", "id", "--metadata-file", "meta", "-t", "app", "."]);
    assert_eq!(done.stderr, "");
    let id = std::fs::read_to_string(env.path("work/id")).unwrap();
    assert_eq!(done.stdout, format!("{id}\n"));
    let metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(env.path("work/meta")).unwrap()).unwrap();
    assert_eq!(metadata["containerimage.config.digest"], id);
    assert_eq!(metadata["image.name"], "docker.io/library/app:latest");
}

#[test]
fn a_failed_build_leaves_no_file_of_an_earlier_one() {
    let env = TestEnv::root();
    let build = ["build", "--iidfile", "id", "--metadata-file", "meta", "--build-context", "base=host:sh", "."];
    env.write("Dockerfile", "FROM scratch\nLABEL a=b\n");
    env.ok(build);
    for dockerfile in ["FROM base\nRUN exit 1\n", "NOPE\n"] {
        env.write("Dockerfile", dockerfile);
        env.write("id", "old");
        env.write("meta", "old");
        assert!(matches!(env.run(build).code, Some(1 | 2)));
        assert!(!env.path("work/id").exists() && !env.path("work/meta").exists());
    }
}

#[test]
fn a_file_that_cannot_be_written_is_noticed_before_the_build() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nRUN echo ran\n");
    for option in ["--iidfile", "--metadata-file"] {
        let refused = env.run(["build", option, "no/such/place", "--build-context", "base=host:sh", "."]).fails(3);
        let message = format!("cannot write {option} to `no/such/place`: there is no directory `no/such`");
        assert!(refused.stderr.contains(&message), "{}", refused.stderr);
        assert!(!refused.stderr.contains("ran"), "{}", refused.stderr);
    }
}

#[test]
fn an_empty_target_is_none() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch AS a\nFROM nowhere AS b\nFROM scratch\nLABEL a=b\n");
    env.ok(["build", "--target", "", "."]);
}

#[test]
fn bytes_that_are_not_text_matter_outside_of_comments_only() {
    let env = TestEnv::root();
    env.write("Dockerfile", b"# caf\xe9\nFROM scratch\n# \xff\xfe\nLABEL a=b\n");
    let built = env.ok(["build", "."]);
    for place in ["Dockerfile:1:6", "Dockerfile:3:3"] {
        assert!(built.stderr.contains("warning[invalid-utf8]") && built.stderr.contains(place), "{}", built.stderr);
    }
    for dockerfile in [&b"FROM scratch\nLABEL a=\xe9\n"[..], b"FROM scratch\nCOPY <<a /\n# \xe9\na\n"] {
        env.write("Dockerfile", dockerfile);
        let refused = env.run(["build", "."]).fails(2);
        assert!(refused.stderr.contains("error[invalid-utf8]"), "{}", refused.stderr);
        assert!(refused.stderr.contains("Dockerfile:2:") || refused.stderr.contains("Dockerfile:3:"));
    }
    // On standard input too.
    for arguments in [&["build", "-"][..], &["build", "-f", "-", "."]] {
        let mut command = env.builder();
        command.args(arguments).stdin(std::fs::File::open(env.write("stdin", b"# \xe9\nFROM scratch\n")).unwrap());
        assert!(Finished::of(&mut command).success().stderr.contains("-:1:3"));
    }
}

#[test]
fn build_args_that_nothing_consumes_are_named() {
    let env = TestEnv::root();
    env.write("Dockerfile", "ARG GLOBAL\nFROM scratch AS other\nARG OTHER\nFROM scratch\nARG OWN\n");
    let known = ["GLOBAL", "OTHER", "OWN", "http_proxy", "NO_PROXY", "TARGETARCH", "BUILDKIT_INLINE_CACHE"];
    let mut arguments: Vec<String> = ["build", "."].map(str::to_owned).to_vec();
    arguments.extend(known.iter().map(|name| format!("--build-arg={name}=1")));
    assert!(!env.ok(&arguments).stderr.contains("not consumed"));
    arguments.extend(["--build-arg=NOPE=1", "--build-arg=OWNN=1"].map(str::to_owned));
    let built = env.ok(&arguments);
    assert!(built.stderr.contains("One or more build-args [NOPE OWNN] were not consumed"), "{}", built.stderr);
    assert!(built.stderr.contains("ARG NOPE"), "{}", built.stderr);
    // A trigger of the base asks as well.
    env.write("Dockerfile", "FROM scratch\nONBUILD ARG LATER\n");
    env.ok(["build", "-t", "base", "."]);
    env.write("Dockerfile", "FROM base\n");
    assert!(!env.ok(["build", "--build-arg=LATER=1", "."]).stderr.contains("not consumed"));
}

#[test]
fn info_says_how_it_would_run_here() {
    for run_as in [crate::support::RunAs::Root, crate::support::RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let report: serde_json::Value = serde_json::from_str(&env.ok(["info", "--format", "json"]).stdout).unwrap();
        let expected = if run_as == crate::support::RunAs::Root { "root" } else { "rootless, with subordinate ids" };
        assert_eq!(report["mode"], expected, "{report:#}");
    }
}

#[test]
fn warnings_are_shown_below_the_steps() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nENV greeting=\\\n\nhello\n");
    let built = env.ok(["build", "."]);
    assert!(built.stderr.contains("warning["), "{}", built.stderr);
    assert!(built.stderr.contains("Dockerfile:"), "{}", built.stderr);
    assert!(!env.ok(["build", "-q", "."]).stderr.contains("warning["));
}

/// BuildKit's limits (dockerfile-semantics 16.9), and its variables for others. What the message of a failure shows is
/// the end of the output whatever the limits are.
#[test]
fn what_a_step_writes_is_shown_no_faster_than_a_limit() {
    let env = TestEnv::root();
    let write = "i=0; while [ $i -lt 3000 ]; do echo line $i ---------------------------------------------------------------\
                 -----------------------------------------------------; i=$((i+1)); done";
    env.write("Dockerfile", format!("FROM base\nRUN {write}; exit 3\n"));
    let arguments = ["build", "--no-cache", "--progress", "plain", "--build-context", "base=host:sh", "."];
    let failed = env.run(arguments).fails(1);
    assert!(failed.stderr.contains("[output clipped, log limit 200KiB/s reached]"), "{}", failed.stderr);
    assert_eq!(failed.stderr.matches("line 2999 ").count(), 1, "in the message of the failure");
    let with = |size: &str, speed: &str| {
        let mut builder = env.builder();
        builder.env("BUILDKIT_STEP_LOG_MAX_SIZE", size).env("BUILDKIT_STEP_LOG_MAX_SPEED", speed);
        Finished::of(builder.args(arguments))
    };
    let all = with("-1", "-1").fails(1);
    assert!(!all.stderr.contains("output clipped"), "{}", all.stderr);
    assert_eq!(all.stderr.matches("line 1500 ").count(), 1);
    let little = with("1024", "-1").fails(1);
    assert!(little.stderr.contains("[output clipped, log limit 1KiB reached]"), "{}", little.stderr);
    assert_eq!(little.stderr.matches("line 1500 ").count(), 0);
    let wrong = with("much", "-1").fails(2);
    assert!(wrong.stderr.contains("invalid value of BUILDKIT_STEP_LOG_MAX_SIZE"), "{}", wrong.stderr);
}

#[test]
fn a_dockerfile_that_is_not_there_is_told_where_it_may_be() {
    let env = TestEnv::root();
    env.write("ctx/sub/Dockerfile", "FROM scratch\n");
    let told = env.run(["build", "-f", "sub/Dockerfile", "ctx"]).fails(2).stderr;
    assert!(told.contains("did you mean `-f ctx/sub/Dockerfile`?"), "{told}");
    std::os::unix::fs::symlink("nowhere", env.path("work/ctx/Dockerfile")).unwrap();
    let told = env.run(["build", "ctx"]).fails(2).stderr;
    assert!(told.contains("it is a link to `nowhere`, which is not there"), "{told}");
    // A context that comes as an archive is unpacked somewhere that is nobody's business.
    let mut archive = tar::Builder::new(std::fs::File::create(env.path("context.tar")).unwrap());
    archive.follow_symlinks(false);
    archive.append_dir_all(".", env.path("work/ctx")).unwrap();
    archive.into_inner().unwrap();
    let stdin = std::fs::File::open(env.path("context.tar")).unwrap();
    let told = Finished::of(env.builder().args(["build", "-"]).stdin(stdin)).fails(2).stderr;
    assert!(told.contains("no Dockerfile at `Dockerfile`: it is a link to `nowhere`"), "{told}");
    assert!(!told.contains("process-"), "{told}");
}

#[test]
fn a_layout_without_the_image_says_what_it_has() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    env.ok(["build", "-o", "type=oci,tar=false,dest=unnamed", "."]);
    env.ok(["build", "-t", "here:1", "-o", "type=oci,tar=false,dest=named,name=here:1", "."]);
    env.write("Dockerfile", "FROM base\n");
    for (layout, expected) in [
        ("unnamed:nope", "`unnamed` has no image named `nope`; none of its images has a name"),
        ("named:nope", "`named` has no image named `nope`; it has: "),
    ] {
        let told = env.run(["build", "--build-context", &format!("base=oci-layout://{layout}"), "."]).fails(2).stderr;
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn what_is_no_dockerfile_is_one_error_and_many_errors_are_cut_short() {
    let env = TestEnv::root();
    env.write("Dockerfile", b"\x7fELF\x02\x01\x01\0\0\0\0\0\n\x01\x02\n");
    let told = env.run(["build", "."]).fails(2).stderr;
    assert!(told.contains("the file is not text") && told.matches("error").count() < 4, "{told}");
    env.write("Dockerfile", format!("FROM scratch\n{}", "NOPE x\n".repeat(400)));
    let told = env.run(["build", "."]).fails(2).stderr;
    assert!(told.contains("and 380 more") && told.matches("unknown instruction").count() < 25, "{told}");
}

#[test]
fn a_command_without_a_program_is_told_before_it_runs() {
    for run in ["RUN []", "RUN [\"\"]", "RUN [\"\", \"x\"]"] {
        let told = refused(&format!("FROM base\n{run}\n"), 2).stderr;
        assert!(
            told.contains("error[empty-command]: RUN needs a command") && told.contains("Dockerfile:2:1"),
            "{told}"
        );
    }
}

#[test]
fn a_zero_byte_that_no_program_can_be_given_is_found_before_anything_runs() {
    for (line, keyword) in [("RUN echo a\0b", "RUN"), ("RUN [\"cat\", \"a\\u0000b\"]", "RUN"), ("ENV A=a\0b", "ENV")] {
        let failed = refused(&format!("FROM base\nRUN echo before\n{line}\n"), 2);
        assert!(failed.stderr.contains(&format!("{keyword} must not hold a zero byte")), "{}", failed.stderr);
        assert!(failed.stderr.contains("Dockerfile:3"), "{}", failed.stderr);
        assert!(!failed.stderr.contains("before\n#"), "{}", failed.stderr);
    }
}

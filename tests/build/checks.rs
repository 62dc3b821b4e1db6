//! BuildKit's build checks while building and with `--check`, and the other questions of `--call`.

use crate::support::{Finished, TestEnv};

fn run(env: &TestEnv, arguments: &[&str]) -> Finished {
    let base = ["build", "--build-context", "base=host:sh,cat"];
    env.run(base.iter().chain(arguments).copied().chain(["."]))
}

fn with(dockerfile: &str) -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", dockerfile);
    env
}

#[test]
fn every_platform_is_checked_and_each_thing_told_once() {
    let env =
        with("FROM scratch AS amd64\nENV X=1\nFROM scratch AS arm64\nENV Y=1\nFROM $TARGETARCH\nLABEL a=$X\nCMD a\n");
    let told = |platforms: &str| {
        let text = run(&env, &["--platform", platforms]).success().stderr;
        ["undefined variable '$X'", "JSON arguments recommended"].map(|found| text.matches(found).count())
    };
    let [none, once] = told("linux/amd64");
    let [undefined, same] = told("linux/arm64");
    assert!(none == 0 && undefined > 0 && once > 0 && same == once, "{none} {undefined} {once} {same}");
    assert_eq!(told("linux/amd64,linux/arm64"), [undefined, once]);
    assert_eq!(told("linux/arm64,linux/amd64"), [undefined, once]);
}

/// Every check: a Dockerfile, and the line that a build ends with.
const CHECKS: &[(&str, &str)] = &[
    ("FROM base AS Build\n", "StageNameCasing: Stage name 'Build' should be lowercase (line 1)"),
    ("FROM base as build\n", "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"),
    ("FROM base\nENV a=b \\\n\n  c=d\n", "NoEmptyContinuation: Empty continuation line (line 4)"),
    (
        "FROM base\nEnv a=b\n",
        "ConsistentInstructionCasing: Command 'Env' should match the case of the command majority (uppercase) (line 2)",
    ),
    (
        "FROM base AS a\nFROM a AS a\n",
        "DuplicateStageName: Duplicate stage name \"a\", stage names should be unique (line 2)",
    ),
    (
        "FROM base AS context\n",
        "ReservedStageName: Stage name should not use the same name as reserved stage \"context\" (line 1)",
    ),
    (
        "FROM base\nCMD a\n",
        "JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)",
    ),
    (
        "FROM base\nMAINTAINER me\n",
        "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)",
    ),
    (
        "ARG BASE=base\nFROM base${BSE}\n",
        "UndefinedArgInFrom: FROM argument 'BSE' is not declared (did you mean BASE?) (line 2)",
    ),
    (
        "FROM base\nWORKDIR a\n",
        "WorkdirRelativePath: Relative workdir \"a\" can have unexpected results if the base image changes (line 2)",
    ),
    (
        "FROM base\nARG NAME=x\nENV A=$NAM\n",
        "UndefinedVar: Usage of undefined variable '$NAM' (did you mean $NAME?) (line 3)",
    ),
    (
        "FROM base\nCMD [\"a\"]\nCMD [\"b\"]\n",
        "MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only \
         the last one will be used (line 2)",
    ),
    (
        "FROM base\nENV a b\n",
        "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format (line 2)",
    ),
    (
        "FROM --platform=${TARGETPLATFORM} base\n",
        "RedundantTargetPlatform: Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the \
         default behavior (line 1)",
    ),
    (
        "FROM base\nENV API_TOKEN=x\n",
        "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV \"API_TOKEN\") (line 2)",
    ),
    (
        "ARG V\nFROM base AS b\nFROM x:$V\nFROM b\n",
        "InvalidDefaultArgInFrom: Default value for ARG x:$V results in empty or invalid base image name (line 3)",
    ),
    (
        "FROM --platform=linux/amd64 base\n",
        "FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value \"linux/amd64\" (line 1)",
    ),
    (
        "FROM base\nCOPY out/x* /\n",
        "CopyIgnoredFile: Attempting to Copy file \"out/x*\" that is excluded by .dockerignore (line 2)",
    ),
    (
        "# check=experimental=all\n\n# something\nFROM base AS b\n",
        "InvalidDefinitionDescription: Comment for FROM should follow the format: `# b <description>` (line 4)",
    ),
    (
        "FROM base\nEXPOSE 80/TCP\n",
        "ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase (line 2)",
    ),
    (
        "FROM base\nEXPOSE 80:80\n",
        "ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '80:80' \
         (line 2)",
    ),
];

#[test]
fn every_check_is_told_by_a_build_unless_it_is_skipped() {
    for (dockerfile, line) in CHECKS {
        let env = with(dockerfile);
        env.write(".dockerignore", "out/x*\n");
        env.write("out/seen", "");
        let rule = line.split(':').next().unwrap();
        let told = run(&env, &[]).success();
        assert!(told.stderr.lines().any(|told| told == format!(" - {line}")), "`{line}` in {}", told.stderr);
        if rule == "InvalidDefinitionDescription" {
            continue;
        }
        let skipped = run(&env, &["--build-arg", &format!("BUILDKIT_DOCKERFILE_CHECK=skip={rule}")]).success();
        assert!(!skipped.stderr.contains(rule), "{}", skipped.stderr);
    }
}

#[test]
fn the_platform_of_a_base_image_is_checked() {
    let env = TestEnv::root();
    env.write("base/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    env.ok(["build", "-t", "localhost:1/other", "--platform", "linux/s390x", "base"]);
    let dockerfile = "FROM localhost:1/other\n";
    env.write("Dockerfile", dockerfile);
    // The store has the image for another platform, and no registry has a better one.
    let refused = run(&env, &[]);
    assert_ne!(refused.code, Some(0));
    let layout = env.path("layout");
    env.ok([
        "build",
        "--platform",
        "linux/s390x",
        "-o",
        &format!("type=oci,tar=false,dest={}", layout.display()),
        "base",
    ]);
    let context = format!("other=oci-layout://{}", layout.display());
    env.write("Dockerfile", "FROM other\n");
    let told = run(&env, &["--build-context", &context]).success();
    assert!(
        told.stderr.contains(
            " - InvalidBaseImagePlatform: Base image other was pulled with platform \"linux/s390x\", expected \""
        ),
        "{}",
        told.stderr
    );
    env.write("Dockerfile", "# check=skip=InvalidBaseImagePlatform\nFROM other\n");
    assert!(!run(&env, &["--build-context", &context]).success().stderr.contains("InvalidBaseImagePlatform"));
}

#[test]
fn a_file_can_make_errors_of_its_warnings() {
    let env = with("# check=error=true\nFROM base as b\nMAINTAINER me\nRUN echo never\n");
    let failed = run(&env, &[]).fails(2);
    let last = failed.stderr.lines().last().unwrap();
    let words = "lint violation found for rules: FromAsCasing, MaintainerDeprecated";
    assert_eq!(last, format!("ERROR: failed to build: failed to solve: {words}"));
    assert!(!failed.stderr.contains("RUN echo never\n#"), "{}", failed.stderr);
    run(&env, &["--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=all;error=true"]).success();
    run(&env, &["--lint=off"]).fails(2);
    env.write("Dockerfile", "# check=error=maybe\nFROM base\n");
    assert!(run(&env, &[]).fails(2).stderr.contains("failed to parse check option \"error=maybe\""));
    env.write("Dockerfile", "# check=nope=1\nFROM base\n");
    assert!(run(&env, &[]).fails(2).stderr.contains("invalid check option \"nope\""));
}

#[test]
fn comments_above_an_instruction_are_for_it_alone() {
    let env = with("FROM base\n# check=skip=LegacyKeyValueFormat\nENV a b\nENV c d\n");
    let told = run(&env, &[]).success();
    assert!(told.stderr.contains("1 warning found") && told.stderr.contains("(line 4)"), "{}", told.stderr);
}

#[test]
fn check_shows_every_stage_and_builds_nothing() {
    let env = with("FROM base as one\nCMD a\nFROM base\nRUN exit 1\n");
    let checked = run(&env, &["--check"]).fails(1);
    insta::assert_snapshot!("check_text", checked.stdout);
    let json = run(&env, &["--call", "check,format=json"]).fails(1);
    insta::assert_snapshot!("check_json", json.stdout);
    // Only what the target needs.
    env.write("Dockerfile", "FROM base AS one\nCMD a\nFROM base AS two\n");
    assert_eq!(run(&env, &["--check", "--target=two"]).success().stdout, "Check complete, no warnings found.\n");
}

#[test]
fn check_tells_what_cannot_be_built() {
    let env = with("FROM base as one\nNOPE x\nMAINTAINER me\n");
    let checked = run(&env, &["--check"]).fails(1);
    insta::assert_snapshot!("check_error_text", checked.stdout);
    let json: serde_json::Value =
        serde_json::from_str(&run(&env, &["--call=lint,format=json"]).fails(1).stdout).unwrap();
    assert_eq!(json["warnings"][0]["ruleName"], "FromAsCasing");
    let message = json["buildError"]["message"].as_str().unwrap();
    assert!(message.starts_with("dockerfile parse error on line 2: unknown instruction: NOPE"), "{message}");
    assert_eq!(json["buildError"]["location"]["ranges"][0]["start"]["line"], 2);
}

/// What stops a build in the parser, at a `FROM`, at an image, and in a stage.
const BROKEN: [&str; 4] = ["NOPE x\n", "FROM $BAR\n", "FROM localhost:1/none\n", "COPY --from=9 x /\n"];

#[test]
fn what_is_skipped_is_skipped_beside_an_error_too() {
    let checked = |dockerfile: &str, setting: &str| -> serde_json::Value {
        let env = with(dockerfile);
        let arg = format!("BUILDKIT_DOCKERFILE_CHECK={setting}");
        let arguments = ["--call=check,format=json", "--build-arg", &arg];
        let arguments = if setting.is_empty() { &arguments[..1] } else { &arguments[..] };
        serde_json::from_str(&run(&env, arguments).fails(1).stdout).unwrap()
    };
    let count = |answer: &serde_json::Value| answer["warnings"].as_array().unwrap().len();
    for broken in BROKEN {
        let file = format!("FROM base as one\nMAINTAINER me\nENV A_TOKEN b\n{broken}");
        let told = checked(&file, "");
        assert!(count(&told) > 1 && told["buildError"]["message"].is_string(), "{broken}: {told:#}");
        assert_eq!(count(&checked(&file, "skip=all")), 0, "{broken}");
        assert_eq!(count(&checked(&format!("# check=skip=all\n{file}"), "")), 0, "{broken}");
        // The build arg takes the place of what the file says.
        let both = checked(&format!("# check=skip=all\n{file}"), "skip=FromAsCasing");
        assert_eq!(count(&both), count(&told) - 1, "{broken}: {both:#}");
        let wrong = checked(&file, "foo=1");
        assert_eq!(count(&wrong), 0, "{broken}");
        let message = wrong["buildError"]["message"].as_str().unwrap();
        assert!(message.contains("invalid check option \"foo\""), "{message}");
    }
}

#[test]
fn what_no_build_begins_from_is_told_whatever_is_asked() {
    let env = with("FROM $BAR AS unused\nFROM base\n");
    for arguments in [&[][..], &["--call=outline"], &["--print-plan=text"]] {
        let refused = run(&env, arguments).fails(2);
        assert!(refused.stderr.contains("base name ($BAR) should not be blank"), "{arguments:?}: {}", refused.stderr);
    }
    run(&env, &["--build-arg", "BAR=base"]).fails(2);
    env.write("Dockerfile", "ARG BAR=base\nFROM $BAR AS unused\nFROM base\n");
    run(&env, &["--call=outline"]).success();
    for call in ["--check", "--call=outline"] {
        assert!(run(&env, &["--print-plan=text", call]).fails(2).stderr.contains("--print-plan shows a build"));
    }
}

#[test]
fn what_was_found_until_the_plan_failed_is_told() {
    let env = with("FROM --platform=$BULIDPLATFORM base AS one\nWORKDIR x\nFROM one as two\n");
    let failed = run(&env, &[]).fails(2);
    let undefined = "UndefinedArgInFrom: FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)";
    assert!(failed.stderr.contains(undefined), "{}", failed.stderr);
    assert!(failed.stderr.contains("FromAsCasing"), "{}", failed.stderr);
    assert!(!failed.stderr.contains("WorkdirRelativePath"), "{}", failed.stderr);
    let json: serde_json::Value =
        serde_json::from_str(&run(&env, &["--call=check,format=json"]).fails(1).stdout).unwrap();
    let rules: Vec<&str> =
        json["warnings"].as_array().unwrap().iter().map(|warning| warning["ruleName"].as_str().unwrap()).collect();
    assert_eq!(rules, ["UndefinedArgInFrom", "FromAsCasing"]);
    let message = json["buildError"]["message"].as_str().unwrap();
    let wanted = "empty platform value from expression $BULIDPLATFORM (did you mean BUILDPLATFORM?)";
    assert!(message.ends_with(wanted), "{message}");
    let env = with("FROM base\nENV a $one\nRUN --mount=type=cache,target=$two ls $three\nENV b $four\n");
    let json: serde_json::Value =
        serde_json::from_str(&run(&env, &["--call=check,format=json"]).fails(1).stdout).unwrap();
    let found: Vec<(&str, u64)> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| (w["ruleName"].as_str().unwrap(), w["location"]["ranges"][0]["start"]["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        found,
        [("LegacyKeyValueFormat", 2), ("UndefinedVar", 2), ("UndefinedVar", 3), ("LegacyKeyValueFormat", 4)]
    );
}

#[test]
fn exceptions_of_an_ignore_file_are_heeded() {
    for (ignore, source, warns) in [
        ("sub\n!sub/b.txt", "sub/a.txt", true),
        ("sub\n!other.txt", "sub/a.txt", true),
        ("sub\n!nope/missing.txt", "sub", true),
        ("!sub/b.txt\nsub", "sub/b.txt", true),
        ("sub\n!other/*.txt", "sub/a.txt", true),
        ("!sub/keep.txt\nsub", "sub", true),
        ("sub\n!sub/b.txt", "sub", false),
        ("sub\n!sub/b.txt", "sub/b.txt", false),
        ("sub\n!sub/*.txt", "sub/a.txt", false),
        ("sub\n!sub/b.txt", "sub/*", false),
        ("*\n!sub", "sub/a.txt", false),
        ("*\n!sub/**", "sub", false),
    ] {
        let env = with(&format!("FROM base\nCOPY {source} /\n"));
        env.write(".dockerignore", ignore);
        let checked = run(&env, &["--check"]);
        assert_eq!(checked.stdout.contains("CopyIgnoredFile"), warns, "{ignore:?} {source}: {}", checked.stdout);
    }
}

const DESCRIBED: &str = "# VERSION of the base\nARG VERSION=1\n# one is the first\nFROM base${VERSION:+} AS One\n\
    # LEVEL of optimisation\nARG LEVEL=2\nRUN --mount=type=secret,id=token,required=true --mount=type=ssh cat\n\
    FROM --platform=$BUILDPLATFORM base AS two\nFROM two\n";

#[test]
fn targets_and_outline_are_told_in_text_and_json() {
    let env = with(DESCRIBED);
    insta::assert_snapshot!("targets_text", run(&env, &["--call=targets"]).success().stdout);
    insta::assert_snapshot!("targets_json", run(&env, &["--call=targets,format=json"]).success().stdout);
    let arguments = ["--target=one", "--build-arg=LEVEL=3"];
    let outline = |call: &str| run(&env, &[&arguments[..], &[call]].concat()).success().stdout;
    insta::assert_snapshot!("outline_text", outline("--call=outline"));
    insta::assert_snapshot!("outline_json", outline("--call=outline,format=json"));
    insta::assert_snapshot!("methods_text", run(&env, &["--call=subrequests.describe"]).success().stdout);
    run(&env, &["--call=nope"]).fails(2);
    run(&env, &["--call=outline,colour=red"]).fails(2);
    run(&env, &["--call=outline", "--target=nope"]).fails(2);
}

#[test]
fn foreign_frontends_are_not_run_and_that_is_said() {
    let env = with("# syntax=example.test/frontend:3\nFROM base\n");
    assert!(run(&env, &[]).success().stderr.contains("the frontend `example.test/frontend:3` is not run"));
    let build_arg = "BUILDKIT_SYNTAX=docker/dockerfile:1";
    let told = run(&env, &["--build-arg", build_arg]).success();
    assert!(!told.stderr.contains("frontend") && !told.stderr.contains("not consumed"), "{}", told.stderr);
}

#[test]
fn steps_of_named_stages_run_again() {
    let env = with("FROM base AS One\nRUN echo one\nFROM base AS two\nCOPY --from=one /bin /x\nRUN echo two\n");
    run(&env, &[]).success();
    let ran = |arguments: &[&str]| {
        let told = run(&env, &[&["--progress=plain"], arguments].concat()).success();
        // What a step wrote, not its name.
        let wrote = |word: &str| told.stderr.lines().any(|line| line.ends_with(word) && !line.contains("RUN"));
        (wrote(" one"), wrote(" two"))
    };
    assert_eq!(ran(&[]), (false, false));
    assert_eq!(ran(&["--no-cache-filter=ONE"]), (true, false));
    assert_eq!(ran(&["--no-cache-filter", "nope,two"]), (false, true));
    assert_eq!(ran(&["--no-cache-filter="]), (true, true));
}

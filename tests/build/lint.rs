//! What a build tells about the Dockerfile that it builds.

use crate::support::TestEnv;

const TWO_STAGES: &str =
    "FROM base AS unused\nRUN true || sudo true\nFROM base\nMAINTAINER me\nRUN true || sudo true\n";

fn build(env: &TestEnv, arguments: &[&str]) -> crate::support::Finished {
    let base = ["build", "--build-context", "base=host:sh,cat"];
    env.run(base.iter().chain(arguments).copied().chain(["."]))
}

#[test]
fn findings_of_the_stages_that_are_built_are_told_once() {
    let env = TestEnv::root();
    env.write("Dockerfile", TWO_STAGES);
    let built = build(&env, &[]).success();
    let told: Vec<&str> = built.stderr.lines().filter(|line| line.starts_with("lint: ")).collect();
    assert!(told.iter().any(|line| line.starts_with("lint: Dockerfile:5:") && line.ends_with("[DL3004]")), "{told:?}");
    assert!(!built.stderr.contains("Dockerfile:2:"), "the first stage is not built: {told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("DL3004")).count(), 1);
    // What BuildKit has a check for is told in its words, once.
    assert!(!built.stderr.contains("DL4000") && built.stderr.contains(" - MaintainerDeprecated: "), "{}", built.stderr);
    assert!(!build(&env, &["--lint=off"]).success().stderr.contains("lint: "));
    assert!(!build(&env, &["-q"]).success().stderr.contains("lint: "));
}

#[test]
fn findings_can_end_a_build_before_it_runs_anything() {
    let env = TestEnv::root();
    env.write("Dockerfile", TWO_STAGES);
    let refused = build(&env, &["--lint=error"]).fails(2);
    assert!(refused.stderr.contains("MAINTAINER me"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("true || sudo true\n#"), "{}", refused.stderr);
    // What the project's configuration leaves out is left out here as well.
    env.write("builder.toml", "[lint]\nselect = [\"DL3000\"]\n");
    build(&env, &["--lint=error"]).success();
}

#[test]
fn what_the_base_image_has_is_known() {
    let env = TestEnv::root();
    env.write("base/Dockerfile", "FROM host\nWORKDIR /app\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\n");
    env.ok(["build", "-t", "localhost:1/base", "--build-context", "host=host:sh,bash,cat,wc", "base"]);
    env.write("Dockerfile", "FROM localhost:1/base\nCOPY Dockerfile .\nRUN cat Dockerfile | wc -l\n");
    let built = env.ok(["build", "."]);
    // Without the base, the working directory and the shell would be unknown.
    assert!(!built.stderr.contains("DL3045") && !built.stderr.contains("DL4006"), "{}", built.stderr);
    let alone = env.run(["lint", "--no-fail", "-f", "gnu", "Dockerfile"]).stdout;
    assert!(alone.contains("DL3045") && alone.contains("DL4006"), "{alone}");
}

#[test]
fn the_files_of_the_context_are_known() {
    let env = TestEnv::root();
    env.write("folder/there", "");
    env.write("folder/.dockerignore", "hidden\n");
    env.write("folder/hidden", "");
    env.write("Dockerfile", "FROM base AS copies\nCOPY there /\nCOPY gone /\nCOPY hidden /\nUSER 1\n");
    let arguments = ["build", "--build-context", "base=host:sh,cat", "--lint=error", "-f", "Dockerfile"];
    let refused = env.run([&arguments[..], &["folder"]].concat()).fails(2);
    assert!(refused.stderr.contains("`gone` is not in the build context"), "{}", refused.stderr);
    assert!(refused.stderr.contains("Copy file \"hidden\" that is excluded"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("looked in"), "the context is certain: {}", refused.stderr);
    assert!(!refused.stderr.contains("`there`"), "{}", refused.stderr);
}

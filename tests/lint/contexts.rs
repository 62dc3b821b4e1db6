//! What the command knows of the build context of a Dockerfile.

use crate::support::{Finished, TestEnv};

const RULES: &str = "missing-copy-source,copy-of-ignored-file,missing-ignore-file";

fn lint(env: &TestEnv, arguments: &[&str]) -> Vec<String> {
    let done = env.run([&["lint", "-f", "compact", "--select", RULES], arguments].concat());
    assert!(matches!(done.code, Some(0 | 1)), "{}", done.stderr);
    lines(&done)
}

fn lines(done: &Finished) -> Vec<String> {
    done.stdout.lines().map(str::to_owned).collect()
}

/// A repository whose Dockerfiles lie in a folder of their own.
fn repository(dockerfile: &str) -> TestEnv {
    let env = TestEnv::root();
    env.write("repository/.git/HEAD", "");
    env.write("repository/.gitignore", "/app.jar\n");
    env.write("repository/src/main.c", "");
    env.write("repository/docker/start.sh", "");
    env.write("repository/docker/Dockerfile", dockerfile);
    env
}

#[test]
fn a_source_that_is_in_no_folder_that_could_be_the_context_is_missing() {
    let env = repository("FROM a:1\nCOPY src/main.c /\nCOPY start.sh /\nCOPY config.yaml /\n");
    let found = lint(&env, &["repository"]);
    let expected =
        "repository/docker/Dockerfile:4:6: error[missing-copy-source]: `config.yaml` is not in the build context";
    assert_eq!(found, [expected]);
    let text = env.run(["lint", "--select", RULES, "repository"]).fails(1);
    assert!(text.stdout.contains("looked in `repository/docker`, `repository`; `--context` says"), "{}", text.stdout);
    let told = lint(&env, &["--context", "repository", "repository"]);
    let places: Vec<&str> = told.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["repository/docker/Dockerfile:3:6", "repository/docker/Dockerfile:4:6"], "start.sh, too");
}

#[test]
fn where_the_context_may_be_another_nothing_is_said() {
    for copies in [
        // No source of the file is anywhere: it is built elsewhere.
        "COPY one two /\n",
        // Made before the build: Git ignores it, or it is called so.
        "COPY src/main.c app.jar dist/app /\n",
        // A variable may have another value.
        "ARG NAME=x\nCOPY src/main.c $NAME /\n",
        "COPY src/main.c C:\\app\\x /\n",
        "COPY --from=b:1 src/main.c x /\nADD https://a.example/x src/main.c /\nCOPY src/*.c <<EOF /\nEOF\n",
    ] {
        let env = repository(&format!("FROM a:1\n{copies}"));
        assert_eq!(lint(&env, &["repository"]), [""; 0], "{copies}");
    }
}

#[test]
fn a_misspelt_source_is_found_and_mended() {
    let env = repository("FROM a:1\nCOPY strat.sh /\n");
    assert_eq!(lint(&env, &["repository"]).len(), 1);
    env.ok(["lint", "--select", RULES, "--fix", "--unsafe-fixes", "repository"]);
    let text = std::fs::read_to_string(env.path("work/repository/docker/Dockerfile")).unwrap();
    assert_eq!(text, "FROM a:1\nCOPY start.sh /\n");
}

#[test]
fn ignore_files_count() {
    let env = repository("FROM a:1\nCOPY src /src\nCOPY . /\n");
    let all =
        |found: &[String]| found.iter().map(|line| line.rsplit(": ").next().unwrap().to_owned()).collect::<Vec<_>>();
    let missing = "everything is copied, `.git` too, and there is no ignore file";
    assert_eq!(all(&lint(&env, &["repository"])), [missing]);
    env.write("repository/.dockerignore", "src\n");
    assert_eq!(all(&lint(&env, &["repository"])), ["the ignore file leaves `src` out"]);
    env.write("repository/docker/Dockerfile.dockerignore", "docker\n");
    assert_eq!(lint(&env, &["repository"]), [""; 0], "the Dockerfile's own counts in the place of the other");
}

#[test]
fn standard_input_has_a_context_where_it_has_a_name_or_one_is_told() {
    let text = "FROM a:1\nCOPY src/main.c nothing /\n";
    let env = repository(text);
    let number = |arguments: &[&str]| {
        let mut command = env.builder();
        command.args(["lint", "-f", "compact", "--select", RULES, "-"]).args(arguments);
        crate::stdin::run(command, text).stdout.lines().count()
    };
    assert_eq!(number(&[]), 0);
    assert_eq!(number(&["--stdin-filename", "repository/x/Dockerfile"]), 1);
    assert_eq!(number(&["--context", "repository"]), 1);
}

#[test]
fn in_the_place_of_hadolint_nobody_looks_for_files() {
    let env = repository("FROM a:1\nCOPY src/main.c nothing /\n");
    let done = env.run(["lint", "--hadolint-compat", "--select", RULES, "repository"]);
    assert_eq!(done.stdout, "");
}

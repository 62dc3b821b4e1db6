//! Configuration files, the environment, and which of them wins.

use crate::support::{Finished, TestEnv};
use crate::{FAULTY, STYLE};

/// The codes that were found, of those that these tests are about.
fn codes(finished: &Finished) -> Vec<String> {
    let known = ["DL3000", "DL3006", "DL3048", "DL4000"];
    let findings: serde_json::Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", finished.stdout, finished.stderr));
    let codes = findings.as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    codes.filter(|code| known.contains(&code.as_str())).collect()
}

fn lint(env: &TestEnv, arguments: &[&str]) -> Vec<String> {
    codes(&env.run([&["lint", "-f", "json", "Dockerfile"], arguments].concat()))
}

fn env() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", FAULTY);
    env
}

#[test]
fn every_key_of_hadolints_file_counts() {
    let env = env();
    env.write(
        ".hadolint.yaml",
        "ignored: [DL3006, SC2086, DL3005]\noverride:\n  error: [DL3048]\n  warning: [DL3000]\n  info: []\n  \
         style: [DL4000]\ntrustedRegistries: docker.io\nlabel-schema:\n  author: text\nstrict-labels: true\n\
         failure-threshold: error\nformat: json\nno-fail: true\nno-color: true\nverbose: true\n\
         disable-ignore-pragma: true\n",
    );
    let done = env.ok(["lint", "Dockerfile"]);
    assert!(done.stderr.contains("Dockerfile: configuration: "), "{}", done.stderr);
    let findings: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let level = |code: &str| {
        let mut all = findings.as_array().unwrap().iter();
        all.find(|finding| finding["code"] == code).map(|finding| finding["level"].as_str().unwrap().to_owned())
    };
    assert_eq!(level("DL3006"), None);
    assert_eq!(level("DL3048").as_deref(), Some("error"));
    assert_eq!(level("DL3000").as_deref(), Some("warning"));
    assert_eq!(level("DL4000").as_deref(), Some("style"));
}

#[test]
fn every_key_of_our_file_counts() {
    let env = env();
    env.write("tests/Dockerfile", FAULTY);
    env.write(
        "builder.toml",
        "[lint]\nselect = [\"DL3\", \"DL4000\"]\nextend-select = [\"DL1001\"]\nignore = [\"DL3000\"]\npreview = false\n\
         trusted-registries = [\"docker.io\"]\nstrict-labels = false\nfailure-threshold = \"error\"\nformat = \"json\"\n\
         per-file-ignores = { \"tests/**\" = [\"DL3006\", \"DL3048\"] }\n[lint.severity]\nDL3048 = \"error\"\n\
         [lint.label-schema]\nauthor = \"text\"\n",
    );
    assert_eq!(codes(&env.run(["lint", "Dockerfile"]).fails(1)), ["DL3006", "DL4000", "DL3048"]);
    assert_eq!(codes(&env.run(["lint", "tests/Dockerfile"])), ["DL4000"]);
    let here = env.path("work/tests");
    let below = Finished::of(env.builder().current_dir(&here).args(["lint", "-f", "json"]));
    assert_eq!(codes(&below), ["DL4000"], "patterns are relative to the configuration");
}

#[test]
fn the_nearest_file_holds_as_far_as_the_root_of_the_repository() {
    let env = env();
    env.write(".hadolint.yaml", "ignored: [DL4000]\n");
    env.write("a/b/Dockerfile", FAULTY);
    env.write("a/.hadolint.yml", "ignored: [DL3000]\n");
    env.write("repository/.git/HEAD", "");
    env.write("repository/Dockerfile", FAULTY);
    let has = |path: &str, code: &str| codes(&env.run(["lint", "-f", "json", path])).iter().any(|known| known == code);
    assert!(!has("a/b/Dockerfile", "DL3000") && has("a/b/Dockerfile", "DL4000"));
    assert!(has("Dockerfile", "DL3000") && !has("Dockerfile", "DL4000"));
    // hadolint looks in the working folder, wherever the file is; so it comes after the search.
    assert!(!has("repository/Dockerfile", "DL4000"));
    env.write("a/b/builder.toml", "[lint]\nignore = [\"DL3006\"]\n");
    env.write("a/b/.hadolint.yaml", "ignored: [DL4000]\n");
    assert!(has("a/b/Dockerfile", "DL4000") && !has("a/b/Dockerfile", "DL3006"), "builder.toml comes first");
    assert!(!codes(&env.run(["lint", "-f", "json", "--no-config", "a/b/Dockerfile"])).is_empty());
    assert_eq!(lint(&env, &["--no-config"]), ["DL3006", "DL4000", "DL3000", "DL3048"]);
    assert!(!lint(&env, &["--config", "a/.hadolint.yml"]).contains(&"DL3000".to_owned()));
}

#[test]
fn places_of_hadolints_in_the_home_folder_count() {
    for place in ["home/.hadolint.yaml", "home/.hadolint/config.yml", "home/.config/hadolint.yaml"] {
        let env = env();
        let path = env.path(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "ignored: [DL3006]\n").unwrap();
        assert!(!lint(&env, &[]).contains(&"DL3006".to_owned()), "{place}");
    }
}

#[test]
fn lists_add_up_and_the_command_line_wins() {
    let env = env();
    env.write(".hadolint.yaml", "ignored: [DL3000]\nfailure-threshold: error\n");
    let run = |threshold: &[&str]| {
        let mut command = env.builder();
        command.env("HADOLINT_IGNORE", "DL4000").env("HADOLINT_FAILURE_THRESHOLD", "style");
        command.args(["lint", "-f", "json", "--ignore", "DL3048", "Dockerfile"]).args(threshold);
        Finished::of(&mut command)
    };
    assert_eq!(codes(&run(&[]).success()), ["DL3006"], "the configuration wins over the environment");
    run(&["-t", "warning"]).fails(1);
}

#[test]
fn the_environment_counts() {
    let with = |name: &str, value: &str, text: &str| {
        let env = TestEnv::root();
        env.write("Dockerfile", text);
        Finished::of(env.builder().env(name, value).args(["lint", "Dockerfile"]))
    };
    with("HADOLINT_NOFAIL", "yes", FAULTY).success();
    with("HADOLINT_FAILURE_THRESHOLD", "style", STYLE).fails(1);
    with("HADOLINT_OVERRIDE_ERROR", "DL3048", STYLE).fails(1);
    with("HADOLINT_IGNORE", "DL3006,DL3000,DL4000", FAULTY).success();
    assert!(with("HADOLINT_FORMAT", "json", STYLE).stdout.starts_with("[{\"code\":\"DL3048\""));
    assert!(with("HADOLINT_VERBOSE", "1", STYLE).stderr.contains("configuration: none"));
    with("HADOLINT_REQUIRE_LABELS", "author:text", "FROM debian:12\nUSER 1000\n");
    with("HADOLINT_TRUSTED_REGISTRIES", "quay.io", "FROM debian:12\nUSER 1000\n").fails(1);
    let pragma = "# hadolint ignore=DL3006\nFROM debian\nUSER 1000\n";
    with("HADOLINT_DISABLE_IGNORE_PRAGMA", "0", pragma).success();
    with("HADOLINT_DISABLE_IGNORE_PRAGMA", "true", pragma).fails(1);
    for (name, value) in [
        ("HADOLINT_IGNORE", "DL9999"),
        ("HADOLINT_FORMAT", "x"),
        ("HADOLINT_FAILURE_THRESHOLD", "x"),
        ("HADOLINT_TRUSTED_REGISTRIES", "https://a.example"),
    ] {
        assert!(with(name, value, STYLE).fails(2).stderr.contains(name), "{name}");
    }
}

#[test]
fn what_is_wrong_is_shown_with_its_place() {
    let env = env();
    for (name, text, expected) in [
        (".hadolint.yaml", "ignored: [DL3006\nx: 1\n", ".hadolint.yaml:2:"),
        (".hadolint.yaml", "ignored:\n  - DL3006\n  - DL9999\n", ".hadolint.yaml:3:5"),
        (".hadolint.yaml", "strict-labels: 1\n", "`strict-labels` is a number, expected true or false"),
        (".hadolint.yaml", "format: nope\n", "`nope` is no format"),
        (".hadolint.yaml", "ignored: []\nignored: []\n", "`ignored` is set twice"),
        (".hadolint.yaml", "- a\n", "expected a table"),
        (".hadolint.yaml", "ignored:\n\t- DL3006\n", ".hadolint.yaml:2:1"),
        (".hadolint.yaml", "trustedRegistries: [\"https://a.example/\"]\n", "write `a.example`"),
        ("builder.toml", "[lint]\ntrusted-registries = [\"a.example/team\"]\n", "builder.toml:2:23"),
        ("builder.toml", "[lint]\nignore = [\"\"]\n", "the name of a rule is empty"),
        ("builder.toml", "[lint.per-file-ignores]\n\"src/[ab\" = []\n", "builder.toml:2:1"),
        ("builder.toml", "[lint.per-file-ignores]\n\"!a\" = []\n", "`!a` is no pattern for files"),
        ("builder.toml", "[lint.per-file-ignores]\n\"\" = []\n", "it is empty"),
        ("builder.toml", "[lint\n", "builder.toml:1:"),
        ("builder.toml", "[lint]\nselect = [\"DL3006\", \"DL39999\"]\n", "builder.toml:2:21"),
        ("builder.toml", "[lint]\nignore = 1\n", "expected a list of texts"),
        ("builder.toml", "[lint.severity]\nDL3006 = \"grave\"\n", "`grave` is no level"),
        ("builder.toml", "[lint.label-schema]\na = \"x\"\n", "`x` is no type of labels"),
        ("builder.toml", "[lint.per-file-ignores]\n\"a{\" = []\n", "`a{` is no pattern for files"),
        ("builder.toml", "[link]\n", "did you mean `lint`?"),
    ] {
        let path = env.write(name, text);
        let failed = env.run(["lint", "Dockerfile"]).fails(2);
        assert!(failed.stderr.contains(expected), "`{expected}` for {text:?} in {}", failed.stderr);
        assert!(failed.stderr.contains('^'), "{}", failed.stderr);
        assert_eq!(failed.stdout, "");
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn settings_that_hadolint_does_not_know_are_left_out_with_a_warning() {
    let env = env();
    for (text, expected) in [
        ("é: 1\n", "there is no setting `é`"),
        ("ignore: []\n", "did you mean `ignored`?"),
        ("trusted-registries: []\n", "did you mean `trustedRegistries`?"),
        ("override: {grave: []}\n", "there is no setting `grave`"),
    ] {
        env.write(".hadolint.yaml", format!("ignored:\n  - DL3006\t\n\t\n{text}"));
        let done = env.run(["lint", "-f", "json", "Dockerfile", "Dockerfile"]).fails(1);
        assert!(!codes(&done).contains(&"DL3006".to_owned()), "the rest counts");
        assert!(done.stderr.contains(expected), "`{expected}` for {text:?} in {}", done.stderr);
        assert_eq!(done.stderr.matches("warning[").count(), 1, "{}", done.stderr);
    }
}

#[test]
fn of_several_levels_for_a_rule_the_gravest_counts_in_any_order() {
    let env = env();
    for arguments in [["--error", "DL3048", "--info", "DL3048"], ["--info", "DL3048", "--error", "DL3048"]] {
        let done = env.run([&["lint", "-f", "compact", "--select", "DL3048", "Dockerfile"], &arguments[..]].concat());
        assert!(done.fails(1).stdout.contains("error[DL3048]"));
    }
}

#[test]
fn hadolint_takes_what_it_does_not_know_and_so_do_we_in_its_place() {
    let env = env();
    env.write(".hadolint.yaml", "ignored: [DL3006, DL9999]\nnonsense: 1\n");
    let done = env.run(["lint", "--hadolint-compat", "-f", "json", "Dockerfile"]).fails(1);
    assert!(!codes(&done).contains(&"DL3006".to_owned()));
}

#[test]
fn aliases_of_yaml_are_followed_and_bounded() {
    let env = env();
    env.write(".hadolint.yaml", "ignored: &all [DL3006, DL3000]\noverride:\n  error: *all\n");
    assert_eq!(lint(&env, &[]), ["DL4000", "DL3048"]);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
    }
    env.write(".hadolint.yaml", bomb);
    assert!(env.run(["lint", "Dockerfile"]).fails(2).stderr.contains("too large"));
}

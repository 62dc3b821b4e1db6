//! The forms of report with everything that they have room for.

use std::path::Path;
use std::process::Command;

use crate::support::{Finished, TestEnv, fixture};

fn report(format: &str) -> String {
    let env = TestEnv::root();
    env.write("app/Dockerfile", "FROM debian\nADD a b,c \"%\" /app/\nWORKDIR rel\n");
    env.write("bad.Dockerfile", "FROM debian:12\nFOO bar\n");
    env.write("clean.Dockerfile", "FROM debian:12\nUSER 1000\n");
    let select = "DL1000,DL3006,DL3020,DL3000";
    env.run(["lint", "--select", select, "--format", format, "--color=never"]).fails(1).stdout
}

fn snapshot(format: &str) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(format!("lint-{format}"), report(format));
    });
}

#[test]
fn text() {
    snapshot("text");
}

#[test]
fn compact() {
    snapshot("compact");
}

#[test]
fn tty() {
    snapshot("tty");
}

#[test]
fn gnu() {
    snapshot("gnu");
}

#[test]
fn github() {
    snapshot("github");
}

#[test]
fn json() {
    snapshot("json");
}

#[test]
fn checkstyle() {
    snapshot("checkstyle");
}

#[test]
fn codacy() {
    snapshot("codacy");
}

#[test]
fn sonarqube() {
    snapshot("sonarqube");
}

#[test]
fn gitlab_codeclimate() {
    snapshot("gitlab_codeclimate");
    let issues: serde_json::Value = serde_json::from_str(&report("gitlab_codeclimate")).unwrap();
    let mut prints: Vec<&str> =
        issues.as_array().unwrap().iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
    let all = prints.len();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), all, "fingerprints are distinct");
}

#[test]
fn codeclimate_is_objects_with_a_nul_behind_each() {
    let text = report("codeclimate");
    let objects: Vec<&str> = text.split_terminator('\0').collect();
    assert_eq!(objects.len(), 4);
    for object in objects {
        let issue: serde_json::Value = serde_json::from_str(object).unwrap();
        assert_eq!(issue["type"], "issue");
    }
}

/// Runs Python, which must succeed, with a file.
fn python(script: &str, file: &Path) {
    let folder = fixture("sarif");
    Finished::of(Command::new(crate::tool("python3")).arg("-c").arg(script).arg(file).arg(folder)).success();
}

fn written(format: &str) -> (TestEnv, std::path::PathBuf) {
    let env = TestEnv::root();
    let path = env.write("report", report(format));
    (env, path)
}

#[test]
fn sarif_is_what_the_schema_wants() {
    let (_env, path) = written("sarif");
    python(
        "import json, sys, jsonschema\n\
         schema = json.load(open(sys.argv[2] + '/sarif-schema-2.1.0.json'))\n\
         jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).validate(json.load(open(sys.argv[1])))",
        &path,
    );
    let sarif: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!((results.len(), rules.len()), (4, 4));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(rules[index]["helpUri"].is_string() && rules[index]["help"]["markdown"].is_string());
    }
    let fixed = results.iter().find(|result| result["ruleId"] == "DL3020").unwrap();
    let change = &fixed["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(change["insertedContent"]["text"], "COPY");
    assert_eq!(change["deletedRegion"]["endColumn"], 4);
}

#[test]
fn junit_and_checkstyle_are_xml() {
    for format in ["junit", "checkstyle"] {
        let (_env, path) = written(format);
        python("import sys, xml.etree.ElementTree as tree\ntree.parse(sys.argv[1])", &path);
    }
    let text = report("junit");
    assert_eq!(text.matches("<testsuite ").count(), 3);
    assert_eq!(text.matches("<failure ").count(), 4);
}

#[test]
fn several_reports_go_to_several_files() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM debian\n");
    let done = env.run(["lint", "-f", "json", "-o", "a.json", "-f", "gnu", "-f", "sarif", "-o", "b.txt"]).fails(1);
    assert!(done.stdout.starts_with("{\"$schema\""), "{}", done.stdout);
    let read = |name: &str| std::fs::read_to_string(env.path("work").join(name)).unwrap();
    assert!(read("a.json").starts_with("[{\"code\":\"DL3006\""));
    assert!(read("b.txt").starts_with("builder:Dockerfile:1:6: DL3006 warning: "));
}

#[test]
fn colours_come_and_go_as_asked() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM debian\n");
    for (arguments, colored) in [
        (&["--color=always"][..], true),
        (&["--color=always", "--no-color"], false),
        (&[], false),
        (&["--hadolint-compat"], true),
        (&["--hadolint-compat", "--color=never"], false),
    ] {
        let done = env.run([&["lint"], arguments].concat());
        assert_eq!(done.stdout.contains('\u{1b}'), colored, "{arguments:?}");
    }
    let plain = Finished::of(env.builder().env("NO_COLOR", "1").args(["lint", "--hadolint-compat"]));
    assert!(!plain.stdout.contains('\u{1b}'));
}

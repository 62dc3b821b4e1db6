//! The same findings as hadolint's, over every fixture of the linter and some three thousand small cases.
//!
//! What differs is listed in `fixtures/lint/differences.txt`, each with its reason: a difference that is not listed
//! fails the test, and so does a line there that no longer differs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{TestEnv, repository};
use crate::tool;

/// Line and code.
type Findings = BTreeSet<(u64, String)>;

/// Writes every Dockerfile to compare into a directory; returns their names.
fn files(directory: &Path) -> BTreeSet<String> {
    let fixtures = repository().join("fixtures/lint");
    let mut names = BTreeSet::new();
    for entry in walk(&fixtures) {
        let name = entry.strip_prefix(&fixtures).unwrap().display().to_string();
        if name.ends_with("Dockerfile") {
            let name = name.replace('/', "__");
            std::fs::copy(&entry, directory.join(&name)).unwrap();
            names.insert(name);
        }
    }
    let cases = std::fs::read_to_string(fixtures.join("cases.txt")).unwrap();
    for (number, case) in cases.lines().enumerate() {
        let name = format!("case-{:04}.Dockerfile", number + 1);
        std::fs::write(directory.join(&name), unescaped(case)).unwrap();
        names.insert(name);
    }
    names
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// `\n`, `\t` and `\\` of a line of `cases.txt`.
fn unescaped(case: &str) -> String {
    let mut text = String::new();
    let mut chars = case.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => text.push(c),
            _ => text.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            }),
        }
    }
    text
}

fn read(report: &[u8]) -> BTreeMap<String, Findings> {
    let report: Vec<Value> = serde_json::from_slice(report).expect("a JSON array");
    let mut found: BTreeMap<String, Findings> = BTreeMap::new();
    for finding in report {
        let text = |key: &str| finding[key].as_str().unwrap().to_owned();
        found.entry(text("file")).or_default().insert((finding["line"].as_u64().unwrap(), text("code")));
    }
    found
}

/// What is known to differ: `NAME LINE CODE ours|theirs REASON`, `*` for any name, line or code.
fn known() -> Vec<(String, String, String, String)> {
    let text = std::fs::read_to_string(repository().join("fixtures/lint/differences.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let mut word = || words.next().unwrap_or_else(|| panic!("malformed: {line}"));
            let entry = (word(), word(), word(), word());
            assert!(words.next().is_some(), "a reason is missing: {line}");
            entry
        })
        .collect()
}

#[test]
fn findings_are_hadolints() {
    let env = TestEnv::root();
    let directory = env.path("work");
    let names = files(&directory);
    assert!(names.len() > 3300, "{} files", names.len());
    let theirs = Command::new(tool("hadolint"))
        .args(["--no-fail", "-f", "json"])
        .args(&names)
        .current_dir(&directory)
        .output()
        .expect("hadolint");
    assert!(theirs.status.success(), "{}", String::from_utf8_lossy(&theirs.stderr));
    let theirs = read(&theirs.stdout);
    let arguments = ["lint", "--hadolint-compat", "--no-config", "--no-fail", "-f", "json"];
    let ours = env.run(arguments.into_iter().chain(names.iter().map(String::as_str)));
    assert_eq!(ours.code, Some(0), "{}", ours.stderr);
    let ours = read(ours.stdout.as_bytes());
    let known = known();
    let mut used = vec![false; known.len()];
    let mut wrong = Vec::new();
    let (mut same, none) = (0_u32, Findings::new());
    for name in &names {
        let (ours, theirs) = (ours.get(name).unwrap_or(&none), theirs.get(name).unwrap_or(&none));
        same += u32::try_from(ours.intersection(theirs).count()).unwrap();
        let differing = ours.symmetric_difference(theirs).map(|finding| (finding, ours.contains(finding)));
        for ((line, code), is_ours) in differing {
            let whose = if is_ours { "ours" } else { "theirs" };
            let fits = |entry: &(String, String, String, String)| {
                let is = |pattern: &str, value: &str| match pattern.strip_suffix('*') {
                    Some(begin) => value.starts_with(begin),
                    None => pattern == value,
                };
                is(&entry.0, name) && is(&entry.1, &line.to_string()) && is(&entry.2, code) && is(&entry.3, whose)
            };
            match known.iter().position(fits) {
                Some(at) => used[at] = true,
                None => wrong.push(format!("{name} {line} {code} {whose}")),
            }
        }
    }
    assert!(
        same > 3000,
        "only {same} findings agree in {} files; {} and {} have any",
        names.len(),
        ours.len(),
        theirs.len()
    );
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    let unused: Vec<_> = known.iter().zip(&used).filter(|(_, used)| !**used).map(|(entry, _)| entry).collect();
    assert!(unused.is_empty(), "these no longer differ: {unused:?}");
}

//! The house rules of the linter: documentation, fixtures, fixes. No author of a rule has to remember them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use builder_core::dockerfile::parse;
use builder_core::lint::options::{BaseFacts, ContextFacts, Facts};
use builder_core::lint::{Activation, Applicability, Finding, Fixable, LintOptions, RULES, Rule, fix, lint};
use builder_core::text::SourceFile;

const HEADINGS: [&str; 4] = ["## What it does", "## Why it matters", "## Example", "## Use instead"];

fn folder(rule: &Rule) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/lint").join(rule.id)
}

/// The fixtures of a rule whose names begin like this.
fn fixtures(rule: &Rule, begin: &str) -> Vec<SourceFile> {
    let Ok(entries) = std::fs::read_dir(folder(rule)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(begin) && name.ends_with(".Dockerfile")
    };
    paths.retain(is_meant);
    let read = |path: &PathBuf| SourceFile::new(path.display().to_string(), std::fs::read_to_string(path).unwrap());
    paths.iter().map(read).collect()
}

/// The usual options, with the rule switched on and what it needs to know.
fn options(rule: &Rule) -> LintOptions {
    let mut options = LintOptions::default();
    // What silences nothing is only known where the others look.
    if rule.id != "unused-suppression" {
        options.ignore_all();
    }
    options.select(rule.id, None).unwrap();
    configure(rule, &mut options);
    options
}

fn configure(rule: &Rule, options: &mut LintOptions) {
    if rule.activation != Activation::Configured {
        return;
    }
    options.trusted_registries = vec!["trusted.example".to_owned()];
    options.strict_labels = true;
    let text = std::fs::read_to_string(folder(rule).join("schema.txt")).unwrap_or_default();
    for line in text.lines() {
        let (name, kind) = line.split_once(':').unwrap();
        let kind = builder_core::lint::options::LabelType::parse(kind.trim()).unwrap();
        options.label_schema.insert(name.to_owned(), kind);
    }
}

/// What is known from outside of a fixture `NAME.Dockerfile`:
///
/// * `NAME.facts.json`: base images (`bases`), build arguments (`build_args`), `named_contexts` and `target`,
/// * `NAME.context.txt`: the paths of the build context, one a line,
/// * `NAME.dockerignore`: its ignore file.
fn facts(source: &SourceFile) -> Facts {
    let beside = |end: &str| std::fs::read_to_string(source.name().replace(".Dockerfile", end)).ok();
    let mut facts = Facts::default();
    let (paths, ignore_file) = (beside(".context.txt"), beside(".dockerignore"));
    if paths.is_some() || ignore_file.is_some() {
        let paths = paths.map(|text| text.lines().map(str::to_owned).collect());
        facts.context = Some(ContextFacts::known(ignore_file, paths));
    }
    let text = beside(".facts.json").unwrap_or_else(|| "{}".to_owned());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let strings = |value: &serde_json::Value| -> std::collections::BTreeMap<String, String> {
        let entries = value.as_object().into_iter().flatten();
        entries.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
    };
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let list = |value: &serde_json::Value| -> Option<Vec<String>> {
        value.as_array().map(|words| words.iter().map(|word| text(word).unwrap()).collect())
    };
    for (image, base) in json["bases"].as_object().into_iter().flatten() {
        let base = BaseFacts {
            env: strings(&base["env"]),
            shell: list(&base["shell"]),
            user: text(&base["user"]),
            working_directory: text(&base["working_directory"]),
        };
        facts.bases.insert(image.clone(), base);
    }
    facts.build_args = strings(&json["build_args"]);
    facts.named_contexts = list(&json["named_contexts"]).unwrap_or_default().into_iter().collect();
    facts.target = text(&json["target"]);
    facts
}

/// The options for one fixture.
fn options_for(rule: &Rule, source: &SourceFile) -> LintOptions {
    let mut options = options(rule);
    options.facts = facts(source);
    options
}

fn findings(rule: &Rule, source: &SourceFile) -> Vec<Finding> {
    let found = lint(source, &options_for(rule, source));
    found.into_iter().filter(|finding| finding.rule.id == rule.id).collect()
}

#[test]
fn every_rule_is_documented() {
    for rule in RULES {
        for heading in HEADINGS {
            assert!(rule.documentation.contains(heading), "{}: no `{heading}`", rule.id);
        }
        let has_safety = rule.documentation.contains("## Fix safety");
        assert_eq!(has_safety, rule.fixable != Fixable::Never, "{}: `## Fix safety` is for rules with fixes", rule.id);
    }
}

#[test]
fn names_are_unique() {
    let mut seen = HashSet::new();
    for rule in RULES {
        let is_kebab = rule.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        assert!(is_kebab, "{}", rule.id);
        // BuildKit has one name for what hadolint has three for.
        let names = rule.codes.iter().filter(|code| **code != "MultipleInstructionsDisallowed");
        for name in names.chain([&rule.id]) {
            assert!(seen.insert(*name), "{name} is the name of two rules");
        }
    }
}

#[test]
fn bad_fixtures_are_found_and_good_ones_are_not() {
    let mut wrong = Vec::new();
    for rule in RULES {
        let (bad, good) = (fixtures(rule, "bad"), fixtures(rule, "good"));
        if bad.is_empty() || good.is_empty() {
            wrong.push(format!("{}: a bad and a good fixture are needed in fixtures/lint/{}", rule.id, rule.id));
        }
        for source in bad.iter().filter(|source| findings(rule, source).is_empty()) {
            wrong.push(format!("{}: nothing found in {}", rule.id, source.name()));
        }
        for source in &good {
            for finding in findings(rule, source) {
                wrong.push(format!("{}: found in {}: {}", rule.id, source.name(), finding.diagnostic.message));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn findings_lie_in_the_file_and_say_something() {
    for rule in RULES {
        for source in fixtures(rule, "bad") {
            for finding in findings(rule, &source) {
                let span = finding.span();
                assert!(source.text().get(span.range()).is_some(), "{}: {span:?} in {}", rule.id, source.name());
                assert!(!finding.diagnostic.message.is_empty());
                assert!(!finding.diagnostic.message.ends_with('.'), "{}: {}", rule.id, finding.diagnostic.message);
            }
        }
    }
}

#[test]
fn fixes_are_what_their_rules_say() {
    for rule in RULES {
        for source in fixtures(rule, "bad") {
            for finding in findings(rule, &source) {
                let place = format!("{} in {}", rule.id, source.name());
                match rule.fixable {
                    Fixable::Never => assert_eq!(finding.fix, None, "{place}: it says that it never has a fix"),
                    Fixable::Always => assert!(finding.fix.is_some(), "{place}: it says that it always has a fix"),
                    Fixable::Sometimes => {}
                }
                for edit in finding.fix.iter().flat_map(|fix| &fix.edits) {
                    assert!(source.text().get(edit.span.range()).is_some(), "{place}: {edit:?}");
                }
                if finding.fix.is_some() {
                    assert!(finding.diagnostic.help.is_some(), "{place}: a fix without help");
                }
            }
        }
    }
}

#[test]
fn fixes_converge_and_keep_the_file_readable() {
    for rule in RULES.iter().filter(|rule| rule.fixable != Fixable::Never) {
        for source in fixtures(rule, "bad") {
            let before = findings(rule, &source).iter().filter(|finding| is_applied(finding)).count();
            let fixed = fix(&source, &options_for(rule, &source), Applicability::Unsafe);
            let left =
                fixed.findings.iter().filter(|finding| finding.rule.id == rule.id && is_applied(finding)).count();
            assert_eq!(left, 0, "{}: fixes are left in {}:\n{}", rule.id, source.name(), fixed.text);
            let again = SourceFile::new("again", fixed.text.as_str());
            assert!(!parse(&again).has_errors() || parse(&source).has_errors(), "{}:\n{}", rule.id, fixed.text);
            assert_eq!(before > 0, fixed.text != source.text(), "{}:\n{}", rule.id, fixed.text);
        }
    }
}

fn is_applied(finding: &Finding) -> bool {
    finding.fix.as_ref().is_some_and(|fix| fix.applicability >= Applicability::Unsafe)
}

#[test]
fn all_fixes_together_converge() {
    for rule in RULES {
        for source in fixtures(rule, "bad") {
            let fixed = fix(&source, &LintOptions::default(), Applicability::Unsafe);
            let again = SourceFile::new("again", fixed.text.as_str());
            let twice = fix(&again, &LintOptions::default(), Applicability::Unsafe);
            assert_eq!(twice.text, fixed.text, "{} does not converge", source.name());
        }
    }
}

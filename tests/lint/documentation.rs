//! What the command says about rules.

use crate::support::TestEnv;

#[test]
fn rules_are_explained_by_any_of_their_names() {
    let env = TestEnv::root();
    let page = env.ok(["lint", "--explain", "DL4000"]).stdout;
    assert!(page.starts_with("# DL4000 deprecated-maintainer\n"), "{page}");
    for heading in ["## What it does", "## Why it matters", "## Example", "## Use instead", "level     error"] {
        assert!(page.contains(heading), "{page}");
    }
    for name in ["deprecated-maintainer", "MaintainerDeprecated", "dl4000"] {
        assert_eq!(env.ok(["lint", "--explain", name]).stdout, page, "{name}");
    }
    assert!(env.ok(["lint", "--explain", "all"]).stdout.contains("# DL3006 untagged-image\n"));
    assert!(env.run(["lint", "--explain", "DL4009"]).fails(2).stderr.contains("did you mean"));
}

#[test]
fn the_list_has_every_rule_for_people_and_programs() {
    let env = TestEnv::root();
    let table = env.ok(["lint", "--list-rules"]).stdout;
    let list: serde_json::Value =
        serde_json::from_str(&env.ok(["lint", "--list-rules", "--format", "json"]).stdout).unwrap();
    let list = list.as_array().unwrap();
    assert_eq!(table.lines().count(), list.len() + 1);
    for key in ["code", "id", "level", "default", "fixable"] {
        assert!(list.iter().all(|rule| rule.get(key).is_some()), "{key}");
    }
    env.run(["lint", "--list-rules", "-f", "sarif"]).fails(2);
}
